# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Manifests on the controller: a check tells what a run then does, and a mistake is told before anything is written."""

from __future__ import annotations

import pathlib
import typing as t

import pytest
import yaml

SERVICES = {
    "backend": {
        "image": "tagadodo/backend",
        "port": "{{ backend_port }}",
        "hostnames": ["api.example.com"],
        "env": {"LEVEL": "{{ level }}", "FEATURE": "yes"},
        "secrets": {"JWT_SECRET": "{{ undefined_here }}"},
    },
}
VARIABLES = {"services": SERVICES, "backend_port": 3000, "level": "info", "project": "tagadodo"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    return tmp_path_factory.mktemp("manifests")


@pytest.fixture(scope="module")
def answers(play: t.Any, folder: pathlib.Path) -> dict[str, t.Any]:
    (folder / "file").write_text("no directory")

    def manifests(name: str, **more: t.Any) -> dict[str, t.Any]:
        arguments = {
            "services": "{{ services | tagadodo.deploy.public_services }}",
            "project": "{{ project }}",
            "version": "1.0.0",
            "directory": str(folder / name) if name else "",
            **more,
        }
        return {"tagadodo.deploy.manifests": arguments}

    tasks = {
        "check": {**manifests("all"), "check_mode": True},
        "write": manifests("all"),
        "again": manifests("all"),
        "another port": manifests(
            "all", services={"backend": {**SERVICES["backend"], "port": 3001, "secrets": {}}}
        ),
        "nowhere": manifests(""),
        "a file": manifests("file"),
        "no version": manifests("none", version=""),
        "an old cluster": manifests("none", cluster={"version": "1.19"}),
        "a third slot": manifests("none", slot="red"),
        "a project that is none": manifests("none", project="Shop"),
    }
    return dict(play(tasks, VARIABLES))


def test_a_check_tells_what_a_run_then_does(answers: dict[str, t.Any]) -> None:
    check, write = answers["check"].result, answers["write"].result
    assert check["changed"] is write["changed"] is True
    assert check["written"] == write["written"]
    assert check["diff"] == write["diff"]
    assert "+  LEVEL: info" in answers["check"].shown
    assert "backend: 1.0.0 in blue, 100 %:" in answers["write"].shown


def test_a_check_writes_nothing(answers: dict[str, t.Any]) -> None:
    assert all(one["before"] == "" for one in answers["write"].result["diff"])


def test_texts_of_the_inventory_are_texts_in_the_manifests(
    answers: dict[str, t.Any], folder: pathlib.Path
) -> None:
    (path,) = (folder / "all/backend").glob("env-*.yaml")
    made = yaml.safe_load(path.read_text())
    assert made["data"] == {"FEATURE": "yes", "LEVEL": "info"}
    assert 'FEATURE: "yes"' in path.read_text()


def test_the_same_again_changes_nothing(answers: dict[str, t.Any]) -> None:
    again = answers["again"].result
    assert (again["changed"], again["written"], again["removed"], again["diff"]) == (
        False,
        [],
        [],
        [],
    )


def test_another_setting_changes_its_files_alone(answers: dict[str, t.Any]) -> None:
    changed = answers["another port"].result
    assert changed["written"] == ["README.md", "backend/blue.yaml", "backend/shared.yaml"]


@pytest.mark.parametrize(
    ("task", "told"),
    [
        ("nowhere", "render_dir: nothing says where to; give -e render_dir=manifests"),
        (
            "no version",
            "services.backend.version: no version to deploy; give -e version=… or set it",
        ),
        ("an old cluster", "deploy_kubernetes.version: 1.19 is too old; 1.20 is the oldest"),
        ("a third slot", "value of slot must be one of: blue, green, got: red"),
        (
            "a project that is none",
            "deploy_project: 'Shop' may have lower-case letters, digits and dashes, and starts with a letter,"
            " as names on Kubernetes do",
        ),
    ],
)
def test_a_mistake_is_told_and_nothing_written(
    answers: dict[str, t.Any], folder: pathlib.Path, task: str, told: str
) -> None:
    assert answers[task].result["msg"] == told
    assert not (folder / "none").exists()


def test_what_cannot_be_written_is_told_in_one_line(answers: dict[str, t.Any]) -> None:
    told = answers["a file"].result["msg"]
    assert told.startswith("render_dir: ")
    assert "\n" not in told
