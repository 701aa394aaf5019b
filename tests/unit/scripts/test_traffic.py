# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The measuring instrument against servers that misbehave on purpose: all counted as defined."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import signal
import socket
import ssl
import struct
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import h2.config
import h2.connection
import h2.events
import pytest
from websockets.asyncio.server import ServerConnection, serve

LIB = Path(__file__).parents[3] / "scripts" / "lib"
sys.path.insert(0, str(LIB))

from _traffic.http_client import Setting, connect  # noqa: E402
from _traffic.pool import Pool  # noqa: E402
from _traffic.target import Endpoint, source_addresses, tls_context, version_reader  # noqa: E402
from _traffic.wire import Answer, Request  # noqa: E402
from traffic import Target, Traffic, TrafficThread  # noqa: E402

HOST = "api.localhost"
Report = dict[str, Any]
RESET = struct.pack("ii", 1, 0)  # as SO_LINGER: close with an RST in place of a FIN


@pytest.fixture(scope="session")
def tls(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, ssl.SSLContext]:
    """A CA file and the context of a server for HOST that offers h2 and http/1.1."""
    folder = tmp_path_factory.mktemp("tls")
    ec = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    for command in (
        ["req", "-x509", *ec, "-subj", "/CN=test CA", "-days", "2", "-keyout", "ca.key",
         "-out", "ca.pem"],
        ["req", "-x509", *ec, "-subj", f"/CN={HOST}", "-days", "2", "-keyout", "key", "-out", "crt",
         "-CA", "ca.pem", "-CAkey", "ca.key", "-addext", f"subjectAltName=DNS:{HOST}",
         "-addext", "basicConstraints=critical,CA:false"],
    ):  # fmt: skip
        subprocess.run(["openssl", *command], cwd=folder, check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "crt", folder / "key")
    context.set_alpn_protocols(["h2", "http/1.1"])
    return str(folder / "ca.pem"), context


@dataclass
class Asked:
    """A request as a server got it."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    number: int
    on_connection: int
    writer: asyncio.StreamWriter


Behaviour = Callable[[Asked], Awaitable[None]]


def ok(body: bytes = b'{"version": "1.0.0"}', status: int = 200, more: str = "") -> bytes:
    return f"HTTP/1.1 {status} x\r\nContent-Length: {len(body)}\r\n{more}\r\n".encode() + body


async def good(asked: Asked) -> None:
    asked.writer.write(ok())


def reset(writer: asyncio.StreamWriter) -> None:
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    writer.transport.abort()


@dataclass
class Server:
    behave: Behaviour = good
    context: ssl.SSLContext | None = None
    port: int = 0
    asked: list[Asked] = field(default_factory=list)
    peers: set[str] = field(default_factory=set)

    @contextlib.asynccontextmanager
    async def listening(self) -> AsyncIterator[Server]:
        server = await asyncio.start_server(
            self._serve, "127.0.0.1", 0, ssl=self.context, backlog=500
        )
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()

    def url(self, path: str = "/version") -> str:
        return f"{'https' if self.context else 'http'}://{HOST}:{self.port}{path}"

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.peers.add(writer.get_extra_info("peername")[0])
        secured = writer.get_extra_info("ssl_object")
        if secured is not None and secured.selected_alpn_protocol() == "h2":
            await Http2Server(reader, writer).serve()
            return
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            for on_connection in itertools.count():
                head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
                method, path = head[0].split(" ")[:2]
                headers = dict(line.lower().split(": ", 1) for line in head[1:] if line)
                body = await reader.readexactly(int(headers.get("content-length", 0)))
                self.asked.append(
                    Asked(method, path, headers, body, len(self.asked), on_connection, writer)
                )
                await self.behave(self.asked[-1])
        writer.close()


@dataclass(eq=False)
class Http2Server:
    """Answers each stream, unless `trouble` does something else with it (and returns True)."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    trouble: Callable[[Http2Server, int], bool] = lambda server, stream: False
    streams: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.h2 = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False))

    async def serve(self) -> None:
        self.h2.initiate_connection()
        self.flush()
        ended: list[int] = []
        while data := await self.reader.read(65536):
            for event in self.h2.receive_data(data):
                if isinstance(event, h2.events.StreamEnded) and event.stream_id:
                    ended.append(event.stream_id)
                if isinstance(event, h2.events.ConnectionTerminated):
                    return
            for stream in ended:
                self.streams.append(stream)
                if not self.trouble(self, stream):
                    self.answer(stream)
            ended.clear()
            self.flush()
        self.writer.close()

    def answer(self, stream: int, body: bytes = b'{"version": "2.0.0"}') -> None:
        self.h2.send_headers(stream, [(":status", "200")])
        self.h2.send_data(stream, body, end_stream=True)

    def goaway(self, last: int) -> None:
        """Written by hand: h2 would send nothing on other streams after its own."""
        self.flush()
        self.writer.write(struct.pack(">IBI", 8 << 8 | 7, 0, 0) + struct.pack(">II", last, 0))

    def flush(self) -> None:
        self.writer.write(self.h2.data_to_send())


