# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plan as a playbook asks for it: shown, returned, true in check mode, refused in one line."""

from __future__ import annotations

import json
import re
import typing as t

import pytest

SECRET = "hush-hush"
REPOSITORY = "docker.io/tagadodo/backend"
OLD, NEW = "sha256:10" + "0" * 62, "sha256:11" + "0" * 62
DESCRIBED = {
    "image": "tagadodo/backend",
    "version": "{{ described_version }}",
    "port": 3000,
    "hostnames": ["api.example.com"],
    "secrets": {"JWT_SECRET": "{{ vault_jwt_secret }}"},
}
CONTAINER = {
    "number": 1,
    "name": "tagadodo-backend-blue-1",
    "service": "backend",
    "slot": "blue",
    "running": True,
    "version": "1.0.0",
    "release": "20260102-000000",
    "image": f"{REPOSITORY}@{OLD}",
    "fingerprint": "same",
}
FACTS = {"version": "1.0.0", "image": f"{REPOSITORY}@{OLD}", "settings": {}, "slot": "blue"}
RECORDS = [
    {"release": "20260102-000000", "outcome": "succeeded", **FACTS},
    {"release": "20260101-000000", "outcome": "succeeded", **FACTS, "version": "0.9.0"},
]


def report(**changes: t.Any) -> dict[str, t.Any]:
    """What ``release_info`` returns of a host that has 1.0.0 in blue."""
    return {
        "containers": [CONTAINER],
        "shares": {"backend": 0},
        "instances_in_traffic": {"backend": {}},
        "servers": {},
        "addresses": {},
        "lock": {},
        "damaged": [],
        "stock": [],
        "fingerprints": {"backend": "same"},
        "releases": {"backend": RECORDS},
        "requests": {},
        "images": {
            f"{REPOSITORY}:1.0.0": {"digest": OLD, "source": "host"},
            f"{REPOSITORY}:1.1.0": {"digest": NEW, "source": "registry"},
        },
        **changes,
    }


VARIABLES = {
    "services": {"backend": DESCRIBED},
    "described_version": "1.1.0",
    "vault_jwt_secret": SECRET,
    "https_port": "443",
    "web1": report(),
    "web2": report(shares={"backend": 100}),
    "new": report(containers=[], releases={}, shares={}),
    "web3": {"failed": True, "msg": "no route to host"},
}


def plan(check_mode: bool = False, **changes: t.Any) -> dict[str, t.Any]:
    arguments = {
        "services": "{{ services | tagadodo.deploy.public_services }}",
        "hosts": {"web1": "{{ web1 }}"},
        "app": ["web1"],
        "proxy": ["web1"],
        "installation": {"project": "tagadodo", "registry": "docker.io", "subnet": "10.213.0.0/16"},
        "endpoint": {
            "address": "127.0.0.1",
            "https_port": "{{ https_port }}",
            "ca_file": "",
            "token_file": "/token",
            "log_dir": "/var/log/tagadodo",
        },
        **changes,
    }
    return {"tagadodo.deploy.release_plan": arguments, "check_mode": check_mode}


FRONTEND = {"image": "tagadodo/frontend", "port": 80, "hostnames": ["www.example.com"]}
BOTH = {"backend": {**DESCRIBED, "secrets": {"JWT_SECRET": ""}}, "frontend": FRONTEND}
OLDEST = f"{REPOSITORY}@sha256:09" + "0" * 62
MANY = [*RECORDS, {**RECORDS[1], "release": "20251231-000000", "version": "0.8.0", "image": OLDEST}]
STOCK = [{"images": [OLDEST], "size": 87_000_000, "held": ""}]
FULL = {"hosts": {"web1": report(releases={"backend": MANY}, stock=STOCK)}, "images_kept": 1}
ONE_RELEASE = {"web1": report(releases={"backend": RECORDS[:1]})}
COMMITTED = "2026-01-01T12:00:00+01:00"

JOINED = {"hosts": {"web1": "{{ web1 }}", "new": "{{ new }}"}, "app": ["web1", "new"]}

PLANS = {
    "a release of a commit": plan(committed_at=COMMITTED, language="ar"),
    "a release": plan(kind="deploy", only="", version=""),
    "the next second": {"ansible.builtin.pause": {"seconds": 1}},
    "a release in check mode": plan(check_mode=True, kind="deploy"),
    "the kind nobody named": plan(),
    "what is live": plan(version="1.0.0"),
    "what is live in check mode": plan(check_mode=True, version="1.0.0"),
    "a first release": plan(hosts={"web1": report(containers=[], releases={})}, kind="first"),
    "a first release of what is live": plan(check_mode=True, kind="first"),
    "a release that others make room for": plan(**FULL),
    "what is live among others": plan(version="1.0.0", **FULL),
    "a rollback among others": plan(kind="rollback", **FULL),
    "a host that joins": plan(kind="join", **JOINED),
    "nothing that joins": plan(kind="join"),
    "a rollback": plan(kind="rollback"),
    "a rollback of all": plan(kind="rollback", services=BOTH, only="", version=""),
    "a rollback in check mode": plan(check_mode=True, kind="rollback", version="0.9.0"),
}

