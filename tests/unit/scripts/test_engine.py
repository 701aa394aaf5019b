# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which script stops the engine that one of them has started. The engine is a program that only sleeps."""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[3]
SCRIPT = """
set -euo pipefail
BUILD=FOLDER LOGS=FOLDER
say() { echo "$*"; }
source <(sed 's|/run/systemd/system|FOLDER/none|' LIBRARY)
engine_answers() { [[ -f $ENGINE_STATE && $(cat "/proc/$(<"$ENGINE_STATE")/comm") == dockerd ]]; }
"""


@pytest.fixture
def typed(tmp_path):
    """Scripts of a machine without systemd that make some calls: what they print."""
    programs = tmp_path / "bin"
    programs.mkdir()
    # It ends by itself where nobody stops it.
    (programs / "dockerd").write_text(f"#!{sys.executable}\nimport time\ntime.sleep(60)\n")
    (programs / "docker").write_text("#!/bin/sh\n")
    for program in programs.iterdir():
        program.chmod(0o755)
    environment = {**os.environ, "PATH": f"{programs}:{os.environ['PATH']}", "DOCKER_HOST": ""}
    text = SCRIPT.replace("LIBRARY", str(ROOT / "scripts/lib/engine.sh"))
    text = text.replace("FOLDER", str(tmp_path))

    def run(*calls: str) -> str:
        script = ["bash", "-c", "\n".join([text, *calls])]
        done = subprocess.run(
            script, env=environment, stdout=subprocess.PIPE, text=True, check=True
        )
        return done.stdout

    yield run
    run("stop_engine")


STARTED, STOPPED = (
    "starting the container engine\n",
    "stopping the container engine that was started here\n",
)
RUNS = "engine_answers && echo yes || echo no"


def test_an_engine_that_a_script_started_is_stopped_by_it(typed):
    assert typed("ensure_engine", "stop_own_engine", RUNS) == f"{STARTED}{STOPPED}no\n"


def test_an_engine_that_an_earlier_script_started_is_left_running(typed):
    assert typed("ensure_engine") == STARTED
    assert typed("ensure_engine", "stop_own_engine", RUNS) == "yes\n"


def test_an_engine_that_an_earlier_script_started_can_be_stopped(typed):
    typed("ensure_engine")
    assert typed("ensure_engine", "stop_engine", RUNS) == f"{STOPPED}no\n"
