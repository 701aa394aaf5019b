# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This module util is PRIVATE to the collection.
"""What people are told of a release while it is under way: a few lines, for a chat, a program or a letter."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from ansible_collections.tagadodo.deploy.plugins.module_utils._ledger import whole_of
from ansible_collections.tagadodo.deploy.plugins.module_utils._report_words import Words

STARTED, SUCCEEDED, ROLLED_BACK = "started", "succeeded", "rolled_back"
FAILED, HELD, REFUSED = "failed", "held", "refused"
EVENTS = (STARTED, SUCCEEDED, ROLLED_BACK, FAILED, HELD, REFUSED)
COLOURS = {
    STARTED: "#5b6b7b",
    SUCCEEDED: "#1a7f4b",
    ROLLED_BACK: "#7a4fc4",
    FAILED: "#b3261e",
    HELD: "#b26a00",
    REFUSED: "#b3261e",
}
# A rollback has words of its own; one that fails has failed, whether or not something was changed.
ROLLBACKS = {STARTED: "rollback_started", FAILED: "rollback_failed", REFUSED: "rollback_failed"}

Data = t.Mapping[str, t.Any]


@dataclass(frozen=True)
class Notice:
    """What is told.

    Attributes:
        event: one of EVENTS.
        title: one line that is enough.
        reason: why it did not go as it should, empty otherwise.
        facts: who, from where, how long, each with its label.
        release: the same for programs.
    """

    event: str
    title: str
    reason: str = ""
    facts: t.Tuple[t.Tuple[str, str], ...] = ()
    release: t.Optional[t.Mapping[str, t.Any]] = None

    @property
    def text(self) -> str:
        """All of it, in lines."""
        facts = "\n".join(f"{label}: {value}" for label, value in self.facts)
        return "\n\n".join(part for part in (self.title, self.reason, facts) if part)

    def as_data(self) -> t.Dict[str, t.Any]:
        return {
            "event": self.event,
            "title": self.title,
            "reason": self.reason,
            **(self.release or {}),
        }


def event_of(plan: Data, done: str, reason: str, said: bool, held: bool) -> str:
    """How a run has ended, one of EVENTS; empty where it had nothing to do and did that.

    Args:
        plan: of ``release_plan``; empty where there was none.
        done: the release that was summed up, if any was.
        reason: why it failed.
        said: whether a release was taken back, or stopped half way, and told so.
        held: whether it waits for a decision.
    """
    if done and done == plan.get("release"):
        if not plan.get("changes"):
            return ""
        return (
            ROLLED_BACK if whole_of(plan).get("facts", {}).get("kind") == "rollback" else SUCCEEDED
        )
    if not reason:
        return ""
    if said:
        return HELD if held else FAILED
    return REFUSED


def notice_of(
    words: Words,
    event: str,
    plan: Data,
    project: str,
    who: str,
    origin: str,
    reason: str,
    seconds: float,
) -> Notice:
    """Put an event into words.

    Args:
        project: which installation.
        seconds: since the plan; 0 where nothing is known.
    """
    facts = whole_of(plan).get("facts", {})
    services = dict(facts.get("of_services") or {})
    key = event
    if facts.get("kind") == "rollback":
        key = ROLLBACKS.get(event, event)
    title = words.say(f"notice_{key}", project=project, what=_what(words, services))
    told = [("by", who), ("origin", origin)]
    if seconds and event != STARTED:
        told.append(("took", words.duration(seconds)))
    release = {
        "project": project,
        "release": str(plan.get("release", "")),
        "kind": str(facts.get("kind", "")),
        "by": who,
        "origin": origin,
        "seconds": round(seconds, 1),
        "services": {
            name: {"from": one.get("from"), "to": one.get("to")} for name, one in services.items()
        },
    }
    return Notice(
        event=event,
        title=one_line(title),
        reason=one_line(reason) if event not in (STARTED, SUCCEEDED, ROLLED_BACK) else "",
        facts=tuple((words.say(label), one_line(value)) for label, value in told if value),
        release=release,
    )


def one_line(text: str) -> str:
    return " ".join(text.split())


def _what(words: Words, services: t.Mapping[str, Data]) -> str:
    told = [
        f"{name} {one['from']} → {one['to']}" if one.get("from") else f"{name} {one['to']}"
        for name, one in sorted(services.items())
    ]
    return ", ".join(told) or words.say("notice_all")
