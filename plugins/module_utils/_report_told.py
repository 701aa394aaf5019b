# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This module util is PRIVATE to the collection.
"""What is told of a release in words: how it ended, and what happened when; for pages and for plain text."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from ansible_collections.tagadodo.deploy.plugins.module_utils._release_report import (
    FAILED,
    ROLLED_BACK,
    RUNNING,
    SUCCEEDED,
    Report,
    ServiceReport,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._report_parts import (
    TONES,
    day_and_time,
    state_of,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._report_words import Words


@dataclass(frozen=True)
class Event:
    """Something that happened ``at`` a time (seconds since 1970); its tone is how good that was."""

    at: float
    text: str
    detail: str = ""
    tone: str = ""


def headline(words: Words, report: Report) -> str:
    """How it ended, in one sentence."""
    state = state_of(report)
    if report.outcome == FAILED:
        return _taken_back(words, report)
    if report.outcome == ROLLED_BACK:
        return _rolled_back(words, report)
    if report.outcome == SUCCEEDED and report.seconds is None:
        return words.say(state)
    return words.say(f"told_{state}", **_took(words, report)) if state in TONES else state


def _took(words: Words, report: Report) -> t.Dict[str, str]:
    return {"duration": words.duration(report.seconds or 0.0)}


def _taken_back(words: Words, report: Report) -> str:
    since, until = report.exposed_from, report.exposed_until
    if since is None:
        return words.say("told_failed_unmet", **_took(words, report))
    until = report.finished if until is None else until
    exposed = max(0.0, (since if until is None else until) - since)
    share = max(share for one in report.services for _at, share in one.shares)
    met = {"share": share, "exposed": words.duration(exposed)}
    told = words.say("told_failed_met", **met, **_took(words, report))
    return " ".join((told, *_decided(words, report)))


def _decided(words: Words, report: Report) -> t.Iterator[str]:
    """At which step, and by which rule of the gate."""
    for one in report.services:
        if one.decisive and one.decisive.rule:
            rule = words.known(f"rule {one.decisive.rule}", one.decisive.rule)
            yield words.say("told_decided", step=one.decisive.step, rule=rule)
            return


def _rolled_back(words: Words, report: Report) -> str:
    given_up = next((one for one in report.services if one.given_up is not None), None)
    if given_up is None or given_up.given_up is None:
        return words.say("told_rolled_back")
    when = day_and_time(given_up.given_up)
    return words.say("told_rolled_back_by", who=given_up.given_up_by, when=when)


def events_of(words: Words, report: Report) -> t.List[Event]:
    """What happened, oldest first. Records are to the second: of what is in the same one, the plan is first, the end last."""
    began = [] if report.started is None else [Event(report.started, words.say("event_began"))]
    events = began + [event for one in report.services for event in _events(words, one)]
    if report.finished is not None and report.outcome != RUNNING:
        # What became of it later has a time of its own.
        state = SUCCEEDED if report.outcome == ROLLED_BACK else state_of(report)
        ended = words.say("event_ended", outcome=words.known(state, state))
        if report.outcome != ROLLED_BACK:
            events.append(Event(report.finished, ended, tone=TONES.get(state, "")))
    return sorted(events, key=lambda event: event.at)


def _events(words: Words, one: ServiceReport) -> t.Iterator[Event]:
    for number, (at, share) in enumerate(one.shares):
        kind = "event_share" if share or not number else "event_back"
        told = words.say(kind, service=one.name, share=share, version=one.version)
        yield Event(at, told, tone=one.slot if share else "")
    for verdict in one.verdicts:
        if verdict.at is not None:
            kind = words.known(verdict.kind, verdict.kind)
            told = words.say("event_verdict", service=one.name, step=verdict.step, kind=kind)
            tone = "good" if verdict.kind == "pass" else "bad" if verdict.kind == "fail" else "wait"
            yield Event(verdict.at, told, verdict.sentence, tone)
    if one.given_up is not None:
        yield Event(one.given_up, words.say("event_given_up", service=one.name), tone="back")


def share_failed(failed: int, answers: int) -> float:
    """0 to 1."""
    return failed / answers if answers else 0.0


def elapsed(seconds: float) -> str:
    """``+0:24``, ``+1:02:30``."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"+{hours}:{minutes:02d}:{rest:02d}" if hours else f"+{minutes}:{rest:02d}"


def milliseconds(value: float) -> str:
    """``8.5 ms``, ``120 ms``, ``1.4 s``."""
    if value >= 999.5:
        return f"{value / 1000:.1f} s"
    return f"{value:.0f} ms" if value >= 9.95 or value == 0 else f"{value:.1f} ms"
