# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What AWX is to have: surveys by the specs of playbooks, templates and credentials for each environment."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.tagadodo.deploy.plugins.plugin_utils._awx import (
    AwxError,
    credential_type,
    credentials,
    job_templates,
    survey,
)
from ansible_collections.tagadodo.deploy.plugins.plugin_utils._playbooks import playbook_specs

SERVICES = ["backend", "frontend"]
BOTH: dict[str, dict[str, t.Any]] = {"staging": {"vault": False}, "production": {"vault": True}}


@pytest.mark.parametrize(
    ("playbook", "variable", "kind"),
    [
        ("deploy", "version", {"type": "text", "min": 0, "max": 1024}),
        ("deploy", "service", {"type": "multiselect", "choices": SERVICES}),
        ("deploy", "migrations", {"type": "multiplechoice", "choices": ["leave", "revert", "ask"]}),
        ("deploy", "lock_wait", {"type": "integer", "min": 0, "max": 86400}),
        ("certificates", "renew", {"type": "multiplechoice", "choices": ["yes", "no"]}),
        ("restore", "only", {"type": "text", "min": 0, "max": 1024}),
    ],
)
def test_a_question_is_of_the_type_of_its_variable(
    playbook: str, variable: str, kind: dict[str, object]
) -> None:
    (asked,) = survey(playbook, [variable], [], SERVICES)["spec"]
    assert kind.items() <= asked.items()
    assert (asked["variable"], asked["default"], asked["required"]) == (variable, "", False)


def test_every_variable_of_every_playbook_can_be_asked_for() -> None:
    for playbook, spec in playbook_specs().items():
        made = survey(playbook, list(spec["options"]), [], SERVICES)
        for question in made.get("spec", ()):
            assert question["question_description"]
            assert "(" not in question["question_description"].replace("(yes)", ""), question


def test_where_nothing_is_asked_there_is_no_survey() -> None:
    assert survey("backup", [], [], SERVICES) == {}


@pytest.mark.parametrize(
    ("playbook", "asked", "told"),
    [
        (
            "pause",
            ["version"],
            "pause.ask: version is no variable of pause.yml; it takes operator",
        ),
        ("backup", ["version"], "backup.ask: version is no variable of backup.yml; it takes none"),
        (
            "delpoy",
            [],
            "delpoy: no playbook that is described in playbooks/meta/argument_specs.yml",
        ),
    ],
)
def test_a_question_that_nobody_reads_is_refused(
    playbook: str, asked: list[str], told: str
) -> None:
    with pytest.raises(AwxError) as refused:
        survey(playbook, asked, [], SERVICES)
    assert str(refused.value) == told


def test_a_template_is_made_for_each_environment_and_its_check_too() -> None:
    given = [{"name": "deploy", "playbook": "deploy", "ask": ["version"], "check": True}]
    made = job_templates(given, BOTH, SERVICES)
    assert [(one["name"], one["job_type"]) for one in made] == [
        ("staging: deploy", "run"),
        ("staging: deploy, check", "check"),
        ("production: deploy", "run"),
        ("production: deploy, check", "check"),
    ]


def test_an_environment_has_its_secrets_in_a_vault_or_in_a_credential() -> None:
    types = [{"name": "Secrets", "fields": ["mongo_uri"]}]
    kinds: list[dict[str, t.Any]] = [
        {
            "name": "ssh",
            "type": "Machine",
            "fields": ["ssh_key_data"],
            "given": {"username": "root"},
        },
        {"name": "secrets", "type": "Secrets", "vault": False},
        {"name": "vault", "type": "Vault", "fields": ["vault_password"], "vault": True},
    ]
    made = credentials(types, kinds, BOTH)
    assert {one["name"]: one["variables"] for one in made} == {
        "staging: ssh": ["AWX_STAGING_SSH_KEY_DATA"],
        "staging: secrets": ["AWX_STAGING_MONGO_URI"],
        "production: ssh": ["AWX_PRODUCTION_SSH_KEY_DATA"],
        "production: vault": ["AWX_PRODUCTION_VAULT_PASSWORD"],
    }


def test_a_secret_is_given_to_jobs_by_a_template_of_awx() -> None:
    made = credential_type(["mongo_uri"])
    assert made["injectors"] == {"env": {"MONGO_URI": "{{ mongo_uri }}"}}
    assert [one["secret"] for one in made["inputs"]["fields"]] == [True]
