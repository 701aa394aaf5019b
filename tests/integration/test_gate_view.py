"""What a gate sees: logs that are rotated, cut and lost, a database that both slots lose, odd clients.

``GATE=all`` adds what units show as well, for real: it takes some ten minutes.
"""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import subprocess
import threading
import time
import typing as t

import pytest
from clients import Connection, live_version, load, lost_requests
from described import services_with
from figures import keep
from frozen import pause
from stack import Run, Stack

CANARY = {"shares": [30, 100], "minimum": 20, "maximum": 60}
BOTH = "shared or stable"
Meanwhile = t.Callable[[Stack], t.ContextManager[None]]


def log_of(stack: Stack) -> pathlib.Path:
    return stack.log_dir / "nginx/backend.access.json"


def rotate(stack: Stack) -> None:
    """As the host does each day, by what the role installed."""
    state = stack.work / "logrotate.state"
    command = ["logrotate", "-f", "-s", str(state), f"/etc/logrotate.d/{stack.name}-nginx"]
    subprocess.run(command, check=True)


@contextlib.contextmanager
def a_rotated_and_cut_log(stack: Stack) -> t.Iterator[None]:
    """The host's own rotation, later a copy and a cut to nothing, and half a line."""
    rotate(stack)
    time.sleep(6)
    with log_of(stack).open("a") as log:
        log.truncate(0)
        log.write('{"time": "17')
    yield


@contextlib.contextmanager
def a_log_that_cannot_be_read(stack: Stack) -> t.Iterator[None]:
    beside = log_of(stack).with_suffix(".away")
    log_of(stack).rename(beside)
    log_of(stack).mkdir()
    yield
    log_of(stack).rmdir()
    beside.rename(log_of(stack))


@contextlib.contextmanager
def a_database_that_is_gone(stack: Stack) -> t.Iterator[None]:
    database = stack.containers()["mongodb"]
    pause(database)
    yield
    database.unpause()


def asked(stack: Stack, number: int, leave: bool) -> None:
    """One GET of a client of a kind; one that leaves does not wait for its answer."""
    connection = Connection(stack, "api.localhost", f"127.0.1.{1 + number % 200}")
    connection.request("GET", "/version", headers={"User-Agent": "scanner/1.0"})
    if not leave:
        connection.getresponse().read()
    connection.close()


@contextlib.contextmanager
def clients_that_ask(stack: Stack, times: int, addresses: int, leave: bool) -> t.Iterator[None]:
    """So many requests in the background, 20 a second."""
    ended = threading.Event()

    def ask() -> None:
        for number in range(times):
            if ended.wait(0.05):
                return
            asked(stack, number % addresses, leave)

    asking = threading.Thread(target=ask)
    asking.start()
    yield
    ended.set()
    asking.join()


def one_abusive_client(stack: Stack) -> t.ContextManager[None]:
    return clients_that_ask(stack, times=600, addresses=1, leave=False)


def clients_that_leave(stack: Stack) -> t.ContextManager[None]:
    return clients_that_ask(stack, times=600, addresses=200, leave=True)


def nothing(_stack: Stack) -> t.ContextManager[None]:
    return contextlib.nullcontext()


class Case(t.NamedTuple):
    """What happens while a release is watched, and the last verdict: kind, cause and rule.

    Attributes:
        faults: of the new release.
        canary: other settings of it.
    """

    meanwhile: Meanwhile
    verdict: tuple[str, str, str]
    faults: dict[str, t.Any] = {}
    canary: dict[str, t.Any] = {}


EVERYDAY = {"the log cannot be read": Case(a_log_that_cannot_be_read, ("hold", "blind", "view"))}
LONG = {
    "the log is rotated, cut, half a line": Case(a_rotated_and_cut_log, ("pass", "", "")),
    # It is the old slot's illness, too: that nobody can go back to it is seen first, or that both lost it.
    "the database of both slots is gone": Case(a_database_that_is_gone, ("hold", BOTH, "")),
    "one abusive client": Case(
        one_abusive_client,
        ("pass", "", ""),
        {"FAULT_ERROR_PERCENT": 100, "FAULT_USER_AGENT": "scanner"},
    ),
    "clients that leave": Case(clients_that_leave, ("pass", "", "")),
    "errors of 20 % after 3 minutes": Case(
        nothing,
        ("fail", "release", "critical errors"),
        {"FAULT_ERROR_PERCENT": 20, "FAULT_AFTER": 180},
        {"minimum": 240, "maximum": 300},
    ),
}
CASES = {**EVERYDAY, **LONG} if os.environ.get("GATE") == "all" else EVERYDAY


