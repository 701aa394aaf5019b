# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This module util is PRIVATE to the collection.
"""What the ledger says of a release's migrations: kept while they run, so that a killed run is no riddle.

``migrations`` of a release's record: ``image`` that holds them, ``state``, ``before`` (what was applied
before its first attempt), ``applied`` (what its attempts applied, oldest first), ``reverted`` (of those,
what is no longer applied) and ``reason`` (why a refusal was overruled). States: ``running`` → ``applied``,
``partial`` or ``unknown``; ``reverting`` → ``reverted`` or ``revert_failed``.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from ansible_collections.tagadodo.deploy.plugins.module_utils._ledger import Ledger
from ansible_collections.tagadodo.deploy.plugins.module_utils._migration_history import History

Facts = t.Dict[str, t.Any]

# An attempt was cut: what it applied nobody has looked at yet.
_UNSEEN = ("running", "unknown")


@dataclass(frozen=True)
class MigrationRecord:
    """The ``migrations`` of one release in the ledger; without a ledger nothing is kept.

    Every method may raise LedgerError or OSError: the record cannot be read or written.
    """

    ledger: Ledger | None = None
    service: str = ""
    release: str = ""
    image: str = ""

    def known(self) -> Facts:
        """What is recorded so far; empty where nothing is."""
        record = self.ledger.record(self.service, self.release) if self.ledger else {}
        return dict(record.get("migrations") or {})

    def base(self, before: History) -> tuple[str, ...]:
        """What was applied before the attempts that nobody has looked at yet, this one too."""
        known = self.known()
        return tuple(known["before"]) if known.get("state") in _UNSEEN else before.applied()

    def began(self, before: History, reason: str = "") -> None:
        """Record that migrations are about to be applied."""
        known = self.known()
        self._write(
            {
                "image": self.image,
                "state": "running",
                "before": known.get("before", list(before.applied())),
                "applied": known.get("applied", []),
                **({"reason": reason} if reason else {}),
            }
        )

    def ended(
        self, state: str, base: t.Sequence[str], after: History | None = None
    ) -> tuple[str, ...] | None:
        """Record how an attempt ended.

        Args:
            base: what was applied before it.
            after: what is applied now; None where nobody can tell.

        Returns:
            all that the release applied; None without a ledger.
        """
        if not self.ledger:
            return None
        known = {key: value for key, value in self.known().items() if key != "reverted"}
        earlier = known.get("applied", [])
        now = after.applied() if after else ()
        own = [*earlier, *(name for name in now if name not in (*base, *earlier))]
        before = known.get("before", list(base))
        self._write(
            {**known, "image": self.image, "state": state, "before": before, "applied": own}
        )
        return tuple(own)

    def reverting(
        self,
        names: t.Sequence[str],
        before: t.Sequence[str],
        state: str,
        history: History,
        reason: str,
    ) -> None:
        """Record how reverting ``names`` (oldest first) stands."""
        gone = [name for name in reversed(names) if name not in history.applied()]
        fresh = {"image": self.image, "before": list(before), "applied": list(names)}
        said = {"reason": reason} if reason else {}
        self._write({**fresh, **self.known(), "state": state, "reverted": gone, **said})

    def _write(self, facts: Facts) -> None:
        if self.ledger:
            self.ledger.update(self.service, self.release, {"migrations": facts}, write=True)
