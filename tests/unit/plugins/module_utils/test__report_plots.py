# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plots: scales that people read, and nothing drawn beside its place."""

from __future__ import annotations

import re
import typing as t

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.tagadodo.deploy.plugins.module_utils._report_plots import (
    HEIGHT,
    TICKS,
    WIDTH,
    Axes,
    Line,
    bars,
    nice_seconds,
    nice_top,
    plot,
    time_ticks,
)


@pytest.mark.parametrize(
    ("most", "top"),
    [(0, 1), (0.3, 0.5), (1, 1), (1.01, 2), (43, 50), (50, 50), (51, 100), (730, 1000)],
)
def test_scales_end_at_round_numbers(most: float, top: float) -> None:
    assert nice_top(most) == pytest.approx(top)


@pytest.mark.parametrize(
    ("most", "top"), [(1, 2), (41, 60), (298, 600), (3601, 7200), (172800, 172800)]
)
def test_scales_of_durations_do_too(most: float, top: float) -> None:
    assert nice_seconds(most) == top


@pytest.mark.parametrize(
    ("seconds", "ticks"),
    [(8, [0, 2, 4, 6, 8]), (122, [0, 30, 60, 90, 120]), (298, [0, 60, 120, 180, 240]), (1, [0, 1])],
)
def test_times_on_the_axis_are_round(seconds: float, ticks: t.List[float]) -> None:
    assert time_ticks(seconds) == ticks


@given(st.floats(1e-6, 1e9))
def test_any_value_has_a_scale_that_holds_it(value: float) -> None:
    for top in (nice_top(value), nice_seconds(value)):
        assert value <= top * (1 + 1e-6)
    assert nice_top(value) <= 10 * value * (1 + 1e-6)
    assert 1 <= len(time_ticks(value)) <= TICKS + 1


VALUES = st.lists(st.tuples(st.floats(-1e6, 1e6), st.none() | st.floats(0, 1e6)), max_size=20).map(
    lambda some: sorted(some, key=lambda one: one[0])
)


@given(VALUES, st.booleans(), st.floats(-1e6, 1e6), st.floats(0, 1e6), st.floats(1, 1e6))
def test_nothing_is_drawn_outside(
    values: t.List[t.Tuple[float, t.Optional[float]]],
    stepped: bool,
    start: float,
    length: float,
    top: float,
) -> None:
    axes = Axes(start, start + length, top)
    drawn = plot([Line("green", values, stepped)], axes, str, "told", [start])
    for path in re.findall(r' d="([^"]*)"', drawn):
        assert re.fullmatch(r"[MLHVZh0-9. ]*", path)
        for x, y in re.findall(r"[ML]([\d.]+) ([\d.]+)", path):
            assert 0 <= float(x) <= WIDTH
            assert 0 <= float(y) <= HEIGHT


def test_a_line_has_a_gap_where_nothing_was_seen() -> None:
    line = Line("green", [(0, 1.0), (1, 1.0), (2, None), (3, 0.0)])
    assert 'd="M0 0h0L333.3 0M1000 100h0"' in plot([line], Axes(0, 3, 1), str, "told")


def test_a_share_holds_until_the_next_one() -> None:
    line = Line("blue", [(2, 10), (6, 100)], stepped=True)
    assert 'd="M0 100H200V90H600V0H1000"' in plot([line], Axes(0, 10, 100), str, "told")


def test_bars_stand_on_the_ground_side_by_side() -> None:
    drawn = bars([("good", 30.0), ("bad", 60.0)], 60, str, "told")
    rects = re.findall(
        r'class="bar (\w+)" x="([\d.]+)" y="([\d.]+)" width="[\d.]+" height="([\d.]+)"', drawn
    )
    assert [(kind, y, height) for kind, _x, y, height in rects] == [
        ("good", "50", "50"),
        ("bad", "0", "100"),
    ]
    assert float(rects[0][1]) < float(rects[1][1])
