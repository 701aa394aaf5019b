# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a host tells of itself: all a plan needs, in one call that changes nothing and shows no secret."""

from __future__ import annotations

import json
import pathlib
import typing as t
import uuid

import pytest

from ansible_collections.tagadodo.deploy.plugins.module_utils._documents import Files
from ansible_collections.tagadodo.deploy.plugins.module_utils._instance import LABEL, fingerprint
from ansible_collections.tagadodo.deploy.plugins.module_utils._ledger import Ledger
from ansible_collections.tagadodo.deploy.plugins.module_utils._traffic import add_switches
from ansible_collections.tagadodo.deploy.plugins.modules import release_info

SECRET = "hush-hush"
RUNTIME = {"port": 3000, "env": {"NODE_ENV": "production"}}
Read = t.Callable[..., t.Dict[str, t.Any]]


@pytest.fixture
def read(run_module: t.Any, tmp_path: pathlib.Path) -> Read:
    """Ask the module, with a secret among what it is given."""

    def read_with(check_mode: bool = False, **arguments: t.Any) -> dict[str, t.Any]:
        given = {
            "state_dir": str(tmp_path / "state"),
            "project": f"unit-{uuid.uuid4().hex[:8]}",
            "runtimes": {"backend": RUNTIME},
            "secrets": {"backend": {"TOKEN": SECRET}},
            **arguments,
        }
        answer = run_module(release_info, check_mode, **given)
        assert SECRET not in json.dumps(answer)
        return {key: value for key, value in answer.items() if key != "invocation"}

    return read_with


@pytest.fixture
def state(tmp_path: pathlib.Path) -> pathlib.Path:
    """A host with a switch at 25 % and three releases."""
    path = tmp_path / "state"
    add_switches(path, ["backend", "frontend"])
    (path / "traffic/backend/green").mkdir(exist_ok=True)
    for bucket in range(25):
        (path / "traffic/backend/green" / str(bucket)).touch()
    for day in (1, 2, 3):
        Ledger(Files(path)).update("backend", f"2026010{day}-000000", {"version": "1"}, write=True)
    (path / "fingerprint.key").write_text("0123", "ascii")
    return path


def files(path: pathlib.Path) -> dict[str, int]:
    return {str(file): file.lstat().st_mtime_ns for file in sorted(path.rglob("*"))}


@pytest.mark.engine
@pytest.mark.usefixtures("engine")
def test_a_host_without_anything(read: Read, tmp_path: pathlib.Path) -> None:
    nothing = (
        *("shares", "instances_in_traffic", "releases", "requests", "images"),
        *("servers", "addresses"),
    )
    answer = read(logs={"backend": str(tmp_path / "none.json")})
    assert answer.pop("fingerprints").keys() == {"backend"}
    assert answer == {
        "changed": False,
        "containers": [],
        "damaged": [],
        "stock": [],
        "lock": {},
        **{name: {} for name in nothing},
    }
    assert list(tmp_path.iterdir()) == []


@pytest.mark.engine
@pytest.mark.usefixtures("engine")
def test_switches_releases_and_fingerprints(read: Read, state: pathlib.Path) -> None:
    before = files(state)
    answer = read(limit=2)
    assert answer["shares"] == {"backend": 25, "frontend": 0}
    assert [one["release"] for one in answer["releases"]["backend"]] == [
        "20260103-000000",
        "20260102-000000",
    ]
    assert answer["fingerprints"] == {"backend": fingerprint(b"0123", RUNTIME, {"TOKEN": SECRET})}
    other = read(secrets={"backend": {"TOKEN": "hush-hush-hush"}})
    assert other["fingerprints"] != answer["fingerprints"]
    assert read(check_mode=True, limit=2) == answer
    assert files(state) == before


