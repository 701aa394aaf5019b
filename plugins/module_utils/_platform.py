# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This module util is PRIVATE to the collection.
"""What releases ask of where they are released to: a host with an engine and nginx, or a cluster.

The one seam between the two. A cluster stands in the inventory as one host, and everything that decides (plans, gates,
ledgers, reports) does not know which of them it has.
"""

from __future__ import annotations

import contextlib
import typing as t

from ansible_collections.tagadodo.deploy.plugins.module_utils._documents import Documents
from ansible_collections.tagadodo.deploy.plugins.module_utils._engine import RunResult
from ansible_collections.tagadodo.deploy.plugins.module_utils._entry import Entry
from ansible_collections.tagadodo.deploy.plugins.module_utils._gate_file import Gates
from ansible_collections.tagadodo.deploy.plugins.module_utils._health_check import Looking
from ansible_collections.tagadodo.deploy.plugins.module_utils._instance import Slot
from ansible_collections.tagadodo.deploy.plugins.module_utils._lease import Lease
from ansible_collections.tagadodo.deploy.plugins.module_utils._ledger import Ledger
from ansible_collections.tagadodo.deploy.plugins.module_utils._lock import Holder
from ansible_collections.tagadodo.deploy.plugins.module_utils._observe import Requests
from ansible_collections.tagadodo.deploy.plugins.module_utils._split import Counts
from ansible_collections.tagadodo.deploy.plugins.module_utils._target import Answer, Request
from ansible_collections.tagadodo.deploy.plugins.module_utils._traffic import Shift

Data = t.Dict[str, t.Any]


class Locking(t.Protocol):
    """See ``_lock.Lock``."""

    def holder(self) -> t.Optional[Holder]: ...

    def take(self, wanted: Holder, dead: t.Collection[str] = ()) -> t.Optional[Holder]: ...

    def release(self, token: str) -> bool: ...

    def working(self, token: str) -> t.ContextManager[None]: ...


class Instances(t.Protocol):
    """Brings slots to a state, and removes images that nobody needs."""

    def bring(self, state: str, slots: t.Sequence[Slot]) -> Data: ...

    def discard(
        self, images: t.Sequence[str]
    ) -> t.Tuple[t.List[t.Dict[str, str]], t.List[str]]: ...


class Holding(t.Protocol):
    """A lease that is held, and what runs commands under it (see ``_lease.Held``)."""

    @property
    def taken_over_from(self) -> t.Optional[t.Mapping[str, str]]: ...

    def run(self, command: str, argv: t.Sequence[str]) -> RunResult: ...


class MigrationRunner(t.Protocol):
    """See ``_migration_runs.MigrationRuns``."""

    def has_image(self) -> bool: ...

    def run(self, command: str, argv: t.Sequence[str]) -> RunResult: ...

    def under(self, lease: Lease) -> t.ContextManager[Holding]: ...

    def clear(self) -> None: ...


class Shifting(t.Protocol):
    """See ``_traffic.Shifter``."""

    def shift(
        self, shares: t.Mapping[str, int], instances: t.Mapping[str, Counts], dry: bool = False
    ) -> Shift: ...


class Platform(t.Protocol):
    """One host, or one cluster."""

    @property
    def documents(self) -> Documents:
        """What is kept there."""

    @property
    def lock(self) -> Locking:
        """Who may change it."""

    @property
    def gates(self) -> Gates:
        """What was looked at."""

    def ask(self, request: Request) -> Answer:
        """Send a request to an instance, or to an address."""

    def looking(self, timeout: float = 5.0) -> Looking:
        """What tells how instances are.

        Args:
            timeout: seconds one answer may take.

        Raises:
            EngineError: nothing does.
        """

    def requests(self) -> Requests:
        """What tells what users did."""

    def instances(self, params: t.Mapping[str, t.Any], dry: bool) -> Instances:
        """
        Args:
            params: of the ``instances`` module.
            dry: only say what would be done.
        """

    def shifting(self, params: t.Mapping[str, t.Any]) -> t.ContextManager[Shifting]:
        """
        Args:
            params: of the ``traffic_shift`` module.
        """

    def migration_runs(self, params: t.Mapping[str, t.Any], dry: bool) -> MigrationRunner:
        """
        Args:
            params: of the ``migration`` module.
            dry: whether the run only looks.
        """

    def report(self, params: t.Mapping[str, t.Any]) -> Data:
        """What a plan has to know (see the ``release_info`` module); it changes nothing.

        Args:
            params: ``_report.REPORT``.
        """

    def report_changed(self, changed: t.Collection[str]) -> str:
        """Write the pages of releases whose records (``service/release``) have changed; what went wrong, in one line."""

    def report_ended(self, entries: t.Iterable[Entry], written: t.Sequence[str]) -> str:
        """Write the pages of releases that have ended (see ``_report_files``); what went wrong, in one line."""


def ledger_of(platform: Platform) -> Ledger:
    return Ledger(platform.documents)


def at_work(platform: Platform, token: str) -> t.ContextManager[t.Any]:
    """``Lock.working`` of a run that has a lock; nothing for a module that is run by hand."""
    return platform.lock.working(token) if token else contextlib.nullcontext()
