# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""HTTP/1.1: one request at a time, written once, on a connection that the caller chooses."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import httptools

from _traffic.wire import Answer, Connection, Lost, Request


class Http1Connection(Connection):
    def __init__(self, host: str, on_end: Callable[[str], None]) -> None:
        super().__init__(on_end)
        self._host = host
        self._parser = httptools.HttpResponseParser(self)
        self._waiter: asyncio.Future[Answer] | None = None
        self._reset_answer()

    async def exchange(self, request: Request) -> Answer:
        self.requests += 1
        self._reset_answer()
        self._waiter = asyncio.get_running_loop().create_future()
        lines = [f"{request.method} {request.path} HTTP/1.1", f"Host: {self._host}"]
        lines += [f"{name}: {value}" for name, value in request.headers.items()]
        if request.body:
            lines.append(f"Content-Length: {len(request.body)}")
        self._write("\r\n".join([*lines, "", ""]).encode() + request.body)
        try:
            return await self._waiter
        except asyncio.CancelledError:
            self.abort()
            raise
        finally:
            self._waiter = None

    # asyncio.Protocol

    def data_received(self, data: bytes) -> None:
        if self._waiter is None or self._waiter.done():
            self.abort("unasked")
            return
        self._started = True
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as exc:
            self._fail(Lost("broken_answer", str(exc)))
            self.abort()

    def eof_received(self) -> None:
        if self._headers_done and not self._framed:
            self._complete(last=True)
        self.connection_lost(None)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._fail(self._loss(exc, partial=self._started))
            self.end("loss")
        self.end("reset" if isinstance(exc, ConnectionResetError) else "fin")

    # httptools

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        self._headers_done = True
        self._framed = "content-length" in self._headers or "transfer-encoding" in self._headers

    def on_body(self, body: bytes) -> None:
        self._body.append(body)

    def on_message_complete(self) -> None:
        if self._parser.get_status_code() < 200:
            self._reset_answer()
            return
        self._complete(last=not self._parser.should_keep_alive())

    # ours

    def _reset_answer(self) -> None:
        self._headers: dict[str, str] = {}
        self._body: list[bytes] = []
        self._started = self._headers_done = self._framed = False

    def _complete(self, last: bool) -> None:
        answer = Answer(self._parser.get_status_code(), self._headers, b"".join(self._body))
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(answer)
        if last:
            self.end("answer")
            assert self._transport is not None
            self._transport.close()  # may call connection_lost before it returns

    def _fail(self, loss: Lost) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_exception(loss)