@pytest.mark.engine
def test_the_containers_of_this_project_alone(read: Read, engine: t.Any, shell_image: str) -> None:
    project = f"unit-{uuid.uuid4().hex[:8]}"
    facts = {"service": "backend", "slot": "green", "version": "1.1.0", "release": "r1"}
    labels = {**facts, "image": "t/backend@sha256:11", "fingerprint": "0123456789abcdef"}
    of = {f"{project}-backend-green-1": {**labels, "project": project, "instance": "1"}}
    of[f"{project}-other"] = {**labels, "project": f"{project}-other"}
    of[f"{project}-redis"] = {"project": project}
    for name, given in of.items():
        marks = {LABEL + key: value for key, value in given.items()}
        engine.api.create_container(shell_image, name=name, labels=marks)
    try:
        (found,) = read(project=project)["containers"]
    finally:
        for name in of:
            engine.api.remove_container(name, force=True)
    assert found.pop("started_at").isdigit()
    assert found == {
        "name": f"{project}-backend-green-1",
        **labels,
        "number": 1,
        "running": False,
        "status": "Created",
        "health": "",
    }


@pytest.mark.engine
def test_tags_are_asked_of_the_registry_else_of_the_host(
    read: Read, pushed: t.Any, engine: t.Any
) -> None:
    nowhere = "127.0.0.1:1/tagadodo/backend:1.0.0"
    nobody = pushed.tag.replace("1.0.0", "9.9.9")
    images = read(tags=[pushed.tag, nowhere, nobody])["images"]
    assert images[pushed.tag] == {"digest": pushed.digest, "source": "registry"}
    assert "connection refused" in images[nowhere]["error"]
    assert images[nobody].keys() == {"error"}

    engine.images.pull(pushed.by_digest)
    engine.api.tag(pushed.by_digest, pushed.tag.rpartition(":")[0], "9.9.9")
    assert read(tags=[nobody])["images"] == {nobody: {"digest": pushed.digest, "source": "host"}}


@pytest.mark.engine
def test_images_of_past_releases_and_what_else_wants_them(
    read: Read, state: pathlib.Path, pushed: t.Any, engine: t.Any, shell_image: str
) -> None:
    """Images that no release of this ledger was made of are not even named."""
    project, repository = f"unit-{uuid.uuid4().hex[:8]}", pushed.tag.rpartition(":")[0]

    def held() -> list[str]:
        answer = read(stock=True, project=project)
        assert all(one["images"] == [pushed.by_digest] for one in answer["stock"])
        assert all(one["size"] > 0 for one in answer["stock"])
        return [one["held"] for one in answer["stock"]]

    for image in engine.api.images(repository):
        engine.api.remove_image(image["Id"], force=True)
    engine.images.pull(pushed.by_digest)
    assert held() == []
    Ledger(Files(state)).update(
        "backend", "20260104-000000", {"image": pushed.by_digest}, write=True
    )
    assert (held(), read(project=project)["stock"]) == ([""], [])

    engine.api.tag(pushed.by_digest, repository, "mine")
    assert held() == [f"it is {repository}:mine too"]
    engine.api.remove_image(f"{repository}:mine")
    engine.images.pull(pushed.by_digest)

    name = f"{project}-stopped"
    engine.api.create_container(pushed.by_digest, name=name)
    assert held() == [f"container {name} is of it"]
    engine.api.remove_container(name)

    marks = {LABEL + "project": "other", LABEL + "image": f"{repository}@sha256:00"}
    engine.api.create_container(shell_image, name=name, labels=marks)
    try:
        assert held() == ["installation other releases from the same repository"]
    finally:
        engine.api.remove_container(name)
    assert held() == [""]


@pytest.mark.engine
@pytest.mark.usefixtures("engine")
def test_a_spoilt_record_is_named_and_survived(read: Read, state: pathlib.Path) -> None:
    spoilt = state / "releases/backend/20260102-000000.json"
    spoilt.write_text("{", "ascii")
    answer = read()
    assert [one["release"] for one in answer["releases"]["backend"]] == [
        "20260103-000000",
        "20260101-000000",
    ]
    (told,) = answer["damaged"]
    assert told.startswith(f"{spoilt}: not a readable release record")


def test_an_engine_that_does_not_answer(read: Read, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("docker")
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere/docker.sock")
    assert read()["msg"].startswith("the Docker engine does not answer")
