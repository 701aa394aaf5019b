# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This module util is PRIVATE to the collection.
"""A service on Kubernetes: every object that it is made of, as plain dictionaries. Nothing here asks a cluster."""

from __future__ import annotations

import typing as t

from ansible_collections.tagadodo.deploy.plugins.module_utils._cluster import Cluster
from ansible_collections.tagadodo.deploy.plugins.module_utils._manifest_pods import deployment
from ansible_collections.tagadodo.deploy.plugins.module_utils._manifest_routes import (
    http_route,
    live_service,
    network_policy,
    shares,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._manifest_slot import (
    autoscaler,
    disruption_budget,
    slot_service,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._workload import Manifest, Workload


def slot_manifests(
    cluster: Cluster, workload: Workload, replicas: t.Optional[int] = None
) -> t.List[Manifest]:
    """What is one slot's alone, in the order in which it is applied. See ``deployment`` for ``replicas``."""
    wanted = (
        slot_service(cluster, workload),
        disruption_budget(cluster, workload),
        deployment(cluster, workload, replicas),
        autoscaler(cluster, workload),
    )
    return [one for one in wanted if one]


def shared_manifests(
    cluster: Cluster, project: str, service: str, settings: t.Mapping[str, t.Any], live: str
) -> t.List[Manifest]:
    """What both slots share, but for the route.

    Args:
        live: the slot that other pods of the cluster reach, and users where there is no gateway.
    """
    return [
        live_service(cluster, project, service, settings["port"], live),
        network_policy(cluster, project, service, settings),
    ]


def route_manifests(
    cluster: Cluster,
    project: str,
    service: str,
    settings: t.Mapping[str, t.Any],
    slot: str,
    percent: int,
    probe: t.Optional[t.Tuple[str, str, str]] = None,
) -> t.List[Manifest]:
    """The route that gives a slot its share; nothing where there is no gateway."""
    if cluster.gateway is None:
        return []
    weights = shares(slot, percent)
    return [http_route(cluster, project, service, settings, weights, probe)]
