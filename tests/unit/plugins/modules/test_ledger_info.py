# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module that reads the whole ledger."""

from __future__ import annotations

import pathlib
import typing as t

from ansible_collections.tagadodo.deploy.plugins.module_utils._documents import Files
from ansible_collections.tagadodo.deploy.plugins.module_utils._ledger import ENVIRONMENT, Ledger
from ansible_collections.tagadodo.deploy.plugins.modules import ledger_info

NAME = "20261122-231530"


def test_all_records_are_returned_with_all_that_is_in_them(
    run_module: t.Any, tmp_path: pathlib.Path
) -> None:
    ledger = Ledger(Files(tmp_path))
    facts = {"version": "1.1.0", "verdicts": [{"step": "100 %", "kind": "pass"}]}
    ledger.update("backend", NAME, facts, write=True)
    ledger.update(ENVIRONMENT, NAME, {"by": "amina"}, write=True)
    (tmp_path / "releases/backend/broken.json").write_text("{")
    answer = run_module(ledger_info, state_dir=str(tmp_path))
    assert answer["changed"] is False
    assert answer["records"]["backend"][0]["verdicts"] == facts["verdicts"]
    assert answer["records"][ENVIRONMENT][0]["by"] == "amina"
    assert len(answer["damaged"]) == 1
    assert "not a readable release record" in answer["damaged"][0]


def test_a_host_without_a_release_says_so(run_module: t.Any, tmp_path: pathlib.Path) -> None:
    answer = run_module(ledger_info, state_dir=str(tmp_path / "none"))
    assert (answer["records"], answer["damaged"]) == ({ENVIRONMENT: []}, [])