@contextlib.asynccontextmanager
async def http2_server(trouble: Callable[[Http2Server, int], bool]) -> AsyncIterator[str]:
    async def serve_one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            await Http2Server(reader, writer, trouble).serve()

    server = await asyncio.start_server(serve_one, "127.0.0.1", 0)
    try:
        yield f"http://{HOST}:{server.sockets[0].getsockname()[1]}/version"
    finally:
        server.close()


def measure_all(
    servers: list[Server], kind: str = "get", ca: str | None = None, **options: Any
) -> list[Report]:
    async def run(server: Server) -> Report:
        async with server.listening():
            target = Target("post" if kind == "post" else "get", server.url())
            settings: dict[str, Any] = {"seconds": 0.12, "rate": 300, "connections": {kind: 2}}
            return await Traffic([target], mix={kind: 1}, ca=ca, **(settings | options)).run()

    async def run_all() -> list[Report]:
        return await asyncio.gather(*map(run, servers))

    return asyncio.run(run_all())


def measure(server: Server, kind: str = "get", ca: str | None = None, **options: Any) -> Report:
    return measure_all([server], kind, ca, **options)[0]


def adds_up(report: Report) -> bool:
    totals = report["totals"]
    outcomes = ("ok", "lost", "wrong", "limited", "refused_streams", "unfinished")
    return bool(totals["sent"] == sum(totals[name] for name in outcomes))


def test_a_good_server_loses_nothing(tls: tuple[str, ssl.SSLContext]) -> None:
    ca, context = tls
    server = Server(context=context)

    async def run() -> Report:
        async with server.listening():
            targets = [
                Target("get", server.url()),
                Target("post", server.url("/users")),
                Target("get", server.url("/admin"), name="admin", version="none"),
            ]
            return await Traffic(targets, seconds=0.4, rate=400, ca=ca).run()

    report = asyncio.run(run())
    assert adds_up(report)
    assert report["totals"]["lost"] == report["totals"]["wrong"] == 0, report["events"]
    assert report["totals"]["sent"] == report["totals"]["ok"] == pytest.approx(160, abs=10)
    assert set(report["versions"]) == {"1.0.0", "2.0.0"}  # what this server says by HTTP/1.1 and 2
    assert report["clients"]["get admin"]["versions"] == {}
    assert {asked.headers["host"] for asked in server.asked} == {f"{HOST}:{server.port}"}
    assert len(server.peers) > 10
    ids = [json.loads(asked.body)["id"] for asked in server.asked if asked.method == "POST"]
    assert len(ids) == len(set(ids)) == report["clients"][f"post {HOST}/users"]["sent"]
    # 8 + 4 + 8 kept HTTP/1.1 connections and one for all of HTTP/2; the others are `new`.
    new = [name for name in report["clients"] if name.startswith("new")]
    opened = 21 + sum(report["clients"][name]["sent"] for name in new)
    assert report["connections"]["opened"] >= opened  # more where all were busy for a moment


