# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module that writes the ledger: how a release stands, since when, why and by which verdicts."""

from __future__ import annotations

import json
import pathlib
import re
import typing as t

import pytest
from ansible.module_utils.testing import patch_module_args

from ansible_collections.tagadodo.deploy.plugins.module_utils._documents import Files
from ansible_collections.tagadodo.deploy.plugins.module_utils._ledger import Ledger
from ansible_collections.tagadodo.deploy.plugins.modules import release

NAME = "20261122-231530"
FACTS = {"version": "1.1.0", "slot": "green", "settings": {"secrets": ["JWT_SECRET"]}}
LONG_AGO = "2026-01-01T00:00:00Z"
Run = t.Callable[..., t.Dict[str, t.Any]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], tmp_path: pathlib.Path) -> Run:
    """Run the module for one release of one service; what it answers."""

    def run_with(check_mode: bool = False, **arguments: t.Any) -> dict[str, t.Any]:
        given = {
            "state_dir": str(tmp_path),
            "records": [{"service": "backend", "release": NAME, "facts": FACTS}],
            "_ansible_check_mode": check_mode,
            **arguments,
        }
        with patch_module_args(given), pytest.raises(SystemExit):
            release.main()
        return dict(json.loads(capsys.readouterr().out))

    return run_with


@pytest.fixture
def known(tmp_path: pathlib.Path) -> t.Callable[..., None]:
    """Write what an earlier run left in the record."""

    def write(**facts: t.Any) -> None:
        Ledger(Files(tmp_path)).update("backend", NAME, {**FACTS, **facts}, write=True)

    return write


def recorded(tmp_path: pathlib.Path) -> dict[str, t.Any]:
    return dict(json.loads((tmp_path / f"releases/backend/{NAME}.json").read_text("utf-8")))


def verdict(step: str, service: str = "backend") -> dict[str, t.Any]:
    return {"service": service, "step": step, "kind": "promote"}


def test_the_intent_is_recorded_once(run: Run, tmp_path: pathlib.Path) -> None:
    would = run(check_mode=True, outcome="running")
    assert list(tmp_path.iterdir()) == []
    done = run(outcome="running")
    assert done == {**would, "invocation": done["invocation"]}
    assert (done["changed"], done["written"]) == (True, [f"backend/{NAME}"])
    assert done["diff"] == {"before": "", "after": f"backend/{NAME}"}
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", recorded(tmp_path)["started_at"])
    assert {key: recorded(tmp_path)[key] for key in FACTS} == FACTS


@pytest.mark.parametrize("check_mode", [False, True])
@pytest.mark.parametrize(
    ("outcome", "since"), [("running", "started_at"), ("succeeded", "finished_at")]
)
def test_what_is_recorded_already_stays_as_it_is(
    run: Run, known: t.Any, tmp_path: pathlib.Path, outcome: str, since: str, check_mode: bool
) -> None:
    known(outcome=outcome, **{since: LONG_AGO})
    again = run(check_mode, outcome=outcome)
    assert (again["changed"], again["written"]) == (False, [])
    assert recorded(tmp_path)[since] == LONG_AGO


def test_the_outcome_is_added_to_the_intent(run: Run, known: t.Any, tmp_path: pathlib.Path) -> None:
    known(outcome="running", started_at=LONG_AGO)
    assert run(outcome="failed", reason="never ready")["changed"]
    now = recorded(tmp_path)
    assert (now["outcome"], now["reason"], now["started_at"]) == ("failed", "never ready", LONG_AGO)
    assert now["finished_at"] > LONG_AGO


def test_a_release_that_goes_on_is_not_explained_by_why_it_was_held(
    run: Run, known: t.Any, tmp_path: pathlib.Path
) -> None:
    known(outcome="held", reason="too few requests", started_at=LONG_AGO, finished_at=LONG_AGO)
    run(outcome="running")
    now = recorded(tmp_path)
    assert (now["outcome"], now["started_at"]) == ("running", LONG_AGO)
    assert not {"reason", "finished_at"} & set(now)


