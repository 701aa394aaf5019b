"""Another number of instances: refused before anything is touched, or reached without a lost request."""

from __future__ import annotations

import time

import pytest
from clients import live_version, load, lost_requests
from described import services_with
from stack import Run, Stack

SETTINGS = {"strategy": "blue_green", "bake": 0, "min_ready": 1}


def under_load(stack: Stack, *playbooks: str, version: str = "1.0.0") -> list[Run]:
    """Run playbooks one after the other while users come; none of them may lose a request."""
    with load(stack) as clients:
        time.sleep(2)
        runs = [stack.play(name, "-e", f"version={version}") for name in playbooks]
        time.sleep(1)
    assert [run.code for run in runs] == [0] * len(runs), runs[-1].output
    assert lost_requests(clients.report) == 0, clients.report["events"][:5]
    return runs


def want(stack: Stack, instances: int) -> None:
    stack.extra["services"] = services_with(**SETTINGS, instances=instances)


def live(stack: Stack) -> list[str]:
    """Numbers of the live slot's running instances."""
    slot = "green" if stack.green_share("backend") == 100 else "blue"
    return [name.rpartition("-")[2] for name in stack.running("backend", slot)]


@pytest.fixture(scope="module")
def one(stack: Stack) -> Stack:
    """1.0.0 is live on one instance."""
    want(stack, 1)
    run = stack.play("site")
    assert run.code == 0, run.output
    return stack


def test_more_instances_than_nginx_knows_are_refused(one: Stack) -> None:
    want(one, 3)
    before = one.snapshot()
    run = one.play("deploy", "-e", "version=1.1.0")
    assert run.code != 0
    assert run.reason == (
        "backend: 3 instances are asked for, and nginx knows 1 of them; run site.yml first"
    )
    assert one.snapshot() == before


def test_more_instances_are_added(one: Stack) -> None:
    want(one, 3)
    under_load(one, "site", "deploy")
    assert live(one) == ["1", "2", "3"]
    assert under_load(one, "deploy")[0].changed == 0


def test_fewer_instances_are_left_after_their_requests_have_ended(one: Stack) -> None:
    want(one, 2)
    under_load(one, "deploy")
    assert live(one) == ["1", "2"]
    assert under_load(one, "deploy")[0].changed == 0


def test_a_release_may_have_fewer_instances_and_a_rollback_as_many_as_before(one: Stack) -> None:
    want(one, 1)
    under_load(one, "deploy", version="1.1.0")
    assert live(one) == ["1"]
    with load(one) as clients:
        run = one.play("rollback", "-e", "service=backend")
        time.sleep(1)
    assert run.code == 0, run.output
    assert lost_requests(clients.report) == 0, clients.report["events"][:5]
    assert (live_version(one), live(one)) == ("1.0.0", ["1", "2", "3"][:2])


def test_rolling_goes_from_two_to_three(one: Stack) -> None:
    settings = {**SETTINGS, "strategy": "rolling", "rolling": {"minimum": 2, "maximum": 60}}
    one.extra["services"] = services_with(**settings, instances=3)
    under_load(one, "deploy", version="1.1.0")
    assert (live_version(one), live(one)) == ("1.1.0", ["1", "2", "3"])
