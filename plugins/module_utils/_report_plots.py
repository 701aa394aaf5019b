# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This module util is PRIVATE to the collection.
"""Plots of reports: lines and bars as SVG that stretches to the width there is, with words beside it that do not.

No library that draws SVG is on the hosts, where pages are written, and what is drawn here is little. Time goes
from left to right in every language.
"""

from __future__ import annotations

import math
import typing as t
from dataclasses import dataclass

from ansible_collections.tagadodo.deploy.plugins.module_utils._markup import Markup, joined, tag

WIDTH, HEIGHT = 1000, 100  # of the coordinates; the page says how large they are shown
TICKS = 5
_DURATIONS = (2, 4, 10, 20, 60, 120, 240, 600, 1200, 2400, 3600, 7200, 14400, 43200, 86400)
_TIMES = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 43200, 86400)

Value = t.Optional[float]
Label = t.Callable[[float], str]


def nice_top(most: float) -> float:
    """The end of a scale: 1, 2 or 5 times a power of ten, and not below ``most``."""
    if most <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(most))
    return next(
        (factor * power for factor in (1, 2, 5) if factor * power >= most * (1 - 1e-9)), 10 * power
    )


def nice_seconds(most: float) -> float:
    """The same for durations; half of it is a round number of seconds, minutes, hours or days as well."""
    return next((float(one) for one in _DURATIONS if one >= most), nice_top(most / 86400) * 86400)


def time_ticks(seconds: float) -> t.List[float]:
    """Some round times from 0 to ``seconds``, as many as fit on a phone."""
    apart = next((one for one in _TIMES if seconds / one < TICKS), 0)
    apart = apart or math.ceil(seconds / TICKS / 86400) * 86400
    return [float(apart * number) for number in range(int(seconds // apart) + 1)]


@dataclass(frozen=True)
class Line:
    """One line of a plot.

    Attributes:
        kind: class of the line; the style sheet colours by it.
        values: (seconds, value) in order of time; None where there is none, and the line has a gap.
        stepped: a value holds until the next one; filled below.
    """

    kind: str
    values: t.Sequence[t.Tuple[float, Value]]
    stepped: bool = False

    @property
    def most(self) -> float:
        return max((value for _at, value in self.values if value is not None), default=0.0)


@dataclass(frozen=True)
class Axes:
    """Where times and values are in a plot.

    Attributes:
        start, end: times, in seconds.
        top: largest value; the smallest is 0.
    """

    start: float
    end: float
    top: float

    def x(self, at: float) -> str:
        share = (at - self.start) / max(self.end - self.start, 1e-9)
        return _number(WIDTH * min(1.0, max(0.0, share)))

    def y(self, value: float) -> str:
        return _number(HEIGHT * (1 - min(1.0, max(0.0, value / self.top))))


def plot(
    lines: t.Sequence[Line],
    axes: Axes,
    label: Label,
    told: str,
    events: t.Sequence[float] = (),
) -> Markup:
    """A plot with its scale of values.

    Args:
        label: of a value on the scale.
        told: what it shows, for those who do not see it.
        events: times that are marked.
    """
    marks = [tag("path", class_="event", d=f"M{axes.x(at)} 0V{HEIGHT}") for at in events]
    drawn = [_drawn(line, axes) for line in lines]
    return _framed([*marks, *drawn], axes.top, label, told)


def bars(heights: t.Sequence[t.Tuple[str, float]], top: float, label: Label, told: str) -> Markup:
    """Bars from left to right, each a class and a height."""
    apart = WIDTH / max(len(heights), 12)
    drawn = [
        tag(
            "rect",
            class_=f"bar {kind}",
            x=_number(apart * (number + 0.15)),
            y=_number(HEIGHT * (1 - height / top)),
            width=_number(apart * 0.7),
            height=_number(HEIGHT * height / top),
        )
        for number, (kind, height) in enumerate(heights)
    ]
    return _framed(drawn, top, label, told)


def time_axis(axes: Axes, label: Label) -> Markup:
    """Times below a plot, since its start."""
    seconds = axes.end - axes.start
    ticks = [
        tag("span", tag("bdi", label(at)), style=f"left:{100 * at / seconds:.2f}%")
        for at in (time_ticks(seconds) if seconds > 0 else ())
    ]
    return tag("div", *ticks, class_="times", dir="ltr", aria_hidden="true")


def _framed(drawn: t.Sequence[Markup], top: float, label: Label, told: str) -> Markup:
    scale = [
        tag("span", tag("bdi", label(top * share)), style=f"bottom:{100 * share:.0f}%")
        for share in (0, 0.5, 1)
    ]
    grid = [tag("path", class_="grid", d=f"M0 {y}H{WIDTH}") for y in (0, HEIGHT // 2, HEIGHT)]
    picture = tag(
        "svg",
        *grid,
        *drawn,
        viewBox=f"0 0 {WIDTH} {HEIGHT}",
        preserveAspectRatio="none",
        role="img",
        aria_label=told,
    )
    return tag(
        "div",
        tag("div", *scale, class_="scale", aria_hidden="true"),
        tag("div", picture, class_="area"),
        class_="chart",
        dir="ltr",
    )


def _drawn(line: Line, axes: Axes) -> Markup:
    if line.stepped:
        return _stepped(line, axes)
    parts = []
    begins = True
    for at, value in line.values:
        if value is None:
            begins = True
            continue
        # A point alone is a line of no length, whose round ends are a dot.
        parts.append(
            f"{'M' if begins else 'L'}{axes.x(at)} {axes.y(value)}{'h0' if begins else ''}"
        )
        begins = False
    return tag("path", class_=f"line {line.kind}", d="".join(parts))


def _stepped(line: Line, axes: Axes) -> Markup:
    path = f"M{axes.x(axes.start)} {axes.y(0)}"
    for at, value in line.values:
        path += f"H{axes.x(at)}V{axes.y(value or 0)}"
    path += f"H{axes.x(axes.end)}"
    filled = f"{path}V{axes.y(0)}Z"
    return joined(
        (
            tag("path", class_=f"fill {line.kind}", d=filled),
            tag("path", class_=f"line {line.kind}", d=path),
        )
    )


def _number(value: float) -> str:
    return f"{value:.1f}".rstrip("0").rstrip(".")
