# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A mistake in what is asked for is answered in one line, before anything is touched."""

from __future__ import annotations

import datetime
import typing as t

import pytest

SECRET = "hush-hush"
SERVICES = {
    "backend": {
        "image": "tagadodo/backend",
        "version": "{{ backend_version }}",
        "port": 3000,
        "hostnames": ["api.{{ domain }}"],
        "secrets": {"JWT_SECRET": "{{ vault_jwt_secret }}"},
    },
    "frontend": {"image": "tagadodo/frontend", "port": 80, "hostnames": ["www.{{ domain }}"]},
}
VARIABLES = {
    "services": SERVICES,
    "domain": "example.com",
    "backend_version": "1.0.0",
    "vault_jwt_secret": SECRET,
}


def check(task: t.Mapping[str, t.Any] | None = None, **arguments: t.Any) -> dict[str, t.Any]:
    given = {"services": "{{ services | tagadodo.deploy.public_services }}", **arguments}
    return {"tagadodo.deploy.service_check": given, **(task or {})}


def backend(**changes: t.Any) -> dict[str, t.Any]:
    """The task with one described service that has other settings."""
    return check(services={"backend": {**SERVICES["backend"], **changes}})


PRODUCTION = {"release": r"v\d+[.]\d+([.]\d+)?"}
STAGING = {"develop": "develop-[0-9a-f]{7,40}", "candidate": r"v\d+[.]\d+[.]\d+-rc[.]\d+"}


def allowed(version: str, rules: t.Mapping[str, str], **arguments: t.Any) -> dict[str, t.Any]:
    return check(only="backend", version=version, allowed_versions=rules, **arguments)


PASSES = {
    "all": (check(version="1.1.0"), ["backend", "frontend"]),
    "by list": (check(only=["backend"]), ["backend"]),
    "by text": (check(only="frontend, backend", version="2.0"), ["backend", "frontend"]),
    "none named": (check(only="", version="1.1.0"), ["backend", "frontend"]),
    "check mode": (check({"check_mode": True}, only="backend"), ["backend"]),
    "a whole number as version": (check(only="backend", version=2), ["backend"]),
    "a described number": (backend(version=20260102), ["backend"]),
    "text that looks like a number": (backend(version="1.10"), ["backend"]),
    "a release in production": (allowed("v1.2.3", PRODUCTION), ["backend"]),
    "a release as GitFlow tags it": (allowed("v1.1", PRODUCTION), ["backend"]),
    "a build of develop in staging": (allowed("develop-3f2a1b0", STAGING), ["backend"]),
    "a release candidate in staging": (allowed("v1.2.0-rc.1", STAGING), ["backend"]),
    "what was live may be live again": (allowed("1.0.0", PRODUCTION, release=False), ["backend"]),
    "a checklist": (
        check(
            only="backend",
            checklist={
                "policy": {"disk": "block", "tickets": "warn", "clock": False},
                "checks": {"disk": {"minimum_percent": 20}, "tests": {"headers": {"a": SECRET}}},
                "attest": "review:ada",
            },
        ),
        ["backend"],
    ),
    "a checklist on a cluster": (
        check(
            only="backend",
            platform="kubernetes",
            project="tagadodo",
            cluster={"namespace": "tagadodo"},
            checklist={"policy": {"disk": "block", "clock": "warn", "tests": "warn"}},
        ),
        ["backend"],
    ),
    "hosts are not asked what a cluster takes": (
        backend(security={"user": "node"}),
        ["backend"],
    ),
    "a cluster": (
        check(only="backend", project="shop", platform="kubernetes", cluster={"version": "1.30"}),
        ["backend"],
    ),
    "hosts": (
        check(
            services={
                "backend": {**SERVICES["backend"], "strategy": "canary"},
                "frontend": {**SERVICES["frontend"], "bake": 0},
            },
            only="backend",
            version="1.1.0",
            registry="registry.example.com",
            log_dir="/var/log/shop",
        ),
        ["backend"],
    ),
}

