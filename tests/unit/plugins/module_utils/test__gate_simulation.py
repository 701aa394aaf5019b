# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The gate against simulated sites: how often it is wrong, and how fast it is right.

Seeds are fixed, so every number here is the same on every machine. Bounds are those the rules are
designed to, not those that happened to come out.
"""

from __future__ import annotations

import random
import statistics
import typing as t

import pytest
from gate_looks import BLUE_GREEN, CANARY, Outcome, Rate, Site, simulate_many, steady

from ansible_collections.tagadodo.deploy.plugins.module_utils._gate import RULES
from ansible_collections.tagadodo.deploy.plugins.module_utils._sequential import Sprt, Watch

CRITICAL, HIGH, MEDIUM = (rule.test for rule in RULES if rule.what == "errors")
SLOW = next(rule.test for rule in RULES if rule.what == "slow")


def share(outcomes: t.Sequence[Outcome], *kinds: str) -> float:
    return sum(one.verdict.kind in kinds for one in outcomes) / len(outcomes)


# --- the tests alone, request by request ---


def rejected_after(
    test: Sprt, rate: float, requests: int, seed: int, anew: bool
) -> t.Optional[int]:
    """The request at which a test rejects; None if it does not. ``anew``: after each accept."""
    rng = random.Random(seed)
    watch = Watch.of(test)
    for number in range(1, requests + 1):
        bad = int(rng.random() < rate)
        watch = watch.after(1 - bad, bad)
        if watch.rejected:
            return number
        if watch.accepts and not anew:
            return None
    return None


@pytest.mark.parametrize(
    ("test", "rate", "least", "most"),
    [
        (CRITICAL, 0.01, 0.0, 0.0),
        (CRITICAL, 0.05, 0.0, 0.005),  # p0: alpha 0.001
        (CRITICAL, 0.16, 0.90, 1.0),  # p1: beta 0.05, and three deviations of 150 runs
        (CRITICAL, 0.50, 1.0, 1.0),
        (HIGH, 0.01, 0.0, 0.0),
        (HIGH, 0.03, 0.0, 0.02),  # p0: alpha 0.01
        (HIGH, 0.075, 0.90, 1.0),  # p1: beta 0.05
        (MEDIUM, 0.013, 0.0, 0.02),  # p0: alpha 0.01
        (MEDIUM, 0.026, 0.90, 1.0),  # p1: beta 0.05
        (SLOW, 0.022, 0.0, 0.0),  # log-normal answers slower than five times their median
        (SLOW, 0.05, 0.0, 0.005),
        (SLOW, 0.40, 0.90, 1.0),
    ],
)
def test_error_rates_of_the_tests_are_the_designed_ones(
    test: Sprt, rate: float, least: float, most: float
) -> None:
    runs = [rejected_after(test, rate, 4000, seed, anew=False) for seed in range(150)]
    assert least <= sum(run is not None for run in runs) / len(runs) <= most


@pytest.mark.parametrize(("rate", "most"), [(1.0, 6), (0.5, 16), (0.3, 35), (0.2, 80)])
def test_a_critical_break_is_rejected_in_a_handful_of_requests(rate: float, most: int) -> None:
    runs = [rejected_after(CRITICAL, rate, 2000, seed, anew=True) for seed in range(60)]
    assert None not in runs
    assert statistics.median(t.cast(t.List[int], runs)) <= most


# --- whole releases ---


@pytest.mark.parametrize("rate", [0.001, 0.005, 0.01])
@pytest.mark.parametrize("steps", [CANARY, BLUE_GREEN], ids=["canary", "blue_green"])
def test_identical_releases_pass(rate: float, steps: t.Any) -> None:
    """20 of 20 at 100 requests a second, also of an app whose usual errors are 1 %."""
    outcomes = simulate_many(Site(100, steady(rate), steady(rate)), 20, steps)
    assert share(outcomes, "pass") == 1.0


@pytest.mark.parametrize(("per_second", "passing"), [(1, 0.6), (5, 1.0)])
@pytest.mark.parametrize("rate", [0.001, 0.01])
def test_identical_releases_of_small_sites_are_not_rolled_back(
    per_second: float, passing: float, rate: float
) -> None:
    """What cannot be judged in time is held, and never blamed on the release."""
    outcomes = simulate_many(Site(per_second, steady(rate), steady(rate)), 10, tick=30)
    assert share(outcomes, "fail") == 0.0
    assert share(outcomes, "pass") >= passing


@pytest.mark.parametrize("per_second", [2, 20, 100])
def test_an_app_at_the_limit_is_held_but_not_rolled_back(per_second: float) -> None:
    """Usual errors of 2 % are what the medium rule forbids: no release is to blame for them."""
    outcomes = simulate_many(Site(per_second, steady(0.02), steady(0.02)), 20, tick=30)
    assert share(outcomes, "fail") <= 0.05


@pytest.mark.parametrize(
    ("per_second", "rate", "detected", "requests", "seconds"),
    [
        (1, 0.12, 0.5, 100, 900),
        (1, 0.50, 1.0, 25, 240),
        (1, 1.00, 1.0, 10, 100),
        (5, 0.03, 0.9, 1000, 900),
        (5, 0.06, 1.0, 200, 400),
        (5, 0.12, 1.0, 120, 240),
        (5, 0.50, 1.0, 30, 60),
        (5, 1.00, 1.0, 20, 40),
        (20, 0.03, 1.0, 1000, 300),
        (20, 0.06, 1.0, 300, 150),
        (20, 0.12, 1.0, 150, 80),
        (20, 0.50, 1.0, 60, 20),  # a look every 20 s
        (20, 1.00, 1.0, 60, 20),
        (100, 0.03, 1.0, 1200, 120),
        (100, 0.12, 1.0, 250, 40),
        (100, 1.00, 1.0, 250, 20),
    ],
)
def test_broken_releases_are_rolled_back(
    per_second: float, rate: float, detected: float, requests: float, seconds: float
) -> None:
    outcomes = simulate_many(Site(per_second, steady(rate), steady(0.002)), 12)
    assert share(outcomes, "fail") >= detected
    assert share(outcomes, "pass", "no-data") == 0.0
    failed = [one for one in outcomes if one.verdict.kind == "fail"]
    assert statistics.median(one.requests for one in failed) <= requests
    assert statistics.median(one.seconds for one in failed) <= seconds


@pytest.mark.parametrize("rate", [0.06, 0.5])
def test_broken_releases_are_rolled_back_without_traffic_beside_them(rate: float) -> None:
    outcomes = simulate_many(Site(20, steady(rate), steady(0.002)), 12, BLUE_GREEN)
    assert {one.told for one in outcomes} == {("fail", "release")}


@pytest.mark.parametrize(
    ("slower", "kind", "rule"),
    [(1.0, "pass", ""), (1.2, "pass", ""), (2.0, "fail", "degraded"), (5.0, "fail", "slow")],
)
def test_slow_releases_are_rolled_back(slower: float, kind: str, rule: str) -> None:
    site = Site(5, steady(0.002), steady(0.002), slower=slower)
    outcomes = simulate_many(site, 6)
    assert {(one.verdict.kind, one.verdict.rule) for one in outcomes} == {(kind, rule)}
    if rule == "slow":
        assert statistics.median(one.requests for one in outcomes) <= 60


def during(begin: float, end: float, rate: float, usual: float = 0.002) -> Rate:
    return lambda at, _step: rate if begin < at <= end else usual


@pytest.mark.parametrize("begin", [60, 200, 320])
@pytest.mark.parametrize("rate", [0.2, 0.5, 1.0])
def test_a_burst_that_hits_both_is_never_blamed_on_the_release(begin: float, rate: float) -> None:
    burst = during(begin, begin + 40, rate)
    outcomes = simulate_many(Site(20, burst, burst), 8)
    assert share(outcomes, "fail") == 0.0
    assert share(outcomes, "hold") >= 0.9
    assert {one.verdict.cause for one in outcomes} <= {"shared", "stable", ""}


def test_an_outage_with_all_traffic_on_the_new_slot_is_known_by_probes_of_the_old() -> None:
    burst = during(400, 460, 0.5)
    site = Site(20, burst, burst, down=lambda at: 400 < at <= 460)
    assert {one.told for one in simulate_many(site, 8)} == {("hold", "shared")}


def test_what_breaks_only_with_all_traffic_is_rolled_back_from_the_bake() -> None:
    def breaks(_at: float, step: str) -> float:
        return 0.3 if step == "100 %" else 0.002

    outcomes = simulate_many(Site(20, breaks, steady(0.002)), 8)
    assert {(*one.told, one.step) for one in outcomes} == {("fail", "release", "100 %")}


def test_what_breaks_after_three_minutes_is_rolled_back_soon_after() -> None:
    outcomes = simulate_many(Site(20, during(180, 1e9, 0.3), steady(0.002)), 8)
    assert {one.told for one in outcomes} == {("fail", "release")}
    assert all(one.seconds <= 240 for one in outcomes)


def test_a_stable_slot_that_is_worse_holds_the_release() -> None:
    outcomes = simulate_many(Site(20, steady(0.002), steady(0.2)), 8)
    assert {one.told for one in outcomes} == {("hold", "stable")}
