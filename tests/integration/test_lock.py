"""One run at a time: a second is told who is at it, and a dead one does not stand in the way."""

from __future__ import annotations

import json
import os
import signal
import time
import typing as t

import pytest
from clients import live_version
from described import services_with
from stack import Stack

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


def until(seen: str, process: t.Any) -> str:
    """Read what a run prints up to a line."""
    printed = ""
    for line in process.stdout:
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
        os.killpg(slow.pid, signal.SIGSTOP)
        lock_by(watched, silent=0)
        os.killpg(slow.pid, signal.SIGCONT)
        output, _nothing = slow.communicate()
    (watched.state_dir / "lock/holder.json").unlink()
    assert slow.returncode != 0
    assert "this run has lost the lock (a release of backend by ada@elsewhere" in output
    assert live_version(watched) == "1.0.0"
