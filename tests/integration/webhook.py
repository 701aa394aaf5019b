# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Somebody who is told: an address of this machine that takes what is posted there."""

from __future__ import annotations

import contextlib
import json
import time
import typing as t
from dataclasses import dataclass, field

from serving import Quiet, serving


@dataclass
class Webhook:
    """As Slack's: JSON with a ``text``. ``status`` is what it answers; ``times`` are of the monotonic clock."""

    url: str = ""
    status: int = 200
    bodies: list[dict[str, t.Any]] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    authorizations: list[str] = field(default_factory=list)

    @property
    def texts(self) -> list[str]:
        return [body["text"] for body in self.bodies]


@contextlib.contextmanager
def listening() -> t.Iterator[Webhook]:
    webhook = Webhook()

    class Handler(Quiet):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            webhook.times.append(time.monotonic())
            webhook.authorizations.append(self.headers.get("Authorization", ""))
            webhook.bodies.append(json.loads(body))
            self.send_response(webhook.status)
            self.end_headers()
            self.wfile.write(b"ok")

    with serving(Handler) as address:
        webhook.url = f"{address}/services/T0/B0/s3cret"
        yield webhook
