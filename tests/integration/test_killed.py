"""ansible-playbook is killed in the middle of a canary: users, status, running again, rolling back."""

from __future__ import annotations

import os
import time

import pytest
from clients import live_version, load, lost_requests
from described import services_with
from stack import Stack

START = "TASK [Start the new instances"
SHIFT = "TASK [Prove them, and shift traffic to them"
# Where it is killed: before the task of this name or after this line of progress, and so many seconds later.
ALL = (
    ("TASK [Record the intent, and pull", 0),
    ("TASK [Run pending migrations", 0),
    ("TASK [Run pending migrations", 0.5),
    ("TASK [Note what users get before", 0),
    (f"{START} (30 %)]", 0),
    (f"{START} (30 %)]", 0.7),
    (f"{START} (30 %)]", 1.5),
    (f"{SHIFT} (30 %)]", 0),
    (f"{SHIFT} (30 %)]", 0.3),
    ("  backend  30 %", 0),
    (f"{START} (100 %)]", 0),
    (f"{SHIFT} (100 %)]", 0),
    ("  backend 100 %", 0),
    ("TASK [Record the success, and stop", 0),
)
FIRST_SHARE, ALL_TRAFFIC = ALL[9], ALL[12]
POINTS, ROLLED_BACK = (
    (ALL, (FIRST_SHARE, ALL_TRAFFIC))
    if os.environ.get("KILL") == "all"
    else ((FIRST_SHARE,), (ALL_TRAFFIC,))
)
VERSIONS = ("1.1.0", "1.0.0")


@pytest.fixture(scope="module")
def canary(stack: Stack) -> Stack:
    services = services_with(strategy="canary", bake=5)
    services["backend"]["canary"] = {"shares": [30, 100], "minimum": 8, "maximum": 90}
    stack.extra["services"] = services
    return stack


@pytest.mark.parametrize(("seen", "after"), POINTS)
def test_killed_users_notice_nothing_and_running_again_finishes(
    canary: Stack, seen: str, after: float
) -> None:
    before = live_version(canary)
    version = VERSIONS[0] if before == VERSIONS[1] else VERSIONS[1]
    arguments = ("-e", f"version={version}", "-e", "service=backend")
    with load(canary) as clients:
        time.sleep(2)
        canary.play_until(seen, "deploy", *arguments, after=after)
        time.sleep(3)
        status = canary.play("status")
        assert status.code == 0, status.output
        assert before in status.output
        assert ("left half way" in status.output) == (seen != ALL[-1][0])
        looks = canary.looks()
        run = canary.play("deploy", *arguments)
        assert run.code == 0, run.output
    assert lost_requests(clients.report) == 0, clients.report["events"][:5]
    assert live_version(canary) == version
    slot = canary.records("backend")[-1]["slot"]
    assert len(canary.running("backend", slot)) == 2
    assert canary.running("backend", "blue" if slot == "green" else "green") == []
    outcomes = {record["outcome"] for record in canary.records("backend")}
    assert "running" not in outcomes
    if looks:
        assert canary.looks()[: len(looks)] == looks, "what was seen is not forgotten"


@pytest.mark.parametrize(("seen", "after"), ROLLED_BACK)
def test_killed_and_rolled_back(canary: Stack, seen: str, after: float) -> None:
    before = live_version(canary)
    version = VERSIONS[0] if before == VERSIONS[1] else VERSIONS[1]
    with load(canary) as clients:
        time.sleep(2)
        arguments = ("-e", f"version={version}", "-e", "service=backend")
        canary.play_until(seen, "deploy", *arguments, after=after)
        run = canary.play("rollback", "-e", "service=backend")
        assert run.code == 0, run.output
    assert lost_requests(clients.report) == 0, clients.report["events"][:5]
    assert live_version(canary) == before
    killed = [one for one in canary.records("backend") if one["version"] == version]
    assert killed[-1]["outcome"] == "rolled_back"
