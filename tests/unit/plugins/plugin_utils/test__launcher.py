# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The copy of our code on a host: made whole or not at all, and run only if nobody else could have written it."""

from __future__ import annotations

import errno
import json
import os
import pathlib
import tarfile
import time

import pytest

from ansible_collections.tagadodo.deploy.plugins.plugin_utils import _launcher
from ansible_collections.tagadodo.deploy.plugins.plugin_utils._host_action import pack
from ansible_collections.tagadodo.deploy.plugins.plugin_utils._launcher import (
    KEPT,
    MISSING,
    STALE,
    launch,
)

LOADER = """
def run_module(**given):
    print("ran", given["module_fqn"], given["json_params"].decode())
"""
FILES = {
    **{
        f"ansible/{package}__init__.py": ""
        for package in ("", "module_utils/", "module_utils/_internal/")
    },
    "ansible/module_utils/_internal/_ansiballz/_loader.py": LOADER,
}


ARCHIVE = pack({name: text.encode() for name, text in FILES.items()})


@pytest.fixture
def kept(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> pathlib.Path:
    """Where copies are, of a user whose home is empty."""
    user = _launcher.pwd.struct_passwd(("u", "x", os.geteuid(), 0, "", str(tmp_path), ""))
    monkeypatch.setattr(_launcher.pwd, "getpwuid", lambda _uid: user)
    monkeypatch.chdir(tmp_path)
    return tmp_path / KEPT


def asked(archive: str = "", key: str = "k1") -> None:
    launch(key=key, module="a.module", profile="legacy", params="{}", archive=archive)


def missing(capsys: pytest.CaptureFixture[str]) -> str:
    return str(json.loads(capsys.readouterr().out)[MISSING])


def test_a_host_without_a_copy_says_so_and_stays_as_it_is(
    kept: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked()
    assert missing(capsys) == "no copy"
    assert not kept.exists()


def test_the_copy_is_its_owners_alone(kept: pathlib.Path) -> None:
    folder = pathlib.Path(_launcher._copy("k1", ARCHIVE))
    assert folder == kept / "k1"
    assert (kept.stat().st_mode & 0o777, folder.stat().st_mode & 0o777) == (0o700, 0o700)
    assert (folder / "ansible/module_utils/_internal/_ansiballz/_loader.py").read_text() == LOADER
    assert _launcher._copy("k1", "") == str(folder)
    assert os.listdir(kept) == ["k1"]


@pytest.mark.parametrize("place", ["", "k1"])
def test_what_another_user_could_have_written_is_not_run(
    kept: pathlib.Path, capsys: pytest.CaptureFixture[str], place: str
) -> None:
    _launcher._copy("k1", ARCHIVE)
    (kept / place).chmod(0o777)
    asked()
    assert missing(capsys) == f"{kept / place} could have been written by another user"


def test_a_copy_that_has_no_room_leaves_nothing(
    kept: pathlib.Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_tar: tarfile.TarFile, path: str) -> None:
        (pathlib.Path(path) / "begun").touch()
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(tarfile.TarFile, "extractall", full)
    asked(ARCHIVE)
    assert "No space left on device" in missing(capsys)
    assert os.listdir(kept) == []


def test_two_runs_that_make_the_same_copy_both_have_it(
    kept: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rename = os.rename

    def later(beside: str, folder: str) -> None:
        monkeypatch.setattr(os, "rename", rename)
        _launcher._copy("k1", ARCHIVE)  # the other one is first
        rename(beside, folder)

    monkeypatch.setattr(os, "rename", later)
    assert _launcher._copy("k1", ARCHIVE) == str(kept / "k1")
    assert os.listdir(kept) == ["k1"]


def test_a_new_copy_removes_those_of_long_ago(kept: pathlib.Path) -> None:
    for age, name in enumerate(("yesterdays", "old")):
        _launcher._copy(name, ARCHIVE)
        then = time.time() - 2 * age * STALE
        os.utime(kept / name, (then, then))
    _launcher._copy("k1", ARCHIVE)
    assert sorted(os.listdir(kept)) == ["k1", "yesterdays"]
