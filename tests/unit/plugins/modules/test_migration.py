# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module's arguments and answers, with a service whose migrations are a shell script."""

from __future__ import annotations

import json
import pathlib
import typing as t
import uuid

import pytest
from ansible.module_utils.testing import patch_module_args

from ansible_collections.tagadodo.deploy.plugins.module_utils._documents import Files
from ansible_collections.tagadodo.deploy.plugins.module_utils._ledger import ENVIRONMENT, Ledger
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


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"release": "r"}, "parameters are required together: state_dir, release"),
        ({"state": "reverted"}, "state is reverted but all of the following are missing: before"),
        (
            {"commands": {"status": ["s"], "up": ["u"], "lease": {"uri": "mongodb://u:p@m"}}},
            "backend: migrations.lease.uri: give the name of the environment variable",
        ),
        (
            {"commands": {"status": ["s"], "up": ["u"], "parse": {"line": "(", "pending": ""}}},
            "backend: migrations.parse.line: '(' is no regular expression",
        ),
    ],
)
def test_what_is_asked_for_wrongly_is_said(
    run: Run, arguments: dict[str, t.Any], told: str
) -> None:
    assert told in run(APPLIED, image="i", name="backend", **arguments)["msg"]


@pytest.mark.engine
def test_a_contract_is_refused_in_check_mode_too(run: Run, shell_image: str) -> None:
    contract = PENDING.replace("false", 'false, "kind": "contract"')
    given = {"image": shell_image, "check_mode": True, "old_version_runs": True}
    assert "001-users is labelled contract" in run(contract, **given)["msg"]
    would = run(contract, **given, reason="at night")
    assert (would["changed"], would["applied"]) == (True, ["001-users"])


@pytest.mark.engine
def test_reverting_in_check_mode_tells_what_would_be_reverted(
    run: Run, shell_image: str, tmp_path: pathlib.Path
) -> None:
    given = {
        "image": shell_image,
        "check_mode": True,
        "state": "reverted",
        "names": ["001-users"],
        "before": [],
        "state_dir": str(tmp_path),
        "release": "r",
    }
    status = ["/bin/sh", "-c", f"echo '{APPLIED}'"]
    would = run(APPLIED, **given, commands={"status": status, "up": ["u"], "down": ["d", "{name}"]})
    assert (would["changed"], would["reverted"]) == (True, ["001-users"])
    assert would["diff"] == {"before": "001-users\n", "after": ""}
    refused = run(APPLIED, **given)
    assert refused["msg"].endswith("describe migrations.down")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.engine
def test_the_report_of_a_release_says_what_became_of_its_migrations_later(
    run: Run, shell_image: str, tmp_path: pathlib.Path
) -> None:
    """It has ended before they are taken back, and its report was written then."""
    ledger = Ledger(Files(tmp_path))
    applied = {"state": "applied", "applied": ["001-users"], "before": []}
    ledger.update("backend", "r", {"outcome": "rolled_back", "migrations": applied}, write=True)
    whole = {"of_services": {"backend": {"release": "r"}}}
    ledger.update(ENVIRONMENT, "r", whole, write=True)
    status = ["/bin/sh", "-c", f"echo '{APPLIED}'"]
    failed = run(
        APPLIED,
        image=shell_image,
        name="backend",
        state="reverted",
        names=["001-users"],
        before=[],
        state_dir=str(tmp_path),
        release="r",
        commands={"status": status, "up": ["u"], "down": ["/bin/sh", "-c", "exit 1"]},
    )
    assert failed["failed"]
    assert "not all taken back" in (tmp_path / "reports/r.html").read_text("utf-8")


@pytest.mark.engine
def test_a_failure_is_in_the_ledger(run: Run, shell_image: str, tmp_path: pathlib.Path) -> None:
    run(PENDING, image=shell_image, name="backend", state_dir=str(tmp_path), release="r")
    record = json.loads((tmp_path / "releases/backend/r.json").read_text())
    expected = {"image": shell_image, "state": "partial", "before": [], "applied": []}
    assert record["migrations"] == expected


@pytest.mark.engine
def test_a_lease_needs_node_in_the_image(run: Run, shell_image: str) -> None:
    commands = {"status": ["s"], "up": ["u"], "lease": {"uri": "TOKEN"}}
    told = run(PENDING, image=shell_image, name="backend", commands=commands)["msg"]
    assert told.startswith("backend: migrations.lease needs Node.js in the image: starting node in")


@pytest.mark.engine
def test_nothing_pending_changes_nothing(run: Run, shell_image: str) -> None:
    result = run(APPLIED, image=shell_image)
    assert (result["changed"], result["applied"], result["pending_after"]) == (False, [], [])


@pytest.mark.engine
def test_a_look_without_a_record_needs_no_lock(run: Run, shell_image: str) -> None:
    """The playbooks hand their lock to every module."""
    result = run(PENDING, check_mode=True, state="status", image=shell_image, lock="token")
    assert not result.get("failed"), result
    assert result["migrations"] == [{"name": "001-users", "applied": False}], result


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
