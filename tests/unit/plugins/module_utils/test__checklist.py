# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What items come to: what was found, who attests, and what an environment's policy makes of it."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.tagadodo.deploy.plugins.module_utils._checklist import (
    AFTER,
    BEFORE,
    DURING,
    NAMES,
    QUESTIONS,
    Answer,
    ChecklistError,
    Finding,
    answers,
    asked,
    attested,
    merged,
    policy_of,
    recorded,
    refusal,
    rows,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._report_words import LANGUAGES

AT = "2026-11-29T08:00:00Z"


def answer(
    *found: Finding,
    level: str = "block",
    attest: t.Mapping[str, str] | None = None,
    item: str = "disk",
) -> Answer:
    (one,) = answers([item], {item: level} if level else {}, found, attest or {}, "ada", AT)
    return one


def seen(state: str, evidence: str = "seen") -> Finding:
    return Finding("disk", state, evidence)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_item_has_its_words_in_every_language_of_reports(language: str) -> None:
    words = {
        name.removeprefix("check ") for name in LANGUAGES[language] if name.startswith("check ")
    }
    assert words == set(NAMES)


def test_the_items_come_in_the_order_of_a_release() -> None:
    phases = [one.phase for one in QUESTIONS]
    assert phases == sorted(phases, key=(BEFORE, DURING, AFTER).index)
    assert len(set(NAMES)) == len(NAMES)


@pytest.mark.parametrize(
    ("raw", "policy"),
    [
        ({}, {}),
        (None, {}),
        ({"backup": "block", "disk": "warn"}, {"backup": "block", "disk": "warn"}),
        ({"backup": False, "clock": "off"}, {"backup": "off", "clock": "off"}),
    ],
)
def test_a_policy_is_read(raw: t.Any, policy: dict[str, str]) -> None:
    assert policy_of(raw) == policy


@pytest.mark.parametrize(
    ("raw", "told"),
    [
        ({"bakcup": "block"}, "deploy_checklist.bakcup: not known; did you mean backup?"),
        ({"backup": "maybe"}, "deploy_checklist.backup: maybe is none of block, warn and off"),
        ({"backup": True}, "deploy_checklist.backup: True is none of block, warn and off"),
        ("block", "deploy_checklist: block: expected block, warn or off by item"),
        (
            {"tickets": "block"},
            "deploy_checklist.tickets: it is asked when users have the release already, and blocks none;"
            " say warn or off (gates are what takes a release back)",
        ),
    ],
)
def test_a_policy_that_makes_no_sense_is_refused(raw: t.Any, told: str) -> None:
    with pytest.raises(ChecklistError) as error:
        policy_of(raw)
    assert str(error.value) == told


@pytest.mark.parametrize(
    ("raw", "names"),
    [
        ("", {}),
        (None, {}),
        ({"review": "ada"}, {"review": "ada"}),
        ("review:ada", {"review": "ada"}),
        ("review: Ada Lovelace, tests=bo", {"review": "Ada Lovelace", "tests": "bo"}),
        ("review: ada\ntests: bo\n", {"review": "ada", "tests": "bo"}),
        (
            "review: ada; tests: https://ci.example.com/7",
            {"review": "ada", "tests": "https://ci.example.com/7"},
        ),
        ("مراجعة", None),
    ],
)
def test_who_attests_is_read(raw: t.Any, names: dict[str, str] | None) -> None:
    if names is None:
        with pytest.raises(ChecklistError):
            attested(raw)
    else:
        assert attested(raw) == names


@pytest.mark.parametrize(
    ("raw", "told"),
    [
        ({"reviw": "ada"}, "attest.reviw: not known; did you mean review?"),
        ({"review": " "}, "attest.review: nobody is named; write for example review: ada"),
        ({"review": None}, "attest.review: nobody is named; write for example review: ada"),
        ("review:", "attest.review: nobody is named; write for example review: ada"),
        ("ada", "attest: ada: expected items with a name, for example review: ada, tests: bo"),
        (["review"], "attest: ['review']: expected the name of a person by item"),
    ],
)
def test_who_attests_nothing_known_is_refused(raw: t.Any, told: str) -> None:
    with pytest.raises(ChecklistError) as error:
        attested(raw)
    assert str(error.value) == told


