# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The gate: the verdict of every case that was ever asked about, and what holds for all rounds."""

from __future__ import annotations

import dataclasses
import json
import typing as t

import pytest
from gate_looks import GOOD_PROBES, NEW, OLD, SERVICE, judged, look, slot, step, users
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.tagadodo.deploy.plugins.module_utils._evidence import (
    ContainerFacts,
    Look,
    Probes,
    SlotCounts,
    SlotLook,
    latency_bucket,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._gate import (
    BASELINE,
    Step,
    Verdict,
    rules_for,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._gate_rules import (
    enough_traffic,
    needed,
)

Counts = t.Union[SlotCounts, SlotLook, None]


def rounds_of(count: int, new: Counts = None, old: Counts = None, **more: t.Any) -> t.List[Look]:
    """The same round so many times."""
    return [look(number, new, old, **more) for number in range(1, count + 1)]


def told(verdict: Verdict) -> t.Tuple[str, str, str]:
    return verdict.kind, verdict.cause, verdict.rule


def after(rounds: t.List[Look], *more: t.Callable[[int], Look]) -> t.List[Look]:
    """Rounds and those that follow, each made of its number."""
    result = list(rounds)
    for make in more:
        result.append(make(len(result) + 1))
    return result


HEALTHY = rounds_of(60, users(10), users(90))
QUIET = rounds_of(180, None, users(10))


# --- what passes, and what is not enough ---


def test_a_healthy_step_passes_when_its_minimum_is_over() -> None:
    assert judged(HEALTHY[:11]).kind == "watch"
    verdict = judged(HEALTHY[:12])
    assert told(verdict) == ("pass", "", "")
    assert verdict.sentence == (
        "green 0 of 120 requests failed (0 %), blue 0 of 1080 requests failed (0 %)"
    )
    assert verdict.missing == ()


def test_what_is_missing_is_said() -> None:
    verdict = judged(HEALTHY[:4])
    assert verdict.missing == ("40 s", "23 more requests without error on green")
    assert not verdict.final


def test_silence_is_not_a_pass() -> None:
    assert judged(rounds_of(179)).kind == "watch"
    verdict = judged(QUIET)
    assert told(verdict) == ("no-data", "", "")
    assert verdict.sentence == "green answered no request in 900 s"


def test_too_few_requests_hold_and_say_how_many_are_missing() -> None:
    few = [look(n, users(1 if n % 20 == 0 else 0), users(1)) for n in range(1, 181)]
    verdict = judged(few)
    assert told(verdict) == ("hold", "", "")
    assert "54 more requests without error on green" in verdict.sentence
    assert "green 0 of 9 requests failed (0 %)" in verdict.sentence


def test_one_request_that_fails_decides_nothing() -> None:
    failed = after([], lambda n: look(n, users(0, 1), users(9)))
    assert judged(failed).kind == "watch"
    forever = failed + [look(n, None, users(9)) for n in range(2, 181)]
    assert told(judged(forever)) == ("hold", "", "")


def test_time_alone_never_passes() -> None:
    for now in (60.0, 899.0, 900.0, 1e9):
        assert judged(HEALTHY[:3], now=now).kind != "pass"
        assert judged([], now=now).kind in ("watch", "no-data")


def test_a_499_storm_says_nothing() -> None:
    storm = users(0, requests=500, neutral=500)
    verdict = judged(rounds_of(180, storm, users(10)))
    assert told(verdict) == ("no-data", "", "")
    assert "90000 ended without one" in verdict.sentence
    among_good = rounds_of(60, users(10, requests=60, neutral=50), users(90, requests=540))
    assert judged(among_good).kind == "pass"


def test_a_share_that_sticky_clients_make_other_than_meant_keeps_nothing_waiting() -> None:
    verdict = judged(rounds_of(60, users(5), users(195)))
    assert verdict.kind == "pass"
    assert verdict.numbers["share"] == 2.5


def test_probes_must_be_good_in_the_last_round() -> None:
    unwell = slot(users(10), {"live": Probes(1), "ready": Probes(0, 1)})
    new = after(HEALTHY, lambda n: look(n, unwell, users(90)))
    assert judged(new).missing == ("good answers to probes of green",)
    unasked = after(HEALTHY, lambda n: look(n, slot(users(10), {}), users(90)))
    assert judged(unasked).missing == ("good answers to probes of green",)
    assert judged(after(new, lambda n: look(n, users(10), users(90)))).kind == "pass"


def test_the_slot_to_go_back_to_must_be_well() -> None:
    unwell = slot(users(90), {"ready": Probes(0, 1, why="timeout")})
    sick = [lambda n: look(n, users(10), unwell)] * 3
    first = judged(after(HEALTHY, *sick[:1]))
    assert first.missing == ("good answers to probes of blue, the slot to go back to",)
    last = judged(after(HEALTHY, *sick))
    assert told(last) == ("hold", "stable", "rollback target")
    assert last.sentence.endswith("answers probes badly, 3 rounds in a row: timeout")
    over = judged(after(HEALTHY, *sick[:1]), step(maximum=305))
    assert told(over) == ("hold", "stable", "rollback target")


def test_an_old_slot_that_has_gone_needs_no_probes() -> None:
    assert judged(rounds_of(60, users(10), slot(probes={})), step(share=100)).kind == "pass"
    stays = slot(probes={}, containers=(ContainerFacts("b", running=True),))
    verdict = judged(rounds_of(60, users(10), stays), step(share=100))
    assert verdict.missing == ("good answers to probes of blue, the slot to go back to",)


# --- errors ---


def test_a_dead_new_slot_fails_after_six_requests() -> None:
    dead = [look(n, users(0, 1), users(9)) for n in range(1, 8)]
    assert judged(dead[:5]).kind == "watch"
    verdict = judged(dead[:6])
    assert told(verdict) == ("fail", "release", "critical errors")
    assert verdict.sentence == (
        "green answered 6 of 6 requests with errors (100 %), limit 10 %; blue 0 of 54 (0 %)"
    )


def test_a_verdict_of_fail_stays() -> None:
    broken = rounds_of(3, users(0, 4), users(36))
    mended = broken + [look(n, users(10), users(90)) for n in range(4, 100)]
    assert told(judged(mended)) == ("fail", "release", "critical errors")
    outage = [look(n, users(10), users(0, 90)) for n in range(100, 105)]
    assert told(judged(mended + outage)) == ("fail", "release", "critical errors")


@pytest.mark.parametrize(
    ("new", "rule", "seconds"),
    [
        (users(80, 20), "critical errors", 5),
        (users(92, 8), "high errors", 10),
        (users(96, 4), "medium errors", 20),
    ],
)
def test_each_tier_catches_its_errors(new: SlotCounts, rule: str, seconds: float) -> None:
    rounds = rounds_of(20, new, users(898, 2))
    failing = next(n for n in range(1, 21) if judged(rounds[:n]).final)
    assert told(judged(rounds[:failing])) == ("fail", "release", rule)
    assert rounds[failing - 1].at == seconds


def test_what_breaks_after_minutes_of_health_is_caught() -> None:
    late = HEALTHY[:36] + [look(n, users(5, 5), users(90)) for n in range(37, 40)]
    caught = next(n for n in range(36, 40) if judged(late[:n], step(minimum=600)).kind == "fail")
    assert late[caught - 1].at - late[35].at <= 10


def test_what_breaks_only_with_all_traffic_is_caught_in_the_bake() -> None:
    bake = step("100 %", 100, began=300.0, bake=True)
    broken = after(HEALTHY, lambda n: look(n, users(80, 20), None, step="100 %"))
    assert told(judged(broken, bake)) == ("fail", "release", "critical errors")
    assert "blue 0 of 5400 (0 %)" not in judged(broken, bake).sentence
    assert "blue before 0 of 5400 (0 %)" in judged(broken, bake).sentence


def test_the_deadline_resolves_doubt_against_the_release() -> None:
    """6 % on few requests: the test is undecided, the old slot has none, 5 minutes are over."""
    rounds = [look(n, users(1, n % 16 == 0), users(9)) for n in range(1, 61)]
    assert judged(rounds[:59]).kind == "watch"
    rounds = [look(n, users(1, n % 12 == 0), users(9)) for n in range(1, 61)]
    assert judged(rounds[:59]).kind == "watch"
    verdict = judged(rounds)
    assert told(verdict) == ("fail", "release", "high errors")
    assert "5 of 65 requests with errors (7.7 %), limit 5 %" in verdict.sentence


def test_a_deadline_needs_enough_to_go_by() -> None:
    rounds = [look(n, users(n % 2, n in (20, 40, 60)), users(9)) for n in range(1, 61)]
    assert judged(rounds).kind == "watch"


# --- whose fault ---


def test_an_outage_of_both_slots_is_not_the_releases_fault() -> None:
    outage = after(HEALTHY[:9], lambda n: look(n, users(0, 10), users(5, 85)))
    verdict = judged(outage)
    assert told(verdict) == ("hold", "shared", "critical errors")
    assert verdict.sentence == (
        "both slots are affected: green answered 10 of 10 requests with errors (100 %), limit 10 %;"
        " blue 85 of 90 (94 %)"
    )


def test_an_outage_when_the_old_slot_has_no_users_is_known_by_its_probes() -> None:
    bake = step("100 %", 100, bake=True, began=300.0)
    down = {"ready": Probes(0, 2, why="database: down")}
    both = after(
        HEALTHY, lambda n: look(n, slot(users(50, 50), down), slot(probes=down), step="100 %")
    )
    assert told(judged(both, bake)) == ("hold", "shared", "critical errors")


def test_an_app_that_always_fails_more_than_the_limit_is_not_blamed_on_the_release() -> None:
    verdict = judged(rounds_of(60, users(97, 3), users(873, 27)))
    assert told(verdict) == ("hold", "shared", "medium errors")


def test_a_release_without_traffic_beside_it_is_compared_with_before() -> None:
    before = look(0, None, users(5820, 180), step=BASELINE)
    same = [before, *rounds_of(20, users(97, 3), None)]
    assert told(judged(same, step(share=100))) == ("hold", "shared", "medium errors")
    worse = [before, *rounds_of(20, users(80, 20), None)]
    assert told(judged(worse, step(share=100))) == ("fail", "release", "critical errors")


def test_an_old_slot_that_breaks_beside_a_healthy_new_one_holds() -> None:
    contract = after(HEALTHY[:10], lambda n: look(n, users(10), users(45, 45)))
    verdict = judged(contract)
    assert told(verdict) == ("hold", "stable", "critical errors")
    assert verdict.sentence.startswith("the old slot itself is bad: blue answered 45 of 90")


def test_errors_of_the_baseline_are_no_verdict_on_the_release() -> None:
    before = look(0, None, users(300, 300), step=BASELINE)
    assert judged([before, *HEALTHY]).kind == "pass"


# --- one client ---


def test_one_abuser_does_not_roll_back() -> None:
    abuse = rounds_of(30, users(10, 10, {"10.6.6.6": 10}), users(90))
    verdict = judged(abuse)
    assert verdict.kind == "pass"
    assert "300 failures of client 10.6.6.6 alone are not held against" in verdict.sentence


def test_one_abuser_beside_the_usual_errors_does_not_roll_back() -> None:
    usual, abuse = {"10.0.0.1": 1}, {"10.6.6.6": 30}
    rounds = [
        look(n, users(100, 31, {**usual, **abuse}), users(900, 2))
        if n % 5 == 0
        else look(n, users(100, 30, abuse), users(900, 2))
        for n in range(1, 31)
    ]
    assert judged(rounds).kind == "pass"


def test_one_abuser_of_the_old_slot_does_not_hold() -> None:
    assert judged(rounds_of(30, users(10), users(90, 30, {"10.6.6.6": 30}))).kind == "pass"


@pytest.mark.parametrize("good", [0, 1])
def test_a_broken_slot_is_noticed_though_only_one_client_uses_it(good: int) -> None:
    alone = rounds_of(30, users(good, 1, {"10.0.0.1": 1}, seen=good), users(9))
    verdict = judged(alone, step(share=20))
    assert told(verdict) == ("fail", "release", "critical errors")


def test_a_second_client_that_fails_ends_the_doubt() -> None:
    first = [look(n, users(2, 2, {"10.0.0.1": 2}), users(36)) for n in range(1, 7)]
    assert judged(first).kind == "watch"
    second = first + [look(n, users(1, 3, {"10.0.0.2": 3}), users(36)) for n in range(7, 10)]
    assert told(judged(second)) == ("fail", "release", "critical errors")


BUSY = "10.0.0.1"  # a client that sends most of all requests: an office, a gateway


def test_a_break_that_all_feel_is_noticed_though_one_client_sends_most() -> None:
    """A fifth of all requests fails; most of those that do are the busy client's."""
    failed, served = {BUSY: 16, "10.0.0.2": 2, "10.0.0.3": 2}, {BUSY: 64}
    rounds = rounds_of(10, users(80, 20, failed, served_clients=served, seen=6), users(300))
    verdicts = [judged(HEALTHY[:20] + rounds_from(21, rounds[:n])) for n in range(1, 3)]
    assert told(verdicts[0]) == ("fail", "release", "critical errors")


@pytest.mark.parametrize(("others", "kind"), [(5, "fail"), (60, "watch")])
def test_a_busy_client_that_fails_alone_is_left_out_if_others_would_have_noticed(
    others: int, kind: str
) -> None:
    """A fifth of what it asks fails, and nothing of what others ask."""
    counts = users(80 + others, 20, {BUSY: 20}, served_clients={BUSY: 80}, seen=2)
    assert judged([look(1, counts, users(300))]).kind == kind


def rounds_from(number: int, rounds: t.Sequence[Look]) -> t.List[Look]:
    return [
        dataclasses.replace(one, number=number + n, at=5.0 * (number + n))
        for n, one in enumerate(rounds)
    ]


def test_high_and_medium_verdicts_need_two_clients() -> None:
    alone = rounds_of(180, users(93, 7, {"10.0.0.1": 7}, seen=0), users(900))
    assert told(judged(alone)) == ("hold", "", "")


# --- probes, containers, the view ---

DEAD = {"live": Probes(1, 1, why="timeout"), "ready": Probes(1, 1)}
LOST = {"live": Probes(2), "ready": Probes(1, 1, why="503: mongodb down"), "full": Probes(2)}


@pytest.mark.parametrize(
    ("probes", "rounds", "rule"), [(DEAD, 3, "API down"), (LOST, 2, "database lost")]
)
def test_bad_probes_fail_after_so_many_rounds(
    probes: t.Mapping[str, Probes], rounds: int, rule: str
) -> None:
    def sick(n: int) -> Look:
        return look(n, slot(users(10), probes), users(90))

    def both(n: int) -> Look:
        return look(n, slot(users(10), probes), slot(users(90), probes))

    def well(n: int) -> Look:
        return look(n, users(10), users(90))

    def unasked(n: int) -> Look:
        return look(n, slot(users(10), {}), users(90))

    assert judged(after(HEALTHY, *[sick] * (rounds - 1))).kind == "watch"
    assert told(judged(after(HEALTHY, *[sick] * rounds))) == ("fail", "release", rule)
    assert told(judged(after(HEALTHY, *[both] * rounds))) == ("hold", "shared", rule)
    assert judged(after(HEALTHY, *[sick] * (rounds - 1), well, sick)).kind == "watch"
    interrupted = after(HEALTHY, *[sick] * (rounds - 1), unasked, sick)
    assert told(judged(interrupted)) == ("fail", "release", rule)


def test_a_probe_that_is_bad_for_another_reason_is_no_lost_database() -> None:
    other = {"live": Probes(2), "ready": Probes(1, 1, why="503: warming up")}
    rounds = after(HEALTHY, *[lambda n: look(n, slot(users(10), other), users(90))] * 5)
    assert judged(rounds).kind == "watch"


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        (ContainerFacts("green-1", running=False, exit_code=137), "has exited with code 137"),
        (ContainerFacts("green-1", running=True, restarts=3), "has restarted 1 time"),
        (ContainerFacts("green-1", running=True, restarts=2, oom_killed=True), "ran out of memory"),
    ],
)
def test_a_container_that_falls_fails_at_once(facts: ContainerFacts, words: str) -> None:
    def with_container(one: ContainerFacts) -> t.Callable[[int], Look]:
        return lambda n: look(n, slot(users(10), containers=(one,)), users(90))

    runs = with_container(ContainerFacts("green-1", running=True, restarts=2))
    assert judged(after([], *[runs] * 20)).kind == "pass"
    verdict = judged(after([], *[runs] * 3, with_container(facts)))
    assert told(verdict) == ("fail", "release", "container")
    assert words in verdict.sentence


