# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a pipeline runs a playbook by: what is typed, with which environment, and why it failed."""

from __future__ import annotations

import importlib.util
import json
import os
import pathlib
import stat
import subprocess
import sys
import typing as t

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[3]
SCRIPT = ROOT / "scripts/ci/play.py"
ASKED = {
    "PLAYBOOK": "deploy",
    "INVENTORY": "inventories/staging",
    "VERSION": "develop-0123456",
    "SERVICE": "",
    "MIGRATIONS": "",
    "LOCK_WAIT": "600",
    "GITHUB_ACTOR": "octocat",
}


@pytest.fixture(scope="module")
def play() -> t.Any:
    spec = importlib.util.spec_from_file_location("play", SCRIPT)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules["play"] = module
    spec.loader.exec_module(module)
    return module


def test_what_is_asked_for_is_typed_and_what_is_empty_is_not(play: t.Any) -> None:
    *words, extra = play.arguments({**ASKED, "INVENTORY": "inventories/staging\n/etc/more\n"})
    assert words == ["deploy.yml", "-i", "inventories/staging", "-i", "/etc/more", "-e"]
    assert json.loads(extra) == {
        **{"version": "develop-0123456", "lock_wait": "600", "operator": "octocat"}
    }


def test_a_value_does_not_become_two(play: t.Any) -> None:
    odd = "1.0 service=backend"
    assert json.loads(play.arguments({**ASKED, "VERSION": odd})[-1])["version"] == odd


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"PLAYBOOK": "site"}, "PLAYBOOK=site: it is one of deploy, rollback"),
        ({"INVENTORY": " "}, "INVENTORY is empty: which hosts are meant?"),
        ({"VERSION": ""}, "VERSION is empty: which one is to be released?"),
    ],
)
def test_what_makes_no_sense_is_refused_in_one_line(
    asked: dict[str, str], told: str, tmp_path: pathlib.Path
) -> None:
    done = typed({**ASKED, **asked}, tmp_path)
    assert (done.returncode, done.stdout) == (2, f"::error::{told}\n")
    assert (tmp_path / "output").read_text() == f"reason={told}\n"


def test_who_attests_is_handed_over(play: t.Any) -> None:
    asked = {**ASKED, "ATTEST": "review: reviewers, tests: run 7"}
    assert json.loads(play.arguments(asked)[-1])["attest"] == asked["ATTEST"]


def test_a_rollback_needs_no_version(play: t.Any) -> None:
    assert play.arguments({**ASKED, "PLAYBOOK": "rollback", "VERSION": ""})[0] == "rollback.yml"


