# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This module util is PRIVATE to the collection.
"""Reports for programs (JSON) and for chats and tickets (Markdown)."""

from __future__ import annotations

import json
import re
import typing as t
from dataclasses import asdict

from ansible_collections.tagadodo.deploy.plugins.module_utils._dora import Figures
from ansible_collections.tagadodo.deploy.plugins.module_utils._markup import plain
from ansible_collections.tagadodo.deploy.plugins.module_utils._release_report import (
    Report,
    ServiceReport,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._report_index import (
    told_counts,
    told_figures,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._report_parts import (
    day_and_time,
    move_of,
    page_of,
    state_of,
    title_of,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._report_told import (
    events_of,
    headline,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._report_words import Words

SCHEMA = 1
# Whatever means something to a reader of Markdown.
_SPECIAL = re.compile(r"([\\`*_{}\[\]()#+\-.!|~@])")


def report_json(report: Report) -> str:
    """A report as one JSON object; times are seconds since 1970."""
    known = {"schema": SCHEMA, **asdict(report)}
    derived = {
        "reason": report.reason,
        "seconds": report.seconds,
        "exposed_from": report.exposed_from,
        "exposed_until": report.exposed_until,
    }
    return json.dumps({**known, **derived}) + "\n"


def index_json(reports: t.Sequence[Report], figures: Figures) -> str:
    """Figures, and a line for each release, newest first."""
    rows = [
        {
            "release": one.release,
            "kind": one.kind,
            "outcome": one.outcome,
            "started": one.started,
            "seconds": one.seconds,
            "by": one.by,
            "reason": one.reason,
            "services": {s.name: {"from": s.before, "to": s.version} for s in one.services},
        }
        for one in reports
    ]
    known = {**asdict(figures), "per_week": figures.per_week, "failure_rate": figures.failure_rate}
    return json.dumps({"schema": SCHEMA, "figures": known, "releases": rows}) + "\n"


def safe(text: t.Any) -> str:
    """A value as Markdown that shows it, on one line."""
    line = " ".join(plain(text).split())
    told = line.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _SPECIAL.sub(r"\\\1", told)


def report_markdown(report: Report, language: str = "") -> str:
    """A report as a page of Markdown."""
    words = Words(language or report.language)
    lines = [f"# {safe(words.say(state_of(report)))}: {safe(title_of(report))}", ""]
    lines += [safe(headline(words, report)), ""]
    lines += [f"> {safe(report.reason)}", ""] if report.reason else []
    lines += [*_facts(words, report), "", f"## {safe(words.say('timeline'))}", ""]
    for event in events_of(words, report):
        detail = f": {safe(event.detail)}" if event.detail else ""
        lines.append(f"- {safe(day_and_time(event.at))} {safe(event.text)}{detail}")
    for one in report.services:
        lines += ["", f"## {safe(one.name)}", "", *_service(words, one)]
    if report.checklist:
        lines += ["", f"## {safe(words.say('checklist'))}", "", *_checklist(words, report)]
    return "\n".join(lines) + "\n"


def _facts(words: Words, report: Report) -> t.Iterator[str]:
    told = (
        ("by", report.by),
        ("origin", report.origin),
        ("started", "" if report.started is None else day_and_time(report.started)),
        ("took", "" if report.seconds is None else words.duration(report.seconds)),
        ("hosts", ", ".join(report.hosts)),
        ("project", report.project),
    )
    yield from (f"- {safe(words.say(name))}: {safe(value)}" for name, value in told if value)


def _service(words: Words, one: ServiceReport) -> t.Iterator[str]:
    yield f"{safe(move_of(one))}, {safe(one.image)}"
    yield ""
    for verdict in one.verdicts:
        kind = words.known(verdict.kind, verdict.kind)
        yield f"- {safe(verdict.step)}: {safe(kind)}; {safe(verdict.sentence)}"
    for name in one.migrations.get("applied", ()):
        gone = name in one.migrations.get("reverted", ())
        state = words.say("migrations_reverted" if gone else "migrations_applied")
        yield f"- {safe(name)}: {safe(state)}"
    for change in one.changes or ():
        yield f"- {safe(change.setting)}: {safe(change.before)} → {safe(change.after)}"


def _checklist(words: Words, report: Report) -> t.Iterator[str]:
    for item in report.checklist:
        by = words.say("attested_by", who=item.by) if item.by else ""
        told = ", ".join(safe(part) for part in (by, item.evidence) if part)
        state = words.known(f"item {item.state}", item.state)
        yield f"- {safe(state)}: {safe(words.known(f'check {item.name}', item.name))}{f': {told}' if told else ''}"


def index_markdown(
    reports: t.Sequence[Report], figures: Figures, language: str, ending: str = "md"
) -> str:
    """All releases, newest first, and the figures over them."""
    words = Words(language)
    lines = [f"# {safe(words.say('releases'))}", "", safe(told_counts(words, reports)), ""]
    lines += [
        f"- {safe(n)}: {safe(figure)} ({safe(of)})"
        for n, figure, of in told_figures(words, figures)
    ]
    names = ("when", "what", "outcome", "took", "by")
    lines += ["", f"| {' | '.join(safe(words.say(name)) for name in names)} |", "| --- " * 5 + "|"]
    for one in reports:
        cells = (
            "" if one.started is None else safe(day_and_time(one.started)),
            f"[{safe(title_of(one))}]({page_of(one.release, ending)})",
            safe(words.known(state_of(one), state_of(one))),
            "" if one.seconds is None else safe(words.duration(one.seconds)),
            safe(one.by),
        )
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"
