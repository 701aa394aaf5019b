# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Slots are brought to each state once, told in check mode, and no secret of theirs is shown."""

from __future__ import annotations

import json
import pathlib
import random
import typing as t
import uuid

import pytest

from ansible_collections.tagadodo.deploy.plugins.module_utils._lock import Holder, Lock
from ansible_collections.tagadodo.deploy.plugins.modules import instances

SECRET = "hush-hush"
RUNTIME = {
    "port": 3000,
    "env": {"NODE_ENV": "production"},
    "stop_timeout": 1,
    "resources": {"memory": "64m", "cpus": 0, "pids": 32, "log_size": "1m", "log_files": 1},
    "security": {"user": "1001:1001", "read_only": True, "tmpfs": ["/tmp"], "capabilities": []},
}
Bring = t.Callable[..., t.Dict[str, t.Any]]


class Host:
    """A project of its own with its network on the real engine, and a slot that has one instance."""

    def __init__(self, client: t.Any, image: str, subnet: str) -> None:
        self.client = client
        self.project = f"unit-{uuid.uuid4().hex[:8]}"
        self.name = f"{self.project}-backend-green-1"
        self.addresses = subnet.removesuffix("0/28")
        self.image = image
        pool = {"Driver": "default", "Config": [{"Subnet": subnet}]}
        client.api.create_network(self.project, driver="bridge", ipam=pool)

    def second(self) -> dict[str, t.Any]:
        name = f"{self.project}-backend-green-2"
        return {"name": name, "number": 2, "address": f"{self.addresses}10"}

    def slot(self, **changes: t.Any) -> dict[str, t.Any]:
        instance = {"name": self.name, "number": 1, "address": f"{self.addresses}9"}
        return {
            "service": "backend",
            "slot": "green",
            "release": "20261122-231530",
            "version": "1.0.0",
            "image": self.image,
            "runtime": RUNTIME,
            "instances": [instance],
            **changes,
        }

    def containers(self) -> list[t.Any]:
        return list(
            self.client.containers.list(
                all=True, filters={"name": self.project}, ignore_removed=True
            )
        )

    def empty(self) -> None:
        for container in self.containers():
            container.remove(force=True, v=True)

    def remove(self) -> None:
        self.empty()
        self.client.api.remove_network(self.project)


@pytest.fixture(scope="module")
def host(engine: t.Any, pushed: t.Any) -> t.Iterator[Host]:
    made = Host(engine, pushed.by_digest, f"10.254.{random.randrange(256)}.0/28")
    yield made
    made.remove()


@pytest.fixture
def bring(host: Host, run_module: t.Any, tmp_path: pathlib.Path) -> t.Iterator[Bring]:
    """Bring the slot to a state; its containers are removed after the test."""

    def once(state: str, check_mode: bool = False, **arguments: t.Any) -> dict[str, t.Any]:
        given = {
            "project": host.project,
            "network": host.project,
            "state_dir": str(tmp_path),
            "slots": [host.slot()],
            "secrets": {"backend": {"TOKEN": SECRET}},
            **arguments,
        }
        answer = run_module(instances, check_mode, state=state, **given)
        assert SECRET not in json.dumps(answer)
        return dict(answer)

    yield once
    host.empty()


def actions(answer: t.Mapping[str, t.Any]) -> list[tuple[str, str, str]]:
    return [(one["action"], one["what"], one["reason"]) for one in answer["actions"]]