def test_a_fall_between_the_start_and_the_first_look_is_seen_and_one_before_the_release_is_not() -> (
    None
):
    baseline = look(0, None, users(90), step="baseline")

    def with_created(seconds: float) -> t.List[Look]:
        one = ContainerFacts("green-1", running=True, restarts=1, created=baseline.at + seconds)
        return [
            baseline,
            *(look(n, slot(users(10), containers=(one,)), users(90)) for n in range(1, 21)),
        ]

    verdict = judged(with_created(1)[:2])
    assert told(verdict) == ("fail", "release", "container")
    assert "has restarted 1 time" in verdict.sentence
    assert judged(with_created(-1)).kind == "pass"


@pytest.mark.parametrize(("old_started", "kind"), [(1.0, "watch"), (-1.0, "fail")])
def test_errors_while_the_host_was_started_again_are_not_the_releases(
    old_started: float, kind: str
) -> None:
    """Both slots began anew since the look before; where only the new one did, it is to blame."""
    last = HEALTHY[5]

    def again(name: str, started: float, counts: SlotCounts) -> SlotLook:
        facts = ContainerFacts(name, running=True, started=last.at + started)
        return slot(counts, containers=(facts,))

    broken = again("green-1", 1.0, users(100, 60))
    rounds = after(HEALTHY[:6], lambda n: look(n, broken, again("blue-1", old_started, users(90))))
    assert judged(rounds).kind == kind


