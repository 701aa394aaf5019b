# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This module util is PRIVATE to the collection.
"""The page of one release: outcome and reason first, then what happened, what was seen, and what was decided."""

from __future__ import annotations

import typing as t

from ansible_collections.tagadodo.deploy.plugins.module_utils._gate_finding import percent
from ansible_collections.tagadodo.deploy.plugins.module_utils._markup import Markup, joined, tag
from ansible_collections.tagadodo.deploy.plugins.module_utils._release_report import (
    NOWHERE,
    Report,
    ServiceReport,
    Verdict,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._report_parts import (
    INDEX,
    TONES,
    badge,
    badge_of,
    clock,
    day_and_time,
    document,
    facts,
    moves,
    note,
    page_of,
    quoted,
    state_of,
    title_of,
    value,
    values,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._report_told import (
    elapsed,
    events_of,
    headline,
    milliseconds,
    share_failed,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._report_watched import plots_of
from ansible_collections.tagadodo.deploy.plugins.module_utils._report_words import Words

_VERDICTS = {"pass": "good", "fail": "bad", "hold": "wait", "no-data": "wait", "watch": "wait"}
_RULES = {"accept": "good", "reject": "bad", "open": "wait"}
_ITEMS = {"pass": "good", "fail": "bad"}


def release_page(report: Report, language: str = "") -> str:
    """The whole page.

    Args:
        language: the one that the release was recorded with where it is empty.
    """
    words = Words(language or report.language)
    several = len(report.services) > 1
    return document(
        words,
        f"{words.say(state_of(report))}: {title_of(report)}",
        _way(words, report),
        _outcome(words, report),
        _timeline(words, report),
        *(_service(words, report, one, several) for one in report.services),
        *([_checklist(words, report)] if report.checklist else []),
        _end(words, report),
    )


def _way(words: Words, report: Report) -> Markup:
    kind = words.say("rollback" if report.is_rollback else "release")
    back = tag("a", words.say("all_releases"), href=page_of(INDEX))
    return tag("nav", back, tag("span", kind, " ", value(report.release)))


def _outcome(words: Words, report: Report) -> Markup:
    state = state_of(report)
    why = (
        [report.reason]
        if report.reason
        else [f"{one.name}: {reason}" for one in report.services for reason in one.reasons]
    )
    label = tag("span", words.say("because"), class_="label")
    lines = [tag("div", quoted(line)) for line in why]
    return tag(
        "header",
        badge(words, state),
        tag("h1", moves(report)),
        tag("p", headline(words, report), class_="lead"),
        *([tag("blockquote", label, *lines, class_="reason")] if lines else []),
        facts(
            (
                (words.say("by"), report.by),
                (words.say("origin"), report.origin),
                (words.say("started"), report.started is not None and day_and_time(report.started)),
                (words.say("took"), report.seconds is not None and words.duration(report.seconds)),
                (words.say("hosts"), values(report.hosts)),
                (words.say("project"), report.project),
                (
                    words.say("committed"),
                    report.committed is not None and day_and_time(report.committed),
                ),
                (words.say("lead"), report.lead is not None and words.duration(report.lead)),
            )
        ),
        class_=f"card outcome {TONES.get(state, 'wait')}",
    )


def _timeline(words: Words, report: Report) -> Markup:
    entries = []
    for event in events_of(words, report):
        since = event.at - (report.started if report.started is not None else event.at)
        told = elapsed(since) if since > 0 else ""
        at = tag("div", clock(event.at), tag("span", tag("bdi", told), class_="since"), class_="at")
        detail = [tag("p", quoted(event.detail))] if event.detail else []
        text = tag("div", tag("p", event.text), *detail)
        entries.append(tag("li", at, text, class_=event.tone or None))
    return _section(words.say("timeline"), tag("ol", *entries, class_="timeline"))


def _section(title: str, *content: t.Any) -> Markup:
    return tag("section", tag("h2", title), *content, class_="card")


def _service(words: Words, report: Report, one: ServiceReport, several: bool) -> Markup:
    told = [
        words.say("strategy", name=one.strategy) if one.strategy else "",
        words.say("slot", name=one.slot) if one.slot else "",
    ]
    heading = tag(
        "h2",
        value(one.name),
        tag("span", " · ".join(part for part in told if part), class_="soft"),
        class_="of",
    )
    parts = (_plots, _gates, _migrations, _changes)
    sections = [part(words, report, one) for part in parts]
    return joined(([heading] if several else []) + sections)


def _plots(words: Words, report: Report, one: ServiceReport) -> Markup:
    return _section(words.say("plots"), *plots_of(words, report, one))


def _gates(words: Words, _report: Report, one: ServiceReport) -> Markup:
    verdicts = [_verdict(words, verdict) for verdict in one.verdicts]
    return _section(words.say("gate"), *(verdicts or [note(words.say("no_gate"))]))


def _verdict(words: Words, verdict: Verdict) -> Markup:
    tone = _VERDICTS.get(verdict.kind, "wait")
    known = words.known(verdict.kind, verdict.kind)
    rule = words.known(f"rule {verdict.rule}", verdict.rule)
    head = tag(
        "header",
        tag("h3", words.say("step"), " ", tag("bdi", verdict.step, dir="ltr")),
        badge_of(known, tone),
        tag(
            "span",
            words.say("after", duration=words.duration(verdict.seconds)),
            class_="soft small",
        ),
        *([tag("span", words.say("by_rule", rule=rule), class_="small")] if rule else []),
    )
    sentence = [tag("p", quoted(verdict.sentence), class_="small")] if verdict.sentence else []
    return tag(
        "div", head, *sentence, _numbers(words, verdict), _rules(words, verdict), class_="verdict"
    )


def _numbers(words: Words, verdict: Verdict) -> Markup:
    """What each slot did in the step."""
    if not verdict.slots:
        return Markup("")
    names = ("col_slot", "col_answers", "col_failed", "col_p50", "col_p95")
    head = tag("tr", *(tag("th", words.say(name), scope="col") for name in names))
    rows = [
        tag(
            "tr",
            tag("td", tag("bdi", slot, class_=f"key {slot if slot in ('blue', 'green') else ''}")),
            tag("td", seen.get("attempts", 0)),
            tag("td", _failed(seen)),
            *(tag("td", _latency(seen.get(name))) for name in ("p50", "p95")),
        )
        for slot, seen in verdict.slots.items()
    ]
    return tag("div", tag("table", tag("thead", head), tag("tbody", *rows)), class_="scroll")


def _failed(seen: t.Mapping[str, t.Any]) -> Markup:
    failed, attempts = seen.get("failed", 0), seen.get("attempts", 0)
    told = f"{failed} ({percent(share_failed(failed, attempts))})" if failed else str(failed)
    return tag("bdi", told, dir="ltr")


def _latency(seconds: t.Optional[float]) -> Markup:
    return tag("bdi", NOWHERE if seconds is None else milliseconds(1000 * seconds), dir="ltr")


def _rules(words: Words, verdict: Verdict) -> Markup:
    if not verdict.rules:
        return Markup("")
    items = [
        tag(
            "li",
            tag("span", value(words.known(f"rule {name}", name))),
            tag("span", words.known(state, state), class_=f"state {_RULES.get(state, '')}"),
        )
        for name, state in verdict.rules.items()
    ]
    return tag("details", tag("summary", words.say("evidence")), tag("ul", *items, class_="rules"))


def _migrations(words: Words, _report: Report, one: ServiceReport) -> Markup:
    known = one.migrations
    if not known:
        return _section(words.say("migrations"), note(words.say("no_migrations")))
    reverted = set(known.get("reverted", ()))
    state = str(known.get("state", "unknown"))
    if state == "applied" and not known.get("applied"):
        state = "nothing"
    items = [
        tag(
            "li",
            tag("code", tag("bdi", name)),
            " ",
            badge_of(words.say("migrations_reverted"), "back") if name in reverted else "",
        )
        for name in known.get("applied", ())
    ]
    reason = known.get("reason")
    return _section(
        words.say("migrations"),
        tag("p", words.known(f"migrations_{state}", state), class_="soft"),
        *([tag("ul", *items, class_="steps")] if items else []),
        *([tag("p", words.say("overruled", reason=reason), class_="small")] if reason else []),
    )


def _changes(words: Words, report: Report, one: ServiceReport) -> Markup:
    if one.changes is None:
        content = note(words.say("unknown_changes"))
    elif not one.changes:
        content = note(words.say("no_changes"))
    else:
        content = tag(
            "ul",
            *(
                tag(
                    "li",
                    tag("code", change.setting, class_="soft"),
                    tag(
                        "span",
                        tag("del", change.before, class_="mono"),
                        tag("span", "→", class_="soft", aria_hidden="true"),
                        tag("ins", change.after, class_="mono"),
                        class_="pair",
                    ),
                )
                for change in one.changes
            ),
            class_="settings",
            dir="ltr",
        )
    image = one.image and tag(
        "p", words.say("image"), ": ", tag("code", tag("bdi", one.image)), class_="soft small"
    )
    return _section(words.say("changes"), content, image or "")


def _checklist(words: Words, report: Report) -> Markup:
    items = [
        tag(
            "li",
            tag("div", clock_of(item.at), class_="at"),
            tag(
                "div",
                tag("p", value(words.known(f"check {item.name}", item.name))),
                tag("p", words.say("attested_by", who=item.by)) if item.by else "",
                tag("p", quoted(item.evidence)) if item.evidence else "",
            ),
            class_=_ITEMS.get(item.state, "wait"),
        )
        for item in report.checklist
    ]
    return _section(words.say("checklist"), tag("ol", *items, class_="timeline"))


def clock_of(text: str) -> Markup:
    """The time of day of a recorded time, as it stands there."""
    return tag("bdi", text[11:19] if len(text) >= 19 else text)


def _end(words: Words, report: Report) -> Markup:
    ways = [
        tag("a", kind, href=page_of(report.release, ending))
        for kind, ending in (("JSON", "json"), ("Markdown", "md"))
    ]
    return tag("footer", tag("span", value(report.project)), tag("span", ways[0], " · ", ways[1]))
