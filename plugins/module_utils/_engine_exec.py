# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This module util is PRIVATE to the collection.
"""Run a command beside the first process of a container, and end with that container.

A command that was started goes on when its caller is killed: the engine keeps its streams.
"""

from __future__ import annotations

import threading
import time
import typing as t
from dataclasses import dataclass

from ansible_collections.tagadodo.deploy.plugins.module_utils._engine import (
    EngineError,
    RunResult,
    engine_errors,
)


@dataclass(frozen=True)
class Ending:
    """How a command whose time is over is ended: the first process of its container does it.

    ``stop`` and ``kill`` are signals to that process. ``patience`` is in seconds.
    """

    timeout: float
    patience: float
    stop: str
    kill: str


class _Streams(threading.Thread):
    """Reads what a command writes until it ends; the SDK has no time limit for that."""

    def __init__(self, client: t.Any, command: str) -> None:
        super().__init__(daemon=True)
        self._client = client
        self._command = command
        self.out: t.Tuple[t.Optional[bytes], t.Optional[bytes]] = (None, None)
        self.error: t.Optional[EngineError] = None

    def run(self) -> None:
        try:
            with engine_errors("running a command in a container"):
                self.out = self._client.api.exec_start(self._command, demux=True)
        except EngineError as error:
            self.error = error


def run_in(
    client: t.Any,
    container: str,
    argv: t.Sequence[str],
    ending: Ending,
    clock: t.Callable[[], float] = time.monotonic,
) -> RunResult:
    """Run a command in a running container, with the container's user, environment and directory.

    Returns:
        how it ended; ``exit_code`` is None if its time was over.

    Raises:
        EngineError: the container does not run, or the command cannot be found.
    """
    began = clock()
    with engine_errors(f"running {argv[0]} in container {container}"):
        command = client.api.exec_create(container, list(argv))["Id"]
    streams = _Streams(client, command)
    streams.start()
    streams.join(ending.timeout)
    in_time = not streams.is_alive()
    for signal in (ending.stop, ending.kill):
        if streams.is_alive():
            with engine_errors(f"ending {argv[0]} in container {container}, its time is over"):
                client.api.kill(container, signal=signal)
            streams.join(ending.patience)
    if streams.error:
        raise streams.error
    with engine_errors(f"looking how {argv[0]} ended"):
        exit_code = client.api.exec_inspect(command)["ExitCode"]
    stdout, stderr = streams.out
    return RunResult(
        exit_code=exit_code if in_time else None,
        stdout=(stdout or b"").decode("utf-8", "replace"),
        stderr=(stderr or b"").decode("utf-8", "replace"),
        seconds=clock() - began,
    )
