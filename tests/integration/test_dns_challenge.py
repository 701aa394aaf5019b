# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A certificate whose names are shown to be ours by a record in the DNS, beside one that nginx answers for."""

from __future__ import annotations

import copy
import json
import pathlib
import typing as t

import pytest
from authority import Authority, served
from clients import answer
from described import QUICK
from stack import Stack
from zone import Zone

WILDCARD = "*.api.localhost"
SERVICES = copy.deepcopy(QUICK)
SERVICES["backend"]["hostnames"].append(WILDCARD)


@pytest.fixture(scope="module")
def zone(work: pathlib.Path) -> t.Iterator[Zone]:
    zone = Zone(work / "zone", names=("api", "admin"))
    with zone.running():
        yield zone


@pytest.fixture(scope="module")
def authority(empty: Stack, zone: Zone) -> t.Iterator[Authority]:
    where = f"127.0.0.1:{zone.port}"
    authority = Authority(empty.work / "authority", empty.http_port, resolver=where)
    with authority.running():
        yield authority


@pytest.fixture(scope="module")
def described(empty: Stack, authority: Authority) -> Stack:
    """Nothing is on it yet; nothing is said of the DNS."""
    roots = empty.work / "roots.pem"
    roots.write_text(authority.root())
    empty.extra.update(
        services=SERVICES,
        nginx_tls="certbot",
        certbot_image=f"{empty.registry}/certbot/dns-rfc2136:v5.8.0",
        certbot_server=authority.directory,
        certbot_ca_file=str(authority.server_ca),
        deploy_ca_file=str(roots),
    )
    return empty


def test_a_name_with_a_star_needs_the_dns(described: Stack) -> None:
    run = described.play("site")
    assert run.code != 0
    assert run.reason == (
        f"{WILDCARD}: no authority takes nginx's word for a name with *; set certbot_dns"
    )


def test_a_record_in_the_zone_is_believed_and_its_key_is_shown_nowhere(
    described: Stack, authority: Authority, zone: Zone
) -> None:
    described.extra["certbot_dns"] = {
        "plugin": "dns-rfc2136",
        "credentials": zone.credentials,
        "propagation": 1,
    }
    run = described.play("site", "--diff")
    assert run.code == 0, run.output
    for name, names in (
        ("any.api.localhost", {"api.localhost", WILDCARD}),
        ("admin.localhost", {"admin.localhost"}),
    ):
        shown = served(described.https_port, name, authority.root())["subjectAltName"]
        assert {one for _kind, one in shown} == names
    status, health = answer(described, "any.api.localhost", "/health")
    assert (status, health["version"]) == (200, "1.0.0")
    kept = described.config_dir / "certbot/dns.ini"
    assert kept.stat().st_mode & 0o777 == 0o600
    assert zone.secret in kept.read_text()
    assert zone.secret not in run.output
    assert zone.secret not in json.dumps(run.report)
    assert "_acme-challenge" not in (zone.work / "zone").read_text()
    again = described.play("site")
    assert (again.code, again.changed) == (0, 0), again.output


def test_a_rehearsal_asks_by_dns_too_and_a_wrong_key_is_told_in_one_line(
    described: Stack, zone: Zone
) -> None:
    rehearsed = described.play("certificates", "-e", "dry_run=yes")
    assert rehearsed.code == 0, rehearsed.output
    kept = described.config_dir / "certbot/dns.ini"
    kept.write_text(kept.read_text().replace(zone.secret, "d3Jvbmc="))
    refused = described.play("certificates", "-e", "dry_run=yes")
    assert refused.code != 0
    assert refused.reason.startswith("api.localhost: ")
    assert "\n" not in refused.reason
