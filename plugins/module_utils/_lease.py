# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This module util is PRIVATE to the collection.
"""A lease in the service's database: whoever holds it applies or reverts migrations, nobody else.

One document of the collection ``deploy_lease``, renewed by a process in a container of the service's
new image. Commands run beside that process, and so end when it ends: a lease that is lost takes the
migration with it. As in Kubernetes' leader election no clocks are compared: a waiter takes the lease
over when it saw it unchanged for ``seconds`` of its own time, by a write that fails if it changed.
When the caller is killed, the process holds on while a command still runs, then gives the lease back.
Where a whole container stood still for longer than that, its command may get to finish the operation it
was at before it is killed; migrations that can run twice are not harmed.
"""

from __future__ import annotations

import contextlib
import json
import time
import typing as t
from dataclasses import dataclass

from ansible_collections.tagadodo.deploy.plugins.module_utils._engine import (
    EngineError,
    RunResult,
    RunSpec,
    container_state,
    create,
    logs_tail,
    remove,
    start,
    stop,
    wait_exit,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._engine_exec import Ending, run_in
from ansible_collections.tagadodo.deploy.plugins.module_utils._lease_holder import SCRIPT
from ansible_collections.tagadodo.deploy.plugins.module_utils._migration_history import (
    MigrationError,
)

IDLE = 10  # seconds without a command after which the caller must have been killed
LONGEST = 600  # seconds a lease may last that somebody else holds
STOP, KILL = "SIGUSR2", "SIGQUIT"  # what the holder ends the commands beside it by
KILLED = 137


@dataclass(frozen=True)
class Lease:
    """How a lease is asked for.

    Attributes:
        variable: name of the environment variable that holds the database's URI.
        seconds: how long it lasts when it is not renewed.
        wait: seconds to wait for a holder that is alive.
        owner: who asks, for people.
    """

    variable: str
    seconds: int
    wait: int
    owner: str

    def argv(self) -> tuple[str, ...]:
        """The command that gets and holds it."""
        settings = {
            "variable": self.variable,
            "seconds": self.seconds,
            "wait": self.wait,
            "idle": IDLE,
            "owner": self.owner,
        }
        return ("node", "--input-type=module", "-e", SCRIPT, json.dumps(settings))


@dataclass(frozen=True)
class Held:
    """A lease that is held, and the container in which commands run under it.

    ``taken_over_from`` has ``owner`` and ``since`` of a holder that was no more.
    """

    client: t.Any
    service: str
    container: str
    ending: Ending
    taken_over_from: t.Mapping[str, str] | None = None

    def run(self, command: str, argv: t.Sequence[str]) -> RunResult:
        """Run one command under the lease.

        Raises:
            MigrationError: the lease was lost, and the command killed with it.
            EngineError: the command cannot be run.
        """
        try:
            ran = run_in(self.client, self.container, argv, self.ending)
        except EngineError:
            if container_state(self.client, self.container).running:
                raise
            raise self._lost(command) from None
        # The engine tells the end of the command before that of its container.
        if ran.exit_code == KILLED and wait_exit(self.client, self.container, 2):
            raise self._lost(command)
        return ran

    def _lost(self, command: str) -> MigrationError:
        why = _last_words(self.client, self.container)
        return MigrationError(
            f"{self.service}: migrations.{command} was cut with its container: lease {why}; look at"
            " the status of the migrations before the next release"
        )


@contextlib.contextmanager
def holding(
    client: t.Any, service: str, spec: RunSpec, lease: Lease, ending: Ending
) -> t.Iterator[Held]:
    """Hold the lease of a service's database while the block runs.

    Args:
        spec: the holder's container, with ``lease.argv()`` as its command.

    Raises:
        MigrationError: somebody else holds it, or the database cannot be asked.
        EngineError: the container cannot be made.
    """
    create(client, spec)
    try:
        try:
            start(client, spec)
        except EngineError as error:
            raise MigrationError(
                f"{service}: migrations.lease needs Node.js in the image: {error}"
            ) from None
        taken = _acquired(client, service, spec.name, lease)
        yield Held(client, service, spec.name, ending, taken)
    finally:
        try:
            stop(client, spec.name, spec.stop_timeout)
        finally:
            remove(client, spec.name)


def _acquired(
    client: t.Any,
    service: str,
    container: str,
    lease: Lease,
    clock: t.Callable[[], float] = time.monotonic,
    sleep: t.Callable[[float], None] = time.sleep,
) -> t.Mapping[str, str] | None:
    """Wait until the holder says that it has the lease; whom it took it over from."""
    deadline = clock() + lease.wait + LONGEST
    while True:
        running = container_state(client, container).running
        for line in logs_tail(client, container, 20):
            with contextlib.suppress(ValueError):
                said = json.loads(line)
                if isinstance(said, dict) and said.get("held"):
                    return t.cast("t.Mapping[str, str] | None", said["taken_over_from"])
        if not running or clock() > deadline:
            raise MigrationError(
                f"{service}: no lease on the database of {lease.variable}:"
                f" {_last_words(client, container)}"
            )
        sleep(0.1)


def _last_words(client: t.Any, container: str) -> str:
    said = [line.strip() for line in logs_tail(client, container, 5) if line.strip()]
    state = container_state(client, container)
    why = "ran out of memory" if state.oom_killed else f"ended with exit code {state.exit_code}"
    spoken = said and not said[-1].startswith('{"held"')
    return said[-1] if spoken else f"its holder {why}" if state.exists else "its holder was removed"
