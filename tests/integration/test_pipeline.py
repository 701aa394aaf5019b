# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The example's pipeline from a commit to staging, on this machine: every ``run:`` of its workflows, as GitHub runs it.

What stands for the actions that they use is in ``stand_ins``.
"""

from __future__ import annotations

import json
import os
import pathlib
import shutil
import typing as t
from dataclasses import dataclass, field

import docker
import pytest
from awx_job import Jobs, exported, templates_of
from clients import live_version
from conftest import REGISTRY
from execution_environment import execution_environment
from fleet import Fleet, tagged
from fleet import staging as one_host
from stack import ROOT
from stand_ins import StandIns, run
from webhook import Webhook, listening
from workflows import GitHub, Job, load

PIPELINE = ROOT / "examples/tagadodo/.github/workflows"
FIRST, SECOND = "develop-c1c1c1c", "develop-c2c2c2c"
CALLED = {
    f"tagadodo/deploy/.github/workflows/{name}.yml": ROOT / f".github/workflows/{name}.yml"
    for name in ("app-image", "app-release")
}
HUB = "127.0.0.1"


@dataclass
class Application:
    """The repository of Taga Dodo, and the machines that run its workflows."""

    folder: pathlib.Path
    staging: Fleet
    slack: Webhook
    variables: dict[str, str]
    environments: dict[str, dict[str, str]]
    runs: list[dict[str, Job]] = field(default_factory=list)
    stand_ins: list[StandIns] = field(default_factory=list)
    services: list[t.Any] = field(default_factory=list)

    @property
    def repository(self) -> pathlib.Path:
        return self.folder / "application"

    def create(self) -> None:
        listed = run("git", "ls-files", "-z", "examples/tagadodo", cwd=ROOT).split("\0")
        for name in filter(None, listed):
            path = self.repository / pathlib.Path(name).relative_to("examples/tagadodo")
            path.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, path)
        self.git("init", "--quiet", "--initial-branch=main")
        self.commit("Begin")
        self.git("checkout", "--quiet", "-b", "develop")

    def git(self, *words: str) -> str:
        who = ("-c", "user.name=A Developer", "-c", "user.email=developer@tagadodo.com")
        return run("git", "-C", self.repository, *who, *words).strip()

    def commit(self, message: str) -> None:
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", f"--message={message}")

    def push(
        self,
        ref: str,
        workflow: str = "pipeline",
        known: t.Mapping[str, Job] | None = None,
        **inputs: str,
    ) -> dict[str, Job]:
        """What GitHub does when ``ref`` is pushed, or a workflow started by hand."""
        sha = self.git("rev-parse", f"{ref}^{{commit}}")
        kind, name = ("tag", ref[10:]) if ref.startswith("refs/tags/") else ("branch", ref[11:])
        event = {
            **{"ref": ref, "ref_name": name, "ref_type": kind, "sha": sha, "run_id": "4711"},
            **{"event_name": "workflow_dispatch" if inputs else "push", "actor": "octocat"},
            **{"repository": "tagadodo/app", "server_url": "https://github.com"},
        }
        work = self.folder / f"run{len(self.runs)}"
        ours = {"test": self.folder / "overlay"}
        actions = StandIns(self.repository, REGISTRY, event, work / "kept", ours)
        self.stand_ins.append(actions)
        github = GitHub(
            work,
            event,
            actions.actions,
            CALLED,
            secrets={"REGISTRY_USERNAME": "robot", "REGISTRY_PASSWORD": "t0ken"},
            environments=self.environments,
            variables=self.variables,
            start_service=self.start_service,
            shell={"HOME": str(self.folder / "home")},
            known=known or {},
        )
        jobs = github.run(PIPELINE / f"{workflow}.yml", inputs)
        self.runs.append(jobs)
        return jobs

    def start_service(self, image: str, ports: t.Sequence[str]) -> dict[str, t.Any]:
        """A container of the image's stand-in, with its ports on 127.0.0.1."""
        container = docker.from_env().containers.run(
            f"{REGISTRY}/{image}",
            detach=True,
            ports={f"{port}/tcp": (HUB, None) for port in ports},
            name=f"{self.staging.name}-test-{len(self.services)}",
        )
        self.services.append(container)
        container.reload()
        published = container.attrs["NetworkSettings"]["Ports"]
        return {"ports": {port: published[f"{port}/tcp"][0]["HostPort"] for port in ports}}

    def destroy(self) -> None:
        for container in self.services:
            container.remove(force=True, v=True)
        for actions in self.stand_ins:
            actions.remove_images()


