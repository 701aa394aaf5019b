# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An installation on a cluster, driven by the commands a user types: a host of the inventory stands for the cluster."""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import sys
import typing as t
from dataclasses import dataclass, field

import yaml
from stack import ROOT, Run

HERE = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
HEALTH = {
    "startup": "/health/live",
    "ready": "/health/ready",
    "full": "/health",
    "identity": "version",
}


@dataclass
class OnCluster:
    """An inventory of one cluster.

    Attributes:
        kubernetes: ``deploy_kubernetes``.
        backend: settings of its one service, besides those that every service has.
    """

    work: pathlib.Path
    registry: str
    kubernetes: dict[str, t.Any]
    backend: dict[str, t.Any] = field(default_factory=dict)
    extra: dict[str, t.Any] = field(default_factory=dict)

    def play(self, playbook: str, *arguments: str, **settings: t.Any) -> Run:
        """Type ``ansible-playbook <playbook>.yml -i …`` at the repository's root.

        Args:
            settings: of the service, for this once.
        """
        with self.started(playbook, *arguments, **settings) as process:
            output, _nothing = process.communicate(timeout=600)
        empty: dict[str, t.Any] = {"hosts": {}, "tasks": [], "failures": [], "recap": {}}
        known = json.loads(self._report.read_text()) if self._report.exists() else empty
        return Run(process.returncode, output, known)

    def started(self, playbook: str, *arguments: str, **settings: t.Any) -> subprocess.Popen[str]:
        """The same, still running, in a session of its own."""
        self._write(settings)
        self._report.unlink(missing_ok=True)
        environment = {
            **os.environ,
            "ANSIBLE_CALLBACK_PLUGINS": str(ROOT / "tests/integration/plugins/callback"),
            "ANSIBLE_CALLBACKS_ENABLED": "invocations",
            "ANSIBLE_NOCOLOR": "1",
            "INVOCATIONS_FILE": str(self._report),
        }
        program = str(pathlib.Path(sys.executable).parent / "ansible-playbook")
        return subprocess.Popen(
            [program, f"{playbook}.yml", "-i", str(self.work / "hosts.yml"), *arguments],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    @property
    def _report(self) -> pathlib.Path:
        return self.work / "report.json"

    def deploy(self, version: str, *arguments: str, **settings: t.Any) -> Run:
        return self.play("deploy", "-e", f"version={version}", *arguments, **settings)

    def _write(self, settings: t.Mapping[str, t.Any]) -> None:
        backend = {
            "image": "tagadodo/backend",
            "version": "1.0.0",
            "port": 3000,
            "instances": 2,
            "hostnames": ["api.example.com"],
            "health": HEALTH,
            "min_ready": 0,
            "bake": 0,
            "drain": 0,
            **self.backend,
            **settings,
        }
        variables = {
            "deploy_platform": "kubernetes",
            "deploy_kubernetes": self.kubernetes,
            "deploy_registry": self.registry,
            "services": {"backend": backend},
            **self.extra,
        }
        groups: dict[str, t.Any] = {name: {"hosts": {"cluster": {}}} for name in ("app", "proxy")}
        inventory = {"all": {"hosts": {"cluster": HERE}, "vars": variables, "children": groups}}
        path = self.work / "hosts.yml"
        path.write_text(yaml.safe_dump(inventory, sort_keys=False), encoding="utf-8")
