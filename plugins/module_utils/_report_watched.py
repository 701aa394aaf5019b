# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This module util is PRIVATE to the collection.
"""The plots of a service in a report: its share of traffic, and errors and latency of both slots beside it."""

from __future__ import annotations

import typing as t

from ansible_collections.tagadodo.deploy.plugins.module_utils._gate_finding import percent
from ansible_collections.tagadodo.deploy.plugins.module_utils._markup import Markup, tag
from ansible_collections.tagadodo.deploy.plugins.module_utils._release_report import (
    Point,
    Report,
    ServiceReport,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._report_parts import note
from ansible_collections.tagadodo.deploy.plugins.module_utils._report_plots import (
    Axes,
    Line,
    nice_top,
    plot,
    time_axis,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._report_told import (
    milliseconds,
    share_failed,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._report_words import Words
from ansible_collections.tagadodo.deploy.plugins.module_utils._service import SLOTS, other_slot

LEAST_PERCENT = 1.0  # end of the scale of errors where there are next to none
LEAST_MS = 10.0

Measure = t.Callable[[Point], t.Optional[float]]


def plots_of(words: Words, report: Report, one: ServiceReport) -> t.List[Markup]:
    """Shares, errors and latency over the same time; where nothing was watched, shares alone."""
    times = [at for at, _share in one.shares] + [point.at for point in one.trend]
    start = one.started if one.started is not None else min(times, default=0.0)
    ended = [one.finished] if one.finished is not None and one.given_up is None else []
    end = max([*times, *ended], default=start)
    if not times or one.slot not in SLOTS or end <= start:
        return [note(words.say("unwatched"))]
    axes = Axes(start, end, 100.0)
    shares = Line(one.slot, one.shares, stepped=True)
    drawn = [
        _figure(
            words.say("plot_share", version=one.version),
            words.say("plot_share_unit"),
            [],
            plot([shares], axes, "{:.0f}".format, _told_shares(words, one)),
        )
    ]
    if one.trend:
        drawn.append(_both(words, one, axes, "errors", _errors, LEAST_PERCENT, _percent))
        drawn.append(_both(words, one, axes, "latency", _slowness, LEAST_MS, milliseconds))
    drawn[-1] = tag("div", drawn[-1], time_axis(axes, words.duration))
    return [*drawn, *([] if one.trend else [note(words.say("unwatched"))])]


def _told_shares(words: Words, one: ServiceReport) -> str:
    figures = ", ".join(f"{share} %" for _at, share in one.shares)
    title = words.say("plot_share", version=one.version)
    return words.say("plot_alt", title=title, figures=figures)


def _percent(value: float) -> str:
    return percent(value / 100)


def _errors(point: Point) -> t.Optional[float]:
    return 100 * share_failed(point.failed, point.answers) if point.answers else None


def _slowness(point: Point) -> t.Optional[float]:
    return None if point.p95 is None else 1000 * point.p95


def _both(
    words: Words,
    one: ServiceReport,
    axes: Axes,
    what: str,
    measure: Measure,
    least: float,
    told_value: t.Callable[[float], str],
) -> Markup:
    """A plot of both slots, the new one over the old one."""
    lines = {
        slot: Line(
            slot if slot == one.slot else f"{slot} old",
            _with_gaps([point for point in one.trend if point.slot == slot], measure),
        )
        for slot in (other_slot(one.slot), one.slot)
    }
    drawn = {
        slot: line for slot, line in lines.items() if any(v is not None for _at, v in line.values)
    }
    title = words.say(f"plot_{what}")
    peaks = {slot: told_value(line.most) for slot, line in drawn.items()}
    told = words.say(
        "plot_alt",
        title=title,
        figures=", ".join(f"{_name(words, one, slot)} ≤ {peak}" for slot, peak in peaks.items()),
    )
    top = nice_top(max(least, *(line.most for line in lines.values())))
    keys = [
        tag(
            "span",
            words.say("peak", slot=_name(words, one, slot), value=peaks[slot]),
            class_=f"key {lines[slot].kind}",
        )
        for slot in reversed(list(drawn))
    ]
    within = Axes(axes.start, axes.end, top)
    moved = [at for at, _share in one.shares]
    content = plot(list(drawn.values()), within, "{:g}".format, told, moved)
    empty = [] if drawn else [tag("span", words.say("no_answers"), class_="soft small")]
    return _figure(title, words.say(f"plot_{what}_unit"), keys + empty, content)


def _with_gaps(
    points: t.Sequence[Point], measure: Measure
) -> t.List[t.Tuple[float, t.Optional[float]]]:
    """Nobody looks between two steps, while instances start."""
    values: t.List[t.Tuple[float, t.Optional[float]]] = []
    for former, point in zip((None, *points), points):
        if former is not None and former.step != point.step:
            values.append((point.at, None))
        values.append((point.at, measure(point)))
    return values


def _name(words: Words, one: ServiceReport, slot: str) -> str:
    if slot == one.slot:
        return words.say("new_slot", version=one.version, slot=slot)
    return words.say("old_slot", version=one.before or "-", slot=slot)


def _figure(title: str, unit: str, keys: t.Sequence[Markup], content: Markup) -> Markup:
    caption = tag("figcaption", tag("b", title), tag("span", unit, class_="soft small"))
    legend = [tag("div", *keys, class_="keys")] if keys else []
    return tag("figure", caption, *legend, content, class_="plot")