MISTAKES = {
    "a commit at no time": (
        plan(committed_at="yesterday"),
        "committed_at: yesterday is no time with a zone, such as 2026-11-24T15:14:20+01:00",
    ),
    "a commit in no zone": (
        plan(committed_at="2026-01-01T12:00:00"),
        "committed_at: 2026-01-01T12:00:00 is no time with a zone",
    ),
    "a commit that is yet to come": (
        plan(committed_at="2999-01-01T12:00:00Z"),
        "committed_at: 2999-01-01T12:00:00Z is yet to come",
    ),
    "a language nobody speaks here": (
        plan(language="tlh"),
        "value of language must be one of: ar, en",
    ),
    "nothing described": (
        plan(services={}),
        "services: none described; say in the inventory what to deploy",
    ),
    "an unknown service": (
        plan(only="frontend"),
        "service: frontend is not described; known services: backend",
    ),
    "a version nobody pushed": (
        plan(version="1.2.0"),
        f"backend: {REPOSITORY}:1.2.0 cannot be found from web1: not asked for",
    ),
    "a host that did not report": (
        plan(hosts={"web1": "{{ web1 }}", "web3": "{{ web3 }}"}, app=["web1", "web3"]),
        "web3: its state could not be read; is it set up? run site.yml first",
    ),
    "a host that was lost": (
        plan(proxy=["web1", "web2"]),
        "web2: its state could not be read; is it set up? run site.yml first",
    ),
    "no host for instances": (
        plan(app=[]),
        "app: no host that runs instances takes part in this run; add one to the group, or to --limit",
    ),
    "proxies that disagree": (
        plan(
            hosts={
                name: report(shares={"backend": share}, releases={})
                for name, share in (("web1", 0), ("web2", 100))
            },
            proxy=["web1", "web2"],
        ),
        "backend: the proxies disagree about the share of green (web1 0 %, web2 100 %)",
    ),
    "nothing to go back to": (
        plan(kind="rollback", version="0.8.0"),
        "backend: the ledger knows no good release of version 0.8.0 (good ones: 0.9.0, 1.0.0)",
    ),
    "nothing that all could go back to": (
        plan(kind="rollback", hosts=ONE_RELEASE),
        "backend: the ledger knows no good release before the live one (good ones: 1.0.0)",
    ),
    "nothing that the named one could go back to": (
        plan(kind="rollback", services=BOTH, only="frontend"),
        "frontend: the ledger knows no good release before the live one (good ones: none)",
    ),
    "a kind there is none of": (
        plan(kind="rolback"),
        "value of kind must be one of: deploy, first, join, rollback, revert, got: rolback",
    ),
    "fewer than no images": (
        plan(images_kept=-1),
        "deploy_images_kept: -1 is less than 0, which keeps all images",
    ),
    "an argument there is none of": (plan(versoin="1.0.0"), "versoin"),
    "half a installation": (
        plan(installation={"project": "tagadodo"}),
        "missing required arguments: registry, subnet found in installation",
    ),
    "no endpoint": (plan(endpoint={}), "address"),
    "a network that is none": (
        plan(
            installation={
                "project": "tagadodo",
                "registry": "docker.io",
                "subnet": "10.213.0.0/33",
            },
        ),
        "'10.213.0.0/33' does not appear to be an IPv4 or IPv6 network",
    ),
}


@pytest.fixture(scope="module")
def answers(play: t.Any) -> dict[str, t.Any]:
    mistakes = {name: task for name, (task, _told) in MISTAKES.items()}
    return dict(play({**PLANS, **mistakes}, VARIABLES))


def test_a_release_is_shown_and_returned_as_its_steps(answers: dict[str, t.Any]) -> None:
    answer = answers["a release"]
    result = answer.result
    assert result.get("services") == {
        "backend": {"action": "release", "version": "1.1.0", "slot": "green"}
    }, result
    assert (result["changed"], result["changes"]) == (False, True)
    assert re.fullmatch(r"\d{8}-\d{6}", result["release"])
    assert result["steps"][0]["start"][0]["image"] == f"{REPOSITORY}@{NEW}"
    assert result["shares"] == {"backend": {"green": 100}}
    assert result["verify"][0]["address"] == "127.0.0.1:443"
    assert [(one["service"], one["release"]) for one in result["records"]] == [
        ("backend", result["release"]),
        ("_environment", result["release"]),
    ]
    assert result["diff"]["before"] == "backend: 1.0.0 is live in blue\n"
    assert result["diff"]["after"].startswith("backend: 1.0.0 (blue) → 1.1.0 (green); version")
    assert result["diff"]["after"] in answer.shown