def test_verdicts_are_added_to_those_of_the_run_before(
    run: Run, known: t.Any, tmp_path: pathlib.Path
) -> None:
    known(outcome="held", verdicts=[verdict("10 %")])
    given = [verdict("25 %"), verdict("25 %", "frontend")]
    assert run(outcome="succeeded", verdicts=given)["changed"]
    assert recorded(tmp_path)["verdicts"] == [verdict("10 %"), verdict("25 %")]
    assert not run(outcome="succeeded", verdicts=given)["changed"]


def test_old_records_go_when_a_release_has_ended(run: Run, tmp_path: pathlib.Path) -> None:
    ledger = Ledger(Files(tmp_path))
    for month in ("01", "02", "03"):
        ledger.update("backend", f"2026{month}01-000000", {"outcome": "failed"}, write=True)
    for kept, arguments in (
        (4, {"outcome": "running"}),
        (4, {"outcome": "succeeded", "check_mode": True}),
        (2, {"outcome": "succeeded"}),
    ):
        run(keep=2, **arguments)
        assert len(ledger.read("backend")) == kept
    assert ledger.read("backend")[-1]["release"] == "20260301-000000"


WHOLE = {
    "service": "_environment",
    "release": NAME,
    "facts": {"by": "amina", "of_services": {"backend": {"release": NAME}}},
}
OF_BOTH = [{"service": "backend", "release": NAME, "facts": FACTS}, WHOLE]


def test_a_release_that_has_ended_has_a_report(run: Run, tmp_path: pathlib.Path) -> None:
    run(outcome="running", records=OF_BOTH)
    assert not (tmp_path / "reports").exists()
    run(outcome="failed", records=OF_BOTH, reason="never ready", check_mode=True)
    assert not (tmp_path / "reports").exists()
    assert "warnings" not in run(outcome="failed", records=OF_BOTH, reason="never ready")
    page = (tmp_path / f"reports/{NAME}.html").read_text("utf-8")
    assert "never ready" in page
    assert NAME in (tmp_path / "reports/index.html").read_text("utf-8")


def test_a_report_that_cannot_be_written_changes_no_outcome(
    run: Run, tmp_path: pathlib.Path
) -> None:
    (tmp_path / "reports").write_text("in the way", "ascii")
    done = run(outcome="succeeded", records=OF_BOTH)
    assert (done["changed"], done.get("failed", False)) == (True, False)
    assert recorded(tmp_path)["outcome"] == "succeeded"
    (told,) = done["warnings"]
    assert "no report was written" in str(told)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"outcome": "great"},
            "value of outcome must be one of: running, succeeded, failed, held, rolled_back, got: great",
        ),
        ({"records": [{"service": "backend"}]}, "missing required arguments: release"),
    ],
)
def test_a_mistake_is_named_in_one_line(
    run: Run, tmp_path: pathlib.Path, arguments: t.Any, message: str
) -> None:
    failed = run(**arguments)
    assert failed["failed"]
    assert failed["msg"].startswith(message)
    assert list(tmp_path.iterdir()) == []


def test_a_ledger_that_cannot_be_written_is_named_in_one_line(
    run: Run, tmp_path: pathlib.Path
) -> None:
    run(outcome="running")
    path = tmp_path / f"releases/backend/{NAME}.json"
    path.write_text("{", "ascii")
    spoilt = run(outcome="succeeded")
    assert spoilt["failed"]
    assert spoilt["msg"].startswith(f"{path}: not a readable release record")
    path.unlink()
    path.parent.rmdir()
    path.parent.write_text("in the way", "ascii")
    blocked = run(outcome="succeeded")
    assert blocked["failed"]
    assert str(path.parent) in blocked["msg"]
    assert "\n" not in spoilt["msg"] + blocked["msg"]