async def close_unanswered(asked: Asked) -> None:
    asked.writer.close()


async def half_an_answer(asked: Asked) -> None:
    asked.writer.write(ok()[:-5])
    await asyncio.sleep(0.005)
    asked.writer.close()


async def half_a_chunk(asked: Asked) -> None:
    asked.writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab")
    await asyncio.sleep(0.005)
    asked.writer.close()


async def reset_unanswered(asked: Asked) -> None:
    reset(asked.writer)


async def garbage(asked: Asked) -> None:
    asked.writer.write(b"SMTP 220 hello\r\n\r\n")


async def silence(asked: Asked) -> None:
    await asyncio.sleep(1)


def status(code: int) -> Behaviour:
    async def answer(asked: Asked) -> None:
        asked.writer.write(ok(b"oops", code))

    return answer


MISBEHAVIOUR = [
    pytest.param(close_unanswered, "lost", "closed_reused", id="closed"),
    pytest.param(half_an_answer, "lost", "closed_partial", id="half"),
    pytest.param(half_a_chunk, "lost", "closed_partial", id="half-chunk"),
    pytest.param(reset_unanswered, "lost", "reset_reused", id="reset"),
    pytest.param(garbage, "lost", "broken_answer", id="garbage"),
    pytest.param(silence, "lost", "timeout", id="silence"),
    pytest.param(status(500), "lost", "status_500", id="500"),
    pytest.param(status(502), "lost", "status_502", id="502"),
    pytest.param(status(504), "lost", "status_504", id="504"),
    pytest.param(status(404), "wrong", "status_404", id="404"),
    pytest.param(status(429), "limited", "status_429", id="429"),
]


@pytest.mark.parametrize(("bad", "outcome", "reason"), MISBEHAVIOUR)
def test_every_misbehaviour_is_counted_once(
    bad: Behaviour, outcome: str, reason: str, tls: tuple[str, ssl.SSLContext]
) -> None:
    def twice_bad() -> Behaviour:
        done: list[Asked] = []

        async def behave(asked: Asked) -> None:
            if asked.on_connection >= 1 and len(done) < 2:
                done.append(asked)
                await bad(asked)
            else:
                await good(asked)

        return behave

    servers = [Server(twice_bad()), Server(twice_bad(), tls[1])]
    options: dict[str, Any] = {"ca": tls[0], "timeout": 0.4 if bad is silence else 5}
    for server, report in zip(servers, measure_all(servers, **options), strict=True):
        assert adds_up(report)
        assert report["totals"][outcome] == 2, report["events"]
        assert report["reasons"] == {reason: 2}
        assert report["totals"]["ok"] == report["totals"]["sent"] - 2
        assert len(server.asked) == report["totals"]["sent"]  # nothing was written twice


@pytest.mark.parametrize(
    ("bad", "reason"), [(close_unanswered, "closed_new"), (reset_unanswered, "reset_new")]
)
def test_a_loss_on_a_new_connection_is_told_apart(bad: Behaviour, reason: str) -> None:
    report = measure(Server(bad), "new")
    assert report["reasons"] == {reason: report["totals"]["sent"]}


def test_no_listener_is_lost() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, not listening: nobody else can have the port
        url = f"http://localhost:{taken.getsockname()[1]}/"
        options: dict[str, Any] = {"seconds": 0.2, "mix": {"get": 1, "h2_get": 1, "new": 1}}
        report = asyncio.run(Traffic([Target("get", url)], **options).run())
    assert report["reasons"] == {"connect_refused": report["totals"]["sent"]}
    assert report["totals"]["sent"] >= 28
    assert report["largest_gap"]["seconds"] == pytest.approx(0.2, abs=0.05)


async def announced_close(asked: Asked) -> None:
    asked.writer.write(ok(more="Connection: close\r\n"))
    asked.writer.close()


