# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This module util is PRIVATE to the collection.
"""The way to a service: its live Service, who may reach its port, and the route that users come by."""

from __future__ import annotations

import typing as t

from ansible_collections.tagadodo.deploy.plugins.module_utils._cluster import Cluster, ClusterError
from ansible_collections.tagadodo.deploy.plugins.module_utils._manifest_slot import service_of
from ansible_collections.tagadodo.deploy.plugins.module_utils._service import SLOTS
from ansible_collections.tagadodo.deploy.plugins.module_utils._workload import (
    PORT,
    Manifest,
    base_name,
    metadata,
    selector,
    service_labels,
    slot_name,
)

Settings = t.Mapping[str, t.Any]
NAME_OF_NAMESPACE = "kubernetes.io/metadata.name"


def live_service(cluster: Cluster, project: str, service: str, port: int, slot: str) -> Manifest:
    """The Service that other pods of the cluster ask, and users where there is no gateway. It leads to one slot: a
    Service has no weights, and pods of a slot that has not proved itself are not for others of the cluster either."""
    return service_of(
        cluster,
        base_name(project, service),
        service_labels(project, service),
        selector(project, service, slot),
        port,
    )


def network_policy(cluster: Cluster, project: str, service: str, settings: Settings) -> Manifest:
    """The port is all that may be reached, by everybody or by who is named (``kubernetes.allowed_from``)."""
    named = (settings.get("kubernetes") or {}).get("allowed_from") or []
    # Where users come from is not to be forgotten.
    gateway = [cluster.gateway.namespace] if cluster.gateway else []
    peers = [_peer(one) for one in dict.fromkeys([*named, *gateway])] if named else []
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": metadata(
            cluster, base_name(project, service), service_labels(project, service)
        ),
        "spec": {
            "podSelector": {"matchLabels": selector(project, service)},
            "policyTypes": ["Ingress"],
            "ingress": [
                {
                    "ports": [{"port": PORT, "protocol": "TCP"}],
                    **({"from": peers} if peers else {}),
                }
            ],
        },
    }


def _peer(name: str) -> Manifest:
    """A namespace by its name, or a network."""
    if "/" in name:
        return {"ipBlock": {"cidr": name}}
    return {"namespaceSelector": {"matchLabels": {NAME_OF_NAMESPACE: name}}}


def http_route(
    cluster: Cluster,
    project: str,
    service: str,
    settings: Settings,
    weights: t.Mapping[str, int],
    probe: t.Optional[t.Tuple[str, str, str]] = None,
) -> Manifest:
    """
    Args:
        settings: of the service; its port and host names.
        weights: percent of requests by slot. A slot that is not named is not led to, and need not be there.
        probe: name and value of a header, and the slot that requests with it go to.

    Raises:
        ClusterError: the cluster has no gateway.
    """
    gateway = cluster.gateway
    if gateway is None:
        raise ClusterError("deploy_kubernetes.gateway: missing; without one there is no route")
    probing = [_probing(project, service, settings["port"], *probe)] if probe else []
    return {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": metadata(
            cluster, base_name(project, service), service_labels(project, service)
        ),
        "spec": {
            "parentRefs": [
                {
                    "name": gateway.name,
                    "namespace": gateway.namespace,
                    **({"sectionName": gateway.section} if gateway.section else {}),
                }
            ],
            "hostnames": list(settings["hostnames"]),
            "rules": [
                *probing,
                {
                    "backendRefs": [
                        _backend(project, service, settings["port"], slot, weights[slot])
                        for slot in SLOTS
                        if slot in weights
                    ]
                },
            ],
        },
    }


def shares(slot: str, percent: int) -> t.Dict[str, int]:
    """Weights that give a slot its share of requests, and the other the rest."""
    return {name: percent if name == slot else 100 - percent for name in SLOTS}


def _backend(project: str, service: str, port: int, slot: str, weight: int) -> Manifest:
    return {"name": slot_name(project, service, slot), "port": port, "weight": weight}


def _probing(project: str, service: str, port: int, header: str, value: str, slot: str) -> Manifest:
    """A header is a closer match than none, wherever its rule stands."""
    return {
        "matches": [{"headers": [{"type": "Exact", "name": header, "value": value}]}],
        "backendRefs": [_backend(project, service, port, slot, 1)],
    }
