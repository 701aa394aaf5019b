# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the controller finds: a clone with its tags and branches, declared variables, staging's reports, checks of one's own."""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import sys
import typing as t

import pytest

from ansible_collections.tagadodo.deploy.plugins.module_utils._checklist import (
    ChecklistError,
    Finding,
)
from ansible_collections.tagadodo.deploy.plugins.plugin_utils._checklist_here import (
    Asked,
    checks_of,
    found_here,
)

IMAGE = "docker.io/tagadodo/backend@sha256:" + "1" * 64
BACKEND = Asked("backend", "v1.1.0", IMAGE, frozenset({"PORT", "JWT_SECRET"}))
SHOP = Asked("shop", "v1.1.0", IMAGE.replace("1", "2"))
WHO = {"NAME": "somebody", "EMAIL": "somebody@example.com"}
GIT = {f"GIT_{role}_{key}": text for role in ("AUTHOR", "COMMITTER") for key, text in WHO.items()}


def git(folder: pathlib.Path, *words: str) -> str:
    command = ["git", "-C", str(folder), *words]
    environment = {**os.environ, **GIT}
    done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def commit(folder: pathlib.Path, message: str, **files: str) -> str:
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(text)
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--allow-empty", f"--message={message}")
    return git(folder, "rev-parse", "HEAD")


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """main has v1.1.0, develop has more."""
    folder = tmp_path_factory.mktemp("app")
    git(folder, "init", "--quiet", "--initial-branch=main")
    commit(folder, "first", __env="PORT=3000\nexport JWT_SECRET=\n# NODE_ENV=production\n")
    git(folder, "tag", "v1.1.0")
    git(folder, "checkout", "--quiet", "-b", "develop")
    commit(folder, "more", __env="PORT=3000\nMONGO_URI=\nREDIS_HOST=\n")
    git(folder, "tag", "v1.2.0")
    return folder


@pytest.fixture
def inventory(tmp_path: pathlib.Path) -> pathlib.Path:
    folder = tmp_path / "inventory"
    folder.mkdir()
    git(folder, "init", "--quiet")
    commit(folder, "hosts", hosts__yml="all:\n")
    return folder


def found(
    item: str,
    checks: t.Mapping[str, t.Any],
    *services: Asked,
    inventory: pathlib.Path = pathlib.Path("/"),
) -> list[Finding]:
    return found_here([item], checks_of(checks), services or (BACKEND,), str(inventory))


def at(version: str, **more: t.Any) -> Asked:
    return Asked("backend", version, IMAGE, **more)


def test_a_tag_on_its_branch_passes(clone: pathlib.Path, inventory: pathlib.Path) -> None:
    (one,) = found("git", {"git": {"repository": str(clone)}}, inventory=inventory)
    short = git(clone, "rev-parse", "--short=10", "v1.1.0")
    assert (one.state, one.evidence) == ("pass", f"v1.1.0 is {short} of main")


def test_a_version_finds_its_commit(clone: pathlib.Path) -> None:
    short = git(clone, "rev-parse", "--short=7", "develop")
    checks = {"git": {"repository": str(clone), "branches": ["main", "develop"]}}
    for version in ("1.1.0", f"develop-{short}"):
        (one,) = found("git", checks, at(version))
        assert one.state == "pass", one.evidence


@pytest.mark.parametrize(
    ("version", "told"),
    [
        ("v1.2.0", ") is not on main"),
        ("v9.9.9", "v9.9.9 is no tag of "),
        ("develop-0123456", "develop-0123456 is no tag of "),
    ],
)
def test_what_is_not_on_its_branch_fails(clone: pathlib.Path, version: str, told: str) -> None:
    (one,) = found("git", {"git": {"repository": str(clone)}}, at(version))
    assert one.state == "fail"
    assert told in one.evidence


def test_what_the_origin_has_counts(clone: pathlib.Path, tmp_path: pathlib.Path) -> None:
    """A clone of a pipeline has no branch of its own."""
    git(tmp_path, "clone", "--quiet", str(clone), "copy")
    git(tmp_path / "copy", "checkout", "--quiet", "--detach")
    (one,) = found("git", {"git": {"repository": str(tmp_path / "copy")}})
    assert one.state == "pass", one.evidence


