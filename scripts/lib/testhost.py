# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts in containers: what a container with systemd and an engine of its own is run from, and with."""

from __future__ import annotations

import pathlib

IMAGE = "tagadodo/testhost:debian12-docker"
IMAGE_13 = "tagadodo/testhost:debian13-docker"
# From version 256 on systemd starts on cgroups of version 1 only when it is told that this is meant.
_LEGACY = ("systemd.unified_cgroup_hierarchy=0", "SYSTEMD_CGROUP_ENABLE_LEGACY_FORCE=1")
_UNIFIED = pathlib.Path("/sys/fs/cgroup/cgroup.controllers").exists()
INIT = ("/sbin/init", *(() if _UNIFIED else _LEGACY))
_ARGUMENTS = pathlib.Path(__file__).with_suffix(".args").read_text(encoding="utf-8")
RIGHTS = tuple(line for line in _ARGUMENTS.splitlines() if line.startswith("--"))
