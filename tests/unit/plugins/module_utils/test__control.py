# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an operator may ask of a release, and what of it is new."""

from __future__ import annotations

import os
import time
import typing as t
from pathlib import Path

import pytest

from ansible_collections.tagadodo.deploy.plugins.module_utils._control import (
    ABORT,
    ACTIONS,
    PAUSE,
    PROMOTE,
    RESUME,
    Control,
    ask_for,
    read_control,
    watched_release,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._documents import Files
from ansible_collections.tagadodo.deploy.plugins.module_utils._gate_file import (
    GateError,
    GateFile,
    GateFiles,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._ledger import Ledger

FORMER, RELEASE = "20261121-120000-1.0.0", "20261122-231530-1.1.0"


def wanted(action: str, step: str = "10 %", by: str = "dora", release: str = RELEASE) -> Control:
    return Control(release, step, action, by, 1795401442.2)


@pytest.mark.parametrize(
    ("before", "asked", "new"),
    [
        ((), wanted(PAUSE), True),
        ((), wanted(RESUME), False),
        ((), wanted(PROMOTE), True),
        ((), wanted(ABORT), True),
        ((wanted(PAUSE),), wanted(PAUSE, by="emil", step="25 %"), False),
        ((wanted(PAUSE),), wanted(RESUME), True),
        ((wanted(PAUSE), wanted(RESUME)), wanted(RESUME), False),
        ((wanted(PAUSE),), wanted(PROMOTE), True),
        ((wanted(PROMOTE),), wanted(RESUME), False),
        ((wanted(PROMOTE),), wanted(PROMOTE, by="emil"), False),
        ((wanted(PROMOTE),), wanted(PROMOTE, step="25 %"), True),
        ((wanted(PROMOTE),), wanted(ABORT), True),
        ((wanted(ABORT),), wanted(ABORT, by="emil"), False),
        ((wanted(ABORT, release=FORMER),), wanted(PAUSE), True),
        ((wanted(PAUSE, release=FORMER),), wanted(RESUME), False),
    ],
)
def test_only_what_is_new_is_written(
    tmp_path: Path, before: t.Sequence[Control], asked: Control, new: bool
) -> None:
    for one in before:
        ask_for(Files(tmp_path), one, write=True)
    known = read_control(Files(tmp_path), RELEASE)

    assert ask_for(Files(tmp_path), asked, write=False) == (known, asked if new else known)
    assert read_control(Files(tmp_path), RELEASE) == known
    assert ask_for(Files(tmp_path), asked, write=True) == (known, asked if new else known)
    assert read_control(Files(tmp_path), RELEASE) == (asked if new else known)
    assert ask_for(Files(tmp_path), asked, write=True)[0] == read_control(Files(tmp_path), RELEASE)


@pytest.mark.parametrize("action", [one for one in ACTIONS if one != ABORT])
def test_nothing_comes_after_abort(tmp_path: Path, action: str) -> None:
    ask_for(Files(tmp_path), wanted(ABORT), write=True)
    with pytest.raises(GateError, match="told to abort by dora, and that is final"):
        ask_for(Files(tmp_path), wanted(action), write=True)
    assert read_control(Files(tmp_path), RELEASE) == wanted(ABORT)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"action": "pause"}', '"pause"'])
def test_a_damaged_file_is_told(tmp_path: Path, text: str) -> None:
    path = tmp_path / "gate" / "control.json"
    path.parent.mkdir()
    path.write_text(text)
    with pytest.raises(GateError, match="cannot be understood .* remove it"):
        read_control(Files(tmp_path), RELEASE)


def looked_at(state_dir: Path, release: str, seconds_ago: float, now: float) -> None:
    gate = GateFile(state_dir, release)
    gate.append({"number": 0, "step": "10 %"})
    os.utime(gate.path, (now - seconds_ago, now - seconds_ago))


def test_the_release_that_is_watched_is_the_one_looked_at_last(tmp_path: Path) -> None:
    now = 1795401442.0
    looked_at(tmp_path, "20270101-000000-9.9.9", 500, now)
    looked_at(tmp_path, RELEASE, 3, now)
    looked_at(tmp_path, FORMER, 40, now)
    assert (
        watched_release(GateFiles(tmp_path), Ledger(Files(tmp_path)), "", 60, now).release
        == RELEASE
    )
    assert (
        watched_release(GateFiles(tmp_path), Ledger(Files(tmp_path)), FORMER, 60, now).release
        == FORMER
    )


def test_nothing_is_watched(tmp_path: Path) -> None:
    now = 1795401442.0
    with pytest.raises(GateError, match=r"^no release is being watched here \(.*/gate has no look"):
        watched_release(GateFiles(tmp_path), Ledger(Files(tmp_path)), "", 60, now)
    looked_at(tmp_path, RELEASE, 61, now)
    with pytest.raises(
        GateError,
        match=rf"^no release is being watched here \(the last look at {RELEASE} is 61 s old\)",
    ):
        watched_release(GateFiles(tmp_path), Ledger(Files(tmp_path)), "", 60, now)
    with pytest.raises(GateError, match=f"^release {FORMER} is not being watched here"):
        watched_release(GateFiles(tmp_path), Ledger(Files(tmp_path)), FORMER, 60, now)
    with pytest.raises(GateError, match="is no name of a release"):
        watched_release(GateFiles(tmp_path), Ledger(Files(tmp_path)), "*", 60, now)


def test_a_release_that_has_ended_can_be_told_nothing(tmp_path: Path) -> None:
    GateFile(tmp_path, "r1").path.parent.mkdir(parents=True)
    GateFile(tmp_path, "r1").path.write_text("{}\n")
    ledger = Ledger(Files(tmp_path))
    ledger.update("backend", "r1", {"outcome": "running"}, write=True)
    assert (
        watched_release(GateFiles(tmp_path), Ledger(Files(tmp_path)), "", 60, time.time()).release
        == "r1"
    )
    ledger.update("backend", "r1", {"outcome": "succeeded"}, write=True)
    with pytest.raises(GateError, match="no release is being watched here .r1, the last one, has"):
        watched_release(GateFiles(tmp_path), Ledger(Files(tmp_path)), "", 60, time.time())
