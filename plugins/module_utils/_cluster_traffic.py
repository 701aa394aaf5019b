# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This module util is PRIVATE to the collection.
"""The traffic switch of a cluster: weights of an HTTPRoute, or what a Service selects where there is no gateway.

A Service has no weights. Between 0 and 100 % it leads to the pods of both slots, so that a slot's share is that of its
pods: one of four is 25 %. What was asked for is noted at the Service. A gateway moves requests, a Service connections:
one that is kept alive stays where it is until its pod ends.
"""

from __future__ import annotations

import time
import typing as t

from ansible_collections.tagadodo.deploy.plugins.module_utils._cluster import Cluster
from ansible_collections.tagadodo.deploy.plugins.module_utils._kube_api import (
    Api,
    KubeError,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._pods import Pods, is_ready
from ansible_collections.tagadodo.deploy.plugins.module_utils._service import SLOTS
from ansible_collections.tagadodo.deploy.plugins.module_utils._split import (
    GREEN,
    Counts,
    Split,
    TrafficError,
    green_buckets,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._traffic import POLL, Shift
from ansible_collections.tagadodo.deploy.plugins.module_utils._workload import (
    DOMAIN,
    Manifest,
    base_name,
    selector,
    slot_name,
)

ROUTE = ("gateway.networking.k8s.io/v1", "HTTPRoute")
SERVICE = ("v1", "Service")
SHARE = f"{DOMAIN}green"  # percent on green that was asked of a Service
SLOT = f"{DOMAIN}slot"
SLICES_V1 = (1, 21)
READY = 60.0  # seconds for which the kubelet's own readiness probe is waited for
TRIES = 5  # to write, where others write at the same time


class ClusterTraffic:
    """Moves traffic and believes it when the cluster says so.

    Args:
        timeout: seconds the cluster is given to agree.
        clock, sleep: monotonic time and waiting.
    """

    def __init__(
        self,
        api: Api,
        cluster: Cluster,
        project: str,
        timeout: float = 10.0,
        clock: t.Callable[[], float] = time.monotonic,
        sleep: t.Callable[[float], None] = time.sleep,
    ) -> None:
        self._api = api
        self._cluster = cluster
        self._project = project
        self._timeout = timeout
        self._clock = clock
        self._sleep = sleep

    def shares(self, services: t.Iterable[str]) -> t.Dict[str, int]:
        """Percent of traffic on green; 0 of a service that was never released here."""
        return {service: self._share(service) for service in services}

    def shift(
        self,
        shares: t.Mapping[str, int],
        instances: t.Mapping[str, Counts],
        dry: bool = False,
    ) -> Shift:
        """Bring services to their percent on green. How many instances have traffic follows from how many there are.

        Raises:
            TrafficError: a service was never started here (nothing is touched), or the cluster does not follow (the
                former share is put back).
        """
        services = [
            service for service in dict.fromkeys([*shares, *instances]) if service in shares
        ]
        before = {service: self._known_share(service) for service in services}
        splits = {name: Split(green_buckets(share)) for name, share in before.items()}
        after = {name: Split(green_buckets(shares[name])) for name in services}
        if not dry:
            self._move(before, shares)
        return Shift(splits, after, splits != after)

    def _move(self, before: t.Mapping[str, int], shares: t.Mapping[str, int]) -> None:
        for service, green in before.items():
            self._await_ready(service, green, shares[service])
        moved: t.List[str] = []
        try:
            for service in before:
                moved.append(service)
                self._set(service, shares[service])
            for service in before:
                self._confirm(service, shares[service])
        except BaseException:
            for service in moved:
                self._set(service, before[service])
            raise

    def _await_ready(self, service: str, before: int, after: int) -> None:
        """Wait until the cluster finds the pods ready that are to have more users: it leads to no others.

        Raises:
            TrafficError: it does not; nothing is touched.
        """
        if before == after:
            return
        slot = SLOTS[after > before]
        deadline = self._clock() + READY
        while True:
            pods = Pods(self._api, self._project).of(service, slot)
            waiting = [pod["metadata"]["name"] for pod in pods if not is_ready(pod)]
            if pods and not waiting:
                return
            if self._clock() >= deadline:
                what = f"{', '.join(waiting)} is not ready" if waiting else "it has no pod"
                raise TrafficError(
                    f"{service}: {slot} is to have {after if slot == GREEN else 100 - after} % of traffic, and the"
                    f" cluster says after {READY:g} s that {what}"
                )
            self._sleep(POLL)

    def _share(self, service: str) -> int:
        found = self._way(service)
        return _green_of(found, self._slots(service)) if found else 0

    def _known_share(self, service: str) -> int:
        found = self._way(service)
        if found is None:
            kind = ROUTE[1] if self._cluster.gateway else SERVICE[1]
            raise TrafficError(
                f"{service}: there is no {kind} {self._api.namespace}/{base_name(self._project, service)}; a release"
                " makes it with its first instances"
            )
        return _green_of(found, self._slots(service))

    def _slots(self, service: str) -> t.Dict[str, str]:
        """The slots by the names of their Services."""
        return {slot_name(self._project, service, slot): slot for slot in SLOTS}

    def _way(self, service: str) -> t.Optional[Manifest]:
        """What leads users: the route, or the Service."""
        kind = ROUTE if self._cluster.gateway else SERVICE
        return self._api.find(*kind, base_name(self._project, service))

    def _set(self, service: str, green: int) -> None:
        if self._cluster.gateway:
            self._weigh(service, green)
            if green not in (0, 100):
                return
        # What asks the Service from inside the cluster follows the route when all traffic has moved.
        self._select(service, green)

    def _weigh(self, service: str, green: int) -> None:
        slots = self._slots(service)
        for _try in range(TRIES):
            route = self._api.find(*ROUTE, base_name(self._project, service))
            if route is None:
                raise TrafficError(f"{service}: its HTTPRoute is gone")
            for backend in _weighed(route, slots):
                backend["weight"] = green if slots[backend["name"]] == GREEN else 100 - green
            try:
                self._api.replace(route)
                return
            except KubeError as error:
                if error.status != 409:
                    raise
        raise TrafficError(f"{service}: its HTTPRoute is being written by others all the time")

    def _select(self, service: str, green: int) -> None:
        slot = {0: SLOTS[0], 100: SLOTS[1]}.get(green)
        change = {
            "metadata": {"annotations": {SHARE: str(green)}},
            # None takes the key away.
            "spec": {"selector": {**selector(self._project, service), SLOT: slot}},
        }
        self._api.patch(*SERVICE, base_name(self._project, service), change)

    def _confirm(self, service: str, green: int) -> None:
        deadline = self._clock() + self._timeout
        while True:
            problem = self._disagreement(service, green)
            if not problem:
                return
            if self._clock() >= deadline:
                raise TrafficError(
                    f"{service}: the cluster did not follow within {self._timeout:g} s: {problem}."
                    " The former share was put back"
                )
            self._sleep(POLL)

    def _disagreement(self, service: str, green: int) -> str:
        """What the cluster does otherwise; empty when it does as wanted."""
        if self._cluster.gateway:
            return self._not_accepted(service)
        led = self._led_to(service)
        for slot in SLOTS:
            wanted = green > 0 if slot == GREEN else green < 100
            pods = Pods(self._api, self._project).of(service, slot)
            names = {pod["metadata"]["name"] for pod in pods if is_ready(pod)}
            if wanted and names - led:
                return f"its Service does not lead to {min(names - led)} yet"
            if not wanted and names & led:
                return f"its Service still leads to {min(names & led)}"
        return ""

    def _not_accepted(self, service: str) -> str:
        """Why the gateway does not have the route as it is now; empty where it has."""
        route = self._api.find(*ROUTE, base_name(self._project, service)) or {}
        generation = int((route.get("metadata") or {}).get("generation") or 0)
        parents = (route.get("status") or {}).get("parents") or ()
        for parent in parents:
            for one in parent.get("conditions") or ():
                if (
                    one["type"] != "Accepted"
                    or int(one.get("observedGeneration") or 0) < generation
                ):
                    continue
                if one["status"] == "True":
                    return ""
                return f"its gateway refuses the route ({one.get('message') or one.get('reason')})"
        return "its gateway has not taken the route yet"

    def _led_to(self, service: str) -> t.Set[str]:
        """Names of the pods that the Service leads to."""
        name = base_name(self._project, service)
        if self._cluster.version >= SLICES_V1:
            slices = self._api.list(
                "discovery.k8s.io/v1", "EndpointSlice", {"kubernetes.io/service-name": name}
            )
            return {
                str(one["targetRef"]["name"])
                for part in slices
                for one in part.get("endpoints") or ()
                if (one.get("conditions") or {}).get("ready") is not False and "targetRef" in one
            }
        found = self._api.find("v1", "Endpoints", name) or {}
        return {
            str(one["targetRef"]["name"])
            for subset in found.get("subsets") or ()
            for one in subset.get("addresses") or ()
            if "targetRef" in one
        }


def _green_of(way: Manifest, slots: t.Mapping[str, str]) -> int:
    """Percent on green by a route's weights, or by what a Service selects."""
    if way["kind"] == ROUTE[1]:
        weights = dict.fromkeys(SLOTS, 0)
        for backend in _weighed(way, slots):
            weights[slots[backend["name"]]] += int(backend.get("weight", 1))
        total = sum(weights.values())
        return round(100 * weights[GREEN] / total) if total else 0
    selected = (way["spec"].get("selector") or {}).get(SLOT)
    if selected:
        return 100 if selected == GREEN else 0
    noted = (way["metadata"].get("annotations") or {}).get(SHARE, "")
    return int(noted) if noted.isdigit() else 50


def _weighed(route: Manifest, slots: t.Mapping[str, str]) -> t.Iterator[Manifest]:
    """Backends of the rule that users come by: that for probes matches a header."""
    for rule in route["spec"].get("rules") or ():
        if not any(match.get("headers") for match in rule.get("matches") or ()):
            yield from (one for one in rule.get("backendRefs") or () if one["name"] in slots)