def test_what_the_policy_does_not_name_is_shown_and_asks_nothing_of_a_release() -> None:
    policy = policy_of({"disk": "block", "clock": "warn", "backup": "off", "tickets": "warn"})
    assert asked(policy, [BEFORE]) == ["disk", "clock"]
    assert asked(policy, [AFTER]) == ["tickets"]
    everything = asked(policy, [BEFORE], all_of_them=True)
    assert {"disk", "clock", "review"} <= set(everything)
    assert "backup" not in everything


@pytest.mark.parametrize(
    ("found", "state", "evidence"),
    [
        ((seen("pass", "a"), seen("pass", "b")), "pass", "a; b"),
        ((seen("pass", "a"), seen("fail", "b"), seen("open", "c")), "fail", "b"),
        ((seen("pass", "a"), seen("open", "c")), "open", "c (-e attest='disk: NAME')"),
        ((), "open", "no host was asked (-e attest='disk: NAME')"),
    ],
)
def test_the_worst_of_what_was_found_counts(
    found: tuple[Finding, ...], state: str, evidence: str
) -> None:
    one = answer(*found)
    assert (one.state, one.evidence, one.by) == (state, evidence, "")


def test_a_person_answers_what_is_open_and_overrules_nothing() -> None:
    bo = {"disk": "bo"}
    one = answer(attest=bo)
    assert (one.state, one.by, one.at) == ("pass", "bo", AT)
    assert one.told == "attested by bo, typed by ada"
    assert answer(attest={"disk": "ada"}).told == "attested by ada"
    assert answer(seen("fail"), attest=bo).state == "fail"
    assert answer(seen("pass"), attest=bo).by == ""


@pytest.mark.parametrize(
    ("level", "state", "blocks"),
    [
        ("block", "fail", True),
        ("block", "open", True),
        ("block", "pass", False),
        ("warn", "fail", False),
        ("", "fail", False),
    ],
)
def test_only_what_the_policy_says_blocks(level: str, state: str, blocks: bool) -> None:
    one = answer(seen(state), level=level)
    assert one.blocks is blocks
    assert bool(refusal([one])) is blocks


def test_a_refusal_is_one_line_and_the_list_has_one_for_each_item() -> None:
    told = [
        answer(seen("fail", "web1: full")),
        answer(item="clock"),
        answer(seen("pass"), level=""),
    ]
    assert refusal(told) == (
        "the checklist refuses: disk: web1: full; clock: no host was asked (-e attest='clock: NAME')"
    )
    assert [row[:3] for row in rows(told)] == [
        ("FAIL", "disk", "blocks"),
        ("OPEN", "clock", "blocks"),
        ("pass", "disk", "-"),
    ]


def test_a_later_answer_takes_the_place_of_an_earlier_one() -> None:
    before = [{"name": "tickets", "state": "open"}, {"name": "disk", "state": "pass"}]
    now = [{"name": "tickets", "state": "pass"}, {"name": "of another version", "state": "pass"}]
    assert [(one["name"], one["state"]) for one in merged(before, now)] == [
        ("disk", "pass"),
        ("tickets", "pass"),
        ("of another version", "pass"),
    ]


def test_what_a_record_keeps_is_added_to_and_never_overruled() -> None:
    known = [
        {"name": "disk", "state": "fail", "evidence": "full", "by": "", "at": "then"},
        {"name": "review", "state": "pass", "evidence": "", "by": "bo", "at": "then"},
        {"name": "watched", "state": "open", "evidence": "5 min", "by": "", "at": "then"},
        {"name": "tickets", "state": "open", "evidence": "", "by": "", "at": "then"},
    ]
    persons = {"disk": "eve", "review": "eve", "tickets": "ada", "documentation": "ada"}
    told = recorded(known, {"team_told_after": "warn"}, persons, "ada", AT)
    assert [(one.question.name, one.state, one.by, one.at) for one in told] == [
        ("review", "pass", "bo", "then"),
        ("disk", "fail", "", "then"),
        ("watched", "open", "", "then"),
        ("team_told_after", "open", "", AT),
        ("documentation", "pass", "ada", AT),
        ("tickets", "pass", "ada", AT),
    ]
