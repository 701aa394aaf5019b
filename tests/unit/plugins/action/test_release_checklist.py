# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The checklist as a task: a line for each item, a refusal by the policy, and what the ledger is to keep."""

from __future__ import annotations

import typing as t

import pytest

IMAGE = "docker.io/tagadodo/backend@sha256:1"
SERVICES = {
    "backend": {"image": "tagadodo/backend", "port": 3000, "hostnames": ["a.example"], "env": {"A": 1}}
}  # fmt: skip
PLAN = {
    "release": "20261129-080000",
    "services": {"backend": {"action": "release", "version": "1.1.0", "slot": "green"}},
    "records": [
        {"service": "backend", "release": "20261129-080000", "facts": {"image": IMAGE}},
        {
            "service": "_environment",
            "release": "20261129-080000",
            "facts": {"of_services": {"backend": {"from": "1.0.0", "to": "1.1.0"}}},
        },
    ],
    "migrate": [],
    "data": [],
    "steps": [],
    "backup_hours": None,
}
OPEN = {"name": "tickets", "state": "open", "evidence": "", "by": "", "at": "then"}
LEDGER = {
    "records": {
        "_environment": [
            {"release": "20261129-080000", "outcome": "succeeded", "checklist": [OPEN]},
            {"release": "20261128-080000", "outcome": "succeeded"},
        ]
    }
}
FULL = {"findings": [{"item": "disk", "state": "fail", "evidence": "3 % of /var is free"}]}
ROOM = {"findings": [{"item": "disk", "state": "pass", "evidence": "42 % of /var is free"}]}
POLICY = {"disk": "block", "review": "block", "clock": "warn", "backup": "off", "tickets": "warn"}


def checklist(**arguments: t.Any) -> dict[str, t.Any]:
    given = {"plan": PLAN, "services": SERVICES, "policy": POLICY, "who": "ada", **arguments}
    return {"tagadodo.deploy.release_checklist": given}


TASKS = {
    "refused": checklist(hosts={"web1": FULL, "web2": ROOM}),
    "good": checklist(hosts={"web1": ROOM}, attest="review:bo"),
    "in a check": {**checklist(hosts={"web1": ROOM}, attest="review:bo"), "check_mode": True},
    "whole": checklist(policy={}, whole=True, checks={"tests": {"command": ["echo", "{version}"]}}),
    "nothing": checklist(policy={}),
    "no release": checklist(
        hosts={"web1": ROOM}, attest="review:bo", plan={**PLAN, "services": {}, "records": []}
    ),
    "after": checklist(
        phase="after",
        attest={"tickets": "bo"},
        before=[{"name": "disk", "state": "pass", "evidence": "web1: room"}],
    ),
    "after, and something is wrong": checklist(
        phase="after", plan={**PLAN, "steps": 7}, before=[{"name": "disk", "state": "pass"}]
    ),
    "before, and something is wrong": checklist(plan={**PLAN, "records": 7}),
    "later": checklist(
        phase="recorded", plan={}, services={}, ledgers=[LEDGER, {}], attest="tickets:bo"
    ),
    "later, and nothing is known": checklist(phase="recorded", ledgers=[{"records": {}}]),
    "later, and nobody answers": checklist(phase="recorded", ledgers=[{"msg": "it is broken"}]),
    "misspelt": checklist(policy={"dsik": "block"}),
}


@pytest.fixture(scope="module")
def answered(play: t.Any) -> dict[str, t.Any]:
    return dict(play(TASKS, {}))


def test_what_blocks_is_refused_in_one_line_and_shown_item_by_item(answered: t.Any) -> None:
    one = answered["refused"]
    assert one.result["failed"]
    assert one.result["msg"] == (
        "the checklist refuses: review: somebody has to attest it, or a check to answer it"
        " (-e attest='review: NAME'); disk: web1: 3 % of /var is free"
    )
    shown = [line.split()[:3] for line in one.shown.splitlines()]
    start = shown.index(["STATE", "ITEM", "POLICY"])
    assert shown[start : start + 4] == [
        ["STATE", "ITEM", "POLICY"],
        ["OPEN", "review", "blocks"],
        ["FAIL", "disk", "blocks"],
        ["OPEN", "clock", "warns"],
    ]
    good = answered["good"]
    assert all(line in good.shown for line in good.result["lines"])


@pytest.mark.parametrize("name", ["good", "in a check"])
def test_what_is_answered_goes_into_the_record_of_the_release(answered: t.Any, name: str) -> None:
    one = answered[name]
    assert not one.result.get("failed"), one.result
    assert one.result["changed"] is False
    (record,) = one.result["records"]
    assert (record["service"], record["release"]) == ("_environment", "20261129-080000")
    by_name = {item["name"]: item for item in record["facts"]["checklist"]}
    assert list(by_name) == ["review", "disk", "clock"]
    review = by_name["review"]
    assert (review["state"], review["by"], review["evidence"]) == ("pass", "bo", "typed by ada")
    assert review["at"].startswith("20")
    assert by_name["clock"]["state"] == "open"


def test_what_the_policy_does_not_name_is_shown_and_blocks_nothing(answered: t.Any) -> None:
    one = answered["whole"]
    assert not one.result.get("failed"), one.result
    assert "pass   tests          -       1.1.0" in one.result["lines"]
    assert len(one.result["lines"]) == 1 + 15


def test_a_policy_that_asks_for_nothing(answered: t.Any) -> None:
    assert answered["nothing"].result["lines"] == ["The policy asks for nothing."]


def test_where_nothing_is_released_nothing_is_kept(answered: t.Any) -> None:
    assert answered["no release"].result["records"] == []


def test_items_after_the_release_are_kept_with_those_before_it(answered: t.Any) -> None:
    items = answered["after"].result["records"][0]["facts"]["checklist"]
    assert [(item["name"], item["state"]) for item in items] == [
        ("disk", "pass"),
        ("tickets", "pass"),
    ]


def test_a_release_that_is_made_fails_for_no_checklist(answered: t.Any) -> None:
    one = answered["after, and something is wrong"]
    assert not one.result.get("failed"), one.result
    assert one.result["answers"] == [{"name": "disk", "state": "pass"}]
    assert "the checklist was not gone through" in str(one.result["warnings"])
    assert answered["before, and something is wrong"].result["failed"]


def test_what_is_attested_later_goes_into_the_record_of_the_last_release(answered: t.Any) -> None:
    (record,) = answered["later"].result["records"]
    assert record["release"] == "20261129-080000"
    (item,) = record["facts"]["checklist"]
    assert (item["name"], item["state"], item["by"]) == ("tickets", "pass", "bo")
    told = answered["later, and nothing is known"].result["msg"]
    assert told == "the ledger knows of no release that has succeeded"
    assert "it is broken" in answered["later, and nobody answers"].result["msg"]


def test_a_misspelt_item_is_refused(answered: t.Any) -> None:
    told = answered["misspelt"].result["msg"]
    assert told == "deploy_checklist.dsik: not known; did you mean disk?"
