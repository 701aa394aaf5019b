# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This plugin util is PRIVATE to the collection.
"""Name the process that runs a playbook, so that another run on the same machine can tell whether it ended."""

from __future__ import annotations

import json
import os
import pathlib
import socket
import subprocess
import typing as t


def name_process(pid: int) -> str:
    """A text by which ``has_ended`` knows the process again; empty where it cannot be named."""
    started = _started(pid)
    if not started:
        return ""
    return json.dumps({"machine": _machine(), "pid": pid, "started": started})


def has_ended(named: str) -> bool:
    """Whether a named process has ended. False of one of another machine: nobody can tell from here."""
    try:
        known: t.Any = json.loads(named)
        if known["machine"] != _machine():
            return False
        return bool(_started(int(known["pid"])) != known["started"])
    except (KeyError, TypeError, ValueError):
        return False


def _machine() -> str:
    """What process numbers belong to: this boot of this machine, or a container on it."""
    parts = [socket.gethostname()]
    for read in (_boot, _namespace):
        try:
            parts.append(read())
        except OSError:
            parts.append("")
    return " ".join(parts)


def _boot() -> str:
    return pathlib.Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()


def _namespace() -> str:
    return os.readlink("/proc/self/ns/pid")


def _started(pid: int) -> str:
    """When a process was started, in the system's own words; empty where there is none."""
    if pathlib.Path("/proc/self/stat").exists():
        return _started_on_linux(pid)
    found = subprocess.run(
        ["ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    return found.stdout.strip()


def _started_on_linux(pid: int) -> str:
    """Clock ticks from boot to its start: field 22 of ``/proc/PID/stat`` (proc(5)).

    The second field is a name in parentheses, and may hold anything.
    """
    try:
        stat = pathlib.Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    fields = stat.rpartition(")")[2].split()
    return "" if fields[0] == "Z" else fields[19]
