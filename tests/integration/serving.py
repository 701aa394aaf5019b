# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""HTTP servers of this machine that stand in for others', as long as a block runs."""

from __future__ import annotations

import contextlib
import http.server
import threading
import typing as t


class Quiet(http.server.BaseHTTPRequestHandler):
    """Prints no line for each request."""

    def log_message(self, *_arguments: object) -> None:
        """Nothing."""


@contextlib.contextmanager
def serving(handler: type[Quiet]) -> t.Iterator[str]:
    """Serve at a free port of 127.0.0.1; the address, without a slash at its end."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