@pytest.mark.engine
def test_the_life_of_a_slot(bring: Bring, host: Host, tmp_path: pathlib.Path) -> None:
    pull = ("pull", host.image, "not on this host")
    _brings(bring, "pulled", [pull])
    assert list(tmp_path.iterdir()) == []

    would = bring("started", check_mode=True)
    assert (would["changed"], host.containers(), list(tmp_path.iterdir())) == (True, [], [])
    _brings(bring, "started", [("create", host.name, "missing")])
    facts = host.containers()[0].attrs
    assert "TOKEN=hush-hush" in facts["Config"]["Env"]
    assert facts["NetworkSettings"]["Networks"][host.project]["IPAddress"] == f"{host.addresses}9"
    assert SECRET not in str(facts["Config"]["Labels"])

    other = {"secrets": {"backend": {"TOKEN": "hush-hush-hush"}}}
    was = host.containers()[0].id
    reason = "other fingerprint"
    _brings(
        bring, "started", [("remove", host.name, reason), ("create", host.name, reason)], **other
    )
    assert [one.id != was for one in host.containers()] == [True]

    left = {"service": "backend", "slot": "green", "runtime": {"stop_timeout": 1}}
    _brings(bring, "stopped", [("stop", host.name, "its slot is left")], slots=[left])
    assert [one.status for one in host.containers()] == ["exited"]

    stopped = actions(bring("started", check_mode=True, **other))
    assert [(action, name) for action, name, _status in stopped] == [("start", host.name)]
    assert bring("started", **other)["changed"]
    assert [one.status for one in host.containers()] == ["running"]

    _brings(bring, "absent", [("remove", host.name, "not wanted")], slots=[left])
    assert host.containers() == []


@pytest.mark.engine
def test_of_a_slot_only_the_given_instances_are_stopped(bring: Bring, host: Host) -> None:
    one = host.slot()
    both = {**one, "instances": [*one["instances"], host.second()]}
    bring("pulled")
    assert bring("started", slots=[both])["changed"]
    last = {**one, "instances": [host.second()]}
    stop = ("stop", host.second()["name"], "its slot is left")
    _brings(bring, "stopped", [stop], slots=[last])
    assert {c.name: c.status for c in host.containers()} == {
        host.name: "running",
        host.second()["name"]: "exited",
    }
    surplus = ("remove", host.second()["name"], "no longer one of the slot's instances")
    _brings(bring, "started", [surplus])


@pytest.mark.engine
def test_starting_pulls_what_is_missing(bring: Bring, host: Host) -> None:
    for image in host.client.images.list(filters={"reference": host.image.split("@")[0]}):
        host.client.images.remove(image.id, force=True)
    expected = [("pull", host.image, "not on this host"), ("create", host.name, "missing")]
    _brings(bring, "started", expected)


@pytest.mark.engine
def test_what_was_started_is_proven_or_the_module_fails(bring: Bring, host: Host) -> None:
    target = {
        "name": "backend-green-1",
        "url": "http://127.0.0.1:1",
        "container": host.name,
        "ready_probe": {"failures": 1, "period": 0.2},
    }
    assert bring("started", check_mode=True, prove=[target])["proven"] == {}
    failed = bring("started", prove=[target])
    assert (failed["failed"], failed["changed"]) == (True, True)
    assert failed["msg"].startswith("backend-green-1: not ready within 0.2 s: / ")
    assert [one.status for one in host.containers()] == ["running"]
    wrong = bring("started", prove=[{**target, "url": "nowhere"}])
    assert wrong["msg"].startswith("targets.backend-green-1.url: 'nowhere' is not a URL")


@pytest.mark.engine
def test_the_ledger_knows_before_anything_is_done(
    bring: Bring, host: Host, tmp_path: pathlib.Path
) -> None:
    none = host.slot(image="127.0.0.1:1/none@sha256:" + "0" * 64)
    intent = {
        "outcome": "running",
        "records": [{"service": "backend", "release": "r1", "facts": {"version": "1.0.0"}}],
    }
    assert bring("pulled", slots=[none], record=[intent])["failed"]
    path = tmp_path / "releases/backend/r1.json"
    assert json.loads(path.read_text())["outcome"] == "running"
    before = path.read_text()
    assert bring("started", record=[intent])["written"] == []
    assert path.read_text() == before
    ended = {**intent, "outcome": "succeeded"}
    assert bring("stopped", check_mode=True, record=[ended])["written"] == ["backend/r1"]
    assert path.read_text() == before
    assert bring("stopped", record=[ended])["written"] == ["backend/r1"]
    assert json.loads(path.read_text())["outcome"] == "succeeded"


