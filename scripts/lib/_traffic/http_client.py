# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""HTTP clients on a fixed schedule (open loop), each request written at most once."""

from __future__ import annotations

import asyncio
import itertools
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field

from _traffic.http1 import Http1Connection
from _traffic.http2 import Http2Connection
from _traffic.pool import Pool
from _traffic.record import Book, Recorder
from _traffic.target import Endpoint, Target, json_field, version_reader
from _traffic.wire import Answer, Connection, Lost, Refused, Request

_JSON = {"Content-Type": "application/json"}
# While all its connections are busy, a client may open up to this many times as many.
_OVERFLOW = 8


@dataclass(frozen=True)
class Setting:
    """What all clients share. Seconds, and addresses to come from in turn."""

    run: str
    timeout: float
    sources: itertools.cycle[str]
    tls_http1: ssl.SSLContext | None
    tls_http2: ssl.SSLContext | None
    http2_pools: dict[tuple[str, str, int], Pool] = field(default_factory=dict)


# nginx ends the handshake where h2 alone is offered to it and it has none; others go on without a protocol.
NO_PROTOCOL = "no application protocol"


async def connect(
    endpoint: Endpoint, setting: Setting, http2: bool, on_end: Callable[[str], None]
) -> Connection:
    """Open one connection; raise Lost if that fails."""

    def connection() -> Connection:
        if http2:
            return Http2Connection(endpoint.authority, endpoint.scheme, on_end)
        return Http1Connection(endpoint.authority, on_end)

    local = (next(setting.sources), 0) if endpoint.address.startswith("127.") else None
    tls = setting.tls_http2 if http2 else setting.tls_http1
    try:
        async with asyncio.timeout(setting.timeout):
            transport, opened = await asyncio.get_running_loop().create_connection(
                connection,
                endpoint.address,
                endpoint.port,
                local_addr=local,
                ssl=tls if endpoint.tls else None,
                server_hostname=endpoint.hostname if endpoint.tls else None,
                ssl_shutdown_timeout=1.0 if endpoint.tls else None,
            )
    except (OSError, TimeoutError) as exc:
        refused = http2 and NO_PROTOCOL in str(exc)
        raise Lost("connect_no_http2" if refused else connect_reason(exc), str(exc)) from exc
    secured = transport.get_extra_info("ssl_object")
    if http2 and secured is not None and secured.selected_alpn_protocol() != "h2":
        opened.abort("client")
        raise Lost("connect_no_http2", "the server does not offer h2")
    return opened


def connect_reason(exc: BaseException) -> str:
    """A connection that could not be opened, by what failed."""
    kinds: list[tuple[type[BaseException], str]] = [
        (TimeoutError, "connect_timeout"),
        (ConnectionRefusedError, "connect_refused"),
        (ssl.SSLError, "connect_tls"),
        (ConnectionError, "connect_reset"),
    ]
    return next((name for kind, name in kinds if isinstance(exc, kind)), "connect_failed")


class HttpClient:
    """One kind of client at one target: `get`, `post`, `h2_get`, `h2_post` or `new`."""

    def __init__(
        self,
        name: str,
        kind: str,
        target: Target,
        rate: float,
        connections: int,
        setting: Setting,
        recorder: Recorder,
    ) -> None:
        self._name = name
        self._kind = kind
        self._target = target
        self._rate = rate
        self._setting = setting
        self._recorder = recorder
        self._endpoint = Endpoint.of(target)
        self._version = version_reader(target.version)
        self._http2 = kind.startswith("h2_")
        pool = Pool(self._connect, connections, connections * _OVERFLOW, shared=self._http2)
        if self._http2:
            # GET and POST of one host are streams of the same connection, as in a browser.
            origin = (self._endpoint.authority, self._endpoint.address, self._endpoint.port)
            pool = setting.http2_pools.setdefault(origin, pool)
        self._pool = pool
        self._requests: set[asyncio.Task[None]] = set()
        self._headers = dict(target.headers)
        if kind == "new":
            self._headers["Connection"] = "close"
        if target.use == "post":
            self._headers = _JSON | self._headers
        self.book: Book = recorder.book(name, kind, target.name, rate)

    async def warm(self) -> None:
        if self._kind != "new":
            await self._pool.warm()

    async def schedule(self, start: float, end: float) -> None:
        """Start request number n at start + n/rate, whatever became of those before it."""
        loop = asyncio.get_running_loop()
        for number in itertools.count():
            due = start + number / self._rate
            if due >= end:
                return
            delay = due - loop.time()
            if delay > 0:
                await asyncio.sleep(delay)
            request = asyncio.create_task(self._request(number, due))
            self._requests.add(request)
            request.add_done_callback(self._requests.discard)

    async def drain(self) -> None:
        """Wait for what has been sent: each request has its own time-out."""
        while self._requests:
            await asyncio.wait(tuple(self._requests))

    def abandon(self) -> None:
        for request in tuple(self._requests):
            request.cancel()

    def close(self) -> None:
        self._pool.close()

    async def _request(self, number: int, due: float) -> None:
        loop, book, recorder = asyncio.get_running_loop(), self.book, self._recorder
        identity = f"{self._setting.run}-{self._name.replace(' ', '-')}-{number}"
        recorder.sent(book, due, loop.time())
        try:
            async with asyncio.timeout_at(due + self._setting.timeout):
                answer = await self._exchange(self._compose(identity))
        except TimeoutError:
            detail = f"no answer in {self._setting.timeout:g} s"
            recorder.outcome(book, loop.time(), "lost", "timeout", f"{identity}: {detail}")
        except Lost as loss:
            recorder.outcome(book, loop.time(), "lost", loss.reason, f"{identity}: {loss.detail}")
        except Refused as refusal:
            recorder.outcome(
                book, loop.time(), "refused_streams", "refused", f"{identity}: {refusal}"
            )
        except asyncio.CancelledError:
            recorder.outcome(book, loop.time(), "unfinished", "abandoned", identity)
            raise
        else:
            now = loop.time()
            recorder.answer(book, due, now, answer.status, self._version(answer), identity)
            if self._target.executions and answer.status < 400:
                times = json_field(answer.body, self._target.executions)
                if isinstance(times, int) and times > 1:
                    what = f"{identity}: {times} executions"
                    recorder.outcome(book, now, "executed_twice", "executed_twice", what)

    def _compose(self, identity: str) -> Request:
        if self._target.use == "get":
            return Request("GET", self._endpoint.path, self._headers)
        body = self._target.body.replace("{id}", identity).encode()
        headers = self._headers | {"X-Request-Id": identity}
        return Request("POST", self._endpoint.path, headers, body)

    async def _exchange(self, request: Request) -> Answer:
        if self._kind == "new":
            connection = await self._connect()
            try:
                return await connection.exchange(request)
            finally:
                connection.close()
        connection = await self._pool.lease()
        try:
            return await connection.exchange(request)
        finally:
            self._pool.release(connection)

    async def _connect(self) -> Connection:
        connection = await connect(self._endpoint, self._setting, self._http2, self._ended)
        self._recorder.connections["opened"] += 1
        return connection

    def _ended(self, why: str) -> None:
        self._recorder.connections[f"ended_{why}"] += 1
