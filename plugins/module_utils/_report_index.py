# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This module util is PRIVATE to the collection.
"""The page that lists all releases of an installation, with the four DORA figures over them."""

from __future__ import annotations

import typing as t

from ansible_collections.tagadodo.deploy.plugins.module_utils._dora import Figures
from ansible_collections.tagadodo.deploy.plugins.module_utils._gate_finding import percent
from ansible_collections.tagadodo.deploy.plugins.module_utils._markup import Markup, tag
from ansible_collections.tagadodo.deploy.plugins.module_utils._release_report import (
    FAILED,
    Report,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._report_parts import (
    TONES,
    badge,
    day_and_time,
    document,
    moves,
    note,
    page_of,
    quoted,
    state_of,
    value,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._report_plots import (
    bars,
    nice_seconds,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._report_words import Words

SHOWN = 40  # durations

Told = t.Tuple[str, str, str]  # name, figure, what it is from


def index_page(reports: t.Sequence[Report], figures: Figures, now: float, language: str) -> str:
    """The whole page.

    Args:
        reports: newest first.
        now: when it is written, seconds since 1970.
    """
    words = Words(language)
    project = next((one.project for one in reports if one.project), "")
    head = tag(
        "header",
        tag("h1", words.say("releases")),
        tag("span", value(project), class_="soft"),
        class_="head",
    )
    shown = [head, _figures(words, figures)]
    shown += [_durations(words, reports), _list(words, reports)] if reports else []
    shown += [] if reports else [note(words.say("nothing"))]
    foot = tag("footer", tag("span", words.say("written", when=day_and_time(now)[:10])))
    title = f"{words.say('releases')} {project}".strip()
    return document(words, title, *shown, foot)


def told_figures(words: Words, figures: Figures) -> t.List[Told]:
    """The four figures in words."""
    unknown = words.say("unknown")
    lead, rate, restore = figures.lead_time, figures.failure_rate, figures.restore_time
    return [
        (words.say("frequency"), *_frequency(words, figures)),
        (
            words.say("lead_time"),
            unknown if lead is None else words.duration(lead),
            words.say("lead_time_unknown")
            if lead is None
            else words.say("lead_time_note", count=figures.leads),
        ),
        (
            words.say("failure_rate"),
            unknown if rate is None else percent(rate),
            words.say("failure_rate_note", failures=figures.failures, changes=figures.changes),
        ),
        (
            words.say("restore_time"),
            unknown if restore is None else words.duration(restore),
            words.say("restore_time_unknown")
            if restore is None
            else words.say("restore_time_note", count=figures.restores),
        ),
    ]


def _frequency(words: Words, figures: Figures) -> t.Tuple[str, str]:
    """A week's, once there was one."""
    known = {"count": figures.deployments, "days": figures.days}
    if figures.days < 7:
        return words.say("frequency_few", **known), words.say("frequency_few_note")
    week = words.say("frequency_week", number=f"{round(figures.per_week, 1):g}")
    return week, words.say("frequency_note", **known)


def told_counts(words: Words, reports: t.Sequence[Report]) -> str:
    """How many releases, of which so many were taken back, and how many rollbacks."""
    releases = [one for one in reports if not one.is_rollback]
    failed = sum(1 for one in releases if one.outcome == FAILED)
    rollbacks = len(reports) - len(releases)
    return words.say("counts", releases=len(releases), failed=failed, rollbacks=rollbacks)


def _figures(words: Words, figures: Figures) -> Markup:
    return tag(
        "dl",
        *(
            tag(
                "div",
                tag("dt", name),
                tag("dd", tag("bdi", figure), class_="big"),
                tag("dd", told, class_="soft"),
            )
            for name, figure, told in told_figures(words, figures)
        ),
        class_="figures",
    )


def _durations(words: Words, reports: t.Sequence[Report]) -> Markup:
    known = [(one, one.seconds) for one in reports[:SHOWN] if one.seconds is not None][::-1]
    heights = [(TONES.get(state_of(one), "wait"), seconds) for one, seconds in known]
    longest = max((seconds for _tone, seconds in heights), default=0.0)
    told = words.say(
        "plot_alt", title=words.say("durations"), figures=f"≤ {words.duration(longest)}"
    )
    return tag(
        "section",
        tag("h2", words.say("durations")),
        bars(heights, nice_seconds(longest), words.duration, told),
        class_="card wide",
    )


def _list(words: Words, reports: t.Sequence[Report]) -> Markup:
    heading = tag("p", told_counts(words, reports), class_="soft small")
    rows = [tag("li", _row(words, one)) for one in reports]
    return tag("section", heading, tag("ol", *rows, class_="list"), class_="card")


def _row(words: Words, report: Report) -> Markup:
    took = "" if report.seconds is None else words.duration(report.seconds)
    when = "" if report.started is None else day_and_time(report.started)[:16]
    told = " · ".join(part for part in (took, report.by) if part)
    why = [tag("span", quoted(report.reason), class_="why")] if report.reason else []
    return tag(
        "a",
        tag("span", badge(words, state_of(report))),
        tag("span", moves(report), class_="what"),
        tag("span", tag("bdi", when), tag("bdi", told), class_="when"),
        *why,
        href=page_of(report.release),
    )
