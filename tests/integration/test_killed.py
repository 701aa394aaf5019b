"""ansible-playbook is killed in the middle of a canary: users, status, running again, rolling back."""

from __future__ import annotations

import os
import time

import pytest
from clients import live_version, load, lost_requests
from described import services_with
from stack import Stack

# Where it is killed: before the task of this name, or after this line of progress.
ALL = (
    "TASK [Record the intent, and pull",
    "TASK [Run pending migrations",
    "TASK [Note what users get before",
    "TASK [Start the new instances (30 %)]",
    "TASK [Prove them at their own addresses (30 %)]",
    "TASK [Let nginx know which of them run (30 %)]",
    "TASK [Prove them through nginx, by a secret header (30 %)]",
    "TASK [Shift traffic to them (30 %)]",
    "  backend  30 %",
    "TASK [Start the new instances (100 %)]",
    "TASK [Shift traffic to them (100 %)]",
    "  backend 100 %",
    "TASK [Record the success, and stop",
)
FIRST_SHARE, ALL_TRAFFIC = ALL[8], ALL[11]
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


@pytest.mark.parametrize("point", POINTS)
def test_killed_users_notice_nothing_and_running_again_finishes(canary: Stack, point: str) -> None:
    before = live_version(canary)
    version = VERSIONS[0] if before == VERSIONS[1] else VERSIONS[1]
    arguments = ("-e", f"version={version}", "-e", "service=backend")
    with load(canary) as clients:
        time.sleep(2)
        canary.play_until(point, "deploy", *arguments)
        time.sleep(3)
        status = canary.play("status")
        assert status.code == 0, status.output
        assert before in status.output
        assert ("left half way" in status.output) == (point != ALL[-1])
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


@pytest.mark.parametrize("point", ROLLED_BACK)
def test_killed_and_rolled_back(canary: Stack, point: str) -> None:
    before = live_version(canary)
    version = VERSIONS[0] if before == VERSIONS[1] else VERSIONS[1]
    with load(canary) as clients:
        time.sleep(2)
        canary.play_until(point, "deploy", "-e", f"version={version}", "-e", "service=backend")
        run = canary.play("rollback", "-e", "service=backend")
        assert run.code == 0, run.output
    assert lost_requests(clients.report) == 0, clients.report["events"][:5]
    assert live_version(canary) == before
    killed = [one for one in canary.records("backend") if one["version"] == version]
    assert killed[-1]["outcome"] == "rolled_back"
