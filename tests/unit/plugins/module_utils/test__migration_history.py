# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Statuses of tools that print no JSON, labels, and descriptions that are wrong."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.tagadodo.deploy.plugins.module_utils._migration_history import (
    History,
    Migration,
    MigrationError,
    Reader,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._migration_settings import (
    migration_problems,
)

TABLE = {
    "line": r"│ (?P<name>\S+\.js) +│ (?P<applied>\S+) +│",
    "pending": "PENDING",
    "empty": r"Migration block │\s+└",
}
BRACKETS = {"line": r"^\[(?P<applied>.)\] \d+ (?P<name>.+)", "pending": " "}

NARROW = """\
(node:7) [DEP0040] DeprecationWarning: The `punycode` module is deprecated.
┌─────────┬──────────────────────────┬─────────────────┐
│ Filename │ Applied At │ Migration block │
├─────────┼──────────────────────────┼─────────────────┤
│ 1-a.js │ 2026-11-24T15:27:16.000Z │ 1795534035973 │
│ 2-b.js │ PENDING │  │
└─────────┴──────────────────────────┴─────────────────┘
"""
WIDE = NARROW.replace(" │", " " * 80 + "│")
COLOURED = NARROW.replace("│", "\x1b[90m│\x1b[39m").replace("Filename", "\x1b[31mFilename\x1b[39m")
NONE_AT_ALL = "│ Filename │ Applied At │ Migration block │\n└──────────┴────────────┴───────┘\n"
SHOWN = "\x1b]0;typeorm\x07\n [ ] 3 not this one\n[X] 1 Users1700\n[ ] 2 Status1701\n"


@pytest.mark.parametrize(
    ("parse", "text", "rows"),
    [
        (TABLE, NARROW, [("1-a.js", True), ("2-b.js", False)]),
        (TABLE, WIDE, [("1-a.js", True), ("2-b.js", False)]),
        (TABLE, COLOURED, [("1-a.js", True), ("2-b.js", False)]),
        (TABLE, NONE_AT_ALL, []),
        (BRACKETS, SHOWN, [("Users1700", True), ("Status1701", False)]),
    ],
)
def test_tables_of_tools_are_read(
    parse: dict[str, str], text: str, rows: list[tuple[str, bool]]
) -> None:
    history = Reader.of({"parse": parse}).read(text)
    assert [(one.name, one.applied) for one in history.migrations] == rows


@pytest.mark.parametrize(
    ("parse", "text", "told"),
    [
        (TABLE, "", "prints no line that parse.line finds but nothing"),
        (TABLE, "\x1b[31mno database\x1b[0m", "prints no line that parse.line finds but 'no datab"),
        (BRACKETS, NONE_AT_ALL, "prints no line that parse.line finds but '│ Filename"),
        (BRACKETS, "[X] 1 A\n[ ] 2 A\n", "names migration A twice"),
    ],
)
def test_what_is_no_status_is_said(parse: dict[str, str], text: str, told: str) -> None:
    with pytest.raises(MigrationError) as error:
        Reader.of({"parse": parse}).read(text)
    assert str(error.value).startswith(told)


def test_labels_are_reported_or_described() -> None:
    text = """{"migrations": [
        {"name": "1", "applied": "2026-11-22T23:15:30Z", "missing": true},
        {"name": "2", "applied": false, "kind": "contract", "reversible": false},
        {"name": "3-drop-a", "applied": false, "kind": "expand", "reversible": true},
        {"name": "4", "applied": true, "kind": null}
    ]}"""
    labels = {"contract": ["-drop-"], "irreversible": ["-drop-", "^9"]}
    history = Reader.of({"labels": labels}).read(text)
    assert history.migrations == (
        Migration("1", True, missing=True),
        Migration("2", False, contract=True, reversible=False),
        Migration("3-drop-a", False, contract=True, reversible=False),
        Migration("4", True),
    )
    assert history.pending_contracts() == ("2", "3-drop-a")
    assert history.known_applied() == ("4",)
    assert History.of(history.migrations).as_list()[:2] == [
        {"name": "1", "applied": True, "missing": True},
        {"name": "2", "applied": False, "kind": "contract", "reversible": False},
    ]


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ('"kind": "shrink"', 'reports 1 as kind: "shrink", not expand or contract'),
        ('"missing": "yes"', 'reports 1 as missing: "yes", not true or false'),
        ('"reversible": 0', "reports 1 as reversible: 0, not true or false"),
    ],
)
def test_labels_that_are_none_are_said(row: str, told: str) -> None:
    with pytest.raises(MigrationError) as error:
        History.parse(f'{{"migrations": [{{"name": "1", "applied": true, {row}}}]}}')
    assert str(error.value) == told


GOOD: dict[str, t.Any] = {"status": ["s"], "up": ["u"], "timeout": 600, "parse": TABLE}


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"parse": None, "labels": {"contract": []}, "lease": {"uri": "M", "seconds": 30}}, []),
        ({"up": []}, ["up: no command; give it as a list, its program first"]),
        ({"timeout": 0}, ["timeout: 0 is not a number of seconds from 1"]),
        (
            {"parse": {**TABLE, "line": "(?P<name>x) (y)"}},
            ["parse.line: '(?P<name>x) (y)' has no group (?P<applied>...)"],
        ),
        (
            {"parse": {**TABLE, "pending": "("}},
            [
                "parse.pending: '(' is no regular expression:"
                " missing ), unterminated subpattern at position 0"
            ],
        ),
        (
            {"labels": {"irreversible": ["*"]}},
            ["labels.irreversible: '*' is no regular expression: nothing to repeat at position 0"],
        ),
        (
            {"lease": {"uri": "mongodb://u:hush@m/t", "seconds": 30}},
            [
                "lease.uri: give the name of the environment variable that holds the URI, such as MONGO_URI"
            ],
        ),
        (
            {"lease": {"uri": "MONGO_URI", "seconds": 2}},
            ["lease.seconds: 2 is not between 3 and 600"],
        ),
    ],
)
def test_descriptions_that_are_wrong_are_said(changes: dict[str, t.Any], told: list[str]) -> None:
    assert list(migration_problems({**GOOD, **changes})) == told