def test_keys_are_files_that_nobody_else_reads(play: t.Any, tmp_path: pathlib.Path) -> None:
    secrets = {
        "SSH_PRIVATE_KEY": "key",
        "SSH_KNOWN_HOSTS": "host",
        "ANSIBLE_VAULT_PASSWORD": "password",
        "MONGO_URI": "mongodb://",
        "JWT_SECRET": "",
    }
    given = play.settings(secrets, tmp_path)
    assert given == {
        "ANSIBLE_PRIVATE_KEY_FILE": f"{tmp_path}/key",
        "ANSIBLE_SSH_COMMON_ARGS": f"-o UserKnownHostsFile={tmp_path}/known_hosts -o StrictHostKeyChecking=yes",
        "ANSIBLE_VAULT_PASSWORD_FILE": f"{tmp_path}/vault",
        "MONGO_URI": "mongodb://",
    }
    assert (tmp_path / "key").read_text() == "key\n"
    modes = {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    assert modes == {0o600}


def test_a_container_gets_secrets_by_name_and_nothing_of_the_runner(
    play: t.Any, tmp_path: pathlib.Path
) -> None:
    given = {"MONGO_URI": "mongodb://s3cret", "ANSIBLE_X": "1", "JAVA_HOME": "/opt", "PATH": "/bin"}
    words = play.command(["deploy.yml"], "registry/ee:1", given, tmp_path)
    assert words[-3:] == ["registry/ee:1", "ansible-playbook", "deploy.yml"]
    assert [word for word in words if word.startswith("--env=")] == [
        "--env=HOME=/tmp",
        "--env=ANSIBLE_X",
        "--env=MONGO_URI",
    ]


def test_an_inventory_that_is_not_there_is_the_reason(tmp_path: pathlib.Path) -> None:
    done = typed({**ASKED, "INVENTORY": "inventories/prdo"}, tmp_path)
    assert done.returncode != 0
    reason = (tmp_path / "output").read_text().removeprefix("reason=").rstrip("\n")
    assert reason.endswith(f"Completely failed to parse inventory source {ROOT}/inventories/prdo")
    assert f"::error::{reason}\n" in done.stdout
    assert (tmp_path / "summary").read_text() == f"**deploy develop-0123456**: {reason}\n"
    assert {path.name for path in tmp_path.iterdir()} == {"output", "summary"}


def test_a_version_that_its_environment_does_not_take_is_refused_by_the_playbook(
    tmp_path: pathlib.Path,
) -> None:
    """Before any host is reached: these are in no network."""
    secrets = dict.fromkeys(
        [
            "MONGO_URI",
            "REDIS_PASSWORD",
            "JWT_SECRET",
            "JWT_REFRESH_SECRET",
            "ADMIN_PASSWORD",
            "BACKUP_PASSWORD",
        ],
        "0123456789abcdef0123456789abcdef",
    )
    asked = {**ASKED, **secrets, "INVENTORY": "inventories/prod"}
    done = typed(asked, tmp_path)
    assert done.returncode != 0
    assert (
        "develop-0123456 may not be released here; deploy_versions takes release"
        in (tmp_path / "output").read_text()
    )
    assert "0123456789abcdef" not in done.stdout


BEFORE = """\
TASK [One] ****
ok: [a] =>
  msg: this went well
[ERROR]: Task failed: Module failed: not ready
fatal: [staging]: FAILED! =>
  changed: false
  msg: not ready
"""


@pytest.mark.parametrize(
    ("printed", "reason"),
    [
        ("", ""),
        ("ok: [a] =>\n  msg: this went well\n", ""),
        ("[ERROR]: no such file\n", "no such file"),
        (BEFORE, "not ready"),
        (f"{BEFORE}ok: [a] =>\n  msg: this went well\n", "not ready"),
        (f"{BEFORE}fatal: [b]: FAILED! =>\n  msg: given up\n  other: yes\n", "given up"),
        (
            f"{BEFORE}fatal: [b]: FAILED! =>\n  msg: 'given\n    up: it''s over'\n",
            "given up: it's over",
        ),
        (f"{BEFORE}fatal: [b]: FAILED! =>\n  msg: |-\n    given up:\n    over\n", "given up: over"),
        (f"{BEFORE}fatal: [b]: UNREACHABLE! =>\n  changed: false\n  msg: cut off\n", "cut off"),
    ],
)
def test_the_last_message_of_a_failure_is_the_reason(
    play: t.Any, printed: str, reason: str
) -> None:
    found = play.Reason()
    for line in printed.splitlines(keepends=True):
        found.read(line)
    assert found.text == reason


def typed(asked: t.Mapping[str, str], folder: pathlib.Path) -> subprocess.CompletedProcess[str]:
    """What the step of the workflow runs."""
    files = {"GITHUB_OUTPUT": "output", "GITHUB_STEP_SUMMARY": "summary", "RUNNER_TEMP": "."}
    return subprocess.run(
        [sys.executable, str(SCRIPT)],
        cwd=ROOT,
        env={
            **{"PATH": os.environ["PATH"], "HOME": str(pathlib.Path.home()), **asked},
            **{name: str(folder / path) for name, path in files.items()},
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
