# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The life of a target: Kubernetes' probes, and an end that comes at once when there is no hope."""

from __future__ import annotations

import typing as t
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.tagadodo.deploy.plugins.module_utils._engine import ContainerState
from ansible_collections.tagadodo.deploy.plugins.module_utils._probe import (
    Observation,
    ProbeState,
    container_failure,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._target import (
    LIVE,
    READY,
    STARTUP,
    Outcome,
    Pace,
    Target,
)

PATHS = {"startup": "/live", "ready": "/ready", "live": "/live"}
PACES = {
    STARTUP: Pace(initial_delay=0, period=10, timeout=3, failures=30, successes=1),
    READY: Pace(initial_delay=0, period=5, timeout=3, failures=3, successes=1),
    LIVE: Pace(initial_delay=0, period=10, timeout=5, failures=3, successes=1),
}
TARGET = Target("backend-green-1", "http://10.213.2.16:3000", PATHS, PACES)
OK = Outcome(True, status=200)
REFUSED = Outcome(False, "/ready refuses connections")
MISNAMED = Outcome(
    False, "answers 200 but says version 1.0.0, expected 1.2.0", 200, "1.0.0", misnamed=True
)
RUNNING = ContainerState("c", exists=True, status="running", running=True, started_at="t1")


def pace(kind: str, **changes: t.Any) -> Target:
    return replace(TARGET, paces={**PACES, kind: replace(PACES[kind], **changes)})


def play(state: ProbeState, *outcomes: Outcome) -> ProbeState:
    """Answer the probes as they become due."""
    for outcome in outcomes:
        now, kind = state.next_probe()
        state = state.observe(now, Observation(kind, outcome))
    return state


def play_until(state: ProbeState, outcome: Outcome, end: float) -> ProbeState:
    while not state.failure and state.next_probe()[0] <= end:
        state = play(state, outcome)
    return state


def started(target: Target = TARGET) -> ProbeState:
    return play(ProbeState.begin(target, 0.0), OK)


def ready(target: Target = TARGET) -> ProbeState:
    state = ProbeState.begin(target, 0.0)
    while state.ready_at is None:
        state = play(state, OK)
    return state


def test_nothing_but_startup_is_asked_until_it_succeeded() -> None:
    state = ProbeState.begin(TARGET, 0.0)
    for _time in range(20):
        assert state.probes() == (STARTUP,)
        state = play(state, REFUSED)
    assert play(state, OK).probes() == (READY, LIVE)


def test_without_a_startup_path_a_target_counts_as_started() -> None:
    assert ProbeState.begin(replace(TARGET, paths={}), 0.0).probes() == (READY,)


def test_a_target_that_comes_up_is_asked_often_at_first_and_then_less() -> None:
    state = ProbeState.begin(TARGET, 0.0, interval=0.1)
    times = []
    for _time in range(150):
        times.append(state.next_probe()[0])
        state = play(state, REFUSED)
    gaps = [later - now for now, later in zip(times, times[1:]) if later < 290]
    assert gaps[:10] == pytest.approx([0.1] * 10)
    assert gaps == pytest.approx(sorted(gaps))
    assert max(gaps) == pytest.approx(10)


def test_startup_is_final_after_its_failures_times_its_period() -> None:
    state = play_until(ProbeState.begin(TARGET, 0.0), REFUSED, end=299.9)
    assert not state.failure
    state = play_until(state, REFUSED, end=300.0)
    assert state.failure == "not started within 300 s: /ready refuses connections"


def test_not_becoming_ready_is_final_after_its_failures_times_its_period() -> None:
    target = replace(TARGET, paths={"startup": "/live", "ready": "/ready"})
    state = play_until(started(target), REFUSED, end=14.9)
    assert not state.failure
    state = play_until(state, REFUSED, end=15.0)
    assert state.failure == "not ready within 15 s: /ready refuses connections"


def test_an_old_process_may_answer_for_a_moment() -> None:
    target = replace(TARGET, paths={"ready": "/ready"})
    state = play(ProbeState.begin(target, 0.0), MISNAMED, MISNAMED, OK)
    assert state.well


def test_a_wrong_identity_is_final_in_plain_words() -> None:
    target = replace(TARGET, paths={"ready": "/ready"})
    state = play_until(ProbeState.begin(target, 0.0), MISNAMED, end=15.0)
    assert state.failure == "answers 200 but says version 1.0.0, expected 1.2.0"
    assert state.identity == "1.0.0"


def test_ready_takes_successes_in_a_row() -> None:
    target = replace(pace(READY, successes=3), paths={"ready": "/ready"})
    state = play(ProbeState.begin(target, 0.0), OK, OK, REFUSED, OK, OK)
    assert state.ready_at is None
    assert play(state, OK).well


def test_initial_delays_count_from_the_beginning() -> None:
    target = replace(pace(READY, initial_delay=10), paths={"startup": "/s", "ready": "/r"})
    assert ProbeState.begin(target, 0.0).next_probe() == (0.0, STARTUP)
    assert started(target).next_probe() == (10.0, READY)


@pytest.mark.parametrize("kind", [READY, LIVE])
def test_once_ready_probes_keep_their_periods_and_failures_are_counted(kind: str) -> None:
    state = ready()
    since = state.streaks[kind].last or 0.0
    for number in range(1, PACES[kind].failures + 1):
        assert not state.failure
        now = since + number * PACES[kind].period
        state = state.observe(now, Observation(kind, REFUSED))
        assert not state.well
    assert "3 probes in a row failed: /ready refuses connections" in state.failure


def test_a_success_ends_a_row_of_failures() -> None:
    state = ready(replace(TARGET, paths={"ready": "/ready"}))
    state = play(state, REFUSED, REFUSED, OK, REFUSED, REFUSED, OK)
    assert state.well


def test_the_watch_ends_with_a_look_at_everything() -> None:
    state = ready().watch_until(2.0)
    assert state.next_probe()[0] == 2.0
    assert not state.looked_at_end
    assert play(state, OK, OK).looked_at_end


def test_a_target_is_not_well_before_its_container_was_seen() -> None:
    state = ready(replace(TARGET, container="c"))
    assert not state.well
    assert state.observe(1.0, Observation(container=RUNNING)).well


@pytest.mark.parametrize(
    ("first", "now", "failure"),
    [
        ({}, {}, ""),
        ({}, {"exists": False}, "container c disappeared"),
        ({"exists": False}, {"exists": False}, "container c does not exist on this host"),
        ({}, {"status": "exited", "exit_code": 1}, "container c exited with exit code 1"),
        (
            {},
            {"status": "exited", "exit_code": 137},
            "container c exited with exit code 137 (killed, perhaps for want of memory)",
        ),
        ({}, {"status": "dead"}, "container c died with exit code 0"),
        (
            {"status": "created", "exit_code": 127},
            {"status": "created", "exit_code": 127},
            "container c could not be started (exit code 127)",
        ),
        (
            {"status": "restarting", "exit_code": 3},
            {"status": "restarting", "exit_code": 3},
            "container c ended with exit code 3 and is restarted again and again",
        ),
        ({"restart_count": 4}, {"restart_count": 4}, ""),
        (
            {"restart_count": 4},
            {"restart_count": 5},
            "container c ended by itself and was restarted by the engine",
        ),
        ({}, {"started_at": "t2"}, "container c was restarted"),
        ({"status": "created", "started_at": ""}, {}, ""),
        ({}, {"oom_killed": True}, "container c ran out of memory and was killed"),
        ({"oom_killed": True}, {"oom_killed": True}, ""),
        (
            {"status": "exited", "oom_killed": True},
            {"status": "exited", "oom_killed": True},
            "container c ran out of memory and was killed",
        ),
    ],
)
def test_containers_that_will_not_get_well(
    first: dict[str, t.Any], now: dict[str, t.Any], failure: str
) -> None:
    assert container_failure(replace(RUNNING, **now), replace(RUNNING, **first)) == failure


def test_the_end_of_a_container_explains_what_its_probes_suffered_from() -> None:
    target = replace(pace(READY, failures=1, period=0.1), paths={"ready": "/r"}, container="c")
    state = play_until(ProbeState.begin(target, 0.0), REFUSED, end=1.0)
    assert state.failure.startswith("not ready")
    ended = replace(RUNNING, status="exited", running=False, exit_code=1)
    state = state.observe(1.1, Observation(container=ended))
    assert state.failure == "container c exited with exit code 1"


OUTCOMES = st.lists(st.sampled_from([OK, OK, REFUSED, MISNAMED]), max_size=60)
COUNTS = st.integers(1, 4)
STEPS = st.floats(0.1, 20)


@st.composite
def targets(draw: st.DrawFn) -> Target:
    paces = {
        kind: Pace(draw(st.floats(0, 5)), draw(STEPS), 1.0, draw(COUNTS), draw(COUNTS))
        for kind in PACES
    }
    paths = {key: path for key, path in PATHS.items() if draw(st.booleans())}
    return replace(TARGET, paces=paces, paths=paths)


@given(targets(), OUTCOMES)
def test_whatever_is_answered(target: Target, outcomes: list[Outcome]) -> None:
    state = ProbeState.begin(target, 0.0)
    last = -1.0
    row: list[bool] = []
    for outcome in outcomes:
        now, kind = state.next_probe()
        assert now >= last  # time does not run back
        asked = state.streaks[kind].last
        assert asked is None or now > asked  # nor is a probe repeated without a pause
        assert target.has(kind)
        assert (kind == STARTUP) == (state.started_at is None)
        after = state.observe(now, Observation(kind, outcome))
        if kind == READY:
            row.append(outcome.ok)
        if state.ready_at is None and after.ready_at is not None:
            assert all(row[-target.paces[READY].successes :])
        if state.failure:
            assert after == state  # nothing changes a failure
        assert not (after.well and after.failure)
        assert "\n" not in after.failure
        state, last = after, now
