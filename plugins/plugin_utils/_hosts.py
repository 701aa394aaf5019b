# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This plugin util is PRIVATE to the collection.
"""What hosts reported by ``release_info``, as the domain takes it."""

from __future__ import annotations

import ipaddress
import typing as t

from ansible_collections.tagadodo.deploy.plugins.module_utils._plan import HostView, PlanError
from ansible_collections.tagadodo.deploy.plugins.module_utils._service import ServiceError
from ansible_collections.tagadodo.deploy.plugins.module_utils._stock import Stock

_FIELDS = (
    "containers",
    "shares",
    "instances_in_traffic",
    "fingerprints",
    "releases",
    "images",
    "requests",
    "servers",
    "addresses",
    "lock",
    "damaged",
)


def host_view(name: str, report: t.Mapping[str, t.Any]) -> HostView:
    """The report of one host.

    Raises:
        PlanError: the host did not report.
    """
    if "containers" not in report:
        raise PlanError(f"{name}: its state could not be read; is it set up? run site.yml first")
    stock = tuple(
        Stock(tuple(one["images"]), int(one["size"]), str(one["held"])) for one in report["stock"]
    )
    return HostView(name=name, stock=stock, **{key: report[key] for key in _FIELDS})


def looks_of_host(
    looks: t.Sequence[t.Mapping[str, t.Any]], name: str, proxy: bool, app: bool
) -> list[dict[str, t.Any]]:
    """The part of ``release_evidence``'s services that a host can see: nginx's where it is a proxy,
    containers where it runs instances of the service."""
    return [
        {
            **{key: value for key, value in look.items() if key != "hosts"},
            "log": look["log"] if proxy else "",
            "smoke": look["smoke"] if proxy else None,
            "metrics": look["metrics"] if proxy else [],
            "slots": look["slots"] if app and is_for(look, name) else {},
        }
        for look in looks
    ]


def is_for(one: t.Mapping[str, t.Any], name: str) -> bool:
    """Whether an entry of a plan is for a host; one that names no hosts is for all."""
    return "hosts" not in one or name in one["hosts"]


def of_host(entries: t.Sequence[t.Mapping[str, t.Any]], name: str) -> list[dict[str, t.Any]]:
    """The entries of a list in a plan that are for a host, as modules take them."""
    return [
        {key: value for key, value in one.items() if key != "hosts"}
        for one in entries
        if is_for(one, name)
    ]


def of_elected(
    entries: t.Sequence[t.Mapping[str, t.Any]], name: str, alive: t.Sequence[str]
) -> list[dict[str, t.Any]]:
    """The entries that a host carries out for all: of those an entry is for, the first that is there.

    Args:
        alive: the hosts that are there.
    """
    elected = ((next((host for host in alive if is_for(one, host)), None), one) for one in entries)
    return of_host([one for host, one in elected if host == name], name)


def place_of(
    service: str, groups: t.Mapping[str, t.Sequence[str]], variables: t.Mapping[str, t.Any]
) -> dict[str, list[str]]:
    """On which hosts a service runs, and at which addresses proxies reach those.

    It runs on the hosts of ``app`` that are in the group of its own name, or on all of them where there is none.

    Args:
        groups: names of hosts by group.
        variables: variables by host, read only where addresses are needed.

    Returns:
        ``hosts`` and ``addresses``; none where every proxy runs the service, and every one of its hosts is a proxy.

    Raises:
        ServiceError: proxies are elsewhere, and a host's address is not known.
    """
    app = list(groups.get("app", ()))
    hosts = [name for name in app if name in groups.get(service, ())] or app
    beside = set(hosts) == set(groups.get("proxy", ()))
    addresses = [] if beside else addresses_of(hosts, variables)
    return {"hosts": hosts, "addresses": addresses}


def addresses_of(
    names: t.Iterable[str], variables: t.Mapping[str, t.Mapping[str, t.Any]]
) -> list[str]:
    """Where other hosts reach these.

    Raises:
        ServiceError: an address is not known.
    """
    return [_address(name, variables[name]) for name in names]


def _address(name: str, variables: t.Mapping[str, t.Any]) -> str:
    """Where proxies on other hosts reach this one.

    Raises:
        ServiceError: it is no address that they could reach.
    """
    text = str(variables.get("deploy_address") or variables.get("ansible_host") or name)
    try:
        reachable = not ipaddress.IPv4Address(text).is_loopback
    except ipaddress.AddressValueError:
        reachable = False
    if not reachable:
        raise ServiceError(
            f"deploy_address of {name}: {text} is not an IPv4 address that the proxies reach it at; set it in the inventory"
        )
    return text
