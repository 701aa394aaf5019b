# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run costs the machine it is typed on: processor time and memory, by /proc."""

from __future__ import annotations

import contextlib
import os
import pathlib
import re
import resource
import threading
import time
import typing as t
from dataclasses import dataclass

INTERVAL = 0.5  # seconds between two looks at memory
_TICKS = os.sysconf("SC_CLK_TCK")
_PROC = pathlib.Path("/proc")
# Connections that ssh keeps open for later runs, in processes that nobody waits for.
_KEPT = re.compile(rb"^ssh: .*\[mux\]")


@dataclass
class Cost:
    """Of one run.

    Attributes:
        wall: seconds.
        controller: seconds of processor time of the run: Ansible, its workers and its connections.
        rest: the same of everything else on this machine but the load: here, of all hosts.
        memory: the most MiB that its processes had together, shared pages once.
    """

    wall: float = 0.0
    controller: float = 0.0
    rest: float = 0.0
    memory: float = 0.0


@contextlib.contextmanager
def metered() -> t.Iterator[Cost]:
    """Measure what this process starts and waits for within the block; filled at its end."""
    cost, ended = Cost(), threading.Event()
    others = _descendants(os.getpid())
    watcher = threading.Thread(target=_watch_memory, args=(cost, others, ended))
    began, controller, machine, own = time.monotonic(), _controller(), _machine(), _own()
    watcher.start()
    try:
        yield cost
    finally:
        ended.set()
        watcher.join()
        cost.wall = time.monotonic() - began
        cost.controller = _controller() - controller
        cost.rest = _machine() - machine - cost.controller - (_own() - own)


def _own() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _controller() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime + sum(map(_spent, _kept()))


def _kept() -> list[int]:
    return [pid for pid in _pids() if _KEPT.match(_read(pid, "cmdline"))]


def _spent(pid: int) -> float:
    """Seconds of one process."""
    fields = _read(pid, "stat").rpartition(b")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS if fields else 0.0


def _machine() -> float:
    """Seconds in which this machine's processors were not idle."""
    user, nice, system, _idle, _wait, interrupts, soft, *_stolen = (
        int(field) for field in (_PROC / "stat").read_text().splitlines()[0].split()[1:]
    )
    return (user + nice + system + interrupts + soft) / _TICKS


def _watch_memory(cost: Cost, others: t.Collection[int], ended: threading.Event) -> None:
    while not ended.wait(INTERVAL):
        new = [pid for pid in _descendants(os.getpid()) if pid not in others]
        cost.memory = max(cost.memory, sum(map(_memory, [*new, *_kept()])))


def _descendants(pid: int) -> set[int]:
    parents = {one: _parent(one) for one in _pids()}
    found, new = set[int](), {pid}
    while new:
        new = {one for one, parent in parents.items() if parent in new} - found
        found |= new
    return found


def _parent(pid: int) -> int:
    fields = _read(pid, "stat").rpartition(b")")[2].split()
    return int(fields[1]) if fields else 0


def _memory(pid: int) -> float:
    """MiB of a process, its part of what it shares."""
    found = re.search(rb"^Pss:\s+(\d+) kB", _read(pid, "smaps_rollup"), re.MULTILINE)
    return int(found[1]) / 1024 if found else 0.0


def _pids() -> list[int]:
    return [int(name) for name in os.listdir(_PROC) if name.isdigit()]


def _read(pid: int, name: str) -> bytes:
    """Nothing where the process has ended."""
    with contextlib.suppress(OSError):
        return (_PROC / str(pid) / name).read_bytes()
    return b""
