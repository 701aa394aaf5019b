# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What people are told: the right event, one line that is enough, and nothing that a release made up."""

from __future__ import annotations

import json
import typing as t

import pytest
from hypothesis import given
from hypothesis import strategies as some

from ansible_collections.tagadodo.deploy.plugins.module_utils._notice import (
    COLOURS,
    EVENTS,
    Notice,
    event_of,
    notice_of,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._report_words import LANGUAGES, Words

NAME = "20261122-231530"
SERVICES = {
    "frontend": {"from": None, "to": "1.0.0"},
    "backend": {"from": "1.1.0", "to": "1.2.0"},
}


def plan(kind: str = "release", **facts: t.Any) -> dict[str, t.Any]:
    whole = {"kind": kind, "of_services": SERVICES}
    return {
        "release": NAME,
        "changes": True,
        "records": [
            {"service": "backend", "release": NAME, "facts": {}},
            {"service": "_environment", "release": NAME, "facts": whole},
        ],
        **facts,
    }


NOTHING_NEW = plan(changes=False, records=[])


@pytest.mark.parametrize(
    ("of", "done", "reason", "said", "held", "event"),
    [
        (plan(), NAME, "", False, False, "succeeded"),
        (plan("rollback"), NAME, "", False, False, "rolled_back"),
        (NOTHING_NEW, NAME, "", False, False, ""),
        (plan(), "", "never ready", True, False, "failed"),
        (plan(), "", "cannot tell", True, True, "held"),
        (plan(), "", "web1 is locked", False, False, "refused"),
        ({}, "", "1.2.0 is no version for here", False, False, "refused"),
        # What an earlier play has summed up is not this release.
        (plan(), "20261122-231500", "never ready", True, False, "failed"),
        ({}, "20261122-231500", "web1 is locked", False, False, "refused"),
        (plan("rollback"), "", "web1 was lost", False, False, "refused"),
    ],
)
def test_the_event_is_how_the_run_ended(
    of: dict[str, t.Any], done: str, reason: str, said: bool, held: bool, event: str
) -> None:
    assert event_of(of, done, reason, said, held) == event


def told(event: str, of: t.Mapping[str, t.Any], language: str = "en", reason: str = "") -> Notice:
    words = Words(language)
    return notice_of(words, event, of, "shop", "amina", "ci.example.com", reason, 150.2)


@pytest.mark.parametrize(
    ("event", "of", "title"),
    [
        ("started", plan(), "shop: backend 1.1.0 → 1.2.0, frontend 1.0.0 begins"),
        ("succeeded", plan(), "shop: backend 1.1.0 → 1.2.0, frontend 1.0.0 is live"),
        ("refused", {}, "shop: a release was refused, nothing was changed"),
        (
            "refused",
            plan("rollback"),
            "shop: going back has failed, backend 1.1.0 → 1.2.0, frontend 1.0.0",
        ),
    ],
)
def test_a_line_is_enough(event: str, of: dict[str, t.Any], title: str) -> None:
    assert told(event, of).title == title


def test_all_of_it_in_lines() -> None:
    assert told("failed", plan(), reason="backend 1.2.0:\n never ready").text == (
        "shop: backend 1.1.0 → 1.2.0, frontend 1.0.0 has failed\n\n"
        "backend 1.2.0: never ready\n\n"
        "Who: amina\nFrom where: ci.example.com\nTook: 2 min 30 s"
    )


def test_what_went_well_has_no_reason() -> None:
    assert "a host was lost" not in told("succeeded", plan(), reason="a host was lost").text


def test_programs_get_the_same() -> None:
    data = told("failed", plan(), reason="never ready").as_data()
    assert json.loads(json.dumps(data)) == {
        "event": "failed",
        "title": "shop: backend 1.1.0 → 1.2.0, frontend 1.0.0 has failed",
        "reason": "never ready",
        "project": "shop",
        "release": NAME,
        "kind": "release",
        "by": "amina",
        "origin": "ci.example.com",
        "seconds": 150.2,
        "services": SERVICES,
    }


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("event", EVENTS)
@pytest.mark.parametrize("kind", ["release", "rollback"])
def test_every_event_has_words_in_every_language(language: str, event: str, kind: str) -> None:
    assert "shop" in told(event, plan(kind), language).title
    assert event in COLOURS


@given(some.text(), some.text())
def test_a_subject_is_one_line_whatever_a_release_is_called(version: str, reason: str) -> None:
    services = {"backend": {"from": version, "to": version}}
    facts = {"kind": "release", "of_services": services}
    of = plan(records=[{"service": "_environment", "release": NAME, "facts": facts}])
    notice = told("failed", of, reason=reason)
    assert len(notice.title.splitlines()) == 1
    assert len(notice.reason.splitlines()) <= 1
