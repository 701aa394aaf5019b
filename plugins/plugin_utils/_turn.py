# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This plugin util is PRIVATE to the collection.
"""Hosts of one task take turns: the first alone, all others at once when it is through.

Two runs that ask the same hosts at the same moment would each get some of them, and neither all.
"""

from __future__ import annotations

import os
import pathlib
import time
import typing as t

POLL = 0.05  # seconds


class Turn:
    """The turn of one host. Each is taken in a process of its own, children of one parent.

    Args:
        folder: of this run alone; its processes share it.
        task: names the task within the run.
        hosts: all that take part, in the order of the inventory.
    """

    def __init__(self, folder: pathlib.Path, task: str, host: str, hosts: t.Sequence[str]) -> None:
        self._first = hosts[0] if hosts else host
        self._is_first = host == self._first
        self._told = folder / f"turn-{task}"

    def wait(self, seconds: float) -> str:
        """Wait until the first host is through; the first itself waits for nobody.

        Args:
            seconds: after which nobody is waited for any longer.

        Returns:
            why the first failed, in one line; empty where it did not.
        """
        if self._is_first:
            return ""
        parent, deadline = os.getppid(), time.monotonic() + seconds
        while not self._told.exists():
            if time.monotonic() > deadline or os.getppid() != parent:
                return ""
            time.sleep(POLL)
        return self._told.read_text(encoding="utf-8")

    def done(self, problem: str = "") -> None:
        """Let the others go on, or tell them why the first failed."""
        if not self._is_first:
            return
        said = f"{self._first}: {problem}" if problem else ""
        beside = self._told.with_suffix(".new")
        beside.write_text(said, encoding="utf-8")
        beside.rename(self._told)
