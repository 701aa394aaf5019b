# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is asked at one look, of real servers that behave as told and of real containers."""

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

from ansible_collections.tagadodo.deploy.plugins.module_utils._engine import (
    ContainerState,
    EngineError,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._evidence import (
    ContainerFacts,
    Probes,
    ServiceLook,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._questions import (
    MOST_SMOKE,
    Questions,
    Watched,
    raw_targets,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._target import TargetError

Behaviour = t.Callable[[str], t.Tuple[int, t.Any]]
TOKEN_FILE, TOKEN = "/run/probe_token", "hush-hush"


class Server(http.server.ThreadingHTTPServer):
    """Answers as ``behave`` says, and knows what it was asked."""

    def __init__(self, behave: Behaviour) -> None:
        self.asked: collections.Counter[str] = collections.Counter()
        self.headers: t.Dict[str, str] = {}
        server = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                server.asked[self.path] += 1
                server.headers = dict(self.headers)
                status, document = behave(self.path)
                with contextlib.suppress(OSError):  # who asked may have gone
                    self.send_response(status)
                    self.end_headers()
                    self.wfile.write(json.dumps(document).encode())

            def log_message(self, *args: t.Any) -> None:
                """Keep quiet."""

        super().__init__(("127.0.0.1", 0), Handler)
        self.daemon_threads = True
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


@pytest.fixture
def serve() -> t.Iterator[t.Callable[[Behaviour], Server]]:
    servers = []

    def start(behave: Behaviour) -> Server:
        servers.append(Server(behave))
        return servers[-1]

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


Serve = t.Callable[[Behaviour], Server]


def healthy(path: str) -> t.Tuple[int, t.Any]:
    return 200, {"version": "1.1.0"}


def no_database(path: str) -> t.Tuple[int, t.Any]:
    return (503, {"database": "down"}) if path == "/ready" else healthy(path)


def lying(path: str) -> t.Tuple[int, t.Any]:
    return 200, {"version": "1.0.0"}


def sleepy(seconds: float) -> Behaviour:
    def answer(path: str) -> t.Tuple[int, t.Any]:
        time.sleep(seconds)
        return healthy(path)

    return answer


def instance(name: str, url: str, **other: t.Any) -> t.Dict[str, t.Any]:
    return {
        "name": name,
        "url": url,
        "live": "/live",
        "ready": "/ready",
        "full": "/health",
        "identity": {"path": "version", "value": "1.1.0"},
        "ready_probe": {"timeout": 1},
        "live_probe": {"timeout": 1},
        **other,
    }


def service(**other: t.Any) -> t.Dict[str, t.Any]:
    return {
        "name": "backend",
        "slot": "green",
        "log": "",
        "upstreams": {},
        "slots": {},
        "smoke": None,
        "metrics": [],
        **other,
    }


def look(*raws: t.Dict[str, t.Any], **questions: t.Any) -> t.Dict[str, ServiceLook]:
    secrets = {TOKEN_FILE: TOKEN}
    services = [Watched.parse(raw, secrets) for raw in raws]
    with Questions(services, **{"budget": 2.0, **questions}) as asked:
        return asked.answers()


GOOD = Probes(good=1)


def test_every_instance_of_both_slots_is_asked_by_kind(serve: Serve) -> None:
    blue, green, sick = serve(healthy), serve(healthy), serve(no_database)
    slots = {
        "blue": {"instances": [instance("blue-1", blue.url)]},
        "green": {"instances": [instance("green-1", green.url), instance("green-2", sick.url)]},
    }
    seen = look(service(slots=slots))["backend"]
    assert seen.slot("blue").probes == {"live": GOOD, "ready": GOOD, "full": GOOD}
    ready = Probes(1, 1, 0, 'green-2: /ready answers 503: {"database": "down"}')
    assert seen.slot("green").probes == {"live": Probes(2), "ready": ready, "full": Probes(2)}
    assert seen.problems == ()
    assert green.asked == {"/live": 1, "/ready": 1, "/health": 1}


def test_who_names_another_version_is_bad(serve: Serve) -> None:
    slots = {"green": {"instances": [instance("green-1", serve(lying).url)]}}
    probes = look(service(slots=slots))["backend"].slot("green").probes
    assert probes["ready"] == GOOD
    assert probes["full"] == Probes(
        bad=1, why="green-1: answers 200 but says version 1.0.0, expected 1.1.0"
    )


def test_without_a_full_path_readiness_names_the_version(serve: Serve) -> None:
    slots = {"green": {"instances": [instance("green-1", serve(lying).url, full="", live=None)]}}
    probes = look(service(slots=slots))["backend"].slot("green").probes
    assert set(probes) == {"ready"}
    assert probes["ready"].bad == 1


def test_slow_is_more_than_half_of_the_timeout(serve: Serve) -> None:
    slots = {"green": {"instances": [instance("green-1", serve(sleepy(0.6)).url)]}}
    began = time.monotonic()
    probes = look(service(slots=slots))["backend"].slot("green").probes
    assert probes == dict.fromkeys(("live", "ready", "full"), Probes(good=1, slow=1))
    assert time.monotonic() - began < 1.2  # they were asked at the same time


def test_the_budget_ends_what_a_timeout_would_not(serve: Serve) -> None:
    patient = {"ready_probe": {"timeout": 30}, "live_probe": {"timeout": 30}}
    slots = {"green": {"instances": [instance("green-1", serve(sleepy(5)).url, **patient)]}}
    began = time.monotonic()
    probes = look(service(slots=slots), budget=0.4)["backend"].slot("green").probes
    assert time.monotonic() - began < 1.5
    assert probes["live"].bad == probes["full"].bad == 1
    assert "/live does not answer within 0.4 s" in probes["live"].why


def test_what_cannot_be_asked_in_time_is_no_evidence(serve: Serve) -> None:
    now = iter([0.0] + [9.0] * 99)
    slots = {"green": {"instances": [instance("green-1", serve(healthy).url)]}}
    seen = look(service(slots=slots), clock=lambda: next(now))["backend"]
    assert seen.slot("green").probes == {}
    assert "green-1 was not asked whether it is live for want of time" in seen.problems


def test_silent_instances(serve: Serve) -> None:
    slots = {"green": {"instances": [instance("green-1", "http://127.0.0.1:1")]}}
    probes = look(service(slots=slots))["backend"].slot("green").probes
    assert probes["live"] == Probes(bad=1, why="green-1: /live refuses connections")


# --- containers ---


def states(*found: ContainerState) -> t.Callable[..., t.Dict[str, ContainerState]]:
    return lambda names, timeout: {one.name: one for one in found}


def test_only_instances_that_run_are_asked(serve: Serve) -> None:
    server = serve(healthy)
    slots = {
        "green": {
            "instances": [
                instance("green-1", server.url, container="c-green-1"),
                instance("green-2", "http://127.0.0.1:1", container="c-green-2"),
                instance("green-3", "http://127.0.0.1:1", container="c-green-3"),
            ]
        }
    }
    inspect = states(
        ContainerState("c-green-1", exists=True, running=True, restart_count=2),
        ContainerState("c-green-2", exists=True, oom_killed=True, exit_code=137),
        ContainerState("c-green-3"),
    )
    green = look(service(slots=slots), inspect=inspect)["backend"].slot("green")
    assert green.probes == {"live": GOOD, "ready": GOOD, "full": GOOD}
    assert green.containers == (
        ContainerFacts("c-green-1", True, restarts=2),
        ContainerFacts("c-green-2", False, oom_killed=True, exit_code=137),
        ContainerFacts("c-green-3", False),
    )


def test_a_crash_during_the_look_is_seen_by_it(serve: Serve) -> None:
    """Else the errors it causes would be named, and not what caused them."""
    restarted: t.List[int] = []

    def crash(path: str) -> t.Tuple[int, t.Any]:
        restarted.append(1)
        return 502, {}

    def inspect(names: t.Sequence[str], timeout: float) -> t.Dict[str, ContainerState]:
        count = min(len(restarted), 1)
        return {
            name: ContainerState(name, True, running=True, restart_count=count) for name in names
        }

    url = serve(crash).url
    slots = {"green": {"instances": [instance("green-1", url, container="c-green-1")]}}
    green = look(service(slots=slots), inspect=inspect)["backend"].slot("green")
    assert green.probes["ready"].bad == 1
    assert [one.restarts for one in green.containers] == [1]


def test_the_last_look_at_containers_has_the_time_that_is_left(serve: Serve) -> None:
    given: t.List[float] = []

    def inspect(names: t.Sequence[str], timeout: float) -> t.Dict[str, ContainerState]:
        given.append(timeout)
        return {name: ContainerState(name, True, running=True) for name in names}

    url = serve(sleepy(0.9)).url
    slots = {"green": {"instances": [instance("green-1", url, container="c-green-1")]}}
    look(service(slots=slots), inspect=inspect, budget=1.6)
    assert given[0] == 0.8
    assert given[1] < 0.75


def test_without_an_engine_instances_are_asked_all_the_same(serve: Serve) -> None:
    def inspect(names: t.Sequence[str], timeout: float) -> t.Dict[str, ContainerState]:
        raise EngineError("the Docker engine does not answer")

    server = serve(healthy)
    slots = {"green": {"instances": [instance("green-1", server.url, container="c-green-1")]}}
    seen = look(service(slots=slots), service(name="frontend"), inspect=inspect)
    assert seen["backend"].problems == ("the Docker engine does not answer",)
    assert seen["backend"].slot("green").probes["live"] == GOOD
    assert seen["backend"].slot("green").containers == ()
    assert seen["frontend"].problems == ()


@pytest.mark.engine
def test_containers_of_the_engine(engine: t.Any, shell_image: str) -> None:
    prefix = f"unit-look-{uuid.uuid4().hex[:8]}"
    commands = {"runs": "sleep 60", "exits": "exit 3", "restarts": "exit 4"}
    try:
        for name, command in commands.items():
            engine.containers.run(
                shell_image,
                name=f"{prefix}-{name}",
                entrypoint=["/bin/sh", "-c", f"PATH=/bin; {_read_forever(command)}"],
                detach=True,
                tty=True,
                stdin_open=True,
                network_mode="none",
                restart_policy={"Name": "always" if name == "restarts" else "no"},
            )
        instances = [
            instance(name, "http://127.0.0.1:1", container=f"{prefix}-{name}")
            for name in (*commands, "missing")
        ]
        deadline = time.monotonic() + 15
        while True:
            seen = look(service(slots={"blue": {"instances": instances}}))["backend"]
            facts = {one.name[len(prefix) + 1 :]: one for one in seen.slot("blue").containers}
            if facts["restarts"].restarts and not facts["exits"].running:
                break
            assert time.monotonic() < deadline
    finally:
        for name in commands:
            engine.api.remove_container(f"{prefix}-{name}", force=True)
    assert (facts["runs"].running, facts["runs"].restarts) == (True, 0)
    assert (facts["exits"].running, facts["exits"].exit_code) == (False, 3)
    assert facts["missing"] == ContainerFacts(f"{prefix}-missing", False)
    assert seen.slot("blue").probes["live"].bad >= 1


def _read_forever(command: str) -> str:
    """The image has a shell and nothing else."""
    return "read forever" if command.startswith("sleep") else command


# --- requests of our own through nginx ---


def smoke(url: str, **other: t.Any) -> t.Dict[str, t.Any]:
    return {
        "target": {
            "name": "backend through nginx",
            "url": url,
            "headers": {"X-Probe-Slot": "green"},
            "header_files": {"X-Probe-Token": TOKEN_FILE},
            "full": "/health",
            "identity": {"path": "version", "value": "1.1.0"},
            "ready_probe": {"timeout": 1},
        },
        "slot": None,
        "paths": ["/health", "/users?page=2"],
        "count": 5,
        "slow": None,
        **other,
    }


def test_smoke_requests_go_round_the_paths(serve: Serve) -> None:
    server = serve(healthy)
    seen = look(service(smoke=smoke(server.url)))["backend"]
    assert server.asked == {"/health": 3, "/users?page=2": 2}
    assert (server.headers["X-Probe-Slot"], server.headers["X-Probe-Token"]) == ("green", TOKEN)
    assert seen.slot("green").probes == {"smoke": Probes(good=5)}


def test_smoke_failures(serve: Serve) -> None:
    server = serve(lambda path: (500 if "users" in path else 200, {}))
    seen = look(service(smoke=smoke(server.url, slot="blue")))["backend"]
    assert seen.slot("blue").probes["smoke"] == Probes(
        3, 2, 0, "backend through nginx: /users answers 500: {}"
    )


def test_smoke_is_bounded_by_number_and_time(serve: Serve) -> None:
    fast, slow = serve(healthy), serve(sleepy(0.2))
    look(service(smoke=smoke(fast.url, count=1000)), budget=10.0)
    assert sum(fast.asked.values()) == MOST_SMOKE
    began = time.monotonic()
    seen = look(service(smoke=smoke(slow.url, count=50, slow=0.1)), budget=1.5)
    assert time.monotonic() - began < 1.5
    probes = seen["backend"].slot("green").probes["smoke"]
    assert 1 <= probes.good < 6
    assert (probes.bad, probes.slow) == (0, probes.good)


def test_no_smoke(serve: Serve) -> None:
    server = serve(healthy)
    assert look(service(smoke=smoke(server.url, count=0)))["backend"].slot("green").probes == {}
    assert not server.asked


# --- metrics ---


def test_metrics(serve: Serve) -> None:
    def behave(path: str) -> t.Tuple[int, t.Any]:
        return 200, {"status": "success", "data": {"resultType": "scalar", "result": [1, "7"]}}

    metrics = [
        {"name": "queue", "url": serve(behave).url, "query": "q"},
        {"name": "gone", "url": "http://127.0.0.1:1", "query": "q"},
    ]
    seen = look(service(metrics=metrics))["backend"]
    assert seen.metrics == {"queue": 7.0, "gone": None}
    assert seen.problems == ("metrics.gone: Prometheus refuses connections",)


# --- arguments ---


def test_targets_whose_secrets_are_read() -> None:
    one, other = instance("blue-1", "http://a"), smoke("http://b")
    slots = {"blue": {"instances": [one]}, "green": None}
    assert raw_targets([service(slots=slots, smoke=other), service()]) == [one, other["target"]]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (
            {"slots": {"blue": {"instances": [{"name": "x"}]}}},
            "targets: each needs a name and a url",
        ),
        (
            {"slots": {"blue": {"instances": [instance("x", "nowhere")]}}},
            "targets.x.url: 'nowhere' is not a URL",
        ),
        ({"smoke": smoke("http://b", paths=["users"])}, "ready: 'users' must be a path"),
        ({"smoke": smoke("http://b", paths=[])}, "smoke.paths: name at least one"),
        (
            {"metrics": [{"name": "m", "url": "nowhere", "query": "q"}]},
            r"metrics\.m\.url: 'nowhere' is not a URL",
        ),
    ],
)
def test_mistakes_are_named(wrong: t.Dict[str, t.Any], message: str) -> None:
    with pytest.raises(TargetError, match=message):
        Watched.parse(service(**wrong), {TOKEN_FILE: TOKEN})
