# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This module util is PRIVATE to the collection.
"""What the pages of reports have in common: the document around them, outcomes, times, and values in a sentence."""

from __future__ import annotations

import typing as t
from datetime import datetime, timezone
from urllib.parse import quote

from ansible_collections.tagadodo.deploy.plugins.module_utils._markup import (
    Markup,
    escaped,
    joined,
    plain,
    tag,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._release_report import (
    FAILED,
    HELD,
    ROLLED_BACK,
    RUNNING,
    SUCCEEDED,
    Report,
    ServiceReport,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._report_style import STYLE
from ansible_collections.tagadodo.deploy.plugins.module_utils._report_words import Words

# Nothing is fetched, nothing runs, nothing is sent, whatever stands in the page.
POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"
INDEX = "index"
ROLLED = "rollback_succeeded"  # how a rollback ends that did what it should
TONES = {
    SUCCEEDED: "good",
    FAILED: "bad",
    HELD: "wait",
    RUNNING: "wait",
    ROLLED_BACK: "back",
    ROLLED: "back",
}
_SIGNS = {
    "good": "M2.5 8.5l3.5 3.5 7.5-8",
    "bad": "M3.5 3.5l9 9M12.5 3.5l-9 9",
    "wait": "M5.5 3v10M10.5 3v10",
    "back": "M6.5 3L2.5 7l4 4M2.5 7h7a4 4 0 0 1 0 8h-2",
}


def document(words: Words, title: str, *content: t.Any) -> str:
    """A whole page."""
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", name_="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", http_equiv="Content-Security-Policy", content=POLICY),
        tag("meta", name_="color-scheme", content="light dark"),
        tag("meta", name_="referrer", content="no-referrer"),
        tag("title", title),
        tag("link", rel="icon", href="data:,"),
        tag("style", Markup(STYLE)),
    )
    body = tag("body", tag("main", *content))
    page = tag("html", head, body, lang=words.code, dir=words.direction)
    return f"<!doctype html>\n{page}\n"


def state_of(report: Report) -> str:
    """How a release ended, as ``TONES`` and the words name it."""
    return ROLLED if report.is_rollback and report.outcome == SUCCEEDED else report.outcome


def badge(words: Words, state: str) -> Markup:
    tone = TONES.get(state, "wait")
    return badge_of(words.known(state, state), tone)


def badge_of(text: str, tone: str) -> Markup:
    sign = tag("svg", tag("path", d=_SIGNS[tone]), viewBox="0 0 16 16", aria_hidden="true")
    return tag("span", sign, text, class_=f"badge {tone}")


def value(text: t.Any) -> Markup:
    """A name or version among words that may be written in the other direction."""
    return tag("bdi", text)


def values(texts: t.Sequence[str]) -> Markup:
    """Names, none of which is broken in two."""
    shown = [tag("bdi", text, class_="whole") for text in texts]
    return Markup(" · ".join(shown))


def quoted(text: str) -> Markup:
    """A sentence of ours as it was recorded, which is English."""
    return tag("span", text, lang="en", dir="ltr")


def move_of(service: ServiceReport) -> str:
    """``1.0.0 → 1.1.0``."""
    return f"{service.before} → {service.version}" if service.before else service.version


def moves(report: Report) -> Markup:
    """Each service and what it went from and to."""
    lines = [
        tag(
            "span",
            tag("bdi", one.name, class_="name"),
            " ",
            tag("bdi", move_of(one), dir="ltr"),
        )
        for one in report.services
    ]
    return joined(lines) if lines else tag("span", value(report.release))


def title_of(report: Report) -> str:
    told = ", ".join(f"{one.name} {move_of(one)}" for one in report.services)
    return told or report.release


def page_of(release: str, ending: str = "html") -> str:
    """Where the page of a release is, seen from another one. It is a path, whatever the name looks like."""
    return f"./{quote(plain(release), safe='')}.{ending}"


def day_and_time(at: float) -> str:
    return _utc(at).strftime("%Y-%m-%d %H:%M:%S")


def clock(at: float) -> Markup:
    """The time of day, with the day for programs."""
    moment = _utc(at)
    return tag("time", moment.strftime("%H:%M:%S"), datetime=moment.strftime("%Y-%m-%dT%H:%M:%SZ"))


def _utc(at: float) -> datetime:
    return datetime.fromtimestamp(at, timezone.utc)


def facts(pairs: t.Iterable[t.Tuple[str, t.Any]]) -> Markup:
    """What is told of a thing, by its name; what is nothing is left out."""
    return tag(
        "dl",
        *(
            tag(
                "div", tag("dt", name), tag("dd", told if isinstance(told, Markup) else value(told))
            )
            for name, told in pairs
            if told
        ),
        class_="facts",
    )


def note(text: str) -> Markup:
    return tag("p", escaped(text), class_="soft")
