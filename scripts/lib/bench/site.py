# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What all contenders share: one installation of ours lends its data services, certificate and network."""

from __future__ import annotations

import ipaddress
import time
import typing as t
from dataclasses import dataclass, replace

import docker
import yaml
from clients import answer, targets
from stack import ROOT, SERVICES_FILE, Stack
from traffic import Traffic

from bench.engine import Engine
from bench.shell import CommandFailed

BUILD = ROOT / "build"
LOGS = BUILD / "logs"
OLD, NEW = "1.0.0", "1.1.0"  # versions that scripts/bench has built
HOSTNAME = "api.localhost"
INSTANCES = 2
START_TIMEOUT = 60  # seconds a contender has until it serves, before it is measured

_FREE_BLOCK = 250 * 256  # offset in the subnet of addresses that no service of ours is given


def backend(**settings: t.Any) -> dict[str, t.Any]:
    """The one service of the benchmark: as inventories/dev has it, but without migrations, which no
    peer runs, and with no seconds spent on watching."""
    described = yaml.safe_load(SERVICES_FILE.read_text())["services"]["backend"]
    del described["migrations"]
    return {**described, "instances": INSTANCES, "bake": 0, "min_ready": 0, **settings}


def backend_image(version: str) -> str:
    return f"tagadodo/backend:{version}"


@dataclass(frozen=True)
class Site:
    """The machine as every contender finds it; ``rate`` is in requests a second."""

    stack: Stack
    rate: float

    @property
    def env_file(self) -> str:
        return str(self.stack.work / "backend.env")

    def named(self, suffix: str) -> str:
        """A name for something a contender makes: it is removed with the installation at the latest."""
        return f"{self.stack.name}-{suffix}"

    @property
    def engine(self) -> Engine:
        return Engine(self.stack.registry)

    def image(self, version: str) -> str:
        return self.engine.image(backend_image(version))

    def data_services(self) -> list[tuple[str, str]]:
        """Name and address of each, for containers that the engine's name server does not serve."""
        containers = self.stack.containers()
        return [
            (
                name,
                containers[name].attrs["NetworkSettings"]["Networks"][self.stack.name]["IPAddress"],
            )
            for name in ("redis", "mongodb")
        ]

    def addresses(self, first: int) -> list[str]:
        """Fixed addresses for all instances of a peer, in the network of ours, from a number on."""
        subnet = ipaddress.ip_network(self.stack.subnet)
        return [str(subnet[_FREE_BLOCK + first + n]) for n in range(INSTANCES)]

    def load(self, port: int, seconds: float, on_second: t.Any = None) -> Traffic:
        """The load that every contender gets: requests of each kind, no websockets."""
        asked = [
            target
            for target in targets(replace(self.stack, https_port=port))
            if target.use != "websocket" and f"//{HOSTNAME}:" in target.url
        ]
        ca = str(self.stack.ca_file)
        return Traffic(asked, seconds=seconds, rate=self.rate, ca=ca, on_second=on_second)

    def live_version(self, port: int) -> str:
        """The version that answers there, empty if none does."""
        try:
            status, body = answer(replace(self.stack, https_port=port), HOSTNAME, "/health")
        except (OSError, ValueError):
            return ""
        return str(body.get("version", "")) if status == 200 else ""

    def wait_for(self, port: int, version: str) -> None:
        """Wait until users of that port are served by ``version``."""
        deadline = time.monotonic() + START_TIMEOUT
        while self.live_version(port) != version:
            if time.monotonic() > deadline:
                raise CommandFailed(f"waiting for {version} at port {port}", "no such answer")
            time.sleep(0.1)

    def set_up(self) -> None:
        """Install ours, and keep what a release of it tells its containers, for those of the peers."""
        self.stack.extra["services"] = {"backend": backend()}
        installed = self.stack.play("site")
        if installed.code != 0:
            raise CommandFailed("ansible-playbook site.yml", installed.output)
        environment = self._environment()
        (self.stack.work / "backend.env").touch(mode=0o600)
        (self.stack.work / "backend.env").write_text("\n".join(environment) + "\n")

    def _environment(self) -> list[str]:
        """NAME=VALUE of an instance of ours, without those that its image brings."""
        containers = self.stack.containers()
        instance = next(c for name, c in containers.items() if name.startswith("backend-"))
        image = docker.from_env().images.get(instance.attrs["Image"])
        brought = set(image.attrs["Config"]["Env"])
        return [line for line in instance.attrs["Config"]["Env"] if line not in brought]
