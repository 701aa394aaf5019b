# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Docker Swarm on a single node: a rolling update that starts the new task first, and its rollback."""

from __future__ import annotations

import contextlib
import typing as t

from stack import free_port

from bench import engine, proxy
from bench.contender import Contender
from bench.engine import Engine
from bench.site import INSTANCES, NEW, OLD, Site, backend_image

SUBNET = "10.251.0.0/16"  # for networks of the swarm, inside the engine that is apart
NETWORK = "tasks"


class Swarm(Contender):
    """A service of two replicas in an engine of its own.

    Of its own, since leaving a swarm makes the engine (20.10) forget the names of all containers it has.
    Found by name, since virtual addresses need a kernel module (IP_VS).

    Args:
        options: of ``docker service create`` that begin with update- and rollback-, without that.
    """

    def __init__(self, site: Site, name: str, options: t.Mapping[str, str]) -> None:
        self.name = name
        self._site = site
        self._service = name.replace("_", "-")
        self._engine = Engine("")
        both = {"order": "start-first", **options}
        self._options = [
            f"--{when}-{option}={value}"
            for when in ("update", "rollback")
            for option, value in both.items()
        ]

    @contextlib.contextmanager
    def serving(self, version: str) -> t.Iterator[int]:
        port = free_port()
        with self._apart(port) as self._engine, self._member():
            self._create(version)
            with proxy.on_network(
                self._site, self._engine, self.name, NETWORK, self._service, "443"
            ):
                self._site.wait_for(port, version)
                yield port

    def deploy(self, version: str) -> None:
        self._engine.docker(
            *("service", "update", "--quiet", "--no-resolve-image"),
            *("--image", self._image(version), self._service),
        )

    def rollback(self, version: str) -> None:
        self._engine.docker("service", "rollback", "--quiet", self._service)

    def _image(self, version: str) -> str:
        return self._engine.image(backend_image(version))

    def _apart(self, port: int) -> contextlib.AbstractContextManager[Engine]:
        """An engine in the network of our data services, with a port for its proxy."""
        stack = self._site.stack
        tls = stack.ca_file.parent
        return engine.apart(
            self._site.named("engine"),
            *("--network", stack.name, f"--publish=127.0.0.1:{port}:443"),
            f"--volume={tls}:{tls}:ro",
            folder=str(stack.work),
        )

    @contextlib.contextmanager
    def _member(self) -> t.Iterator[None]:
        docker = self._engine.docker
        for version in (OLD, NEW):
            docker("pull", "--quiet", self._image(version))
        docker(
            *("swarm", "init", "--advertise-addr=127.0.0.1", "--listen-addr=127.0.0.1:2377"),
            *("--task-history-limit=0", f"--default-addr-pool={SUBNET}"),
        )
        try:
            docker("network", "create", "--driver", "overlay", "--attachable", NETWORK)
            yield
        finally:
            docker("swarm", "leave", "--force")

    def _create(self, version: str) -> None:
        hosts = [f"--host={name}:{address}" for name, address in self._site.data_services()]
        self._engine.docker(
            *("service", "create", "--quiet", "--name", self._service, "--no-resolve-image"),
            *("--network", NETWORK, "--endpoint-mode", "dnsrr", *hosts),
            *("--replicas", str(INSTANCES), "--env-file", self._site.env_file),
            *("--health-interval", "1s", *self._options, self._image(version)),
        )
