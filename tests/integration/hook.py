# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A program that is told of releases by their webhook."""

from __future__ import annotations

import contextlib
import http.server
import json
import threading
import typing as t
from dataclasses import dataclass, field


@dataclass
class Hook:
    """What it was told, oldest first."""

    url: str
    told: list[dict[str, t.Any]] = field(default_factory=list)


@contextlib.contextmanager
def hook() -> t.Iterator[Hook]:
    """One on this machine, for the time of the block."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            listening.told.append(json.loads(body))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_said: t.Any) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        listening = Hook(f"http://127.0.0.1:{server.server_port}/")
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        try:
            yield listening
        finally:
            server.shutdown()