def test_containers_of_the_same_name_on_two_hosts_are_told_apart() -> None:
    two = tuple(ContainerFacts("green-1", running=True, restarts=r) for r in (0, 1))
    rounds = rounds_of(20, None, users(90))
    rounds = [look(n, slot(users(10), containers=two), users(90)) for n in range(1, 21)]
    assert judged(rounds).kind == "pass"
    one_host = look(21, slot(users(10), containers=two[1:]), users(90))
    assert judged([*rounds, one_host]).kind == "pass"


def test_a_lost_view_holds_and_a_fall_still_fails() -> None:
    def blind(n: int) -> Look:
        return look(n, None, None, problems=("access log: permission denied",))

    def blind_and_down(n: int) -> Look:
        down = slot(containers=(ContainerFacts("green-1", running=False, exit_code=1),))
        return look(n, down, None, problems=("access log: permission denied",))

    once = judged(after(HEALTHY, blind))
    assert (once.kind, once.missing) == ("watch", ("a whole view: access log: permission denied",))
    verdict = judged(after(HEALTHY, *[blind] * 3))
    assert told(verdict) == ("hold", "blind", "view")
    assert verdict.sentence.endswith("permission denied")
    assert told(judged(after(HEALTHY, *[blind] * 2, blind_and_down))) == (
        "fail",
        "release",
        "container",
    )
    seen_again = after(HEALTHY, blind, blind, lambda n: look(n, users(10), users(90)))
    assert judged(seen_again).kind == "pass"


