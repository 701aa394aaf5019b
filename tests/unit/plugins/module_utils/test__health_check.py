# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Many targets at once, each a real server that behaves as told."""

from __future__ import annotations

import collections
import contextlib
import http.server
import json
import threading
import time
import typing as t
import uuid

import pytest

from ansible_collections.tagadodo.deploy.plugins.module_utils._engine import EngineError
from ansible_collections.tagadodo.deploy.plugins.module_utils._health_check import (
    HealthCheck,
    Limits,
    Report,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._target import Target

Behaviour = t.Callable[[str, int], t.Tuple[int, t.Any]]
QUICK = {"period": 0.1, "timeout": 1, "failures": 2}
LIMITS = Limits(interval=0.02, timeout=5)


@contextlib.contextmanager
def instance(name: str, behave: Behaviour, **settings: t.Any) -> t.Iterator[Target]:
    """A server that answers by path and how often it was asked, and the target it is."""
    asked: collections.Counter[str] = collections.Counter()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked[self.path] += 1
            status, document = behave(self.path, asked[self.path])
            body = json.dumps(document).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: t.Any) -> None:
            """Keep quiet."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        raw = {
            "name": name,
            "url": f"http://127.0.0.1:{server.server_port}",
            "startup": "/live",
            "ready": "/ready",
            "live": "/live",
            "full": "/health",
            "identity": {"path": "version", "value": "1.2.0"},
            "startup_probe": {**QUICK, "failures": 50},
            "ready_probe": QUICK,
            "live_probe": QUICK,
            **settings,
        }
        yield Target.parse(raw, {})
        server.shutdown()


def healthy(path: str, count: int) -> tuple[int, t.Any]:
    return 200, {"version": "1.2.0"}


def slow_to_start(path: str, count: int) -> tuple[int, t.Any]:
    return (200 if count > 5 or path != "/live" else 503), {"version": "1.2.0"}


def never_ready(path: str, count: int) -> tuple[int, t.Any]:
    return (503 if path == "/ready" else 200), {"database": "down"}


def old_process(path: str, count: int) -> tuple[int, t.Any]:
    return 200, {"version": "1.0.0"}


def replaced_soon(path: str, count: int) -> tuple[int, t.Any]:
    return 200, {"version": "1.2.0" if count > 3 else "1.0.0"}


def dies_later(path: str, count: int) -> tuple[int, t.Any]:
    return (200 if count <= 1 or path != "/live" else 500), {"version": "1.2.0"}


def unready_later(path: str, count: int) -> tuple[int, t.Any]:
    return (200 if count <= 1 or path != "/ready" else 503), {"version": "1.2.0"}


def check(*targets: Target, limits: Limits = LIMITS) -> Report:
    return HealthCheck(targets, limits).run()


def test_all_are_ready_when_the_last_one_is() -> None:
    with instance("a", healthy) as quick, instance("b", slow_to_start) as slow:
        report = check(quick, slow)
    facts = report.as_dict()
    assert facts["msg"].startswith("2 targets are ready after 0.")
    assert [one["ready"] for one in facts["targets"]] == [True, True]
    quick_one, slow_one = facts["targets"]
    assert quick_one["ready_seconds"] < slow_one["first_ok_seconds"]
    assert (slow_one["attempts"] > 5, slow_one["identity"]) == (True, "1.2.0")


def test_targets_are_asked_at_the_same_time() -> None:
    def sluggish(path: str, count: int) -> tuple[int, t.Any]:
        time.sleep(0.1)
        return healthy(path, count)

    with contextlib.ExitStack() as stack:
        targets = [stack.enter_context(instance(str(n), sluggish)) for n in range(10)]
        report = check(*targets)
    assert not report.problem
    assert report.seconds < 2  # one after the other: 3


@pytest.mark.parametrize(
    ("behave", "message"),
    [
        (never_ready, 'b: not ready within 0.2 s: /ready answers 503: {"database": "down"}'),
        (old_process, "b: answers 200 but says version 1.0.0, expected 1.2.0"),
    ],
)
def test_one_that_fails_for_good_ends_the_check(behave: Behaviour, message: str) -> None:
    with instance("a", healthy) as well, instance("b", behave) as unwell:
        report = check(well, unwell)
    assert report.problem == message
    assert report.seconds < 2


def test_an_old_process_may_answer_for_a_moment() -> None:
    with instance("a", replaced_soon, ready_probe={**QUICK, "failures": 50}) as target:
        assert not check(target).problem


def test_the_time_of_all_is_limited() -> None:
    with instance("a", never_ready, ready_probe={"period": 60}) as target:
        report = check(target, limits=Limits(0.02, timeout=0.2))
    assert report.problem.startswith("a: not ready within 0.2 s: /ready answers 503")


@pytest.mark.parametrize(
    ("behave", "message"),
    [
        (dies_later, "no longer alive, 2 probes in a row failed: /live answers 500"),
        (unready_later, "no longer ready, 2 probes in a row failed: /ready answers 503"),
    ],
)
def test_the_watch_ends_as_soon_as_a_probe_fails_for_good(behave: Behaviour, message: str) -> None:
    with instance("a", behave) as target:
        report = check(target, limits=Limits(0.02, timeout=5, watch=5))
    assert report.problem.startswith(f"a: {message}")
    assert report.seconds < 4


def test_a_watch_shorter_than_the_periods_still_looks_again() -> None:
    with instance("a", unready_later, ready_probe={"period": 0.2, "failures": 2}) as target:
        report = check(target, limits=Limits(0.02, timeout=5, watch=0.1))
    assert report.problem.startswith("a: no longer ready")


def test_a_watch_takes_its_time() -> None:
    with instance("a", healthy) as target:
        report = check(target, limits=Limits(0.02, timeout=5, watch=0.3))
    assert not report.problem
    assert report.seconds >= 0.3


@pytest.mark.engine
def test_a_container_that_ends_fails_the_check_at_once(engine: t.Any, shell_image: str) -> None:
    name = f"health-check-{uuid.uuid4().hex[:8]}"
    script = ["/bin/sh", "-c", "echo one; echo; echo two; echo three; exit 3"]
    engine.api.create_container(shell_image, entrypoint=script, name=name)
    try:
        engine.api.start(name)
        engine.api.wait(name)
        with instance("a", never_ready, container=name, ready_probe={"period": 60}) as target:
            report = check(target)
    finally:
        engine.api.remove_container(name, force=True)
    facts = report.as_dict()
    ended = f"container {name} exited with exit code 3"
    assert facts["msg"] == f"a: {ended}; its last words: two | three"
    assert facts["logs"] == {"a": ["one", "", "two", "three"]}
    assert facts["targets"][0]["last_error"] == ended
    assert facts["targets"][0]["container"]["exit_code"] == 3


def test_an_engine_that_does_not_answer_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("docker")
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere/docker.sock")
    with instance("a", healthy, container="a") as target, pytest.raises(EngineError) as error:
        check(target)
    assert str(error.value).startswith("the Docker engine does not answer")
    assert "\n" not in str(error.value)
