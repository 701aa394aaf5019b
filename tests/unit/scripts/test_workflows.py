# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the workflows say, against what else says it: inventories, scripts, GitFlow."""

from __future__ import annotations

import pathlib
import re
import subprocess
import typing as t

import pytest
import yaml
from expressions import condition, expand
from stand_ins import image_tags
from workflows import load, typed_inputs

from ansible_collections.tagadodo.deploy.plugins.module_utils._checklist import (
    attested,
    policy_of,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._service import (
    ServiceError,
)
from ansible_collections.tagadodo.deploy.plugins.plugin_utils._services import (
    check_versions,
    parse_services,
    select_services,
)

ROOT = pathlib.Path(__file__).resolve().parents[3]
OURS = ROOT / ".github/workflows"
EXAMPLES = ROOT / "examples/tagadodo/.github/workflows"
SHA = "0123456789abcdef0123456789abcdef01234567"
# Which inventory an environment of GitHub has.
NEEDS = {name: {"outputs": {"version": "v1.1.0"}} for name in ("backend", "frontend")}
INVENTORIES = {"staging": "staging", "production": "prod"}

# What docker/metadata-action v6.2.0 has answered to the tags of app-image.yml.
ANSWERED = [
    ("refs/heads/develop", ["develop-0123456789ab", "develop"]),
    ("refs/heads/main", ["main-0123456789ab", "main"]),
    ("refs/heads/release/v1.1", ["release-v1.1-0123456789ab", "release-v1.1"]),
    ("refs/heads/feature/x", ["feature-x-0123456789ab", "feature-x"]),
    ("refs/tags/v1.1.0", ["v1.1.0", "1.1.0"]),
    ("refs/tags/v1.1", ["v1.1"]),
    ("refs/tags/v1.1.0-rc.1", ["v1.1.0-rc.1", "1.1.0-rc.1"]),
]


def tags_of(ref: str) -> list[str]:
    """The tags of the image that a push of ``ref`` makes, the version first."""
    steps = load(OURS / "app-image.yml")["jobs"]["image"]["steps"]
    (naming,) = [step for step in steps if step.get("id") == "meta"]
    branch = str(ref.startswith("refs/heads/")).lower()
    given = naming["with"]["tags"].replace("${{ github.ref_type == 'branch' }}", branch)
    assert "${{" not in given
    return image_tags(given, ref, SHA, int(naming["env"]["DOCKER_METADATA_SHORT_SHA_LENGTH"]))


def deployed_to(ref: str, variables: t.Mapping[str, str], event: str = "push") -> set[str]:
    """Environments whose job in the application's pipeline runs."""
    kind, name = ("tag", ref[10:]) if ref.startswith("refs/tags/") else ("branch", ref[11:])
    github = {"ref": ref, "ref_type": kind, "ref_name": name, "event_name": event}
    context = {"github": github, "vars": variables, "success": lambda: True}
    jobs = load(EXAMPLES / "pipeline.yml")["jobs"].values()
    return {
        job["with"]["environment"]
        for job in jobs
        if "environment" in job["with"] and condition(job["if"], context)
    }


def takes(environment: str, version: str) -> bool:
    """Whether ``deploy_versions`` of its inventory do, by what deploy.yml asks."""
    path = ROOT / f"inventories/{INVENTORIES[environment]}/group_vars/all/main.yml"
    rules = yaml.safe_load(path.read_text())["deploy_versions"]
    described = {"api": {"image": "a", "port": 1, "hostnames": ["a.example"]}}
    chosen = select_services(parse_services(described), "", version)
    try:
        check_versions(chosen, rules)
    except ServiceError:
        return False
    return True


@pytest.mark.parametrize(("ref", "tags"), ANSWERED)
def test_tags_are_those_of_the_action(ref: str, tags: list[str]) -> None:
    assert tags_of(ref) == tags


@pytest.mark.parametrize(
    ("ref", "where"),
    [
        ("refs/heads/develop", {"staging"}),
        ("refs/tags/v1.1.0-rc.1", {"staging"}),
        ("refs/tags/v1.1", {"production"}),
        ("refs/tags/v1.1.1", {"production"}),
        ("refs/heads/main", set()),
        ("refs/heads/release/v1.1", set()),
    ],
)
def test_what_goes_where_is_what_its_inventory_takes_and_no_other_does(
    ref: str, where: set[str]
) -> None:
    version = tags_of(ref)[0]
    assert deployed_to(ref, {}) == where
    assert {name for name in INVENTORIES if takes(name, version)} == where


def test_commits_of_main_are_released_where_asked_for_and_taken_by_a_rule_for_them() -> None:
    assert deployed_to("refs/heads/main", {"PRODUCTION_FROM": "main"}) == {"production"}
    assert deployed_to("refs/heads/develop", {"PRODUCTION_FROM": "main"}) == {"staging"}
    version = tags_of("refs/heads/main")[0]
    assert not takes("production", version)
    # The rule is written beside the job.
    (rule,) = re.findall(r"main: '(.+)'", (EXAMPLES / "pipeline.yml").read_text())
    assert re.fullmatch(rule, version)


def test_pull_requests_are_released_nowhere() -> None:
    for ref in ("refs/pull/7/merge", "refs/heads/develop", "refs/tags/v1.1.0"):
        assert deployed_to(ref, {}, event="pull_request") == set()


def test_the_pipeline_starts_for_every_ref_that_is_released() -> None:
    pushed = load(EXAMPLES / "pipeline.yml")["on"]["push"]
    assert pushed == {"branches": ["main", "develop"], "tags": ["v[0-9]*"]}


def test_the_examples_name_environments_and_inventories_that_are_there() -> None:
    for job in load(EXAMPLES / "pipeline.yml")["jobs"].values():
        if "environment" in job["with"]:
            name = INVENTORIES[job["with"]["environment"]]
            assert f"'inventories/{name}'" in job["with"]["inventory"]
            assert (ROOT / "inventories" / name / "hosts.yml").exists()


def test_a_release_gets_every_secret_that_inventories_ask_for() -> None:
    asked = set(
        re.findall(
            r"lookup\('ansible.builtin.env', '(\w+)'",
            (ROOT / "inventories/common/secrets.yml").read_text(),
        )
    )
    workflow = load(OURS / "app-release.yml")
    (play,) = [step for step in workflow["jobs"]["release"]["steps"] if step.get("id") == "play"]
    assert asked
    assert asked <= set(workflow["on"]["workflow_call"]["secrets"])
    for name in asked:
        assert play["env"][name] == f"${{{{ secrets.{name} }}}}"


def test_called_workflows_are_given_what_they_know() -> None:
    for path in EXAMPLES.glob("*.yml"):
        for job in load(path)["jobs"].values():
            called = OURS / pathlib.Path(job["uses"].partition("@")[0]).name
            described = load(called)["on"]["workflow_call"]
            assert set(job["with"]) <= set(described["inputs"])
            assert job["secrets"] == "inherit" or set(job["secrets"]) <= set(described["secrets"])


@pytest.mark.parametrize(
    ("chosen", "service", "inventory", "health"),
    [
        (
            {"environment": "production", "service": "all"},
            *("", "inventories/prod", "backend https://api.tagadodo.com/health"),
        ),
        (
            {"environment": "staging", "service": "backend"},
            *("backend", "inventories/staging"),
            "backend https://staging-api.tagadodo.com/health",
        ),
    ],
)
def test_a_rollback_by_hand_is_of_what_was_chosen(
    chosen: dict[str, str], service: str, inventory: str, health: str
) -> None:
    workflow = load(EXAMPLES / "rollback.yml")
    context = {"inputs": typed_inputs(workflow, chosen), "vars": {}}
    given = expand(workflow["jobs"]["rollback"]["with"], context)
    assert (given["service"], given["inventory"], given["health"]) == (service, inventory, health)
    assert (given["version"], given["migrations"]) == ("", "leave")


def test_a_release_to_production_attests_what_its_checklist_asks_of_people() -> None:
    path = ROOT / "inventories/prod/group_vars/all/main.yml"
    policy = policy_of(yaml.safe_load(path.read_text())["deploy_checklist"])
    people = {"review", "tests", "staging"}
    machines = {"migrations", "variables", "way_back", "backup", "disk", "certificates", "clock"}
    assert {name for name, level in policy.items() if level == "block"} == people | machines
    job = load(EXAMPLES / "pipeline.yml")["jobs"]["deploy-production"]
    given = expand(job["with"], {"github": {"run_id": "77"}, "vars": {}, "needs": NEEDS})
    assert set(attested(given["attest"])) == people


def test_the_examples_call_the_version_of_this_collection() -> None:
    version = yaml.safe_load((ROOT / "galaxy.yml").read_text())["version"]
    for path in EXAMPLES.glob("*.yml"):
        for job in load(path)["jobs"].values():
            assert job["uses"].endswith(f"@v{version}")


def test_an_action_is_pinned_to_the_same_commit_everywhere() -> None:
    pins: dict[str, set[str]] = {}
    for path in OURS.glob("*.yml"):
        for name, pin in re.findall(r"uses: ([^\s@]+)@([0-9a-f]{40} # v\S+)", path.read_text()):
            pins.setdefault(name, set()).add(pin)
    assert pins
    assert {name: pin for name, pin in pins.items() if len(pin) > 1} == {}


def test_every_stage_of_scripts_test_is_a_job() -> None:
    line = next(
        line
        for line in (ROOT / "scripts/test").read_text().splitlines()
        if line.startswith("ALL=(")
    )
    stages = load(OURS / "checks.yml")["jobs"]["test"]["strategy"]["matrix"]["stage"]
    assert stages == line.removeprefix("ALL=(").removesuffix(")").split()


def test_linters_find_what_they_are_there_for(tmp_path: pathlib.Path) -> None:
    tools = ROOT / ".venv/tools"
    broken = tmp_path / ".github/workflows/broken.yml"
    broken.parent.mkdir(parents=True)
    broken.write_text(
        "on: pull_request\njobs:\n  one:\n    runs-on: ubuntu-24.04\n    steps:\n"
        "      - uses: actions/checkout@v7\n"
        '      - run: echo "${{ github.event.pull_request.title }} ${{ inputs.nothing }}"\n'
    )
    subprocess.run(["git", "init", "--quiet", tmp_path], check=True)
    for program, told in (("jactionlint", "undefined-property"), ("zizmor", "template-injection")):
        options = ["--offline"] if program == "zizmor" else ["--no-online"]
        words = [str(tools / program / "bin" / program), *options, str(broken)]
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        assert done.returncode != 0
        assert told in done.stdout
