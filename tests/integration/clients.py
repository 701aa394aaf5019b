"""Clients of an installation: a mixed load, and single questions."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import socket
import ssl
import threading
import typing as t

from stack import Stack
from traffic import Target, Traffic, TrafficThread

LATE = 60.0  # seconds after which an answer counts as lost
# Requests a second, and open websockets: what two stacks at once can bear besides their playbooks.
RATE, WEBSOCKETS = 40.0, 4


def targets(stack: Stack) -> list[Target]:
    api, admin = (
        f"https://api.localhost:{stack.https_port}",
        f"https://admin.localhost:{stack.https_port}",
    )
    here = f"127.0.0.1:{stack.https_port}"
    return [
        Target("get", f"{api}/version", "api", here),
        Target("post", f"{api}/visits", "api", here, executions="executions"),
        Target("websocket", f"{api.replace('https', 'wss')}/ws", "api", here),
        Target("get", f"{admin}/health", "admin", here, version="none"),
    ]


def load(stack: Stack, seconds: float = 1200, rate: float = RATE) -> TrafficThread:
    """Clients that keep asking. On a machine at its limit answers are late; a lost one never comes."""
    traffic = Traffic(
        targets(stack),
        ca=str(stack.ca_file),
        seconds=seconds,
        rate=rate,
        websockets=WEBSOCKETS,
        timeout=LATE,
    )
    return TrafficThread(traffic)


def lost_requests(report: t.Mapping[str, t.Any]) -> int:
    """Requests without their answer. A websocket message that crosses the close of its connection,
    which comes after the drain time and is counted as a cut, is not a request."""
    return int(report["totals"]["lost"]) - int(report["reasons"].get("cut", 0))


@contextlib.contextmanager
def marked_shifts(stack: Stack, clients: TrafficThread) -> t.Iterator[None]:
    """Put a mark into the clients' report each time the backend's traffic moves."""
    link = stack.state_dir / "traffic/backend"
    ended = threading.Event()

    def watch() -> None:
        known = os.readlink(link)
        while not ended.wait(0.01):
            if os.readlink(link) != known:
                clients.mark("shift")
                known = os.readlink(link)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield
    finally:
        ended.set()
        watcher.join()


class Connection(http.client.HTTPSConnection):
    """https to this machine under a host name that no resolver knows."""

    def __init__(self, stack: Stack, hostname: str, source: str = "127.0.0.1") -> None:
        super().__init__(hostname, stack.https_port, timeout=10)
        self._source = (source, 0)
        self._tls = ssl.create_default_context(cafile=str(stack.ca_file))

    def connect(self) -> None:
        here = ("127.0.0.1", self.port)
        plain = socket.create_connection(here, self.timeout, source_address=self._source)
        self.sock = self._tls.wrap_socket(plain, server_hostname=self.host)


def answer(stack: Stack, hostname: str, path: str) -> tuple[int, dict[str, t.Any]]:
    """Status and JSON body of one GET."""
    connection = Connection(stack, hostname)
    connection.request("GET", path)
    response = connection.getresponse()
    body = json.loads(response.read())
    connection.close()
    return response.status, body


def live_version(stack: Stack) -> str:
    return str(answer(stack, "api.localhost", "/health")[1]["version"])
