# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One run of ansible-playbook for all the tasks of a file: real templates, real check mode."""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import sys
import typing as t
from dataclasses import dataclass

import pytest
import yaml

ROOT = pathlib.Path(__file__).resolve().parents[4]

KEEPER = """
import json, os
from ansible.plugins.callback import CallbackBase

class CallbackModule(CallbackBase):
    CALLBACK_VERSION, CALLBACK_TYPE, CALLBACK_NAME = 2.0, "aggregate", "keeper"

    def v2_runner_on_ok(self, result, **facts):
        with open(os.environ["KEEPER_FILE"], "a") as file:
            kept = [result._task.get_name(), {**result._result, **facts}]
            file.write(json.dumps(kept, default=str) + "\\n")

    def v2_runner_on_failed(self, result, ignore_errors=False):
        self.v2_runner_on_ok(result, failed=True)

    def v2_runner_on_skipped(self, result):
        self.v2_runner_on_ok(result)
"""


@dataclass(frozen=True)
class Answer:
    """What a task returned, and what was shown on the screen meanwhile."""

    result: dict[str, t.Any]
    shown: str


Play = t.Callable[..., dict[str, Answer]]


@pytest.fixture(scope="module")
def play(tmp_path_factory: pytest.TempPathFactory) -> Play:
    """Run tasks, given by name, on localhost with some variables; what each of them answered."""

    def play_of(
        tasks: t.Mapping[str, t.Mapping[str, t.Any]], variables: t.Mapping[str, t.Any]
    ) -> dict[str, Answer]:
        folder = tmp_path_factory.mktemp("play")
        written = [{"name": name, "ignore_errors": True, **task} for name, task in tasks.items()]
        plays = [{"hosts": "localhost", "vars": {**variables}, "tasks": written}]
        (folder / "play.yml").write_text(yaml.safe_dump(plays, sort_keys=False), encoding="utf-8")
        (folder / "keeper.py").write_text(KEEPER, encoding="ascii")
        shown = _shown_by(folder)
        kept = (folder / "kept.jsonl").read_text(encoding="utf-8").splitlines()
        results = dict(map(json.loads, kept))
        assert set(results) == set(tasks), shown
        screens = dict(part.split("]", 1) for part in shown.split("\nTASK [")[1:])
        return {name: Answer(results[name], screens[name]) for name in tasks}

    return play_of


def _shown_by(folder: pathlib.Path) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "ansible", "playbook", "-i", "localhost,", "--diff", "play.yml"],
        check=False,
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
        env={
            **os.environ,
            "ANSIBLE_CALLBACK_PLUGINS": str(folder),
            "ANSIBLE_CALLBACKS_ENABLED": "keeper",
            "ANSIBLE_COLLECTIONS_PATH": str(ROOT / "collections"),
            "ANSIBLE_GATHERING": "explicit",
            "ANSIBLE_NOCOLOR": "1",
            "KEEPER_FILE": str(folder / "kept.jsonl"),
        },
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
