# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The four DORA figures: by tables of histories, and for any history."""

from __future__ import annotations

import typing as t
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from release_records import FIRST, History, example, iso

from ansible_collections.tagadodo.deploy.plugins.module_utils._dora import Figures, figures_of
from ansible_collections.tagadodo.deploy.plugins.module_utils._release_report import (
    Report,
    ServiceReport,
    reports_of,
)

HOUR, DAY = 3600.0, 86400.0


def figures(history: History, now: datetime) -> Figures:
    return figures_of(reports_of(history.records), now.timestamp())


def test_the_figures_of_some_weeks() -> None:
    """Four became live, of which one was rolled back; of two that failed, users met one."""
    found = figures(example(), FIRST + timedelta(days=14))
    assert (found.days, found.deployments, found.per_week) == (14, 4, 2.0)
    assert (found.changes, found.failures, found.failure_rate) == (5, 2, 0.4)
    # 8 h and some minutes, 14 h and 7 h.
    assert found.leads == 3
    assert found.lead_time == pytest.approx(8 * HOUR + 225, abs=5)
    # 93 s until a bad canary had no traffic, and 3 s from the call for a rollback.
    assert (found.restores, found.restore_time) == (2, 48)


def test_nothing_released_has_no_figures() -> None:
    found = figures_of([], FIRST.timestamp())
    assert (found.deployments, found.changes, found.days) == (0, 0, 1)
    assert (found.failure_rate, found.lead_time, found.restore_time) == (None, None, None)


@pytest.mark.parametrize("outcome", ["running", "held"])
def test_one_that_has_not_ended_is_in_no_figure(outcome: str) -> None:
    history = History()
    history.release("1.0.0", FIRST, outcome)
    found = figures(history, FIRST + timedelta(days=1))
    assert (found.deployments, found.changes) == (0, 0)


def test_what_was_refused_before_users_met_it_is_no_failure_of_a_change() -> None:
    history = History()
    history.release("1.0.0", FIRST)
    history.release("1.1.0", FIRST + timedelta(hours=1), "failed", shares=())
    found = figures(history, FIRST + timedelta(days=1))
    assert (found.changes, found.failures, found.restore_time) == (1, 0, None)


def test_what_is_long_ago_does_not_count() -> None:
    history = History()
    history.release("1.0.0", FIRST, "failed", shares=((1, 10), (2, 0)))
    history.release("1.1.0", FIRST + timedelta(days=100))
    found = figures(history, FIRST + timedelta(days=101))
    assert (found.deployments, found.changes, found.failures, found.days) == (1, 1, 0, 1)


def test_a_commit_that_is_said_to_be_later_than_its_release_is_not_counted() -> None:
    history = History()
    later = {"committed_at": iso(FIRST + timedelta(days=1))}
    history.release("1.0.0", FIRST, whole=later)
    assert figures(history, FIRST + timedelta(days=2)).lead_time is None


MOMENTS = st.floats(0, 200 * DAY)
SHARES = st.lists(st.tuples(MOMENTS, st.integers(0, 100)), max_size=5).map(sorted).map(tuple)
OUTCOMES = st.sampled_from(["succeeded", "failed", "held", "running", "rolled_back"])
SERVICES = st.builds(
    ServiceReport,
    name=st.just("backend"),
    outcome=OUTCOMES,
    version=st.just("1.0.0"),
    shares=SHARES,
    given_up=st.none() | MOMENTS,
)
REPORTS = st.builds(
    Report,
    release=st.text(max_size=5),
    kind=st.sampled_from(["release", "rollback"]),
    outcome=OUTCOMES,
    services=st.lists(SERVICES, max_size=3).map(tuple),
    started=st.none() | MOMENTS,
    finished=st.none() | MOMENTS,
    committed=st.none() | MOMENTS,
)


@given(st.lists(REPORTS, max_size=8), st.floats(0, 300 * DAY))
def test_figures_of_any_history_are_possible(reports: t.List[Report], now: float) -> None:
    found = figures_of(reports, now)
    assert 0 <= found.failures <= found.changes <= len(reports)
    assert 0 <= found.deployments <= found.changes
    assert found.restores <= found.failures
    assert found.leads <= found.deployments
    assert 1 <= found.days <= 91
    assert found.failure_rate is None or 0 <= found.failure_rate <= 1
    for seconds, count in ((found.lead_time, found.leads), (found.restore_time, found.restores)):
        assert (seconds is None) == (count == 0)
        assert seconds is None or seconds >= 0


@given(st.lists(REPORTS, max_size=8), st.randoms())
def test_figures_do_not_depend_on_the_order(reports: t.List[Report], rng: t.Any) -> None:
    mixed = list(reports)
    rng.shuffle(mixed)
    known, other = figures_of(reports, 100 * DAY), figures_of(mixed, 100 * DAY)
    assert (known.days, known.deployments, known.changes, known.failures) == (
        other.days,
        other.deployments,
        other.changes,
        other.failures,
    )
    assert known.lead_time == other.lead_time
