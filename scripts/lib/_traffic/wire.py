# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a request can end as, and what connections of every protocol have in common."""

from __future__ import annotations

import asyncio
import select
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

# Rounds of the event loop that a FIN already in the kernel may need to get through TLS to us.
_SETTLE_ROUNDS = 4


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass(frozen=True)
class Answer:
    """A complete answer; header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Lost(Exception):
    """The request was written, or its connection tried, and no complete answer came."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason = reason
        self.detail = detail


class Refused(Exception):
    """HTTP/2: the server says that it never processed this stream."""


class Connection(asyncio.Protocol):
    """One connection of a client.

    `ended` says why it takes no more requests: ``answer`` (Connection: close), ``fin``, ``reset``,
    ``goaway`` (these between requests), ``unasked`` (bytes that no request asked for), ``loss`` (a
    request was lost on it), ``client`` (by us).
    """

    capacity = 1

    def __init__(self, on_end: Callable[[str], None]) -> None:
        self.busy = 0
        self.requests = 0
        self.ended = ""
        self._on_end = on_end
        self._transport: asyncio.Transport | None = None
        self._poll = select.poll()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._poll.register(transport.get_extra_info("socket").fileno(), select.POLLIN)

    async def exchange(self, request: Request) -> Answer:
        """Write the request once and return its answer; raise Lost or Refused."""
        raise NotImplementedError

    async def settle(self) -> bool:
        """Take in what the kernel already holds (a FIN, a GOAWAY); True if still usable then."""
        for _round in range(_SETTLE_ROUNDS):
            if self.ended or not self._poll.poll(0):
                break
            await asyncio.sleep(0)
        return not self.ended

    def end(self, why: str) -> None:
        if not self.ended:
            self.ended = why
            self._on_end(why)

    def close(self) -> None:
        self.end("client")
        if self._transport is not None:
            self._transport.close()

    def abort(self, why: str = "loss") -> None:
        self.end(why)
        if self._transport is not None:
            self._transport.abort()

    def _write(self, data: bytes) -> None:
        assert self._transport is not None
        self._transport.write(data)

    def _loss(self, exc: Exception | None, partial: bool) -> Lost:
        """How the latest request is lost, now that its connection has gone."""
        what = "reset" if isinstance(exc, (ConnectionResetError, BrokenPipeError)) else "closed"
        where = "in the middle of the answer" if partial else "before any answer"
        age = "a reused connection" if self.requests > 1 else "a new connection"
        suffix = "_partial" if partial else "_reused" if self.requests > 1 else "_new"
        return Lost(what + suffix, f"{where}, on {age}" + (f": {exc}" if exc else ""))
