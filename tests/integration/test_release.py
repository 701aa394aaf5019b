"""From an empty host to a release, a check that tells the truth, a rollback, and nothing lost."""

from __future__ import annotations

import os
import re
import typing as t

import pytest
import yaml
from clients import RATE, answer, live_version, load, lost_requests, marked_shifts
from described import set_up
from figures import keep
from stack import SERVICES_FILE, Stack

# Deploys of the test under load, with a rollback after every fourth.
ROUNDS = int(os.environ.get("ROUNDS", "4"))

BUDGET_DEPLOY, BUDGET_UNCHANGED, BUDGET_ROLLBACK = 12, 5, 3


STEPS = (
    "backend: ",
    "frontend: ",
    *(f"  {verb} " for verb in ("pull", "migrate", "start", "prove", "shift", "watch", "stop")),
)


def plan_in(output: str) -> list[str]:
    """The plan's lines in a run's output, in order, each once; the summary at the end is none of them.

    A check with diffs shows the plan as one.
    """
    lines = (line.removeprefix("+") for line in output.splitlines())
    lines = (line for line in lines if line.startswith(STEPS))
    return list(dict.fromkeys(line for line in lines if " is live in " not in line))


def described(**changes: t.Any) -> dict[str, t.Any]:
    """The services of inventories/dev with other settings, as an operator would edit them."""
    services = yaml.safe_load(SERVICES_FILE.read_text())["services"]
    return {name: {**service, **changes} for name, service in services.items()}


@pytest.fixture(scope="module")
def stack(empty: Stack) -> Stack:
    """One that nobody else uses: its ledger begins here."""
    return set_up(empty)


def test_check_on_an_empty_host_says_what_is_missing(empty: Stack) -> None:
    run = empty.play("deploy", "--check", "--diff")
    assert run.code != 0
    assert "run site.yml first" in run.reason
    assert empty.containers() == {}


@pytest.fixture
def of_others(empty: Stack) -> t.Iterator[str]:
    """A container that docker-compose has made for somebody else, who called it as we call ours."""
    labels = {"com.docker.compose.project": "app"}
    image, name = f"{empty.registry}/nginx:1.30", f"{empty.name}-nginx"
    container = empty.engine.containers.create(image, name=name, labels=labels)
    yield str(container.id)
    container.remove()


@pytest.mark.parametrize("arguments", [["--check"], []])
def test_what_docker_compose_has_made_is_never_replaced(
    empty: Stack, of_others: str, arguments: list[str]
) -> None:
    run = empty.play("site", *arguments)
    assert run.code != 0
    assert run.reason == (
        f"docker-compose on dev has made {empty.name}-nginx, which ours would replace."
        " Set another deploy_project, or remove these containers."
    )
    assert {name: one.id for name, one in empty.containers().items()} == {"nginx": of_others}


def test_the_check_of_the_first_setup_shows_all_of_it_and_changes_nothing(empty: Stack) -> None:
    run = empty.play("site", "--check", "--diff")
    assert run.code == 0, run.output
    assert f"+++ after: {empty.config_dir}/nginx/nginx.conf" in run.output
    assert "nothing is live" in run.output
    assert all(f"+{name}: nothing" in run.output for name in ("backend", "frontend"))
    assert empty.containers() == {}
    assert not any(place.exists() for place in (empty.state_dir, empty.config_dir, empty.log_dir))


def test_site_brings_an_empty_host_to_a_first_release(stack: Stack) -> None:
    assert live_version(stack) == "1.0.0"
    assert answer(stack, "admin.localhost", "/health")[1]["version"] == "1.0.0"
    assert stack.running("backend", "green") == ["backend-green-1", "backend-green-2"]


def test_site_again_changes_nothing(stack: Stack) -> None:
    run = stack.play("site")
    assert (run.code, run.changed) == (0, 0), run.output


def test_an_unchanged_deploy_changes_nothing(stack: Stack) -> None:
    before = stack.snapshot()
    run = stack.play("deploy")
    assert (run.code, run.changed) == (0, 0), run.output
    assert run.invocations <= BUDGET_UNCHANGED
    assert stack.snapshot() == before


def test_the_check_prints_the_plan_and_changes_nothing_then_the_same_is_done(stack: Stack) -> None:
    before = stack.snapshot()
    check = stack.play("deploy", "-e", "version=1.1.0", "--check", "--diff")
    assert check.code == 0, check.output
    assert stack.snapshot() == before
    assert "backend: 1.0.0 (green) → 1.1.0 (blue); version 1.0.0 → 1.1.0" in check.output
    assert re.search(r"dev +: ok=\d+ +changed=1 ", check.output)

    run = stack.play("deploy", "-e", "version=1.1.0")
    assert run.code == 0, run.output
    assert plan_in(check.output) == plan_in(run.output)
    assert run.invocations <= BUDGET_DEPLOY, run.tasks
    assert live_version(stack) == "1.1.0"
    assert stack.running("backend", "green") == []
    assert stack.green_share("backend") == 0


