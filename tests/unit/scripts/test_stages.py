# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The runner of scripts/test: what it prints last, its exit status, and what it leaves running."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]

SCRIPT = """
set -euo pipefail
LOGS={logs}
say() {{ echo "$*"; }}
source {root}/scripts/lib/stages.sh
stage_good() {{ echo '== 3 passed in 1 s =='; }}
stage_bad() {{ echo 'what went wrong'; false; echo 'never reached'; }}
stage_deaf() {{ trap '' INT TERM; echo $BASHPID >{logs}/pid; while :; do sleep 0.1; done; }}
stage_endless() {{ trap 'echo cleaned >{logs}/cleaned; exit 1' INT; echo $BASHPID >{logs}/pid; while :; do sleep 0.1; done; }}
trap end_stages EXIT INT TERM
{calls}
conclude_stages
"""


@pytest.fixture
def script(tmp_path):
    def start(calls: str, **environment: str) -> subprocess.Popen[str]:
        text = SCRIPT.format(logs=tmp_path, root=ROOT, calls=calls)
        return subprocess.Popen(
            ["bash", "-c", text],
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, **environment},
            # A test run in the background of a script hands on that nobody listens to interrupts.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )

    return start


def test_passing_stages_end_with_status_0(script):
    process = script("start_stage good; join_stage good; run_stage good")
    told = process.communicate()[0].splitlines()
    assert (process.returncode, told[-1]) == (0, "stages: 2 passed, 0 failed")
    assert told[1].endswith("(3 passed in 1 s)")


def test_a_failing_stage_ends_with_status_1_and_shows_its_output(script):
    process = script("run_stage bad; run_stage good")
    told = process.communicate()[0].splitlines()
    assert process.returncode == 1
    assert told[-2:] == ["failed: bad", "stages: 1 passed, 1 failed"]
    assert "what went wrong" in told
    assert "never reached" not in told


def test_whether_a_stage_passed_is_known_to_those_that_need_it(script):
    process = script(
        "start_stage bad; start_stage good; if join_stage bad; then run_stage deaf; fi; join_stage good"
    )
    assert process.communicate()[0].endswith("failed: bad\nstages: 1 passed, 1 failed\n")


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_lets_its_stages_clean_up_and_leaves_none_running(
    script, tmp_path, sign
):
    _end(script("run_stage endless"), tmp_path / "pid", sign)
    assert (tmp_path / "cleaned").read_text() == "cleaned\n"


def test_a_stage_that_listens_to_nobody_is_ended(script, tmp_path):
    _end(script("run_stage deaf", STAGES_GRACE="1"), tmp_path / "pid", signal.SIGTERM)


def _end(process, pid, sign):
    """End a run once its stage has begun; nothing of it may go on."""
    deadline = time.monotonic() + 20
    while not pid.exists() or not pid.read_text():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    process.send_signal(sign)
    process.communicate(timeout=20)
    assert process.returncode != 0
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid.read_text()), 0)