def test_an_inventory_with_changes_that_are_not_committed_fails(
    clone: pathlib.Path, inventory: pathlib.Path
) -> None:
    (inventory / "hosts.yml").write_text("all: {hosts: {other: {}}}\n")
    checks = {"git": {"repository": str(clone)}}
    changed, tagged = found("git", checks, inventory=inventory)
    assert (changed.state, tagged.state) == ("fail", "pass")
    assert changed.evidence == f"{inventory} has changes that are not committed: hosts.yml"


def test_a_clone_that_is_not_there(inventory: pathlib.Path) -> None:
    (one,) = found("git", {"git": {"repository": "/nowhere"}}, inventory=inventory)
    assert (one.state, one.evidence) == ("fail", "/nowhere: there is no such directory")
    (none,) = found("git", {"git": {"repository": "/"}}, inventory=inventory)
    assert (none.state, "not a git repository" in none.evidence) == ("fail", True)
    (nothing,) = found("git", {}, inventory=inventory)
    assert nothing.state == "open"


def test_variables_are_those_that_the_version_declares(clone: pathlib.Path) -> None:
    checks = {"git": {"repository": str(clone)}, "variables": {"declared": {"backend": ".env"}}}
    (old,) = found("variables", checks)
    assert (old.state, old.evidence) == ("pass", "backend has all 2 that .env declares")
    (new,) = found("variables", checks, at("v1.2.0", variables=BACKEND.variables))
    assert new.state == "fail"
    assert new.evidence == "backend lacks MONGO_URI, REDIS_HOST, which .env declares"


@pytest.mark.parametrize(
    ("declared", "state", "told"),
    [
        ({}, "pass", "backend has 2, all with values"),
        ({"backend": ".env"}, "fail", "git.repository is not set"),
        ({"backend": "/nowhere/.env"}, "fail", "/nowhere/.env: No such file or directory"),
    ],
)
def test_variables_without_a_clone(declared: dict[str, str], state: str, told: str) -> None:
    (one,) = found("variables", {"variables": {"declared": declared}})
    assert one.state == state
    assert told in one.evidence


def reports(folder: pathlib.Path, *releases: tuple[str, str, str]) -> pathlib.Path:
    """Of staging: name, image and outcome, newest first."""
    rows = [{"release": name} for name, _image, _outcome in releases]
    (folder / "index.json").write_text(json.dumps({"releases": rows}))
    for name, image, outcome in releases:
        service = {"name": "backend", "image": image, "outcome": outcome}
        (folder / f"{name}.json").write_text(json.dumps({"release": name, "services": [service]}))
    return folder


@pytest.mark.parametrize(
    ("releases", "state", "told"),
    [
        ([("r2", IMAGE, "succeeded")], "pass", "backend v1.1.0: r2 succeeded"),
        (
            [("r3", "other@sha256:3", "succeeded"), ("r2", IMAGE.replace("docker.io", "mirror"), "succeeded")],
            "pass",
            "backend v1.1.0: r2 succeeded",
        ),
        ([("r3", IMAGE, "failed"), ("r2", IMAGE, "succeeded")], "fail", "backend v1.1.0: r3 failed"),
        ([("r2", "other@sha256:3", "succeeded")], "fail", "no release there had this image (sha256:111111111111)"),
    ],
)  # fmt: skip
def test_staging_has_run_this_image_and_passed(
    tmp_path: pathlib.Path, releases: list[tuple[str, str, str]], state: str, told: str
) -> None:
    (one,) = found("staging", {"staging": {"reports": str(reports(tmp_path, *releases))}})
    assert one.state == state
    assert told in one.evidence


def test_reports_of_staging_that_cannot_be_read_fail(tmp_path: pathlib.Path) -> None:
    (one,) = found("staging", {"staging": {"reports": str(tmp_path)}})
    assert one.state == "fail"
    assert "it cannot be read" in one.evidence


