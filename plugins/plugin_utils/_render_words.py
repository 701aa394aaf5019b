# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This plugin util is PRIVATE to the collection.
"""What a render says to people, in a file beside the manifests."""

from __future__ import annotations

import typing as t

from ansible_collections.tagadodo.deploy.plugins.module_utils._cluster import Cluster
from ansible_collections.tagadodo.deploy.plugins.module_utils._manifest_settings import (
    given_secret_name,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._service import Service
from ansible_collections.tagadodo.deploy.plugins.plugin_utils._render_before import mark


def readme(cluster: Cluster, project: str, services: t.Sequence[Service]) -> str:
    """Which Secrets have to be there, and how it is all applied."""
    namespace = cluster.namespace
    lines = [
        f"<!-- {mark('README.md')} -->",
        f"# Manifests of {project}",
        "",
        "```console",
        "$ kubectl apply --server-side -k .",
        "```",
        "",
        f"All of it is for the namespace `{namespace}`, which has to be there. So have these Secrets, whose values no file",
        "here holds. Make them by your own means (External Secrets, Sealed Secrets), or by hand from a file with a line",
        "`KEY=value` for each key. Pods read them when they start: after a change, restart them.",
    ]
    for service in services:
        lines += _secret_lines(given_secret_name(project, service.name), namespace, service)
    return "\n".join(lines) + "\n"


def _secret_lines(name: str, namespace: str, service: Service) -> t.List[str]:
    if not service.secrets:
        return []
    made = f"kubectl create secret generic {name} --namespace {namespace}"
    return [
        "",
        f"## `{name}`",
        "",
        *(f"- `{key}`" for key in sorted(service.secrets)),
        "",
        "```console",
        f"$ {made} --from-env-file={service.name}.env",
        "```",
    ]
