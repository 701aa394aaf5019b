# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a plan and a release that has ended say to the checklist."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.tagadodo.deploy.plugins.module_utils._checklist import Finding
from ansible_collections.tagadodo.deploy.plugins.module_utils._checklist_done import (
    backup_made,
    found_by_plan,
    found_by_release,
    found_of_migrations,
    told_people,
)

WATCHED = {"name": "backend", "look": {"metrics": [{"name": "queue"}]}}


def plan(
    policy: str = "leave", before: t.Optional[str] = "1.0.0", migrates: bool = True, **more: t.Any
) -> t.Dict[str, t.Any]:
    """Of a release of the backend, which leaves the frontend alone."""
    moves = {"backend": {"from": before, "to": "1.1.0"}}
    return {
        "services": {
            "backend": {"action": "release", "version": "1.1.0", "slot": "green"},
            "frontend": {"action": "keep", "version": "1.0.0", "slot": "blue"},
        },
        "records": [
            {"service": "backend", "facts": {"image": "r@sha256:1"}},
            {"service": "_environment", "facts": {"of_services": moves}},
        ],
        "migrate": [{"service": "backend", "old_version_runs": bool(before)}] if migrates else [],
        "data": [{"service": "backend", "policy": policy}] if migrates else [],
        "steps": [{"watch": [WATCHED]}, {"watch": []}],
        "backup_hours": None,
        **more,
    }


def pending(**facts: t.Any) -> t.Dict[str, t.Any]:
    rows = [{"name": "001-a", "applied": True}, {"name": "002-b", "applied": False, **facts}]
    return {"service": "backend", "migrations": rows, "changed": False}


def verdict(share: int = 100, seconds: float = 1800, **facts: t.Any) -> t.Dict[str, t.Any]:
    counts = {"attempts": 5400, "failed": 3, "p95": 0.0412}
    numbers = {"slots": {"green": {"step": counts}}}
    told = {"service": "backend", "step": "all", "share": share, "seconds": seconds}
    return {**told, "kind": "pass", "numbers": numbers, **facts}


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (plan(), "backend goes back to 1.0.0, which stays beside it, its migrations stay"),
        (
            plan("revert"),
            "backend goes back to 1.0.0, which stays beside it, its migrations are taken back",
        ),
        (plan(migrates=False), "backend goes back to 1.0.0, which stays beside it"),
        (plan(before=None), "backend is released for the first time"),
    ],
)
def test_the_plan_knows_the_way_back(given: t.Dict[str, t.Any], told: str) -> None:
    assert found_by_plan(given) == [Finding("way_back", "pass", told)]


@pytest.mark.parametrize(
    ("given", "said", "reason", "state", "told"),
    [
        (plan(migrates=False), {}, "", "pass", "backend has none"),
        (plan(), {"changed": True, "msg": "the image is not here"}, "", "pass", "read from its image when that is pulled"),
        (plan(), {"changed": False, "msg": "backend: nobody answers"}, "", "fail", "backend: nobody answers"),
        (plan(), pending(), "", "pass", "backend: 002-b pending"),
        (plan(), pending(applied=True), "", "pass", "backend: none pending"),
        (plan(), pending(kind="contract"), "", "fail", "backend: 002-b is labelled contract, and the version before runs"),
        (plan(), pending(kind="contract"), "agreed", "pass", "backend: 002-b pending, overruled: agreed"),
        (plan(before=None), pending(kind="contract"), "", "pass", "backend: 002-b pending"),
        (plan("revert"), pending(reversible=False), "", "fail", "backend: 002-b is labelled irreversible"),
        (plan(), pending(reversible=False), "", "pass", "backend: 002-b pending"),
    ],
)  # fmt: skip
def test_migrations_are_ready(
    given: t.Dict[str, t.Any], said: t.Dict[str, t.Any], reason: str, state: str, told: str
) -> None:
    (one,) = found_of_migrations(given, [{"service": "backend", **said}], reason)
    assert (one.item, one.state) == ("migrations", state)
    assert told in one.evidence


def test_an_old_backup_is_no_problem_where_the_release_makes_one() -> None:
    old = Finding("backup", "fail", "it is 30 hours old")
    assert backup_made(plan(), old) == old
    made = backup_made(plan(backup_hours=24), old)
    assert (made.state, made.evidence) == (
        "pass",
        "it is 30 hours old; the release makes one first",
    )
    assert backup_made(plan(backup_hours=24), Finding("backup", "open")).state == "open"


def test_people_are_told_where_there_is_a_way() -> None:
    assert told_people("team_told", ["slack", "mail"], True).evidence == "by mail, slack"
    assert told_people("team_told", [], True).state == "open"
    assert told_people("team_told", ["slack"], False).state == "open"


def by_item(*verdicts: t.Dict[str, t.Any], **more: t.Any) -> t.Dict[str, t.Tuple[str, str]]:
    found = found_by_release(plan(**more), verdicts, minutes=30)
    return {one.item: (one.state, one.evidence) for one in found}


def test_a_release_that_was_watched_answers_for_itself() -> None:
    assert by_item(verdict(10, 60), verdict()) == {
        "health": ("pass", "backend 1.1.0 proved itself at each instance and through nginx"),
        "smoke": ("pass", "backend: 2 steps passed"),
        "logs": ("pass", "backend: 10800 answers in nginx's log"),
        "metrics": ("pass", "backend: queue"),
        "smoke_after": ("pass", "backend: requests of our own were answered well"),
        "watched": ("pass", "backend: 30.0 min with all traffic"),
        "error_rates": ("pass", "backend: 3 of 5400 answers failed"),
        "response_times": ("pass", "backend: 41 ms, 95th percentile"),
    }


def test_what_nobody_watched_stays_open() -> None:
    told = by_item()
    assert told.pop("health")[0] == "pass"
    assert {state for state, _evidence in told.values()} == {"open"}
    assert told["smoke"] == ("open", "backend was not watched (bake: 0)")


def test_a_watch_that_was_too_short_or_saw_no_users_says_so() -> None:
    told = by_item(verdict(seconds=300, numbers={"slots": {}}), steps=[])
    assert told["watched"] == ("open", "backend: 5.0 min with all traffic, 30 are asked for")
    assert told["response_times"] == ("open", "backend: no answers of users to measure")
    assert told["metrics"] == ("open", "backend names none (gate.metrics)")
