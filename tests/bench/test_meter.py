# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A run's cost is measured where it is spent: in processes that were started, at any depth."""

from __future__ import annotations

import subprocess
import sys

from bench.meter import metered

# Half a second of work and fifty megabytes, by a child of a child.
BUSY = """
import subprocess, sys, time
subprocess.run([sys.executable, "-c", '''
import time
kept = bytearray(50 * 2**20)
while time.process_time() < 0.5: pass
time.sleep(1.2)
'''], check=True)
"""


def test_time_and_memory_of_descendants_are_the_runs() -> None:
    with metered() as cost:
        subprocess.run([sys.executable, "-c", BUSY], check=True)
    assert cost.wall > 1.2
    assert cost.controller >= 0.5
    assert cost.memory > 50


def test_a_run_that_waits_costs_nothing() -> None:
    with metered() as cost:
        subprocess.run(["sleep", "0.3"], check=True)
    assert cost.wall >= 0.3
    assert cost.controller < 0.2
