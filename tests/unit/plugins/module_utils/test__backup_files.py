# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files in a backup: copied with what they are, put back so that nothing else is left."""

from __future__ import annotations

import pathlib

import pytest

from ansible_collections.tagadodo.deploy.plugins.module_utils._backup_files import (
    facts_at,
    occupied,
    put_back,
    stage,
)


@pytest.fixture
def tree(tmp_path: pathlib.Path) -> pathlib.Path:
    """etc/{tls/{key,now -> key},empty/,backup/password} and a single file."""
    etc = tmp_path / "etc"
    for folder in ("tls", "empty", "backup"):
        (etc / folder).mkdir(parents=True)
    (etc / "tls/key").write_text("secret")
    (etc / "tls/key").chmod(0o600)
    (etc / "tls/now").symlink_to("key")
    (etc / "backup/password").write_text("hush")
    (tmp_path / "token").write_text("t")
    return tmp_path


def test_a_source_holds_what_is_there_and_says_so(tree: pathlib.Path) -> None:
    paths = [str(tree / name) for name in ("etc", "missing", "token")]
    facts = stage(paths, tree / "staged", [str(tree / "etc/backup")])
    assert set(facts["files"]) == {"0/tls/key", "0/tls/now", "2"}
    assert facts["files"]["0/tls/now"] == "-> key"
    assert facts["bytes"] == len("secret") + len("key") + len("t")
    assert (tree / "staged/0/tls/key").stat().st_mode & 0o777 == 0o600
    assert (tree / "staged/0/empty").is_dir()
    assert facts_at(paths, [str(tree / "etc/backup")])["files"] == facts["files"]


def test_what_was_changed_added_and_removed_is_as_it_was(tree: pathlib.Path) -> None:
    etc = tree / "etc"
    others = [str(etc / "backup")]
    facts = stage([str(etc)], tree / "staged", others)
    known = etc.stat().st_ino
    (etc / "tls/key").write_text("changed")
    (etc / "tls/now").unlink()
    (etc / "added/deep").mkdir(parents=True)
    (etc / "empty").rmdir()
    (etc / "empty").write_text("a file now")
    (etc / "backup/password").write_text("newer")
    put_back(tree / "staged", [str(etc)], others)
    assert facts_at([str(etc)], others)["files"] == facts["files"]
    assert (etc / "tls/key").stat().st_mode & 0o777 == 0o600
    assert (etc / "empty").is_dir()
    assert not (etc / "added").exists()
    assert (etc / "backup/password").read_text() == "newer"
    assert etc.stat().st_ino == known, "a directory that a container has mounted must stay the same"


def test_it_is_put_where_nothing_was(tree: pathlib.Path) -> None:
    facts = stage([str(tree / "etc")], tree / "staged")
    put_back(tree / "staged", [str(tree / "new/place")])
    assert facts_at([str(tree / "new/place")])["files"] == facts["files"]


def test_only_files_make_a_place_occupied(tree: pathlib.Path) -> None:
    paths = [str(tree / name) for name in ("etc", "etc/empty", "missing", "token")]
    assert occupied(paths) == [paths[0], paths[3]]
