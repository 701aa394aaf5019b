# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This module util is PRIVATE to the collection.
"""Entering in the ledger how releases stand: since when, why, and by which verdicts."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field
from datetime import datetime, timezone

from ansible_collections.tagadodo.deploy.plugins.module_utils._ledger import OUTCOMES, Ledger

Facts = t.Dict[str, t.Any]

KEEP = 50  # records of a service
STALE = ("reason", "finished_at")  # facts of how a release stood before

RECORDS: Facts = {
    "type": "list",
    "elements": "dict",
    "required": True,
    "options": {
        "service": {"type": "str", "required": True},
        "release": {"type": "str", "required": True},
        "facts": {"type": "dict", "default": {}},
    },
}
# For modules that enter something before they do anything, and need no call of its own for it.
RECORD: Facts = {
    "type": "list",
    "elements": "dict",
    "default": [],
    "options": {
        "records": RECORDS,
        "outcome": {"type": "str", "choices": list(OUTCOMES), "required": True},
        "verdicts": {"type": "list", "elements": "dict", "default": []},
        "shares": {"type": "dict", "default": {}},
    },
}


@dataclass(frozen=True)
class Entry:
    """What one call knows of some releases.

    Attributes:
        records: service, release and facts of each.
        outcome: how they stand now; None where only facts are added.
        reason: why, in one line.
        verdicts: what the gate decided; each service's are added to its records.
        shares: percent of traffic by service and slot from now on; added to each service's records.
    """

    records: t.Sequence[t.Mapping[str, t.Any]]
    outcome: t.Optional[str] = None
    reason: t.Optional[str] = None
    verdicts: t.Sequence[t.Mapping[str, t.Any]] = ()
    shares: t.Mapping[str, t.Mapping[str, int]] = field(default_factory=dict)


def enter(ledger: Ledger, entries: t.Iterable[Entry], dry: bool, keep: int = KEEP) -> t.List[str]:
    """Write entries, in their order; with ``dry`` only tell what would change.

    Args:
        keep: records kept of each service; older ones go when a release has ended.

    Returns:
        the records that change, as ``service/release``.

    Raises:
        LedgerError: a file is not one of our records.
        OSError: the ledger cannot be written.
    """
    return [name for entry in entries for name in _enter(ledger, entry, dry, keep)]


def _enter(ledger: Ledger, entry: Entry, dry: bool, keep: int) -> t.List[str]:
    written = [
        f"{one['service']}/{one['release']}"
        for one in entry.records
        if _write(ledger, one, entry, dry)
    ]
    if written and entry.outcome != "running" and not dry:
        ledger.prune({one["service"] for one in entry.records}, keep)
    return written


def _write(ledger: Ledger, record: t.Mapping[str, t.Any], entry: Entry, dry: bool) -> bool:
    """Add what is known to a record; whether that changes it."""
    service, name = record["service"], record["release"]
    before = ledger.record(service, name)
    now = datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    stands = _standing(entry.outcome, before, now)
    facts = {
        **record["facts"],
        **stands,
        **_new_verdicts(service, before, entry.verdicts),
        **_new_share(before, entry.shares.get(service), now),
        **({"reason": entry.reason} if entry.reason else {}),
    }
    return ledger.update(service, name, facts, write=not dry, forget=STALE if stands else ())


def _standing(outcome: t.Optional[str], before: t.Mapping[str, t.Any], now: str) -> Facts:
    """How a release stands since when; nothing where it stands so already."""
    if not outcome or outcome == before.get("outcome"):
        return {}
    if outcome == "running":
        return {"outcome": outcome, "started_at": before.get("started_at", now)}
    return {"outcome": outcome, "finished_at": now}


def _new_verdicts(
    service: str, before: t.Mapping[str, t.Any], given: t.Sequence[t.Mapping[str, t.Any]]
) -> Facts:
    """The verdicts on a service, after those an earlier run left; nothing where there is no new one."""
    known = before.get("verdicts", [])
    new = [one for one in given if one["service"] == service and one not in known]
    return {"verdicts": [*known, *new]} if new else {}


def _new_share(
    before: t.Mapping[str, t.Any], share: t.Optional[t.Mapping[str, int]], now: str
) -> Facts:
    """The shares over time with the present one at their end; nothing where it is there already."""
    known = before.get("shares", [])
    if not share or (known and known[-1].get("share") == share):
        return {}
    return {"shares": [*known, {"at": now, "share": share}]}
