# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rules: what the user asked for as data, what settings change, and what they may not say."""

from __future__ import annotations

import typing as t

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.tagadodo.deploy.plugins.module_utils._gate_rules import (
    RULES,
    TIERS,
    Rule,
    rules_for,
)

RATES = ("errors", "smoke", "slow")


def named(rules: t.Sequence[Rule], name: str) -> Rule:
    return next(rule for rule in rules if rule.name == name)


@pytest.mark.parametrize("rule", [r for r in RULES if r.what in RATES], ids=lambda rule: rule.name)
def test_the_tipping_point_of_every_test_is_its_threshold(rule: Rule) -> None:
    assert 100 * rule.test.tipping_point == pytest.approx(rule.threshold, rel=0.07)


@pytest.mark.parametrize(
    ("tier", "limit", "deadline"), [("critical", 10, 0), ("high", 5, 300), ("medium", 2, 900)]
)
def test_error_limits_are_those_asked_for(tier: str, limit: float, deadline: float) -> None:
    rule = named(RULES, f"{tier} errors")
    assert (rule.tier, rule.threshold, rule.deadline) == (tier, limit, deadline)


def test_names_are_unique_and_the_strictest_tier_is_asked_first() -> None:
    rules = rules_for({"metrics": [{"name": "queue", "below": 9, "tier": "critical"}]})
    assert len({rule.name for rule in rules}) == len(rules)
    assert [rule.tier for rule in rules] == sorted((r.tier for r in rules), key=TIERS.index)


@pytest.mark.parametrize("settings", [None, {}, {"smoke": ["/health"]}, {"error_rate": None}])
def test_without_settings_the_rules_stay(settings: t.Optional[t.Dict[str, t.Any]]) -> None:
    assert rules_for(settings) == RULES


def test_settings_with_their_defaults_change_nothing() -> None:
    defaults = {
        "error_rate": {"critical": 10.0, "high": 5.0, "medium": 2.0},
        "slow": {"factor": 5.0},
        "degraded": {"factor": 1.5},
        "smoke": [],
        "metrics": [],
    }
    assert rules_for(defaults) == RULES


@given(st.lists(st.integers(10, 1000), min_size=3, max_size=3, unique=True))
def test_a_changed_limit_moves_the_test_with_it(tenths: t.List[int]) -> None:
    limits = sorted((one / 10 for one in tenths), reverse=True)
    rules = rules_for({"error_rate": dict(zip(TIERS, limits))})
    for tier, limit in zip(TIERS, limits):
        rule = named(rules, f"{tier} errors")
        assert rule.threshold == limit
        if limit not in {one.threshold for one in RULES}:
            assert 100 * rule.test.tipping_point == pytest.approx(min(limit, 99))


def test_other_settings_change_their_rule() -> None:
    rules = rules_for(
        {
            "slow": {"factor": 3},
            "degraded": {"factor": 2},
            "metrics": [
                {"name": "queue", "below": 100, "url": "http://127.0.0.1:9090", "query": "q"},
                {"name": "up", "above": 0, "tier": "critical", "required": True},
            ],
        }
    )
    assert named(rules, "slow").factor == 3
    assert named(rules, "degraded").factor == 2
    queue, up = named(rules, "metric queue"), named(rules, "metric up")
    assert (queue.tier, queue.below, queue.above, queue.required) == ("high", 100, None, False)
    assert (up.tier, up.below, up.above, up.required) == ("critical", None, 0, True)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"error_rate": {"critical": 0.1}}, "critical: 0.1 means 0.1 percent; write 10 for 10 %"),
        ({"error_rate": {"high": 0.05}}, "high: 0.05 means 0.05 percent; write 5 for 5 %"),
        ({"error_rate": {"medium": 0.02}}, "medium: 0.02 means 0.02 percent; write 2 for 2 %"),
        ({"error_rate": {"critical": 5}}, "critical: 5 is not above high (5); write critical >"),
        ({"error_rate": {"high": 1}}, "high: 1 is not above medium (2); write critical >"),
        ({"error_rate": {"critical": 0}}, "0 is not a percentage; write a number from 1 to 100"),
        ({"error_rate": {"critical": 101}}, "101 is not a percentage"),
        ({"error_rate": {"critical": -5}}, "-5 is not a percentage"),
        ({"error_rate": {"critical": "10%"}}, "'10%' is not a number; write for example 10"),
        ({"error_rate": {"critical": True}}, "True is not a number"),
        ({"error_rate": {"critical": float("nan")}}, "nan is not a number"),
        ({"error_rate": {"low": 1}}, "'low' is not known; write one of critical, high, medium"),
        ({"error_rate": 10}, "error_rate: 10 is not a dictionary; write critical, high, medium"),
        ({"errors": {}}, "gate: 'errors' is not known; write one of error_rate"),
        ({"slow": {"factor": 1}}, "slow.factor: 1 times the old slot is not slower"),
        ({"slow": {"times": 5}}, "gate.slow: 'times' is not known; write one of factor"),
        ({"metrics": [{"below": 1}]}, "one has no name"),
        ({"metrics": [{"name": "a", "below": 1}] * 2}, "gate.metrics.a: named twice"),
        ({"metrics": [{"name": "a"}]}, "gate.metrics.a: has no limit; write below: or above:"),
        ({"metrics": [{"name": "a", "below": "1"}]}, "gate.metrics.a.below: '1' is not a number"),
        ({"metrics": [{"name": "a", "below": 1, "tier": "low"}]}, "tier: 'low' is not known"),
        (
            {"metrics": [{"name": "a", "below": 1, "above": 2}]},
            "nothing is above 2 and below 1; write the smaller one as above:",
        ),
    ],
)
def test_a_wrong_setting_is_refused_in_one_line(settings: t.Dict[str, t.Any], message: str) -> None:
    with pytest.raises(ValueError, match="^gate") as refused:
        rules_for(settings)
    assert message in str(refused.value)
    assert "\n" not in str(refused.value)