async def unannounced_close(asked: Asked) -> None:
    asked.writer.write(ok())
    asked.writer.close()


async def body_until_close(asked: Asked) -> None:
    asked.writer.write(b'HTTP/1.1 200 OK\r\n\r\n{"version": "1.0.0"}')
    asked.writer.close()


@pytest.mark.parametrize(
    ("behave", "ended"),
    [
        (announced_close, "ended_answer"),
        (unannounced_close, "ended_fin"),
        (body_until_close, "ended_answer"),
    ],
)
def test_a_close_between_requests_loses_nothing(
    behave: Behaviour, ended: str, tls: tuple[str, ssl.SSLContext]
) -> None:
    servers = [Server(behave), Server(behave, tls[1])]
    for report in measure_all(servers, ca=tls[0], seconds=0.15, rate=40):
        assert report["totals"]["ok"] == report["totals"]["sent"] == 6, report["events"]
        assert report["connections"][ended] >= 4, report["connections"]
        assert report["versions"]["1.0.0"]["answers"] == 6


@pytest.mark.parametrize("how", ["plain", "plain-reset", "tls", "tls-reset", "tls-no-goodbye"])
def test_a_close_that_the_kernel_holds_counts_as_seen(
    how: str, tls: tuple[str, ssl.SSLContext]
) -> None:
    """The server closes while our loop is held up, so that only the kernel knows when we write."""
    ends: list[str] = []
    answered, closed = threading.Event(), threading.Event()
    listener = socket.create_server(("127.0.0.1", 0))

    def answer_and_close() -> None:
        connection = listener.accept()[0]
        if how.startswith("tls"):
            connection = tls[1].wrap_socket(connection, server_side=True)
        connection.recv(1000)
        connection.send(ok())
        answered.wait()
        if isinstance(connection, ssl.SSLSocket) and how == "tls":
            connection.settimeout(0.01)
            with contextlib.suppress(TimeoutError):
                connection.unwrap()  # says goodbye, and would wait for ours
        if how.endswith("reset"):
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        connection.close()
        closed.set()
        connection = listener.accept()[0]
        if how.startswith("tls"):
            tls[1].wrap_socket(connection, server_side=True)

    async def run() -> bool:
        scheme = "https" if how.startswith("tls") else "http"
        url = f"{scheme}://{HOST}:{listener.getsockname()[1]}/"
        contexts = tls_context(tls[0], "http/1.1"), tls_context(None, "h2")
        setting = Setting("x", 1, source_addresses(1), *contexts)
        endpoint = Endpoint.of(Target("get", url))
        pool = Pool(lambda: connect(endpoint, setting, False, ends.append), 1, 1, False)
        first = await pool.lease()
        await first.exchange(Request("GET", "/"))
        pool.release(first)
        answered.set()
        closed.wait()  # holds up this loop
        assert not first.ended
        return await pool.lease() is not first

    thread = threading.Thread(target=answer_and_close)
    thread.start()
    with listener:
        assert asyncio.run(run())
        thread.join()
    assert ends[0] == ("reset" if how.endswith("reset") else "fin")


def test_a_stall_shows_as_late_answers_not_as_fewer_requests() -> None:
    over: list[float] = []

    async def stall(asked: Asked) -> None:
        if asked.number >= 10:
            over.append(time.monotonic() + 0.35)
            await asyncio.sleep(over[0] - time.monotonic())
        asked.writer.write(ok())

    report = measure(Server(stall), seconds=0.5, rate=100)
    assert report["totals"]["sent"] == report["totals"]["ok"] == 50
    assert report["largest_gap"]["seconds"] > 0.3
    assert report["latency_ms"]["max"] > 300
    assert report["latency_ms"]["p50"] > 50


def test_requests_that_find_no_free_connection_are_lost_at_their_time_out() -> None:
    report = measure(Server(silence), seconds=0.2, rate=400, timeout=0.1)
    assert report["reasons"] == {"timeout": report["totals"]["sent"]}
    assert report["totals"]["sent"] == 80


