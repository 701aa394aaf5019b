# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This module util is PRIVATE to the collection.
"""Bring the slots of a cluster to a state: started, stopped or absent. A slot is a Deployment, and stopped when it has
no pods: its settings stay, and going back starts it again."""

from __future__ import annotations

import math
import time
import typing as t
from dataclasses import replace

from ansible_collections.tagadodo.deploy.plugins.module_utils._cluster import Cluster
from ansible_collections.tagadodo.deploy.plugins.module_utils._cluster_traffic import ClusterTraffic
from ansible_collections.tagadodo.deploy.plugins.module_utils._containers import in_parallel
from ansible_collections.tagadodo.deploy.plugins.module_utils._instance import Slot, fingerprint
from ansible_collections.tagadodo.deploy.plugins.module_utils._instances import (
    Result,
    action,
    report,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._kube_api import (
    Api,
    KubeError,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._manifest_routes import (
    live_service,
    network_policy,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._manifest_settings import (
    config_map,
    config_map_name,
    secret,
    secret_name,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._manifest_slot import (
    BUDGET,
    SCALER,
    budget_version,
    scaler_version,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._manifests import (
    route_manifests,
    slot_manifests,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._service import SLOTS, other_slot
from ansible_collections.tagadodo.deploy.plugins.module_utils._split import GREEN
from ansible_collections.tagadodo.deploy.plugins.module_utils._workload import (
    DOMAIN,
    Manifest,
    Workload,
    selector,
    slot_name,
)

APPS = ("apps/v1", "Deployment")
POLL = 0.2  # seconds between two looks at pods that are to end
LATE = 60.0  # seconds in which the cluster has to tell pods that they end

Action = t.Dict[str, str]


class Deployments:
    """The slots of an installation in one namespace.

    Args:
        key: of the installation, for fingerprints.
        dry: only say what would be done.
        clock, sleep: seconds, monotonic; replaced in tests.
    """

    def __init__(
        self,
        api: Api,
        cluster: Cluster,
        project: str,
        key: bytes,
        dry: bool,
        clock: t.Callable[[], float] = time.monotonic,
        sleep: t.Callable[[float], None] = time.sleep,
    ) -> None:
        self._api = api
        self._cluster = cluster
        self._project = project
        self._key = key
        self._dry = dry
        self._clock = clock
        self._sleep = sleep

    def bring(self, state: str, slots: t.Sequence[Slot]) -> Result:
        """What was done, or in check mode would be.

        Args:
            state: pulled (nodes do that when pods start), started, stopped or absent.

        Raises:
            KubeError: the cluster refuses, or pods do not end.
        """
        bringing = {"started": self._start, "stopped": self._stop, "absent": self._remove}
        if state not in bringing:
            return report([])
        actions = [one for done in in_parallel(bringing[state], slots) for one in done]
        return report(actions, **({"drained": {}} if state == "stopped" else {}))

    def discard(self, images: t.Sequence[str]) -> t.Tuple[t.List[Action], t.List[str]]:
        """Nothing: images are the nodes' business."""
        return [], []

    def _start(self, slot: Slot) -> t.List[Action]:
        """Make a slot's pods be exactly as many, and as they are described."""
        workload = self.workload(slot)
        found, wanted = self._found(slot), self._wanted(slot, workload)
        reason = _difference(workload, found)
        if found and not reason:
            return self._grow(slot, workload, found, wanted)
        if not self._dry:
            if found and _replicas(found):
                self._clear(slot)
            self.apply_settings(slot)
            for manifest in (*self._shared(slot), *self._own(slot, workload, wanted)):
                self._api.apply(manifest)
        done = "replace" if found else "create"
        return [action(workload.name, done, reason or "missing")]

    def _wanted(self, slot: Slot, workload: Workload) -> int:
        """How many pods are to run. Where they scale themselves, as large a part of those that users have by now."""
        named, other = len(slot.instances), replace(slot, slot=other_slot(slot.slot))
        if not workload.most or not slot.of:
            return named
        found = self._found(other)
        return math.ceil(named * max(slot.of, _replicas(found) if found else 0) / slot.of)

    def _own(self, slot: Slot, workload: Workload, wanted: int) -> t.List[Manifest]:
        """What is the slot's alone; it scales itself when it is whole."""
        made = slot_manifests(self._cluster, workload, wanted)
        whole = len(slot.instances) >= slot.of
        return [one for one in made if whole or one["kind"] != SCALER]

    def _grow(self, slot: Slot, workload: Workload, found: Manifest, wanted: int) -> t.List[Action]:
        """Bring a slot that is as described to its pods; one that scales itself may have more."""
        now = _replicas(found)
        if now == wanted or (workload.most and now > wanted):
            return []
        if not self._dry:
            for manifest in self._own(slot, workload, wanted):
                self._api.apply(manifest)
        return [_scaled(found, wanted, "missing")]

    def _stop(self, slot: Slot) -> t.List[Action]:
        """Take some of a slot's instances, or all of them, away; each answers until its drain time is over."""
        found = self._found(slot)
        if found is None:
            return []
        left = _replicas(found)
        if slot.instances:
            left -= sum(1 for one in slot.instances if one.number <= left)
        else:
            left = 0
        done = self._scale(found, left, "its slot is left")
        if done and not self._dry:
            self._await_pods(slot, left)
        if not left and not self._dry:
            self._forget_settings(slot.service)
        return done

    def _remove(self, slot: Slot) -> t.List[Action]:
        """What is the slot's alone. What leads to it stays: traffic has left it before."""
        name = slot_name(self._project, slot.service, slot.slot)
        found = self._found(slot)
        if found is None:
            return []
        if not self._dry:
            self._api.delete(*APPS, name)
            self._api.delete("v1", "Service", name)
            self._api.delete(budget_version(self._cluster), BUDGET, name)
            self._api.delete(scaler_version(self._cluster), SCALER, name)
            self._forget_settings(slot.service)
        return [action(name, "remove", "not wanted")]

    def _scale(self, found: Manifest, wanted: int, reason: str) -> t.List[Action]:
        if _replicas(found) == wanted:
            return []
        if not self._dry:
            self._api.patch(*APPS, found["metadata"]["name"], {"spec": {"replicas": wanted}})
        return [_scaled(found, wanted, reason)]

    def _clear(self, slot: Slot) -> None:
        """End the pods of another release that were left in the slot. They have no users."""
        name = slot_name(self._project, slot.service, slot.slot)
        self._api.patch(*APPS, name, {"spec": {"replicas": 0}})
        self._await_pods(slot, 0)

    def _await_pods(self, slot: Slot, most: int) -> None:
        """Wait until a slot has no more pods than that, those apart that are on their way out: nodes end them when their
        own time is over, and nobody need wait for it.

        Raises:
            KubeError: it still has.
        """
        deadline = self._clock() + LATE
        labels = selector(self._project, slot.service, slot.slot)
        while True:
            pods = self._api.list("v1", "Pod", labels)
            left = [pod for pod in pods if not pod["metadata"].get("deletionTimestamp")]
            if len(left) <= most:
                return
            if self._clock() >= deadline:
                names = ", ".join(pod["metadata"]["name"] for pod in left[most:])
                raise KubeError(f"pods are not told to end within {LATE:.0f} s: {names}")
            self._sleep(POLL)

    def workload(self, slot: Slot) -> Workload:
        """What a slot's pods are made from."""
        runtime = slot.runtime
        return Workload(
            project=self._project,
            service=slot.service,
            slot=slot.slot,
            version=slot.version,
            image=slot.image,
            settings=runtime,
            instances=max(slot.of, len(slot.instances)),
            drain=int(runtime.get("drain") or 0),
            release=slot.release,
            config_map=config_map_name(self._project, slot.service, runtime["env"]),
            secret=secret_name(self._project, slot.service, slot.secrets, self._key),
            fingerprint=fingerprint(self._key, runtime, slot.secrets),
        )

    def apply_settings(self, slot: Slot) -> None:
        """Make the immutable objects with a slot's settings, where they are not there yet."""
        made = (
            config_map(self._cluster, self._project, slot.service, slot.runtime["env"]),
            secret(self._cluster, self._project, slot.service, slot.secrets, self._key),
        )
        for one in made:
            if one and not self._is_there(one):
                self._api.apply(one)

    def _shared(self, slot: Slot) -> t.List[Manifest]:
        """What both slots share. Where traffic goes stays as it is: a shift changes it."""
        settings, service = slot.runtime, slot.service
        live = live_service(self._cluster, self._project, service, settings["port"], SLOTS[0])
        return [
            network_policy(self._cluster, self._project, service, settings),
            *([] if self._is_there(live) else [live]),
            *self._route(slot),
        ]

    def _route(self, slot: Slot) -> t.List[Manifest]:
        if self._cluster.gateway is None:
            return []
        service = slot.service
        green = ClusterTraffic(self._api, self._cluster, self._project).shares([service])[service]
        return route_manifests(self._cluster, self._project, service, slot.runtime, GREEN, green)

    def _is_there(self, wanted: Manifest) -> bool:
        name = wanted["metadata"]["name"]
        return self._api.find(wanted["apiVersion"], wanted["kind"], name) is not None

    def _found(self, slot: Slot) -> t.Optional[Manifest]:
        return self._api.find(*APPS, slot_name(self._project, slot.service, slot.slot))

    def _forget_settings(self, service: str) -> None:
        """Remove ConfigMaps and Secrets that no slot of the service has any more."""
        labels = selector(self._project, service)
        used = {
            name
            for one in self._api.list(*APPS, labels)
            for name in _settings_of(one["spec"]["template"]["spec"])
        }
        for kind in ("ConfigMap", "Secret"):
            for one in self._api.list("v1", kind, labels):
                name = one["metadata"]["name"]
                if one.get("immutable") and f"{kind}/{name}" not in used:
                    self._api.delete("v1", kind, name)


def _difference(workload: Workload, found: t.Optional[Manifest]) -> str:
    """Why a Deployment is not the wanted one; empty where it is, or where there is none."""
    if found is None:
        return ""
    labels = found["spec"]["template"]["metadata"].get("labels") or {}
    noted = found["spec"]["template"]["metadata"].get("annotations") or {}
    differs = [
        key
        for key, same in {
            "release": labels.get(f"{DOMAIN}release") == workload.labels.get(f"{DOMAIN}release"),
            "image": noted.get(f"{DOMAIN}image") == workload.image,
            "fingerprint": noted.get(f"{DOMAIN}fingerprint") == workload.fingerprint,
        }.items()
        if not same
    ]
    return "other " + ", ".join(differs) if differs else ""


def _scaled(found: Manifest, wanted: int, reason: str) -> Action:
    return action(f"{found['metadata']['name']}: {_replicas(found)} → {wanted}", "scale", reason)


def _replicas(found: Manifest) -> int:
    return int(found["spec"].get("replicas", 1))


def _settings_of(pod: t.Mapping[str, t.Any]) -> t.Iterator[str]:
    """``Kind/name`` of what a pod's containers have their environment from."""
    for container in pod["containers"]:
        for source in container.get("envFrom") or ():
            if "configMapRef" in source:
                yield f"ConfigMap/{source['configMapRef']['name']}"
            if "secretRef" in source:
                yield f"Secret/{source['secretRef']['name']}"
