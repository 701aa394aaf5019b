# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a fleet's benchmark makes of its runs: the cost of a further host, and what it comes up against."""

from __future__ import annotations

import typing as t

import pytest
from bench.growth import PerHost, Point, markdown
from hypothesis import given
from hypothesis import strategies as some


def point(hosts: int, wall: float = 1.0, controller: float = 0.0, **more: t.Any) -> Point:
    facts = {
        "kind": "light hosts",
        "operation": "deploy.yml",
        "rest": 0.0,
        "memory": 100.0,
        "calls": 4,
    }
    return Point(hosts=hosts, wall=wall, controller=controller, **{**facts, **more})


@given(
    some.lists(some.integers(1, 100), min_size=2, unique=True),
    some.floats(0, 100),
    some.floats(0, 10),
)
def test_a_cost_that_grows_evenly_is_found(sizes: list[int], first: float, each: float) -> None:
    cost = PerHost.of([point(hosts, first + each * hosts) for hosts in sizes])
    assert cost.wall == pytest.approx(each, abs=1e-6)
    assert cost.controller == cost.rest == 0


@pytest.mark.parametrize(
    ("cost", "named"),
    [
        (PerHost(wall=1.0, controller=1.5, rest=0.4), "the controller's processors"),
        (PerHost(wall=1.0, controller=0.4, rest=1.5), "the processors of the hosts, which here"),
        (PerHost(wall=1.0, controller=0.4, rest=0.4), "waiting"),
        (PerHost(wall=1.0, controller=0.0, rest=0.0), "waiting"),
    ],
)
def test_the_bottleneck_is_what_most_of_the_time_goes_to(cost: PerHost, named: str) -> None:
    assert cost.bottleneck(cores=2).startswith(named)


def test_the_page_has_a_table_and_a_cost_for_each_kind_of_hosts() -> None:
    points = [
        point(1, 2.0, 1.0),
        point(1, 4.0, 1.0, lost=1, sent=10),
        point(11, 13.0, 21.0, steps={"Start": 9.0, "Plan": 1.0, "Sum up": 0.5, "End": 0.1}),
        point(1, 5.0, kind="real hosts"),
    ]
    page = markdown(points, ["canary over 11 hosts: returned"], "On two cores.", cores=2)
    assert "| 1 | deploy.yml | 2 | 3.0 (2.0-4.0) | 1.0 | 100 | 0.0 | 4 | 1 of 10 |" in page
    assert "a further host costs 1.00 s, with 2.00 s of the controller's" in page
    assert "Bottleneck: the controller's processors." in page
    assert "for 11 hosts, 2 of the controller need 10 s at least." in page
    assert "Longest steps of 11: Start 9.0 s, Plan 1.0 s, Sum up 0.5 s." in page
    assert (
        page.index("### Light hosts")
        < page.index("### Real hosts")
        < page.index("### One decision")
    )
    assert page.count("a further host costs") == 1  # of one size nothing follows