def http2(trouble: Callable[[Http2Server, int], bool], **options: Any) -> Report:
    async def run() -> Report:
        async with http2_server(trouble) as url:
            targets = [Target("get", url), Target("post", url, name="users")]
            settings: dict[str, Any] = {"seconds": 0.1, "rate": 300, "timeout": 5} | options
            return await Traffic(targets, mix={"h2_get": 3, "h2_post": 1}, **settings).run()

    report = asyncio.run(run())
    assert adds_up(report)
    return report


def test_http2_uses_one_connection_for_all_streams() -> None:
    report = http2(lambda server, stream: False, seconds=0.2, rate=500)
    assert report["totals"]["ok"] == report["totals"]["sent"] == pytest.approx(100, abs=2)
    assert report["connections"]["opened"] == 1


def test_http2_goaway_refuses_what_is_above_and_owes_what_is_below() -> None:
    servers: list[Http2Server] = []

    def trouble(server: Http2Server, stream: int) -> bool:
        """On three connections: hold streams 9, 11 and 13, then GOAWAY 11, answer 9, drop 11."""
        if server not in servers:
            servers.append(server)
        if servers.index(server) >= 3 or stream < 9:
            return False
        if stream == 13:
            server.goaway(last=11)
            server.answer(9)
            server.flush()
            asyncio.get_running_loop().call_later(0.01, server.writer.close)
        return True

    report = http2(trouble)
    assert report["reasons"]["closed_reused"] == report["totals"]["lost"] == 3, report["events"]
    # Three streams 13, and any that was on its way when the GOAWAY came.
    assert report["totals"]["refused_streams"] >= 3
    assert report["connections"]["ended_goaway"] == 3


@pytest.mark.parametrize(
    ("error", "outcome", "reason"),
    [(7, "refused_streams", "refused"), (2, "lost", "stream_reset"), (8, "lost", "stream_reset")],
)
def test_http2_reset_streams(error: int, outcome: str, reason: str) -> None:
    def trouble(server: Http2Server, stream: int) -> bool:
        if stream not in (5, 7):
            return False
        server.h2.reset_stream(stream, error)
        return True

    report = http2(trouble)
    assert report["reasons"] == {reason: 2}
    assert report["totals"][outcome] == 2
    assert report["totals"]["ok"] == report["totals"]["sent"] - 2
    assert report["connections"]["opened"] == 1


def test_http2_connection_closed_without_goaway_loses_what_is_open() -> None:
    servers: list[Http2Server] = []

    def trouble(server: Http2Server, stream: int) -> bool:
        servers.append(server)
        if server is not servers[0] or stream < 9:
            return False
        if stream == 13:
            server.writer.close()
        return True

    report = http2(trouble)
    assert set(report["reasons"]) <= {"closed_reused", "reset_reused"}
    assert report["totals"]["lost"] >= 3  # and what was on its way


def test_http2_silence_is_lost_and_does_not_take_the_connection_along() -> None:
    report = http2(lambda server, stream: stream == 5, timeout=0.4)
    assert report["reasons"] == {"timeout": 1}
    assert report["connections"]["opened"] == 1


def test_a_server_without_http2_is_lost_for_http2_clients(
    tls: tuple[str, ssl.SSLContext],
) -> None:
    ca, context = tls
    try:
        context.set_alpn_protocols(["http/1.1"])
        report = measure(Server(context=context), "h2_get", ca=ca, seconds=0.1)
    finally:
        context.set_alpn_protocols(["h2", "http/1.1"])
    assert report["reasons"] == {"connect_no_http2": report["totals"]["sent"]}


