# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This module util is PRIVATE to the collection.
"""Pods: those of a slot (Deployment), and one that runs a migration's command (Job)."""

from __future__ import annotations

import re
import typing as t

from ansible_collections.tagadodo.deploy.plugins.module_utils._cluster import Cluster
from ansible_collections.tagadodo.deploy.plugins.module_utils._instance import bytes_of
from ansible_collections.tagadodo.deploy.plugins.module_utils._workload import (
    DOMAIN,
    PORT,
    Manifest,
    Workload,
    metadata,
    service_labels,
)

# Seconds until every proxy has heard that a pod leaves; until then it goes on answering.
LEAVING = 5
# Seconds that a pod may take to be scheduled and to pull its image, before its startup counts.
PULLING = 300
# ReplicaSets of earlier releases. A rollback goes to the other slot, or applies what the ledger has.
HISTORY = 3
NATIVE_SLEEP = (1, 30)
# A Job and its log stay for so long after it has ended.
JOB_KEPT = 24 * 3600


def deployment(cluster: Cluster, workload: Workload, replicas: t.Optional[int] = None) -> Manifest:
    """
    Args:
        replicas: how many pods are started now. As many as it has instances where that is not said, and where they
            scale themselves as many as there are.
    """
    wanted = workload.instances if replicas is None and not workload.most else replicas
    settings = workload.settings
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": metadata(cluster, workload.name, workload.labels, workload.annotations),
        "spec": {
            **({} if wanted is None else {"replicas": wanted}),
            "revisionHistoryLimit": HISTORY,
            "minReadySeconds": int(settings.get("min_ready") or 0),
            "progressDeadlineSeconds": _deadline(settings),
            "strategy": {
                "type": "RollingUpdate",
                "rollingUpdate": {"maxUnavailable": 0, "maxSurge": workload.surge},
            },
            "selector": {"matchLabels": workload.selector},
            "template": {
                "metadata": {"labels": workload.labels, "annotations": workload.annotations},
                "spec": {
                    **_pod(cluster, workload),
                    "terminationGracePeriodSeconds": _leaving(workload)
                    + int(settings["stop_timeout"]),
                    "topologySpreadConstraints": [
                        {
                            "maxSkew": 1,
                            "topologyKey": "kubernetes.io/hostname",
                            "whenUnsatisfiable": "ScheduleAnyway",
                            "labelSelector": {"matchLabels": workload.selector},
                        }
                    ],
                    "containers": [_serving(cluster, workload)],
                },
            },
        },
    }


def migration_job(
    cluster: Cluster, workload: Workload, name: str, command: t.Sequence[str], seconds: int
) -> Manifest:
    """A Job that runs a command once, from the image of a slot that need not run yet.

    Args:
        name: see ``job_name``.
        seconds: that it may take.
    """
    # No label of a slot: no Service, Deployment or budget takes it for one of theirs.
    labels = {
        **service_labels(workload.project, workload.service),
        "app.kubernetes.io/component": "migration",
        **{key: workload.labels[key] for key in _OF_RELEASE if key in workload.labels},
    }
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": metadata(cluster, name, labels, workload.annotations),
        "spec": {
            "backoffLimit": 0,
            "activeDeadlineSeconds": seconds,
            "ttlSecondsAfterFinished": JOB_KEPT,
            "template": {
                "metadata": {"labels": labels, "annotations": workload.annotations},
                "spec": {
                    **_pod(cluster, workload),
                    "restartPolicy": "Never",
                    "containers": [{**_container(workload), "command": list(command)}],
                },
            },
        },
    }


_OF_RELEASE = ("app.kubernetes.io/version", f"{DOMAIN}release")


def quantity(size: str) -> str:
    """``512m`` of memory as Kubernetes writes it (``512Mi``), to whom ``512m`` would be half a byte."""
    count = bytes_of(size)
    for unit, factor in (("Gi", 2**30), ("Mi", 2**20), ("Ki", 2**10)):
        if count and count % factor == 0:
            return f"{count // factor}{unit}"
    return str(count)