MISTAKES = {
    "no services": (
        check(services={}),
        "services: none described; say in the inventory what to deploy, for example"
        " services: {backend: {image: …, port: 3000, hostnames: […]}}",
    ),
    "not described": (
        check(only="backnd"),
        "service: backnd is not described; known services: backend, frontend",
    ),
    "no version": (
        check(),
        "services.frontend.version: no version to deploy; give -e version=… or set it",
    ),
    "a version that is no tag": (
        check(only="backend", version="1.0 beta"),
        "services.backend.version: '1.0 beta' is not a valid image tag",
    ),
    "a port": (backend(port=70000), "services.backend.port: 70000 is not between 1 and 65535"),
    "memory": (
        backend(resources={"memory": "512 apples"}),
        "services.backend.resources.memory: '512 apples' is not a size such as 512m or 1g",
    ),
    "log size": (
        backend(resources={"log_size": "many"}),
        "services.backend.resources.log_size: 'many' is not a size such as 512m or 1g",
    ),
    "what fits on hosts alone": (
        {
            **backend(security={"user": "node"}),
            "tagadodo.deploy.service_check": {
                **backend(security={"user": "node"})["tagadodo.deploy.service_check"],
                "platform": "kubernetes",
                "project": "shop",
            },
        },
        "services.backend.security.user: 'node' is a name, and Kubernetes takes numbers; write its UID or UID:GID",
    ),
    "a cluster that nobody reaches": (
        check(
            only="backend",
            project="shop",
            platform="kubernetes",
            cluster={"gateway": {}, "contxt": ""},
        ),
        "deploy_kubernetes.contxt: not known; did you mean context?",
    ),
    "a misspelt setting": (
        backend(instnaces=2),
        "services.backend.instnaces: not known; did you mean instances?",
    ),
    "a misspelt setting that is required": (
        check(services={"backend": {"imgae": "tagadodo/backend"}}),
        "services.backend.imgae: not known; did you mean image?",
    ),
    "a misspelt setting of a group": (
        backend(health={"ready_probe": {"perid": 1}}),
        "services.backend.health.ready_probe.perid: not known; did you mean period?",
    ),
    "a misspelt setting of a list": (
        backend(gate={"metrics": [{"name": "cpu", "url": "http://p", "qurey": "up"}]}),
        "services.backend.gate.metrics.qurey: not known; did you mean query?",
    ),
    "a setting like no other": (
        backend(rolling={"speed": 9}),
        "services.backend.rolling.speed: not known; known are batch, minimum, maximum",
    ),
    "a version without quotes": (
        backend(version=1.10),
        "services.backend.version: 1.1 is a number; put it in quotes",
    ),
    "a date as version": (
        backend(version=datetime.date(2026, 1, 2)),
        "services.backend.version: 2026-01-02 is not text; put it in quotes",
    ),
    "truth as version": (
        backend(version=True),
        "services.backend.version: True is not text; put it in quotes",
    ),
    "a version asked for without quotes": (
        check(only="backend", version=1.10),
        "version: 1.1 is a number; put it in quotes",
    ),
    "a build of develop in production": (
        allowed("develop-3f2a1b0", PRODUCTION),
        "services.backend.version: develop-3f2a1b0 may not be released here; deploy_versions takes"
        r" release (v\d+[.]\d+([.]\d+)?)",
    ),
    "a candidate in production": (allowed("v1.2.0-rc.1", PRODUCTION), "may not be released here"),
    "a release in staging": (
        allowed("v1.2.0", STAGING),
        r"takes develop (develop-[0-9a-f]{7,40}) or candidate (v\d+[.]\d+[.]\d+-rc[.]\d+)",
    ),
    "a described version that no rule takes": (
        check(only="backend", allowed_versions=PRODUCTION),
        "services.backend.version: 1.0.0 may not be released here",
    ),
    "a rule that is none": (
        allowed("v1.2.3", {"release": "v[0-9"}),
        "deploy_versions.release: v[0-9 is not a regular expression: unterminated character set",
    ),
    "an unknown item": (
        check(checklist={"policy": {"dsik": "block"}}),
        "deploy_checklist.dsik: not known; did you mean disk?",
    ),
    "an unknown check": (
        check(checklist={"checks": {"disk": {"percent": 3}}}),
        "deploy_checks.disk.percent: not known; did you mean minimum_percent?",
    ),
    "nobody who attests": (
        check(checklist={"attest": {"review": ""}}),
        "attest.review: nobody is named; write for example review: ada",
    ),
    "a wrong argument": (check(onyl="backend"), "onyl. Supported parameters include: "),
    "names that are none": (check(only=7), "service: 7 is not described"),
}


@pytest.fixture(scope="module")
def answers(play: t.Any) -> dict[str, t.Any]:
    tasks = {name: task for cases in (PASSES, MISTAKES) for name, (task, _told) in cases.items()}
    return dict(play(tasks, VARIABLES))


@pytest.mark.parametrize("case", PASSES)
def test_what_is_asked_for_is_named_and_nothing_changes(
    answers: dict[str, t.Any], case: str
) -> None:
    result = answers[case].result
    assert result.get("names") == PASSES[case][1], result
    assert result["changed"] is False


def test_it_says_what_hosts_are_asked_about(answers: dict[str, t.Any]) -> None:
    asked = answers["hosts"].result["asked"]
    assert asked["tags"] == ["registry.example.com/tagadodo/backend:1.1.0"]
    assert (sorted(asked["runtimes"]), asked["runtimes"]["frontend"]["port"]) == (
        ["backend", "frontend"],
        80,
    )
    assert asked["logs"] == {"backend": "/var/log/shop/nginx/backend.access.json"}
    assert answers["by list"].result["asked"]["tags"] == ["tagadodo/backend:1.0.0"]


def test_it_says_what_the_checklist_asks(answers: dict[str, t.Any]) -> None:
    checklist = answers["a checklist"].result["checklist"]
    assert (checklist["before"], checklist["after"]) == (["disk"], ["tickets"])
    assert checklist["looks"]["disk"] == {"minimum_percent": 20.0, "paths": []}
    assert set(checklist["looks"]) == {"disk", "clock", "certificates", "backup", "monitoring"}
    nodes = answers["a checklist on a cluster"].result["checklist"]
    assert nodes["before"] == ["tests"], "nodes are no hosts of the inventory"
    assert answers["all"].result["checklist"] == {"before": [], "after": [], "looks": {}}


@pytest.mark.parametrize("case", MISTAKES)
def test_a_mistake_is_named_in_one_line(answers: dict[str, t.Any], case: str) -> None:
    result = answers[case].result
    assert result["failed"]
    assert MISTAKES[case][1] in result["msg"]
    assert "\n" not in result["msg"]
    assert "names" not in result


def test_the_secret_is_shown_nowhere(answers: dict[str, t.Any]) -> None:
    assert SECRET not in str(answers)