# --- low traffic: probes of our own ---


def smoked(good: int, bad: int = 0, requests: int = 0, slow: int = 0) -> t.Any:
    return slot(users(requests), {**GOOD_PROBES, "smoke": Probes(good, bad, slow)})


def test_smoke_probes_stand_in_for_requests_where_asked_to() -> None:
    rounds = [look(n, smoked(5, requests=n % 4 == 0), users(1)) for n in range(1, 17)]
    assert judged(rounds).kind == "watch"
    verdict = judged(rounds, step(needs="probes"))
    assert verdict.kind == "pass"
    assert verdict.sentence.endswith("; judged by 80 probes and 4 requests of users")


def test_smoke_probes_that_fail_fail_the_release() -> None:
    rounds = [look(n, smoked(0, 5), users(1)) for n in range(1, 3)]
    verdict = judged(rounds, step(needs="probes"))
    assert told(verdict) == ("fail", "release", "critical errors")
    assert verdict.sentence.endswith("; judged by 10 probes and 0 requests of users")


def test_a_critical_feature_that_fails_beside_users_fails_the_release() -> None:
    """One of five paths is broken; users' requests are few and fine."""
    rounds = [look(n, smoked(8, 2, requests=1), users(9)) for n in range(1, 20)]
    assert any(told(judged(rounds[:n]))[2] == "critical feature" for n in range(1, 20))


