# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Staging as its inventory describes it: everything on one host, builds of develop, secrets from the environment; and what
becomes of that host in time."""

from __future__ import annotations

import json
import os
import pathlib
import typing as t

import pytest
from audit import lynis, sslyze
from authority import served
from clients import live_version, load, lost_requests
from conftest import REGISTRY
from described import common_services
from exposure import guard, harden_sshd, keeps_as_described, listens_as_described
from fleet import Fleet, state_of, tagged
from fleet import staging as one_host
from upkeep import (
    digests,
    engine_process,
    engine_program,
    engine_version,
    offer_newer_engine,
    pull_by_digest,
    released,
    started,
    stopped,
)

FIRST, SECOND = "develop-0000001", "v1.1.0-rc.1"
MOVED = "develop-0000002"
LIVE = ("-e", f"version={SECOND}")
# All that is different about the hosts of a test: addresses, registry, authorities.
OVERLAID = {
    *("deploy_registry", "redis_host"),
    *("docker_registry_cas", "certbot_server", "certbot_ca_file", "deploy_ca_file"),
    # what a checklist asks people, and of the disk that all machines share
    *("attest", "deploy_checks"),
}
REACHED_BY = ("ansible_", "deploy_address")


@pytest.fixture(scope="module")
def staging(work: pathlib.Path) -> t.Iterator[Fleet]:
    fleet = one_host(f"tdt{os.getpid()}staging", REGISTRY, work)
    with tagged(REGISTRY, {FIRST: "1.0.0", SECOND: "1.1.0"}):
        try:
            fleet.up()
            fleet.hand_over_secrets()
            fleet.extra["services"] = common_services()
            # As the page on security has it, before Ansible comes for the first time.
            harden_sshd(fleet.hosts["staging"])
            guard(fleet.hosts["staging"], "proxy.nft", operators=[fleet.gateway])
            yield fleet
        finally:
            fleet.destroy()


@pytest.fixture(scope="module")
def found_before(staging: Fleet) -> set[str]:
    """What lynis says of the host that nothing was done to yet."""
    return lynis(staging.hosts["staging"], "before")


def test_builds_of_develop_and_candidates_are_released_and_tags_of_production_are_not(
    staging: Fleet, found_before: set[str]
) -> None:
    refused = staging.play("site", "-e", "version=v1.0.0")
    assert refused.code != 0
    assert "v1.0.0 may not be released here; deploy_versions takes develop" in refused.reason
    run = staging.play("site", "-e", f"version={FIRST}", rollout_bake=0)
    assert run.code == 0, run.output
    assert live_version(staging) == FIRST
    with load(staging) as clients:
        run = staging.play(
            *("deploy", "-e", f"version={SECOND}"),
            rollout_bake=5,
            rollout_gate={"slow": {"factor": 5000}},
        )
    assert run.code == 0, run.output
    assert live_version(staging) == SECOND
    assert lost_requests(clients.report) == 0, clients.report["events"][:5]


def test_a_check_of_a_changed_inventory_tells_what_the_run_then_does(staging: Fleet) -> None:
    """A host name more, and another limit of a route."""
    services = common_services()
    services["backend"]["route"]["rate_limit"] = 321
    names = [staging.admin, "www.tagadodo.com"]
    changed = {"services": services, "admin_hostnames": names}
    before = state_of(staging.hosts["staging"])
    check = staging.play("site", *LIVE, "--check", "--diff", **changed)
    assert check.code == 0, check.output
    assert state_of(staging.hosts["staging"]) == before
    assert f"+        server_name {' '.join(names)};" in check.output
    assert "+    limit_req_zone $limit_key zone=rate_backend:10m rate=321r/s;" in check.output
    assert f"+{staging.admin}\n" in check.output  # the certificate of that name
    run = staging.play("site", *LIVE, **changed)
    assert run.code == 0, run.output
    assert run.changes == check.changes
    shown = served(staging.entrances[0], names[1], staging.ca_file.read_text())
    assert {name for _kind, name in shown["subjectAltName"]} == set(names)
    again = staging.play("site", *LIVE, **changed)
    assert (again.code, again.changed) == (0, 0), again.output


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


def test_it_listens_where_the_page_on_security_says(staging: Fleet) -> None:
    listens_as_described(staging.hosts["staging"], "proxy")


def test_secrets_rest_where_the_page_on_security_says(staging: Fleet) -> None:
    keeps_as_described(staging.hosts["staging"], staging.secrets)


# What lynis has to say of what we have set up, and why that stays.
ADDED_BY_US = {
    # It wants ssl_prefer_server_ciphers on; Mozilla's profile leaves the choice to clients, since all are good.
    "HTTP-6710",
    # It has seen access_log off: of what comes to no service, and of health checks.
    "HTTP-6712",
    # It looks for a file; what is said before a service is known goes to the container's log.
    "HTTP-6714",
}
# Of sshd: what Ansible needs, and what lynis says of every port.
LEFT_OF_SSH = {
    *("SSH-7408 Compression (set YES to NO)", "SSH-7408 MaxSessions (set 10 to 2)"),
    *("SSH-7408 Port (set 22 to )", "SSH-7408 TCPKeepAlive (set YES to NO)"),
}
OURS = ("CONT-", "FIRE-", "HTTP-", "SCHD-", "SSH-")


def test_an_audit_of_the_host_finds_nothing_that_was_not_there_before(
    staging: Fleet, found_before: set[str]
) -> None:
    host = staging.hosts["staging"]
    # Where it looks for a configuration of nginx.
    host.do("ln", "-s", "/etc/tagadodo/nginx", "/etc/nginx")
    found = lynis(host, "after")
    assert found - found_before == ADDED_BY_US
    about_us = {one for one in found if one.startswith(OURS)}
    assert about_us - LEFT_OF_SSH - ADDED_BY_US <= {"FIRE-4513"}, about_us
    assert found >= LEFT_OF_SSH


def test_tls_is_what_mozilla_calls_intermediate(staging: Fleet) -> None:
    (port,) = staging.entrances
    for name in (staging.api, staging.admin):
        assert "OK - Compliant" in sslyze(port, name, staging.ca_file)


def test_an_upgrade_of_the_engine_ends_no_container_and_loses_no_request(staging: Fleet) -> None:
    """In the same run come options that need a start of their own, and a mirror that has an authority of its own."""
    host, registry = staging.hosts["staging"], staging.registry_at
    was, newer = engine_version(host), offer_newer_engine(host)
    before, process = started(host), engine_process(host)
    assert len(before) >= 4
    usual = staging.play("site", "--tags", "docker")
    assert (usual.code, usual.changed, engine_version(host)) == (0, 0, was), usual.output

    options = {
        "registry-mirrors": [f"https://{registry}"],
        "default-address-pools": [{"base": "10.199.0.0/16", "size": 24}],
    }
    upgrade = ("site", "--tags", "docker", "-e", "docker_upgrade=yes")
    with load(staging) as clients:
        run = staging.play(*upgrade, docker_daemon_options=options)
    assert run.code == 0, run.output
    assert lost_requests(clients.report) == 0, clients.report["events"][:5]
    assert clients.report["totals"]["sent"] > 100
    assert engine_version(host) == newer
    assert engine_process(host) != process
    assert engine_program(host) == "/usr/sbin/dockerd"  # not one that was deleted since it started
    assert started(host) == before
    # Docker Hub is out of reach; its mirror is not.
    host.do("docker", "pull", "--quiet", "docker.io/tagadodo/frontend:1.0.0")
    host.do("docker", "rmi", "docker.io/tagadodo/frontend:1.0.0")

    back = staging.play(*upgrade, "-e", f"docker_version={was}", docker_daemon_options=options)
    assert back.code == 0, back.output
    assert (engine_version(host), started(host)) == (was, before)


def test_images_that_no_way_back_needs_go_and_ways_back_need_no_registry(staging: Fleet) -> None:
    host, backend = staging.hosts["staging"], f"{staging.registry_at}/tagadodo/backend"
    other = pull_by_digest(host, f"{staging.registry_at}/redis:8.0")
    by_hand = pull_by_digest(host, f"{backend}:1.0.0")
    first, second = released(host, "backend")
    assert digests(host, backend) == {first, second, by_hand}

    def release(*more: str) -> str:
        typed = ("-e", "service=backend", "-e", f"version={MOVED}", *more)
        run = staging.play("deploy", *typed, rollout_bake=0, deploy_images_kept=1)
        assert run.code == 0, run.output
        return run.output

    with tagged(REGISTRY, {MOVED: "1.0.0"}):
        assert "no way back needs" not in release()
    told = f"  remove  backend {FIRST} ("
    with tagged(REGISTRY, {MOVED: "1.1.0"}):
        assert told in release("--check")
        assert first in digests(host, backend)
        assert told in release()
    _first, _second, third, fourth = released(host, "backend")
    assert third != fourth  # the tag was pushed again; what it was before is stock as any other
    assert digests(host, backend) == {second, third, fourth, by_hand}
    assert other in digests(host, f"{staging.registry_at}/redis")

    for container in host.engine.containers.list(all=True, filters={"status": "exited"}):
        container.remove()
    with stopped(f"{staging.name}-registry"):
        for image in (third, second):
            run = staging.play("rollback", "-e", "service=backend")
            assert run.code == 0, run.output
            assert released(host, "backend")[-1] == image
    assert live_version(staging) == SECOND
