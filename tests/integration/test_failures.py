"""Releases that fail: each is refused with one line, and the old release keeps answering."""

from __future__ import annotations

import copy
import time
import typing as t

import docker
import pytest
import yaml
from clients import live_version, load, lost_requests
from stack import SERVICES_FILE, Stack

SERVICES: dict[str, t.Any] = yaml.safe_load(SERVICES_FILE.read_text())["services"]


def backend(**changes: t.Any) -> dict[str, t.Any]:
    """The services with another backend."""
    services = copy.deepcopy(SERVICES)
    services["backend"].update(bake=8, drain=1, **changes)
    return services


@pytest.fixture(scope="module")
def impatient(stack: Stack) -> Stack:
    """1.0.0 is live, and the next releases are watched for 8 s."""
    stack.extra["services"] = backend(health={"ready_probe": {"period": 2, "failures": 3}})
    run = stack.play("deploy")
    assert run.code == 0, run.output
    return stack


@pytest.mark.parametrize(
    ("version", "told"),
    [
        ("9.9.9", "tagadodo/backend:9.9.9 cannot be found from dev"),
        ("1.2.0-never-ready", "/health/ready answers 503"),
        ("1.2.0-liar", "says version 0.0.0-lie, expected 1.2.0-liar"),
        ("1.2.0-crash", "its last words:"),
    ],
)
def test_a_bad_version_is_taken_back_and_no_user_notices(
    impatient: Stack, version: str, told: str
) -> None:
    with load(impatient) as clients:
        run = impatient.play("deploy", "-e", f"version={version}", "-e", "service=backend")
    assert run.code != 0
    assert told in run.reason
    assert "\n" not in run.reason.strip()
    assert live_version(impatient) == "1.0.0"
    assert lost_requests(clients.report) == 0, clients.report["events"][:5]
    assert set(clients.report["versions"]) == {"1.0.0"}
    new = [record for record in impatient.records("backend") if record["version"] == version]
    assert [record["outcome"] for record in new] == ([] if version == "9.9.9" else ["failed"])


def test_one_that_crashes_with_all_traffic_is_taken_back(impatient: Stack) -> None:
    """Nothing can save the requests it dies with; everything after that is answered by the old one."""
    services = backend(min_ready=0)
    with load(impatient) as clients:
        run = impatient.play(
            "deploy", "-e", "version=1.2.0-crash", "-e", "service=backend", services=services
        )
        time.sleep(3)
    assert run.code != 0
    assert "has restarted 1 time" in run.reason or "has exited" in run.reason, run.reason
    assert live_version(impatient) == "1.0.0"
    last = clients.report["timeline"][-3:]
    assert [second["lost"] for second in last] == [0, 0, 0]
    assert all(set(second["versions"]) == {"1.0.0"} for second in last)


MISTAKES: dict[str, tuple[dict[str, t.Any], str]] = {
    "missing image": ({"image": None}, "services.backend.image: missing"),
    "port out of range": (
        {"port": 70000},
        "services.backend.port: 70000 is not between 1 and 65535",
    ),
    "share over 100": (
        {"canary": {"shares": [10, 150]}},
        "services.backend.canary.shares: 150 is not between 1 and 100",
    ),
    "unknown strategy": ({"strategy": "yolo"}, "value of strategy must be one of"),
    "two services with one hostname": (
        {"hostnames": ["admin.localhost"]},
        "admin.localhost already belongs to services.backend",
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_told_before_anything_is_touched(impatient: Stack, mistake: str) -> None:
    changes, told = MISTAKES[mistake]
    services = backend(**changes)
    services["backend"] = {k: v for k, v in services["backend"].items() if v is not None}
    before = impatient.snapshot()
    run = impatient.play("deploy", services=services)
    assert run.code != 0
    assert told in run.reason
    assert "\n" not in run.reason.strip()
    assert run.invocations == 0
    assert impatient.snapshot() == before
    assert live_version(impatient) == "1.0.0"


def test_a_stopped_instance_is_started_again_and_nothing_else(impatient: Stack) -> None:
    slot = "green" if impatient.green_share("backend") else "blue"
    docker.from_env().containers.get(f"{impatient.name}-backend-{slot}-2").stop()
    run = impatient.play("deploy", "-e", "service=backend")
    assert run.code == 0, run.output
    assert "1 of 2 instances run on dev" in run.output
    assert impatient.running("backend", slot) == [f"backend-{slot}-1", f"backend-{slot}-2"]
    assert run.changed == 1
