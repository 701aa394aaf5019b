# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the role ``monitoring`` needs of the inventory's ``services``: alert rules, and what is probed."""

from __future__ import annotations

import typing as t

from ansible.errors import AnsibleFilterError

from ansible_collections.tagadodo.deploy.plugins.module_utils._alert import Watching
from ansible_collections.tagadodo.deploy.plugins.module_utils._alerts import alert_groups
from ansible_collections.tagadodo.deploy.plugins.module_utils._service import Service, ServiceError
from ansible_collections.tagadodo.deploy.plugins.plugin_utils._services import parse_services


def alert_rules(services: object, **watching: t.Any) -> list[dict[str, t.Any]]:
    """Groups of a rule file; arguments are those of ``Watching``."""
    try:
        gates = {service.name: service.settings["gate"] for service in parse_services(services)}
        return alert_groups(gates, Watching(**watching))
    except (ServiceError, ValueError) as error:
        raise AnsibleFilterError(str(error)) from error


def probe_targets(services: object, proxies: t.Mapping[str, str]) -> list[dict[str, t.Any]]:
    """What is asked of every proxy, as ``static_configs`` of Prometheus.

    Args:
        proxies: address and port by name of host.
    """
    try:
        parsed = parse_services(services)
    except ServiceError as error:
        raise AnsibleFilterError(str(error)) from error
    return [
        {
            "targets": [f"https://{address}{path}"],
            "labels": {
                "service": service.name,
                "check": check,
                "path": path,
                "host": host,
                # Of two underscores: it is no label of what is measured.
                "__hostname": service.hostnames[0],
            },
        }
        for service in parsed
        for check, path in _questions(service)
        for host, address in proxies.items()
    ]


def _questions(service: Service) -> t.Iterator[tuple[str, str]]:
    """Kinds of probes and their paths; features are those that a release is tried by."""
    health = service.settings["health"]
    yield "live", health["live"]
    yield "ready", health["ready"]
    for path in service.settings["gate"]["smoke"] or [health["full"]]:
        yield "feature", path


class FilterModule:
    """Filters of monitoring."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        return {"alert_rules": alert_rules, "probe_targets": probe_targets}
