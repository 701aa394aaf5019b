# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A release's own migrations: those of all its tries, and nobody else's."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.tagadodo.deploy.plugins.module_utils._undo import (
    Undo,
    leftovers,
    own_migrations,
)

Record = dict[str, t.Any]


def record(name: str, outcome: str, *applied: str, **more: t.Any) -> Record:
    facts: Record = {"release": name, "outcome": outcome, **more}
    if applied:
        before = more.pop("before", ())
        facts["migrations"] = {"image": f"image-{name}", "before": [*before], "applied": [*applied]}
    return facts


def reverted(one: Record, *names: str) -> Record:
    return {**one, "migrations": {**one["migrations"], "reverted": [*names]}}


R1 = record("r1", "succeeded", "a", "b")
FAILED = record("r2", "failed", "c", before=["a", "b"])
RETRY = record("r3", "succeeded", "d", "e", before=["a", "b", "c"])


@pytest.mark.parametrize(
    ("records", "release", "expected"),
    [
        ([], "r1", None),
        ([record("r2", "succeeded"), R1], "r2", None),
        ([R1], "r1", Undo("r1", "image-r1", ("a", "b"), ())),
        ([R1], "r9", None),
        # a try that failed belongs to its retry, and the newest image has them all
        ([RETRY, FAILED, R1], "r3", Undo("r3", "image-r3", ("c", "d", "e"), ("a", "b"))),
        ([record("r3", "succeeded"), FAILED, R1], "r3", Undo("r2", "image-r2", ("c",), ("a", "b"))),
        # one that was good and gone back from is none of its tries
        (
            [RETRY, {**FAILED, "outcome": "rolled_back"}, R1],
            "r3",
            Undo("r3", "image-r3", ("d", "e"), ("a", "b", "c")),
        ),
        (
            [RETRY, record("r2b", "succeeded", restores="r1"), FAILED, R1],
            "r3",
            Undo("r3", "image-r3", ("d", "e"), ("a", "b", "c")),
        ),
        # what is reverted is not reverted again
        (
            [reverted(RETRY, "e"), FAILED, R1],
            "r3",
            Undo("r3", "image-r3", ("c", "d"), ("a", "b")),
        ),
        (
            [record("r3", "succeeded", "c", "d"), reverted(FAILED, "c"), R1],
            "r3",
            Undo("r3", "image-r3", ("c", "d"), ("a", "b")),
        ),
        ([reverted(RETRY, "c", "d", "e"), FAILED, R1], "r3", None),
    ],
)
def test_the_own_set(records: list[Record], release: str, expected: Undo | None) -> None:
    assert own_migrations(records, release) == expected


@pytest.mark.parametrize(
    ("records", "live", "names"),
    [
        ([RETRY, FAILED, R1], RETRY, None),
        ([FAILED, R1], R1, ("c",)),
        (
            [
                record("r4", "succeeded", restores="r1"),
                {**RETRY, "outcome": "rolled_back"},
                FAILED,
                R1,
            ],
            record("r4", "succeeded", restores="r1"),
            ("c", "d", "e"),
        ),
        ([record("r5", "running", "f"), FAILED, R1], R1, ("c",)),
        ([FAILED], None, ("c",)),
    ],
)
def test_what_given_up_releases_left(
    records: list[Record], live: Record | None, names: tuple[str, ...] | None
) -> None:
    left = leftovers(records, live)
    assert (left and left.names) == names
