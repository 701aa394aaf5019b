# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This module util is PRIVATE to the collection.
"""When to roll back, as data: what is wrong how far, and how fast it must be noticed."""

from __future__ import annotations

import math
import typing as t
from dataclasses import dataclass, replace

from ansible_collections.tagadodo.deploy.plugins.module_utils._sequential import Sprt, rates_around

CRITICAL, HIGH, MEDIUM = TIERS = ("critical", "high", "medium")
HIGHEST_RATE = 99.0  # percent; a limit above is judged as this one, no test tells 100 % from it

_ODDS_RATIOS = {CRITICAL: 3.6, HIGH: 2.6, MEDIUM: 2.0}  # of p1 to p0, as those of RULES
_LOWEST = {CRITICAL: 1.0, HIGH: 0.5, MEDIUM: 0.1}  # percent; below it was meant as a share of 1
_SETTINGS = ("error_rate", "slow", "degraded", "smoke", "metrics")


@dataclass(frozen=True)
class Rule:
    """One reason to end a release.

    Attributes:
        name: what it is called in verdicts.
        tier: ``critical`` (at once), ``high`` (within 5 minutes), ``medium`` (within 15).
        what: ``errors``, ``smoke``, ``slow``, ``degraded``, ``missing``, ``liveness``,
            ``database``, ``container`` or ``metric``.
        threshold: the limit in percent, as the user says it.
        p0, p1, alpha, beta: of the sequential test; its tipping point is the threshold.
        deadline: seconds after which an observed rate above the threshold is enough although the test
            is undecided; 0 where the test decides at once.
        window: seconds the test looks back, beside all of its scope; 0 for the test that begins anew
            after each accept.
        scope: whether evidence is of the ``step`` or of the ``release``.
        attempts, failures: the least that the deadline decides by.
        clients: how many clients must have failed, where more than one uses the slot.
        factor: how many times slower than the old slot.
        rounds: how many rounds in a row it must be seen.
        metric: name of the value that must be ``below`` or ``above`` a limit.
        required: whether a release waits for a value of the metric.
    """

    name: str
    tier: str
    what: str
    threshold: float = 0.0
    p0: float = 0.0
    p1: float = 0.0
    alpha: float = 0.01
    beta: float = 0.05
    deadline: float = 0.0
    window: float = 0.0
    scope: str = "step"
    attempts: int = 0
    failures: int = 0
    clients: int = 1
    factor: float = 0.0
    rounds: int = 0
    metric: str = ""
    below: t.Optional[float] = None
    above: t.Optional[float] = None
    required: bool = False

    @property
    def test(self) -> Sprt:
        return Sprt(self.p0, self.p1, self.alpha, self.beta)


RULES: t.Tuple[Rule, ...] = (
    Rule("container", CRITICAL, "container"),
    Rule("API down", CRITICAL, "liveness", rounds=3),
    Rule("database lost", CRITICAL, "database", rounds=2),
    Rule("critical errors", CRITICAL, "errors", 10, 0.05, 0.16, alpha=0.001),
    Rule(
        name="high errors",
        tier=HIGH,
        what="errors",
        threshold=5,
        p0=0.03,
        p1=0.075,
        deadline=300,
        window=300,
        attempts=40,
        failures=4,
        clients=2,
    ),
    Rule("critical feature", HIGH, "smoke", 5, 0.03, 0.075, window=300),
    Rule(
        name="slow",
        tier=HIGH,
        what="slow",
        threshold=18,
        p0=0.05,
        p1=0.40,
        alpha=0.001,
        deadline=300,
        window=300,
        attempts=40,
        failures=4,
        factor=5,
    ),
    Rule(
        name="medium errors",
        tier=MEDIUM,
        what="errors",
        threshold=2,
        p0=0.013,
        p1=0.026,
        deadline=900,
        window=900,
        scope="release",
        attempts=100,
        failures=5,
        clients=2,
    ),
    Rule(
        name="degraded",
        tier=MEDIUM,
        what="degraded",
        window=900,
        scope="release",
        attempts=100,
        factor=1.5,
    ),
    Rule(
        name="missing pages",
        tier=MEDIUM,
        what="missing",
        alpha=0.001,
        deadline=300,
        window=900,
        scope="release",
        attempts=100,
        failures=5,
        factor=2,
    ),
)
METRIC_ROUNDS = {CRITICAL: 2, HIGH: 3, MEDIUM: 6}


def rules_for(settings: t.Optional[t.Mapping[str, t.Any]] = None) -> t.Tuple[Rule, ...]:
    """The rules with the limits of a service's ``gate`` settings.

    Args:
        settings: ``error_rate`` (percent by tier), ``slow`` and ``degraded`` (``factor`` each),
            ``metrics`` (dicts with ``name``, ``below`` and ``above``, ``tier``, ``required``). What is
            left out stays as it is; ``smoke`` is known and decides nothing here.

    Raises:
        ValueError: a setting is wrong; the text is one line and says what to write.
    """
    given = settings or {}
    _check_keys("gate", given, _SETTINGS)
    limits = _error_limits(given.get("error_rate") or {})
    factors = {name: _factor(name, given.get(name) or {}) for name in ("slow", "degraded")}
    changed = [_with_settings(rule, limits, factors) for rule in RULES]
    metrics = _metric_rules(given.get("metrics") or ())
    return tuple(sorted((*changed, *metrics), key=lambda rule: TIERS.index(rule.tier)))


@dataclass(frozen=True)
class Outlook:
    """How many requests a step ``needed`` to pass, and how many it is ``expected`` to see."""

    needed: int
    expected: int

    @property
    def enough(self) -> bool:
        return self.expected >= self.needed


