# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What migration commands report, and that nothing is believed but the status."""

from __future__ import annotations

import json
import pathlib
import subprocess
import sys
import typing as t

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.tagadodo.deploy.plugins.module_utils._engine import RunResult
from ansible_collections.tagadodo.deploy.plugins.module_utils._migration import (
    Done,
    Migrator,
    last_words,
    planned,
    report,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._migration_history import (
    History,
    Migration,
    MigrationError,
    lost_set,
    own_set,
)

# A small migration tool: `tool.py <database> status | up [behaviour]`
TOOL = """
import json, pathlib, sys
database, command, *behaviour = sys.argv[1:]
database = pathlib.Path(database)
known = ["001-users", "002-status", "003-index"]
applied = json.loads(database.read_text())
if command == "status":
    if "broken" in applied:
        sys.exit("no database")
    rows = [{"name": name, "applied": name in applied} for name in known]
    print(json.dumps({"migrations": rows}))
else:
    for name in known:
        if name in applied:
            continue
        if name == "003-index" and "stumbles" in behaviour:
            sys.exit("applying 003-index\\\\nE11000 duplicate key\\\\n\\\\n  in users")
        if "idles" not in behaviour:
            applied.append(name)
    if "forgets" in behaviour:
        applied.remove("001-users")
    if "breaks" in behaviour:
        applied.append("broken")
    database.write_text(json.dumps(applied))
    print("done")
    sys.exit(4 if "lies" in behaviour else 0)
""".replace("\\\\n", "\\n")


class Service:
    """The tool, its database, and a migrator for both."""

    def __init__(self, directory: pathlib.Path, applied: list[str]) -> None:
        self._tool = directory / "tool.py"
        self._tool.write_text(TOOL)
        self._database = directory / "database.json"
        self._database.write_text(json.dumps(applied))
        self.ran: list[str] = []

    def migrator(self, *behaviour: str) -> Migrator:
        commands = {"status": ["tool", "status"], "up": ["tool", "up", *behaviour]}
        return Migrator("backend", commands, self._run)

    def _run(self, command: str, argv: t.Sequence[str]) -> RunResult:
        self.ran.append(command)
        full = [sys.executable, "-IS", str(self._tool), str(self._database), *argv[1:]]
        done = subprocess.run(full, check=False, capture_output=True, text=True)
        return RunResult(done.returncode, done.stdout, done.stderr, 0.5)


@pytest.fixture
def service(tmp_path: pathlib.Path) -> Service:
    return Service(tmp_path, ["001-users"])


def test_pending_migrations_are_applied_and_seen(service: Service) -> None:
    done = service.migrator().up()
    assert service.ran == ["status", "up", "status"]
    assert done.as_dict() == {
        "migrations": [
            {"name": name, "applied": True} for name in ("001-users", "002-status", "003-index")
        ],
        "pending_before": ["002-status", "003-index"],
        "applied": ["002-status", "003-index"],
        "pending_after": [],
        "seconds": 0.5,
        "output": ["done"],
    }


def test_a_second_run_only_asks(service: Service) -> None:
    service.migrator().up()
    service.ran.clear()
    done = service.migrator().up()
    assert service.ran == ["status"]
    assert report("backend", done)["changed"] is False


@pytest.mark.parametrize(
    ("behaviour", "message", "applied"),
    [
        (
            "stumbles",
            "failed with exit code 1: applying 003-index | E11000 duplicate key | in users;"
            " applied before that: nothing; still pending: 002-status, 003-index",
            [],
        ),
        (
            "idles",
            "ended well but did not apply 002-status, 003-index; applied: nothing",
            [],
        ),
        ("forgets", "ended well but did not apply 001-users", ["002-status", "003-index"]),
        (
            "lies",
            "failed with exit code 4: done; applied before that: 002-status, 003-index;"
            " still pending: nothing",
            ["002-status", "003-index"],
        ),
    ],
)
def test_what_up_says_is_not_believed(
    behaviour: str, message: str, applied: list[str], service: Service
) -> None:
    with pytest.raises(MigrationError) as error:
        service.migrator(behaviour).up()
    assert str(error.value).startswith(f"backend: migrations.up (tool up {behaviour}) {message}")
    assert error.value.result["applied"] == applied


def test_what_nobody_can_know_is_said(service: Service) -> None:
    with pytest.raises(MigrationError) as error:
        service.migrator("breaks").up()
    assert str(error.value) == (
        "backend: migrations.up (tool up breaks) ended well; what it applied is not known, because"
        " backend: migrations.status (tool status) failed with exit code 1: no database"
    )
    assert "applied" not in error.value.result


def run(exit_code: int | None, **more: t.Any) -> RunResult:
    return RunResult(exit_code, "", "", 600.2, **more)


@pytest.mark.parametrize(
    ("result", "message"),
    [
        (run(None), "was stopped after 600 s, its time was over: it wrote nothing"),
        (run(137, oom_killed=True), "ran out of memory and was killed: it wrote nothing"),
        (run(137), "was killed, perhaps for want of memory: it wrote nothing"),
        (run(0), "prints no JSON object but nothing"),
    ],
)
def test_a_status_that_is_none(result: RunResult, message: str) -> None:
    migrator = Migrator("backend", {"status": ["s"], "up": ["u"]}, lambda command, argv: result)
    with pytest.raises(MigrationError) as error:
        migrator.up()
    assert str(error.value) == f"backend: migrations.status (s) {message}"


@pytest.mark.parametrize(
    ("stderr", "told"),
    [
        (
            "ERROR: no room Error: no room\n    at up (file:///app/a.js:4:9)\n    at async node:internal\n",
            "ERROR: no room Error: no room",
        ),
        ("at once\nat work\n", "at once | at work"),
        ("    at up (a.js:4:9)\n", "at up (a.js:4:9)"),
    ],
)
def test_what_went_wrong_is_told_rather_than_where(stderr: str, told: str) -> None:
    assert last_words(RunResult(1, "", stderr, 0.1)) == told


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "prints no JSON object but nothing"),
        ("\n> backend@1.2.0 migrate\n{}", "prints no JSON object but '> backend@1.2.0 migrate'"),
        ('{"migrations": []}\nbye', "prints no JSON object but '{\"migrations\": []}'"),
        ("[]", "prints JSON without a list of migrations: '[]'"),
        ('{"migrations": {}}', "prints JSON without a list of migrations"),
        ('{"migrations": ["001"]}', 'reports a migration without name and applied: "001"'),
        ('{"migrations": [{"name": "1"}]}', "reports a migration without name and applied"),
        (
            '{"migrations": [{"name": "1", "applied": 3}]}',
            "reports 1 as applied: 3, not true or false",
        ),
        (
            '{"migrations": [{"name": "1", "applied": true}, {"name": "1", "applied": true}]}',
            "names migration 1 twice",
        ),
    ],
)
def test_reports_that_are_none(text: str, message: str) -> None:
    with pytest.raises(MigrationError) as error:
        History.parse(text)
    assert str(error.value).startswith(message)


