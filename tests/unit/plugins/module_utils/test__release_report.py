# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a report says of a release, from the records that it left."""

from __future__ import annotations

import typing as t
from datetime import timedelta

import pytest
from release_records import FIRST, History, canary, example, verdict

from ansible_collections.tagadodo.deploy.plugins.module_utils._ledger import ENVIRONMENT
from ansible_collections.tagadodo.deploy.plugins.module_utils._release_report import (
    Change,
    Item,
    Report,
    reports_of,
)

DAY = timedelta(days=1)


def newest(history: History) -> Report:
    return reports_of(history.records)[0]


def test_releases_are_told_newest_first_with_all_their_services() -> None:
    reports = reports_of(example().records)
    assert [(one.services[0].version, one.outcome) for one in reports] == [
        ("1.3.0", "succeeded"),
        ("1.2.1", "failed"),
        ("1.1.0", "succeeded"),
        ("1.2.0", "rolled_back"),
        ("1.2.0-rc1", "failed"),
        ("1.1.0", "succeeded"),
        ("1.0.0", "succeeded"),
    ]
    assert [one.is_rollback for one in reports].index(True) == 2
    assert [one.name for one in reports[-1].services] == ["backend", "frontend"]
    assert (reports[0].by, reports[0].origin) == ("amina", "ci.example.com")


@pytest.mark.parametrize(
    ("outcomes", "expected"),
    [
        (("succeeded", "succeeded"), "succeeded"),
        (("succeeded", "failed"), "failed"),
        (("rolled_back", "succeeded"), "rolled_back"),
        (("held", "rolled_back"), "held"),
        (("running", "succeeded"), "running"),
    ],
)
def test_a_release_came_to_what_is_worst_for_a_service(
    outcomes: t.Sequence[str], expected: str
) -> None:
    history = History()
    for service, outcome in zip(("backend", "frontend"), outcomes):
        history.release("1.0.0", FIRST, outcome, service=service)
    assert newest(history).outcome == expected


def test_one_that_users_met_is_told_from_one_that_they_did_not() -> None:
    reports = {one.services[0].version: one for one in reports_of(example().records)}
    met, refused = reports["1.2.1"], reports["1.2.0-rc1"]
    assert (met.exposed_from, met.exposed_until) != (None, None)
    assert t.cast(float, met.exposed_until) - t.cast(float, met.exposed_from) == 93
    assert (refused.exposed_from, refused.exposed_until) == (None, None)
    live = reports["1.3.0"]
    assert (live.exposed_from is None, live.exposed_until) == (False, None)


def test_who_rolled_a_release_back_and_when() -> None:
    history = History()
    history.release("1.0.0", FIRST)
    history.release("1.1.0", FIRST + DAY)
    history.rollback(FIRST + 2 * DAY, by="basma")
    given_up = reports_of(history.records)[1].services[0]
    assert (given_up.given_up_by, given_up.given_up) == ("basma", (FIRST + 2 * DAY).timestamp())


@pytest.mark.parametrize(
    ("name", "recorded", "expected"),
    [
        (
            "20261102-090000",
            "2026-11-02T09:00:04Z",
            0,
        ),  # a rollback records its intent as it shifts traffic
        ("20261102-090000-1.1.0", "2026-11-02T09:00:04Z", 0),
        ("20261102-090009", "2026-11-02T09:00:04Z", 4),  # the controller's clock is ahead
        ("first", "2026-11-02T09:00:04Z", 4),
        ("20261102-090000", None, 0),
    ],
)
def test_a_release_began_when_it_was_planned(
    name: str, recorded: t.Optional[str], expected: float
) -> None:
    record = {"release": name, "service": "backend", "outcome": "succeeded", "started_at": recorded}
    whole = {"release": name, "of_services": {"backend": {"release": name}}}
    (report,) = reports_of({"backend": [record], ENVIRONMENT: [whole]})
    assert report.started == FIRST.timestamp() + expected


def test_settings_are_compared_with_those_of_the_release_before() -> None:
    history = History()
    history.release(
        "1.0.0", FIRST, settings={"version": "1.0.0", "a": 1, "env": {"X": "1", "Y": "2"}}
    )
    history.release(
        "1.1.0", FIRST + DAY, settings={"version": "1.1.0", "a": 1, "env": {"X": "3", "Z": True}}
    )
    assert newest(history).services[0].changes == (
        Change("env.X", "1", "3"),
        Change("env.Y", "2", "-"),
        Change("env.Z", "-", "true"),
    )
    assert reports_of(history.records)[1].services[0].changes is None


def test_the_trend_of_all_steps_is_one() -> None:
    history = History()
    history.release("1.0.0", FIRST)
    canary(history, "1.1.0", FIRST + DAY)
    one = newest(history).services[0]
    assert len(one.verdicts) == 4
    assert {point.slot for point in one.trend} == {"green", "blue"}
    assert [at for at, _share in one.shares] == sorted(at for at, _share in one.shares)
    assert len(one.trend) == 4 * 2 * 13


def test_a_step_that_was_watched_twice_is_in_the_trend_once() -> None:
    """A gate that goes on judges by all looks at the step, those of the run before too."""
    history = History()
    held, passed = (
        verdict("10 %", FIRST, seconds, "hold" if seconds < 60 else "pass") for seconds in (30, 60)
    )
    history.release("1.0.0", FIRST, verdicts=[held, passed])
    points = newest(history).services[0].trend
    assert len(points) == 2 * 12
    assert [one.at for one in points] == sorted(one.at for one in points)


def test_the_verdict_that_ended_it_is_the_one_that_is_no_pass() -> None:
    history = example()
    failed = next(one for one in reports_of(history.records) if one.services[0].version == "1.2.1")
    decisive = failed.services[0].decisive
    assert decisive is not None
    assert (decisive.step, decisive.rule) == ("25 %", "critical errors")


def test_records_of_earlier_versions_say_less_and_are_told_as_well() -> None:
    """Neither trend nor time of a verdict, and nothing of project, origin or language."""
    history = History()
    history.release(
        "1.0.0", FIRST, verdicts=[{"service": "backend", "step": "100 %", "kind": "pass"}]
    )
    records = history.records
    for key in ("project", "origin", "language", "hosts"):
        del records[ENVIRONMENT][0][key]
    (report,) = reports_of(records)
    assert (report.language, report.project, report.services[0].trend) == ("en", "", ())
    assert report.services[0].verdicts[0].at is None


def test_a_checklist_is_told_where_a_release_has_one() -> None:
    history = History()
    item = {"name": "backup is recent", "state": "pass", "evidence": "3 h old", "by": "amina"}
    history.release("1.0.0", FIRST, whole={"checklist": [item]})
    assert newest(history).checklist == (Item("backup is recent", "pass", "3 h old", "amina", ""),)


def test_a_service_whose_record_was_forgotten_is_left_out() -> None:
    records = example().records
    assert reports_of({ENVIRONMENT: records[ENVIRONMENT]})[0].services == ()
