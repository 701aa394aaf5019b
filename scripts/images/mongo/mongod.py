#!/usr/bin/env python3
# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Starts the server; with a root user named in the environment, makes that user first.

As in the official image, the user is made only when the data directory is new, by a server that
listens on the loopback address, and authentication is asked for from then on. Of mongod's options
it knows --bind_ip, --bind_ip_all and --dbpath; what else is given goes to the server as it is.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

# Written last, so that a first start that was killed in between is made again.
PREPARED = ".root-user-made"


def setting(name: str) -> str:
    """The value of NAME, or the content of the file that NAME_FILE points to."""
    path = os.environ.get(f"{name}_FILE")
    return (
        Path(path).read_text(encoding="utf-8").strip("\r\n") if path else os.environ.get(name, "")
    )


def make_root_user(data: Path, username: str, password: str) -> None:
    from pymongo import MongoClient
    from pymongo.errors import OperationFailure
    from secantus import SecantusDBServer

    with SecantusDBServer(storage_path=str(data), replica_set_name=None) as server:
        admin = MongoClient(server.uri).admin
        try:
            admin.command("createUser", username, pwd=password, roles=["root"])
        except OperationFailure:
            admin.command("updateUser", username, pwd=password, roles=["root"])
    (data / PREPARED).touch()


def main() -> None:
    username, password = (
        setting("MONGO_INITDB_ROOT_USERNAME"),
        setting("MONGO_INITDB_ROOT_PASSWORD"),
    )
    if bool(username) != bool(password):
        sys.exit(
            "mongod: MONGO_INITDB_ROOT_USERNAME and MONGO_INITDB_ROOT_PASSWORD need each other"
        )
    parser = argparse.ArgumentParser(prog="mongod")
    parser.add_argument("--dbpath", type=Path, default=Path("/data/db"))
    parser.add_argument("--bind_ip", default="0.0.0.0")
    parser.add_argument("--bind_ip_all", action="store_const", const="0.0.0.0", dest="bind_ip")
    options, others = parser.parse_known_args()
    command = [sys.executable, "-m", "secantus", "--standalone", "--cache-size", "256M"]
    command += ["--host", options.bind_ip, "--port", "27017", "--storage-path", str(options.dbpath)]
    if username:
        if not (options.dbpath / PREPARED).exists():
            make_root_user(options.dbpath, username, password)
        command.append("--auth")
    os.execv(sys.executable, command + others)


if __name__ == "__main__":
    main()