def python(text: str) -> dict[str, t.Any]:
    return {"tests": {"command": [sys.executable, "-c", text, "{service}", "{version}"]}}


@pytest.mark.parametrize(
    ("text", "state", "told"),
    [
        ("import sys; print('run 7 of', sys.argv[2])", "pass", "run 7 of v1.1.0"),
        ("import sys; sys.exit('run 7 has failed')", "fail", "run 7 has failed"),
        ("raise SystemExit(3)", "fail", "it ended with 3"),
    ],
)
def test_a_command_answers(text: str, state: str, told: str) -> None:
    (one,) = found("tests", python(text))
    assert (one.state, one.evidence) == (state, told)


def test_a_command_is_asked_once_for_what_is_the_same() -> None:
    each = found("tests", python("import sys; print(*sys.argv[1:])"), BACKEND, SHOP)
    assert [one.evidence for one in each] == ["backend v1.1.0", "shop v1.1.0"]
    by_version = {"tests": {"command": ["echo", "{version}"]}}
    assert len(found("tests", by_version, BACKEND, SHOP)) == 1


def test_a_command_that_cannot_be_run_or_does_not_end() -> None:
    (absent,) = found("tests", {"tests": {"command": ["/nowhere/ci"]}})
    assert (absent.state, absent.evidence) == ("fail", "/nowhere/ci: No such file or directory")
    (slow,) = found("tests", {"tests": {"command": ["sleep", "60"], "timeout": 1}})
    assert (slow.state, slow.evidence) == ("fail", "it did not end within 1 s")


def test_a_commit_that_nobody_knows_leaves_it_open(clone: pathlib.Path) -> None:
    checks = {"tests": {"command": ["echo", "{commit}"]}, "git": {"repository": str(clone)}}
    (known,) = found("tests", checks)
    assert known.evidence == git(clone, "rev-parse", "v1.1.0")
    (unknown,) = found("tests", checks, at("v9.9.9"))
    assert unknown.state == "open"


@pytest.mark.parametrize(
    ("expect", "state"), [("", "pass"), ("success", "pass"), ("failure", "fail")]
)
def test_a_url_answers(tmp_path: pathlib.Path, expect: str, state: str) -> None:
    (tmp_path / "v1.1.0.json").write_text('{"state": "success"}')
    url = f"file://{tmp_path}/{{version}}.json"
    (one,) = found("linter", {"linter": {"url": url, "expect": expect}})
    assert one.state == state, one.evidence
    (absent,) = found("linter", {"linter": {"url": url}}, at("v2"))
    assert absent.state == "fail"


def test_what_nothing_answers_is_open() -> None:
    for item in ("review", "tests", "tickets", "staging"):
        assert [one.state for one in found(item, {})] == ["open"]


@pytest.mark.parametrize(
    ("raw", "told"),
    [
        ({"tsts": {}}, "deploy_checks.tsts: not known; did you mean tests?"),
        ({"disk": {"minimum": 3}}, "deploy_checks.disk.minimum: not known; did you mean minimum_percent?"),
        ({"disk": 3}, "deploy_checks.disk: 3: expected settings by name"),
        ({"tests": {"url": "http://ci/{verison}"}}, "deploy_checks.tests.verison: not known; did you mean version?"),
        ({"tests": {"expect": "("}}, "deploy_checks.tests.expect: ( is no regular expression"),
        ("tests", "deploy_checks: tests: expected settings by item"),
    ],
)  # fmt: skip
def test_checks_that_make_no_sense_are_refused(raw: t.Any, told: str) -> None:
    with pytest.raises(ChecklistError) as error:
        checks_of(raw)
    assert str(error.value).startswith(told)


def test_settings_that_are_not_given_have_their_defaults() -> None:
    checks = checks_of({"disk": {"minimum_percent": "20"}})
    assert checks["disk"] == {"minimum_percent": 20.0, "paths": []}
    assert checks["git"]["branches"] == ["main"]
