# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The last words of scripts/demo: numbers that add up."""

from __future__ import annotations

import typing as t

import pytest
from _traffic.record import COUNTS, OUTCOMES
from demo import OTHERS, requests_told

NOTHING = dict.fromkeys(COUNTS, 0)


def report(cut: int = 0, **counts: int) -> dict[str, t.Any]:
    totals = {**NOTHING, **counts}
    return {
        "totals": {**totals, "sent": sum(totals[name] for name in OUTCOMES)},
        "reasons": {"cut": cut},
    }


def test_what_is_all_answered_is_told_briefly() -> None:
    assert requests_told(report(ok=1200)) == [
        "1200 sent, of which",
        "1200 were answered",
        "   0 were lost",
    ]


@pytest.mark.parametrize(
    "counted",
    [
        report(ok=9),
        report(ok=90, lost=7, cut=5),
        report(ok=900, lost=3, wrong=1, limited=2, refused_streams=4, unfinished=5),
    ],
)
def test_the_parts_add_up_to_what_was_sent(counted: dict[str, t.Any]) -> None:
    sent, *parts = (int(line.split()[0]) for line in requests_told(counted))
    assert sent == sum(parts) == counted["totals"]["sent"]


def test_a_message_that_met_the_close_of_its_websocket_is_not_told_as_lost() -> None:
    told = requests_told(report(ok=90, lost=7, cut=5))
    assert " 2 were lost" in told
    assert " 5 were websocket messages that met the close" in told[-1]


def test_every_outcome_has_its_words() -> None:
    assert {"ok", "lost", *OTHERS} == set(OUTCOMES)