def test_slow_smoke_probes_count_where_they_stand_in() -> None:
    reference = look(0, None, with_latency(100, 0.02), step=BASELINE)
    rounds = [reference, *(look(n, smoked(5, slow=5), None) for n in range(1, 20))]
    assert told(judged(rounds, step(needs="probes"))) == ("fail", "release", "slow")


def test_silence_with_no_probes_either_is_no_data() -> None:
    assert judged(QUIET, step(needs="probes")).kind == "no-data"


# --- latency ---


def with_latency(good: int, seconds: float, route: str = "GET /", **more: t.Any) -> SlotCounts:
    return users(good, latency={route: {latency_bucket(seconds): good}}, **more)


def test_five_times_slower_fails() -> None:
    rounds = rounds_of(20, with_latency(2, 0.25), with_latency(18, 0.04))
    verdicts = [judged(rounds[:n]) for n in range(1, 21)]
    failed = next(one for one in verdicts if one.final)
    assert told(failed) == ("fail", "release", "slow")
    assert "green took longer than 5 times blue's usual time for" in failed.sentence


def test_a_new_slot_may_be_slow_while_it_warms_up() -> None:
    cold = rounds_of(5, with_latency(10, 0.5), with_latency(90, 0.04))
    warm = [look(n, with_latency(10, 0.04), with_latency(90, 0.04)) for n in range(6, 40)]
    assert judged(cold + warm).kind == "pass"
    assert judged(cold, warmup=0.0).kind == "fail"
    assert judged(cold).kind == "watch"


def test_both_slots_slow_is_a_shared_cause() -> None:
    fast = rounds_of(40, with_latency(10, 0.04), with_latency(90, 0.04))
    slow = [look(n, with_latency(10, 0.5), with_latency(90, 0.5)) for n in range(41, 60)]
    verdicts = [judged((fast + slow)[:n], step(minimum=600)) for n in range(41, 60)]
    assert {told(one) for one in verdicts if one.final} <= {("hold", "shared", "slow")}


def test_milliseconds_are_no_slowness() -> None:
    rounds = rounds_of(40, with_latency(10, 0.008), with_latency(90, 0.001))
    assert judged(rounds).kind == "pass"


