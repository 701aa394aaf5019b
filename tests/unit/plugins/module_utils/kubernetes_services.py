# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Services and clusters that manifests are tried with: the example's, and one that uses every setting there is."""

from __future__ import annotations

import pathlib
import typing as t

import yaml

from ansible_collections.tagadodo.deploy.plugins.module_utils._cluster import Cluster
from ansible_collections.tagadodo.deploy.plugins.module_utils._manifest_pods import migration_job
from ansible_collections.tagadodo.deploy.plugins.module_utils._manifest_settings import (
    config_map,
    config_map_name,
    secret,
    secret_name,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._manifests import (
    route_manifests,
    shared_manifests,
    slot_manifests,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._service import (
    Installation,
    Service,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._workload import (
    Manifest,
    Workload,
    job_name,
)
from ansible_collections.tagadodo.deploy.plugins.plugin_utils._services import (
    parse_services,
    select_services,
)

ROOT = pathlib.Path(__file__).resolve().parents[4]
DEV = yaml.safe_load((ROOT / "inventories/dev/group_vars/all/main.yml").read_text())
PROJECT = "tagadodo"
INSTALLATION = Installation(project=PROJECT)
KEY = b"a key of the environment"
DIGEST = "docker.io/tagadodo/backend@sha256:" + "0a" * 32

EVERYTHING = {
    **DEV["services"]["backend"],
    "hostnames": ["api.example.com", "*.api.example.com"],
    "instances": 3,
    "min_ready": 7,
    "drain": 20,
    "stop_timeout": 15,
    "resources": {"memory": "1g", "cpus": 1.5},
    "security": {
        "user": "1001:1002",
        "tmpfs": ["/tmp", "/var/cache"],
        "capabilities": ["CAP_NET_BIND_SERVICE"],
    },
    "health": {
        "startup_probe": {"initial_delay": 0, "period": 10, "timeout": 3, "failures": 30},
        "ready_probe": {"initial_delay": 10, "period": 5, "timeout": 3, "failures": 3},
        "live_probe": {"initial_delay": 30, "period": 10, "timeout": 5, "failures": 3},
    },
    "kubernetes": {
        "requests": {"memory": "256m", "cpus": 0.25},
        "autoscale": {"most": 10, "cpu": 70},
        "allowed_from": ["shop", "10.20.0.0/16"],
        "service_account": "backend",
    },
}
GATEWAY = {"name": "public", "namespace": "gateways", "section": "https"}


def services() -> t.Dict[str, Service]:
    described = {
        **DEV["services"],
        "everything": {**EVERYTHING, "hostnames": ["every.example.com"]},
    }
    return {one.name: one for one in select_services(parse_services(described), "", "")}


def cluster(version: str = "1.29", gateway: bool = True, **more: t.Any) -> Cluster:
    described = {"version": version, "pull_secrets": ["registry"], **more}
    return Cluster.parse({**described, **({"gateway": GATEWAY} if gateway else {})}, PROJECT)


def workload(service: Service, slot: str = "green", **more: t.Any) -> Workload:
    settings = service.settings
    return Workload.of(
        service,
        INSTALLATION,
        slot,
        DIGEST,
        **{
            "release": "20261129-101500",
            "config_map": config_map_name(PROJECT, service.name, settings["env"]),
            "secret": secret_name(PROJECT, service.name, settings["secrets"], KEY),
            "fingerprint": "0123456789abcdef",
            **more,
        },
    )


def manifests(where: Cluster, service: Service) -> t.List[Manifest]:
    """Everything that a service has while a release of it is under way."""
    name, settings = service.name, service.settings
    made = [
        config_map(where, PROJECT, name, settings["env"]),
        secret(where, PROJECT, name, settings["secrets"], KEY),
    ]
    slots = [
        one
        for slot in ("blue", "green")
        for one in slot_manifests(where, workload(service, slot), replicas=1)
    ]
    migrations = settings.get("migrations")
    green = workload(service)
    jobs = (
        [migration_job(where, green, job_name(PROJECT, name, "up"), migrations["up"], 600)]
        if migrations
        else []
    )
    probe = ("X-Deploy-Probe", "a-token", "green")
    return [
        *(one for one in made if one),
        *slots,
        *shared_manifests(where, PROJECT, name, settings, "blue"),
        *route_manifests(where, PROJECT, name, settings, "green", 10, probe),
        *jobs,
    ]
