# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Docker Compose as it is used today: a new tag and ``up -d``, behind an nginx that finds names again."""

from __future__ import annotations

import contextlib
import os
import pathlib
import typing as t

from stack import free_port

from bench import proxy
from bench.contender import Contender, Unavailable
from bench.shell import run
from bench.site import INSTANCES, Site

FILE = str(pathlib.Path(__file__).with_name("compose.yaml"))


class Compose(Contender):
    def __init__(self, site: Site, name: str) -> None:
        self.name = name
        self._site = site
        self._project = site.named(name)
        self._program = os.environ.get("COMPOSE", "")

    @contextlib.contextmanager
    def serving(self, version: str) -> t.Iterator[int]:
        if not self._program:
            raise Unavailable("no package with Compose 2 could be had")
        network = self._site.stack.name
        try:
            self.deploy(version)
            port = free_port()
            where = (network, self._project, f"127.0.0.1:{port}")
            with proxy.on_network(self._site, self._site.engine, self.name, *where):
                self._site.wait_for(port, version)
                yield port
        finally:
            self._compose(version, "down")

    def deploy(self, version: str) -> None:
        self._compose(version, "up", "--detach")

    def rollback(self, version: str) -> None:
        self.deploy(version)

    def _compose(self, version: str, *arguments: str) -> None:
        run(
            *(self._program, "--file", FILE, "--project-name", self._project, *arguments),
            IMAGE=self._site.image(version),
            INSTANCES=str(INSTANCES),
            ENV_FILE=self._site.env_file,
            NETWORK=self._site.stack.name,
            ALIAS=self._project,
        )
