# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This module util is PRIVATE to the collection.
"""What a release did to the database, from the ledger, and whether going back takes it back.

A release that failed and was tried again has several records. Its set is that of all of them: from the
one that is given up, back to the first that was ever good or was gone back from.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from ansible_collections.tagadodo.deploy.plugins.module_utils._ledger import Record

LEAVE, REVERT, ASK = POLICIES = ("leave", "revert", "ask")

_TRIES = ("running", "held", "failed")  # outcomes of tries that the next record may be a retry of


@dataclass(frozen=True)
class Undo:
    """Migrations that can be taken back.

    Attributes:
        release: whose record the revert is written into: the newest that applied any.
        image: the image to revert from; that of the newest, which holds them all.
        names: what was applied and is not reverted yet, oldest first.
        before: what was applied before the first of them.
    """

    release: str
    image: str
    names: t.Tuple[str, ...]
    before: t.Tuple[str, ...]


def own_migrations(records: t.Sequence[Record], release: str) -> t.Optional[Undo]:
    """What giving up a release would take back; None where it applied nothing.

    Args:
        records: the ledger of the service, newest first.
    """
    names = [str(record["release"]) for record in records]
    if release not in names:
        return None
    given_up, *older = records[names.index(release) :]
    tries = [given_up]
    for record in older:
        if record.get("outcome") not in _TRIES or record.get("restores"):
            break
        tries.append(record)
    return _undo(tries)


def migrations_since(records: t.Sequence[Record], target: Record) -> t.Optional[Undo]:
    """What all releases after ``target`` did that nobody has taken back."""
    since = str(target.get("restores") or target["release"])
    return _undo([record for record in records if str(record["release"]) > since])


def leftovers(records: t.Sequence[Record], live: t.Optional[Record]) -> t.Optional[Undo]:
    """What releases that were given up for the live one, or after it, have left in the database.

    Args:
        live: the record of what is live; a rollback counts as the release it restored.
    """
    since = str(live.get("restores") or live["release"]) if live else ""
    left = [
        record
        for record in records
        if record.get("outcome") in ("failed", "rolled_back") and str(record["release"]) > since
    ]
    return _undo(left)


def _undo(records: t.Sequence[Record]) -> t.Optional[Undo]:
    """Of records, newest first, those together that applied something."""
    known = [
        (str(record["release"]), record["migrations"])
        for record in records
        if isinstance(record.get("migrations"), dict) and record["migrations"].get("image")
    ]
    applied: t.Dict[str, None] = {}  # in order; one may be applied again after it was reverted
    for _release, did in reversed(known):
        applied.update(dict.fromkeys(did.get("applied", ())))
        for name in did.get("reverted", ()):
            applied.pop(name, None)
    names = tuple(applied)
    if not names:
        return None
    release, newest = known[0]
    return Undo(release, str(newest["image"]), names, tuple(known[-1][1].get("before", ())))