@pytest.mark.parametrize(
    ("applied", "is_applied"),
    [("true", True), ("false", False), ("null", False), ('"2026-11-22T23:15:30Z"', True)],
)
def test_applied_is_a_truth_or_a_time(applied: str, is_applied: bool) -> None:
    history = History.parse(f'{{"migrations": [{{"name": "1", "applied": {applied}}}]}}')
    assert history.migrations == (Migration("1", is_applied),)


def test_looking_changes_nothing_and_tells_what_applying_would() -> None:
    history = History((Migration("1", True), Migration("2", False)))
    looked = planned("backend", history, apply=False)
    assert (looked["changed"], looked["applied"], looked["msg"]) == (
        False,
        [],
        "backend: pending: 2",
    )
    would = planned("backend", history, apply=True)
    assert (would["changed"], would["applied"], would["pending_before"]) == (True, ["2"], ["2"])
    assert would["diff"] == {"before": "1\n", "after": "1\n2\n"}


NAMES = st.permutations([f"{number:03}-x" for number in range(8)])


@given(NAMES, st.sets(st.integers(0, 7)), st.sets(st.integers(0, 7)))
def test_a_release_owns_what_it_applied(
    names: list[str], first: set[int], second: set[int]
) -> None:
    before, after = (
        History(tuple(Migration(name, number in chosen) for number, name in enumerate(names)))
        for chosen in (first, second)
    )
    own, lost = own_set(before, after), lost_set(before, after)
    assert set(before.applied()) - set(lost) | set(own) == set(after.applied())
    assert not set(own) & set(before.applied())
    assert list(own) == [name for name in names if name in own]  # in their order
    text = json.dumps({"migrations": after.as_list()})
    assert History.parse(text) == after
    assert Done(before, after).as_dict()["pending_after"] == list(after.pending())
