# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What modules and templates get of the inventory's services."""

from __future__ import annotations

import typing as t

import pytest
from ansible.errors import AnsibleFilterError

from ansible_collections.tagadodo.deploy.plugins.filter.services import (
    failure_reason,
    public_services,
    service_places,
    service_routes,
    service_secrets,
)

SERVICES: dict[str, t.Any] = {
    "api": {
        "image": "tagadodo/api",
        "version": "1.0.0",
        "port": 3000,
        "hostnames": ["api.example.com"],
        "secrets": {"TOKEN": "hush"},
    },
    "api-admin": {
        "image": "registry.example.com/admin",
        "port": 8080,
        "hostnames": ["admin.example.com"],
        "route": {"kind": "spa"},
    },
}


def test_secrets_are_either_all_there_is_or_not_there() -> None:
    assert service_secrets(SERVICES) == {"api": {"TOKEN": "hush"}, "api-admin": {}}
    public = public_services(SERVICES)
    assert isinstance(public, dict)
    assert public["api"]["secrets"] == {"TOKEN": ""}
    assert "hush" not in str(public)


def test_routes_know_both_slots_and_the_settings_of_the_route() -> None:
    api, admin = service_routes(SERVICES, "tagadodo", "10.213.0.0/16")
    assert (api["service"], api["kind"], admin["kind"]) == ("api", "api", "spa")
    assert set(api["upstreams"]) == {"blue", "green"}
    every = [
        address
        for route in (api, admin)
        for slot in route["upstreams"].values()
        for address in slot
    ]
    assert len(set(every)) == 4


HOSTS = {
    "app1": {"deploy_address": "10.0.0.11", "ansible_host": "203.0.113.1"},
    "app2": {"ansible_host": "10.0.0.12"},
    "web1": {"ansible_host": "web1.example.com"},
    "10.0.0.9": {},
    "near": {"ansible_host": "127.0.0.1"},
}
BOTH = ["app1", "app2"]


@pytest.mark.parametrize(
    ("groups", "hosts", "addresses"),
    [
        ({"app": BOTH, "proxy": BOTH}, BOTH, []),
        ({"app": BOTH, "proxy": ["web1"]}, BOTH, ["10.0.0.11", "10.0.0.12"]),
        ({"app": BOTH, "proxy": ["app1"]}, BOTH, ["10.0.0.11", "10.0.0.12"]),
        ({"app": ["app1"], "proxy": BOTH}, ["app1"], ["10.0.0.11"]),
        ({"app": ["web1", *BOTH], "proxy": BOTH, "api": ["app2"]}, ["app2"], ["10.0.0.12"]),
        ({"app": ["web1", *BOTH], "proxy": BOTH, "api": BOTH}, BOTH, []),
        ({"app": BOTH, "proxy": BOTH, "api": ["web1"]}, BOTH, []),
        ({"app": ["10.0.0.9"], "proxy": ["web1"]}, ["10.0.0.9"], ["10.0.0.9"]),
    ],
)
def test_groups_say_where_services_run_and_how_proxies_reach_them(
    groups: dict[str, list[str]], hosts: list[str], addresses: list[str]
) -> None:
    where = service_places({"api": SERVICES["api"]}, groups, HOSTS)
    assert where == {"api": {"hosts": hosts, "addresses": addresses}}


@pytest.mark.parametrize("name", ["web1", "near"])
def test_an_address_that_no_proxy_reaches_is_refused(name: str) -> None:
    with pytest.raises(AnsibleFilterError, match=f"deploy_address of {name}: .* set it in the inv"):
        service_places(SERVICES, {"app": [name], "proxy": ["app1"]}, HOSTS)


def test_a_proxy_on_another_host_has_the_first_of_every_host_first() -> None:
    where = service_places(SERVICES, {"app": BOTH, "proxy": ["web1"]}, HOSTS)
    api = {"api": {**SERVICES["api"], "instances": 2}}
    (route,) = service_routes(api, "tagadodo", "10.213.0.0/16", where)
    assert route["hosts"] == 2
    addresses = [one.partition(":")[0] for one in route["upstreams"]["green"]]
    assert addresses == ["10.0.0.11", "10.0.0.12"] * 2
    ports = [one.partition(":")[2] for one in route["upstreams"]["green"]]
    assert ports[0] == ports[1] != ports[2] == ports[3]


def test_a_mistake_is_told_in_one_line() -> None:
    with pytest.raises(AnsibleFilterError, match=r"services.api.port: 70000 is not between"):
        service_secrets({"api": {**SERVICES["api"], "port": 70000}})


def test_the_reason_of_a_failed_loop_is_that_of_its_item() -> None:
    loop = {
        "msg": "One or more items failed",
        "results": [{"msg": "fine"}, {"failed": True, "msg": "no database"}],
    }
    hosts: list[dict[str, object]] = [{}, {"ansible_failed_result": loop}]
    assert failure_reason(hosts) == "no database"
    assert failure_reason([{"ansible_failed_result": {"msg": "no disk"}}]) == "no disk"
    assert failure_reason([{}]) == "a host was lost"
    kept = [{"plan": {"msg": "fine"}}, {"plan": {"failed": True, "msg": "no image"}}]
    assert failure_reason(kept, registered=["host", "plan"]) == "no image"
    assert (
        failure_reason([{"plan": {"unreachable": True, "msg": "no way"}}], ["web1"], ["plan"])
        == "no way"
    )
    assert failure_reason([{}], ["app3", "app4"]) == "app3, app4 cannot be reached"
