# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What restic says, in one line that says what to change; and a repository on this machine."""

from __future__ import annotations

import dataclasses
import pathlib

import pytest

from ansible_collections.tagadodo.deploy.plugins.module_utils._backup import BackupError, Settings
from ansible_collections.tagadodo.deploy.plugins.module_utils._restic import (
    Restic,
    explain,
    shown,
)


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("Fatal: wrong password or no key found\n", "the password is wrong; set backup_password to the one it was made with"),
        (
            "Fatal: unable to open config file: stat r/config: no such file or directory\n"
            "Is there a repository at the following location?\nr\n",
            "there is no repository; run site.yml, which makes one",
        ),
        (
            "Fatal: unable to create lock in backend: repository is already locked exclusively by PID 7 on web1\n",
            "it is locked (unable to create lock in backend: repository is already locked exclusively by PID 7 on web1);"
            " wait until the other restic has ended, or run `restic unlock` if it is gone",
        ),
        (
            "Fatal: unable to save snapshot: write r/data/9d/9d6a-tmp-3: no space left on device\n",
            "no space left on device; make room, or keep fewer snapshots (backup_keep)",
        ),
        (
            "pack 6059: does not exist\nFatal: repository contains errors\n",
            "it is damaged (pack 6059: does not exist); look with `restic check --read-data`, and take another snapshot"
            " or repository",
        ),
        (
            "ignoring error for /redis/redis.rdb: ciphertext verification failed\nFatal: There were 1 errors\n",
            "it is damaged (ciphertext verification failed); look with `restic check --read-data`, and take another"
            " snapshot or repository",
        ),
        ("subprocess ssh: no route\nFatal: unable to open repo: EOF\n", "unable to open repo: EOF"),
        ("", "no reason given"),
    ],
)  # fmt: skip
def test_errors_say_what_to_change(said: str, told: str) -> None:
    assert explain(said, "r") == f"backup repository r: {told}"


@pytest.mark.parametrize(
    ("repository", "seen"),
    [
        ("/var/backups/a", "/var/backups/a"),
        ("rest:https://user:hush@host:8000/", "rest:https://user:***@host:8000/"),
        ("s3:https://host/bucket", "s3:https://host/bucket"),
    ],
)
def test_a_password_in_an_address_is_not_shown(repository: str, seen: str) -> None:
    assert shown(repository) == seen


@pytest.fixture
def settings(tmp_path: pathlib.Path) -> Settings:
    (tmp_path / "password").write_text("a long password\n")
    return Settings(
        project="shop",
        backup_project="shop",
        host="web1",
        network="shop",
        config_dir=str(tmp_path / "etc"),
        state_dir=str(tmp_path / "state"),
        staging_dir=str(tmp_path / "staging"),
        repository=str(tmp_path / "repository"),
        password_file=str(tmp_path / "password"),
        environment={},
        files={},
        keep={"last": 1},
        timeout=60,
    )


def test_a_repository_is_made_filled_read_and_tidied(
    settings: Settings, tmp_path: pathlib.Path
) -> None:
    restic = Restic(settings)
    assert not restic.exists()
    restic.create()
    assert restic.exists()
    for text in ("first", "second"):
        (tmp_path / "content").mkdir(exist_ok=True)
        (tmp_path / "content/manifest.json").write_text(text)
        made = restic.backup(tmp_path / "content", ["asked"])
    newest = restic.find("latest")
    assert newest.id.startswith(made)
    assert (newest.host, set(newest.tags)) == ("web1", {"shop", "asked"})
    assert restic.read(newest, "manifest.json") == "second"
    restic.forget(settings.keep)
    assert [one.id for one in restic.snapshots()] == [newest.id]
    restic.restore(newest, tmp_path / "back")
    assert (tmp_path / "back/manifest.json").read_text() == "second"


def test_another_projects_snapshots_are_not_ours(
    settings: Settings, tmp_path: pathlib.Path
) -> None:
    (tmp_path / "content").mkdir()
    (tmp_path / "content/manifest.json").touch()
    theirs = Restic(dataclasses.replace(settings, project="blog"))
    theirs.create()
    theirs.backup(tmp_path / "content", [])
    with pytest.raises(BackupError, match=r": no snapshot latest of shop; there are: none$"):
        Restic(settings).find("latest")


def test_a_host_without_restic_is_told(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(BackupError, match="^restic is not installed on this host; run site.yml"):
        Restic(settings).snapshots()
