# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module's arguments and answers, with a service whose migrations are a shell script."""

from __future__ import annotations

import json
import typing as t
import uuid

import pytest
from ansible.module_utils.testing import patch_module_args

from ansible_collections.tagadodo.deploy.plugins.modules import migration

APPLIED = '{"migrations": [{"name": "001-users", "applied": true}]}'
PENDING = '{"migrations": [{"name": "001-users", "applied": false}]}'
Run = t.Callable[..., t.Dict[str, t.Any]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    def run_with(status: str, check_mode: bool = False, **arguments: t.Any) -> dict[str, t.Any]:
        given = {
            "name": f"s{uuid.uuid4().hex[:8]}",
            "commands": {
                "status": ["/bin/sh", "-c", f"echo '{status}'"],
                "up": ["/bin/sh", "-c", "echo $TOKEN >&2; exit 1"],
            },
            "network": "none",
            "secrets": {"TOKEN": "hush-hush"},
            "_ansible_check_mode": check_mode,
            **arguments,
        }
        with patch_module_args(given), pytest.raises(SystemExit):
            migration.main()
        return dict(json.loads(capsys.readouterr().out))

    return run_with


def test_an_engine_that_does_not_answer(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("docker")
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere/docker.sock")
    result = run(APPLIED, image="i", name="backend")
    assert result["msg"].startswith("backend: the Docker engine does not answer")


@pytest.mark.engine
def test_nothing_pending_changes_nothing(run: Run, shell_image: str) -> None:
    result = run(APPLIED, image=shell_image)
    assert (result["changed"], result["applied"], result["pending_after"]) == (False, [], [])


@pytest.mark.engine
def test_check_mode_tells_what_is_pending(run: Run, shell_image: str) -> None:
    result = run(PENDING, image=shell_image, check_mode=True)
    assert (result["changed"], result["applied"]) == (True, ["001-users"])
    assert result["diff"] == {"before": "", "after": "001-users\n"}


@pytest.mark.engine
def test_a_failure_says_why_in_one_line_without_the_secret(run: Run, shell_image: str) -> None:
    result = run(PENDING, image=shell_image)
    assert result["failed"]
    assert "failed with exit code 1: ***" in result["msg"]
    assert result["msg"].endswith("applied before that: nothing; still pending: 001-users")
    assert (result["applied"], result["pending_before"]) == ([], ["001-users"])
    assert "hush-hush" not in json.dumps(result)


@pytest.mark.engine
@pytest.mark.usefixtures("engine")
def test_an_image_that_is_not_here(run: Run) -> None:
    assert run(APPLIED, image="t/none:1", name="backend")["msg"] == (
        "backend: image t/none:1 is not on this host; pull it before its migrations run"
    )
    would = run(APPLIED, image="t/none:1", check_mode=True)
    assert would["changed"]
    assert would["msg"].endswith("not on this host yet, so what is pending cannot be known")
    assert "applied" not in would
