# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A process is known again while it lives, and known to have ended only where that can be known."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from ansible_collections.tagadodo.deploy.plugins.plugin_utils._process import (
    has_ended,
    name_process,
)


def test_one_that_lives_and_one_that_has_ended() -> None:
    named = name_process(os.getpid())
    assert json.loads(named)["pid"] == os.getpid()
    assert not has_ended(named)
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=-1) as process:
        other = name_process(process.pid)
        assert not has_ended(other)
        process.kill()
    assert has_ended(other)
    assert name_process(process.pid) == ""


def test_another_process_with_its_number_is_not_it() -> None:
    named = json.loads(name_process(os.getpid()))
    assert has_ended(json.dumps({**named, "started": "1"}))


def test_one_that_ended_and_waits_to_be_noticed_has_ended() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=-1) as process:
        named = name_process(process.pid)
        process.kill()
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        assert has_ended(named)


@pytest.mark.parametrize("named", ["", "{", "[]", "{}", '{"machine": 1}', "null"])
def test_what_names_nothing_has_not_ended(named: str) -> None:
    assert not has_ended(named)


def test_nobody_can_tell_of_another_machine() -> None:
    named = json.loads(name_process(os.getpid()))
    assert not has_ended(json.dumps({**named, "machine": "elsewhere", "started": "1"}))
