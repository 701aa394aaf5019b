# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This module util is PRIVATE to the collection.
"""Statistics of the gate: tests that may be looked at after every request.

A fixed threshold that is looked at again and again condemns the healthy sooner or later. A
sequential probability ratio test keeps its two error rates however often it is looked at, and needs
the fewest observations of all tests that do (A. Wald, "Sequential Tests of Statistical Hypotheses",
Annals of Mathematical Statistics 16(2), 1945; A. Wald and J. Wolfowitz, "Optimum Character of the
Sequential Probability Ratio Test", 1948).

Everything here is a pure function of counts. Rates are shares from 0 to 1.
"""

from __future__ import annotations

import functools
import math
import typing as t
from dataclasses import dataclass

ACCEPT, OPEN, REJECT = "accept", "open", "reject"

_NEGLIGIBLE = 1e-17  # a term of a sum that changes nothing more


@functools.lru_cache(maxsize=None)
def _bounds(alpha: float, beta: float) -> t.Tuple[float, float]:
    """Wald's bounds (accept, reject) of the log-likelihood ratio.

    ``ln(beta / (1 - alpha))`` and ``ln((1 - beta) / alpha)``.
    """
    return math.log(beta / (1 - alpha)), math.log((1 - beta) / alpha)


def _decision(ratio: float, alpha: float, beta: float) -> str:
    accept_at, reject_at = _bounds(alpha, beta)
    if ratio >= reject_at:
        return REJECT
    return ACCEPT if ratio <= accept_at else OPEN


def _check_errors(alpha: float, beta: float) -> None:
    for name, value in (("alpha", alpha), ("beta", beta)):
        if not 0 < value < 0.5:
            raise ValueError(f"{name}: {value!r} is not a probability between 0 and 0.5")


@dataclass(frozen=True)
class Sprt:
    """Whether things fail at rate ``p0`` (accept) or ``p1`` (reject).

    Each failure adds ``ln(p1/p0)`` to the log-likelihood ratio, each success
    ``ln((1-p1)/(1-p0))``, which is negative.

    Attributes:
        p0, p1: rates of failure, ``p0 < p1``.
        alpha: probability to reject at ``p0``.
        beta: probability to accept at ``p1``.

    Raises:
        ValueError: a rate is not between 0 and 1, ``p0`` is not below ``p1``, or ``alpha`` or
            ``beta`` is not between 0 and 0.5.
    """

    p0: float
    p1: float
    alpha: float = 0.01
    beta: float = 0.05

    def __post_init__(self) -> None:
        if not 0 < self.p0 < self.p1 < 1:
            raise ValueError(f"p0 {self.p0!r} and p1 {self.p1!r}: expected 0 < p0 < p1 < 1")
        _check_errors(self.alpha, self.beta)

    @property
    def per_failure(self) -> float:
        """What a failure adds."""
        return math.log(self.p1 / self.p0)

    @property
    def per_success(self) -> float:
        """What a success adds; below 0."""
        return math.log((1 - self.p1) / (1 - self.p0))

    @property
    def accept_at(self) -> float:
        return _bounds(self.alpha, self.beta)[0]

    @property
    def reject_at(self) -> float:
        return _bounds(self.alpha, self.beta)[1]

    @property
    def tipping_point(self) -> float:
        """The rate above which the ratio grows in the long run, so that the test rejects."""
        return self.per_success / (self.per_success - self.per_failure)

    @property
    def failures_to_reject(self) -> int:
        """Failures in a row, from the beginning, that reject."""
        return math.ceil(self.reject_at / self.per_failure)

    @property
    def clean_to_accept(self) -> int:
        """Successes in a row, from the beginning, that accept."""
        return math.ceil(self.accept_at / self.per_success)

    @property
    def clean_per_failure(self) -> float:
        """Successes that make up for one failure."""
        return -self.per_failure / self.per_success

    def seen(self, good: int, bad: int) -> Walk:
        """The state after ``good`` successes and ``bad`` failures, in any order."""
        return Walk(self).after(good, bad)


