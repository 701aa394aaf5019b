# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Figures of the pages on strategies are those that the code has by default."""

from __future__ import annotations

import math
import typing as t

import pytest
from known import ROOT
from pages import Page, cell_text

from ansible_collections.tagadodo.deploy.plugins.module_utils._gate_rules import (
    RULES,
    needed,
    rules_for,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._strategy import release_steps
from ansible_collections.tagadodo.deploy.plugins.plugin_utils._services import parse_services

FEW = Page.read(ROOT / "docs/low-traffic.md")
STRATEGIES = Page.read(ROOT / "docs/strategies.md")
ERRORS = {rule.tier: rule.test for rule in RULES if rule.what == "errors"}


def row(page: Page, begins: str) -> list[str]:
    """The other cells of the row whose first begins so."""
    rows = [[cell_text(cell) for cell in cells] for table in page.tables for cells in table]
    (found,) = [cells[1:] for cells in rows if cells[0].startswith(begins)]
    return found


def watched(**settings: t.Any) -> tuple[int, int]:
    """Seconds that a release is watched, at least and at most, in all its steps."""
    described = {"image": "a", "port": 1, "hostnames": ["a.example.com"], **settings}
    (service,) = parse_services({"one": described})
    steps = release_steps(service, service.settings["instances"])
    return sum(step.minimum for step in steps), sum(step.maximum for step in steps)


@pytest.mark.parametrize(
    ("begins", "number"),
    [
        ("a step of a canary", needed()),
        ("the last step", needed(bake=True)),
        ("each error", round(ERRORS["high"].clean_per_failure)),
        ("a version that answers nothing", ERRORS["critical"].failures_to_reject),
    ],
)
def test_what_a_step_needs(begins: str, number: int) -> None:
    assert row(FEW, begins)[0].split()[0] == str(number)


def test_higher_limits_need_fewer_requests() -> None:
    limits = {"error_rate": {"critical": 20, "high": 10, "medium": 5}}
    number = needed(rules_for(limits))
    assert f"`{{critical: 20, high: 10, medium: 5}}` passes a step after {number}." in " ".join(
        FEW.text.split()
    )


@pytest.mark.parametrize("share", [10, 25, 50])
def test_what_users_have_to_send(share: int) -> None:
    minutes = (120 / 60, 900 / 60)
    wanted = [math.ceil(needed() / (share / 100 * one)) for one in minutes]
    assert [int(cell.split()[0]) for cell in row(FEW, f"{share} %")] == wanted


def test_how_long_strategies_are_watched() -> None:
    assert watched() == (30, 150)
    assert row(STRATEGIES, "blue_green (default)")[2] == "30 s, 2.5 min at most"
    least, most = watched(strategy="canary", instances=2)
    assert row(STRATEGIES, "canary")[2] == f"{least / 60:g} min, {most / 60:g} min at most"
    batch = [
        more - less
        for more, less in zip(
            watched(strategy="rolling", instances=3), watched(strategy="rolling", instances=2)
        )
    ]
    told = f"{batch[0]} s a batch, {batch[1] / 60:g} min at most; then {watched()[0]} s"
    assert row(STRATEGIES, "rolling")[2] == told
