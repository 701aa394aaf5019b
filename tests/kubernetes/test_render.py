# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What ``render.yml`` writes is what an API server takes, and it runs."""

from __future__ import annotations

import json
import os
import pathlib
import sys
import typing as t

import pytest
import requests
from cluster import Cluster
from host import run
from stack import ROOT

PLAYBOOK = str(pathlib.Path(sys.executable).parent / "ansible-playbook")


@pytest.fixture
def rendered(cluster: Cluster, namespace: str) -> t.Callable[[str], pathlib.Path]:
    """Manifests of a service of ``inventories/dev``, where the cluster's kubectl finds them too."""

    def render(service: str) -> pathlib.Path:
        folder = cluster.work / namespace
        settings = {
            "deploy_kubernetes": {"version": "1.20", "namespace": namespace},
            "deploy_registry": os.environ["REGISTRY"],
            **{"render_dir": str(folder), "service": service, "version": "1.0.0"},
        }
        play = (PLAYBOOK, "render.yml", "-i", "inventories/dev", "-e", json.dumps(settings))
        run(*play, cwd=ROOT)
        return folder / service

    return render


def test_a_service_that_was_rendered_answers(
    cluster: Cluster, namespace: str, rendered: t.Callable[[str], pathlib.Path]
) -> None:
    cluster.kubectl("apply", "-k", str(rendered("frontend")))
    cluster.roll_out("tagadodo-frontend-blue", namespace)
    # In a cluster of users something else leads to it.
    name = "tagadodo-frontend"
    reachable = json.dumps({"spec": {"type": "NodePort"}})
    cluster.kubectl("patch", "service", name, "-n", namespace, "-p", reachable)
    answer = requests.get(f"{cluster.url(name, namespace)}/health", timeout=10)
    assert answer.json() == {"status": "ok", "version": "1.0.0"}


def test_whatever_a_service_needs_is_taken(
    cluster: Cluster, namespace: str, rendered: t.Callable[[str], pathlib.Path]
) -> None:
    """Twice the same changes nothing, by server-side apply as releases do it."""
    folder = str(rendered("backend"))
    apply = ("apply", "--server-side", "-k", folder)
    cluster.kubectl(*apply)
    kinds = "deployment,service,configmap,poddisruptionbudget,networkpolicy"
    asked = ("get", kinds, "-n", namespace, "-o", "jsonpath={.items[*].metadata.generation}")
    before = cluster.kubectl(*asked)
    cluster.kubectl(*apply)
    assert cluster.kubectl(*asked) == before
    budget = cluster.get("poddisruptionbudget", "tagadodo-backend-blue", namespace)
    assert budget["spec"]["maxUnavailable"] == 1
