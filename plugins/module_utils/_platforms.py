# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This module util is PRIVATE to the collection.
"""Which platform a module works on, as its arguments say."""

from __future__ import annotations

import typing as t

from ansible_collections.tagadodo.deploy.plugins.module_utils._docker_host import DockerHost
from ansible_collections.tagadodo.deploy.plugins.module_utils._platform import Platform

# For modules that work on either; the documentation fragment CLUSTER describes it.
CLUSTER: t.Dict[str, t.Any] = {"cluster": {"type": "dict", "default": {}}}


def platform_of(params: t.Mapping[str, t.Any]) -> Platform:
    """
    Args:
        params: of a module: its ``cluster``, else its ``state_dir``, where it has any.

    Raises:
        ClusterError: the cluster is described wrongly.
        EngineError: nothing says where it is.
    """
    if params.get("cluster"):
        # Most modules work on hosts, and need not wait for what they do not use.
        from ansible_collections.tagadodo.deploy.plugins.module_utils._kubernetes import Kubernetes

        return Kubernetes.of(params["cluster"])
    return DockerHost(params.get("state_dir") or "")
