# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reports on the controller: from what all hosts know, and in nobody's way when they cannot be written."""

from __future__ import annotations

import json
import pathlib
import typing as t

import pytest

NAME = "20261122-231530"
SERVICE = {
    "schema": 1,
    "service": "backend",
    "release": NAME,
    "version": "1.1.0",
    "slot": "green",
    "outcome": "succeeded",
    "started_at": "2026-11-22T23:15:30Z",
    "finished_at": "2026-11-22T23:16:30Z",
    "shares": [{"at": "2026-11-22T23:15:50Z", "share": {"green": 100}}],
}
WHOLE = {
    "schema": 1,
    "service": "_environment",
    "release": NAME,
    "outcome": "succeeded",
    "by": "amina",
    "hosts": ["web1", "web2"],
    "of_services": {"backend": {"release": NAME, "to": "1.1.0"}},
}
MIGRATIONS = {"state": "applied", "applied": ["001-users"], "image": "backend@sha256:01"}


def ledger(**facts: t.Any) -> dict[str, t.Any]:
    return {"records": {"backend": [{**SERVICE, **facts}], "_environment": [WHOLE]}, "damaged": []}


# One host has migrated, the other one was lost before it could record how it ended.
LEDGERS = [ledger(outcome="running", migrations=MIGRATIONS), ledger(), {"msg": "unreachable"}]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    return tmp_path_factory.mktemp("reports")


@pytest.fixture(scope="module")
def answers(play: t.Any, folder: pathlib.Path) -> dict[str, t.Any]:
    (folder / "file").write_text("no directory")

    def report(name: str, **more: t.Any) -> dict[str, t.Any]:
        arguments = {"ledgers": LEDGERS, "directory": str(folder / name), **more}
        return {"tagadodo.deploy.release_report": arguments}

    tasks = {
        "check": {**report("all"), "check_mode": True},
        "write": report("all"),
        "again": report("all"),
        "in arabic": report("ar", language="ar"),
        "nowhere": {"tagadodo.deploy.release_report": {"ledgers": LEDGERS, "directory": ""}},
        "not there": report("file"),
        "not there, on the side": report("file", required=False),
        "nobody knows": report("none", ledgers=[{"msg": "unreachable"}]),
        "nobody knows, on the side": report("none", ledgers=[], required=False),
        "another language": report("all", language="tlh"),
    }
    return dict(play(tasks, {}))


FILES = [f"{NAME}.{ending}" for ending in ("html", "json", "md")]
INDEX = ["index.html", "index.json", "index.md"]


def test_a_check_names_what_would_be_written(answers: dict[str, t.Any]) -> None:
    result = answers["check"].result
    assert (result["changed"], result["written"]) == (True, FILES + INDEX)
    assert f"+{NAME}.html" in answers["check"].shown


def test_what_any_host_knows_is_in_the_report(
    answers: dict[str, t.Any], folder: pathlib.Path
) -> None:
    result = answers["write"].result
    assert (result["changed"], result["written"]) == (True, FILES + INDEX)
    assert result["index"] == str(folder / "all/index.html")
    assert f"Reports of all releases (1): {result['index']}" in answers["write"].shown
    known = json.loads((folder / f"all/{NAME}.json").read_text("utf-8"))
    assert (known["outcome"], known["seconds"], known["by"]) == ("succeeded", 60, "amina")
    assert known["services"][0]["migrations"] == MIGRATIONS


def test_what_is_there_already_is_left_alone(answers: dict[str, t.Any]) -> None:
    result = answers["again"].result
    assert (result["changed"], result["written"]) == (False, [])


def test_another_language_can_be_asked_for(answers: dict[str, t.Any], folder: pathlib.Path) -> None:
    assert answers["in arabic"].result["changed"]
    assert 'dir="rtl"' in (folder / f"ar/{NAME}.html").read_text("utf-8")


MISTAKES = {
    "nowhere": "set deploy_report_dir",
    "not there": "File exists",
    "nobody knows": "no host says what was released: unreachable",
    "another language": "language",
}


@pytest.mark.parametrize("case", MISTAKES)
def test_a_mistake_is_named_in_one_line(answers: dict[str, t.Any], case: str) -> None:
    result = answers[case].result
    assert result.get("failed"), result
    assert MISTAKES[case] in result["msg"]
    assert "\n" not in result["msg"]


@pytest.mark.parametrize("case", ["not there, on the side", "nobody knows, on the side"])
def test_beside_a_release_it_is_a_warning(answers: dict[str, t.Any], case: str) -> None:
    result = answers[case].result
    assert not result.get("failed"), result
    assert result["changed"] is False
