"""What a release does to the database is taken back exactly; one run at a time may do any of it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
import typing as t

import pytest
from clients import live_version, load, lost_requests
from described import services_with
from made_versions import ADDED, versions
from stack import Stack

OWN = list(ADDED)


@pytest.fixture(scope="module")
def tags(stack: Stack) -> t.Iterator[dict[str, str]]:
    made = {
        "broken": {"FAILING_MIGRATION": "003-b"},
        "fixed": {},
        "sick": {"FAULT_NEVER_READY": "1"},
    }
    with versions(stack, **made) as tags:
        yield tags


@pytest.fixture
def quick(stack: Stack) -> Stack:
    stack.extra["services"] = services_with(bake=0, min_ready=0)
    return stack


def applied(stack: Stack) -> list[str]:
    """What the database has, as the live application sees it."""
    names = stack.running("backend", "green") or stack.running("backend", "blue")
    done = stack.containers()[names[0]].exec_run(["node", "dist/migrations/cli.js", "status"])
    status = json.loads(done.output)["migrations"]
    return [one["name"] for one in status if one["applied"]]


def migrations(stack: Stack, version: str) -> dict[str, t.Any]:
    """What the newest release of a version did, by the ledger."""
    found = [one for one in stack.records("backend") if one["version"] == version]
    return dict(found[-1].get("migrations", {}))


def deploy(stack: Stack, version: str, *arguments: str) -> t.Any:
    return stack.play("deploy", "-e", f"version={version}", "-e", "service=backend", *arguments)


def test_the_second_of_three_fails_and_the_old_release_serves(
    quick: Stack, tags: dict[str, str]
) -> None:
    with load(quick) as clients:
        run = deploy(quick, tags["broken"])
    assert run.code != 0
    assert "003-b: up failed: it is made to fail" in run.reason
    assert run.reason.endswith("The release was taken back; users get what was live before.")
    assert lost_requests(clients.report) == 0, clients.report["events"][:5]
    assert live_version(quick) == "1.0.0"
    did = migrations(quick, tags["broken"])
    assert (did["state"], did["before"], did["applied"]) == (
        "partial",
        ["001-add-user-status"],
        ["002-a"],
    )


def test_the_retry_applies_the_rest_and_going_back_reverts_both_tries(
    quick: Stack, tags: dict[str, str]
) -> None:
    run = deploy(quick, tags["fixed"])
    assert run.code == 0, run.output
    assert migrations(quick, tags["fixed"])["applied"] == ["003-b", "004-c"]
    assert applied(quick) == ["001-add-user-status", *OWN]

    back = ("-e", "service=backend", "-e", "migrations=revert")
    before = quick.snapshot()
    check = quick.play("rollback", *back, "--check", "--diff")
    assert check.code == 0, check.output
    assert "+  revert  004-c, 003-b, 002-a, from " in check.output
    assert quick.snapshot() == before
    with load(quick) as clients:
        run = quick.play("rollback", *back)
    assert run.code == 0, run.output
    assert lost_requests(clients.report) == 0, clients.report["events"][:5]
    assert live_version(quick) == "1.0.0"
    assert applied(quick) == ["001-add-user-status"]
    did = migrations(quick, tags["fixed"])
    assert (did["state"], did["reverted"]) == ("reverted", ["004-c", "003-b", "002-a"])
    tasks = run.tasks
    assert tasks.index("Give all traffic to the good release") < tasks.index(
        "Revert migrations from the image that holds them"
    )


def test_what_going_back_left_is_taken_back_when_it_is_asked_for(
    quick: Stack, tags: dict[str, str]
) -> None:
    assert deploy(quick, tags["fixed"]).code == 0
    run = quick.play("rollback", "-e", "service=backend")
    assert run.code == 0, run.output
    assert "leave   004-c, 003-b, 002-a in the database" in run.output
    assert applied(quick) == ["001-add-user-status", *OWN]

    run = quick.play("revert", "-e", "service=backend")
    assert run.code == 0, run.output
    assert applied(quick) == ["001-add-user-status"]
    run = quick.play("revert", "-e", "service=backend")
    assert (run.code, run.changed) == (0, 0), run.output
    assert "no release that was given up has left a migration" in run.output


def test_a_release_that_fails_reverts_its_own_where_the_service_says_so(
    quick: Stack, tags: dict[str, str]
) -> None:
    services = services_with(bake=0, min_ready=0)
    services["backend"]["migrations"]["on_rollback"] = "revert"
    services["backend"]["health"] = {"startup_probe": {"period": 1, "failures": 3}}
    services["backend"]["health"]["ready_probe"] = {"period": 1, "failures": 3}
    quick.extra["services"] = services
    run = deploy(quick, tags["sick"])
    assert run.code != 0
    assert "users get what was live before; backend: reverted 004-c, 003-b, 002-a" in run.reason
    assert live_version(quick) == "1.0.0"
    assert applied(quick) == ["001-add-user-status"]
    assert quick.records("backend")[-1]["outcome"] == "failed"


# --- one run at a time

WATCHING = "  backend 100 %"
OTHER = {
    "token": "0" * 32,
    "who": "ada@elsewhere",
    "purpose": "a release of backend",
    "process": '{"machine": "elsewhere", "pid": 1, "started": "1"}',
    "seconds": 600,
}


@pytest.fixture
def watched(stack: Stack) -> Stack:
    stack.extra["services"] = services_with(bake=25, min_ready=0)
    return stack


def until(seen: str, process: subprocess.Popen[str]) -> str:
    """Read what a run prints up to a line."""
    printed = ""
    for line in t.cast(t.IO[str], process.stdout):
        printed += line
        if seen in line:
            return printed
    raise AssertionError(printed)


def lock_by(stack: Stack, silent: float) -> None:
    """Another run took the lock, and was last heard of some seconds ago."""
    now = time.time()
    holder = {**OTHER, "since": now - 1000, "beat": now - silent}
    path = stack.state_dir / "lock/holder.json"
    path.write_text(json.dumps(holder))


def test_a_second_run_is_refused_or_waits_and_a_check_says_nothing(watched: Stack) -> None:
    deploy = ("-e", "version=1.1.0", "-e", "service=backend")
    with watched.started("deploy", *deploy) as first:
        until(WATCHING, first)
        second = watched.play("deploy", "-e", "version=1.0.0")
        assert second.code != 0
        assert second.reason.startswith("locked: a release of backend by ")
        assert "wait for it with -e lock_wait=SECONDS" in second.reason
        check = watched.play("deploy", "-e", "version=1.1.0", "--check")
        assert "locked" not in check.reason
        waiting = watched.play("rollback", "-e", "service=backend", "-e", "lock_wait=300")
        output, _nothing = first.communicate()
        assert first.returncode == 0, output
    assert waiting.code == 0, waiting.output
    assert "dev: waiting: locked: a release of backend by " in waiting.output
    assert live_version(watched) == "1.0.0"
    assert not (watched.state_dir / "lock/holder.json").exists()


def test_a_killed_run_is_taken_over_at_once_on_its_own_machine(watched: Stack) -> None:
    deploy = ("-e", "version=1.1.0", "-e", "service=backend")
    watched.play_until(WATCHING, "deploy", *deploy)
    status = watched.play("status")
    assert "LOCKED  dev: a release of backend by " in status.output
    run = watched.play("rollback", "-e", "service=backend")
    assert run.code == 0, run.output
    assert "took over the lock of a dead run: a release of backend by " in run.output


def test_a_run_of_another_machine_is_taken_over_after_its_time(watched: Stack) -> None:
    lock_by(watched, silent=590)
    run = watched.play("deploy", "-e", "service=backend")
    assert run.code != 0
    assert run.reason.startswith("locked: a release of backend by ada@elsewhere, since ")
    lock_by(watched, silent=601)
    run = watched.play("deploy", "-e", "service=backend")
    assert run.code == 0, run.output
    assert "took over the lock of a dead run" in run.output


def test_a_run_that_lost_its_lock_stops_and_moves_nothing(watched: Stack) -> None:
    with watched.started("deploy", "-e", "version=1.1.0", "-e", "service=backend") as slow:
        until("PLAN", slow)
        # Alone: a worker that is just leaving the group would stop with it and not go on with it.
        os.kill(slow.pid, signal.SIGSTOP)
        lock_by(watched, silent=0)
        os.kill(slow.pid, signal.SIGCONT)
        output, _nothing = slow.communicate()
    (watched.state_dir / "lock/holder.json").unlink()
    assert slow.returncode != 0
    assert "this run has lost the lock (a release of backend by ada@elsewhere" in output
    assert live_version(watched) == "1.0.0"