@pytest.fixture(scope="module")
def application(work: pathlib.Path) -> t.Iterator[Application]:
    fleet = one_host(f"tdt{os.getpid()}pipe", REGISTRY, work)
    with tagged(REGISTRY, {FIRST: "1.0.0", SECOND: "1.1.0"}), listening() as slack:
        made = Application(work / "ci", fleet, slack, {}, {})
        try:
            fleet.up()
            fleet.hand_over_secrets()
            first = fleet.play("site", "-e", f"version={FIRST}", rollout_bake=0)
            assert first.code == 0, first.output
            set_up(made)
            yield made
        finally:
            made.destroy()
            fleet.destroy()


def set_up(application: Application) -> None:
    """What an administrator sets in GitHub, and where the hosts of this test are."""
    fleet, folder = application.staging, application.folder
    shutil.copytree(fleet.work / "overlay", folder / "overlay")
    hosts = json.loads((folder / "overlay/hosts.json").read_text())
    variables = hosts["all"]["hosts"]["staging"]
    # Both come from the secrets of the environment.
    key = pathlib.Path(variables.pop("ansible_ssh_private_key_file")).read_text()
    del variables["ansible_ssh_common_args"]
    (folder / "overlay/hosts.json").write_text(json.dumps(hosts))
    (folder / "overlay/group_vars/all/quick.yml").write_text("rollout_bake: 0\n")
    known = run("ssh-keyscan", "-p", str(variables["ansible_port"]), "127.0.0.1")
    application.environments["staging"] = {
        **{name.upper(): value for name, value in fleet.secrets.items()},
        "SSH_PRIVATE_KEY": key,
        "SSH_KNOWN_HOSTS": "\n".join(line for line in known.splitlines() if line[0] != "#"),
        "SLACK_WEBHOOK": application.slack.url,
    }
    application.variables |= {
        "REGISTRY": REGISTRY,
        "STAGING_INVENTORY": "inventories/staging\ninventories/test",
    }
    # As its names will be in the DNS.
    address, home = fleet.hosts["staging"].address, folder / "home"
    home.mkdir()
    names = [f'resolve = "{name}:443:{address}"' for name in (fleet.api, fleet.admin)]
    (home / ".curlrc").write_text(
        "\n".join([*names, f'cacert = "{fleet.ca_file}"', 'noproxy = "*"', ""])
    )
    application.create()


def failures(jobs: t.Mapping[str, Job]) -> str:
    return "".join(f"# {name}\n{job.failures}" for name, job in jobs.items() if job.failures)


def outcomes(job: Job) -> dict[str, str]:
    return {step.name: step.outcome for step in job.steps}


def test_a_commit_of_develop_is_tested_built_and_live_on_staging(application: Application) -> None:
    application.commit("Change something")
    jobs = application.push("refs/heads/develop")
    results = {name: job.result for name, job in jobs.items()}
    assert results == {
        **{"backend": "success", "frontend": "success"},
        **{"deploy-staging": "success", "deploy-production": "skipped"},
    }, failures(jobs)
    version = f"develop-{application.git('rev-parse', 'develop')[:12]}"
    assert live_version(application.staging) == version
    release = jobs["deploy-staging"].called["release"]
    assert (
        f"backend answers at https://staging-api.tagadodo.com/health with {version}"
        in release.step("Check that users are answered").output
    )
    assert application.slack.texts == [
        f":white_check_mark: deploy {version} on staging: success, by octocat:"
        " https://github.com/tagadodo/app/actions/runs/4711"
    ]
    for part in ("backend", "frontend"):
        assert "SF:src/" in application.stand_ins[-1].coverage[part]


def test_a_broken_image_fails_and_everybody_is_told_why_while_the_one_before_stays(
    application: Application,
) -> None:
    before = live_version(application.staging)
    dockerfile = application.repository / "backend/Dockerfile"
    sound = dockerfile.read_text()
    # The pipeline's own mistake: an image that does not know its version.
    dockerfile.write_text(sound.replace("ENV APP_VERSION=${VERSION}", "ENV APP_VERSION=0.0.0-dev"))
    application.commit("Break it")
    # No test and no build sees it: they end as they did for the commit before.
    passed = [f"{part}.{job}" for part in ("backend", "frontend") for job in ("test", "build")]
    jobs = application.push("refs/heads/develop", known=dict.fromkeys(passed, Job("success")))
    assert {jobs[name].result for name in ("backend", "frontend")} == {"success"}, failures(jobs)
    assert jobs["deploy-staging"].result == "failure"
    release = jobs["deploy-staging"].called["release"]
    assert outcomes(release) == {
        **{"Check out the project": "success", "Get Ansible": "success"},
        **{"Run the playbook": "failure", "Check that users are answered": "skipped"},
        "Tell how it went": "success",
    }
    told = application.slack.texts[-1]
    version = f"develop-{application.git('rev-parse', 'develop')[:12]}"
    assert told.startswith(f":x: deploy {version} on staging: failure (")
    assert "0.0.0-dev" in told
    assert live_version(application.staging) == before


