"""Something breaks in the middle of a release: users, status, running it again, going back.

A table of every step and every fault is made with FAULTS=all: build/faults.md.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import pathlib
import re
import signal
import subprocess
import threading
import time
import typing as t

import pytest
from clients import live_version, load, lost_requests
from described import services_with, set_up
from host import REGISTRY, Host
from stack import ROOT, Run, Stack

# Steps of a release, by what is printed when it comes to them.
STEPS = {
    "migrate": "TASK [Run pending migrations",
    "baseline": "TASK [Note what users get before",
    "start": "TASK [Start the new instances (30 %)]",
    "shift": "TASK [Prove them, and shift traffic to them (30 %)]",
    "watch": "  backend  30 %",
    "start the rest": "TASK [Start the new instances (100 %)]",
    "shift all": "TASK [Prove them, and shift traffic to them (100 %)]",
    "bake": "  backend 100 %",
    "finish": "TASK [Record the success, and stop",
}
FAULTS = (
    "killed",
    "engine restarted",
    "host lost",
    "disk full",
    "database gone",
    "proxy's configuration broken",
)
# Both versions need the database, and nobody answers from a host that is off.
USERS_NOTICE = {"host lost", "database gone"}
AFTER = ("run again", "roll back")
EVERYDAY = (
    ("watch", "database gone", "run again"),
    ("start the rest", "disk full", "roll back"),
    ("shift all", "host lost", "run again"),
    ("watch", "engine restarted", "roll back"),
)
# Every step with every fault; what is done after it alternates.
ALL = tuple(
    (step, fault, AFTER[(number + column) % 2])
    for (number, step), (column, fault) in itertools.product(enumerate(STEPS), enumerate(FAULTS))
)
CELLS = ALL if os.environ.get("FAULTS") == "all" else EVERYDAY
TABLE = ROOT / "build/faults.md"
HEAD = (
    "| step | fault | requests | lost | users got then | status says | then | result |\n"
    "|---|---|---|---|---|---|---|---|\n"
)
VERSIONS = ("1.0.0", "1.1.0")
COME_BACK = 90  # seconds until users are answered again


@pytest.fixture(scope="module")
def host(empty: Stack) -> t.Iterator[Host]:
    """The host of the installation, whose state is on a small disk of its own."""
    shared = (empty.state_dir, empty.config_dir, empty.log_dir)
    for folder in shared:
        folder.mkdir()
    host = Host(f"{empty.name}-host", empty.work, shared, {empty.https_port: empty.https_port})
    disk = ["mount", "-t", "tmpfs", "-o", "size=16m,mode=755", "tmpfs", str(empty.state_dir)]
    subprocess.run(disk, check=True)
    try:
        host.start()
        yield host
    finally:
        host.remove()
        subprocess.run(["umount", str(empty.state_dir)], check=True)


@pytest.fixture(scope="module")
def canary(empty: Stack, host: Host) -> t.Iterator[Stack]:
    """1.0.0 is live on it; what comes next goes by 30 and 100 percent."""
    here, registry = empty.engine, empty.registry
    empty.engine, empty.registry, empty.host_variables = (
        host.engine,
        REGISTRY,
        lambda: host.variables,
    )
    services = services_with(strategy="canary", bake=5, min_ready=1)
    services["backend"]["canary"] = {"shares": [30, 100], "minimum": 8, "maximum": 60}
    TABLE.parent.mkdir(exist_ok=True)
    TABLE.write_text(HEAD)
    try:
        set_up(empty)
        empty.extra["services"] = services
        yield empty
    finally:
        empty.engine, empty.registry, empty.host_variables = here, registry, dict


Mend = t.Callable[[], object]


def break_it(fault: str, stack: Stack, host: Host, run: subprocess.Popen[str]) -> Mend:
    """Make a fault.

    Returns:
        what mends it.
    """
    if fault == "killed":
        os.killpg(run.pid, signal.SIGKILL)
        return lambda: None
    if fault == "engine restarted":
        host.restart_engine()
        return lambda: None
    if fault == "host lost":
        host.lose()
        return host.come_back
    if fault == "database gone":
        database = stack.containers()["mongodb"]
        database.stop(timeout=5)
        mend: Mend = database.start
        return mend
    if fault == "disk full":
        ballast = stack.state_dir / "ballast"
        with contextlib.suppress(OSError), ballast.open("wb", buffering=0) as stream:
            while True:
                stream.write(bytes(65536))
        return ballast.unlink
    configuration = stack.config_dir / "nginx/nginx.conf"
    good = configuration.read_text()
    configuration.write_text("broken by hand;\n")
    return lambda: _write(configuration, good)


def _write(path: pathlib.Path, text: str) -> None:
    path.write_text(text)


def served(stack: Stack) -> str:
    """The version that users get, as soon as they get one."""
    deadline = time.monotonic() + COME_BACK
    while True:
        with contextlib.suppress(OSError, ValueError, KeyError):
            version = live_version(stack)
            if version in VERSIONS:
                return version
        assert time.monotonic() < deadline, f"users got no answer for {COME_BACK} s"
        time.sleep(0.5)


def release_and_break(
    stack: Stack, host: Host, version: str, step: str, fault: str
) -> tuple[Mend, str]:
    """Release, break something at a step, and see the run to its end.

    Returns:
        what mends it, and what the run printed.
    """
    printed, mends = "", []
    breaking: threading.Thread | None = None
    with stack.started("deploy", "-e", f"version={version}", "-e", "service=backend") as run:
        for line in t.cast(t.IO[str], run.stdout):
            printed += line
            if breaking is None and STEPS[step] in line:
                breaking = threading.Thread(
                    target=lambda: mends.append(break_it(fault, stack, host, run))
                )
                breaking.start()
    assert breaking is not None, printed
    breaking.join()
    return mends[0], printed


@pytest.mark.parametrize(("step", "fault", "after"), CELLS)
def test_nobody_is_left_on_a_bad_release(
    canary: Stack, host: Host, step: str, fault: str, after: str
) -> None:
    before = served(canary)
    version = VERSIONS[1 - VERSIONS.index(before)]
    known = len(canary.records("backend"))
    with load(canary) as clients:
        time.sleep(2)
        mend, printed = release_and_break(canary, host, version, step, fault)
        if fault != "host lost":
            status = canary.play("status")
            mend()
        else:
            mend()
            served(canary)
            status = canary.play("status")
        serving = served(canary)
        again = canary.play(
            "rollback" if after == "roll back" else "deploy", *_asked(after, version)
        )
    lost, now = lost_requests(clients.report), served(canary)
    told = _told(status, version)
    totals = clients.report["totals"]
    row = (step, fault, totals["sent"], lost, serving, told, after, f"{now}, {_outcome(again)}")
    with TABLE.open("a") as table:
        table.write(f"| {' | '.join(map(str, row))} |\n")
    assert status.code == 0, status.output
    if fault not in USERS_NOTICE:
        assert lost == 0, (clients.report["reasons"], clients.report["events"][:5], printed)
    records = canary.records("backend")
    assert len(records) >= known
    if after == "run again":
        assert again.code == 0, again.output
        assert now == version
    else:
        # There is nothing to go back from where the release never began to be one.
        assert again.code == 0 or "no good release" in again.reason, again.output
        assert now in VERSIONS
    assert canary.green_share("backend") in (0, 100)
    assert not [one for one in records if one["outcome"] == "running"]


def _asked(after: str, version: str) -> tuple[str, ...]:
    asked = ("-e", "service=backend")
    return asked if after == "roll back" else (*asked, "-e", f"version={version}")


def _told(status: Run, version: str) -> str:
    """What the status says of the newest release of a version."""
    row = rf"^\d{{8}}-\S+ +backend +{re.escape(version)} +([^:\n]+)"
    found = re.search(row, status.output, re.MULTILINE)
    return found[1].strip() if found else "nothing"


def _outcome(run: Run) -> str:
    return "done" if run.code == 0 else "refused: " + run.reason.partition(";")[0][:60]
