# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The statistics: known values, what they refuse, and what holds for all counts."""

from __future__ import annotations

import math
import typing as t

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.tagadodo.deploy.plugins.module_utils._sequential import (
    ACCEPT,
    OPEN,
    REJECT,
    Sprt,
    Walk,
    Watch,
    WhichArm,
    binomial_tail,
    rates_around,
    slower_p_value,
)

CRITICAL = Sprt(0.05, 0.16, alpha=0.001, beta=0.05)

counts = st.integers(0, 2000)
shares = st.floats(0.001, 0.999)


@st.composite
def sprts(draw: st.DrawFn) -> Sprt:
    p0 = draw(st.floats(0.001, 0.5))
    p1 = draw(st.floats(p0 * 1.2, min(0.95, p0 * 10)))
    return Sprt(p0, p1, draw(st.floats(0.0001, 0.1)), draw(st.floats(0.0001, 0.1)))


@pytest.mark.parametrize(
    ("p0", "p1", "alpha", "tips", "failures", "clean", "per_failure"),
    [
        (0.05, 0.16, 0.001, 0.096, 6, 25, 9),
        (0.03, 0.075, 0.01, 0.049, 5, 63, 19),
        (0.013, 0.026, 0.01, 0.019, 7, 226, 52),
        (0.05, 0.40, 0.001, 0.181, 4, 7, 5),
        (0.01, 0.10, 0.001, 0.040, 3, 32, 24),
    ],
)
def test_known_tests(
    p0: float, p1: float, alpha: float, tips: float, failures: int, clean: int, per_failure: int
) -> None:
    test = Sprt(p0, p1, alpha, 0.05)
    assert test.tipping_point == pytest.approx(tips, abs=0.0006)
    assert (test.failures_to_reject, test.clean_to_accept) == (failures, clean)
    assert round(test.clean_per_failure) == per_failure