def test_routes_are_compared_with_themselves() -> None:
    """The new slot's users ask for the slow report, the old one's for pages; neither changed."""
    page, report = latency_bucket(0.01), latency_bucket(0.9)

    def mixed(pages: int, reports: int) -> SlotCounts:
        latency = {"GET /": {page: pages}, "GET /report": {report: reports}}
        return users(pages + reports, latency=latency)

    assert judged(rounds_of(60, mixed(1, 9), mixed(88, 2))).kind == "pass"


def test_twice_as_slow_is_degraded() -> None:
    rounds = rounds_of(60, with_latency(10, 0.1), with_latency(90, 0.05))
    verdicts = [judged(rounds[:n], step(minimum=600)) for n in range(1, 61)]
    failed = next(one for one in verdicts if one.final)
    assert told(failed) == ("fail", "release", "degraded")
    assert "for GET / (median of" in failed.sentence


def test_a_process_that_is_slow_until_it_is_warm_is_not_degraded() -> None:
    cold = [look(n, with_latency(10, 0.1), with_latency(90, 0.05)) for n in range(1, 25)]
    warm = [look(n, with_latency(10, 0.05), with_latency(90, 0.05)) for n in range(25, 90)]
    verdicts = [judged([*cold, *warm][:n], step(minimum=440)) for n in range(1, 90)]
    assert [one.kind for one in verdicts if one.final] == ["pass"] * 2


def alone(number: int, seconds: float) -> Look:
    return look(number, with_latency(100, seconds), users(), step="100 %")


def test_a_slow_moment_at_100_percent_is_no_slow_release() -> None:
    baseline = look(0, users(), with_latency(100, 0.05), step=BASELINE)
    slow = [alone(n, 0.5) for n in range(1, 9)]
    fine = [alone(n, 0.05) for n in range(9, 40)]
    bake = step("100 %", 100, minimum=180, maximum=360, bake=True)
    verdicts = [judged([baseline, *slow, *fine][:n], bake) for n in range(2, 40)]
    assert {one.kind for one in verdicts if one.final} == {"pass"}


def test_what_the_old_slot_answered_before_the_switch_is_no_comparison() -> None:
    """The first look after the switch holds requests of before it."""
    before = look(0, users(), with_latency(100, 0.05), step=BASELINE)
    switch = look(1, with_latency(600, 0.5), with_latency(700, 0.05), step="100 %")
    bake = step("100 %", 100, minimum=0, maximum=90, bake=True)
    assert judged([before, switch], bake).kind == "watch"
    rest = [alone(n, 0.05) for n in range(2, 14)]
    assert judged([before, switch, *rest], bake).kind == "pass"


def test_slowness_that_lasts_at_100_percent_is_a_slow_release() -> None:
    baseline = look(0, users(), with_latency(100, 0.05), step=BASELINE)
    rounds = [baseline, *(alone(n, 0.5) for n in range(1, 40))]
    bake = step("100 %", 100, minimum=180, maximum=360, bake=True)
    verdicts = [judged(rounds[:n], bake) for n in range(2, 40)]
    failed = next(n for n, one in enumerate(verdicts, 2) if one.final)
    assert told(verdicts[failed - 2]) == ("fail", "release", "slow")
    assert 60 <= rounds[failed - 1].at <= 120


def test_a_little_slower_is_not_degraded() -> None:
    assert judged(rounds_of(60, with_latency(10, 0.06), with_latency(90, 0.05))).kind == "pass"


# --- missing pages ---


def test_pages_that_are_missing_for_long_fail() -> None:
    rounds = rounds_of(120, users(10, missing=3), users(90, missing=1))
    verdicts = [judged(rounds[:n], step(minimum=900)) for n in range(1, 121)]
    failed = next(n for n, one in enumerate(verdicts, 1) if one.final)
    assert told(verdicts[failed - 1]) == ("fail", "release", "missing pages")
    assert rounds[failed - 1].at >= 300


def test_a_scanner_is_no_missing_page() -> None:
    rounds = [
        look(n, users(10, missing=10 if 20 < n < 40 else 0), users(90, missing=1))
        for n in range(1, 121)
    ]
    assert not any(judged(rounds[:n], step(minimum=900)).final for n in range(1, 121, 5))


# --- metrics ---

METRICS = {
    "metrics": [
        {"name": "queue", "below": 100},
        {"name": "up", "above": 0, "tier": "critical", "required": True},
    ]
}


