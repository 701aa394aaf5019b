# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The steps of each strategy, and steps of several services side by side."""

from __future__ import annotations

import typing as t

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.tagadodo.deploy.plugins.module_utils._service import Service
from ansible_collections.tagadodo.deploy.plugins.module_utils._strategy import (
    aligned,
    release_steps,
)
from ansible_collections.tagadodo.deploy.plugins.plugin_utils._services import parse_services


def service(strategy: str, instances: int, **changes: t.Any) -> Service:
    described = {"image": "a/b", "port": 3000, "hostnames": ["a.example.com"]}
    entry = {**described, "strategy": strategy, "instances": instances, **changes}
    return parse_services({"backend": entry})[0]


def test_blue_green_is_one_step() -> None:
    (step,) = release_steps(service("blue_green", 3, bake=20), 2)
    assert (step.share, step.new, step.old, step.minimum, step.bake) == (100, 3, 2, 20, True)


@pytest.mark.parametrize("strategy", ["blue_green", "canary", "rolling"])
def test_where_nothing_is_live_all_traffic_comes_at_once(strategy: str) -> None:
    """A share would leave the others to a slot in which nothing runs."""
    (step,) = release_steps(service(strategy, 3), 0)
    assert (step.share, step.new, step.old) == (100, 3, 0)


def test_without_bake_nothing_is_watched() -> None:
    (step,) = release_steps(service("blue_green", 3, bake=0), 3)
    assert (step.minimum, step.maximum) == (0, 0)


@pytest.mark.parametrize(
    ("instances", "batch", "sizes"),
    [(1, 1, [1]), (4, 1, [1, 2, 3, 4]), (5, 2, [2, 4, 5]), (4, 4, [4])],
)
def test_rolling_goes_batch_by_batch(instances: int, batch: int, sizes: list[int]) -> None:
    steps = release_steps(service("rolling", instances, rolling={"batch": batch}), instances)
    assert [step.new for step in steps] == sizes


counts = st.integers(1, 16)
shares = st.lists(st.integers(1, 99), unique=True, max_size=6).map(
    lambda some: [*sorted(some), 100]
)


@given(counts, shares, counts)
def test_a_canary_never_has_more_traffic_than_instances_for_it(
    count: int, some: list[int], live: int
) -> None:
    steps = release_steps(service("canary", count, canary={"shares": some}), live)
    assert [step.share for step in steps] == some
    for step in steps:
        assert 1 <= step.new <= count
        assert step.new == 1 or step.new * 100 >= count * step.share
        assert step.old == live


@given(counts, counts, st.data())
def test_rolling_always_has_as_many_instances_as_before(
    count: int, live: int, data: st.DataObject
) -> None:
    batch = data.draw(st.integers(1, count))
    steps = release_steps(service("rolling", count, rolling={"batch": batch}), live)
    assert all(step.new + step.old >= min(live, count) for step in steps)
    assert all(1 <= step.old <= live for step in steps)
    assert [step.share for step in steps] == sorted({step.share for step in steps})
    assert (steps[-1].new, steps[-1].share, steps[-1].bake) == (count, 100, True)


@pytest.mark.parametrize("strategy", ["blue_green", "canary", "rolling"])
def test_a_first_release_leaves_no_slot(strategy: str) -> None:
    assert {step.old for step in release_steps(service(strategy, 3), 0)} == {0}


def test_services_with_fewer_steps_begin_later() -> None:
    rows = aligned(
        {
            "backend": release_steps(service("canary", 2), 2),
            "frontend": release_steps(service("blue_green", 1), 1),
        }
    )
    assert [sorted(row) for row in rows] == [["backend"]] * 3 + [["backend", "frontend"]]
    assert rows[-1]["frontend"][0] == 0