@pytest.mark.parametrize(
    ("p0", "p1", "alpha", "beta"),
    [
        (0.1, 0.1, 0.01, 0.05),
        (0.2, 0.1, 0.01, 0.05),
        (0.0, 0.1, 0.01, 0.05),
        (-0.1, 0.1, 0.01, 0.05),
        (0.1, 1.0, 0.01, 0.05),
        (5, 16, 0.01, 0.05),
        (0.1, 0.2, 0.0, 0.05),
        (0.1, 0.2, 0.01, 0.5),
        (0.1, 0.2, 0.01, math.nan),
        (math.nan, 0.2, 0.01, 0.05),
    ],
)
def test_nonsense_is_refused(p0: float, p1: float, alpha: float, beta: float) -> None:
    with pytest.raises(ValueError, match="expected 0 < p0 < p1 < 1|is not a probability"):
        Sprt(p0, p1, alpha, beta)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: CRITICAL.seen(-1, 0), "cannot be negative"),
        (lambda: CRITICAL.seen(0, -1), "cannot be negative"),
        (lambda: rates_around(0, 2), "threshold"),
        (lambda: rates_around(10, 2), "threshold"),
        (lambda: rates_around(0.1, 1), "odds_ratio"),
        (lambda: WhichArm(ratio=1), "ratio"),
        (lambda: WhichArm(alpha=0), "alpha"),
        (lambda: WhichArm().evidence(1.5, 1, 0), "share"),
        (lambda: WhichArm().evidence(0, 1, 0), "without attempts"),
        (lambda: WhichArm().evidence(1, 0, 1), "without attempts"),
        (lambda: binomial_tail(3, 2, 0.5), "expected 0 <= count <= of"),
        (lambda: binomial_tail(1, 2, 1.5), "expected 0 <= count <= of"),
    ],
)
def test_nonsense_is_named(call: t.Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()


@given(sprts())
def test_bounds_are_kept_by_the_counts_they_promise(test: Sprt) -> None:
    assert test.seen(0, test.failures_to_reject).decision == REJECT
    assert test.seen(0, test.failures_to_reject - 1).decision == OPEN
    assert test.seen(test.clean_to_accept, 0).decision == ACCEPT
    assert test.seen(test.clean_to_accept - 1, 0).decision == OPEN
    assert test.p0 < test.tipping_point < test.p1


@given(sprts())
def test_swapping_what_is_good_mirrors_the_test(test: Sprt) -> None:
    mirrored = Sprt(1 - test.p1, 1 - test.p0, test.beta, test.alpha)
    assert mirrored.accept_at == pytest.approx(-test.reject_at)
    assert mirrored.reject_at == pytest.approx(-test.accept_at)
    assert mirrored.seen(3, 7).ratio == pytest.approx(-test.seen(7, 3).ratio)


@given(sprts(), st.lists(st.tuples(counts, counts), max_size=20), st.randoms())
def test_order_and_grouping_make_no_difference(
    test: Sprt, rounds: t.List[t.Tuple[int, int]], rng: t.Any
) -> None:
    walk, shuffled = Walk(test), list(rounds)
    for good, bad in rounds:
        walk = walk.after(good, bad)
    rng.shuffle(shuffled)
    other = Walk(test)
    for good, bad in shuffled:
        other = other.after(good, bad)
    assert (
        walk
        == other
        == test.seen(sum(good for good, _bad in rounds), sum(bad for _good, bad in rounds))
    )
    assert walk.ratio == other.ratio


@given(sprts(), counts, counts)
def test_the_clean_requests_it_asks_for_are_enough(test: Sprt, good: int, bad: int) -> None:
    walk = test.seen(good, bad)
    clean = walk.clean_until(test.accept_at)
    assert walk.after(clean + 1, 0).decision == ACCEPT
    assert clean == 0 or walk.after(clean - 1, 0).decision != ACCEPT


@given(sprts(), counts, counts)
def test_a_failure_leans_to_reject_and_a_success_to_accept(test: Sprt, good: int, bad: int) -> None:
    walk = test.seen(good, bad)
    assert walk.after(1, 0).ratio < walk.ratio < walk.after(0, 1).ratio


def test_a_watch_begins_anew_after_each_accept() -> None:
    watch = Watch.of(CRITICAL)
    for _draw in range(400):
        watch = watch.after(25, 0)
    assert (watch.accepts, watch.walk.good) == (400, 0)
    assert not watch.after(0, 5).rejected
    assert watch.after(0, 6).rejected  # 10,000 clean requests excuse nothing
    assert watch.after(0, 6).after(10000, 0).rejected


@given(st.floats(0.0001, 0.9999), st.floats(1.1, 10))
def test_the_tipping_point_lies_on_the_threshold(threshold: float, ratio: float) -> None:
    p0, p1 = rates_around(threshold, ratio)
    assert Sprt(p0, p1).tipping_point == pytest.approx(threshold, rel=1e-6)
    assert p1 / (1 - p1) == pytest.approx(ratio * p0 / (1 - p0))


def test_which_arm_knows_the_worse_one_by_its_share_of_errors() -> None:
    arms = WhichArm(ratio=3, alpha=0.001, beta=0.05)
    assert arms.decision(arms.evidence(0.1, 10, 0)) == REJECT
    assert arms.decision(arms.evidence(0.1, 10, 90)) == ACCEPT  # an outage of both
    assert arms.decision(arms.evidence(0.1, 1, 0)) == OPEN
    assert arms.evidence(1.0, 50, 0) == 0.0  # nobody else could have failed


@given(shares, counts, counts, counts, counts)
def test_which_arm_adds_up(share: float, a: int, b: int, c: int, d: int) -> None:
    arms = WhichArm()
    apart = arms.evidence(share, a, b) + arms.evidence(share, c, d)
    assert apart == pytest.approx(arms.evidence(share, a + c, b + d), abs=1e-6)


@pytest.mark.parametrize(
    ("count", "of", "share", "expected"),
    [
        (0, 10, 0.3, 1.0),
        (10, 10, 0.5, 0.5**10),
        (1, 3, 0.5, 0.875),
        (2, 20, 0.1, 0.608253),
        (9, 10, 0.1, 9.1e-9),
        (1, 5, 0.0, 0.0),
        (5, 5, 1.0, 1.0),
        (520, 1000, 0.5, 0.108724),
        (5100, 100000, 0.05, 0.0747404),
    ],
)
def test_binomial_tail(count: int, of: int, share: float, expected: float) -> None:
    assert binomial_tail(count, of, share) == pytest.approx(expected, rel=1e-3)


@given(st.integers(1, 60), st.data())
def test_binomial_tail_is_the_sum_of_its_terms(of: int, data: st.DataObject) -> None:
    count, share = data.draw(st.integers(0, of)), data.draw(shares)
    terms = (math.comb(of, k) * share**k * (1 - share) ** (of - k) for k in range(count, of + 1))
    assert binomial_tail(count, of, share) == pytest.approx(math.fsum(terms), abs=1e-9)


def test_slower_p_value_agrees_with_a_worked_example() -> None:
    first, second = {1: 1, 3: 2, 5: 4, 6: 3}, {1: 4, 2: 3, 3: 2, 4: 1}
    # ranks with ties: U = 88 of 100, standard deviation 12.988 corrected for ties, z = (88 - 50 - 0.5) / 12.988
    assert slower_p_value(first, second) == pytest.approx(0.0019427, rel=1e-4)


@pytest.mark.parametrize(
    ("first", "second"), [({}, {}), ({1: 5}, {}), ({}, {1: 5}), ({3: 50}, {3: 70})]
)
def test_nothing_to_compare_is_no_difference(
    first: t.Dict[int, int], second: t.Dict[int, int]
) -> None:
    assert slower_p_value(first, second) == 1.0


histograms = st.dictionaries(st.integers(0, 60), st.integers(1, 50), min_size=2, max_size=20)


@given(histograms, histograms)
def test_slower_is_one_sided(first: t.Dict[int, int], second: t.Dict[int, int]) -> None:
    p_values = [slower_p_value(*pair) for pair in ((first, second), (second, first))]
    assert sum(p_values) >= 1.0
    later = {bucket + 100: count for bucket, count in first.items()}
    assert slower_p_value(later, second) <= slower_p_value(first, second) + 1e-12
