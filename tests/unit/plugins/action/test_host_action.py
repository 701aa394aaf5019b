# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A module that runs from the copy of our code on a host answers as one that is sent."""

from __future__ import annotations

import os
import pathlib
import sys
import typing as t

import pytest

from ansible_collections.tagadodo.deploy.plugins.plugin_utils import _host_action
from ansible_collections.tagadodo.deploy.plugins.plugin_utils._launcher import KEPT

CHECKED = {"targets": [{"name": "nobody", "url": "http://127.0.0.1:1"}], "timeout": 1}
LET_GO = {"state_dir": "/nowhere/tagadodo-test", "token": "t"}
TASKS: dict[str, dict[str, t.Any]] = {
    "good": {"tagadodo.deploy.release_end": LET_GO},
    "failing": {"tagadodo.deploy.health_check": CHECKED},
    "wrong": {"tagadodo.deploy.release_end": {"token": "t", "more": 1}},
    "changing": {
        "tagadodo.deploy.release": {
            "state_dir": "/nowhere/tagadodo-test",
            "outcome": "succeeded",
            "records": [{"service": "backend", "release": "r1"}],
        },
        "check_mode": True,
    },
}
# Who has no home keeps no copy, so each of its modules is sent.
NOBODY = {
    "become": True,
    "become_user": "nobody",
    "become_method": "ansible.builtin.su",
    "become_flags": "-s /bin/sh",
}
SENT = {f"{name}, sent": {**task, **NOBODY} for name, task in TASKS.items()}
VARIABLES = {
    "ansible_connection": "local",
    "ansible_pipelining": True,
    "ansible_python_interpreter": "/usr/bin/python3",
}


@pytest.fixture(scope="module")
def answers(play: t.Any) -> t.Any:
    return play({**TASKS, **SENT}, VARIABLES)


@pytest.mark.parametrize("name", TASKS)
def test_it_answers_the_same(answers: t.Any, name: str) -> None:
    ran, sent = answers[name].result, answers[f"{name}, sent"].result
    told = ("msg", "changed", "failed", "released", "written")
    assert {key: ran.get(key) for key in told} == {key: sent.get(key) for key in told}
    # Ansible warns that nobody has no home for its temporary files.
    assert set(ran) == set(sent) - {"warnings"}


def test_it_ran_from_the_copy(answers: t.Any) -> None:
    """Python has compiled what was imported."""
    assert answers["good"].result["released"] is False
    copy = pathlib.Path(os.path.expanduser("~root")) / KEPT / _host_action._key()
    assert list((copy / _host_action.PACKAGE / "module_utils/__pycache__").glob("_lock.*.pyc"))


def test_another_code_has_another_key(
    monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path
) -> None:
    before = _host_action._key()
    other = tmp_path / "module_utils/_more.py"
    other.parent.mkdir()
    other.write_text("MORE = True\n")
    monkeypatch.setattr(_host_action, "PLUGINS", tmp_path)
    _host_action._key.cache_clear()
    try:
        assert _host_action._key() != before
    finally:
        _host_action._key.cache_clear()


LEDGER = {"tagadodo.deploy.ledger_info": {"state_dir": "/nowhere/tagadodo-test"}}
ON_CLUSTER: dict[str, dict[str, t.Any]] = {
    "both": LEDGER,
    "hosts alone": {"tagadodo.deploy.nginx_info": {"container": "nginx", "image": "nginx"}},
    "elsewhere": {**LEDGER, "delegate_to": "localhost"},
}


def test_on_a_cluster_modules_are_given_it_and_others_are_refused(
    play: t.Any, standin: t.Any, tmp_path: pathlib.Path
) -> None:
    described = {"kubeconfig": standin.kubeconfig(tmp_path), "namespace": "tagadodo"}
    cluster = {
        **VARIABLES,
        "ansible_python_interpreter": sys.executable,
        "deploy_platform": "kubernetes",
        "deploy_kubernetes": described,
        "deploy_project": "tagadodo",
    }
    answers = play(ON_CLUSTER, cluster)
    assert answers["both"].result["records"] == {"_environment": []}
    asked = [one for one in standin.requests if "configmaps" in one]
    assert asked == ["GET /api/v1/namespaces/tagadodo/configmaps"], "the last task looks at files"
    refused = answers["hosts alone"].result["msg"]
    assert refused.startswith(
        "nginx_info works on hosts with an engine, and localhost is a cluster"
    )


def test_what_may_be_given_a_cluster_says_so() -> None:
    modules = _host_action.PLUGINS / "modules"
    documented = {
        path.stem for path in modules.glob("*.py") if "_deploy.CLUSTER" in path.read_text("utf-8")
    }
    assert documented == _host_action.ON_CLUSTERS
