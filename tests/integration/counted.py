# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Counters of a gateway that leads users to slots, told as Prometheus tells them."""

from __future__ import annotations

import contextlib
import http.server
import json
import threading
import time
import typing as t
import urllib.parse
from dataclasses import dataclass, field

from kube_standin import Manifest


@dataclass
class Gateway:
    """Counters of the gateway: a thousand requests a second, half of which the new version (blue) fails.

    Attributes:
        weights: percent of users that each slot has.
    """

    weights: t.Callable[[], t.Mapping[str, int]]
    counted: dict[tuple[str, str], int] = field(default_factory=dict)
    known: list[tuple[float, dict[tuple[str, str], int]]] = field(default_factory=list)

    def count(self) -> None:
        for slot, weight in self.weights().items():
            asked = 200 * weight // 100
            failed = asked // 2 if slot == "blue" else 0
            for code, count in (("200", asked - failed), ("500", failed)):
                self.counted[slot, code] = self.counted.get((slot, code), 0) + count
        self.known.append((time.time(), dict(self.counted)))

    def answer(self, slot: str, at: float) -> list[Manifest]:
        at_first = [(0.0, {(one, "200"): 0 for one in ("blue", "green")})]
        counts = [counts for since, counts in [*at_first, *self.known] if since <= at][-1]
        return [
            {"metric": {"code": code}, "value": [at, str(count)]}
            for (of_slot, code), count in counts.items()
            if of_slot == slot
        ]


@contextlib.contextmanager
def prometheus(gateway: Gateway) -> t.Iterator[str]:
    """Answers queries ``requests_SLOT`` as Prometheus would; its URL."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked = urllib.parse.parse_qs(urllib.parse.urlsplit(self.path).query)
            result = gateway.answer(asked["query"][0].partition("_")[2], float(asked["time"][0]))
            document = {"status": "success", "data": {"resultType": "vector", "result": result}}
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps(document).encode())

        def log_message(self, *_given: t.Any) -> None:
            """Nothing is said."""

    ended = threading.Event()

    def users() -> None:
        while not ended.wait(0.2):
            gateway.count()

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threads = [threading.Thread(target=one) for one in (server.serve_forever, users)]
        for one in threads:
            one.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            ended.set()
            server.shutdown()
            for one in threads:
                one.join()
