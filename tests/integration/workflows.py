# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Workflows of GitHub Actions, run on this machine: every ``run:`` by bash, with what GitHub would put around it.

A step that uses an action is done by a function of the test's own. An action that has none fails the run.
"""

from __future__ import annotations

import os
import pathlib
import re
import subprocess
import typing as t
from dataclasses import dataclass, field

import yaml
from expressions import condition, expand, shown

# Of this machine: how it reaches package registries.
MACHINE = re.compile(
    r"PATH|HOME|LANG|.*_proxy|.*_CA_CERTS|SSL_CERT_FILE|PIP_.*|npm_config_.*", re.IGNORECASE
)
HEREDOC = re.compile(r"^(?P<name>[\w-]+)<<(?P<end>.+)$")
LAST = 3000  # characters of a step that failed
TYPES: dict[str, t.Callable[[t.Any], t.Any]] = {
    "string": shown,
    "choice": shown,
    "number": lambda value: value if isinstance(value, (int, float)) else float(value or 0),
    "boolean": lambda value: value is True or value == "true",
}


@dataclass(frozen=True)
class Step:
    """What became of a step: ``success``, ``failure`` or ``skipped``."""

    name: str
    outcome: str
    output: str = ""


@dataclass
class Job:
    """What became of a job, and of the jobs of the workflow that it called."""

    result: str
    steps: list[Step] = field(default_factory=list)
    outputs: dict[str, t.Any] = field(default_factory=dict)
    called: dict[str, Job] = field(default_factory=dict)

    def step(self, name: str) -> Step:
        (found,) = [step for step in self.steps if step.name == name]
        return found

    @property
    def output(self) -> str:
        own = "".join(f"## {step.name}: {step.outcome}\n{step.output}\n" for step in self.steps)
        return own + "".join(f"# {name}\n{job.output}" for name, job in self.called.items())

    @property
    def failures(self) -> str:
        """The steps that failed, with the end of what each has printed."""
        own = [step for step in self.steps if step.outcome == "failure"]
        return "".join(f"## {step.name}\n{step.output[-LAST:]}\n" for step in own) + "".join(
            f"# {name}\n{job.failures}" for name, job in self.called.items()
        )


@dataclass
class Machine:
    """A runner: where the steps of one job run.

    Attributes:
        folder: the job's own, which has ``workspace`` and ``temp``.
        prefix: makes the command of a step, which is bash on this machine, another: called with environment and directory.
        services: containers by name of service.
    """

    folder: pathlib.Path
    prefix: t.Callable[[t.Mapping[str, str], pathlib.Path], list[str]] = lambda *_nothing: []
    services: dict[str, t.Any] = field(default_factory=dict)

    @property
    def workspace(self) -> pathlib.Path:
        return self.folder / "workspace"

    @property
    def temp(self) -> pathlib.Path:
        return self.folder / "temp"


Action = t.Callable[[Machine, t.Mapping[str, str]], t.Mapping[str, str]]


def load(path: pathlib.Path) -> dict[str, t.Any]:
    """A workflow. YAML 1.1 takes its key ``on`` for a truth."""
    read = yaml.safe_load(path.read_text())
    return {("on" if key is True else str(key)): value for key, value in read.items()}


def typed_inputs(workflow: t.Mapping[str, t.Any], given: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    """The inputs that a workflow sees: those that are given, and defaults."""
    triggers = workflow["on"]
    described = (triggers.get("workflow_call") or triggers.get("workflow_dispatch") or {}).get(
        "inputs", {}
    )
    assert set(given) <= set(described), f"not known: {set(given) - set(described)}"
    inputs = {}
    for name, input_ in described.items():
        assert name in given or not input_.get("required"), f"{name} is required"
        inputs[name] = TYPES[input_["type"]](given.get(name, input_.get("default")))
    return inputs


@dataclass
class GitHub:
    """A repository's settings, and the event that starts its workflows.

    Attributes:
        event: the context ``github``.
        actions: what each action does here, by ``owner/name``.
        workflows: where a called workflow is, by what is written before its ``@``.
        environments: secrets by name of the GitHub environment.
        start_service: starts a container of an image and gives ``{"ports": {"27017": port}}``.
        shell: variables that runners have here, beside GitHub's own.
        known: jobs that are not run when it is their turn, since it is known how they end; one of a called
            workflow by both names, ``backend.test``.
    """

    work: pathlib.Path
    event: dict[str, str]
    actions: t.Mapping[str, Action]
    workflows: t.Mapping[str, pathlib.Path]
    secrets: dict[str, str] = field(default_factory=dict)
    environments: dict[str, dict[str, str]] = field(default_factory=dict)
    variables: dict[str, str] = field(default_factory=dict)
    start_service: t.Callable[[str, t.Sequence[str]], t.Any] | None = None
    shell: dict[str, str] = field(default_factory=dict)
    known: t.Mapping[str, Job] = field(default_factory=dict)
    _count: int = 0

    def run(
        self,
        path: pathlib.Path,
        inputs: t.Mapping[str, t.Any] | None = None,
        secrets: t.Mapping[str, str] | None = None,
        inherited: bool = True,
        prefix: str = "",
    ) -> dict[str, Job]:
        """Run a workflow, job by job.

        Args:
            secrets: that a caller hands over; without any, those of the repository.
            inherited: whether the secrets of an environment are added to them. GitHub adds them where all are inherited.
            prefix: of the names of its jobs, where it is called.
        """
        workflow = load(path)
        context = {
            "github": self.event,
            "vars": self.variables,
            "inputs": typed_inputs(workflow, inputs or {}),
            "secrets": dict(self.secrets if secrets is None else secrets),
            "always": lambda: True,
            "cancelled": lambda: False,
        }
        jobs: dict[str, Job] = {}
        waiting = dict(workflow["jobs"])
        while waiting:
            ready = [name for name, job in waiting.items() if set(_needs(job)) <= set(jobs)]
            assert ready, f"nothing to run of {list(waiting)}"
            name = ready[0]
            jobs[name] = self._job(prefix + name, waiting.pop(name), dict(context), jobs, inherited)
        return jobs

    def _job(
        self,
        name: str,
        job: dict[str, t.Any],
        context: dict[str, t.Any],
        jobs: t.Mapping[str, Job],
        inherited: bool,
    ) -> Job:
        needed = {need: jobs[need] for need in _needs(job)}
        context["needs"] = {
            need: {"result": one.result, "outputs": one.outputs} for need, one in needed.items()
        }
        context["success"] = lambda: all(one.result == "success" for one in needed.values())
        context["failure"] = lambda: any(one.result == "failure" for one in needed.values())
        if not condition(job.get("if", "success()"), context):
            return Job("skipped")
        if name in self.known:
            return self.known[name]
        if "uses" in job:
            return self._call(name, job, context)
        if "environment" in job:
            own = self.environments[expand(job["environment"]["name"], context)]
            names = own if inherited else set(own) & set(context["secrets"])
            context["secrets"] |= {secret: own[secret] for secret in names}
        return self._steps(job, context)

    def _call(self, name: str, job: dict[str, t.Any], context: dict[str, t.Any]) -> Job:
        path = self.workflows[job["uses"].partition("@")[0]]
        inherited = job.get("secrets") == "inherit"
        secrets = context["secrets"] if inherited else expand(job.get("secrets", {}), context)
        inputs = expand(job.get("with", {}), context)
        called = self.run(path, inputs, secrets, inherited, f"{name}.")
        failed = any(one.result == "failure" for one in called.values())
        results = {inner: {"outputs": one.outputs} for inner, one in called.items()}
        described = load(path)["on"]["workflow_call"].get("outputs", {})
        outputs = {key: expand(one["value"], {"jobs": results}) for key, one in described.items()}
        return Job("failure" if failed else "success", outputs=outputs, called=called)

    def _steps(self, job: dict[str, t.Any], context: dict[str, t.Any]) -> Job:
        self._count += 1
        machine = Machine(self.work / f"machine{self._count}")
        for folder in (machine.workspace, machine.temp):
            folder.mkdir(parents=True)
        for name, service in job.get("services", {}).items():
            image = expand(service["image"], context)
            if image:
                assert self.start_service
                machine.services[name] = self.start_service(image, service["ports"])
        done = Job("success")
        context |= {"steps": {}, "job": {"services": machine.services}}
        for step in job["steps"]:
            context["job"]["status"] = done.result
            context["success"] = lambda: done.result == "success"
            context["failure"] = lambda: done.result == "failure"
            if not condition(step.get("if", "success()"), context):
                done.steps.append(Step(step["name"], "skipped"))
                continue
            ended, outputs = self._step(step, context, machine)
            done.steps.append(ended)
            context["steps"][step.get("id", step["name"])] = {
                "outputs": outputs,
                "outcome": ended.outcome,
            }
            if ended.outcome == "failure":
                done.result = "failure"
        done.outputs = expand(job.get("outputs", {}), context)
        return done

    def _step(
        self, step: dict[str, t.Any], context: dict[str, t.Any], machine: Machine
    ) -> tuple[Step, dict[str, str]]:
        environment = {name: shown(v) for name, v in expand(step.get("env", {}), context).items()}
        if "uses" in step:
            action = self.actions[step["uses"].partition("@")[0]]
            given = {name: shown(v) for name, v in expand(step.get("with", {}), context).items()}
            try:
                outputs = action(machine, {**given, **environment})
            except (AssertionError, subprocess.CalledProcessError) as error:
                return Step(step["name"], "failure", str(error)), {}
            return Step(step["name"], "success"), dict(outputs)
        output = machine.temp / "output"
        output.write_text("")
        done = self._shell(step, {**environment, "GITHUB_OUTPUT": str(output)}, context, machine)
        ended = "failure" if done.returncode else "success"
        return Step(step["name"], ended, done.stdout), read_outputs(output.read_text())

    def _shell(
        self,
        step: dict[str, t.Any],
        environment: t.Mapping[str, str],
        context: dict[str, t.Any],
        machine: Machine,
    ) -> subprocess.CompletedProcess[str]:
        script = machine.temp / "step.sh"
        script.write_text(expand(step["run"], context))
        here = machine.workspace / expand(step.get("working-directory", "."), context)
        whole = {
            **{name: value for name, value in os.environ.items() if MACHINE.fullmatch(name)},
            **{f"GITHUB_{name.upper()}": value for name, value in self.event.items()},
            **{"CI": "true", "GITHUB_ACTIONS": "true", "RUNNER_TEMP": str(machine.temp)},
            "GITHUB_WORKSPACE": str(machine.workspace),
            "GITHUB_STEP_SUMMARY": str(machine.temp / "summary.md"),
            **self.shell,
            **environment,
        }
        return subprocess.run(
            [*machine.prefix(whole, here), "bash", "-e", str(script)],
            cwd=here,
            env=whole,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            check=False,
        )


def read_outputs(text: str) -> dict[str, str]:
    """What a step wrote to ``$GITHUB_OUTPUT``."""
    outputs, lines = {}, iter(text.splitlines())
    for line in lines:
        if found := HEREDOC.match(line):
            inner = []
            for one in lines:
                if one == found["end"]:
                    break
                inner.append(one)
            outputs[found["name"]] = "\n".join(inner)
        else:
            name, _equals, value = line.partition("=")
            outputs[name] = value
    return outputs


def _needs(job: t.Mapping[str, t.Any]) -> list[str]:
    needs = job.get("needs", [])
    return [needs] if isinstance(needs, str) else list(needs)