@dataclass(frozen=True)
class Walk:
    """A test under way. It keeps counts, so the order they came in makes no difference."""

    test: Sprt
    good: int = 0
    bad: int = 0

    def after(self, good: int, bad: int) -> Walk:
        """The state after so many successes and failures more.

        Raises:
            ValueError: a count is negative.
        """
        if good < 0 or bad < 0:
            raise ValueError(f"good {good}, bad {bad}: counts cannot be negative")
        return Walk(self.test, self.good + good, self.bad + bad)

    @property
    def ratio(self) -> float:
        """The log-likelihood ratio: the higher, the more it looks like ``p1``."""
        return self.bad * self.test.per_failure + self.good * self.test.per_success

    @property
    def decision(self) -> str:
        """``accept``, ``reject`` or ``open``."""
        return _decision(self.ratio, self.test.alpha, self.test.beta)

    def clean_until(self, ratio: float) -> int:
        """Successes in a row that bring the ratio down to ``ratio``."""
        return max(0, math.ceil((ratio - self.ratio) / self.test.per_success))


@dataclass(frozen=True)
class Watch:
    """The test that begins anew after each accept, so that it keeps watching, until it rejects.

    This is Page's cumulative sum procedure in rounds (E. S. Page, "Continuous Inspection Schemes",
    Biometrika 41, 1954): what went well long ago does not excuse what fails now.

    Attributes:
        walk: since the last accept.
        accepts: how often it accepted.
    """

    walk: Walk
    accepts: int = 0

    @classmethod
    def of(cls, test: Sprt) -> Watch:
        return cls(Walk(test))

    def after(self, good: int, bad: int) -> Watch:
        """The state after one round. Once rejected it stays so."""
        if self.rejected:
            return self
        walk = self.walk.after(good, bad)
        if walk.decision == ACCEPT:
            return Watch(Walk(walk.test), self.accepts + 1)
        return Watch(walk, self.accepts)

    @property
    def rejected(self) -> bool:
        return self.walk.decision == REJECT


def rates_around(threshold: float, odds_ratio: float) -> t.Tuple[float, float]:
    """``(p0, p1)`` whose tipping point is ``threshold`` and whose odds are ``odds_ratio`` apart.

    With ``logit(p1) = logit(p0) + ln(odds_ratio)`` the tipping point grows with ``p0`` and lies between
    both, so that bisection finds it. Small rates are about as far apart as their odds.

    Raises:
        ValueError: ``threshold`` is not between 0 and 1, or ``odds_ratio`` is not above 1.
    """
    if not 0 < threshold < 1:
        raise ValueError(f"threshold: {threshold!r} is not a share between 0 and 1")
    if not odds_ratio > 1:
        raise ValueError(f"odds_ratio: {odds_ratio!r} is not above 1")
    apart = math.log(odds_ratio)
    high = math.log(threshold / (1 - threshold))
    low = high - apart
    for _step in range(60):
        middle = (low + high) / 2
        if Sprt(_rate(middle), _rate(middle + apart)).tipping_point > threshold:
            high = middle
        else:
            low = middle
    return _rate(low), _rate(low + apart)


def _rate(logit: float) -> float:
    return 1 / (1 + math.exp(-logit))


