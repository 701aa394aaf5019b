# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A job as AWX runs it: ansible-runner on a folder with a copy of the project, the inventory as a program that prints it, and
extra variables in a file. Nothing can be written into the project.

Written after ``awx/main/tasks/jobs.py`` of AWX 24.
"""

from __future__ import annotations

import json
import os
import pathlib
import shutil
import subprocess
import sys
import typing as t
from dataclasses import dataclass, field

import yaml
from awx import variables_of
from stack import ROOT
from stand_ins import copy_project, run

from ansible_collections.tagadodo.deploy.plugins.plugin_utils._awx import job_templates

OBJECTS = ROOT / "roles/awx/files/objects.yml"
PROJECT = "project"
# Of a namespace of its own, since root may write anywhere else.
READ_ONLY = 'mount --bind "$0" "$0" && mount -o remount,ro,bind "$0" && exec "$@"'
COLLECTIONS = "ANSIBLE_COLLECTIONS_PATH"
SETTINGS = {
    "ANSIBLE_FORCE_COLOR": "False",
    "ANSIBLE_HOST_KEY_CHECKING": "False",
    "ANSIBLE_INVENTORY_UNPARSED_FAILED": "True",
    "ANSIBLE_RETRY_FILES_ENABLED": "False",
}


class Objects(yaml.SafeLoader):
    """Of the data of the role awx, in which texts may be templates for somebody else."""


def _text(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> object:
    return loader.construct_scalar(node)


Objects.add_constructor("!unsafe", _text)


def described() -> dict[str, t.Any]:
    """What AWX is to have."""
    return t.cast("dict[str, t.Any]", yaml.load(OBJECTS.read_text(), Objects))


def templates_of(environment: str, services: t.Sequence[str]) -> dict[str, dict[str, t.Any]]:
    """The job templates of an environment, by name without it."""
    made = job_templates(described()["job_templates"], {environment: {}}, services)
    return {one["name"].removeprefix(f"{environment}: "): one for one in made}


@dataclass(frozen=True)
class Ended:
    """What became of a job.

    Attributes:
        artifacts: what it hands to the next jobs of a workflow.
    """

    code: int
    output: str
    events: t.Sequence[dict[str, t.Any]]
    artifacts: dict[str, t.Any]

    @property
    def changed(self) -> int:
        (stats,) = [one for one in self.events if one["event"] == "playbook_on_stats"]
        return sum(stats["event_data"]["changed"].values())

    @property
    def reason(self) -> str:
        """The message of its last failure."""
        failed = [one for one in self.events if one["event"] == "runner_on_failed"]
        return str(failed[-1]["event_data"]["res"].get("msg", "")) if failed else ""


@dataclass
class Jobs:
    """Those of one environment.

    Attributes:
        folder: where each has a directory of its own.
        inventory: what ``ansible-inventory --list --export`` says.
        environment: variables that its credentials give.
        key: of the user on the hosts.
        image: the execution environment; without one, what is installed here.
    """

    folder: pathlib.Path
    inventory: t.Mapping[str, t.Any]
    templates: t.Mapping[str, t.Mapping[str, t.Any]]
    environment: t.Mapping[str, str] = field(default_factory=dict)
    key: str = ""
    image: str = ""
    ran: list[str] = field(default_factory=list)

    def run(
        self,
        template: str,
        answers: t.Mapping[str, t.Any] | None = None,
        artifacts: t.Mapping[str, t.Any] | None = None,
    ) -> Ended:
        """Start a template with answers to its survey, and artifacts of the jobs before it in a workflow."""
        made = self.templates[template]
        number = len(self.ran)
        self.ran.append(template)
        folder = self.folder / f"awx_{number}"
        asked = variables_of(made["variables"], made["survey"], answers or {})
        known = {"job_id": number, "user_name": "ada", "job_template_name": template}
        variables = {**asked, **(artifacts or {})}
        variables |= {f"{prefix}_{k}": v for prefix in ("awx", "tower") for k, v in known.items()}
        self.prepare(folder, variables)
        check = ["--check", "--diff"] if made["job_type"] == "check" else []
        command = self.command(folder, made["playbook"], ["-u", "root", *check])
        done = subprocess.run(
            command,
            env=self.settings(folder),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        return ended(folder, done.returncode, done.stdout)

    def prepare(self, folder: pathlib.Path, variables: t.Mapping[str, t.Any]) -> None:
        """The directory of a job."""
        for name in ("env", "inventory", PROJECT):
            (folder / name).mkdir(parents=True)
        copy_project(folder / PROJECT)
        (folder / PROJECT / ".venv").unlink()
        (folder / "env/extravars").write_text(json.dumps(variables))
        if self.key:
            (folder / "env/ssh_key").touch(mode=0o600)
            (folder / "env/ssh_key").write_text(self.key)
        program = folder / "inventory/hosts"
        program.write_text(f"#! /usr/bin/env python3\nprint({json.dumps(self.inventory)!r})\n")
        program.chmod(0o700)

    def command(self, folder: pathlib.Path, playbook: str, words: t.Sequence[str]) -> list[str]:
        """What runs it."""
        started = [
            *("run", str(folder), "--playbook", playbook, "--ident", "1", "--quiet"),
            *("--inventory", str(folder / "inventory/hosts"), "--cmdline", " ".join(words)),
        ]
        project = folder / PROJECT
        if not self.image:
            runner = [sys.executable, "-m", "ansible_runner"]
            return ["unshare", "--mount", "sh", "-c", READ_ONLY, str(project), *runner, *started]
        return [
            *("docker", "run", "--rm", "--network=host", f"--volume={folder}:{folder}"),
            f"--volume={project}:{project}:ro",
            *(f"--env={name}" for name in (*SETTINGS, *self.environment, COLLECTIONS)),
            *(self.image, "ansible-runner", *started),
        ]

    def settings(self, folder: pathlib.Path) -> dict[str, str]:
        """The environment of a job: nothing but AWX's own, what credentials give, and how this machine reaches others."""
        path = f"{pathlib.Path(sys.executable).parent}:{os.environ['PATH']}"
        kept = ("HOME", "LANG", "PYTHONPATH")
        return {
            **{name: os.environ[name] for name in kept if name in os.environ},
            **SETTINGS,
            "PATH": path,
            # The project's ansible.cfg, after what a sync of the project has brought.
            COLLECTIONS: f"{folder}/requirements_collections:./collections:"
            "~/.ansible/collections:/usr/share/ansible/collections",
            **self.environment,
        }


def ended(folder: pathlib.Path, code: int, printed: str) -> Ended:
    """Read what ansible-runner has left."""
    artifacts = folder / "artifacts/1"
    assert artifacts.is_dir(), printed
    found = (artifacts / "job_events").glob("*.json")
    events = sorted((json.loads(one.read_text()) for one in found), key=lambda one: one["counter"])
    output = (artifacts / "stdout").read_text()
    # What ssh-agent says is an event too, without data.
    handed = [one.get("event_data", {}).get("artifact_data", {}) for one in events]
    shutil.rmtree(folder / PROJECT)
    return Ended(code, output, events, next((one for one in reversed(handed) if one), {}))


def exported(*inventories: str) -> dict[str, t.Any]:
    """An inventory as AWX imports it from the project."""
    program = pathlib.Path(sys.executable).parent / "ansible-inventory"
    words = [word for one in inventories for word in ("-i", one)]
    listed = run(program, *words, "--list", "--export", cwd=ROOT)
    return t.cast("dict[str, t.Any]", json.loads(listed[listed.index("{") :]))
