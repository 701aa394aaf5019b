#!/usr/bin/env python3
# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tells Prometheus whether a MongoDB answers, in the words of Percona's exporter."""

from __future__ import annotations

import http.server
import os
import sys

from pymongo import MongoClient
from pymongo.errors import PyMongoError

PORT = 9216
WAIT = 1000  # milliseconds for the server
SAID = {"uptime": "mongodb_ss_uptime"}  # of serverStatus


class Handler(http.server.BaseHTTPRequestHandler):
    client: MongoClient

    def do_GET(self) -> None:
        lines = [f"{name} {value:g}" for name, value in self._numbers().items()]
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; version=0.0.4")
        self.end_headers()
        self.wfile.write(("\n".join(lines) + "\n").encode())

    def _numbers(self) -> dict[str, float]:
        try:
            said = self.client.admin.command("serverStatus")
        except PyMongoError as error:
            sys.stderr.write(f"{error}\n")
            return {"mongodb_up": 0}
        known = {metric: said[name] for name, metric in SAID.items() if name in said}
        return {"mongodb_up": 1, **known}

    def log_message(self, *_arguments: object) -> None:
        """Nothing."""


def main() -> None:
    Handler.client = MongoClient(
        os.environ["MONGODB_URI"], serverSelectionTimeoutMS=WAIT, connect=False
    )
    http.server.ThreadingHTTPServer(("", PORT), Handler).serve_forever()


if __name__ == "__main__":
    main()
