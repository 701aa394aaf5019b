# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the benchmark reads from a report of load, and when it calls users served again."""

from __future__ import annotations

import typing as t

import pytest
from bench.measure import calm_again, seen_by_users


def report(**versions: tuple[float, float]) -> dict[str, t.Any]:
    """One with the command typed after two seconds, and versions' first and last answers."""
    return {
        "marks": [{"name": "typed", "at": 2.0}, {"name": "ended", "at": 9.0}],
        "totals": {"sent": 50, "lost": 3, "wrong": 1},
        "reasons": {"status_502": 3, "status_404": 1},
        "versions": {
            name.replace("v", ""): {"first": first, "last": last}
            for name, (first, last) in versions.items()
        },
    }


@pytest.mark.parametrize(
    ("versions", "last_old", "first_new"),
    [
        ({"v1": (0.1, 6.5), "v2": (6.0, 9.0)}, 4.5, 4.0),
        ({"v1": (0.1, 1.9), "v2": (5.0, 9.0)}, 0.0, 3.0),  # the old one was gone at once
        ({"v2": (0.0, 9.0)}, 0.0, 0.0),
        ({"v1": (0.0, 9.0)}, 7.0, 0.0),  # the new one never came
    ],
)
def test_answers_are_timed_from_the_command_on(
    versions: dict[str, tuple[float, float]], last_old: float, first_new: float
) -> None:
    seen = seen_by_users(report(**versions), "1", "2")
    assert (seen["last_old"], seen["first_new"]) == (last_old, first_new)


def test_whatever_is_no_good_answer_is_lost() -> None:
    seen = seen_by_users(report(v1=(0, 9)), "1", "2")
    assert (seen["sent"], seen["lost"]) == (50, 4)


def second(
    number: int, *versions: str, marks: tuple[str, ...] = (), **more: int
) -> dict[str, t.Any]:
    counts = {"lost": 0, "wrong": 0, "limited": 0, **more}
    return {"second": number, "marks": marks, "versions": dict.fromkeys(versions, 90), **counts}


ENDED = second(4, "2", marks=("ended",))


@pytest.mark.parametrize(
    ("later", "calm"),
    [
        ([], False),
        ([second(5, "2")], True),
        ([second(5, "1", "2")], False),
        ([second(5, "1", "2"), second(6, "2")], True),
        ([second(5)], False),  # nobody was answered
        ([second(5, "2", lost=1)], False),
        ([second(5, "2", "?")], False),
    ],
)
def test_users_are_served_again_when_a_whole_second_after_the_end_is_good(
    later: list[dict[str, t.Any]], calm: bool
) -> None:
    assert calm_again([second(3, "2"), ENDED, *later], "2") is calm


def test_a_good_second_before_the_end_does_not_count() -> None:
    assert not calm_again([second(2, "2"), second(3, "2")], "2")
