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
    users = stack.users or [""]
    return [
        one for port in stack.entrances for user in users for one in _targets(stack, port, user)
    ]


def _targets(stack: Stack, port: int, user: str) -> list[Target]:
    api, admin, here = f"{stack.api}:{port}", f"{stack.admin}:{port}", f"127.0.0.1:{port}"
    # Several entrances and users are told apart in the report.
    mark = f" {port} {user}".rstrip() if user else ""
    headers = {"X-Forwarded-For": user} if user else {}
    gets = (("api", api, "/version", "json:version"), ("admin", admin, "/health", "none"))
    return [
        *(
            Target("get", f"https://{at}{path}", name + mark, here, version, headers=headers)
            for name, at, path, version in gets
        ),
        Target(
            "post",
            f"https://{api}/visits",
            f"api{mark}",
            here,
            headers=headers,
            executions="executions",
        ),
        Target("websocket", f"wss://{api}/ws", f"api{mark}", here, headers=headers),
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

    def __init__(
        self, stack: Stack, hostname: str, source: str = "127.0.0.1", port: int = 0
    ) -> None:
        super().__init__(hostname, port or stack.entrances[0], timeout=10)
        self._source = (source, 0)
        self._tls = ssl.create_default_context(cafile=str(stack.ca_file))

    def connect(self) -> None:
        here = ("127.0.0.1", self.port)
        plain = socket.create_connection(here, self.timeout, source_address=self._source)
        self.sock = self._tls.wrap_socket(plain, server_hostname=self.host)


def answer(stack: Stack, hostname: str, path: str, port: int = 0) -> tuple[int, dict[str, t.Any]]:
    """Status and JSON body of one GET."""
    connection = Connection(stack, hostname, port=port)
    connection.request("GET", path)
    response = connection.getresponse()
    body = json.loads(response.read())
    connection.close()
    return response.status, body


def live_version(stack: Stack, port: int = 0) -> str:
    return str(answer(stack, stack.api, "/health", port)[1]["version"])
