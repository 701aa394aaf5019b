# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One run of load: who sends how much to what, from start to report."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from _traffic.http_client import HttpClient, Setting
from _traffic.record import COUNTS, Recorder, report, second_entry
from _traffic.target import Endpoint, Target, source_addresses, tls_context, version_reader
from _traffic.websocket_client import WebsocketClient

MIX: Mapping[str, float] = MappingProxyType(
    {"get": 60.0, "post": 30.0, "h2_get": 35.0, "h2_post": 10.0, "new": 15.0}
)
RATE = 150.0
MOST_RATE = 5000.0
_CONNECTIONS: Mapping[str, int] = MappingProxyType(
    {"get": 8, "post": 4, "h2_get": 1, "h2_post": 1, "new": 1}
)
_USES = {"get": "get", "post": "post", "h2_get": "get", "h2_post": "post", "new": "get"}


class Traffic:
    """One run of load. Raises ValueError for what it does not understand or will not load.

    targets: the GET targets share the rates of get, h2_get and new, the POST targets those of post
        and h2_post
    seconds: length of the schedule; the run ends at most `timeout` later
    rate: HTTP requests a second, all clients together
    mix: weight of each kind of client; kinds without a target or weight do not run
    connections: kept by each client of a kind
    on_second: called with each entry of the time line, a quarter of a second after its end
    """

    def __init__(
        self,
        targets: Sequence[Target],
        *,
        seconds: float,
        rate: float = RATE,
        mix: Mapping[str, float] = MIX,
        connections: Mapping[str, int] = _CONNECTIONS,
        websockets: int = 10,
        websocket_interval: float = 1.0,
        timeout: float = 10.0,
        ca: str | None = None,
        sources: int = 16,
        on_second: Callable[[dict[str, Any]], None] | None = None,
    ) -> None:
        if not 0 < rate <= MOST_RATE:
            raise ValueError(f"rate {rate:g}: want more than 0 and at most {MOST_RATE:g} a second")
        if not targets:
            raise ValueError("no target: give at least one URL")
        if unknown := sorted({*mix, *connections} - set(_USES)):
            raise ValueError(f"{unknown[0]}: no such kind of client; there are {', '.join(_USES)}")
        if not 1 <= sources <= 1000:
            raise ValueError(f"sources {sources}: want 1 to 1000")
        named = _named(targets)
        secure = any(Endpoint.of(target).tls for target in named)
        self._seconds = seconds
        self._connections = {**_CONNECTIONS, **connections}
        self._websockets = websockets
        self._interval = websocket_interval
        self._on_second = on_second
        self._recorder = Recorder()
        self._setting = Setting(
            run=uuid.uuid4().hex[:8],
            timeout=timeout,
            sources=source_addresses(sources),
            tls_http1=tls_context(ca, "http/1.1") if secure else None,
            tls_http2=tls_context(ca, "h2") if secure else None,
        )
        self._http = self._http_clients(named, rate, mix)
        self._sockets = self._websocket_clients([t for t in named if t.use == "websocket"])
        self._stop: asyncio.Future[None] | None = None
        self._ended = "complete"
        self._tasks: list[asyncio.Task[None]] = []
        self.report: dict[str, Any] = {}

    def mark(self, name: str, at: float | None = None) -> None:
        """Name this moment (or a `time.monotonic()` one); from any thread."""
        self._recorder.mark(name, time.monotonic() if at is None else at)

    def stop(self) -> None:
        """End the schedule now; a second call gives up what is open. From the loop's thread."""
        if self._stop is None:
            return
        if not self._stop.done():
            self._ended = "stopped"
            self._stop.set_result(None)
            return
        self._ended = "abandoned"
        for client in self._http:
            client.abandon()
        for task in self._tasks:
            task.cancel()

    def totals(self) -> dict[str, int]:
        """Counts so far, as in the report."""
        return {name: self._recorder.total(name) for name in COUNTS}

    async def run(self) -> dict[str, Any]:
        """Send, wait for what was sent, and return the report (also kept in `report`)."""
        loop = asyncio.get_running_loop()
        self._stop = loop.create_future()
        self._recorder.start = loop.time()  # for what ends while warming up
        await asyncio.gather(*(client.warm() for client in self._http))
        started, cpu = datetime.datetime.now(datetime.UTC), time.process_time()
        start = self._recorder.start = loop.time()
        end = start + self._seconds
        schedules = [
            asyncio.create_task(client.schedule(start + 0.003 * n, end))
            for n, client in enumerate(self._http)
        ]
        self._tasks = [asyncio.create_task(c.run(start, end, self._stop)) for c in self._sockets]
        clock = asyncio.create_task(self._tell_seconds())
        try:
            await asyncio.wait({self._stop}, timeout=end - loop.time())
            end = min(end, loop.time())
            for schedule in schedules:
                schedule.cancel()
            await asyncio.gather(*(client.drain() for client in self._http))
            await asyncio.gather(*self._tasks, *schedules, return_exceptions=True)
        finally:
            clock.cancel()
            for client in self._http:
                client.close()
        self._raise_defects([*schedules, *self._tasks])
        self._recorder.close_gaps(end)
        wall, used = loop.time() - start, time.process_time() - cpu
        await asyncio.sleep(0.05 if self._setting.tls_http1 else 0)  # lets TLS say goodbye
        self.report = {
            "run": self._setting.run,
            "started": started.isoformat(timespec="milliseconds"),
            "unix": round(started.timestamp(), 3),
            "seconds": round(end - start, 3),
            "ended": self._ended,
            **report(self._recorder),
            "load": {
                "cpu_seconds": round(used, 3),
                "cpu_share": round(used / wall, 4),
                "latest_start_ms": round(self._recorder.late * 1000, 2),
            },
        }
        return self.report

    async def _tell_seconds(self) -> None:
        loop = asyncio.get_running_loop()
        number = 0
        while True:
            # A quarter of a second later, nearly all answers of that second are in.
            await asyncio.sleep(self._recorder.start + number + 1.25 - loop.time())
            number += 1
            if self._on_second:
                self._on_second(second_entry(self._recorder, number - 1))

    @staticmethod
    def _raise_defects(tasks: Sequence[asyncio.Task[None]]) -> None:
        """An error of this program must not look like a run without losses."""
        for task in tasks:
            if not task.cancelled() and (error := task.exception()):
                raise error

    def _http_clients(
        self, targets: Sequence[Target], rate: float, mix: Mapping[str, float]
    ) -> list[HttpClient]:
        of_kind = {
            kind: [target for target in targets if target.use == _USES[kind]]
            for kind, weight in mix.items()
            if weight > 0
        }
        weights = sum(mix[kind] for kind, served in of_kind.items() if served)
        return [
            HttpClient(
                f"{kind} {target.name}",
                kind,
                target,
                rate * mix[kind] / weights / len(served),
                self._connections[kind],
                self._setting,
                self._recorder,
            )
            for kind, served in of_kind.items()
            for target in served
        ]

    def _websocket_clients(self, targets: Sequence[Target]) -> list[WebsocketClient]:
        clients = []
        for target in targets:
            name = f"websocket {target.name}"
            book = self._recorder.book(
                name, "websocket", target.name, self._websockets / self._interval
            )
            for number in range(self._websockets):
                phase = self._interval * number / self._websockets
                clients.append(
                    WebsocketClient(
                        name,
                        number,
                        target,
                        self._interval,
                        phase,
                        self._setting,
                        self._recorder,
                        book,
                    )
                )
        return clients


