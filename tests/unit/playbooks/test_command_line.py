# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A slip in what is typed ends the run before any host is asked for anything."""

from __future__ import annotations

import json
import pathlib
import typing as t

import pytest
import yaml

SECRET = "hush-hush"
HOST = {"ansible_connection": "local", "ansible_python_interpreter": "/nowhere/python"}
BACKEND = {"image": "tagadodo/backend", "version": "1.0.0", "port": 80, "hostnames": ["a.example"]}


@pytest.fixture
def inventory(tmp_path: pathlib.Path) -> t.Callable[..., pathlib.Path]:
    """Write an inventory of one host, on which nothing can be run, and one service."""

    def written(**backend: object) -> pathlib.Path:
        services = {"backend": {**BACKEND, **backend}}
        described = {
            "app": {"hosts": {"web1": HOST}},
            "proxy": {"hosts": {"web1": None}},
            "all": {"vars": {"services": services, "vault": {"jwt": SECRET}}},
        }
        path = tmp_path / "hosts.yml"
        path.write_text(yaml.safe_dump(described, sort_keys=False))
        return path

    return written


def refusal(command: t.Any, playbook: str, *arguments: object) -> str:
    """The message of the one task that failed."""
    done = command(
        *("ansible-playbook", f"{playbook}.yml", *arguments),
        ANSIBLE_CALLBACK_RESULT_FORMAT="json",
        ANSIBLE_DISPLAY_FAILED_STDERR="false",
    )
    assert done.returncode != 0, done.stdout
    assert SECRET not in done.stdout
    _before, failed = done.stdout.split("fatal: [web1]: FAILED! => ")
    assert "nowhere" not in done.stdout
    return str(json.JSONDecoder().raw_decode(failed)[0]["msg"])


@pytest.mark.parametrize(
    "playbook", ["site", "deploy", "preflight", "rollback", "status", "pause", "abort"]
)
def test_a_misspelt_variable_is_refused_by_every_playbook(
    command: t.Any, inventory: t.Any, playbook: str
) -> None:
    told = refusal(command, playbook, "-i", inventory(), "-e", "servce=backend")
    assert told == "servce: not known; did you mean service?"


@pytest.mark.parametrize(
    ("playbook", "typed", "told"),
    [
        (
            "deploy",
            "version=",
            "version: it is empty; write one, for example 1.2.0, or leave it out",
        ),
        ("deploy", '{"version": 1.10}', "version: 1.1 is a number; put it in quotes"),
        ("rollback", '{"version": 1.10}', "version: 1.1 is a number; put it in quotes"),
        ("rollback", "service=bakend", "service: bakend is not described; known services: backend"),
        ("site", "service=bakend", "service: bakend is not described; known services: backend"),
        ("deploy", "attest=reviw:ada", "attest.reviw: not known; did you mean review?"),
        (
            "preflight",
            '{"deploy_checklist": {"bakcup": "block"}}',
            "deploy_checklist.bakcup: not known; did you mean backup?",
        ),
        (
            "deploy",
            '{"deploy_checks": {"tests": {"command": ["ci", "{verison}"]}}}',
            "deploy_checks.tests.verison: not known; did you mean version?",
        ),
        ("site", "version=1:0", "services.backend.version: '1:0' is not a valid image tag"),
    ],
)
def test_what_cannot_be_meant_is_refused(
    command: t.Any, inventory: t.Any, playbook: str, typed: str, told: str
) -> None:
    assert refusal(command, playbook, "-i", inventory(), "-e", typed) == told


def test_a_version_of_two_numbers_is_text_when_it_is_typed(
    command: t.Any, inventory: t.Any
) -> None:
    """The check passes; the host that comes after it cannot be asked."""
    done = command("ansible-playbook", "deploy.yml", "-i", inventory(), "-e", "version=1.10")
    assert "ok: [web1]" in done.stdout
    assert "/nowhere/python" in done.stdout


@pytest.mark.parametrize(
    ("playbook", "secret", "told"),
    [
        ("site", "{{ vault_jwt }}", "'vault_jwt' is undefined; define it, or correct its name"),
        (
            "deploy",
            "{{ vault_jwt_secrt }}",
            "'vault_jwt_secrt' is undefined; define it, or correct its name",
        ),
        (
            "deploy",
            "{{ vault.jtw }}",
            "object of type 'dict' has no attribute 'jtw'; define it, or correct its name",
        ),
        (
            "deploy",
            "{{ vault.jwt | from_json }}",
            "its value cannot be read; is the vault's password given, and is its template right?",
        ),
    ],
)
def test_a_secret_without_a_value_is_named(
    command: t.Any, inventory: t.Any, playbook: str, secret: str, told: str
) -> None:
    hosts = inventory(secrets={"GOOD": "{{ vault.jwt }}", "JWT_SECRET": secret})
    named = refusal(command, playbook, "-i", hosts)
    assert named == f"services.backend.secrets.JWT_SECRET: {told}"


def test_awx_hands_over_its_variables_in_a_file(
    command: t.Any, inventory: t.Any, tmp_path: pathlib.Path
) -> None:
    survey = {"version": "", "service": "", "attest": ""}
    known = {"awx_job_id": 7, "tower_job_template_name": "deploy", **survey}
    (tmp_path / "extravars").write_text(json.dumps(known))
    typed = ("-e", f"@{tmp_path}/extravars")
    done = command("ansible-playbook", "deploy.yml", "-i", inventory(), *typed)
    assert "ok: [web1]" in done.stdout
    assert "/nowhere/python" in done.stdout
