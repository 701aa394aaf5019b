# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This module util is PRIVATE to the collection.
"""The official tools of a database, run in one-off containers of its own image."""

from __future__ import annotations

import contextlib
import pathlib
import re
import time
import typing as t
import uuid
from dataclasses import dataclass

from ansible_collections.tagadodo.deploy.plugins.module_utils._backup import (
    TOOL_USER,
    BackupError,
    Settings,
    no_space,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._engine import (
    RunResult,
    RunSpec,
    container_state,
    ensure_image,
    execute,
    find_containers,
    logs_tail,
    remove,
    run_once,
    running,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._instance import LABEL

ALONE = "none"  # the network of what talks to nobody

Binds = t.Mapping[pathlib.Path, str]


@dataclass(frozen=True)
class Tools:
    """Runs tools for one project.

    Args:
        client: a ``docker.DockerClient``.
        sleep: waits a number of seconds.
    """

    client: t.Any
    settings: Settings
    clock: t.Callable[[], float] = time.monotonic
    sleep: t.Callable[[float], None] = time.sleep

    def spec(
        self,
        image: str,
        command: t.Sequence[str],
        network: str,
        binds: Binds,
        env: t.Mapping[str, str],
    ) -> RunSpec:
        return RunSpec(
            name=f"{self.settings.project}-backup-{command[0]}-{uuid.uuid4().hex[:8]}",
            image=image,
            command=tuple(command),
            env=env,
            labels=self._labels,
            network=network,
            user=f"{TOOL_USER}:{TOOL_USER}",
            binds={str(outside): inside for outside, inside in binds.items()},
            timeout=self.settings.timeout,
        )

    def run(
        self,
        source: str,
        image: str,
        command: t.Sequence[str],
        network: str = ALONE,
        binds: t.Optional[Binds] = None,
        env: t.Optional[t.Mapping[str, str]] = None,
    ) -> str:
        """Run one tool.

        Returns:
            what it wrote to its standard output.

        Raises:
            BackupError: it failed, with its own last words.
        """
        ensure_image(self.client, image)
        result = run_once(self.client, self.spec(image, command, network, binds or {}, env or {}))
        if result.exit_code != 0:
            raise BackupError(f"{source}: {self._why(command[0], result)}")
        return result.stdout

    def _why(self, program: str, result: RunResult) -> str:
        said = self.settings.hide(result.stderr + " " + result.stdout)
        if re.search("no space left on device", said, re.IGNORECASE):
            return no_space(self.settings)
        if result.exit_code is None:
            return f"{program} did not end within {self.settings.timeout} s (backup_timeout)"
        if result.oom_killed:
            return f"{program} had too little memory"
        return f"{program} failed: {_last_words(said, result)}"

    @contextlib.contextmanager
    def beside(
        self,
        source: str,
        image: str,
        command: t.Sequence[str],
        network: str = ALONE,
        binds: t.Optional[Binds] = None,
        env: t.Optional[t.Mapping[str, str]] = None,
    ) -> t.Iterator[str]:
        """A server of our own for as long as the block runs.

        Returns:
            the name of its container.
        """
        ensure_image(self.client, image)
        spec = self.spec(image, command, network, binds or {}, env or {})
        with running(self.client, spec):
            yield spec.name

    def ask(self, container: str, *argv: str) -> str:
        """What a command in a container that runs answers; an error's text where it fails."""
        result = execute(self.client, container, argv)
        return (
            self.settings.hide(result.stdout or result.stderr)
            if result.exit_code
            else result.stdout
        )

    def until(self, source: str, container: str, holds: t.Callable[[], bool], what: str) -> None:
        """Wait for something that a server of our own does.

        Raises:
            BackupError: it has ended, or it takes too long.
        """
        began = self.clock()
        while not self._holds(source, container, holds):
            if self.clock() - began > self.settings.timeout:
                raise BackupError(
                    f"{source}: {what} took more than {self.settings.timeout} s (backup_timeout)"
                )
            self.sleep(0.2)

    def _holds(self, source: str, container: str, holds: t.Callable[[], bool]) -> bool:
        if not container_state(self.client, container).running:
            last = self.settings.hide(" ".join(logs_tail(self.client, container, 3)))
            raise BackupError(f"{source}: the server to check it with ended: {last}")
        return holds()

    def clear(self) -> None:
        """Remove what a killed run left."""
        for left in find_containers(self.client, self._labels):
            remove(self.client, left.name)

    @property
    def _labels(self) -> t.Dict[str, str]:
        return {f"{LABEL}project": self.settings.project, f"{LABEL}backup": "tool"}


def _last_words(said: str, result: RunResult) -> str:
    """What a tool wrote last, or after the word that tools of MongoDB put before a reason."""
    failed = re.search(r"Failed: (.*)", said)
    if failed:
        return failed[1]
    lines = (result.stderr or result.stdout).strip().splitlines()
    return " ".join(said.split()[-60:]) if lines else f"exit code {result.exit_code}"
