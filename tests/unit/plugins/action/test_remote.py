# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One task that runs a module on several hosts, each with its own connection and variables."""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import sys
import typing as t

import pytest
from ansible._internal._templating._access import AnsibleAccessContext

from ansible_collections.tagadodo.deploy.plugins.plugin_utils._remote import context_of_thread

ROOT = pathlib.Path(__file__).resolve().parents[4]

PLUGIN = """
from ansible.plugins.action import ActionBase
from ansible_collections.tagadodo.deploy.plugins.plugin_utils._remote import RemoteHosts

class ActionModule(ActionBase):
    def run(self, tmp=None, task_vars=None):
        hosts = RemoteHosts(self, task_vars, self._task.args["hosts"])
        rounds = [
            hosts.run("ansible.builtin.command", {
                name: {"_raw_params": "sh -c 'id -un'", "_uses_shell": False}
                for name in self._task.args["hosts"]
            })
            for _ in range(2)
        ]
        hosts.close()
        return {**super().run(tmp, task_vars), "rounds": rounds}
"""
INVENTORY: t.Any = {
    "all": {
        "vars": {"ansible_python_interpreter": sys.executable},
        "hosts": {
            "one": {"ansible_connection": "local"},
            "two": {
                "ansible_connection": "{{ kind }}",
                "kind": "local",
                "known_elsewhere": "{{ a_default_of_a_role }}/ca.pem",
                "ansible_become": True,
                "ansible_become_method": "ansible.builtin.su",
            },
            "away": {
                "ansible_host": "127.0.0.1",
                "ansible_port": 1,
                "ansible_connection": "ssh",
                "ansible_ssh_retries": 0,
            },
        },
    }
}
PLAY: t.Any = [
    {
        "hosts": "one",
        "gather_facts": False,
        "tasks": [
            {"ask_all": {"hosts": ["one", "two", "away"]}, "register": "asked"},
            {"ansible.builtin.copy": {"content": "{{ asked | to_json }}", "dest": "{{ answer }}"}},
        ],
    }
]


@pytest.fixture(scope="module")
def rounds(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, t.Any]]:
    folder = tmp_path_factory.mktemp("remote")
    (folder / "ask_all.py").write_text(PLUGIN)
    for name, content in (("hosts.json", INVENTORY), ("play.json", PLAY)):
        (folder / name).write_text(json.dumps(content))
    program = pathlib.Path(sys.executable).parent / "ansible-playbook"
    done = subprocess.run(
        [
            program,
            "-i",
            folder / "hosts.json",
            folder / "play.json",
            "-e",
            f"answer={folder}/asked",
        ],
        cwd=ROOT,
        env={**os.environ, "ANSIBLE_ACTION_PLUGINS": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    answers: list[dict[str, t.Any]] = json.loads((folder / "asked").read_text())["rounds"]
    return answers


def test_every_host_answers_each_time(rounds: list[dict[str, t.Any]]) -> None:
    assert len(rounds) == 2
    for answers in rounds:
        assert [answers[name]["rc"] for name in ("one", "two")] == [0, 0]


def test_a_host_that_cannot_be_reached_is_told_and_keeps_no_other_waiting(
    rounds: list[dict[str, t.Any]],
) -> None:
    for answers in rounds:
        assert answers["away"]["failed"]
        assert "127.0.0.1" in answers["away"]["msg"]


def test_threads_share_no_stack_of_ansible() -> None:
    own = AnsibleAccessContext.current()
    others = [context_of_thread().run(AnsibleAccessContext.current) for _thread in range(2)]
    assert len({id(one) for one in (own, *others)}) == 3
