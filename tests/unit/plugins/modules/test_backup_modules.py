# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The modules of backups, from an empty repository to a restore, over the files of an installation without databases.

restic and its repository are real; databases are for the integration tests.
"""

from __future__ import annotations

import json
import pathlib
import typing as t

import pytest

from ansible_collections.tagadodo.deploy.plugins.modules import (
    backup,
    backup_info,
    backup_repository,
    backup_restore,
)

pytestmark = pytest.mark.engine


@pytest.fixture
def place(tmp_path: pathlib.Path) -> pathlib.Path:
    """An installation: its settings of backups, and one note worth keeping."""
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "one").write_text("first")
    (tmp_path / "password").write_text("a long password\n")
    settings = {
        "project": "shop",
        "backup_project": "shop",
        "host": "web1",
        "network": "shop",
        **{f"{name}_dir": str(tmp_path / name) for name in ("config", "state", "staging")},
        "repository": str(tmp_path / "repository"),
        "password_file": str(tmp_path / "password"),
        "environment": {},
        "files": {"notes": [str(tmp_path / "notes")]},
        "keep": {"last": 3},
        "timeout": 60,
    }
    (tmp_path / "settings.json").write_text(json.dumps(settings))
    return tmp_path


Ask = t.Callable[..., t.Dict[str, t.Any]]


@pytest.fixture
def ask(run_module: t.Any, place: pathlib.Path, engine: t.Any) -> Ask:
    def asked(module: t.Any, **arguments: t.Any) -> t.Dict[str, t.Any]:
        return dict(run_module(module, settings=str(place / "settings.json"), **arguments))

    return asked


def test_a_backup_is_listed_and_comes_back(ask: Ask, place: pathlib.Path) -> None:
    assert ask(backup_repository)["changed"]
    none = ask(backup_info, max_age=24)
    assert (none["problem"], none["snapshots"]) == ("there is no backup of shop", [])

    made = ask(backup, tags=["scheduled"])
    known = ask(backup_info, max_age=24)
    assert known["problem"] == ""
    assert known["msg"].startswith("the newest backup of shop (")
    (row,) = known["snapshots"]
    assert made["snapshot"].startswith(row["id"])
    assert "scheduled" in row["tags"]
    assert list(row["manifest"]["sources"]) == ["notes"]
    assert "manifest" not in ask(backup_info, limit=0)["snapshots"][0]

    (place / "notes" / "one").write_text("second")
    refused = ask(backup_restore)
    assert refused["failed"]
    assert refused["msg"].startswith(f"not empty: notes has {place}/notes")
    planned = ask(backup_restore, overwrite=True, check_mode=True)
    assert planned["msg"].startswith("would restore snapshot ")
    assert (place / "notes" / "one").read_text() == "second"
    done = ask(backup_restore, overwrite=True)
    assert (done["changed"], done["differences"]) == (True, [])
    assert (place / "notes" / "one").read_text() == "first"


def test_a_rehearsal_changes_nothing_and_leaves_a_report(ask: Ask, place: pathlib.Path) -> None:
    ask(backup_repository)
    ask(backup)
    (place / "notes" / "one").write_text("second")
    rehearsed = ask(backup_restore, rehearse=True)
    assert (rehearsed["changed"], rehearsed["ok"]) == (False, True)
    assert json.loads(pathlib.Path(rehearsed["report"]).read_text())["msg"] == rehearsed["msg"]
    assert (place / "notes" / "one").read_text() == "second"
    assert not (place / "staging").exists()


def test_what_cannot_be_read_is_one_line_that_says_what_to_do(
    ask: Ask, place: pathlib.Path
) -> None:
    ask(backup_repository)
    ask(backup)
    (place / "password").write_text("another password\n")
    for module in (backup_info, backup_restore):
        assert "the password is wrong" in ask(module)["msg"]
    (place / "settings.json").unlink()
    for module in (backup_info, backup_restore):
        refused = ask(module)
        assert refused["failed"]
        assert refused["msg"].endswith("is backup_repository set, and has site.yml run since?")
    assert ask(backup_restore, check_mode=True)["msg"].startswith("would set up this host first")