@pytest.fixture(scope="module")
def canary(stack: Stack) -> Stack:
    """1.0.0 is live."""
    return stack


def deploy(stack: Stack, case: Case, meanwhile: Meanwhile) -> Run:
    """Release, and let something happen while a share of 30 % is watched."""
    before = live_version(stack)
    version = "1.1.0" if before == "1.0.0" else "1.0.0"
    services = services_with(strategy="canary", bake=5, env=case.faults)
    services["backend"]["canary"] = {**CANARY, **case.canary}
    result: list[Run] = []
    arguments = ("-e", f"version={version}", "-e", "service=backend")
    releasing = threading.Thread(
        target=lambda: result.append(stack.play("deploy", *arguments, services=services))
    )
    releasing.start()
    while stack.green_share("backend") not in (30, 70):
        assert releasing.is_alive(), result[0].output
        time.sleep(0.2)
    time.sleep(2)
    with meanwhile(stack):
        releasing.join()
    return result[0]


@pytest.mark.parametrize("name", CASES)
def test_the_verdict_is_the_right_one(canary: Stack, name: str) -> None:
    case = CASES[name]
    before = live_version(canary)
    with load(canary) as clients:
        time.sleep(3)
        run = deploy(canary, case, case.meanwhile)
    last = canary.records("backend")[-1]["verdicts"][-1]
    note(name, canary, last, clients.report)
    kind, cause, rule = case.verdict
    assert last["kind"] == kind, run.output
    assert last["cause"] == cause or last["cause"] in cause.split(" or "), run.output
    assert last["rule"] == rule or cause == BOTH, run.output
    assert (run.code == 0) == (kind == "pass"), run.output
    if kind == "pass":
        assert lost_requests(clients.report) == 0, clients.report["events"][:5]
    if kind == "hold":
        rolled_back = canary.play("rollback", "-e", "service=backend")
        assert rolled_back.code == 0, rolled_back.output
        assert live_version(canary) == before


def test_no_line_of_the_log_was_missed_or_counted_twice(canary: Stack) -> None:
    """While the log is rotated; cutting it would lose lines by itself."""

    @contextlib.contextmanager
    def rotated(stack: Stack) -> t.Iterator[None]:
        for _time in range(2):
            rotate(stack)
            time.sleep(6)
        yield

    with load(canary):
        time.sleep(3)
        assert deploy(canary, Case(rotated, ("pass", "", "")), rotated).code == 0
    looks = canary.looks()
    first, last = looks[0]["at"], looks[-1]["at"]
    counted = sum(
        slot["counts"].get("requests", 0)
        for look in looks[1:]
        for slot in look["services"]["backend"]["slots"].values()
    )
    logged = sum(first < at <= last for at in times(log_of(canary).parent))
    assert counted == pytest.approx(logged, rel=0.01)
    assert counted > 300


def times(folder: pathlib.Path) -> t.Iterator[float]:
    """When users' requests ended, by every log there is."""
    for path in folder.glob("backend.access.json*"):
        opened = subprocess.run(["zcat", "-f", path], check=True, capture_output=True, text=True)
        for line in opened.stdout.splitlines():
            with contextlib.suppress(ValueError):
                entry = json.loads(line)
                if not entry["probe"]:
                    yield float(entry["time"])


def note(name: str, stack: Stack, verdict: t.Mapping[str, t.Any], report: t.Any) -> None:
    """Keep what was seen, for whoever asks how good the gate is."""
    slot = stack.records("backend")[-1]["slot"]
    facts = ("kind", "cause", "rule", "step", "sentence", "seconds")
    numbers = {
        **{fact: verdict[fact] for fact in facts},
        "canary_requests": verdict["numbers"]["slots"][slot]["release"]["requests"],
        "users_requests": report["totals"]["sent"],
        "users_errors": lost_requests(report),
    }
    keep("gate_view", name, numbers)
