# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rounds of the benchmark: whose turn it is, and what becomes of one who fails."""

from __future__ import annotations

import contextlib
import typing as t

import pytest
from bench import runner
from bench.contender import Contender, Unavailable
from bench.contenders import BASELINE, ENTRIES
from bench.measure import Measured
from bench.report import Failure
from bench.runner import Results, rounds
from bench.shell import CommandFailed
from traffic import Traffic

NOTHING_SEEN = Measured(wall=1, last_old=1, first_new=1, sent=1, lost=0)


class Noted(Contender):
    """Notes its turns, and fails as it is told to."""

    def __init__(self, name: str, turns: list[str], error: Exception | None = None) -> None:
        self.name = name
        self._turns = turns
        self._error = error

    @contextlib.contextmanager
    def serving(self, version: str) -> t.Iterator[int]:
        self._turns.append(self.name)
        if self._error:
            raise self._error
        yield 1

    def deploy(self, version: str) -> None:
        raise AssertionError("measure is replaced here")

    rollback = deploy


@pytest.fixture(autouse=True)
def _nothing_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "measure", lambda *arguments: NOTHING_SEEN)
    monkeypatch.setattr(runner, "_keep_output", lambda *arguments: None)


def no_load(*arguments: t.Any) -> Traffic:
    raise AssertionError("nothing is measured here")


def bench(count: int, *contenders: Contender) -> Results:
    results = Results()
    rounds(contenders, no_load, count, results, lambda text: None)
    return results


def test_each_round_begins_with_another_contender() -> None:
    turns: list[str] = []
    results = bench(4, *(Noted(name, turns) for name in "abc"))
    assert "".join(turns) == "abc" + "bca" + "cab" + "abc"
    assert len(results.samples) == 4 * 3 * 2


def test_who_fails_loses_a_turn_and_tries_again() -> None:
    turns: list[str] = []
    results = bench(2, Noted("a", turns), Noted("b", turns, CommandFailed("b", "no")))
    assert turns == ["a", "b", "b", "a"]
    assert results.failures == [Failure("b", 1, "b failed: no"), Failure("b", 2, "b failed: no")]


def test_who_cannot_run_here_is_left_out() -> None:
    turns: list[str] = []
    results = bench(3, Noted("a", turns), Noted("b", turns, Unavailable("no such engine")))
    assert turns == ["a", "b", "a", "a"]
    assert results.failures == [Failure("b", 0, "no such engine")]


def test_names_are_unique_and_the_raw_limit_takes_part() -> None:
    names = [entry.name for entry in ENTRIES]
    assert len(set(names)) == len(names)
    assert BASELINE in names
