# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a benchmark makes on this machine, removed also when it was killed."""

from __future__ import annotations

import os
import pathlib
import re
import shutil
import tempfile
import time

import docker
from stack import Stack

from bench.shell import run

PREFIX = "tagadodo-bench"  # then the number of the process, so that two never meet
REMOVE_TIMEOUT = 30  # seconds

_LISTS = (
    ("docker", "ps", "--all", "--format", "{{.Names}}"),
    ("docker", "network", "ls", "--format", "{{.Name}}"),
    ("docker", "volume", "ls", "--format", "{{.Name}}"),
)


def remove(stack: Stack) -> None:
    """Remove an installation, with what the engine still makes for commands that were killed."""
    deadline = time.monotonic() + REMOVE_TIMEOUT
    while True:
        try:
            stack.destroy()
            # Those of fleets have longer names.
            for network in stack.engine.networks.list(names=[f"^{stack.name}-"]):
                network.remove()
            if not stack.containers():
                return
        except docker.errors.APIError:
            if time.monotonic() > deadline:
                raise
        time.sleep(0.5)


def sweep() -> list[str]:
    """Remove everything of benchmarks whose process has ended; returns their names."""
    dead = sorted(name for name in _names() if not os.path.exists(f"/proc/{_process(name)}"))
    for name in dead:
        nowhere = pathlib.Path("/nonexistent")
        remove(Stack(name, "", nowhere, subnet="", https_port=0, http_port=0, control_port=0))
        for work in pathlib.Path(tempfile.gettempdir()).glob(f"{name}.*"):
            shutil.rmtree(work)
    return dead


def _names() -> set[str]:
    found = [line for command in _LISTS for line in run(*command).splitlines()]
    for folder in ("/etc", "/var/lib", "/var/log", tempfile.gettempdir()):
        found += os.listdir(folder)
    return {match.group() for name in found if (match := re.match(rf"{PREFIX}\d+", name))}


def _process(name: str) -> str:
    return name.removeprefix(PREFIX)