@pytest.mark.parametrize(
    ("queue", "up", "expected"),
    [
        ((5, 5, 5), (1, 1, 1), ("pass", "", "")),
        ((None, None, None), (1, 1, 1), ("pass", "", "")),
        ((5, 5, 5), (1, 1, None), ("watch", "", "")),
        ((5, 5, 5), (1, 1, float("nan")), ("watch", "", "")),
        ((5, 5, 5), (1, 1, float("inf")), ("watch", "", "")),
        ((5, 5, 5), (1, 0, 0), ("fail", "release", "metric up")),
        ((5, 200, 200), (1, 1, 1), ("watch", "", "")),
        ((200, 200, 200), (1, 1, 1), ("fail", "release", "metric queue")),
        ((200, 200, None), (1, 1, 1), ("watch", "", "")),
        ((100, 100, 100), (1, 1, 1), ("fail", "release", "metric queue")),
    ],
)
def test_metrics(
    queue: t.Sequence[t.Optional[float]],
    up: t.Sequence[t.Optional[float]],
    expected: t.Tuple[str, str, str],
) -> None:
    rounds = [
        look(n, users(50), users(450), metrics={"queue": one, "up": two})
        for n, one, two in zip((1, 2, 3), queue, up)
    ]
    assert told(judged(rounds, step(minimum=10), rules=rules_for(METRICS))) == expected


def test_a_required_metric_without_data_holds_in_the_end() -> None:
    verdict = judged(HEALTHY, step(maximum=300), rules=rules_for(METRICS))
    assert told(verdict) == ("hold", "", "")
    assert "a value of metric up" in verdict.sentence


# --- the bake ---


def test_the_bake_waits_for_the_medium_rule_and_ends_with_its_leaning() -> None:
    bake = step("100 %", 100, minimum=30, maximum=60, bake=True)
    rounds = rounds_of(12, users(10), None, step="100 %")
    early = judged(rounds[:11], bake)
    assert early.missing == ("116 more requests without error on green",)
    assert judged(rounds, bake).kind == "pass"
    leaning = [look(n, users(10, n in (3, 6, 9)), None, step="100 %") for n in range(1, 13)]
    assert told(judged(leaning, bake))[0] == "hold"


def test_evidence_of_earlier_steps_counts_for_the_medium_rule() -> None:
    bake = step("100 %", 100, began=300.0, minimum=30, maximum=600, bake=True)
    rounds = HEALTHY + [look(n, users(20), None, step="100 %") for n in range(61, 67)]
    assert judged(rounds, bake).kind == "pass"
    assert judged(rounds[-6:], bake).kind == "watch"


# --- resuming, steps, data ---


def test_a_release_resumed_after_an_outage_begins_anew() -> None:
    outage = rounds_of(3, users(0, 10), users(0, 90))
    held = judged(outage)
    assert told(held) == ("hold", "shared", "critical errors")
    resumed = outage + [look(n, users(10), users(90)) for n in range(4, 20)]
    assert told(judged(resumed)) == ("hold", "shared", "critical errors")
    assert judged(resumed, step(first=4, began=15.0)).kind == "pass"


def test_another_step_begins_its_evidence_anew() -> None:
    second = step("25 %", 25, began=300.0)
    verdict = judged(after(HEALTHY, lambda n: look(n, users(25), users(75), step="25 %")), second)
    assert "38 more requests without error on green" in verdict.missing


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"share": 101}, "share 101 is not from 0 to 100"),
        ({"minimum": 10, "maximum": 5}, "expected 0 <= minimum <= maximum"),
        ({"minimum": -1}, "expected 0 <= minimum <= maximum"),
        ({"needs": "luck"}, "needs 'luck' is not one of"),
        ({"old": NEW}, "cannot be both"),
    ],
)
def test_a_step_that_makes_no_sense_is_refused(changes: t.Dict[str, t.Any], message: str) -> None:
    with pytest.raises(ValueError, match="step 10 %") as refused:
        dataclasses.replace(step(), **changes)
    assert message in str(refused.value)


def test_the_numbers_of_a_verdict() -> None:
    rounds = rounds_of(12, with_latency(10, 0.04), with_latency(90, 0.04))
    numbers = judged(rounds).numbers
    assert numbers["share"] == 10.0
    assert numbers["seconds"] == 60.0
    assert numbers["slots"][NEW]["step"]["attempts"] == 120
    assert numbers["slots"][OLD]["release"]["p50"] == pytest.approx(0.04, rel=0.15)
    assert numbers["rules"]["critical errors"]["state"] == "accept"


def test_a_verdict_is_data() -> None:
    for rounds in (HEALTHY, QUIET, rounds_of(3, users(0, 9), users(9))):
        verdict = judged(rounds)
        assert Verdict(**{**verdict.as_data(), "missing": verdict.missing}) == verdict
        json.dumps(verdict.as_data(), allow_nan=False)


