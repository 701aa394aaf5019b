# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""AWX as code, against a stand-in of its API: the real modules make all of it once, and nothing twice."""

from __future__ import annotations

import json
import os
import pathlib
import re
import subprocess
import sys
import typing as t

import pytest
from awx import HIDDEN, Awx, controller
from awx_job import OBJECTS, described
from stack import ROOT

FIELDS = (
    *("ssh_key_data", "mongo_uri", "redis_password", "jwt_secret", "jwt_refresh_secret"),
    *("admin_password", "backup_password"),
)
SECRETS = {
    f"AWX_{environment}_{name}".upper(): f"hush-{environment}-{name}"
    for environment in ("staging", "production")
    for name in FIELDS
}
TOKEN = "xoxb-hush"
NOTIFICATIONS = {
    "Slack": {
        "type": "slack",
        "configuration": {
            "channels": ["#deploys"],
            "token": "{{ lookup('ansible.builtin.env', 'SLACK_TOKEN') }}",
        },
    }
}
GIVEN = {"awx_image": "registry.example.com/ee:1", "awx_notifications": NOTIFICATIONS}


def awx_yml(
    awx: Awx, *arguments: str, missing: str = "", **given: object
) -> subprocess.CompletedProcess[str]:
    """Type it, with the secrets in the environment but for one."""
    environment = {**os.environ, **awx.environment, **SECRETS, "SLACK_TOKEN": TOKEN}
    environment.pop(missing, None)
    program = pathlib.Path(sys.executable).parent / "ansible-playbook"
    variables = json.dumps({**GIVEN, **given})
    return subprocess.run(
        [str(program), "awx.yml", "-i", "inventories/prod", "-e", variables, *arguments],
        cwd=ROOT,
        env={**environment, "ANSIBLE_NOCOLOR": "1"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )


def changed(done: subprocess.CompletedProcess[str]) -> int:
    assert done.returncode == 0, done.stdout
    (found,) = re.findall(r"changed=(\d+)", done.stdout)
    return int(found)


@pytest.fixture(scope="module")
def empty() -> t.Iterator[Awx]:
    with controller(ROOT) as awx:
        yield awx


@pytest.fixture(scope="module")
def printed(empty: Awx) -> str:
    """What the run prints that makes everything."""
    done = awx_yml(empty, "-v")
    assert done.returncode == 0, done.stdout
    return done.stdout


@pytest.fixture(scope="module")
def awx(empty: Awx, printed: str) -> Awx:
    return empty


@pytest.mark.parametrize(
    ("given", "missing", "told"),
    [
        ({"awx_image": ""}, "", "awx_image which image jobs run in"),
        (
            {},
            "AWX_PRODUCTION_MONGO_URI",
            "production: secrets: AWX_PRODUCTION_MONGO_URI in the environment,"
            " or awx_values.production, is missing",
        ),
    ],
)
def test_what_is_missing_is_named_before_anything_is_made(
    empty: Awx, given: dict[str, str], missing: str, told: str
) -> None:
    done = awx_yml(empty, missing=missing, **given)
    assert done.returncode != 0
    assert told in " ".join(done.stdout.split())
    assert empty.seen == []


def test_a_check_of_an_empty_awx_makes_nothing_and_says_how_far_it_sees(empty: Awx) -> None:
    done = awx_yml(empty, "--check")
    assert changed(done) == 1
    assert "the organization: not all of it is there." in " ".join(done.stdout.split())
    assert empty.changes == []


def test_each_template_is_there_for_each_environment_with_its_check(awx: Awx) -> None:
    templates = awx.named("job_templates")
    for environment in ("staging", "production"):
        for one in described()["job_templates"]:
            made = templates.pop(f"{environment}: {one['name']}")
            assert made["playbook"] == f"{one['playbook']}.yml"
            assert awx.of("inventories", made["inventory"])["name"] == environment
            own = [awx.of("credentials", number)["name"] for number in made["lists"]["credentials"]]
            assert sorted(own) == [f"{environment}: secrets", f"{environment}: ssh"]
            assert [one["variable"] for one in made["survey"].get("spec", [])] == one.get("ask", [])
            if one.get("check"):
                check = templates.pop(f"{environment}: {one['name']}, check")
                assert (check["job_type"], check["diff_mode"]) == ("check", True)
                assert check["survey"] == made["survey"]
    assert templates == {}


def test_services_can_be_chosen_and_choices_are_those_of_the_playbook(awx: Awx) -> None:
    survey = awx.named("job_templates")["production: deploy"]["survey"]
    found = {one["variable"]: one for one in survey["spec"]}
    assert found["service"]["choices"] == ["backend", "frontend"]
    assert found["migrations"]["choices"] == ["leave", "revert", "ask"]
    assert found["lock_wait"]["type"] == "integer"
    assert [name for name, one in found.items() if one["required"]] == ["version"]


def test_the_workflow_waits_for_approval_and_takes_back_what_fails(awx: Awx) -> None:
    nodes = awx.named("workflow_job_template_nodes")
    names = {one["id"]: name for name, one in nodes.items()}
    edges = {
        (name, edge.removesuffix("_nodes"), names[number])
        for name, one in nodes.items()
        for edge, numbers in one["lists"].items()
        for number in numbers
    }
    assert edges == {
        (one["name"], edge, following)
        for one in described()["workflow"]["nodes"]
        for edge in ("success", "failure", "always")
        for following in one.get(edge, ())
    }
    assert ("preflight-staging", "success", "deploy-staging") in edges
    assert ("deploy-staging", "success", "preflight-production") in edges
    assert ("preflight-production", "success", "approval") in edges
    assert ("approval", "success", "deploy-production") in edges
    assert ("deploy-production", "failure", "take-back-production") in edges
    approval = awx.of("workflow_approval_templates", nodes["approval"]["unified_job_template"])
    assert approval["timeout"] == 14400
    (workflow,) = awx.objects["workflow_job_templates"].values()
    assert [one["variable"] for one in workflow["survey"]["spec"]] == [
        *("version", "service", "attest")
    ]
    assert len(workflow["lists"]["notification_templates_approvals"]) == 1


def test_what_the_workflow_asks_for_is_in_nobodys_way(awx: Awx) -> None:
    """AWX gives it to all of its jobs: a rollback that took the version for its own would go to the bad release."""
    back = awx.named("job_templates")["production: take back"]
    assert json.loads(back["extra_vars"]) == {
        "release": "unfinished,{{ deployed_release | default('') }}"
    }


def test_inventories_and_schedules_come_from_the_project(awx: Awx) -> None:
    for source in awx.objects["inventory_sources"].values():
        assert (ROOT / source["source_path"]).is_file()
    for schedule in awx.objects["schedules"].values():
        template = awx.of("job_templates", schedule["unified_job_template"])
        assert template["name"].partition(": ")[0] == schedule["name"].partition(": ")[0]
    assert len(awx.objects["schedules"]) == 2 * len(described()["schedules"])


def test_jobs_get_the_variables_that_inventories_look_up(awx: Awx) -> None:
    looked_up = set(
        re.findall(
            r"'ansible.builtin.env', '(\w+)'", (ROOT / "inventories/common/secrets.yml").read_text()
        )
    )
    (made,) = [one for one in awx.objects["credential_types"].values() if one["injectors"]]
    assert set(made["injectors"]["env"]) == looked_up
    secrets = awx.named("credentials")["production: secrets"]["inputs"]
    assert secrets["mongo_uri"] == SECRETS["AWX_PRODUCTION_MONGO_URI"]


def test_secrets_reach_awx_and_are_not_printed(awx: Awx, printed: str) -> None:
    sent = "".join(awx.seen)
    for value in (*SECRETS.values(), TOKEN):
        assert value in sent
        assert value not in printed


def test_the_second_run_changes_nothing(awx: Awx) -> None:
    awx.changes.clear()
    assert changed(awx_yml(awx)) == 0
    assert awx.changes == []


def test_a_changed_survey_is_one_change_and_a_check_tells_it(
    awx: Awx, tmp_path: pathlib.Path
) -> None:
    text = OBJECTS.read_text()
    assert text.count("variables: [version, service, attest]") == 1
    mine = tmp_path / "objects.yml"
    mine.write_text(text.replace("variables: [version, service, attest]", "variables: [version]"))
    awx.changes.clear()
    assert changed(awx_yml(awx, "--tags=workflow", "--check", awx_objects=str(mine))) == 1
    assert awx.changes == []
    assert changed(awx_yml(awx, "--tags=workflow", awx_objects=str(mine))) == 1
    assert awx.changes == ["survey of release"]


def test_nothing_that_awx_shows_is_a_secret(awx: Awx) -> None:
    for kind in ("credentials", "notification_templates"):
        _status, page = awx.answer("GET", kind, {}, {})
        assert HIDDEN in json.dumps(page)
        for value in (*SECRETS.values(), TOKEN):
            assert value not in json.dumps(page)
