# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A run takes the lock with its report, keeps others out, and lets go of it."""

from __future__ import annotations

import pathlib
import typing as t

import pytest

from ansible_collections.tagadodo.deploy.plugins.module_utils._documents import Files
from ansible_collections.tagadodo.deploy.plugins.module_utils._ledger import Ledger
from ansible_collections.tagadodo.deploy.plugins.modules import (
    release,
    release_begin,
    release_end,
)

ADA = {"who": "ada@laptop", "purpose": "a release of backend", "token": "a"}
BOB = {"who": "bob@ci", "purpose": "a rollback", "token": "b"}

pytestmark = [pytest.mark.engine, pytest.mark.usefixtures("engine")]


@pytest.fixture
def begin(run_module: t.Any, tmp_path: pathlib.Path) -> t.Callable[..., dict[str, t.Any]]:
    def once(check_mode: bool = False, **given: t.Any) -> dict[str, t.Any]:
        arguments = {"state_dir": str(tmp_path), "project": "unit-nobody", **given}
        return dict(run_module(release_begin, check_mode, **arguments))

    return once


def test_one_has_it_and_the_other_is_told(
    begin: t.Any, run_module: t.Any, tmp_path: pathlib.Path
) -> None:
    first = begin(**ADA)
    assert (first["token"], first["taken_over"], first["changed"]) == ("a", "", False)
    assert first["lock"]["who"] == "ada@laptop"
    refused = begin(**BOB)
    assert refused["failed"]
    assert refused["msg"].startswith("locked: a release of backend by ada@laptop, since ")
    assert refused["holder"]["token"] == "a"
    over = begin(**BOB, dead=["a"])
    assert over["taken_over"].startswith("a release of backend by ada@laptop, since ")

    record = [{"service": "backend", "release": "r1"}]
    given = {"state_dir": str(tmp_path), "outcome": "running", "records": record}
    late = run_module(release, lock="a", **given)
    assert late["msg"].startswith("this run has lost the lock (a rollback by bob@ci, since ")
    assert not (tmp_path / "releases").exists()
    assert run_module(release, lock="b", **given)["written"] == ["backend/r1"]

    assert run_module(release_end, state_dir=str(tmp_path), token="a")["released"] is False
    assert run_module(release_end, True, state_dir=str(tmp_path), token="b")["released"] is False
    assert run_module(release_end, state_dir=str(tmp_path), token="b")["released"] is True
    assert begin(check_mode=True, who="eve", purpose="a look")["lock"] == {}


def test_what_is_live_is_known_however_many_have_failed_since(
    begin: t.Any, tmp_path: pathlib.Path
) -> None:
    ledger = Ledger(Files(tmp_path))
    passed = {"outcome": "succeeded", "verdicts": [{"kind": "pass"}]}
    ledger.update("backend", "r00", passed, write=True)
    for number in range(1, 30):
        ledger.update("backend", f"r{number:02}", {"outcome": "failed"}, write=True)
    known = begin(**ADA)["releases"]["backend"]
    assert (len(known), known[-1]["release"]) == (30, "r00")
    assert "verdicts" not in known[-1]  # they are for people, and long


def test_a_check_takes_nothing_and_is_not_refused(begin: t.Any, tmp_path: pathlib.Path) -> None:
    assert begin(check_mode=True, **ADA)["token"] == ""
    assert list(tmp_path.iterdir()) == []
    begin(**ADA)
    looked = begin(check_mode=True, **BOB)
    assert (looked["token"], looked["lock"]["who"]) == ("", "ada@laptop")
