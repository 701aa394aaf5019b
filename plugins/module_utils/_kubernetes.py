# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This module util is PRIVATE to the collection.
"""A namespace of a cluster as ``Platform``: ConfigMaps, a Lease, Deployments, and what leads to their pods."""

from __future__ import annotations

import contextlib
import secrets
import time
import typing as t
from dataclasses import replace

from ansible_collections.tagadodo.deploy.plugins.module_utils._cluster import Cluster
from ansible_collections.tagadodo.deploy.plugins.module_utils._cluster_documents import (
    ClusterDocuments,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._cluster_gate import ClusterGates
from ansible_collections.tagadodo.deploy.plugins.module_utils._cluster_lock import ClusterLock
from ansible_collections.tagadodo.deploy.plugins.module_utils._cluster_traffic import (
    ClusterTraffic,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._deployments import Deployments
from ansible_collections.tagadodo.deploy.plugins.module_utils._entry import Entry
from ansible_collections.tagadodo.deploy.plugins.module_utils._instance import Slot, fingerprint
from ansible_collections.tagadodo.deploy.plugins.module_utils._job_runs import JobRuns
from ansible_collections.tagadodo.deploy.plugins.module_utils._kube_api import (
    Api,
    KubeError,
    connect,
    secret_text,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._ledger import Ledger
from ansible_collections.tagadodo.deploy.plugins.module_utils._lock import told_of
from ansible_collections.tagadodo.deploy.plugins.module_utils._pods import Pods
from ansible_collections.tagadodo.deploy.plugins.module_utils._questions import Watched
from ansible_collections.tagadodo.deploy.plugins.module_utils._registry import resolve_tags
from ansible_collections.tagadodo.deploy.plugins.module_utils._report import LATELY, rates_of
from ansible_collections.tagadodo.deploy.plugins.module_utils._service import SLOTS
from ansible_collections.tagadodo.deploy.plugins.module_utils._target import Answer, Request
from ansible_collections.tagadodo.deploy.plugins.module_utils._traffic_metrics import TrafficMetrics
from ansible_collections.tagadodo.deploy.plugins.module_utils._workload import owned_labels

Params = t.Mapping[str, t.Any]

KEY = "key"  # of the Secret with the key for fingerprints


class Kubernetes:
    """One namespace.

    Args:
        project: of the installation, whose objects have its label.
    """

    def __init__(self, api: Api, cluster: Cluster, project: str) -> None:
        self._api = api
        self._cluster = cluster
        self._project = project
        self._pods = Pods(api, project)
        documents = ClusterDocuments(api, project)
        self.documents = documents
        self.lock = ClusterLock(api, project)
        self.gates = ClusterGates(documents)

    def ask(self, request: Request) -> Answer:
        return self._pods.ask(request)

    @classmethod
    def of(cls, raw: t.Mapping[str, t.Any]) -> Kubernetes:
        """
        Args:
            raw: ``deploy_kubernetes`` and the ``project``.

        Raises:
            ClusterError: it is described wrongly.
            KubeError: it is not known, or does not answer.
        """
        described = {key: value for key, value in raw.items() if key != "project"}
        cluster = Cluster.parse(described, raw["project"])
        api = connect(cluster)
        # What the API has decides, not what manifests for any cluster are written for.
        return cls(api, replace(cluster, version=api.version()), raw["project"])

    def looking(self, timeout: float = 5.0) -> Pods:
        return self._pods

    def requests(self) -> TrafficMetrics:
        return TrafficMetrics(self._cluster, self._project)

    def instances(self, params: Params, dry: bool) -> Deployments:
        key = self._key(params["state"] == "started" and not dry)
        return Deployments(self._api, self._cluster, self._project, key, dry)

    @contextlib.contextmanager
    def shifting(self, params: Params) -> t.Iterator[ClusterTraffic]:
        yield self._traffic(params["timeout"])

    def migration_runs(self, params: Params, dry: bool) -> JobRuns:
        slot = Slot(
            service=params["name"],
            slot=SLOTS[0],
            release=params["release"] or "",
            version="",
            image=params["image"],
            runtime=params["runtime"],
            instances=(),
            secrets=params["secrets"],
        )
        # What only looks leaves nothing: its Secret has a name that no release will ever ask for.
        key = secrets.token_bytes(32) if dry else self._key(True)
        deployments = Deployments(self._api, self._cluster, self._project, key, dry)
        timeout = params["commands"]["timeout"]
        return JobRuns(self._api, self._cluster, self._project, deployments, slot, timeout, dry)

    def report(self, params: Params) -> t.Dict[str, t.Any]:
        ledger = Ledger(self.documents)
        releases = {name: ledger.read(name) for name in ledger.services()}
        services = sorted({*params["runtimes"], *releases})
        key = self._key(False)
        return {
            "containers": self._pods.summaries(),
            "shares": self._traffic().shares(services),
            "instances_in_traffic": {},
            "damaged": ledger.damaged(),
            "lock": told_of(self.lock.holder(), self._api.now()),
            "releases": {
                name: known[: params["limit"] or None] for name, known in releases.items()
            },
            "stock": [],
            "fingerprints": {
                name: fingerprint(key, runtime, params["secrets"].get(name, {}))
                for name, runtime in params["runtimes"].items()
            },
            "requests": self._sent_lately(params["logs"]),
            "images": resolve_tags(params["tags"]),
            "servers": {},
            "addresses": {},
        }

    def report_changed(self, changed: t.Collection[str]) -> str:
        """Nothing, see ``report_ended``."""
        return ""

    def report_ended(self, entries: t.Iterable[Entry], written: t.Sequence[str]) -> str:
        """Nothing: the controller writes them, where ``deploy_report_dir`` says."""
        return ""

    def _sent_lately(self, services: t.Iterable[str]) -> t.Dict[str, t.Any]:
        """What users sent, of services that are watched; nothing of those whose counters are not known."""
        watched = [Watched(name, SLOTS[1]) for name in services]
        heard = self.requests().begin(watched, LATELY, time.time())
        return {
            name: rates_of(seen)
            for name, seen in heard.recent.items()
            if not heard.seen[name].problems
        }

    def _traffic(self, timeout: float = 10.0) -> ClusterTraffic:
        return ClusterTraffic(self._api, self._cluster, self._project, timeout)

    def _key(self, make: bool) -> bytes:
        """The installation's own key for fingerprints; empty where none was made yet and none is to be."""
        name = f"{self._project}-fingerprint-key"
        found = self._api.find("v1", "Secret", name)
        if found is None and make:
            with contextlib.suppress(KubeError):  # another may be faster
                self._api.create(
                    {
                        "apiVersion": "v1",
                        "kind": "Secret",
                        "metadata": {
                            "name": name,
                            "namespace": self._api.namespace,
                            "labels": owned_labels(self._project),
                        },
                        "type": "Opaque",
                        "stringData": {KEY: secrets.token_hex(32)},
                    }
                )
            found = self._api.find("v1", "Secret", name)
        return secret_text(found, KEY).encode() if found else b""
