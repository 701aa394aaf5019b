# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This module util is PRIVATE to the collection.
"""Run migration commands on a cluster: each as a Job, from the image that holds the migrations.

A Job goes on when its controller is killed, and the next run waits for it. Its log has what the command has written to
both of its streams, since Kubernetes keeps no more.
"""

from __future__ import annotations

import contextlib
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
    Manifest,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._lease import Lease
from ansible_collections.tagadodo.deploy.plugins.module_utils._manifest_pods import migration_job
from ansible_collections.tagadodo.deploy.plugins.module_utils._migration_history import (
    MigrationError,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._pods import state_of
from ansible_collections.tagadodo.deploy.plugins.module_utils._workload import (
    job_name,
    selector,
)

JOB = ("batch/v1", "Job")
POLL = 0.3  # seconds between two looks at a Job
PULLING = 300  # seconds that a node may take to have the image, beside the command's own time
LATE = 30.0  # seconds after its time was over that a Job's end is waited for
_JSON = re.compile(r"^\{.*\}\s*$", re.MULTILINE | re.DOTALL)


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
    """

    def __init__(
        self,
        api: Api,
        cluster: Cluster,
        project: str,
        deployments: Deployments,
        slot: Slot,
        timeout: float,
    ) -> None:
        self._api = api
        self._cluster = cluster
        self._project = project
        self._deployments = deployments
        self._slot = slot
        self._timeout = timeout

    def has_image(self) -> bool:
        """Nodes pull it when they need it."""
        return True

    def run(self, command: str, argv: t.Sequence[str]) -> RunResult:
        """Run one command; its Job is gone afterwards.

        Raises:
            KubeError: it cannot be started, or its end is not known.
        """
        service = self._slot.service
        name = job_name(self._project, service, self._slot.release, command, uuid.uuid4().hex)
        self._deployments.apply_settings(self._slot)
        workload = self._deployments.workload(self._slot)
        seconds = int(self._timeout) + PULLING
        began = time.monotonic()
        self._api.create(migration_job(self._cluster, workload, name, argv, seconds))
        try:
            return self._result(command, name, began, seconds)
        finally:
            self._api.delete(*JOB, name)

    def under(self, lease: Lease) -> t.ContextManager[Unleased]:
        return contextlib.nullcontext(Unleased(self))

    def clear(self) -> None:
        """Remove what a killed run left. A migration that still runs is waited for, never cut.

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
            while not _has_ended(job):
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

    def _result(self, command: str, name: str, began: float, seconds: float) -> RunResult:
        job = self._ended(name, began + seconds + LATE)
        in_time = _failed_because(job) != "DeadlineExceeded"
        pods = self._api.list("v1", "Pod", {"job-name": name})
        pod = pods[-1] if pods else None
        log = self._log(pod) if pod else ""
        state = state_of(name, pod) if pod else None
        code = state.exit_code if state else 1
        if not _succeeded(job):
            code = code or 1
        return RunResult(
            exit_code=code if in_time else None,
            stdout=_answer(log) if command == "status" else log,
            stderr="",
            seconds=time.monotonic() - began,
            oom_killed=bool(state and state.oom_killed),
        )

    def _ended(self, name: str, deadline: float) -> Manifest:
        while True:
            job = self._api.find(*JOB, name)
            if job is None:
                raise KubeError(f"Job {name} was removed before it ended")
            if _has_ended(job):
                return job
            stuck = self._stuck(name)
            if stuck:
                raise KubeError(f"Job {name} {stuck}")
            if time.monotonic() > deadline:
                raise KubeError(f"Job {name} has not ended, and was not ended, in time")
            time.sleep(POLL)

    def _stuck(self, name: str) -> str:
        states = (state_of(name, pod) for pod in self._api.list("v1", "Pod", {"job-name": name}))
        return next((state.stuck for state in states if state.stuck), "")

    def _log(self, pod: Manifest) -> str:
        path = self._api.path("v1", "Pod", pod["metadata"]["name"], "log")
        reply = self._api.ask("GET", path)
        return reply.body.decode("utf-8", "replace") if reply.status == 200 else ""


def _answer(log: str) -> str:
    """The JSON in what was written, where there is some: warnings stand before and behind it."""
    found = _JSON.search(log)
    return found.group() if found else log


def _conditions(job: Manifest) -> t.Dict[str, str]:
    """Of a Job those that hold, with their reasons."""
    known = (job.get("status") or {}).get("conditions") or ()
    return {one["type"]: str(one.get("reason") or "") for one in known if one["status"] == "True"}


def _has_ended(job: Manifest) -> bool:
    return bool({"Complete", "Failed"} & set(_conditions(job)))


def _succeeded(job: Manifest) -> bool:
    return "Complete" in _conditions(job)


def _failed_because(job: Manifest) -> str:
    return _conditions(job).get("Failed", "")
