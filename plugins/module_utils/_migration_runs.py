# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This module util is PRIVATE to the collection.
"""Run migration commands in containers of their own, and clear away what a killed run left."""

from __future__ import annotations

import typing as t
import uuid
from dataclasses import dataclass, field

from ansible_collections.tagadodo.deploy.plugins.module_utils._engine import (
    ContainerState,
    RunResult,
    RunSpec,
    find_containers,
    has_image,
    remove,
    run_once,
    wait_exit,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._engine_exec import Ending
from ansible_collections.tagadodo.deploy.plugins.module_utils._instance import LABEL, bytes_of
from ansible_collections.tagadodo.deploy.plugins.module_utils._lease import (
    IDLE,
    KILL,
    STOP,
    Held,
    Lease,
    holding,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._migration_history import (
    MigrationError,
)


@dataclass(frozen=True)
class MigrationRuns:
    """Runs commands of one service in its image, with its settings, hardened.

    Args:
        client: a ``docker.DockerClient``.
        runtime: env, resources and security of the service; what is missing has no limit.
        secrets: more environment, shown nowhere.
        timeout: seconds a command may take.
    """

    client: t.Any
    project: str
    service: str
    image: str
    network: str
    runtime: t.Mapping[str, t.Any]
    timeout: float
    secrets: t.Mapping[str, str] = field(default_factory=dict, repr=False)

    def has_image(self) -> bool:
        """Whether it can be run here."""
        return has_image(self.client, self.image)

    def run(self, command: str, argv: t.Sequence[str]) -> RunResult:
        """Run one command; its container is gone afterwards."""
        return run_once(self.client, self.spec(command, argv))

    def under(self, lease: Lease) -> t.ContextManager[Held]:
        """A lease on the service's database, and a container that runs commands while it is held."""
        spec = self.spec("lease", lease.argv())
        ending = Ending(self.timeout, spec.stop_timeout, STOP, KILL)
        return holding(self.client, self.service, spec, lease, ending)

    def spec(self, command: str, argv: t.Sequence[str]) -> RunSpec:
        """The container of one command. It is no instance: it lacks the label of those."""
        resources = self.runtime.get("resources") or {}
        security = self.runtime.get("security") or {}
        plain = {key: str(value) for key, value in (self.runtime.get("env") or {}).items()}
        return RunSpec(
            name=f"{self.project}-{self.service}-migration-{command}-{uuid.uuid4().hex[:8]}",
            image=self.image,
            command=tuple(argv),
            env={**plain, **{key: str(value) for key, value in self.secrets.items()}},
            labels={**self._labels, f"{LABEL}command": command},
            network=self.network,
            user=security.get("user", ""),
            memory=_memory(resources.get("memory")),
            pids=resources.get("pids", 0),
            cpus=resources.get("cpus", 0.0),
            read_only=security.get("read_only", True),
            tmpfs=tuple(security.get("tmpfs", ("/tmp",))),
            timeout=self.timeout,
            stop_timeout=self.runtime.get("stop_timeout", 10),
        )

    def clear(self) -> None:
        """Remove what a killed run left. A migration that still runs is waited for, never cut.

        Raises:
            MigrationError: it does not end.
        """
        for left in find_containers(self.client, self._labels):
            # A lease is given back some seconds after the last command that ran under it.
            holds = left.labels.get(f"{LABEL}command") == "lease"
            patience = self.timeout + (3 * IDLE if holds else 0)
            if left.running and not wait_exit(self.client, left.name, patience):
                raise MigrationError(_still_running(self.service, left, patience))
            remove(self.client, left.name)

    @property
    def _labels(self) -> dict[str, str]:
        return {f"{LABEL}project": self.project, f"{LABEL}migration": self.service}


def _memory(size: str | None) -> int:
    if not size:
        return 0
    try:
        return bytes_of(size)
    except ValueError as error:
        raise MigrationError(f"runtime.resources.memory: {error}") from None


def _still_running(service: str, left: ContainerState, seconds: float) -> str:
    return (
        f"{service}: a migration of an earlier run still runs in container {left.name} after"
        f" {seconds:g} s; look at its log, and let it end or remove it before the next release"
    )
