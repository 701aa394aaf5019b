"""Canaries under load: good ones pass by evidence, bad ones are taken back by the rule that fits."""

from __future__ import annotations

import os
import threading
import time
import typing as t

import docker
import pytest
from clients import RATE, live_version, load, lost_requests
from described import services_with
from figures import keep
from stack import Run, Stack

# Releases of the same application in a row, none of which may be taken back. Many are judged as strictly
# as by default, for which the machine should have nothing else to do.
IDENTICAL = int(os.environ.get("IDENTICAL", "1"))
GATE: dict[str, t.Any] = {"gate": {}} if IDENTICAL > 1 else {}

CANARY = {"strategy": "canary", "canary": {"shares": [30, 100], "minimum": 10, "maximum": 90}}


@pytest.fixture(scope="module")
def canary(stack: Stack) -> Stack:
    """1.0.0 is live; what comes next goes by 30 and 100 percent."""
    stack.extra["services"] = services_with(bake=5, **CANARY)
    return stack


def deploy(stack: Stack, version: str, **backend: t.Any) -> Run:
    changed = services_with(bake=5, **CANARY, **backend)
    return stack.play(
        "deploy", "-e", f"version={version}", "-e", "service=backend", services=changed
    )


def verdicts(stack: Stack) -> list[dict[str, t.Any]]:
    """Those on the last release of the backend."""
    return list(stack.records("backend")[-1]["verdicts"])


def shifted_before_stopped(stack: Stack, began: float) -> bool:
    """Whether traffic had left the new slot before any of its containers was told to stop."""
    moved = (stack.state_dir / "traffic/backend").lstat().st_mtime
    slot = stack.records("backend")[-1]["slot"]
    events = docker.from_env().events(
        since=int(began), until=int(time.time()) + 1, decode=True, filters={"event": "kill"}
    )
    killed = [
        event["timeNano"] / 1e9
        for event in events
        if event["Actor"]["Attributes"]["name"].startswith(f"{stack.name}-backend-{slot}-")
    ]
    return bool(killed) and moved < min(killed)


def test_a_good_canary_passes_by_evidence(canary: Stack) -> None:
    with load(canary) as clients:
        time.sleep(5)
        run = deploy(canary, "1.1.0")
        time.sleep(1)
    assert run.code == 0, run.output
    assert lost_requests(clients.report) == 0, clients.report["events"][:5]
    assert {"1.0.0", "1.1.0"} == {*clients.report["versions"]} - {"none", "?"}
    assert live_version(canary) == "1.1.0"
    assert [(one["step"], one["kind"]) for one in verdicts(canary)] == [
        ("30 %", "pass"),
        ("100 %", "pass"),
    ]
    assert all(one["numbers"] for one in verdicts(canary))
    slot = canary.records("backend")[-1]["slot"]
    assert len(canary.running("backend", slot)) == 2
    assert canary.running("backend", "blue" if slot == "green" else "green") == []


def note(fault: str, stack: Stack, report: t.Mapping[str, t.Any]) -> None:
    """Keep what a fault cost, for whoever asks how good the gate is."""
    last = verdicts(stack)[-1]
    slot = stack.records("backend")[-1]["slot"]
    numbers = {
        "rule": last["rule"],
        "step": last["step"],
        "sentence": last["sentence"],
        "seconds": last["seconds"],
        "canary_requests": last["numbers"]["slots"][slot]["release"]["requests"],
        "users_requests": report["totals"]["sent"],
        "users_errors": lost_requests(report),
    }
    keep("canary_faults", fault, numbers)


SLOW: dict[str, t.Any] = {"gate": {"slow": {"factor": 100}}}
FAULTS = [
    ({"FAULT_ERROR_PERCENT": 50}, {"critical errors", "high errors"}),
    ({"FAULT_LATENCY_MS": 1500}, {"slow"}),
    # Health through nginx fails as well, and which of both is seen first is a matter of moments.
    ({"FAULT_LOSE_DATABASE_AFTER": 12}, {"database lost", "critical feature"}),
    ({"FAULT_CRASH_AFTER": 14}, {"container", "API down", "critical feature"}),
]


@pytest.mark.parametrize(("fault", "rules"), FAULTS)
def test_a_bad_canary_is_taken_back_by_the_rule_that_fits(
    canary: Stack, fault: dict[str, int], rules: set[str]
) -> None:
    began = time.time()
    with load(canary) as clients:
        time.sleep(3)
        run = deploy(canary, "1.0.0", env=fault, **SLOW if "FAULT_LATENCY_MS" in fault else {})
    assert run.code != 0
    assert "The release was taken back; users get what was live before." in run.reason
    (verdict,) = verdicts(canary)
    assert (verdict["kind"], verdict["cause"]) == ("fail", "release")
    assert verdict["rule"] in rules, verdict
    assert verdict["sentence"] in run.reason
    assert canary.records("backend")[-1]["outcome"] == "failed"
    assert live_version(canary) == "1.1.0"
    assert shifted_before_stopped(canary, began)
    sent = clients.report["totals"]["sent"]
    assert lost_requests(clients.report) < sent * 0.1
    note(" ".join(f"{name}={value}" for name, value in fault.items()), canary, clients.report)


