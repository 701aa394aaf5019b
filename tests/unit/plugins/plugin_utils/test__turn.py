# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pathlib
import threading
import time

import pytest

from ansible_collections.tagadodo.deploy.plugins.plugin_utils._turn import Turn

HOSTS = ("web1", "web2", "web3")


def turn(folder: pathlib.Path, host: str) -> Turn:
    return Turn(folder, "task", host, HOSTS)


def test_the_first_waits_for_nobody(tmp_path: pathlib.Path) -> None:
    assert turn(tmp_path, "web1").wait(0) == ""


@pytest.mark.parametrize(("problem", "told"), [("", ""), ("locked", "web1: locked")])
def test_the_others_wait_for_the_first_and_learn_how_it_ended(
    tmp_path: pathlib.Path, problem: str, told: str
) -> None:
    answers: list[str] = []
    others = [
        threading.Thread(target=lambda host=host: answers.append(turn(tmp_path, host).wait(30)))
        for host in HOSTS[1:]
    ]
    for other in others:
        other.start()
    time.sleep(0.2)
    assert answers == []
    turn(tmp_path, "web1").done(problem)
    for other in others:
        other.join()
    assert answers == [told, told]


def test_nobody_waits_for_ever(tmp_path: pathlib.Path) -> None:
    assert turn(tmp_path, "web2").wait(0.1) == ""


def test_only_the_first_lets_the_others_go_on(tmp_path: pathlib.Path) -> None:
    turn(tmp_path, "web2").done("slow")
    assert list(tmp_path.iterdir()) == []
