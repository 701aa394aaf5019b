# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Our playbooks, with the strategies and settings that are compared."""

from __future__ import annotations

import contextlib
import typing as t

from bench.contender import Contender
from bench.shell import CommandFailed
from bench.site import Site, backend


class Ours(Contender):
    """``deploy.yml`` and ``rollback.yml`` over a description of the backend.

    Args:
        settings: what this contender says differently about the service.
    """

    def __init__(self, site: Site, name: str, settings: t.Mapping[str, t.Any]) -> None:
        self.name = name
        self._stack = site.stack
        self._site = site
        self._services = {"backend": backend(**settings)}

    @contextlib.contextmanager
    def serving(self, version: str) -> t.Iterator[int]:
        port = self._stack.https_port
        self._stack.extra["services"] = self._services
        if self._site.live_version(port) != version:
            self.deploy(version)
        yield port

    def deploy(self, version: str) -> int:
        return self._play("deploy", "-e", f"version={version}")

    def rollback(self, version: str) -> int:
        return self._play("rollback")

    def _play(self, playbook: str, *arguments: str) -> int:
        run = self._stack.play(playbook, *arguments)
        if run.code != 0:
            raise CommandFailed(f"{playbook}.yml", f"{run.output}\n{run.reason}")
        return run.invocations
