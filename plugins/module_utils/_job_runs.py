# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This module util is PRIVATE to the collection.
"""Run migration commands on a cluster: each as a Job, from the image that holds the migrations.

A Job goes on when its controller is killed, or hears nothing of the cluster any more, and the next run waits for it. Its
log has what the command has written to both of its streams, since Kubernetes keeps no more.
"""

from __future__ import annotations

import contextlib
import json
import re
import time
import typing as t
import uuid
from dataclasses import dataclass

from ansible_collections.tagadodo.deploy.plugins.module_utils._cluster import Cluster
from ansible_collections.tagadodo.deploy.plugins.module_utils._deployments import Deployments
from ansible_collections.tagadodo.deploy.plugins.module_utils._engine import RunResult
from ansible_collections.tagadodo.deploy.plugins.module_utils._instance import Slot
from ansible_collections.tagadodo.deploy.plugins.module_utils._kube_api import (
    Api,
    KubeError,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._lease import Lease
from ansible_collections.tagadodo.deploy.plugins.module_utils._manifest_pods import migration_job
from ansible_collections.tagadodo.deploy.plugins.module_utils._migration_history import (
    MigrationError,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._pods import state_of
from ansible_collections.tagadodo.deploy.plugins.module_utils._workload import (
    Manifest,
    job_name,
    selector,
)

JOB = ("batch/v1", "Job")
POLL = 0.3  # seconds between two looks at a Job
PULLING = 300  # seconds that a node may take to have the image, beside the command's own time
LATE = 30.0  # seconds after its time was over that a Job's end is waited for
AWAY = 60.0  # seconds that the API may be silent while a Job runs, as when its servers are replaced
_OBJECT = re.compile(r"^[ \t]*(?=\{)", re.MULTILINE)


@dataclass(frozen=True)
class Unleased:
    """What runs under the lock of the release alone. That is a Lease of the cluster, which one run has."""

    runs: JobRuns
    taken_over_from: t.Optional[t.Mapping[str, str]] = None

    def run(self, command: str, argv: t.Sequence[str]) -> RunResult:
        return self.runs.run(command, argv)


class JobRuns:
    """Runs commands of one service in its image, with its settings.

    Args:
        slot: what pods of the service are made from; which of the two slots does not matter.
        timeout: seconds a command may take.
        passing: whether nothing is to need the Secret that is made for a command.
    """

    def __init__(
        self,
        api: Api,
        cluster: Cluster,
        project: str,
        deployments: Deployments,
        slot: Slot,
        timeout: float,
        passing: bool = False,
    ) -> None:
        self._api = api
        self._cluster = cluster
        self._project = project
        self._deployments = deployments
        self._slot = slot
        self._timeout = timeout
        self._passing = passing

    def has_image(self) -> bool:
        """Nodes pull it when they need it."""
        return True

    def run(self, command: str, argv: t.Sequence[str]) -> RunResult:
        """Run one command; its Job is gone when it has ended, and goes on where that is not known.

        Raises:
            KubeError: it cannot be started.
            MigrationError: it does not start, or its end is not known.
        """
        service = self._slot.service
        name = job_name(self._project, service, self._slot.release, command, uuid.uuid4().hex)
        workload = self._deployments.workload(self._slot)
        seconds = int(self._timeout) + PULLING
        began = time.monotonic()
        try:
            self._deployments.apply_settings(self._slot)
            self._api.create(migration_job(self._cluster, workload, name, argv, seconds))
            job = self._ended(name, began + seconds + LATE)
            result = self._result(command, job, began)
            self._api.delete(*JOB, name)
        finally:
            if self._passing and workload.secret:
                self._api.delete("v1", "Secret", workload.secret)
        return result

    def under(self, lease: Lease) -> t.ContextManager[Unleased]:
        return contextlib.nullcontext(Unleased(self))

    def clear(self) -> None:
        """Remove what a killed run left. A migration that still runs is waited for, never cut; one that cannot start
        has done nothing.

        Raises:
            MigrationError: it does not end.
        """
        labels = {
            **selector(self._project, self._slot.service),
            "app.kubernetes.io/component": "migration",
        }
        deadline = time.monotonic() + self._timeout
        for job in self._api.list(*JOB, labels):
            name = job["metadata"]["name"]
            while not (_has_ended(job) or self._stuck(name)):
                if time.monotonic() > deadline:
                    raise MigrationError(
                        f"{self._slot.service}: a migration of an earlier run still runs in Job {name} after"
                        f" {self._timeout:g} s; look at its log, and let it end or remove it before the next release"
                    )
                time.sleep(POLL)
                found = self._api.find(*JOB, name)
                if found is None:
                    break
                job = found
            self._api.delete(*JOB, name)

    def _result(self, command: str, job: Manifest, began: float) -> RunResult:
        name = job["metadata"]["name"]
        pods = self._api.list("v1", "Pod", {"job-name": name})
        pod = pods[-1] if pods else None
        log = (self._api.log(pod) or "") if pod else ""
        state = state_of(name, pod) if pod else None
        code = state.exit_code if state else 1
        if not _succeeded(job):
            code = code or 1
        in_time = _failed_because(job) != "DeadlineExceeded"
        return RunResult(
            exit_code=code if in_time else None,
            stdout=_answer(log) if command == "status" else log,
            stderr="" if log.strip() or _succeeded(job) else _said(job, pod),
            seconds=time.monotonic() - began,
            oom_killed=bool(state and state.oom_killed),
        )

    def _ended(self, name: str, deadline: float) -> Manifest:
        """A Job that was started, when it has ended.

        Raises:
            MigrationError: it does not start, and is gone; or its end is not known.
        """
        heard = time.monotonic()
        while True:
            try:
                job = self._api.find(*JOB, name)
                stuck = "" if job is None or _has_ended(job) else self._stuck(name)
                heard = time.monotonic()
            except KubeError as error:
                if time.monotonic() - heard > AWAY:
                    raise self._lost(name, f"may still run ({error})") from error
                time.sleep(POLL)
                continue
            if job is None:
                raise self._lost(name, "was removed before it ended")
            if _has_ended(job):
                return job
            if stuck:
                self._api.delete(*JOB, name)
                raise self._lost(name, stuck)
            if time.monotonic() > deadline:
                raise self._lost(name, "has not ended, and was not ended, in time")
            time.sleep(POLL)

    def _lost(self, name: str, told: str) -> MigrationError:
        return MigrationError(f"{self._slot.service}: Job {name} {told}")

    def _stuck(self, name: str) -> str:
        states = (state_of(name, pod) for pod in self._api.list("v1", "Pod", {"job-name": name}))
        return next((state.stuck for state in states if state.stuck), "")


def _answer(log: str) -> str:
    """The last JSON object with ``migrations`` in what was written: warnings stand before and behind it."""
    found, end = log, 0
    for match in _OBJECT.finditer(log):
        if match.end() < end:
            continue
        with contextlib.suppress(ValueError):
            document, end = json.JSONDecoder().raw_decode(log, match.end())
            if "migrations" in document:
                found = log[match.end() : end]
    return found


def _said(job: Manifest, pod: t.Optional[Manifest]) -> str:
    """What the cluster says of a command that failed and has written nothing."""
    status = pod["status"] if pod else {}
    of_container = [
        ((one.get("state") or {}).get("terminated") or {}).get("message")
        for one in status.get("containerStatuses") or ()
    ]
    of_job = [one.get("message") for one in _holding(job)]
    told = next((text for text in (*of_container, status.get("message"), *of_job) if text), "")
    return re.sub(r"\s+", " ", told).strip()


def _holding(job: Manifest) -> t.List[Manifest]:
    """Conditions that hold."""
    known = (job.get("status") or {}).get("conditions") or ()
    return [one for one in known if one["status"] == "True"]


def _conditions(job: Manifest) -> t.Dict[str, str]:
    """Of a Job those that hold, with their reasons."""
    return {one["type"]: str(one.get("reason") or "") for one in _holding(job)}


def _has_ended(job: Manifest) -> bool:
    return bool({"Complete", "Failed"} & set(_conditions(job)))


def _succeeded(job: Manifest) -> bool:
    return "Complete" in _conditions(job)


def _failed_because(job: Manifest) -> str:
    return _conditions(job).get("Failed", "")