def test_the_plan_is_shown_once(answers: dict[str, t.Any]) -> None:
    """All runs of this file ask for diffs, and a diff is shown of what changes."""
    done, would = answers["a release"], answers["a release in check mode"]
    plan = done.result["diff"]["after"].splitlines()
    shown = done.shown.splitlines()
    heading = next(number for number, line in enumerate(shown) if line.startswith("PLAN "))
    assert shown[heading + 1 : heading + 1 + len(plan)] == plan
    assert [line[1:] for line in would.shown.splitlines() if line.startswith("+")][1:] == plan
    for answer in (done, would):
        assert answer.shown.count(plan[0]) == 1
    assert "PLAN " not in would.shown


def test_check_mode_tells_the_same_plan_as_a_change(answers: dict[str, t.Any]) -> None:
    done, would = answers["a release"].result, answers["a release in check mode"].result
    assert would["changed"] is True
    assert of_any_time(would) == of_any_time(done)


def test_a_release_says_which_images_go_when_it_has_ended(answers: dict[str, t.Any]) -> None:
    answer = answers["a release that others make room for"]
    assert answer.result["surplus"] == {"web1": [OLDEST]}
    assert "  remove  backend 0.8.0 (87 MB at most) from web1\n" in answer.shown
    for case in ("a release", "what is live among others", "a rollback among others"):
        assert answers[case].result["surplus"] == {}
        assert "remove" not in answers[case].shown


def of_any_time(result: dict[str, t.Any]) -> t.Any:
    """A plan without what follows from when it was made: the release is named after that second."""
    same = {key: value for key, value in result.items() if key not in {"changed", "began"}}
    return json.loads(json.dumps(same).replace(result["release"], "RELEASE"))


def test_a_deploy_is_what_is_planned_when_nothing_else_is_said(answers: dict[str, t.Any]) -> None:
    assert answers["the kind nobody named"].result.get("changes") is True


@pytest.mark.parametrize(
    "case", ["what is live", "what is live in check mode", "a first release of what is live"]
)
def test_what_is_live_is_left_alone(answers: dict[str, t.Any], case: str) -> None:
    answer = answers[case]
    assert (answer.result["changed"], answer.result["changes"]) == (False, False)
    assert answer.result["services"]["backend"]["action"] == "keep"
    assert not answer.result["records"]
    assert not answer.result["pull"]
    assert "backend: 1.0.0 is live in blue; nothing to do" in answer.shown


def test_a_host_joins_what_is_live(answers: dict[str, t.Any]) -> None:
    answer = answers["a host that joins"]
    assert "backend: 1.0.0 is live in blue; nothing of it runs on new yet" in answer.shown
    (started,) = answer.result["start"]
    assert (started["hosts"], started["release"]) == (["new"], "20260102-000000")
    assert not answers["nothing that joins"].result["changes"]
    assert "PLAN" not in answers["nothing that joins"].shown


def test_a_first_release(answers: dict[str, t.Any]) -> None:
    result = answers["a first release"].result
    assert result["services"]["backend"]["action"] == "release"
    assert result["diff"]["before"] == "backend: nothing is live\n"


@pytest.mark.parametrize(
    ("case", "changed"), [("a rollback", False), ("a rollback in check mode", True)]
)
def test_a_rollback_restores_the_last_good_release(
    answers: dict[str, t.Any], case: str, changed: bool
) -> None:
    result = answers[case].result
    assert (result["changed"], result["changes"]) == (changed, True)
    assert result["services"]["backend"] == {
        "action": "restore",
        "version": "0.9.0",
        "slot": "green",
    }
    assert result["records"][0]["facts"]["restores"] == "20260101-000000"
    assert result["given_up"] == [{"service": "backend", "release": "20260102-000000"}]


def test_a_rollback_of_all_says_which_service_stays(answers: dict[str, t.Any]) -> None:
    answer = answers["a rollback of all"]
    assert answer.result["services"]["frontend"]["action"] == "keep", answer.result
    assert answer.result["services"]["backend"]["version"] == "0.9.0"
    assert "frontend: nothing is live; there is no earlier good release" in answer.shown


def test_the_record_of_the_release_says_what_its_report_needs(answers: dict[str, t.Any]) -> None:
    whole = answers["a release of a commit"].result["records"][-1]
    assert whole["service"] == "_environment"
    facts = whole["facts"]
    assert (facts["committed_at"], facts["language"]) == (COMMITTED, "ar")
    assert (facts["project"], bool(facts["origin"])) == ("tagadodo", True)
    usual = answers["a release"].result["records"][-1]["facts"]
    assert ("committed_at" in usual, usual["language"]) == (False, "en")


@pytest.mark.parametrize("case", MISTAKES)
def test_a_mistake_is_refused_in_one_line(answers: dict[str, t.Any], case: str) -> None:
    result = answers[case].result
    assert result.get("failed"), result
    assert MISTAKES[case][1] in result["msg"]
    assert "\n" not in result["msg"]
    assert "Task failed" not in result["msg"]  # nobody expected it
    assert "steps" not in result


def test_the_secret_is_shown_nowhere(answers: dict[str, t.Any]) -> None:
    assert SECRET not in str(answers)
    assert answers["a release"].result["records"][0]["facts"]["settings"]["secrets"] == [
        "JWT_SECRET"
    ]
