# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This module util is PRIVATE to the collection.
"""What else belongs to one slot: its Service, its budget of disruptions, and how it scales."""

from __future__ import annotations

import typing as t

from ansible_collections.tagadodo.deploy.plugins.module_utils._cluster import Cluster
from ansible_collections.tagadodo.deploy.plugins.module_utils._workload import (
    PORT,
    Manifest,
    Workload,
    metadata,
)

BUDGET, SCALER = "PodDisruptionBudget", "HorizontalPodAutoscaler"
BUDGET_V1 = (1, 21)
SCALER_V2 = (1, 23)


def budget_version(cluster: Cluster) -> str:
    """Of the API of budgets."""
    return "policy/v1" if cluster.version >= BUDGET_V1 else "policy/v1beta1"


def scaler_version(cluster: Cluster) -> str:
    """Of the API of what scales."""
    return f"autoscaling/{'v2' if cluster.version >= SCALER_V2 else 'v2beta2'}"


def service_of(
    cluster: Cluster,
    name: str,
    labels: t.Mapping[str, str],
    selector: t.Mapping[str, str],
    port: int,
) -> Manifest:
    """A Service that leads to the pods of these labels."""
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": metadata(cluster, name, labels),
        "spec": {
            "type": "ClusterIP",
            "selector": dict(selector),
            "ports": [{"name": PORT, "port": port, "targetPort": PORT, "protocol": "TCP"}],
        },
    }


def slot_service(cluster: Cluster, workload: Workload) -> Manifest:
    return service_of(
        cluster,
        workload.name,
        workload.labels,
        workload.selector,
        workload.settings["port"],
    )


def disruption_budget(cluster: Cluster, workload: Workload) -> t.Optional[Manifest]:
    """A node that is emptied takes one pod at a time. None where there is only one: it would keep nothing up."""
    if max(workload.instances, workload.most) < 2:
        return None
    return {
        "apiVersion": budget_version(cluster),
        "kind": BUDGET,
        "metadata": metadata(cluster, workload.name, workload.labels),
        "spec": {"maxUnavailable": 1, "selector": {"matchLabels": workload.selector}},
    }


def autoscaler(cluster: Cluster, workload: Workload) -> t.Optional[Manifest]:
    """None where ``kubernetes.autoscale`` is not set."""
    if not workload.most:
        return None
    cpu = workload.cluster_settings["autoscale"]["cpu"]
    return {
        "apiVersion": scaler_version(cluster),
        "kind": SCALER,
        "metadata": metadata(cluster, workload.name, workload.labels),
        "spec": {
            "scaleTargetRef": {
                "apiVersion": "apps/v1",
                "kind": "Deployment",
                "name": workload.name,
            },
            "minReplicas": workload.instances,
            "maxReplicas": max(workload.most, workload.instances),
            "metrics": [
                {
                    "type": "Resource",
                    "resource": {
                        "name": "cpu",
                        "target": {"type": "Utilization", "averageUtilization": cpu},
                    },
                }
            ],
        },
    }
