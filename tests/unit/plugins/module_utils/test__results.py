# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run hands over: what users get by now, in each way that it may have ended."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.tagadodo.deploy.plugins.module_utils._results import results

RELEASE = "20261129-080000"
PLAN: dict[str, t.Any] = {
    "release": RELEASE,
    "changes": True,
    "services": {
        "backend": {"action": "release", "version": "1.1.0", "slot": "green"},
        "frontend": {"action": "keep", "version": "1.0.0", "slot": "blue"},
    },
    "records": [
        {
            "service": "backend",
            "release": RELEASE,
            "facts": {"slot": "green", "previous": {"version": "1.0.0"}},
        },
        {"service": "_environment", "release": RELEASE, "facts": {"kind": "release"}},
    ],
}
FIRST = {
    **PLAN,
    "records": [{**PLAN["records"][0], "facts": {"slot": "green"}}, PLAN["records"][1]],
}
NOTHING = {**PLAN, "changes": False, "records": []}
NEW = {"backend": "1.1.0", "frontend": "1.0.0"}
OLD = {"backend": "1.0.0", "frontend": "1.0.0"}


def told(plan: dict[str, t.Any], *, done: bool = False, reason: str = "", **how: bool) -> t.Any:
    ended = {"said": False, "held": False, "planned": False, **how}
    return results(
        plan, str(plan.get("release", "")) if done else "", reason, state_dir="/state", **ended
    )


@pytest.mark.parametrize(
    ("given", "verdict", "versions"),
    [
        (told(PLAN, done=True, reason="a host was lost"), "succeeded", NEW),
        (told(PLAN, reason="bad", said=True), "failed", OLD),
        (told(PLAN, reason="bad", said=True, held=True), "held", {}),
        (told(PLAN, reason="locked"), "refused", OLD),
        (told(FIRST, reason="bad", said=True), "failed", {"frontend": "1.0.0"}),
        (told(NOTHING, done=True, reason="a host was lost"), "unchanged", NEW),
        (told(PLAN, planned=True, reason="a host was lost"), "planned", NEW),
        (told({}, reason="locked"), "refused", {}),
    ],
)
def test_the_verdict_and_what_users_get(
    given: dict[str, t.Any], verdict: str, versions: dict[str, str]
) -> None:
    assert (given["deployed_verdict"], given["deployed_versions"]) == (verdict, versions)
    assert given["deployed_slots"].keys() == versions.keys()


def test_a_rollback_is_told_from_a_release() -> None:
    facts = {"kind": "rollback"}
    back = {**PLAN, "records": [PLAN["records"][0], {**PLAN["records"][1], "facts": facts}]}
    assert told(back, done=True)["deployed_verdict"] == "rolled_back"


def test_what_is_taken_back_has_left_the_slot_and_a_report() -> None:
    given = told(PLAN, reason="1.1.0 does\nnot answer", said=True)
    assert given["deployed_slots"] == {"backend": "blue", "frontend": "blue"}
    assert given["deployed_reason"] == "1.1.0 does not answer"
    assert given["deployed_report"] == f"/state/reports/{RELEASE}.html"


@pytest.mark.parametrize(
    "given", [told(NOTHING, done=True), told(PLAN, planned=True), told({}, reason="locked")]
)
def test_where_no_release_was_made_none_is_named(given: dict[str, t.Any]) -> None:
    assert (given["deployed_release"], given["deployed_report"]) == ("", "")
