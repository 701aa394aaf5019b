# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The status is one screen of what all hosts reported."""

from __future__ import annotations

import typing as t

import pytest


def container(number: int, **more: t.Any) -> dict[str, t.Any]:
    facts = {"name": f"tagadodo-backend-green-{number}", "service": "backend", "slot": "green"}
    return {**facts, "version": "1.1.0", "running": True, "health": "healthy", **more}


def report(*containers: dict[str, t.Any], **more: t.Any) -> dict[str, t.Any]:
    """What ``release_info`` returns."""
    facts = (
        "shares",
        "instances_in_traffic",
        "fingerprints",
        "releases",
        "images",
        "requests",
        "servers",
        "addresses",
        "lock",
    )
    return {
        "containers": [*containers],
        "damaged": [],
        "stock": [],
        **{fact: {} for fact in facts},
        **more,
    }


RELEASES = {
    "backend": [
        {
            "release": "20261122-2",
            "version": "1.2.0",
            "outcome": "failed",
            "reason": "{{ reason }}",
        },
        {"release": "20261122-1", "version": "1.1.0", "outcome": "succeeded"},
    ]
}
VARIABLES = {
    "reason": "backend-green-1 was never ready",
    "web1": report(container(1), container(2), shares={"backend": 100}, releases=RELEASES),
    "web2": report(container(1, running=False)),
    "empty": report(),
    "locked": report(
        container(1),
        shares={"backend": 100},
        releases={"backend": [{"release": "20261122-3", "version": "1.3.0", "outcome": "running"}]},
        lock={"told": "a release of backend by ada@laptop", "remaining": 597},
    )
    | {"damaged": ["/var/lib/tagadodo/releases/backend/r1.json: not a release record"]},
    "two": report(container(1), shares={"backend": 100, "frontend": 0}, releases=RELEASES),
    "failed": {"failed": True, "msg": "no route to host"},
}
SCREEN = [
    "SERVICE  HOST  SLOT   VERSION  TRAFFIC  INSTANCES   HEALTH",
    "backend  web1  green  1.1.0    100 %    2 of 2 run  healthy",
    "backend  web2  green  1.1.0    100 %    0 of 1 run  stopped",
    "",
    "RELEASE (UTC)  SERVICE  VERSION  OUTCOME",
    "20261122-2     backend  1.2.0    failed: backend-green-1 was never ready",
    "20261122-1     backend  1.1.0    succeeded",
]
UNREAD = "web3: its state could not be read; is it set up? run site.yml first"


def status(**arguments: t.Any) -> dict[str, t.Any]:
    return {"tagadodo.deploy.release_status": arguments}


HOSTS = {"web1": "{{ web1 }}", "web2": "{{ web2 }}"}
TASKS = {
    "two hosts": status(hosts=HOSTS),
    "two hosts in check mode": {**status(hosts=HOSTS), "check_mode": True},
    "one of two": status(hosts={"web1": "{{ two }}"}, only="frontend"),
    "both of two": status(hosts={"web1": "{{ two }}"}, only=["frontend", "backend"]),
    "none named": status(hosts=HOSTS, only=""),
    "nothing released": status(hosts={"web1": report()}),
    "locked and damaged": status(hosts={"web1": "{{ locked }}"}),
}
MISTAKES = {
    "a host that did not report": (status(hosts={**HOSTS, "web3": "{{ failed }}"}), UNREAD),
    "a host that was skipped": (status(hosts={"web3": ""}), UNREAD),
    "a service no host knows": (
        status(hosts={"web1": "{{ web1 }}"}, only="backend, bakend"),
        "service: no host knows bakend; known services: backend",
    ),
    "a service of hosts that know none": (
        status(hosts={"web1": "{{ empty }}"}, only="backend"),
        "service: no host knows backend; run site.yml first",
    ),
    "no hosts": (status(), "missing required arguments: hosts"),
    "hosts that are none": (status(hosts="web1"), "hosts"),
    "an argument there is none of": (status(hosts=HOSTS, limit=5), "limit"),
}


@pytest.fixture(scope="module")
def answers(play: t.Any) -> dict[str, t.Any]:
    mistakes = {name: task for name, (task, _told) in MISTAKES.items()}
    return dict(play({**TASKS, **mistakes}, VARIABLES))


@pytest.mark.parametrize("case", ["two hosts", "two hosts in check mode", "none named"])
def test_all_hosts_are_shown_on_one_screen(answers: dict[str, t.Any], case: str) -> None:
    assert answers[case].result["lines"] == SCREEN
    assert answers[case].result["changed"] is False
    assert "\n".join(SCREEN) in answers[case].shown


def test_one_service_is_shown_when_it_is_asked_for(answers: dict[str, t.Any]) -> None:
    lines = answers["one of two"].result["lines"]
    assert [line.split()[0] for line in lines] == ["SERVICE", "frontend"]
    both = answers["both of two"].result["lines"]
    assert [line.split()[0] for line in both[:3]] == ["SERVICE", "backend", "frontend"]


def test_who_is_at_it_and_what_cannot_be_read_is_told(answers: dict[str, t.Any]) -> None:
    assert answers["locked and damaged"].result["lines"][2:] == [
        "",
        "RELEASE (UTC)  SERVICE  VERSION  OUTCOME",
        "20261122-3     backend  1.3.0    running, or left half way",
        "",
        "LOCKED  web1: a release of backend by ada@laptop; without another one it counts as dead in 597 s",
        "DAMAGED  web1: /var/lib/tagadodo/releases/backend/r1.json: not a release record",
    ]


def test_what_to_do_first_is_said_where_there_is_nothing_yet(answers: dict[str, t.Any]) -> None:
    answer = answers["nothing released"]
    assert answer.result["lines"] == ["No service is set up yet; run site.yml."]
    assert answer.result["lines"][0] in answer.shown


@pytest.mark.parametrize("case", MISTAKES)
def test_a_mistake_is_named_in_one_line(answers: dict[str, t.Any], case: str) -> None:
    result = answers[case].result
    assert result.get("failed"), result
    assert MISTAKES[case][1] in result["msg"]
    assert "\n" not in result["msg"]
    assert "Task failed" not in result["msg"]  # nobody expected it
    assert "lines" not in result