def processors(count: float) -> str:
    """Cores as Kubernetes writes them: ``2``, ``250m``."""
    thousandths = max(round(count * 1000), 1)
    return f"{thousandths}m" if thousandths % 1000 else str(thousandths // 1000)


def _deadline(settings: t.Mapping[str, t.Any]) -> int:
    """Seconds after which a slot that does not come up has failed."""
    waits = sum(
        probe["initial_delay"] + probe["period"] * probe["failures"] + probe["timeout"]
        for probe in (settings["health"]["startup_probe"], settings["health"]["ready_probe"])
    )
    return PULLING + int(waits) + int(settings.get("min_ready") or 0)


def _leaving(workload: Workload) -> int:
    """Seconds between a pod's last request by a new connection, at the earliest, and the signal that ends it.

    On hosts somebody looks at its connections, and ends it as soon as there are none. Here the kubelet only waits.
    """
    return max(LEAVING, workload.drain)


def _pod(cluster: Cluster, workload: Workload) -> Manifest:
    """What a pod has whatever it runs."""
    account = workload.cluster_settings.get("service_account") or ""
    pulling = [{"name": name} for name in cluster.pull_secrets]
    volumes = [
        {"name": name, "emptyDir": {"medium": "Memory"}} for name, _path in _writable(workload)
    ]
    return {
        **({"serviceAccountName": account} if account else {}),
        # Who names an account wants what it may do.
        "automountServiceAccountToken": bool(account),
        "enableServiceLinks": False,
        "securityContext": {"seccompProfile": {"type": "RuntimeDefault"}},
        **({"imagePullSecrets": pulling} if pulling else {}),
        **({"volumes": volumes} if volumes else {}),
    }


def _container(workload: Workload) -> Manifest:
    """What a container has whatever it runs."""
    mounts = [{"name": name, "mountPath": path} for name, path in _writable(workload)]
    sources = [
        *([{"configMapRef": {"name": workload.config_map}}] if workload.config_map else []),
        *([{"secretRef": {"name": workload.secret}}] if workload.secret else []),
    ]
    return {
        "name": workload.service,
        "image": workload.image,
        "imagePullPolicy": "IfNotPresent",
        **({"envFrom": sources} if sources else {}),
        "resources": _resources(workload),
        "securityContext": _security(workload.settings["security"]),
        **({"volumeMounts": mounts} if mounts else {}),
    }


def _serving(cluster: Cluster, workload: Workload) -> Manifest:
    health = workload.settings["health"]
    return {
        **_container(workload),
        "ports": [{"name": PORT, "containerPort": workload.settings["port"], "protocol": "TCP"}],
        "startupProbe": probe(health["startup"], health["startup_probe"]),
        "readinessProbe": probe(health["ready"], health["ready_probe"]),
        "livenessProbe": probe(health["live"], health["live_probe"]),
        "lifecycle": {"preStop": _sleep(cluster, _leaving(workload))},
    }


def probe(path: str, pace: t.Mapping[str, int]) -> Manifest:
    """S10.4's probes; ``pace`` is ``health.startup_probe`` and the like."""
    return {
        "httpGet": {"path": path, "port": PORT, "scheme": "HTTP"},
        "initialDelaySeconds": pace["initial_delay"],
        "periodSeconds": pace["period"],
        "timeoutSeconds": pace["timeout"],
        "successThreshold": pace["successes"],
        "failureThreshold": pace["failures"],
    }


def _sleep(cluster: Cluster, seconds: int) -> Manifest:
    """Its kubelet waits; before 1.30 the image has to have a sleep."""
    if cluster.version >= NATIVE_SLEEP:
        return {"sleep": {"seconds": seconds}}
    return {"exec": {"command": ["sleep", str(seconds)]}}


def _resources(workload: Workload) -> Manifest:
    limits = workload.settings["resources"]
    asked = workload.cluster_settings.get("requests") or {}
    cpus = asked.get("cpus") or limits["cpus"]
    return {
        "requests": {
            "memory": quantity(asked.get("memory") or limits["memory"]),
            **({"cpu": processors(cpus)} if cpus else {}),
        },
        "limits": {
            "memory": quantity(limits["memory"]),
            **({"cpu": processors(limits["cpus"])} if limits["cpus"] else {}),
        },
    }


def _security(security: t.Mapping[str, t.Any]) -> Manifest:
    """
    Args:
        security: its user is a number, with or without a group's, or empty: the image says then who it runs as.
    """
    kept = [re.sub(r"^CAP_", "", name.upper()) for name in security["capabilities"]]
    user, _colon, group = security["user"].partition(":")
    return {
        **({"runAsUser": int(user), "runAsNonRoot": int(user) != 0} if user else {}),
        **({"runAsGroup": int(group)} if group else {}),
        "readOnlyRootFilesystem": bool(security["read_only"]),
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"], **({"add": kept} if kept else {})},
    }


def _writable(workload: Workload) -> t.List[t.Tuple[str, str]]:
    """Names and paths of directories in memory."""
    return [
        (f"tmpfs-{number}", path)
        for number, path in enumerate(workload.settings["security"]["tmpfs"], 1)
    ]
