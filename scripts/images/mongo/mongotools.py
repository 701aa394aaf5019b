#!/usr/bin/env python3
# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Stand-ins for mongodump and mongorestore, by the name it is called by: their archive, a few of their options.

  mongodump    --config=FILE --archive=FILE
  mongorestore --config=FILE --archive=FILE [--drop] [--nsExclude=PATTERN]...

The config file has the line `uri: "mongodb://…"`. Both end as the official ones do: a line with
`Failed: ` and the reason on standard error, and exit code 1. Views, time series and compression are
not known.
"""

from __future__ import annotations

import argparse
import contextlib
import fnmatch
import json
import os
import struct
import sys
import typing as t

import bson
from bson import json_util
from bson.codec_options import CodecOptions
from bson.raw_bson import RawBSONDocument
from pymongo import MongoClient
from pymongo.errors import PyMongoError

MAGIC = struct.pack("<I", 0x8199E26D)
TERMINATOR = b"\xff\xff\xff\xff"
RAW = CodecOptions(document_class=RawBSONDocument)
BATCH = 500


def _crc_table() -> list[int]:
    table = []
    for value in range(256):
        for _bit in range(8):
            value = value >> 1 ^ (0xC96C5795D7870F42 if value & 1 else 0)
        table.append(value)
    return table


TABLE = _crc_table()


def crc64(data: bytes, so_far: int = 0) -> int:
    """CRC-64 as Go's hash/crc64 has it with the table ECMA."""
    crc = ~so_far & 2**64 - 1
    for byte in data:
        crc = TABLE[(crc ^ byte) & 0xFF] ^ crc >> 8
    return ~crc & 2**64 - 1


def signed(number: int) -> bson.Int64:
    return bson.Int64(number - 2**64 if number >= 2**63 else number)


def dump(client: MongoClient, archive: t.BinaryIO) -> None:
    names = [
        (database, collection)
        for database in sorted(client.list_database_names())
        if database != "local"
        for collection in sorted(client[database].list_collection_names())
    ]
    server = client.server_info()["version"]
    archive.write(MAGIC)
    archive.write(
        bson.encode(
            {
                "concurrent_collections": 1,
                "version": "0.1",
                "server_version": server,
                "tool_version": "stand-in",
            }
        )
    )
    for database, collection in names:
        indexes = [dict(one) for one in client[database][collection].list_indexes()]
        metadata = json_util.dumps({"options": {}, "indexes": indexes, "type": "collection"})
        entry = {"db": database, "collection": collection, "metadata": metadata, "size": 0}
        archive.write(bson.encode({**entry, "type": "collection"}))
    archive.write(TERMINATOR)
    for database, collection in names:
        archive.write(block(database, collection))
        crc = count = 0
        for document in client[database].get_collection(collection, RAW).find():
            archive.write(document.raw)
            crc, count = crc64(document.raw, crc), count + 1
        archive.write(TERMINATOR)
        archive.write(block(database, collection, crc) + TERMINATOR)
        print(f"done dumping {database}.{collection} ({count} documents)", file=sys.stderr)


def block(database: str, collection: str, crc: int | None = None) -> bytes:
    header = {"db": database, "collection": collection, "EOF": crc is not None}
    return bytes(bson.encode({**header, "CRC": signed(crc or 0)}))


def documents(archive: t.BinaryIO) -> t.Iterator[bytes]:
    """Documents up to the next terminator."""
    while (size := archive.read(4)) != TERMINATOR:
        if len(size) < 4:
            raise ValueError("the archive is cut")
        yield size + archive.read(struct.unpack("<i", size)[0] - 4)


def restore(client: MongoClient, archive: t.BinaryIO, drop: bool, exclude: list[str]) -> None:
    if archive.read(4) != MAGIC:
        raise ValueError("stream or file does not appear to be a mongodump archive")
    _header, *entries = [bson.decode(document) for document in documents(archive)]
    wanted = {}
    for entry in entries:
        name = f"{entry['db']}.{entry['collection']}"
        if any(fnmatch.fnmatchcase(name, pattern) for pattern in exclude):
            continue
        wanted[name] = client[entry["db"]][entry["collection"]]
        if drop:
            wanted[name].drop()
        client[entry["db"]].create_collection(entry["collection"])
    crcs: dict[str, int] = {}
    while header := archive.read(4):
        header += archive.read(struct.unpack("<i", header)[0] - 4)
        found = bson.decode(header)
        name = f"{found['db']}.{found['collection']}"
        batch = []
        for document in documents(archive):
            crcs[name] = crc64(document, crcs.get(name, 0))
            batch.append(RawBSONDocument(document))
            if len(batch) == BATCH:
                insert(wanted.get(name), batch)
                batch = []
        insert(wanted.get(name), batch)
        if found["EOF"] and found["CRC"] != signed(crcs.get(name, 0)):
            raise ValueError(f"corruption found in archive; checksum of {name} does not match")
    for entry in entries:
        collection = wanted.get(f"{entry['db']}.{entry['collection']}")
        indexes = json_util.loads(entry["metadata"])["indexes"]
        ours = [{k: v for k, v in one.items() if k != "ns"} for one in indexes]
        ours = [one for one in ours if one["name"] != "_id_"]
        if collection is not None and ours:
            client[entry["db"]].command("createIndexes", entry["collection"], indexes=ours)


def insert(collection: t.Any, batch: list[RawBSONDocument]) -> None:
    if collection is not None and batch:
        collection.with_options(codec_options=RAW).insert_many(batch)


def main() -> None:
    program = os.path.basename(sys.argv[0])
    parser = argparse.ArgumentParser(prog=program)
    parser.add_argument("--config", required=True)
    parser.add_argument("--archive", required=True)
    if program == "mongorestore":
        parser.add_argument("--drop", action="store_true")
        parser.add_argument("--nsExclude", action="append", default=[])
    options = parser.parse_args()
    try:
        with open(options.config, encoding="utf-8") as file:
            uri = json.loads(file.read().partition("uri: ")[2])
        with contextlib.closing(MongoClient(uri)) as client:
            if program == "mongodump":
                with open(options.archive, "wb") as archive:
                    dump(client, archive)
            else:
                with open(options.archive, "rb") as archive:
                    restore(client, archive, options.drop, options.nsExclude)
    except (OSError, ValueError, PyMongoError) as error:
        sys.exit(f"Failed: {error}")


if __name__ == "__main__":
    main()
