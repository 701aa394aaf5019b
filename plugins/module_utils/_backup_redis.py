# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This module util is PRIVATE to the collection.
"""Redis: a consistent snapshot over the wire, and back by replication, with its file on or off.

What a dump holds is asked of a server of our own that has loaded it: keys of each database, and the
digest of all of them. It is started as a replica of nobody, because a replica lets no key expire.
A live server gets its data as a replica of such a server, so it loses nothing before all has arrived.
"""

from __future__ import annotations

import pathlib
import re
import typing as t

from ansible_collections.tagadodo.deploy.plugins.module_utils._backup import (
    BackupError,
    Database,
    folder_for_tools,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._backup_files import sha256_of
from ansible_collections.tagadodo.deploy.plugins.module_utils._backup_tools import ALONE, Tools

DUMP = "redis.rdb"
_SERVER = ("--dir", "/backup", "--dbfilename", DUMP, "--appendonly", "no", "--save", "")
_FOR_LOOKING = ("--enable-debug-command", "yes", "--replicaof", "127.0.0.1", "1")
# The password goes from the environment to standard input: no argument shows it.
_SET_MASTERAUTH = 'printf %s "$REDISCLI_AUTH" | redis-cli -h "$0" -p "$1" -x CONFIG SET masterauth'

Facts = t.Dict[str, t.Any]


def dump(tools: Tools, database: Database, folder: pathlib.Path) -> Facts:
    """Dump all databases into a new directory, as of one moment.

    Returns:
        facts of the source: ``{file, bytes, sha256, server, databases: {number: {keys, expires}}, digest}``.

    Raises:
        BackupError: the dump failed or cannot be loaded.
    """
    folder_for_tools(folder)
    tools.run(
        *(
            "redis",
            database.image,
            (*_cli(database), "--rdb", f"/backup/{DUMP}"),
            tools.settings.network,
        ),
        binds={folder: "/backup"},
        env=_password(database),
    )
    file = folder / DUMP
    if not file.exists():
        raise BackupError("redis: redis-cli wrote no dump; may its user ask for one (SYNC)?")
    return {
        "file": DUMP,
        "bytes": file.stat().st_size,
        "sha256": sha256_of(file),
        **rehearse(tools, database, folder),
    }


def _cli(database: Database) -> t.Tuple[str, ...]:
    return ("redis-cli", "-h", database.host, "-p", str(database.port))


def _password(database: Database) -> t.Dict[str, str]:
    return {"REDISCLI_AUTH": database.password} if database.password else {}


def rehearse(tools: Tools, database: Database, folder: pathlib.Path) -> Facts:
    """What a dump holds, by loading it."""
    binds = {folder: "/backup"}
    tools.run("redis", database.image, ("redis-check-rdb", f"/backup/{DUMP}"), binds=binds)
    command = ("redis-server", *_SERVER, *_FOR_LOOKING)
    with tools.beside("redis", database.image, command, ALONE, binds) as server:
        _wait_until_loaded(tools, server)
        digest = tools.ask(server, "redis-cli", "DEBUG", "DIGEST").strip()
        told_of_server = tools.ask(server, "redis-cli", "INFO", "server")
        keyspace = tools.ask(server, "redis-cli", "INFO", "keyspace")
    version = re.search(r"redis_version:(\S+)", told_of_server)
    return {
        "server": version[1] if version else "",
        "databases": databases_of(keyspace),
        "digest": digest,
    }


def _wait_until_loaded(tools: Tools, server: str) -> None:
    def loaded() -> bool:
        return "\nloading:0" in tools.ask(server, "redis-cli", "INFO", "persistence").replace(
            "\r", ""
        )

    tools.until("redis", server, loaded, "loading the dump")


def databases_of(keyspace: str) -> t.Dict[str, t.Dict[str, int]]:
    """``INFO keyspace`` as ``{number: {keys, expires}}``; databases without keys are not in it."""
    rows = re.findall(r"^db(\d+):keys=(\d+),expires=(\d+)", keyspace, re.MULTILINE)
    return {number: {"keys": int(keys), "expires": int(expires)} for number, keys, expires in rows}


def holds(tools: Tools, database: Database) -> t.Dict[str, t.Dict[str, int]]:
    """The databases of a server that have keys."""
    answer = _tell(tools, database, "INFO", "keyspace")
    if "# Keyspace" not in answer:
        raise BackupError(f"redis: {tools.settings.hide(answer)}")
    return databases_of(answer)


def restore(tools: Tools, database: Database, folder: pathlib.Path, check: pathlib.Path) -> Facts:
    """Put a dump in place of what a server holds.

    Returns:
        what it holds afterwards, as ``dump`` gives it.
    """
    config = folder_for_tools(folder.with_name("redis-config"))
    (config / "redis.conf").write_text(_source_config(database), encoding="utf-8")
    binds = {folder: "/backup", config: "/config"}
    command = ("redis-server", "/config/redis.conf", *_SERVER)
    network, env = tools.settings.network, _password(database)
    with tools.beside("redis", database.image, command, network, binds, env) as source:
        _wait_until_loaded(tools, source)
        _replicate(tools, database, source)
        _wait_until_written(tools, database, source)
    return dump(tools, database, check)


def _source_config(database: Database) -> str:
    return f"requirepass {database.password}\n" if database.password else "protected-mode no\n"


def _replicate(tools: Tools, database: Database, source: str) -> None:
    def target(*command: str) -> str:
        return tools.ask(source, *_cli(database), *command)

    def must(answer: str) -> None:
        if answer.strip() != "OK":
            raise BackupError(f"redis: {tools.settings.hide(answer)}; what it held is unchanged")

    def arrived() -> bool:
        return "master_link_status:up" in target("INFO", "replication")

    if database.password:
        must(tools.ask(source, "sh", "-c", _SET_MASTERAUTH, database.host, str(database.port)))
    try:
        must(target("REPLICAOF", source, "6379"))
        tools.until("redis", source, arrived, "sending the data")
    finally:  # not from the source, which may have ended
        _tell(tools, database, "REPLICAOF", "NO", "ONE")
        _tell(tools, database, "CONFIG", "SET", "masterauth", "")


def _tell(tools: Tools, database: Database, *command: str) -> str:
    network, env = tools.settings.network, _password(database)
    return tools.run("redis", database.image, (*_cli(database), *command), network, env=env)


def _wait_until_written(tools: Tools, database: Database, source: str) -> None:
    """With appendonly the file is written anew: a restart before that would bring nothing back."""

    def written() -> bool:
        said = tools.ask(source, *_cli(database), "INFO", "persistence").replace("\r", "")
        return "aof_rewrite_in_progress:0" in said and "aof_rewrite_scheduled:0" in said

    tools.until("redis", source, written, "writing the file")


def differences(stored: Facts, found: Facts) -> t.List[str]:
    """What of a backup is not there, or not the same, one line each. Keys with a time to live may be gone."""
    lines = []
    for number, wanted in stored["databases"].items():
        has = found["databases"].get(number, {"keys": 0, "expires": 0})
        lasting = [one["keys"] - one["expires"] for one in (wanted, has)]
        if lasting[0] != lasting[1] or has["keys"] > wanted["keys"]:
            lines.append(f"redis: database {number} has {has['keys']} keys, not {wanted['keys']}")
    if (
        not lines
        and stored["databases"] == found["databases"]
        and stored["digest"] != found["digest"]
    ):
        lines.append("redis: it has the same number of keys with other content")
    return lines


def told(facts: Facts) -> str:
    keys = sum(one["keys"] for one in facts["databases"].values())
    return f"{keys} keys in {len(facts['databases'])} databases"
