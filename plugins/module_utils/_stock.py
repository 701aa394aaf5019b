# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This module util is PRIVATE to the collection.
"""Rollback stock: the images of past releases on a host, and those of them that a way back may need."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from ansible_collections.tagadodo.deploy.plugins.module_utils._ledger import (
    Record,
    good_ones_before,
    unfinished_record,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._undo import (
    leftovers,
    migrations_since,
    own_migrations,
)


@dataclass(frozen=True)
class Stock:
    """An image on a host that releases of its ledger brought there.

    Attributes:
        images: its names in the ledger, ``repository@digest``.
        size: bytes, of which other images may have a part.
        held: what else wants it there, in words; empty where nothing does.
    """

    images: t.Tuple[str, ...]
    size: int = 0
    held: str = ""


def needed_images(
    records: t.Sequence[Record], live: t.Optional[Record], keep: int
) -> t.Iterator[str]:
    """The images of a service that a way back may need.

    They are those of what is live, of a release that has not ended and of what that replaces, of ``keep`` good ones
    before what is live and before what comes next, and those from which migrations since then are reverted. So none
    is missing whether the release that comes next succeeds or is taken back.

    Args:
        records: the ledger of the service, newest first.
        live: the record of what is live.
        keep: at least 1.
    """
    unfinished = unfinished_record(records)
    kept = [
        *(one for one in (live, unfinished) if one),
        *good_ones_before(records, live)[:keep],
        *good_ones_before(records, None)[:keep],
    ]
    yield from (str(one.get("image")) for one in kept)
    yield str(((unfinished or {}).get("previous") or {}).get("image"))
    undos = [leftovers(records, live)]
    for one in kept:
        undos += [own_migrations(records, _restored(one)), migrations_since(records, one)]
    yield from (undo.image for undo in undos if undo)


def _restored(record: Record) -> str:
    return str(record.get("restores") or record["release"])
