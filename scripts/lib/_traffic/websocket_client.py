# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A websocket client that stays connected and sends a message to be echoed at an interval."""

from __future__ import annotations

import asyncio
import math

from websockets.asyncio.client import ClientConnection
from websockets.asyncio.client import connect as websocket_connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus
from websockets.protocol import State

from _traffic.http_client import Setting, connect_reason
from _traffic.record import Book, Recorder
from _traffic.target import UNKNOWN, Endpoint, Target, version_reader
from _traffic.wire import Answer

_CLOSED_WITHOUT_FRAME = 1006
_RETRY = 0.5


class _Connect(websocket_connect):
    def process_redirect(self, exc: Exception) -> Exception | str:
        return exc  # a redirect is an answer, not an invitation


class WebsocketClient:
    """The opening handshake and each message are requests in the books.

    A message counts as answered by the first text that contains its id. While the websocket is away
    no message is sent; the reconnecting handshakes, every 0.5 s, are what is counted then.
    """

    def __init__(
        self,
        name: str,
        number: int,
        target: Target,
        interval: float,
        phase: float,
        setting: Setting,
        recorder: Recorder,
        book: Book,
    ) -> None:
        self._identity = f"{setting.run}-{name.replace(' ', '-')}-{number}"
        self._target = target
        self._endpoint = Endpoint.of(target)
        self._version = version_reader(target.version)
        self._interval = interval
        self._phase = phase
        self._setting = setting
        self._recorder = recorder
        self._book = book
        self._pending: dict[str, float] = {}
        self._connections = 0
        self._closing = False

    async def run(self, start: float, end: float, stop: asyncio.Future[None]) -> None:
        loop = asyncio.get_running_loop()
        await self._pause(start + self._phase - loop.time(), stop)
        while loop.time() < end and not stop.done():
            websocket = await self._open()
            if websocket is None:
                await self._pause(_RETRY, stop)
                continue
            opened = loop.time()
            reader = asyncio.create_task(self._read(websocket, opened))
            try:
                await self._talk(websocket, reader, start + self._phase, end, stop)
                await self._drain(reader)
            finally:
                self._closing = True
                self._abandon()
                await websocket.close()
                await reader
                self._closing = False

    async def _open(self) -> ClientConnection | None:
        loop = asyncio.get_running_loop()
        due = loop.time()
        what = f"{self._identity}: handshake"
        self._recorder.sent(self._book, due, due)
        local = self._endpoint.address.startswith("127.")
        try:
            websocket = await _Connect(
                self._target.url,
                host=self._endpoint.address,
                port=self._endpoint.port,
                local_addr=(next(self._setting.sources), 0) if local else None,
                ssl=self._setting.tls_http1 if self._endpoint.tls else None,
                additional_headers=dict(self._target.headers),
                proxy=None,
                compression=None,
                ping_interval=None,
                open_timeout=self._setting.timeout,
                close_timeout=1,
            )
        except asyncio.CancelledError:
            self._recorder.outcome(self._book, loop.time(), "unfinished", "abandoned", what)
            raise
        except InvalidStatus as exc:
            status = exc.response.status_code
            if status < 400:
                self._recorder.outcome(self._book, loop.time(), "wrong", f"status_{status}", what)
            else:
                self._recorder.answer(self._book, due, loop.time(), status, "", what)
            return None
        except (OSError, TimeoutError, InvalidHandshake, ConnectionClosed, EOFError) as exc:
            broken = isinstance(exc, (InvalidHandshake, ConnectionClosed, EOFError))
            reason = "handshake" if broken else connect_reason(exc)
            self._recorder.outcome(self._book, loop.time(), "lost", reason, f"{what}: {exc}")
            return None
        self._recorder.answer(self._book, due, loop.time(), 101, "", what)
        self._recorder.websockets["reconnects" if self._connections else "opened"] += 1
        self._connections += 1
        return websocket

    async def _talk(
        self,
        websocket: ClientConnection,
        reader: asyncio.Task[None],
        start: float,
        end: float,
        stop: asyncio.Future[None],
    ) -> None:
        loop = asyncio.get_running_loop()
        number = max(0, math.ceil((loop.time() - start) / self._interval))
        while True:
            due = start + number * self._interval
            await asyncio.wait(
                {reader, stop},
                timeout=max(0.0, min(due, end) - loop.time()),
                return_when=asyncio.FIRST_COMPLETED,
            )
            closed = reader.done() or websocket.state is not State.OPEN
            if closed or stop.done() or due >= end:
                return
            self._give_up_overdue()
            identity = f"{self._identity}-{number:06d}"
            self._recorder.sent(self._book, due, loop.time())
            self._pending[identity] = due
            try:
                await websocket.send(self._target.body.replace("{id}", identity))
            except ConnectionClosed:
                return  # the reader enters it as lost
            number += 1

    async def _drain(self, reader: asyncio.Task[None]) -> None:
        while self._pending and not reader.done():
            await asyncio.wait({reader}, timeout=0.02)
            self._give_up_overdue()

    async def _read(self, websocket: ClientConnection, opened: float) -> None:
        loop = asyncio.get_running_loop()
        try:
            while True:
                self._take(await websocket.recv(decode=False))
        except ConnectionClosed as exc:
            if self._closing:
                return
            code = exc.rcvd.code if exc.rcvd else _CLOSED_WITHOUT_FRAME
            reason = exc.rcvd.reason if exc.rcvd else ""
            now = loop.time()
            self._recorder.cut(self._book, now, code, reason, now - opened)
            for identity in self._pending:
                self._recorder.outcome(self._book, now, "lost", "cut", f"{identity}: code {code}")
            self._pending.clear()

    def _take(self, message: bytes) -> None:
        identity = next((known for known in self._pending if known.encode() in message), None)
        if identity is None:
            return
        due = self._pending.pop(identity)
        now = asyncio.get_running_loop().time()
        version = self._version(Answer(200, {}, message))
        version = "" if version == UNKNOWN else version  # an echo need not tell one
        self._recorder.answer(self._book, due, now, 200, version, identity)

    def _give_up_overdue(self) -> None:
        now = asyncio.get_running_loop().time()
        for identity, due in tuple(self._pending.items()):
            if now >= due + self._setting.timeout:
                del self._pending[identity]
                self._recorder.outcome(self._book, now, "lost", "timeout", identity)

    def _abandon(self) -> None:
        now = asyncio.get_running_loop().time()
        for identity in self._pending:
            self._recorder.outcome(self._book, now, "unfinished", "abandoned", identity)
        self._pending.clear()

    async def _pause(self, seconds: float, stop: asyncio.Future[None]) -> None:
        await asyncio.wait({stop}, timeout=max(0.0, seconds))