def test_a_server_that_refuses_http2_by_an_alert_is_named_the_same() -> None:
    alert = bytes([21, 3, 3, 0, 2, 2, 120])  # as nginx: fatal, no_application_protocol

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(65536)
        writer.write(alert)
        writer.close()

    async def run(kind: str) -> Report:
        server = await asyncio.start_server(refuse, "127.0.0.1", 0)
        target = Target("get", f"https://{HOST}:{server.sockets[0].getsockname()[1]}/version")
        async with server:
            return await Traffic([target], mix={kind: 1}, seconds=0.1).run()

    for kind, reason in (("h2_get", "connect_no_http2"), ("get", "connect_tls")):
        report = asyncio.run(run(kind))
        assert report["reasons"] == {reason: report["totals"]["sent"]}


Talk = Callable[[ServerConnection, Traffic], Awaitable[None]]


def websockets(talk: Talk, **options: Any) -> Report:
    async def run() -> Report:
        async with serve(lambda socket: talk(socket, traffic), "127.0.0.1", 0) as server:
            url = f"ws://{HOST}:{server.sockets[0].getsockname()[1]}/ws"
            settings: dict[str, Any] = {"seconds": 0.35, "websockets": 3, "websocket_interval": 0.1}
            traffic = Traffic([Target("websocket", url)], **settings | options)
            return await traffic.run()

    report = asyncio.run(run())
    assert adds_up(report)
    return report


async def echo(socket: ServerConnection, traffic: Traffic) -> None:
    async for message in socket:
        await socket.send(json.dumps({"version": "1.0.0", "echo": str(message)}))


def test_websockets_stay_open_and_are_echoed() -> None:
    report = websockets(echo)
    assert report["totals"]["lost"] == 0, report["events"]
    assert report["websockets"] == {"opened": 3, "reconnects": 0, "cuts": []}
    assert report["versions"]["1.0.0"]["answers"] == report["totals"]["ok"] - 3 >= 6


def test_a_websocket_cut_is_recorded_with_its_code_and_the_time_since_the_mark() -> None:
    connections = itertools.count()

    async def leave(socket: ServerConnection, traffic: Traffic) -> None:
        if next(connections) < 3:
            await socket.send(await socket.recv())
            traffic.mark("shift")
            await asyncio.sleep(0.02)
            await socket.close(1001, "going away")
        else:
            await echo(socket, traffic)

    report = websockets(leave)
    cuts = report["websockets"]["cuts"]
    assert [(cut["code"], cut["reason"]) for cut in cuts] == [(1001, "going away")] * 3
    assert all(0 <= cut["after"]["shift"] < 5 for cut in cuts)
    assert report["websockets"]["reconnects"] == 3
    assert report["totals"]["lost"] == 0


def test_an_echo_that_never_comes_is_lost() -> None:
    connections = itertools.count()

    async def trouble(socket: ServerConnection, traffic: Traffic) -> None:
        if next(connections) == 0:
            await socket.recv()
            await socket.recv()
            socket.transport.abort()
        else:
            await socket.wait_closed()

    report = websockets(trouble, seconds=0.35, websockets=1, timeout=0.2)
    # Two messages were open when it was cut; those sent after the reconnect stay unanswered.
    assert report["reasons"]["cut"] == 2
    assert report["reasons"]["timeout"] == report["totals"]["lost"] - 2 >= 1
    assert [cut["code"] for cut in report["websockets"]["cuts"]] == [1006]


def test_versions_are_told_apart_in_time() -> None:
    async def switch(asked: Asked) -> None:
        asked.writer.write(ok(b'{"version": "%d.0.0"}' % (1 + (asked.number >= 12))))

    report = measure(Server(switch))
    old, new = report["versions"]["1.0.0"], report["versions"]["2.0.0"]
    assert old["answers"] == 12
    assert 0 < old["first"] < old["last"] <= new["first"] < new["last"]
    assert sum(sum(s["versions"].values()) for s in report["timeline"]) == 36


