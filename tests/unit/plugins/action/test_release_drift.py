# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Drift is shown line by line, and fails only where that is asked for."""

from __future__ import annotations

import typing as t

import pytest

SERVICES = {"backend": {"image": "tagadodo/backend", "port": 3000, "hostnames": ["a.example"]}}
HOST = {
    "containers": [],
    "damaged": [],
    "stock": [],
    **dict.fromkeys(
        ("instances_in_traffic", "fingerprints", "images", "requests", "servers", "addresses"), {}
    ),
    "lock": {},
    "shares": {"backend": 100},
    "releases": {
        "backend": [
            {
                **{"release": "20261129-080000", "version": "1.0.0", "outcome": "succeeded"},
                "image": "docker.io/tagadodo/backend@sha256:1",
                "slot": "green",
                "settings": {
                    "port": 3000,
                    "image": "tagadodo/backend",
                    "env": {},
                    "secrets": [],
                    "instances": 1,
                    "stop_timeout": "{{ described.stop_timeout }}",
                },
            }
        ]
    },
}
INSTALLATION = {
    "project": "tagadodo",
    "registry": "docker.io",
    "subnet": "10.213.0.0/16",
    "places": {},
}


def compared(**arguments: t.Any) -> dict[str, t.Any]:
    given = {
        "services": SERVICES,
        "hosts": {"web1": HOST},
        "app": ["web1"],
        "proxy": ["web1"],
        "routes": {"web1": {"served": "r1", "actions": []}},
        "installation": INSTALLATION,
        **arguments,
    }
    return {"tagadodo.deploy.release_drift": given}


TASKS = {
    "told": compared(),
    "asked to fail": compared(fails=True),
    "nothing": compared(hosts={"web1": {**HOST, "releases": {}}}, fails=True),
    "not read": compared(hosts={}),
    "not described": compared(only="shop"),
}
GONE = "tagadodo-backend-green-1 is gone"


@pytest.fixture(scope="module")
def answered(play: t.Any) -> dict[str, t.Any]:
    return dict(play(TASKS, {"described": {"stop_timeout": 10}}))


def test_each_difference_is_a_line(answered: t.Any) -> None:
    one = answered["told"]
    assert not one.result.get("failed"), one.result
    assert f"web1: {GONE}" in one.result["differences"]
    assert any(line.endswith(GONE) for line in one.result["lines"])
    assert all(line in one.shown for line in one.result["lines"])


def test_a_difference_fails_where_that_is_asked_for(answered: t.Any) -> None:
    one = answered["asked to fail"].result
    assert one["failed"]
    assert one["msg"].startswith("it has drifted: ")
    assert GONE in one["msg"]


def test_nothing_is_said_to_be_nothing(answered: t.Any) -> None:
    one = answered["nothing"].result
    assert (one.get("failed", False), one["lines"]) == (False, ["Nothing has drifted."])


def test_what_cannot_be_compared_is_told(answered: t.Any) -> None:
    unread = "web1: its state could not be read; is it set up? run site.yml first"
    assert answered["not read"].result["msg"] == unread
    unknown = "service: shop is not described; known services: backend"
    assert answered["not described"].result["msg"] == unknown