@pytest.mark.engine
def test_the_last_change_of_a_run_lets_go_of_its_lock(bring: Bring, tmp_path: pathlib.Path) -> None:
    lock = Lock(tmp_path)
    lock.take(Holder("mine", "ada", "a release"))
    assert bring("stopped", lock="mine")["let_go"] == ""
    assert "lost the lock" in bring("stopped", lock="another", last=True)["msg"]
    assert lock.holder() is not None
    assert bring("stopped", lock="mine", last=True)["let_go"] == "mine"
    assert lock.holder() is None


@pytest.mark.engine
def test_images_that_nobody_needs_are_removed_at_last(bring: Bring, host: Host) -> None:
    """Never one that a container is of, whether it runs or not, and never with an error."""
    none = host.image.split("@")[0] + "@sha256:" + "0" * 64
    asked = {"slots": [], "surplus": [none, host.image]}
    bring("started")
    bring("stopped")
    kept = bring("stopped", **asked)
    assert (kept.get("failed", False), kept["changed"], kept["actions"]) == (False, False, [])
    (told,) = kept["warnings"]
    assert f"no way back needs stays on this host: removing image {host.image}: " in str(told)
    bring("absent")
    _brings(bring, "stopped", [("remove", host.image, "no way back needs it")], **asked)
    assert bring("pulled", check_mode=True)["actions"][0]["action"] == "pull"


def _brings(
    bring: Bring, state: str, expected: list[tuple[str, str, str]], **arguments: t.Any
) -> None:
    """It tells, does, shows and finds nothing left to do."""
    would = bring(state, check_mode=True, **arguments)
    done = bring(state, **arguments)
    assert actions(would) == actions(done) == expected
    assert would["changed"]
    assert done["changed"]
    assert done["diff"]["after"] == "".join(f"{a} {what} ({why})\n" for a, what, why in expected)
    again = bring(state, **arguments)
    assert (again["changed"], again["actions"], again["diff"]["after"]) == (False, [], "")


@pytest.mark.engine
@pytest.mark.parametrize(
    ("state", "changes", "message"),
    [
        (
            "started",
            {"runtime": {**RUNTIME, "resources": {**RUNTIME["resources"], "memory": "apples"}}},
            "slots.backend.green.runtime.resources.memory: 'apples' is not a size such as 512m or 1g",
        ),
        (
            "started",
            {"runtime": None},
            "slots.backend.green.runtime: missing; state=started needs it",
        ),
        (
            "started",
            {"image": ""},
            "slots.backend.green.image: missing; state=started needs it",
        ),
        ("pulled", {"image": ""}, "slots.backend.green.image: missing; state=pulled needs it"),
        (
            "pulled",
            {"image": "127.0.0.1:1/none@sha256:" + "0" * 64},
            "pulling 127.0.0.1:1/none@sha256:" + "0" * 64 + ": ",
        ),
        (
            "started",
            {"image": "127.0.0.1:1/none@sha256:" + "0" * 64},
            "pulling 127.0.0.1:1/none@sha256:" + "0" * 64 + ": ",
        ),
        (
            "started",
            {"slot": "pink"},
            "value of slot must be one of: blue, green, got: pink found in slots",
        ),
    ],
)
def test_a_mistake_is_named_in_one_line(
    bring: Bring, host: Host, state: str, changes: t.Any, message: str
) -> None:
    failed = bring(state, slots=[host.slot(**changes)])
    assert failed["failed"]
    assert failed["msg"].startswith(message.format(name=host.name))
    assert host.containers() == []


def test_an_engine_that_does_not_answer(
    run_module: t.Any, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("docker")
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere/docker.sock")
    slot = {"service": "backend", "slot": "green"}
    failed = run_module(
        instances,
        state="stopped",
        state_dir=str(tmp_path),
        slots=[slot],
        secrets={"backend": {"TOKEN": SECRET}},
    )
    assert failed["msg"].startswith("the Docker engine does not answer")
    assert SECRET not in json.dumps(failed)