def needed(rules: t.Sequence[Rule] = RULES, bake: bool = False) -> int:
    """Requests without error on the new slot that decide a step; each error costs some twenty more.

    It is what the critical and high rules need to accept. The last step, ``bake``, is decided before its maximum
    when the medium rule accepts as well, for which requests of earlier steps count, too.
    """
    errors = [rule for rule in rules if rule.what == "errors" and (bake or rule.tier != MEDIUM)]
    return max((rule.test.clean_to_accept for rule in errors), default=0)


def enough_traffic(
    per_minute: float,
    share: float,
    seconds: float,
    rules: t.Sequence[Rule] = RULES,
    bake: bool = False,
) -> Outlook:
    """What a step needs and gets, for the plan that is said before a release.

    Args:
        per_minute: requests a minute of the service.
        share: percent of them on the new slot.
        seconds: how long the step lasts at most.
        rules: see :func:`rules_for`.
        bake: whether it is the last step.
    """
    return Outlook(needed(rules, bake), int(per_minute * share / 100 * seconds / 60))


def _check_keys(where: str, given: t.Any, known: t.Sequence[str]) -> None:
    if not isinstance(given, t.Mapping):
        raise ValueError(f"{where}: {given!r} is not a dictionary; write {', '.join(known)} in it")
    for key in given:
        if key not in known:
            raise ValueError(f"{where}: {key!r} is not known; write one of {', '.join(known)}")


def _number(where: str, value: t.Any, example: str) -> float:
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not is_number or not math.isfinite(value):
        raise ValueError(f"{where}: {value!r} is not a number; write for example {example}")
    return float(value)


def _error_limits(given: t.Mapping[str, t.Any]) -> t.Dict[str, float]:
    """The limit of each tier in percent."""
    _check_keys("gate.error_rate", given, TIERS)
    usual = {rule.tier: rule.threshold for rule in RULES if rule.what == "errors"}
    limits = {
        tier: _number(f"gate.error_rate.{tier}", given.get(tier, usual[tier]), f"{usual[tier]:g}")
        for tier in TIERS
    }
    for tier, limit in limits.items():
        _check_percent(f"gate.error_rate.{tier}", limit, _LOWEST[tier])
    for first, second in zip(TIERS, TIERS[1:]):
        if limits[first] <= limits[second]:
            raise ValueError(
                f"gate.error_rate.{first}: {limits[first]:g} is not above {second} ({limits[second]:g});"
                " write critical > high > medium, for example 10, 5 and 2"
            )
    return limits


def _check_percent(where: str, limit: float, lowest: float) -> None:
    if 0 < limit < lowest:
        raise ValueError(
            f"{where}: {limit:g} means {limit:g} percent; write {100 * limit:g} for {100 * limit:g} %"
            f" (the least is {lowest:g})"
        )
    if not 0 < limit <= 100:
        raise ValueError(
            f"{where}: {limit:g} is not a percentage; write a number from {lowest:g} to 100"
        )


def _factor(name: str, given: t.Any) -> t.Optional[float]:
    _check_keys(f"gate.{name}", given, ("factor",))
    if given.get("factor") is None:
        return None
    factor = _number(f"gate.{name}.factor", given["factor"], "5")
    if factor <= 1:
        raise ValueError(
            f"gate.{name}.factor: {factor:g} times the old slot is not slower; write a number above 1"
        )
    return factor


def _with_settings(
    rule: Rule, limits: t.Mapping[str, float], factors: t.Mapping[str, t.Optional[float]]
) -> Rule:
    factor = factors.get(rule.name)
    if factor is not None:
        return replace(rule, factor=factor)
    if rule.what != "errors" or limits[rule.tier] == rule.threshold:
        return rule
    limit = limits[rule.tier]
    p0, p1 = rates_around(min(limit, HIGHEST_RATE) / 100, _ODDS_RATIOS[rule.tier])
    return replace(rule, threshold=limit, p0=p0, p1=p1)


def _metric_rules(given: t.Sequence[t.Mapping[str, t.Any]]) -> t.Iterator[Rule]:
    names = [str(one.get("name") or "") for one in given]
    for name, one in zip(names, given):
        where = f"gate.metrics.{name}"
        if not name:
            raise ValueError("gate.metrics: one has no name; write name: and what it is called")
        if names.count(name) > 1:
            raise ValueError(f"{where}: named twice; write another name for one of them")
        tier = one.get("tier") or HIGH
        if tier not in TIERS:
            raise ValueError(
                f"{where}.tier: {tier!r} is not known; write one of {', '.join(TIERS)}"
            )
        below, above = _metric_limits(where, one)
        yield Rule(
            name=f"metric {name}",
            tier=tier,
            what="metric",
            rounds=METRIC_ROUNDS[tier],
            metric=name,
            below=below,
            above=above,
            required=bool(one.get("required")),
        )


def _metric_limits(
    where: str, given: t.Mapping[str, t.Any]
) -> t.Tuple[t.Optional[float], t.Optional[float]]:
    """What the value must be below, and above."""
    below, above = (
        None if given.get(key) is None else _number(f"{where}.{key}", given[key], "100")
        for key in ("below", "above")
    )
    if below is None and above is None:
        raise ValueError(f"{where}: has no limit; write below: or above: with a number")
    if below is not None and above is not None and above >= below:
        raise ValueError(
            f"{where}: nothing is above {above:g} and below {below:g};"
            " write the smaller one as above:"
        )
    return below, above