@dataclass(frozen=True)
class WhichArm:
    """Which of two arms makes the errors: the conditional test on error events.

    Given that one of both arms failed, and that the first made the share ``q`` of all attempts, the
    failure is the first arm's with probability ``q`` if both fail at the same rate, and with
    ``ratio*q / (ratio*q + 1 - q)`` if the first fails ``ratio`` times as often. Only errors count,
    so neither a failure that hits both nor a change of traffic looks like a difference
    (J. Przyborowski and H. Wilenski, "Homogeneity of Results in Testing Samples from Poisson
    Series", Biometrika 31, 1940, made sequential).

    Attributes:
        ratio: how much more often the first arm fails if it is worse, above 1.
        alpha: probability to call it worse when both are the same.
        beta: probability to call them the same when it is worse.

    Raises:
        ValueError: ``ratio`` is not above 1, or a probability is not between 0 and 0.5.
    """

    ratio: float = 2.0
    alpha: float = 0.01
    beta: float = 0.05

    def __post_init__(self) -> None:
        if not self.ratio > 1:
            raise ValueError(f"ratio: {self.ratio!r} is not above 1")
        _check_errors(self.alpha, self.beta)

    def evidence(self, share: float, first: int, second: int) -> float:
        """What ``first`` and ``second`` failures add, the first arm making ``share`` of attempts.

        Raises:
            ValueError: ``share`` is not from 0 to 1, or an arm without attempts failed.
        """
        if not 0 <= share <= 1:
            raise ValueError(f"share: {share!r} is not from 0 to 1")
        if (share == 0 and first) or (share == 1 and second):
            raise ValueError(f"share {share}: failures {first}, {second} without attempts")
        if share in (0, 1):
            return 0.0  # who made it was certain before
        total = self.ratio * share + 1 - share
        return first * math.log(self.ratio / total) - second * math.log(total)

    def decision(self, evidence: float) -> str:
        """``reject`` when the first arm is worse, ``accept`` when both are the same, or ``open``."""
        return _decision(evidence, self.alpha, self.beta)


def binomial_tail(count: int, of: int, share: float) -> float:
    """Probability of ``count`` or more successes ``of`` that many, each with probability ``share``.

    Raises:
        ValueError: a count is negative, ``count`` exceeds ``of``, or ``share`` is not from 0 to 1.
    """
    if not 0 <= count <= of or not 0 <= share <= 1:
        raise ValueError(
            f"count {count} of {of}, share {share!r}: expected 0 <= count <= of, share from 0 to 1"
        )
    if count == 0 or share == 1:
        return 1.0
    if share == 0:
        return 0.0
    if count <= of * share:  # the short side of the sum
        return 1.0 - _terms_from(of - count + 1, of, 1 - share)
    return min(1.0, _terms_from(count, of, share))


def _terms_from(count: int, of: int, share: float) -> float:
    """The sum of the binomial terms from ``count`` up, which fall from there on."""
    if count > of:
        return 0.0
    chosen = math.lgamma(of + 1) - math.lgamma(count + 1) - math.lgamma(of - count + 1)
    term = math.exp(chosen + count * math.log(share) + (of - count) * math.log1p(-share))
    total, odds = 0.0, share / (1 - share)
    for successes in range(count, of + 1):
        total += term
        term *= (of - successes) / (successes + 1) * odds
        if term < _NEGLIGIBLE * total:
            break
    return total


def slower_p_value(first: t.Mapping[int, int], second: t.Mapping[int, int]) -> float:
    """How likely ``first`` would be at least so much higher than ``second`` by chance alone.

    Mann-Whitney's U on counts by rank (bucket number), one-sided, with mid-ranks and the correction
    of the variance for ties, in normal approximation with continuity correction (H. B. Mann and
    D. R. Whitney, Annals of Mathematical Statistics 18(1), 1947). Needs some 20 values on each
    side to be true; 1.0 when one side is empty or all values tie.
    """
    left, right = sum(first.values()), sum(second.values())
    total = left + right
    higher = ties = below = 0.0
    for bucket in sorted({**first, **second}):
        here, there = first.get(bucket, 0), second.get(bucket, 0)
        higher += here * (below + there / 2)
        ties += (here + there) ** 3 - (here + there)
        below += there
    if not left or not right:
        return 1.0
    variance = left * right / 12 * (total + 1 - ties / (total * (total - 1)))
    if variance <= 0:
        return 1.0
    z = (higher - left * right / 2 - 0.5) / math.sqrt(variance)
    return math.erfc(z / math.sqrt(2)) / 2
