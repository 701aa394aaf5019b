# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Connections that are kept open, shared by the requests of one client."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable

from _traffic.wire import Connection, Lost


class Pool:
    """`size` connections in turn; more, up to `most`, only while all of them are busy.

    `shared`: a connection carries many requests, so those that come while it is being opened wait
    for it (and are lost together when it fails) in place of opening one each.
    """

    def __init__(
        self, connect: Callable[[], Awaitable[Connection]], size: int, most: int, shared: bool
    ) -> None:
        self._connect = connect
        self._size = size
        self._most = most
        self._shared = shared
        self._connections: deque[Connection] = deque()
        self._opening = 0
        self._shared_opening: asyncio.Task[Connection] | None = None
        self._waiting: deque[asyncio.Future[None]] = deque()

    async def warm(self) -> None:
        """Open the first connections; what fails here fails again, and counts, when needed."""
        while len(self._connections) + self._opening < self._size:
            try:
                await self._open(busy=0)
            except Lost:
                return

    async def lease(self) -> Connection:
        """A connection usable as far as this machine knows; Lost if none can be opened."""
        while True:
            connection = self._pick()
            if connection is not None:
                connection.busy += 1
                if await connection.settle():
                    return connection
                connection.busy -= 1
            elif self._shared and self._opening:
                await self._wait_for_shared()
            elif len(self._connections) + self._opening < self._most:
                if self._shared:
                    await self._wait_for_shared()
                else:
                    return await self._open(busy=1)
            else:
                await self._wait_for_release()

    def release(self, connection: Connection) -> None:
        connection.busy -= 1
        if not connection.busy and len(self._connections) > self._size and not self._waiting:
            connection.close()
        if connection.ended and connection in self._connections:
            self._connections.remove(connection)
        self._wake()

    def close(self) -> None:
        for connection in self._connections:
            connection.close()
        self._connections.clear()

    def _pick(self) -> Connection | None:
        for _connection in range(len(self._connections)):
            connection = self._connections[0]
            if connection.ended:
                self._connections.popleft()
                continue
            self._connections.rotate(-1)
            if connection.busy < connection.capacity:
                return connection
        return None

    async def _open(self, busy: int) -> Connection:
        self._opening += 1
        try:
            connection = await self._connect()
        except (Lost, asyncio.CancelledError):
            self._wake()
            raise
        finally:
            self._opening -= 1
        connection.busy = busy
        self._connections.append(connection)
        return connection

    async def _wait_for_shared(self) -> None:
        if self._shared_opening is None or self._shared_opening.done():
            self._shared_opening = asyncio.create_task(self._open(busy=0))
            self._shared_opening.add_done_callback(
                lambda task: task.cancelled() or task.exception()
            )
            await asyncio.sleep(0)
        await asyncio.shield(self._shared_opening)

    async def _wait_for_release(self) -> None:
        released: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(released)
        try:
            await released
        except asyncio.CancelledError:
            if released.done() and not released.cancelled():
                self._wake()  # the turn was ours: pass it on
            raise

    def _wake(self) -> None:
        while self._waiting:
            released = self._waiting.popleft()
            if not released.done():
                released.set_result(None)
                return
