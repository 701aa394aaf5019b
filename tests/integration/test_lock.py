"""Two runs that begin at the same moment on the same three hosts: one of them gets all."""

from __future__ import annotations

import pathlib
import subprocess
import typing as t

import plays
import pytest
from stack import ROOT

HOSTS = ("one", "two", "three")
TIMES = 4


@pytest.fixture
def command(tmp_path: pathlib.Path) -> list[str]:
    """A run that takes the locks of all hosts, works for some seconds and lets them go."""
    state_dir = f"{tmp_path}/{{{{ inventory_hostname }}}}"
    begin = {"purpose": "a test", "who": "ada", "project": "tdtlock", "state_dir": state_dir}
    end = {"state_dir": state_dir, "token": "{{ lock.token }}"}
    tasks: list[dict[str, t.Any]] = [
        {"name": "Make its directory", "ansible.builtin.file": {"path": state_dir, "state": "directory", "mode": "0755"}},
        {"name": "Begin", "tagadodo.deploy.release_begin": begin, "register": "lock"},
        {"name": "Work", "ansible.builtin.pause": {"seconds": 3}},
    ]  # fmt: skip
    ending = [{"name": "End", "tagadodo.deploy.release_end": end, "when": "lock.token is defined"}]
    play = {
        "name": "Work",
        "any_errors_fatal": True,
        "tasks": [{"name": "Work alone", "block": tasks, "always": ending}],
    }
    return plays.command(tmp_path, HOSTS, play)


def test_one_of_two_gets_every_host(command: list[str]) -> None:
    for _time in range(TIMES):
        runs = [
            subprocess.Popen(
                command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
            )
            for _run in range(2)
        ]
        outputs = [run.communicate()[0] for run in runs]
        codes = sorted(run.returncode for run in runs)
        assert codes[0] == 0 < codes[1], outputs
        refused = next(output for run, output in zip(runs, outputs, strict=True) if run.returncode)
        assert "locked: a test by ada@" in refused
        assert "not asked, as the first host refused; one: locked" in refused
