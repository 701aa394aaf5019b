# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This module util is PRIVATE to the collection.
"""MongoDB: dumped and restored by its official tools, compared by what a dump holds."""

from __future__ import annotations

import json
import pathlib
import typing as t

from ansible_collections.tagadodo.deploy.plugins.module_utils._backup import (
    BackupError,
    Database,
    folder_for_tools,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._backup_files import sha256_of
from ansible_collections.tagadodo.deploy.plugins.module_utils._backup_tools import Tools
from ansible_collections.tagadodo.deploy.plugins.module_utils._mongo_archive import (
    OF_THE_SERVER,
    ArchiveError,
    read_archive,
)

DUMP = "mongodb.archive"
_CONFIG = "/config/mongodb.yml"

Facts = t.Dict[str, t.Any]


def dump(tools: Tools, database: Database, folder: pathlib.Path) -> Facts:
    """Dump all databases into a new directory, each document whole.

    Returns:
        facts of the source: ``{file, bytes, sha256, server, tool, collections}``.

    Raises:
        BackupError: the dump failed or is not whole.
    """
    return _dump(tools, database, folder, tools.settings.network)


def _dump(tools: Tools, database: Database, folder: pathlib.Path, network: str) -> Facts:
    folder_for_tools(folder)
    _run(tools, database, folder, network, "mongodump", f"--archive=/backup/{DUMP}")
    file = folder / DUMP
    return {"file": DUMP, "bytes": file.stat().st_size, "sha256": sha256_of(file), **_read(file)}


def _read(file: pathlib.Path) -> Facts:
    try:
        return read_archive(file)
    except (ArchiveError, ValueError, LookupError) as error:
        raise BackupError(f"mongodb: {error}; the dump is not whole") from error


def _run(
    tools: Tools,
    database: Database,
    folder: pathlib.Path,
    network: str,
    program: str,
    *options: str,
) -> None:
    """Run a tool; the address, which may hold a password, comes by a file."""
    config = folder.with_name(f"{folder.name}-config")
    folder_for_tools(config)
    (config / "mongodb.yml").touch(mode=0o644)
    (config / "mongodb.yml").write_text(f"uri: {json.dumps(database.uri)}\n", encoding="utf-8")
    try:
        tools.run(
            *("mongodb", database.image, (program, f"--config={_CONFIG}", *options), network),
            binds={folder: "/backup", config: "/config"},
        )
    finally:
        (config / "mongodb.yml").unlink()
        config.rmdir()


def holds(tools: Tools, database: Database, folder: pathlib.Path) -> t.List[str]:
    """The collections that a server has, its own ones left out."""
    return sorted(dump(tools, database, folder)["collections"])


def restore(tools: Tools, database: Database, folder: pathlib.Path, check: pathlib.Path) -> Facts:
    """Put a dump back, in place of the collections of the same names.

    Returns:
        what the server holds afterwards, as ``dump`` gives it.
    """
    _restore(tools, database, folder, tools.settings.network)
    return dump(tools, database, check)


def _restore(tools: Tools, database: Database, folder: pathlib.Path, network: str) -> None:
    without = [f"--nsExclude={name}.*" for name in OF_THE_SERVER]
    options = (f"--archive=/backup/{DUMP}", "--drop", *without)
    _run(tools, database, folder, network, "mongorestore", *options)


def rehearse(tools: Tools, database: Database, folder: pathlib.Path, check: pathlib.Path) -> Facts:
    """The same into a server of our own, which only the tools reach."""
    data = folder_for_tools(check.with_name("mongodb-data"))
    command = ("mongod", "--bind_ip", "127.0.0.1", "--dbpath", "/data/db")
    with tools.beside("mongodb", database.image, command, binds={data: "/data/db"}) as server:
        own = Database(image=database.image, uri="mongodb://127.0.0.1:27017/")
        network = f"container:{server}"
        _restore(tools, own, folder, network)
        return _dump(tools, own, check, network)


def differences(stored: Facts, found: Facts) -> t.List[str]:
    """What of a backup is not there, or not the same, one line each."""
    lines = []
    for name, wanted in stored["collections"].items():
        has = found["collections"].get(name)
        if has is None:
            lines.append(f"mongodb: {name} is missing")
        elif has["documents"] != wanted["documents"]:
            lines.append(
                f"mongodb: {name} has {has['documents']} documents, not {wanted['documents']}"
            )
        elif has["checksum"] != wanted["checksum"]:
            lines.append(f"mongodb: {name} has other content")
        elif has["indexes"] != wanted["indexes"]:
            lines.append(f"mongodb: {name} has indexes {has['indexes']}, not {wanted['indexes']}")
    return lines


def told(facts: Facts) -> str:
    documents = sum(one["documents"] for one in facts["collections"].values())
    return f"{documents} documents in {len(facts['collections'])} collections"