def test_the_ledger_knows_what_happened(stack: Stack) -> None:
    first, second = stack.records("backend")
    assert (first["version"], first["outcome"], first["slot"]) == ("1.0.0", "succeeded", "green")
    assert (second["version"], second["outcome"], second["slot"]) == ("1.1.0", "succeeded", "blue")
    assert second["previous"]["version"] == "1.0.0"
    assert second["image"].startswith(f"{stack.registry}/tagadodo/backend@sha256:")
    assert set(second["settings"]["secrets"]) >= {"JWT_SECRET", "REDIS_PASSWORD"}


def test_status_is_one_screen(stack: Stack) -> None:
    run = stack.play("status")
    assert run.code == 0
    screen = run.output[run.output.index("SERVICE") :]
    assert "backend   dev   blue   1.1.0    100 %    2 of 2 run" in screen
    assert "1.1.0    succeeded" in screen
    assert len(run.output.splitlines()) < 40


def test_back_and_forth_under_load_loses_nothing(stack: Stack) -> None:
    """Releases and rollbacks under mixed load: no request lost, no websocket cut before its drain."""
    drain = 2
    stack.extra["services"] = described(min_ready=0, bake=0, drain=drain)
    assert stack.play("deploy", "-e", "version=1.0.0").code == 0
    # Where it is measured nothing else runs.
    rate = 150 if ROUNDS > 4 else RATE
    with load(stack, rate=rate) as clients, marked_shifts(stack, clients):
        for number in range(1, ROUNDS + 1):
            version = "1.0.0" if live_version(stack) == "1.1.0" else "1.1.0"
            run = stack.play("deploy", "-e", f"version={version}")
            assert run.code == 0, run.output
            if number % 4 == 0:
                run = stack.play("rollback")
                assert run.code == 0, run.output
    report = clients.report
    kept = ("totals", "reasons", "versions", "latency_ms", "largest_gap", "websockets", "load")
    keep("releases", "back and forth", {key: report[key] for key in kept})
    assert lost_requests(report) == 0, (report["reasons"], report["events"][:20])
    assert report["totals"]["wrong"] == 0, report["events"][:20]
    assert report["totals"]["executed_twice"] == 0
    assert report["totals"]["sent"] > 1000
    assert set(report["versions"]) >= {"1.0.0", "1.1.0"}
    shifts = [mark["at"] for mark in report["marks"] if mark["name"] == "shift"]
    assert len(shifts) == ROUNDS + ROUNDS // 4
    for cut in report["websockets"]["cuts"]:
        since = min(cut["at"] - at for at in shifts if at <= cut["at"])
        assert since >= drain, f"a websocket was cut {since:.1f} s after the shift: {cut}"


def test_a_warm_slot_makes_a_rollback_start_nothing(stack: Stack) -> None:
    stack.extra["services"] = described(min_ready=0, bake=0, drain=4, keep_warm=True)
    assert stack.play("deploy", "-e", "version=1.0.0").code == 0
    assert stack.play("deploy", "-e", "version=1.1.0").code == 0
    started = {name: c.attrs["State"]["StartedAt"] for name, c in stack.containers().items()}
    run = stack.play("rollback")
    assert run.code == 0, run.output
    assert live_version(stack) == "1.0.0"
    moved = run.tasks.index("Give all traffic to the good release")
    assert moved + 1 <= BUDGET_ROLLBACK, run.tasks
    live = stack.running("backend", "blue") or stack.running("backend", "green")
    containers = stack.containers()
    assert [containers[name].attrs["State"]["StartedAt"] for name in live] == [
        started[name] for name in live
    ]


def test_site_starts_what_was_live_where_no_instance_is_left(stack: Stack) -> None:
    """As after restore.yml on a new machine, which brings back the ledger; the description is ahead of it."""
    before = live_version(stack)
    stack.extra["services"] = described(min_ready=0, bake=0, drain=1, version="1.1.0")
    for name, container in stack.containers().items():
        if name.startswith(("backend-", "frontend-")):
            container.remove(force=True)
    run = stack.play("site")
    assert run.code == 0, run.output
    assert before == live_version(stack) == "1.0.0"


def test_rollback_to_nowhere_is_refused(stack: Stack) -> None:
    run = stack.play("rollback", "-e", "version=7.7.7")
    assert run.code != 0
    assert "the ledger knows no good release of version 7.7.7" in run.reason
