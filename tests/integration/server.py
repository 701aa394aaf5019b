# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Programs of this machine that tests start for what they need beside them."""

from __future__ import annotations

import contextlib
import pathlib
import subprocess
import time
import typing as t
from dataclasses import dataclass, field

WAIT = 20  # seconds until one answers


@dataclass
class Server:
    """One that consists of such programs.

    Attributes:
        work: directory of its files.
    """

    work: pathlib.Path
    _running: list[subprocess.Popen[bytes]] = field(default_factory=list, init=False, kw_only=True)

    def start(self) -> None:
        raise NotImplementedError

    @contextlib.contextmanager
    def running(self) -> t.Iterator[t.Self]:
        """For the time of a block."""
        try:
            self.start()
            yield self
        finally:
            self.stop()

    def stop(self) -> None:
        for process in self._running:
            process.terminate()
            process.wait(timeout=10)
        self._running.clear()

    @property
    def pids(self) -> list[int]:
        return [process.pid for process in self._running]

    def _answers(self) -> bool:
        raise NotImplementedError

    def _run(self, *command: str, **environment: str) -> None:
        with self._log(command[0]).open("ab") as log:
            self._running.append(
                subprocess.Popen(
                    command,
                    env={"PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin", **environment},
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                )
            )

    def _wait(self, program: str) -> None:
        """Until it answers; ``program`` is the one that says why it does not."""
        deadline = time.monotonic() + WAIT
        while not self._answers():
            assert time.monotonic() < deadline, self._log(program).read_text()
            time.sleep(0.1)

    def _log(self, program: str) -> pathlib.Path:
        return self.work / f"{program}.log"
