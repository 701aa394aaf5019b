"""Rolling: one instance after the other, and where one fails everything stays as it is there."""

from __future__ import annotations

import time
import typing as t

import docker
import pytest
from clients import live_version, load, lost_requests
from described import services_with
from stack import Run, Stack

from ansible_collections.tagadodo.deploy.plugins.module_utils._service import Installation
from ansible_collections.tagadodo.deploy.plugins.plugin_utils._services import parse_services

ROLLING = {
    "strategy": "rolling",
    "instances": 4,
    "rolling": {"minimum": 5, "maximum": 60},
    "bake": 5,
    "min_ready": 1,
}


@pytest.fixture(scope="module")
def rolling(stack: Stack) -> Stack:
    """1.0.0 is live on four instances."""
    stack.extra["services"] = services_with(**{**ROLLING, "strategy": "blue_green", "bake": 0})
    for playbook in ("site", "deploy"):
        run = stack.play(playbook)
        assert run.code == 0, run.output
    stack.extra["services"] = services_with(**ROLLING)
    return stack


def deploy(stack: Stack, version: str) -> Run:
    return stack.play("deploy", "-e", f"version={version}", "-e", "service=backend")


def slots(stack: Stack) -> tuple[str, str]:
    """The one that is released to last, and the other."""
    new = stack.records("backend")[-1]["slot"]
    return new, "blue" if new == "green" else "green"


def test_all_instances_are_replaced_without_a_lost_request(rolling: Stack) -> None:
    with load(rolling) as clients:
        time.sleep(3)
        run = deploy(rolling, "1.1.0")
        time.sleep(1)
    assert run.code == 0, run.output
    assert lost_requests(clients.report) == 0, clients.report["events"][:5]
    new, old = slots(rolling)
    assert len(rolling.running("backend", new)) == 4
    assert rolling.running("backend", old) == []
    steps = [one["step"] for one in rolling.records("backend")[-1]["verdicts"]]
    assert steps == ["1 of 4", "2 of 4", "3 of 4", "100 %"]


def test_it_stops_where_an_instance_fails_and_goes_on_later(rolling: Stack) -> None:
    """The third instance cannot start: somebody else has its address."""
    live, idle = slots(rolling)
    backend = parse_services(services_with(**ROLLING))[0]
    address = backend.address(Installation(subnet=rolling.subnet), idle, 3)
    client: t.Any = docker.from_env()
    network = client.networks.get(rolling.name)
    squatter = client.containers.create(
        f"{rolling.registry}/redis:8.0", name=f"{rolling.name}-squatter", network_mode="none"
    )
    try:
        client.networks.get("none").disconnect(squatter)
        network.connect(squatter, ipv4_address=address)
        squatter.start()
        with load(rolling) as clients:
            time.sleep(3)
            run = deploy(rolling, "1.0.0")
            time.sleep(1)
        assert run.code != 0
        assert "The release stopped here, and what was replaced before stays" in run.reason
        assert lost_requests(clients.report) == 0, clients.report["events"][:5]
        assert rolling.running("backend", idle) == [f"backend-{idle}-1", f"backend-{idle}-2"]
        assert rolling.running("backend", live) == [f"backend-{live}-1", f"backend-{live}-2"]
        assert rolling.green_share("backend") == 50
        assert rolling.records("backend")[-1]["outcome"] == "held"
        with load(rolling) as clients:
            time.sleep(4)
        assert set(clients.report["versions"]) - {"none", "?"} == {"1.0.0", "1.1.0"}
        assert lost_requests(clients.report) == 0
    finally:
        squatter.remove(force=True)
    with load(rolling) as clients:
        run = deploy(rolling, "1.0.0")
    assert run.code == 0, run.output
    assert lost_requests(clients.report) == 0
    assert live_version(rolling) == "1.0.0"
    assert len(rolling.running("backend", idle)) == 4
    assert rolling.running("backend", live) == []