@pytest.fixture(scope="module")
def environment(application: Application) -> t.Iterator[str]:
    """An execution environment."""
    with execution_environment(f"{REGISTRY}/{application.staging.name}/ee:1") as image:
        yield image


def test_by_hand_it_is_rolled_back_from_an_execution_environment(
    application: Application, environment: str
) -> None:
    application.variables["EXECUTION_ENVIRONMENT"] = environment
    jobs = application.push("refs/heads/main", "rollback", environment="staging", service="backend")
    assert jobs["rollback"].result == "success", failures(jobs)
    assert live_version(application.staging) == FIRST
    assert application.slack.texts[-1].startswith(
        ":white_check_mark: rollback backend on staging: success, by octocat"
    )


def test_awx_releases_it_in_the_same_environment(
    application: Application, environment: str
) -> None:
    """Secrets from the environment, the user's key from an agent, and a project that cannot be written to."""
    fleet, folder = application.staging, application.folder
    own = application.environments["staging"]
    jobs = Jobs(
        folder,
        exported(fleet.inventory, str(folder / "overlay")),
        templates_of("staging", ["backend", "frontend"]),
        {name.upper(): own[name.upper()] for name in fleet.secrets},
        key=own["SSH_PRIVATE_KEY"],
        image=environment,
    )
    for template, given, verdict in (
        ("set up, check", {"version": FIRST}, "planned"),
        ("deploy", {"version": SECOND, "service": ["backend"]}, "succeeded"),
        ("certificates, dry run", {}, None),
        ("certificates", {}, None),
        ("rollback", {"service": ["backend"], "version": FIRST}, "rolled_back"),
    ):
        ended = jobs.run(template, given)
        assert ended.code == 0, ended.output
        assert ended.artifacts.get("deployed_verdict") == verdict, ended.output
        for name in fleet.secrets:
            assert own[name.upper()] not in ended.output, name
        if template == "deploy":
            assert live_version(fleet) == SECOND
    assert live_version(fleet) == FIRST


def test_a_tag_that_is_not_on_main_is_refused_before_anything_is_built(
    application: Application,
) -> None:
    application.git("tag", "v9.9.9", "develop")
    jobs = application.push("refs/tags/v9.9.9")
    test = jobs["backend"].called["test"]
    assert test.step("Refuse a tag of production that is not on its branch").output == (
        "::error::the tag v9.9.9 is not on main: merge first, then tag (GitFlow)\n"
    )
    assert outcomes(test)["Install dependencies"] == "skipped"
    assert {job.result for job in jobs.values()} == {"failure", "skipped"}


def test_the_record_names_who_pushed(application: Application) -> None:
    last = application.staging.hosts["staging"].do(
        "sh", "-c", "cat /var/lib/tagadodo/releases/backend/*.json"
    )
    assert '"octocat"' in last


def test_no_secret_is_printed(application: Application) -> None:
    printed = "".join(job.output for jobs in application.runs for job in jobs.values())
    assert len(application.runs) > 1
    for name, value in application.environments["staging"].items():
        if name != "SSH_KNOWN_HOSTS":
            for line in filter(None, value.splitlines()):
                assert line not in printed, name


def test_every_step_that_runs_a_command_has_been_run(application: Application) -> None:
    """The last of all here: of both workflows that applications call."""
    commands = {
        (path.stem, name, step["name"])
        for path in CALLED.values()
        for name, job in load(path)["jobs"].items()
        for step in job["steps"]
        if "run" in step
    }
    ran = {
        (where, name, step.name)
        for jobs in application.runs
        for called in jobs.values()
        for name, job in called.called.items()
        for where in [path.stem for path in CALLED.values() if name in load(path)["jobs"]]
        for step in job.steps
        if step.outcome != "skipped"
    }
    assert commands <= ran
