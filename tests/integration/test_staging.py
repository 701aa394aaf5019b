# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Staging as its inventory describes it: everything on one host, builds of develop, secrets from the environment."""

from __future__ import annotations

import json
import os
import pathlib
import typing as t

import pytest
from clients import live_version, load, lost_requests
from conftest import REGISTRY
from fleet import Fleet, tagged

FIRST, SECOND = "develop-0000001", "v1.1.0-rc.1"
# All that is different about the hosts of a test: addresses, registry, authorities.
OVERLAID = {
    *("deploy_registry", "redis_host"),
    *("docker_registry_cas", "certbot_server", "certbot_ca_file", "deploy_ca_file"),
}
REACHED_BY = ("ansible_", "deploy_address")


@pytest.fixture(scope="module")
def staging(work: pathlib.Path) -> t.Iterator[Fleet]:
    fleet = Fleet(
        name=f"tdt{os.getpid()}staging",
        registry=REGISTRY,
        work=work,
        inventory="staging",
        api="staging-api.tagadodo.com",
        admin="staging-admin.tagadodo.com",
        names=("staging",),
        proxies=("staging",),
    )
    with tagged(REGISTRY, {FIRST: "1.0.0", SECOND: "1.1.0"}):
        try:
            fleet.up()
            fleet.hand_over_secrets()
            yield fleet
        finally:
            fleet.destroy()


def test_builds_of_develop_and_candidates_are_released_and_tags_of_production_are_not(
    staging: Fleet,
) -> None:
    refused = staging.play("site", "-e", "version=v1.0.0")
    assert refused.code != 0
    assert "v1.0.0 may not be released here; deploy_versions takes develop" in refused.reason
    run = staging.play("site", "-e", f"version={FIRST}", rollout_bake=0)
    assert run.code == 0, run.output
    assert live_version(staging) == FIRST
    with load(staging) as clients:
        run = staging.play(
            "deploy", "-e", f"version={SECOND}", rollout_gate={"slow": {"factor": 5000}}
        )
    assert run.code == 0, run.output
    assert live_version(staging) == SECOND
    assert lost_requests(clients.report) == 0, clients.report["events"][:5]


def test_only_where_things_are_is_different_about_its_hosts(staging: Fleet) -> None:
    overlay = staging.work / "overlay"
    assert {path.name for path in overlay.rglob("*") if path.is_file()} == {
        "hosts.json",
        "overlay.json",
    }
    assert set(json.loads((overlay / "group_vars/all/overlay.json").read_text())) == OVERLAID
    hosts = json.loads((overlay / "hosts.json").read_text())["all"]["hosts"]
    for variables in hosts.values():
        assert all(name.startswith(REACHED_BY) for name in variables), variables


def test_what_runs_beside_its_proxy_is_not_published(staging: Fleet) -> None:
    assert "->" not in staging.hosts["staging"].do("docker", "ps", "--format", "{{.Ports}}")
