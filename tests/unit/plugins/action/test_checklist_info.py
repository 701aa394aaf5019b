# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host is looked at, and its clock compared with the controller's."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.tagadodo.deploy.plugins.action.checklist_info import apart


@pytest.mark.parametrize(
    ("there", "offset"),
    [(100.5, 0.0), (100.0, 0.0), (103.0, 2.0), (97.0, -3.0)],
)
def test_clocks_are_apart_by_what_the_way_there_does_not_explain(
    there: float, offset: float
) -> None:
    assert apart(there, sent=100.0, received=101.0) == offset


def look(**arguments: t.Any) -> dict[str, t.Any]:
    return {"tagadodo.deploy.checklist_info": arguments}


TASKS = {
    "clock": look(clock={"maximum_seconds": 5}),
    "disk in a check": {
        **look(disk={"paths": ["/"], "engine": False, "minimum_percent": 0}),
        "check_mode": True,
    },
    "nothing": look(),
}


def test_what_is_asked_for_is_found_and_nothing_changes(play: t.Any) -> None:
    here = {
        "ansible_connection": "local",
        "ansible_python_interpreter": "{{ ansible_playbook_python }}",
    }
    answered = play(TASKS, here)
    found = {name: answer.result["findings"] for name, answer in answered.items()}
    assert [(one["item"], one["state"]) for one in found["clock"]] == [("clock", "pass")]
    assert found["clock"][0]["evidence"] == "0.0 s behind the controller"
    assert [(one["item"], one["state"]) for one in found["disk in a check"]] == [("disk", "pass")]
    assert found["nothing"] == []
    assert not any(answer.result["changed"] for answer in answered.values())
