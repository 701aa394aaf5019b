# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The raw limit: what a script of a dozen lines needs, knowing its containers and addresses by heart."""

from __future__ import annotations

import contextlib
import pathlib
import typing as t

from bench import proxy
from bench.contender import Contender
from bench.shell import run
from bench.site import Site

SCRIPT = str(pathlib.Path(__file__).with_name("raw.sh"))
SLOTS = ("blue", "green")

# The cheapest switch that loses nothing: a file that nginx looks for with each request.
CHOSEN = """
        set $upstream blue;
        if (-f @FOLDER@/green) {
            set $upstream green;
        }
"""


class Raw(Contender):
    def __init__(self, site: Site, name: str) -> None:
        self.name = name
        self._prefix = site.named(name)
        self._site = site
        self._folder = site.stack.work / "switch"
        self._addresses = {slot: site.addresses(16 * n) for n, slot in enumerate(SLOTS)}
        self._live = SLOTS[1]

    @contextlib.contextmanager
    def serving(self, version: str) -> t.Iterator[int]:
        self._folder.mkdir(exist_ok=True)
        upstreams = "".join(map(self._upstream, SLOTS))
        chosen = CHOSEN.replace("@FOLDER@", str(self._folder))
        with proxy.on_host(self._site, self.name, upstreams, chosen, str(self._folder)) as port:
            try:
                self.deploy(version)
                self._site.wait_for(port, version)
                yield port
            finally:
                run(SCRIPT, "remove", self._prefix)

    def deploy(self, version: str) -> None:
        new = SLOTS[1 - SLOTS.index(self._live)]
        stack = self._site.stack
        run(
            *(SCRIPT, "deploy", self._prefix, self._live, new, self._site.image(version)),
            *(stack.name, self._site.env_file, str(self._folder), *self._addresses[new]),
        )
        self._live = new

    def rollback(self, version: str) -> None:
        self.deploy(version)

    def _upstream(self, slot: str) -> str:
        servers = " ".join(f"server {address}:3000;" for address in self._addresses[slot])
        return f"upstream {slot} {{ zone {slot} 64k; least_conn; {servers} keepalive 32; }}\n    "
