# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The cluster that tests release to does what a release counts on."""

from __future__ import annotations

import os
import time
import typing as t

import pytest
import requests
from cluster import Cluster, Manifest

REGISTRY = os.environ.get("REGISTRY", "")
FRONTEND = f"{REGISTRY}/tagadodo/frontend"
NOBODY_LISTENS = 1


def slot(color: str, version: str, port: int = 8080) -> Manifest:
    """The frontend, once, with the probes that the host's engine has no counterpart of."""
    labels = {"app": "frontend", "slot": color}
    probe = {"httpGet": {"path": "/health", "port": port}, "periodSeconds": 1}
    container = {
        "name": "frontend",
        "image": f"{FRONTEND}:{version}",
        "env": [{"name": "API_URL", "value": "https://api.localhost"}],
        "startupProbe": {**probe, "failureThreshold": 30},
        "readinessProbe": probe,
        # What it asks for is what it may have: the class of pods that are spared when memory runs out.
        "resources": dict.fromkeys(("limits", "requests"), {"cpu": "200m", "memory": "64Mi"}),
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": f"frontend-{color}"},
        "spec": {
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [container]}},
        },
    }


def service(color: str) -> Manifest:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "frontend"},
        "spec": {
            "type": "NodePort",
            "selector": {"app": "frontend", "slot": color},
            "ports": [{"port": 80, "targetPort": 8080}],
        },
    }


def within(namespace: str, *manifests: Manifest) -> list[dict[str, t.Any]]:
    return [{**one, "metadata": {**one["metadata"], "namespace": namespace}} for one in manifests]


def served(url: str) -> str:
    """The version that a new connection comes to."""
    return str(requests.get(f"{url}/health", timeout=5).json()["version"])


def test_a_deployment_becomes_ready_and_answers_on_this_machine(
    cluster: Cluster, namespace: str
) -> None:
    cluster.apply(*within(namespace, slot("blue", "1.0.0"), service("blue")))
    cluster.roll_out("frontend-blue", namespace)
    assert served(cluster.url("frontend", namespace)) == "1.0.0"


def test_a_service_moves_to_other_pods_when_its_selector_does(
    cluster: Cluster, namespace: str
) -> None:
    """Nothing is lost meanwhile, and a connection that is open stays where it is."""
    colors = {"blue": "1.0.0", "green": "1.1.0"}
    slots = [slot(color, version) for color, version in colors.items()]
    cluster.apply(*within(namespace, *slots, service("blue")))
    for color in colors:
        cluster.roll_out(f"frontend-{color}", namespace)
    url = cluster.url("frontend", namespace)
    with requests.Session() as before:
        assert before.get(f"{url}/health", timeout=5).json()["version"] == "1.0.0"
        cluster.apply(*within(namespace, service("green")))
        deadline = time.monotonic() + 30
        while served(url) != "1.1.0":
            assert time.monotonic() < deadline, "the service has not moved"
        assert before.get(f"{url}/health", timeout=5).json()["version"] == "1.0.0"
    assert {served(url) for _number in range(20)} == {"1.1.0"}


def test_a_pod_that_never_gets_ready_is_told_of(cluster: Cluster, namespace: str) -> None:
    cluster.apply(*within(namespace, slot("blue", "1.0.0", port=NOBODY_LISTENS)))
    with pytest.raises(AssertionError, match="Startup probe failed"):
        cluster.roll_out("frontend-blue", namespace, seconds=10)
