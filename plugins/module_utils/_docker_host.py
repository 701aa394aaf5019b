# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This module util is PRIVATE to the collection.
"""A host as ``Platform``: files, a Docker engine, and an nginx that looks at files."""

from __future__ import annotations

import contextlib
import time
import typing as t

from ansible_collections.tagadodo.deploy.plugins.module_utils import _http_probe
from ansible_collections.tagadodo.deploy.plugins.module_utils._containers import Containers
from ansible_collections.tagadodo.deploy.plugins.module_utils._documents import Files
from ansible_collections.tagadodo.deploy.plugins.module_utils._engine import connect
from ansible_collections.tagadodo.deploy.plugins.module_utils._entry import Entry
from ansible_collections.tagadodo.deploy.plugins.module_utils._gate_file import GateFiles
from ansible_collections.tagadodo.deploy.plugins.module_utils._health_check import EngineLook
from ansible_collections.tagadodo.deploy.plugins.module_utils._host import ensure_key, read_key
from ansible_collections.tagadodo.deploy.plugins.module_utils._instance import Slot
from ansible_collections.tagadodo.deploy.plugins.module_utils._instances import (
    BRINGS_TO,
    Changes,
    Result,
    discard,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._lock import Lock
from ansible_collections.tagadodo.deploy.plugins.module_utils._migration_runs import MigrationRuns
from ansible_collections.tagadodo.deploy.plugins.module_utils._observe import AccessLogs
from ansible_collections.tagadodo.deploy.plugins.module_utils._report import read_host
from ansible_collections.tagadodo.deploy.plugins.module_utils._report_files import (
    report_ended,
    write_reports,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._target import Answer, Request
from ansible_collections.tagadodo.deploy.plugins.module_utils._traffic import (
    Nginx,
    Shifter,
    TrafficDirectory,
)

Params = t.Mapping[str, t.Any]


class HostInstances:
    """Containers of this host's engine."""

    def __init__(self, changes: Changes) -> None:
        self._changes = changes

    def bring(self, state: str, slots: t.Sequence[Slot]) -> Result:
        return BRINGS_TO[state](self._changes, slots)

    def discard(self, images: t.Sequence[str]) -> t.Tuple[t.List[t.Dict[str, str]], t.List[str]]:
        return discard(self._changes, images)


class DockerHost:
    """This host.

    Args:
        state_dir: ``deploy_state_dir`` of the host.
    """

    def __init__(self, state_dir: str) -> None:
        self._state_dir = state_dir
        self.documents = Files(state_dir)
        self.lock = Lock(state_dir)
        self.gates = GateFiles(state_dir)

    def ask(self, request: Request) -> Answer:
        return _http_probe.ask(request)

    def looking(self, timeout: float = 5.0) -> EngineLook:
        return EngineLook(timeout)

    def requests(self) -> AccessLogs:
        return AccessLogs()

    def instances(self, params: Params, dry: bool) -> HostInstances:
        key_of = ensure_key if params["state"] == "started" and not dry else read_key
        containers = Containers(connect(), params["project"], params["network"], params["address"])
        changes = Changes(containers, params["project"], key_of(self._state_dir), dry)
        return HostInstances(changes)

    @contextlib.contextmanager
    def shifting(self, params: Params) -> t.Iterator[Shifter]:
        nginx = Nginx(params["control_url"])
        directory = TrafficDirectory.of(self._state_dir)
        try:
            yield Shifter(directory, nginx, params["timeout"], time.monotonic, time.sleep)
        finally:
            nginx.close()

    def migration_runs(self, params: Params, dry: bool) -> MigrationRuns:
        return MigrationRuns(
            client=connect(),
            project=params["project"],
            service=params["name"],
            image=params["image"],
            network=params["network"],
            runtime=params["runtime"],
            timeout=params["commands"]["timeout"],
            secrets=params["secrets"],
        )

    def report(self, params: Params) -> t.Dict[str, t.Any]:
        return read_host(params)

    def report_changed(self, changed: t.Collection[str]) -> str:
        return write_reports(self._state_dir, changed)

    def report_ended(self, entries: t.Iterable[Entry], written: t.Sequence[str]) -> str:
        return report_ended(self._state_dir, entries, written)
