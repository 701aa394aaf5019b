# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kubernetes itself, with one node: all of it in a container of this machine, which leaves nothing behind."""

from __future__ import annotations

import json
import pathlib
import subprocess
import time
import typing as t
from dataclasses import dataclass, field

from host import DOCKER, Host
from stack import free_port

IMAGE = "tagadodo/testhost:kubernetes"
API = 6443
ADMIN = "/etc/kubernetes/admin.conf"
NODE_PORTS = range(30000, 30010)  # as its API server hands them out
END_PODS = "systemctl stop kubelet && docker ps --quiet | xargs --no-run-if-empty docker rm --force"
READY_TIMEOUT = 300  # seconds, from when its units run

Manifest = t.Mapping[str, t.Any]


@dataclass(frozen=True)
class Cluster:
    """One cluster. ``REGISTRY`` of ``host`` leads to this machine's registry in it: images have the same names.

    It is Kubernetes 1.20 with the engine of its node, without DNS of its own and without metrics: pods know services
    by address, and an autoscaler has nothing to judge by.

    Attributes:
        name: of its container, its volume and its network.
        work: an empty directory of this machine.
    """

    name: str
    work: pathlib.Path
    ports: t.Mapping[int, int] = field(
        default_factory=lambda: {port: free_port() for port in (API, *NODE_PORTS)}
    )

    @property
    def host(self) -> Host:
        """Its node, and control plane."""
        return Host(self.name, self.work, ports=self.ports, image=IMAGE)

    @property
    def api(self) -> str:
        return f"https://127.0.0.1:{self.ports[API]}"

    @property
    def kubeconfig(self) -> pathlib.Path:
        """Of one who may do everything."""
        return self.work / "kubeconfig"

    def start(self) -> None:
        """Until pods can start."""
        self.host.start()
        inside = self.host.do("cat", ADMIN)
        self.kubeconfig.write_text(inside.replace(f"https://127.0.0.1:{API}", self.api))
        self.kubeconfig.chmod(0o600)
        self._wait()

    def stop(self) -> None:
        """And remove everything it has made: also what this machine's kernel keeps of its pods, which are not its own."""
        command = [DOCKER, "exec", self.name, "sh", "-c", END_PODS]
        subprocess.run(command, capture_output=True, check=False)
        self.host.remove()

    def kubectl(self, *arguments: str, given: str = "") -> str:
        """What ``kubectl`` prints.

        Args:
            given: what it reads, with ``-f -``.

        Raises:
            AssertionError: it fails.
        """
        done = self._kubectl(*arguments, given=given)
        assert done.returncode == 0, f"kubectl {' '.join(arguments)}: {done.stderr.strip()}"
        return done.stdout

    def apply(self, *manifests: Manifest) -> None:
        items = {"apiVersion": "v1", "kind": "List", "items": manifests}
        self.kubectl("apply", "-f", "-", given=json.dumps(items))

    def get(self, kind: str, name: str, namespace: str = "default") -> dict[str, t.Any]:
        return dict(json.loads(self.kubectl("get", kind, name, "-n", namespace, "-o", "json")))

    def roll_out(self, deployment: str, namespace: str = "default", seconds: int = 90) -> None:
        """Wait until all pods of a deployment are ready.

        Raises:
            AssertionError: they are not, in time; it says what the pods say.
        """
        timeout = f"--timeout={seconds}s"
        waited = self._kubectl(
            "rollout", "status", f"deployment/{deployment}", "-n", namespace, timeout
        )
        assert waited.returncode == 0, f"{waited.stderr.strip()}\n{self.told(namespace)}"

    def told(self, namespace: str = "default") -> str:
        """What a namespace's pods do, and what happened to them."""
        return "\n".join(
            self._kubectl("get", what, "-n", namespace, *more).stdout
            for what, *more in (("pods", "-o", "wide"), ("events", "--sort-by=.lastTimestamp"))
        )

    def url(self, service: str, namespace: str = "default") -> str:
        """Where a service of type NodePort answers on this machine."""
        port = self.get("service", service, namespace)["spec"]["ports"][0]["nodePort"]
        return f"http://127.0.0.1:{self.ports[port]}"

    def _kubectl(self, *arguments: str, given: str = "") -> subprocess.CompletedProcess[str]:
        command = (DOCKER, "exec", "--interactive", self.name, "kubectl", f"--kubeconfig={ADMIN}")
        return subprocess.run(
            [*command, *arguments], input=given, capture_output=True, text=True, check=False
        )

    def _wait(self) -> None:
        deadline = time.monotonic() + READY_TIMEOUT
        while not self._is_ready():
            assert time.monotonic() < deadline, f"{self.name} is not ready:\n{self._trouble()}"
            time.sleep(0.5)

    def _is_ready(self) -> bool:
        """Whether its node is, and the account that pods have without asking for another is there."""
        node = self._kubectl("wait", "--for=condition=Ready", "node/node", "--timeout=1s")
        account = self._kubectl("get", "serviceaccount", "default", "-o", "jsonpath={.secrets}")
        return node.returncode == 0 and bool(account.stdout)

    def _trouble(self) -> str:
        """The last of what its units have said."""
        units = ("etcd", "docker", "kube*")
        command = ("journalctl", "--no-pager", "--priority=notice", "--lines=30")
        return self.host.do(*command, *(f"--unit={unit}" for unit in units))
