# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What modules and templates need of the inventory's ``services``."""

from __future__ import annotations

import typing as t

from ansible.errors import AnsibleFilterError
from jinja2 import UndefinedError

from ansible_collections.tagadodo.deploy.plugins.module_utils._service import (
    SLOTS,
    Installation,
    Place,
    Service,
    ServiceError,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._steps import undo_of
from ansible_collections.tagadodo.deploy.plugins.plugin_utils._hosts import (
    addresses_of,
    looks_of_host,
    of_elected,
    of_host,
    place_of,
)
from ansible_collections.tagadodo.deploy.plugins.plugin_utils._services import (
    parse_services,
)


def _parse(services: object) -> tuple[Service, ...]:
    try:
        return parse_services(services)
    except ServiceError as error:
        raise AnsibleFilterError(str(error)) from error


def public_services(services: object) -> object:
    """The same without the values of secrets."""
    if not isinstance(services, dict):
        return services
    return {
        name: {**entry, "secrets": dict.fromkeys(entry["secrets"], "")}
        if isinstance(entry, dict) and isinstance(entry.get("secrets"), dict)
        else entry
        for name, entry in services.items()
    }


def secret_problems(services: object) -> list[str]:
    """A line for each secret that has no value; never a value."""
    if not isinstance(services, dict):
        return []
    return [
        f"services.{name}.secrets.{secret}: {problem}"
        for name, entry in services.items()
        if isinstance(entry, dict) and isinstance(entry.get("secrets"), dict)
        for secret in entry["secrets"]
        for problem in _problem_of(entry["secrets"], secret)
    ]


def _problem_of(secrets: dict[str, object], secret: str) -> t.Iterator[str]:
    """Ansible renders the template of a value when the value is taken out of its dictionary."""
    try:
        secrets[secret]
    except UndefinedError as error:
        # What raised anything else may have had a secret in its hands, and in its message.
        yield (
            "its value cannot be read; is the vault's password given, and is its template right?"
            if error.__cause__
            else f"{error}; define it, or correct its name"
        )


def service_secrets(services: object) -> dict[str, dict[str, str]]:
    """Only the secrets, by service."""
    return {service.name: dict(service.secrets) for service in _parse(services)}


def host_addresses(names: t.Sequence[str], variables: t.Mapping[str, t.Any]) -> list[str]:
    """Where other hosts reach these."""
    try:
        return addresses_of(names, variables)
    except ServiceError as error:
        raise AnsibleFilterError(str(error)) from error


def service_routes(
    services: object,
    project: str,
    subnet: str,
    places: t.Optional[t.Mapping[str, t.Mapping[str, t.Sequence[str]]]] = None,
) -> list[dict[str, t.Any]]:
    """The routes of the nginx role."""
    where = {name: Place.parse(place) for name, place in (places or {}).items()}
    installation = Installation(project=project, subnet=subnet, places=where)
    return [
        {
            "service": service.name,
            "hostnames": list(service.hostnames),
            "hosts": installation.place(service.name).servers,
            "addresses": list(installation.place(service.name).addresses),
            "upstreams": {slot: service.upstreams(installation, slot) for slot in SLOTS},
            "health": service.settings["health"]["full"],
            **service.settings["route"],
        }
        for service in _parse(services)
    ]


def host_looks(
    looks: list[dict[str, t.Any]], name: str, groups: t.Sequence[str]
) -> list[dict[str, t.Any]]:
    """The part of a plan's looks that a host of these groups can make."""
    return looks_of_host(looks, name, proxy="proxy" in groups, app="app" in groups)


def service_places(
    services: object, groups: t.Mapping[str, t.Sequence[str]], variables: t.Mapping[str, t.Any]
) -> dict[str, dict[str, list[str]]]:
    """Where each service runs, and how proxies reach it, as the inventory's groups say."""
    try:
        return {
            service.name: place_of(service.name, groups, variables) for service in _parse(services)
        }
    except ServiceError as error:
        raise AnsibleFilterError(str(error)) from error


def failure_reason(
    variables: t.Iterable[t.Mapping[str, t.Any]],
    lost: t.Sequence[str] = (),
    registered: t.Sequence[str] = (),
) -> str:
    """Why the hosts of a play failed, in one line: the first message that says something, or who was lost."""
    known = list(variables)
    results = [one["ansible_failed_result"] for one in known if "ansible_failed_result" in one]
    kept = [one[name] for name in registered for one in known if name in one]
    results += [one for one in kept if one.get("failed") or one.get("unreachable")]
    nobody = f"{', '.join(lost)} cannot be reached" if lost else "a host was lost"
    return next((reason for result in results for reason in _reasons(result)), nobody)


def _reasons(result: t.Mapping[str, t.Any]) -> t.Iterator[str]:
    """Of a loop, those of its items: its own says only that there are some."""
    for item in result.get("results") or ():
        if item.get("failed"):
            yield from _reasons(item)
    if result.get("msg"):
        yield str(result["msg"])


class FilterModule:
    """Filters over the inventory's services."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        return {
            "failure_reason": failure_reason,
            "host_addresses": host_addresses,
            "host_looks": host_looks,
            "of_elected": of_elected,
            "of_host": of_host,
            "public_services": public_services,
            "secret_problems": secret_problems,
            "service_places": service_places,
            "service_routes": service_routes,
            "service_secrets": service_secrets,
            "undo_of": undo_of,
        }
