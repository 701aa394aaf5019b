# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This module util is PRIVATE to the collection.
"""Pods as instances: ``PROJECT-SERVICE-SLOT-2`` is the second pod of that slot by age, whatever its own name is.

One that is on its way out is none any more. Questions reach a pod through the API, wherever they are asked from.
"""

from __future__ import annotations

import re
import threading
import time
import typing as t
import urllib.parse

from ansible_collections.tagadodo.deploy.plugins.module_utils._engine import ContainerState
from ansible_collections.tagadodo.deploy.plugins.module_utils._http_probe import ask as ask_directly
from ansible_collections.tagadodo.deploy.plugins.module_utils._kube_api import (
    Api,
    KubeError,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._service import SLOTS
from ansible_collections.tagadodo.deploy.plugins.module_utils._target import Answer, Request
from ansible_collections.tagadodo.deploy.plugins.module_utils._workload import (
    DOMAIN,
    PORT,
    Manifest,
    selector,
    slot_name,
)

FRESH = 0.2  # seconds for which a list of pods is good

# Why a container waits that no waiting helps; ErrImagePull is tried again, and becomes ImagePullBackOff.
_STUCK = {
    "ImagePullBackOff": "cannot have its image",
    "InvalidImageName": "cannot have its image",
    "ErrImageNeverPull": "cannot have its image",
    "CreateContainerConfigError": "cannot be made",
    "CreateContainerError": "cannot be made",
    "RunContainerError": "cannot be started",
}
_NOT_PROXIED = ("host", "content-length")


class Pods:
    """The pods of an installation.

    Args:
        clock: seconds, monotonic.
    """

    def __init__(
        self, api: Api, project: str, clock: t.Callable[[], float] = time.monotonic
    ) -> None:
        self._api = api
        self._project = project
        self._clock = clock
        self._known: t.Dict[str, t.Tuple[float, t.List[Manifest]]] = {}
        self._lock = threading.Lock()

    def of(self, service: str, slot: str) -> t.List[Manifest]:
        """Those of a slot, the oldest first."""
        key = slot_name(self._project, service, slot)
        with self._lock:
            at, pods = self._known.get(key, (0.0, []))
            if not at or self._clock() - at > FRESH:
                labels = selector(self._project, service, slot)
                pods = _staying(self._api.list("v1", "Pod", labels))
                self._known[key] = (self._clock(), pods)
            return pods

    def summaries(self) -> t.List[t.Dict[str, t.Any]]:
        """All of them, as ``Found.summary`` tells of containers."""
        labels = {f"{DOMAIN}project": self._project}
        by_slot: t.Dict[t.Tuple[str, str], t.List[Manifest]] = {}
        for pod in _staying(self._api.list("v1", "Pod", labels)):
            known = pod["metadata"]["labels"]
            key = (known.get(f"{DOMAIN}service", ""), known.get(f"{DOMAIN}slot", ""))
            if key[1] in SLOTS:
                by_slot.setdefault(key, []).append(pod)
        return [
            self._summary(service, slot, number, pod)
            for (service, slot), pods in sorted(by_slot.items())
            for number, pod in enumerate(pods, 1)
        ]

    def state(self, container: str) -> ContainerState:
        """How an instance is. One that is not there may be about to come: its Deployment says how many there are."""
        pod = self._named(container)
        return state_of(container, pod) if pod else ContainerState(container, True, "pending")

    def logs(self, container: str, lines: int) -> t.Tuple[str, ...]:
        """The last lines that it has written; those of the process before, where it has only just begun again.

        Raises:
            KubeError: the cluster does not say.
        """
        pod = self._named(container)
        if pod is None:
            return ()
        before = {"previous": "true"} if _ended_before(pod) else {}
        log = self._api.log(pod, tailLines=str(lines), **before)
        if log is None:
            raise KubeError(f"the log of {container} cannot be read")
        return tuple(log.splitlines())

    def close(self) -> None:
        """Nothing is open."""

    def ask(self, request: Request) -> Answer:
        """Send a request to the instance or Service that it names, else to the address that it names."""
        if not (request.container or request.service):
            return ask_directly(request)
        try:
            if request.service:
                return self._proxied(request, "Service", f"{request.service}:{PORT}")
            pod = self._named(request.container)
            if pod is None:
                return Answer(error="has no pod yet")
            if not pod["status"].get("podIP"):
                return Answer(error=_waiting(pod))
            return self._proxied(request, "Pod", f"{pod['metadata']['name']}:{_port(pod)}")
        except KubeError as error:
            return Answer(error=str(error))

    def _proxied(self, request: Request, kind: str, name: str) -> Answer:
        parts = urllib.parse.urlsplit(request.url)
        named = f"{parts.scheme}:{name}"
        path = self._api.path("v1", kind, named, "proxy", parts.path.lstrip("/"))
        headers = {k: v for k, v in request.headers.items() if k.lower() not in _NOT_PROXIED}
        query = urllib.parse.parse_qsl(parts.query)
        reply = self._api.ask(request.method, path, query, timeout=request.timeout, headers=headers)
        return Answer(reply.status, reply.body)

    def _named(self, container: str) -> t.Optional[Manifest]:
        service, slot, number = parted(self._project, container)
        pods = self.of(service, slot)
        return pods[number - 1] if number <= len(pods) else None

    def _summary(self, service: str, slot: str, number: int, pod: Manifest) -> t.Dict[str, t.Any]:
        name = f"{slot_name(self._project, service, slot)}-{number}"
        state, noted = state_of(name, pod), pod["metadata"].get("annotations") or {}
        return {
            "name": name,
            "running": state.running,
            "status": state.stuck or state.status,
            "health": "healthy" if is_ready(pod) else "starting",
            "started_at": state.started_at,
            "number": number,
            "service": service,
            "slot": slot,
            "release": pod["metadata"]["labels"].get(f"{DOMAIN}release", ""),
            **{key: noted.get(DOMAIN + key, "") for key in ("version", "image", "fingerprint")},
        }


def parted(project: str, container: str) -> t.Tuple[str, str, int]:
    """Service, slot and number that the name of an instance says.

    Raises:
        KubeError: it is none.
    """
    match = re.fullmatch(rf"{re.escape(project)}-(.+)-({'|'.join(SLOTS)})-(\d+)", container)
    if match is None:
        raise KubeError(f"{container} is no instance of {project}")
    return match.group(1), match.group(2), int(match.group(3))


def is_ready(pod: Manifest) -> bool:
    """Whether Services lead to it."""
    conditions = pod["status"].get("conditions") or ()
    return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)


