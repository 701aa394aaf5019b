# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This module util is PRIVATE to the collection.
"""By what the steps of a release will be judged, decided and said before it begins.

A service with few users never sends the requests that a small share needs to be judged by. That is
known beforehand from the log, so the plan says it and says what is done about it.
"""

from __future__ import annotations

import math
import typing as t
from dataclasses import dataclass

from ansible_collections.tagadodo.deploy.plugins.module_utils._gate_rules import (
    Outlook,
    enough_traffic,
    rules_for,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._plan import Fleet, ServicePlan
from ansible_collections.tagadodo.deploy.plugins.module_utils._strategy import Step

INTERVAL = 5.0  # seconds between two looks
FIRST_INTERVALS = (1.0, 2.0)  # after the first looks of a step: most of what breaks breaks at once
SOME = 3  # probes through nginx at each look where users send enough
MOST = 50  # probes at one look
TRAFFIC, PROBES = "traffic", "probes"


@dataclass(frozen=True)
class Judging:
    """How one step is judged.

    Attributes:
        needs: ``traffic``, or ``probes`` where requests of our own count as well.
        smoke: how many of those are sent at each look.
        sentence: what the plan says of it.
    """

    needs: str
    smoke: int
    sentence: str


def judging_of(fleet: Fleet, plan: ServicePlan) -> t.Tuple[Judging, ...]:
    """For each step that is left.

    Raises:
        ValueError: the service's gate settings are wrong; one line.
    """
    rules = rules_for(plan.service.settings["gate"])
    per_minute = fleet.requests_per_minute(plan.service.name) or 0.0
    return tuple(
        _judging(plan, step, enough_traffic(per_minute, step.share, step.maximum, rules, step.bake))
        for step in plan.steps
    )


def _judging(plan: ServicePlan, step: Step, outlook: Outlook) -> Judging:
    settings = plan.service.settings
    if step.bake or settings["strategy"] != "canary":
        return Judging(PROBES, _probes(step.minimum, outlook), "")
    told = f"needs {outlook.needed} requests, users send about {outlook.expected}"
    if settings["canary"]["low_traffic"] == "wait":
        unless = "" if outlook.enough else ": it will be held unless they send more"
        return Judging(TRAFFIC, SOME, told + unless)
    if outlook.enough:
        # Users may send less than they did, so that probes have to decide at last.
        return Judging(PROBES, _probes(step.maximum / 2, outlook), told)
    return Judging(PROBES, _probes(step.minimum, outlook), f"{told}: probes make up for the rest")


def _probes(seconds: float, outlook: Outlook) -> int:
    """Enough at each look to be judged by in so many seconds."""
    looks = max(1, int(seconds / INTERVAL))
    return min(MOST, max(SOME, math.ceil(outlook.needed / looks)))
