# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the role monitoring gets of the inventory's services."""

from __future__ import annotations

import typing as t

import pytest
from ansible.errors import AnsibleFilterError

from ansible_collections.tagadodo.deploy.plugins.filter.monitoring import alert_rules, probe_targets

API: dict[str, t.Any] = {
    "image": "a/api",
    "port": 3000,
    "hostnames": ["api.example.com", "a.example.com"],
}


def test_every_proxy_is_asked_for_life_readiness_and_features() -> None:
    services = {"api": {**API, "gate": {"smoke": ["/users", "/orders"]}}}
    told = probe_targets(services, {"p1": "10.0.0.1:443", "p2": "10.0.0.2:443"})
    assert [(one["targets"][0], one["labels"]["check"], one["labels"]["host"]) for one in told] == [
        (f"https://10.0.0.{n}:443{path}", check, f"p{n}")
        for check, path in [
            ("live", "/health/live"),
            ("ready", "/health/ready"),
            ("feature", "/users"),
            ("feature", "/orders"),
        ]
        for n in (1, 2)
    ]
    assert {one["labels"]["__hostname"] for one in told} == {"api.example.com"}


def test_without_features_the_full_health_is_one() -> None:
    paths = [one["labels"]["path"] for one in probe_targets({"api": API}, {"p1": "10.0.0.1:443"})]
    assert paths == ["/health/live", "/health/ready", "/health"]


@pytest.mark.parametrize(
    ("services", "told"),
    [
        ({"api": {**API, "prt": 1}}, "services.api.prt: not known; did you mean port?"),
        (
            {"api": {**API, "gate": {"error_rate": {"high": 11}}}},
            "gate.error_rate.critical: 10 is not above high",
        ),
    ],
)
def test_mistakes_are_told_in_one_line(services: t.Any, told: str) -> None:
    with pytest.raises(AnsibleFilterError) as failed:
        alert_rules(services, windows={"critical": 60, "high": 300, "medium": 900})
    assert str(failed.value).startswith(told)