class TrafficThread:
    """Runs a Traffic beside code that blocks (playbooks, tests); leaving its block stops it."""

    def __init__(self, traffic: Traffic) -> None:
        self._traffic = traffic
        self._loop: asyncio.AbstractEventLoop | None = None
        self._started = threading.Event()
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._main, name="traffic", daemon=True)
        self.mark = traffic.mark

    @property
    def report(self) -> dict[str, Any]:
        return self._traffic.report

    def __enter__(self) -> TrafficThread:
        self._thread.start()
        self._started.wait()
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop()

    def wait(self) -> dict[str, Any]:
        """Let the schedule run to its end."""
        self._thread.join()
        if self._error:
            raise self._error
        return self.report

    def stop(self) -> dict[str, Any]:
        """End the schedule now, wait for what was sent, return the report."""
        if self._loop and self._thread.is_alive():
            with contextlib.suppress(RuntimeError):  # its loop has just been closed
                self._loop.call_soon_threadsafe(self._traffic.stop)
        return self.wait()

    def _main(self) -> None:
        async def run() -> None:
            self._loop = asyncio.get_running_loop()
            self._loop.call_soon(self._started.set)
            await self._traffic.run()

        try:
            asyncio.run(run())
        except BaseException as error:
            self._error = error
        finally:
            self._started.set()


def _named(targets: Sequence[Target]) -> list[Target]:
    """With names filled in, and each checked for what can be checked before any load."""
    named = []
    for target in targets:
        endpoint = Endpoint.of(target)
        version_reader(target.version)
        named.append(replace(target, name=target.name or endpoint.hostname + endpoint.path))
    (use, name), times = Counter((target.use, target.name) for target in named).most_common(1)[0]
    if times > 1:
        raise ValueError(f"{times} {use} targets are called {name}: give them names")
    return named