def test_a_post_executed_twice_is_told() -> None:
    async def twice(asked: Asked) -> None:
        asked.writer.write(ok(b'{"executions": %d}' % (2 if asked.number == 3 else 1)))

    async def run() -> Report:
        async with Server(twice).listening() as server:
            target = Target("post", server.url(), executions="executions")
            return await Traffic([target], seconds=0.1, mix={"post": 1}).run()

    assert asyncio.run(run())["totals"]["executed_twice"] == 1


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ("json:version", "1.0"),
        ("json:data.build", "7"),
        ("json:absent", "?"),
        ("header:X-Version", "3.0"),
        ("header:X-Other", "?"),
        (r'regex:"version": "([^"]+)"', "1.0"),
        ("none", ""),
    ],
)
def test_version_readers(spec: str, expected: str) -> None:
    answer = Answer(200, {"x-version": "3.0"}, b'{"version": "1.0", "data": {"build": 7}}')
    assert version_reader(spec)(answer) == expected
    assert version_reader("json:version")(Answer(200, {}, b"<html>")) == "?"


@pytest.mark.parametrize(
    ("target", "message"),
    [
        (Target("get", "https://example.com/"), "example.com is no loopback address"),
        (Target("get", "https://api.localhost/", connect="10.0.0.1:443"), "10.0.0.1 is no loop"),
        (Target("get", "https://api.localhost/", connect="example.com:1"), "example.com is no lo"),
        (Target("get", "ftp://localhost/"), "want http"),
        (Target("websocket", "https://localhost/"), "does not fit a websocket target"),
        (Target("get", "http://localhost/", version="xml:v"), "want json:FIELD"),
    ],
)
def test_what_is_refused(target: Target, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Traffic([target], seconds=1)


def test_the_thread_serves_code_that_blocks() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
        traffic = Traffic([Target("get", url)], seconds=60, rate=50, mix={"new": 1}, timeout=0.1)
        with TrafficThread(traffic) as thread:
            time.sleep(0.2)
            thread.mark("here")
    assert thread.report["ended"] == "stopped"
    assert thread.report["totals"]["lost"] == thread.report["totals"]["sent"] > 5
    assert thread.report["marks"][0]["name"] == "here"


def command_line(
    behave: Behaviour, folder: Path, *arguments: str, signalled: int = 0
) -> tuple[int, str, Report]:
    async def run() -> tuple[int, str]:
        async with Server(behave).listening() as server:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, str(LIB / "traffic.py"), "--url", f"{server.url()},name=api"),
                *("--connect", f"127.0.0.1:{server.port}", "--mix", "get=1", "--rate", "50"),
                *("--json", str(folder / "out.json"), "--marks", "-", "--live", *arguments),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
            )
            assert process.stdin
            first = b""
            if signalled:
                assert process.stdout
                first = await process.stdout.readline()
                process.stdin.write(f"shift\nbefore {time.time() - 0.5}\n".encode())
                await asyncio.sleep(0.15)
                process.send_signal(signalled)
            output = first + (await process.communicate())[0]
            assert process.returncode is not None
            return process.returncode, output.decode()

    code, output = asyncio.run(run())
    return code, output, json.loads((folder / "out.json").read_text())


def test_command_line_ended_by_a_signal_writes_its_report(tmp_path: Path) -> None:
    code, output, report = command_line(good, tmp_path, "--seconds", "60", signalled=signal.SIGTERM)
    assert code == 0
    assert report["ended"] == "stopped"
    assert adds_up(report)
    assert "1 s  1.0.0:   50  lost 0" in output
    shift, before = report["marks"]
    assert shift["name"] == "shift"
    assert shift["at"] - before["at"] == pytest.approx(0.5, abs=0.1)


def test_command_line_fails_when_a_request_was_lost(tmp_path: Path) -> None:
    async def once(asked: Asked) -> None:
        await (status(502) if asked.number == 5 else good)(asked)

    code, output, report = command_line(once, tmp_path, "--seconds", "0.4")
    assert code == 1
    assert "lost 1" in output
    assert report["clients"]["get api"]["statuses"] == {"200": 19, "502": 1}
