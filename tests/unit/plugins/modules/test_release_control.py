# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module's arguments and answers; what may be asked is tested with its module utils."""

from __future__ import annotations

import json
import os
import time
import typing as t
from pathlib import Path

import pytest
from ansible.module_utils.testing import patch_module_args

from ansible_collections.tagadodo.deploy.plugins.module_utils._gate_file import GateFile
from ansible_collections.tagadodo.deploy.plugins.modules import release_control

RELEASE = "20261122-231530-1.1.0"

Run = t.Callable[..., t.Dict[str, t.Any]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Run:
    """Run the module; what it answers."""

    def run_with(action: str, check_mode: bool = False, **other: t.Any) -> t.Dict[str, t.Any]:
        arguments = {
            "state_dir": str(tmp_path),
            "action": action,
            "by": "dora",
            "_ansible_check_mode": check_mode,
            "_ansible_diff": True,
            **other,
        }
        with patch_module_args(arguments), pytest.raises(SystemExit):
            release_control.main()
        return dict(json.loads(capsys.readouterr().out))

    return run_with


@pytest.fixture
def gate(tmp_path: Path) -> GateFile:
    """A release that is being watched."""
    gate = GateFile(tmp_path, RELEASE)
    gate.append({"number": 0, "step": "10 %"})
    return gate


@pytest.mark.usefixtures("gate")
def test_it_asks_once_and_shows_what_that_changes(run: Run, tmp_path: Path) -> None:
    planned = run("pause", check_mode=True)
    assert not (tmp_path / "gate" / "control.json").exists()
    done = run("pause")
    for result in (planned, done):
        assert (result["changed"], result["release"], result["step"]) == (True, RELEASE, "10 %")
        assert result["diff"] == {"before": "", "after": f"{RELEASE}: pause, asked by dora\n"}
    written = json.loads((tmp_path / "gate" / "control.json").read_text())
    assert written == done["control"]

    again = run("pause", by="emil")
    assert (again["changed"], again["control"]) == (False, written)
    assert again["diff"]["before"] == again["diff"]["after"]

    resumed = run("resume", by="emil")
    assert resumed["changed"]
    assert resumed["diff"] == {
        "before": f"{RELEASE}: pause, asked by dora\n",
        "after": f"{RELEASE}: resume, asked by emil\n",
    }


@pytest.mark.usefixtures("gate")
def test_nothing_to_resume(run: Run) -> None:
    result = run("resume")
    assert (result["changed"], result["control"]) == (False, None)


def test_promote_belongs_to_a_step(run: Run, gate: GateFile) -> None:
    assert run("promote")["changed"]
    assert not run("promote")["changed"]
    gate.append({"number": 1, "step": "25 %"})
    later = run("promote")
    assert (later["changed"], later["step"], later["control"]["step"]) == (True, "25 %", "25 %")


@pytest.mark.usefixtures("gate")
def test_abort_is_final(run: Run) -> None:
    assert run("abort")["changed"]
    assert not run("abort", by="emil")["changed"]
    assert run("resume")["msg"] == (
        f"release {RELEASE} was told to abort by dora, and that is final; start another release"
    )


def test_a_release_that_is_not_watched(run: Run, gate: GateFile) -> None:
    other = run("pause", release="20261121-120000-1.0.0")
    assert other["msg"].startswith("release 20261121-120000-1.0.0 is not being watched here (")
    past = time.time() - 90
    os.utime(gate.path, (past, past))
    failed = run("pause")
    assert failed["failed"]
    assert failed["msg"].startswith(
        f"no release is being watched here (the last look at {RELEASE} is 90 s old);"
    )
    assert "\n" not in failed["msg"]
    assert run("pause", fresh=120)["changed"]


def test_nothing_at_all(run: Run, tmp_path: Path) -> None:
    assert run("pause")["msg"] == (
        f"no release is being watched here ({tmp_path}/gate has no look);"
        " is this a host of the release?"
    )