def test_one_that_breaks_only_with_all_traffic_is_taken_back(canary: Stack) -> None:
    """An instance bears two fifths of what users send; at 100 % each of two gets half."""
    before = live_version(canary)
    with load(canary) as clients:
        time.sleep(4)
    sent = sum(n["sent"] for name, n in clients.report["clients"].items() if "api" in name)
    most = int(0.4 * sent / clients.report["seconds"])
    fault = {"FAULT_ERROR_PERCENT": 100, "FAULT_ABOVE_RATE": most}
    services = services_with(bake=5, strategy="canary", env=fault)
    services["backend"]["canary"] = {"shares": [10, 100], "minimum": 15, "maximum": 90}
    with load(canary) as clients:
        time.sleep(3)
        arguments = ("-e", "version=1.0.0", "-e", "service=backend")
        run = canary.play("deploy", *arguments, services=services)
    assert run.code != 0
    assert "release was taken back" in run.reason, run.output
    assert [(one["step"], one["kind"]) for one in verdicts(canary)] == [
        ("10 %", "pass"),
        ("100 %", "fail"),
    ]
    assert "errors" in verdicts(canary)[-1]["rule"]
    assert live_version(canary) == before
    note("FAULT_ERROR_PERCENT=100 at 100 % only", canary, clients.report)


def test_without_users_probes_decide(canary: Stack) -> None:
    run = deploy(canary, "1.0.0")
    assert run.code == 0, run.output
    assert "probes and 0 requests of users" in verdicts(canary)[0]["sentence"]


def test_without_users_and_probes_it_is_held_and_goes_on_when_they_come(canary: Stack) -> None:
    waiting = {"shares": [30, 100], "minimum": 5, "maximum": 15, "low_traffic": "wait"}
    services = services_with(strategy="canary", bake=5)
    services["backend"]["canary"] = waiting
    arguments = ("-e", "version=1.1.0", "-e", "service=backend")
    run = canary.play("deploy", *arguments, services=services)
    assert run.code != 0
    assert "The release is held" in run.reason
    assert verdicts(canary)[-1]["kind"] in ("no-data", "hold")
    assert canary.records("backend")[-1]["outcome"] == "held"
    assert live_version(canary) == "1.0.0"
    held = canary.records("backend")[-1]["slot"]
    assert canary.running("backend", held) != []
    with load(canary):
        time.sleep(3)
        services["backend"]["canary"] = {**waiting, "maximum": 90}
        run = canary.play("deploy", *arguments, services=services)
    assert run.code == 0, run.output
    assert live_version(canary) == "1.1.0"


def during(stack: Stack, version: str, *actions: str, seconds: float) -> Run:
    """Deploy, and meanwhile say something to the release from another terminal."""
    result: list[Run] = []
    patient = services_with(strategy="canary", bake=5)
    patient["backend"]["canary"] = {"shares": [30, 100], "minimum": 60, "maximum": 120}
    stack.extra["services"] = patient
    arguments = ("-e", f"version={version}", "-e", "service=backend")
    first = threading.Thread(target=lambda: result.append(stack.play("deploy", *arguments)))
    first.start()
    while stack.green_share("backend") not in (30, 70):
        assert first.is_alive(), result
        time.sleep(0.2)
    for action in actions:
        time.sleep(seconds)
        told = stack.play(action, "-e", "operator=Amina")
        assert told.code == 0, told.output
    first.join()
    return result[0]


def test_another_terminal_promotes(canary: Stack) -> None:
    with load(canary):
        run = during(canary, "1.0.0", "pause", "resume", "promote", seconds=3)
    assert run.code == 0, run.output
    assert verdicts(canary)[0]["sentence"] == "Amina promoted it"
    assert verdicts(canary)[0]["seconds"] < 60


def test_another_terminal_aborts(canary: Stack) -> None:
    with load(canary) as clients:
        run = during(canary, "1.1.0", "abort", seconds=3)
    assert "Amina aborted it" in run.reason
    assert live_version(canary) == "1.0.0"
    assert lost_requests(clients.report) == 0


def test_nobody_can_be_told_when_nothing_is_released(canary: Stack) -> None:
    run = canary.play("pause")
    assert run.code != 0
    assert "no release is being watched" in run.reason


def test_releases_of_an_application_with_usual_errors_pass(canary: Stack) -> None:
    """One percent of its answers are errors, in each release."""
    rate = 150 if IDENTICAL > 1 else RATE
    with load(canary, seconds=90.0 * (IDENTICAL + 1), rate=rate):
        for number in range(IDENTICAL + 1):
            env = {"FAULT_ERROR_PERCENT": 1, "RELEASE": str(number)}
            run = deploy(canary, "1.1.0", env=env, **GATE)
            assert run.code == 0, (number, run.reason, run.output)
            assert {one["kind"] for one in verdicts(canary)} == {"pass"}