def state_of(container: str, pod: Manifest) -> ContainerState:
    """A pod's one container as an engine would tell of it."""
    known = _container(pod)
    state = known.get("state") or {}
    running, waiting = state.get("running") or {}, state.get("waiting") or {}
    last = state.get("terminated") or (known.get("lastState") or {}).get("terminated") or {}
    return ContainerState(
        container,
        exists=True,
        status=_status(pod, state),
        running=bool(running),
        exit_code=int(last.get("exitCode") or 0),
        oom_killed=last.get("reason") == "OOMKilled",
        restart_count=int(known.get("restartCount") or 0),
        created_at=str(pod["metadata"].get("creationTimestamp") or ""),
        started_at=str(running.get("startedAt") or ""),
        labels=pod["metadata"].get("labels") or {},
        image=str(known.get("image") or ""),
        stuck=_stuck(waiting),
    )


def _status(pod: Manifest, state: t.Mapping[str, t.Any]) -> str:
    """In the words of an engine."""
    if "running" in state:
        return "running"
    if "terminated" in state:
        return "exited"
    if (state.get("waiting") or {}).get("reason") == "CrashLoopBackOff":
        return "restarting"
    return "exited" if pod["status"].get("phase") == "Failed" else "pending"


def _stuck(waiting: t.Mapping[str, str]) -> str:
    why = _STUCK.get(waiting.get("reason", ""), "")
    return f"{why} ({waiting.get('message') or waiting['reason']})" if why else ""


def _waiting(pod: Manifest) -> str:
    """Why a pod has no address yet."""
    for one in pod["status"].get("conditions") or ():
        if one["type"] == "PodScheduled" and one["status"] == "False":
            return f"waits for a node ({one.get('message') or one.get('reason')})"
    return "is not started yet"


def _ended_before(pod: Manifest) -> bool:
    return bool((_container(pod).get("lastState") or {}).get("terminated"))


def _container(pod: Manifest) -> t.Mapping[str, t.Any]:
    """What the kubelet says of its one container; nothing before it has."""
    known: t.Sequence[t.Mapping[str, t.Any]] = pod["status"].get("containerStatuses") or ()
    return known[0] if known else {}


def _port(pod: Manifest) -> int:
    return int(pod["spec"]["containers"][0]["ports"][0]["containerPort"])


def _staying(pods: t.Sequence[Manifest]) -> t.List[Manifest]:
    """Those that are not on their way out, the oldest first."""
    kept = [pod for pod in pods if not pod["metadata"].get("deletionTimestamp")]
    return sorted(
        kept, key=lambda pod: (pod["metadata"]["creationTimestamp"], pod["metadata"]["name"])
    )