def test_a_first_release_has_no_old_slot() -> None:
    first = step(share=100, old="", minimum=30)
    verdict = judged(rounds_of(12, with_latency(10, 0.04)), first)
    assert told(verdict) == ("pass", "", "")
    assert verdict.sentence == "green 0 of 120 requests failed (0 %)"
    assert list(verdict.numbers["slots"]) == [NEW]
    broken = judged(rounds_of(2, users(0, 10)), first)
    assert told(broken) == ("fail", "release", "critical errors")
    assert broken.sentence == "green answered 10 of 10 requests with errors (100 %), limit 10 %"


def test_an_unknown_service_has_no_data() -> None:
    rounds = [dataclasses.replace(one, services={}) for one in QUIET]
    assert judged(rounds).kind == "no-data"


# --- the plan ---


@pytest.mark.parametrize(
    ("per_minute", "share", "seconds", "expected"),
    [(60, 10, 900, 90), (5, 10, 900, 7), (42, 10, 900, 63), (300, 100, 30, 150), (0, 10, 900, 0)],
)
def test_the_low_traffic_plan(
    per_minute: float, share: float, seconds: float, expected: int
) -> None:
    outlook = enough_traffic(per_minute, share, seconds)
    assert (outlook.needed, outlook.expected) == (63, expected)
    assert outlook.enough == (expected >= 63)


def test_what_a_step_needs_is_what_it_waits_for() -> None:
    short = rounds_of(1, users(needed() - 1), users(600))
    enough = rounds_of(1, users(needed()), users(600))
    assert judged(short, now=60.0).missing == ("1 more requests without error on green",)
    assert judged(enough, now=60.0).kind == "pass"
    assert needed(bake=True) == enough_traffic(0, 100, 30, bake=True).needed == 226
    strict = rules_for({"error_rate": {"critical": 5, "high": 2, "medium": 1}})
    assert needed(strict) > 63


# --- what holds for all rounds ---

for_all = settings(max_examples=40)

counts = st.builds(users, good=st.integers(0, 60), bad=st.integers(0, 8), clients=st.integers(1, 9))
clean = st.builds(users, good=st.integers(0, 60))
any_rounds = st.lists(st.tuples(counts, counts), min_size=1, max_size=25).map(
    lambda pairs: [look(n, new, old) for n, (new, old) in enumerate(pairs, 1)]
)
clean_rounds = st.lists(st.tuples(clean, clean), min_size=1, max_size=25).map(
    lambda pairs: [look(n, new, old) for n, (new, old) in enumerate(pairs, 1)]
)
any_steps = st.builds(
    step,
    share=st.sampled_from([10, 50, 100]),
    bake=st.booleans(),
    minimum=st.just(30.0),
    maximum=st.sampled_from([60.0, 900.0]),
)


@given(any_rounds, any_steps)
@for_all
def test_the_same_looks_give_the_same_verdict(rounds: t.List[Look], of: Step) -> None:
    first = judged(rounds, of)
    for size in range(1, len(rounds)):
        judged(rounds[:size], of)
    stored = [Look.from_data(json.loads(json.dumps(one.as_data()))) for one in rounds]
    assert judged(stored, of) == judged(tuple(rounds), of) == first


@given(clean_rounds, clean_rounds, any_steps)
@for_all
def test_clean_traffic_never_fails(first: t.List[Look], more: t.List[Look], of: Step) -> None:
    rounds = first + [
        dataclasses.replace(one, number=one.number + len(first), at=one.at + first[-1].at)
        for one in more
    ]
    assert all(judged(rounds[:n], of).kind != "fail" for n in range(1, len(rounds) + 1))


@given(any_rounds, any_steps, st.floats(0, 1e6))
@for_all
def test_nothing_passes_without_enough_requests(rounds: t.List[Look], of: Step, now: float) -> None:
    seen = sum(one.service(SERVICE).slot(NEW).counts.attempts for one in rounds)
    if seen < needed():
        assert judged(rounds, of, now=now).kind != "pass"


@given(any_rounds, any_steps)
@for_all
def test_every_verdict_says_something_in_one_line(rounds: t.List[Look], of: Step) -> None:
    verdict = judged(rounds, of)
    assert verdict.kind in ("watch", "pass", "fail", "hold", "no-data")
    assert verdict.sentence
    assert "\n" not in verdict.sentence
    assert (verdict.cause == "release") == (verdict.kind == "fail")
    assert bool(verdict.missing) or verdict.kind in ("pass", "fail", "hold")


@given(any_rounds)
@for_all
def test_a_new_slot_without_errors_is_never_rolled_back(rounds: t.List[Look]) -> None:
    fine = [look(one.number, users(10), one.service(SERVICE).slot(OLD).counts) for one in rounds]
    assert judged(fine).kind != "fail"
