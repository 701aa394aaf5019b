# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Expressions of GitHub as its documentation describes them."""

from __future__ import annotations

import typing as t

import pytest
from expressions import condition, evaluate, expand

CONTEXT = {
    "github": {"ref": "refs/tags/v1.1.0", "ref_type": "tag", "event_name": "push"},
    "inputs": {"push": True, "image": "", "wait": 600},
    "vars": {},
    "job": {"services": {"mongo": {"ports": {"27017": 32768}}}},
    "success": lambda: False,
    "always": lambda: True,
}


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("github.ref_type == 'tag'", True),
        ("github.ref_type == 'TAG'", True),
        ("github.ref_type != 'tag'", False),
        ("vars.NOTHING", None),
        ("vars.NOTHING.further", None),
        ("vars.REGISTRY || 'docker.io'", "docker.io"),
        ("inputs.image == ''", True),
        ("inputs.push == true", True),
        ("!contains(github.ref, '-') && startsWith(github.ref, 'refs/tags/v')", True),
        ("(false || 'a') && 'b' || 'c'", "b"),
        ("false && 'b' || 'c'", "c"),
        ("false || false && true", False),
        ("'it''s'", "it's"),
        ("job.services.mongo.ports['27017']", 32768),
        ("job.services.redis.ports['6379']", None),
        ("null == 0", True),
        ("'1' == 1", True),
        ("'a' == 1", False),
    ],
)
def test_an_expression_has_the_value_it_has_for_github(source: str, value: object) -> None:
    assert evaluate(source, CONTEXT) == value


@pytest.mark.parametrize("source", ["1 +", "a.b", "(true", "hashFiles('a')", "true true", ""])
def test_what_is_not_known_is_no_value(source: str) -> None:
    with pytest.raises(ValueError, match=r"is not|there is no|lacks|goes on|too early"):
        evaluate(source, CONTEXT)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a ${{ inputs.push }} b${{ vars.NOTHING }}", "a true b"),
        ("${{ inputs.push }}", True),
        ("${{ github.ref_type }}/${{ inputs.wait }}", "tag/600"),
        ("${{ inputs.wait }}", 600),
        ({"a": ["${{ github.ref_type }}"]}, {"a": ["tag"]}),
        (
            "type=sha,prefix={{branch}}-,enable=${{ false }}",
            "type=sha,prefix={{branch}}-,enable=false",
        ),
    ],
)
def test_a_text_has_its_expressions_evaluated(text: t.Any, value: t.Any) -> None:
    assert expand(text, CONTEXT) == value


@pytest.mark.parametrize(
    ("text", "met"),
    [("inputs.push", False), ("always()", True), ("${{ always() && inputs.push }}", True)],
)
def test_a_condition_asks_for_success_where_it_asks_for_no_status(text: str, met: bool) -> None:
    assert condition(text, CONTEXT) is met
