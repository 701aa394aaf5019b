# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What was released is summed up: a line for each service that changed, and for each verdict on it."""

from __future__ import annotations

import time
import typing as t

import pytest

BACKEND = {"action": "release", "version": "1.1.0", "slot": "green"}
VERDICTS = [
    {
        "service": "backend",
        "step": f"{share} %",
        "seconds": share,
        "kind": "pass",
        "sentence": "{{ judged }}",
    }
    for share in (10, 100)
]


@pytest.fixture(scope="module")
def answer(play: t.Any) -> t.Any:
    plan = {
        "services": {"backend": BACKEND, "frontend": {**BACKEND, "action": "keep"}},
        "began": time.time() - 300,
        "release": "20261122-231530",
    }
    task = {"tagadodo.deploy.release_summary": {"plan": plan, "verdicts": VERDICTS}}
    return play({"Sum up": task}, {"judged": "nothing failed"})["Sum up"]


def test_each_service_that_changed_has_a_line_and_its_verdicts(answer: t.Any) -> None:
    head, first, last = answer.result["lines"]
    assert head.startswith("backend: 1.1.0 is live in green after 5")
    assert first == "  10 %         10 s  pass: nothing failed"
    assert last == "  100 %       100 s  pass: nothing failed"
    assert answer.result["changed"] is False


def test_it_is_shown(answer: t.Any) -> None:
    assert all(line in answer.shown for line in answer.result["lines"])
    assert "frontend" not in answer.shown
