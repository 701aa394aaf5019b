# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This module util is PRIVATE to the collection.
"""Settings of pods as immutable objects that are named by what is in them.

A pod that is started again has the settings that it was released with, and a slot goes back to its own.
"""

from __future__ import annotations

import hashlib
import json
import typing as t

from ansible_collections.tagadodo.deploy.plugins.module_utils._cluster import Cluster
from ansible_collections.tagadodo.deploy.plugins.module_utils._instance import fingerprint
from ansible_collections.tagadodo.deploy.plugins.module_utils._workload import (
    Manifest,
    base_name,
    metadata,
    service_labels,
)

Settings = t.Mapping[str, t.Any]


def plain_settings(env: Settings) -> t.Dict[str, str]:
    """As an environment has them, in an order of their own."""
    return {key: str(env[key]) for key in sorted(env)}


def config_map_name(project: str, service: str, env: Settings) -> str:
    """Empty where there are no settings."""
    known = json.dumps(plain_settings(env), separators=(",", ":"))
    told = hashlib.sha256(known.encode()).hexdigest()[:16]
    return f"{base_name(project, service)}-env-{told}" if env else ""


def secret_name(project: str, service: str, secrets: Settings, key: bytes) -> str:
    """Empty where there are no secrets. Its digits give nothing away to who has not the key."""
    told = fingerprint(key, {}, plain_settings(secrets))
    return f"{base_name(project, service)}-secrets-{told}" if secrets else ""


def given_secret_name(project: str, service: str) -> str:
    """Of the Secret that people make by their own means."""
    return f"{base_name(project, service)}-secrets"


def config_map(cluster: Cluster, project: str, service: str, env: Settings) -> t.Optional[Manifest]:
    """None where there are no settings."""
    if not env:
        return None
    name = config_map_name(project, service, env)
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": metadata(cluster, name, service_labels(project, service)),
        "immutable": True,
        "data": plain_settings(env),
    }


def secret(
    cluster: Cluster, project: str, service: str, secrets: Settings, key: bytes
) -> t.Optional[Manifest]:
    """None where there are none. What it returns holds their values: for the API alone, never for a file or a diff."""
    if not secrets:
        return None
    name = secret_name(project, service, secrets, key)
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": metadata(cluster, name, service_labels(project, service)),
        "immutable": True,
        "type": "Opaque",
        "stringData": plain_settings(secrets),
    }
