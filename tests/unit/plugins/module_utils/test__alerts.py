# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Alerts have the limits of the gate; what they say of real numbers is tried with promtool (integration)."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.tagadodo.deploy.plugins.module_utils._alert import Watching
from ansible_collections.tagadodo.deploy.plugins.module_utils._alerts import alert_groups
from ansible_collections.tagadodo.deploy.plugins.module_utils._gate_rules import RULES

WINDOWS = {"critical": 60, "high": 300, "medium": 900}


def rules(gate: t.Any = None, **watching: t.Any) -> list[dict[str, t.Any]]:
    groups = alert_groups({"api": gate or {}}, Watching(**{"windows": WINDOWS, **watching}))
    return [rule for group in groups for rule in group["rules"]]


def named(name: str, found: list[dict[str, t.Any]]) -> list[dict[str, t.Any]]:
    return [rule for rule in found if rule["alert"] == name]


def test_each_rule_of_the_gate_has_an_alert_of_its_severity() -> None:
    of_api = [rule for rule in rules() if rule["labels"].get("service") == "api"]
    told = {(rule["alert"], rule["labels"]["severity"]) for rule in of_api}
    assert told == {
        ("InstanceRestarts", "critical"),
        ("InstanceDown", "critical"),
        ("ServiceDown", "critical"),
        ("DatabaseLost", "critical"),
        ("ServiceErrors", "critical"),
        ("ServiceErrors", "high"),
        ("FeatureBroken", "high"),
        ("ServiceSlow", "high"),
        ("ServiceErrors", "medium"),
        ("ServiceDegraded", "medium"),
        ("ServiceMissingPages", "medium"),
    }
    assert len({rule.what for rule in RULES}) == 8  # one with two alerts, one with three limits


def test_limits_are_those_that_releases_are_judged_by() -> None:
    gate = {"error_rate": {"critical": 20, "high": 8, "medium": 3.5}, "slow": {"factor": 7}}
    found = rules(gate)
    expressions = [rule["expr"] for rule in named("ServiceErrors", found)]
    assert [f"> {limit} and" in text for limit, text in zip(("20", "8", "3.5"), expressions)] == [
        True
    ] * 3
    (slow,) = named("ServiceSlow", found)
    assert "> 7 and" in slow["expr"]


def test_windows_are_those_that_are_asked_for() -> None:
    found = rules(windows={"critical": 8, "high": 12, "medium": 16}, interval=2)
    assert [
        rule["expr"].count(f"[{s}s]") for s, rule in zip((8, 12, 16), named("ServiceErrors", found))
    ] == [3] * 3
    (down,) = named("ServiceDown", found)
    assert "[6s]" in down["expr"]  # three rounds


@pytest.mark.parametrize(
    ("gate", "watching", "told"),
    [
        ({"error_rate": {"critical": 1}}, {}, "gate.error_rate.critical: 1 is not above high (5)"),
        (
            {},
            {"interval": 30},
            "monitoring_windows.critical: 60 seconds are less than four looks; write 120 or more,"
            " or a smaller monitoring_interval",
        ),
        (
            {},
            {"rollback": {"app": 60}},
            "monitoring_rollback.app: not described; known services: api",
        ),
    ],
)
def test_what_means_nothing_is_refused(gate: t.Any, watching: t.Any, told: str) -> None:
    with pytest.raises(ValueError, match="^" + told.replace("(", r"\(").replace(")", r"\)")):
        rules(gate, **watching)


def test_what_is_not_there_has_no_alert() -> None:
    names = {rule["alert"] for rule in rules()}
    assert not names & {"BackupOld", "RedisDown", "DiskFull", "RollBack"}
    more = {
        rule["alert"]
        for rule in rules(
            backup_hours=26, data=["redis"], disk={"high": 90}, rollback={"api": 3600}
        )
    }
    assert more - names == {"BackupFailed", "BackupOld", "RedisDown", "DiskFull", "RollBack"}
