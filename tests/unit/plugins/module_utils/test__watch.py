# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Watching a step: verdicts, what operators ask for, and the lines that are shown."""

from __future__ import annotations

import typing as t

import pytest
from gate_looks import NEW, OLD, look, users

from ansible_collections.tagadodo.deploy.plugins.module_utils._watch import Watch

GATE: dict[str, t.Any] = {}


def service(name: str = "backend", **step: t.Any) -> dict[str, t.Any]:
    known = {
        "name": "10 %",
        "share": 10,
        "old": OLD,
        "new": NEW,
        "minimum": 20,
        "maximum": 60,
        "bake": False,
        "needs": "traffic",
    }
    return {"name": name, "version": "1.1.0", "step": {**known, **step}, "gate": GATE}


def watch(*rounds: t.Any, **changes: t.Any) -> Watch:
    watching = Watch.of([service(**changes)])
    for number, (new, old) in enumerate(rounds, start=1):
        watching.take([look(number, new, old)], None, "", number * 5.0)
    return watching


GOOD = (users(good=60), users(good=540))
BAD = (users(good=20, bad=40), users(good=540))


def test_a_step_is_over_when_its_time_is_and_the_evidence_is_good() -> None:
    watching = watch(*[GOOD] * 3)
    assert not watching.over
    watching = watch(*[GOOD] * 5)
    assert (watching.over, watching.problem, watching.held) == (True, "", False)
    (data,) = watching.as_data()
    assert (data["service"], data["step"], data["share"], data["kind"]) == (
        "backend",
        "10 %",
        10,
        "pass",
    )
    assert watching.rounds == 5


def test_a_failure_ends_it_at_once_with_one_line() -> None:
    watching = watch(BAD)
    assert watching.over
    assert watching.problem.startswith("backend 1.1.0: ")
    assert "\n" not in watching.problem
    assert not watching.held


def test_nothing_to_judge_by_is_held_when_time_is_over() -> None:
    watching = watch(*[(users(), users())] * 13)
    assert watching.over
    assert watching.held
    assert watching.problem


def test_a_host_that_is_lost_ends_it() -> None:
    watching = watch(GOOD)
    watching.take([], None, "web2: does not answer", 10.0)
    assert (watching.over, watching.held) == (True, False)
    assert watching.problem == "web2: does not answer"


def test_a_run_that_was_ended_is_gone_on_with() -> None:
    watching = Watch.of([service()])
    watching.take([look(number, *GOOD) for number in range(1, 6)], None, "", 25.0)
    assert watching.over
    assert watching.as_data() == watch(*[GOOD] * 5).as_data()


def said(action: str, step: str = "10 %") -> dict[str, t.Any]:
    return {"action": action, "by": "Amina", "step": step, "at": 1.0}


def test_an_operator_may_end_a_step_early() -> None:
    watching = watch(GOOD)
    watching.take([look(2, *GOOD)], said("promote"), "", 10.0)
    assert (watching.over, watching.problem) == (True, "")
    assert watching.verdicts["backend"].sentence == "Amina promoted it"


def test_a_promotion_of_an_earlier_step_says_nothing_of_this_one() -> None:
    watching = watch(GOOD)
    watching.take([look(2, *GOOD)], said("promote", "5 %"), "", 10.0)
    assert not watching.over


def test_nobody_can_promote_what_fails() -> None:
    watching = watch(GOOD)
    watching.take([look(2, *BAD)], said("promote"), "", 10.0)
    assert watching.problem.startswith("backend 1.1.0: green")


def test_a_pause_keeps_it_at_its_step_and_resume_lets_it_go() -> None:
    watching = watch(*[GOOD] * 4)
    watching.take([look(5, *GOOD)], said("pause"), "", 25.0)
    assert not watching.over
    assert watching.verdicts["backend"].missing == ("Amina paused it",)
    watching.take([look(6, *GOOD)], said("resume"), "", 30.0)
    assert watching.over


def test_a_paused_release_still_fails() -> None:
    watching = watch(GOOD)
    watching.take([look(2, *BAD)], said("pause"), "", 10.0)
    assert watching.problem


def test_an_operator_may_abort() -> None:
    watching = watch(GOOD)
    watching.take([look(2, *GOOD)], said("abort"), "", 10.0)
    assert (watching.over, watching.held) == (True, False)
    assert watching.problem == "backend 1.1.0: Amina aborted it"


def test_all_services_have_to_pass() -> None:
    watching = Watch.of([service(), service("frontend")])
    for number in range(1, 6):
        watching.take([look(number, *GOOD)], None, "", number * 5.0)
    assert watching.verdicts["backend"].kind == "pass"
    assert not watching.over, "nothing was seen of the frontend"


def test_lines_of_progress_come_with_news_or_after_a_while() -> None:
    watching = watch(GOOD)
    (line,) = watching.progress()
    assert line.startswith("  backend  10 % 0:00  green 60 requests, 0 failed")
    assert "blue 540 requests" in line
    assert "needs" in line
    watching.take([look(2, *GOOD)], None, "", 10.0)
    assert watching.progress() == []
    watching.take([look(3, users(good=59, bad=1), users(good=540))], None, "", 15.0)
    (line,) = watching.progress()
    assert "1 failed" in line
    for number in range(4, 7):
        watching.take([look(number, users(), users())], None, "", number * 5.0)
    assert len(watching.progress()) == 1


def test_wrong_gate_settings_are_told_in_one_line() -> None:
    wrong = {**service(), "gate": {"error_rate": {"critical": 1, "high": 5, "medium": 2}}}
    with pytest.raises(ValueError, match="critical"):
        Watch.of([wrong])
