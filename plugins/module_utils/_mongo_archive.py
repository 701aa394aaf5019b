# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This module util is PRIVATE to the collection.
"""Reads what ``mongodump --archive`` writes: which collections, how many documents, which content.

The archive is a magic number, a prelude (a header, then one BSON document for each collection, then
a terminator), and blocks: a BSON header that names the collection, its documents, a terminator. The
last block of a collection has ``EOF`` in its header. BSON begins with its own length, so documents
are counted and hashed without being understood; only headers are.

Source: mongo-tools, common/archive/archive.go.
"""

from __future__ import annotations

import hashlib
import json
import pathlib
import struct
import typing as t

MAGIC = 0x8199E26D
TERMINATOR = b"\xff\xff\xff\xff"
# Users, roles and settings of the server itself: they belong to its setup, and to no restore.
OF_THE_SERVER = ("admin", "config", "local")
_SIZES = {0x01: 8, 0x08: 1, 0x09: 8, 0x0A: 0, 0x10: 4, 0x12: 8}
_SUM = 2**256

Facts = t.Dict[str, t.Any]


class ArchiveError(Exception):
    """The archive is cut or not one of mongodump's."""


def read_archive(path: pathlib.Path) -> Facts:
    """What an archive holds.

    Returns:
        ``{"server": version, "tool": version, "collections": {"db.name": {"documents": int,
        "checksum": hex, "indexes": [name]}}}``. A checksum is the sum of all documents' SHA-256, so the order
        of documents does not matter.

    Raises:
        ArchiveError: it is cut or not an archive.
    """
    with path.open("rb") as stream:
        if _exactly(stream, 4) != struct.pack("<I", MAGIC):
            raise ArchiveError(f"{path.name} is not an archive of mongodump")
        header = fields(_document(stream))
        collections = _prelude(stream)
        open_ones = {name for name, facts in collections.items() if facts.pop("has_data")}
        sums = dict.fromkeys(collections, 0)
        while True:
            named = _next_document(stream, may_end=True)
            if named is None:
                break
            block = fields(named)
            name = _namespace(block)
            while (document := _next_document(stream)) is not None:
                collections[name]["documents"] += 1
                sums[name] += int.from_bytes(hashlib.sha256(document).digest(), "big")
            if block.get("EOF"):
                open_ones.discard(name)
    if open_ones:
        raise ArchiveError(f"{path.name} ends before {', '.join(sorted(open_ones))} does")
    for name, facts in collections.items():
        facts["checksum"] = f"{sums[name] % _SUM:064x}"
    return {
        "server": str(header.get("server_version", "")),
        "tool": str(header.get("tool_version", "")),
        "collections": {
            name: facts
            for name, facts in sorted(collections.items())
            if name.partition(".")[0] not in OF_THE_SERVER
        },
    }


def _prelude(stream: t.IO[bytes]) -> t.Dict[str, Facts]:
    found = {}
    while (document := _next_document(stream)) is not None:
        entry = fields(document)
        known = json.loads(entry.get("metadata") or "{}")
        found[_namespace(entry)] = {
            "documents": 0,
            "indexes": sorted(str(index["name"]) for index in known.get("indexes") or ()),
            "has_data": entry.get("type") != "view",
        }
    return found


def _namespace(entry: t.Mapping[str, t.Any]) -> str:
    return f"{entry.get('db', '')}.{entry.get('collection', '')}"


def _next_document(stream: t.IO[bytes], may_end: bool = False) -> t.Optional[bytes]:
    """One BSON document; None at a terminator, and at the end of the file where that may be."""
    size = stream.read(4)
    if size == TERMINATOR or (not size and may_end):
        return None
    if len(size) < 4:
        raise ArchiveError("the archive is cut")
    return size + _exactly(stream, struct.unpack("<i", size)[0] - 4)


def _document(stream: t.IO[bytes]) -> bytes:
    document = _next_document(stream)
    if document is None:
        raise ArchiveError("the archive has no header")
    return document


def _exactly(stream: t.IO[bytes], count: int) -> bytes:
    data = stream.read(max(count, 0))
    if len(data) < count:
        raise ArchiveError("the archive is cut")
    return data


def fields(document: bytes) -> Facts:
    """Top-level text, numbers and booleans of a BSON document; the headers have nothing else.

    Source: bsonspec.org.
    """
    found: Facts = {}
    position = 4
    while document[position] != 0:
        kind = document[position]
        end = document.index(b"\0", position + 1)
        name = document[position + 1 : end].decode()
        position = end + 1
        if kind == 0x02:
            (size,) = struct.unpack_from("<i", document, position)
            found[name] = document[position + 4 : position + 3 + size].decode()
            position += 4 + size
        elif kind in _SIZES:
            raw = document[position : position + _SIZES[kind]]
            found[name] = bool(raw[0]) if kind == 0x08 else int.from_bytes(raw, "little")
            position += _SIZES[kind]
        else:
            raise ArchiveError(f"a header of the archive has {name} of kind {kind:#x}")
    return found
