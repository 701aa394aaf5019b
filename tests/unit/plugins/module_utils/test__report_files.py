# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reports as files beside the ledger: written when a release has ended, and in nobody's way."""

from __future__ import annotations

import json
import pathlib
import typing as t
from datetime import timedelta

import pytest
from release_records import FIRST, History, example

from ansible_collections.tagadodo.deploy.plugins.module_utils._documents import Files
from ansible_collections.tagadodo.deploy.plugins.module_utils._entry import Entry
from ansible_collections.tagadodo.deploy.plugins.module_utils._ledger import ENVIRONMENT, Ledger
from ansible_collections.tagadodo.deploy.plugins.module_utils._report_files import (
    report_ended,
    whole_ledger,
    write_reports,
)

DAY = timedelta(days=1)


def kept(history: History, state: pathlib.Path) -> pathlib.Path:
    """Its records in the ledger of a host."""
    for service, records in history.records.items():
        for record in records:
            path = state / "releases" / service / f"{record['release']}.json"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(record), encoding="utf-8")
    return state


def names(state: pathlib.Path) -> t.List[str]:
    return sorted(path.name for path in (state / "reports").iterdir())


@pytest.fixture
def state(tmp_path: pathlib.Path) -> pathlib.Path:
    return kept(example(), tmp_path)


INDEX = ["index.html", "index.json", "index.md"]


def test_the_release_that_ended_has_its_pages_and_the_index_has_all(state: pathlib.Path) -> None:
    assert write_reports(str(state), ["backend/20261114-090000"]) == ""
    assert names(state) == [f"20261114-090000.{e}" for e in ("html", "json", "md")] + INDEX
    releases = json.loads((state / "reports/index.json").read_text("utf-8"))["releases"]
    assert len(releases) == 7
    assert (state / "reports/20261114-090000.html").stat().st_mode & 0o777 == 0o640


def test_one_that_was_rolled_back_is_told_anew(state: pathlib.Path) -> None:
    changed = ["backend/20261108-100000", "backend/20261108-090000"]
    assert write_reports(str(state), changed) == ""
    page = (state / "reports/20261108-090000.html").read_text("utf-8")
    assert "until amina rolled it back (2026-11-08 10:00:00)" in page


def test_reports_of_forgotten_releases_go_and_files_of_others_stay(state: pathlib.Path) -> None:
    write_reports(str(state), ["backend/20261102-090000"])
    (state / "reports/notes.txt").write_text("mine")
    for service in ("backend", "frontend", ENVIRONMENT):
        (state / "releases" / service / "20261102-090000.json").unlink()
    assert write_reports(str(state), ["backend/20261104-090000"]) == ""
    assert "20261102-090000.html" not in names(state)
    assert {"20261104-090000.html", "notes.txt"} <= set(names(state))


@pytest.mark.parametrize(
    ("outcome", "written", "expected"),
    [
        ("succeeded", ["backend/20261114-090000"], True),
        ("held", ["backend/20261114-090000"], True),
        ("running", ["backend/20261114-090000"], False),
        (None, ["backend/20261114-090000"], False),
        ("succeeded", [], False),
    ],
)
def test_reports_are_written_when_something_has_ended(
    state: pathlib.Path, outcome: t.Optional[str], written: t.List[str], expected: bool
) -> None:
    assert report_ended(str(state), [Entry(records=[], outcome=outcome)], written) == ""
    assert (state / "reports").exists() == expected


def test_a_report_that_cannot_be_written_is_told_in_one_line(state: pathlib.Path) -> None:
    (state / "reports").write_text("a file where the directory should be")
    problem = write_reports(str(state), ["backend/20261114-090000"])
    assert problem.startswith(f"{state}/reports: no report was written (")
    assert "\n" not in problem


@pytest.mark.parametrize(
    "facts",
    [
        {"of_services": ["backend"]},
        {"of_services": {"backend": {"release": "20261114-090000"}}, "hosts": 3},
        {"checklist": "all of it"},
    ],
)
def test_a_record_that_makes_no_sense_is_told_in_one_line(
    state: pathlib.Path, facts: t.Dict[str, t.Any]
) -> None:
    Ledger(Files(state)).update(ENVIRONMENT, "20261114-090000", facts, write=True)
    problem = write_reports(str(state), ["backend/20261114-090000"])
    assert "no report was written" in problem
    assert "\n" not in problem


def test_the_language_is_the_one_of_the_release(tmp_path: pathlib.Path) -> None:
    history = History(language="ar")
    history.release("1.0.0", FIRST)
    write_reports(str(kept(history, tmp_path)), ["backend/20261102-090000"])
    for name in ("20261102-090000.html", "index.html"):
        assert '<html lang="ar" dir="rtl">' in (tmp_path / "reports" / name).read_text("utf-8")


def test_the_whole_ledger_has_what_was_done_to_the_environment(state: pathlib.Path) -> None:
    records = whole_ledger(Ledger(Files(state)))
    assert set(records) == {"backend", "frontend", ENVIRONMENT}
    assert [one["release"] for one in records[ENVIRONMENT]][0] == "20261114-090000"
