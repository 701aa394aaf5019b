# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a host finds: disks, a time server, what nginx shows, backups, Prometheus and Alertmanager."""

from __future__ import annotations

import contextlib
import json
import pathlib
import socket
import struct
import threading
import time
import typing as t
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from ansible_collections.tagadodo.deploy.plugins.module_utils import _checklist_looks as looks

ALERTS = "/api/v2/alerts?active=true&silenced=false&inhibited=false"


@contextlib.contextmanager
def time_server(ahead: float, leap: int = 0, stratum: int = 2, mode: int = 4) -> t.Iterator[str]:
    """One that is so many seconds ahead of this machine, and answers once."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listening:
        listening.bind(("127.0.0.1", 0))

        def answer() -> None:
            _request, client = listening.recvfrom(64)
            now = time.time() + ahead + 2208988800
            stamp = struct.pack("!II", int(now), int(now % 1 * 2**32))
            head = struct.pack("!BBbb", leap << 6 | 4 << 3 | mode, stratum, 6, -20)
            listening.sendto(head + bytes(12) + stamp + bytes(8) + stamp + stamp, client)

        thread = threading.Thread(target=answer)
        thread.start()
        yield f"127.0.0.1:{listening.getsockname()[1]}"
        thread.join()


@contextlib.contextmanager
def answering(answers: t.Mapping[str, tuple[int, t.Any]]) -> t.Iterator[str]:
    """A server with a status and a body by path."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, body = answers.get(self.path, (404, ""))
            text = (body if isinstance(body, str) else json.dumps(body)).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_arguments: object) -> None:
            """Nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def free(path: pathlib.Path, percent: float) -> looks.Finding:
    return looks.disk({"paths": [str(path)], "minimum_percent": percent, "engine": False})


def test_a_disk_has_room_or_too_little(tmp_path: pathlib.Path) -> None:
    later = tmp_path / "not/made/yet"
    assert free(later, 0).state == "pass"
    assert free(later, 0).evidence.endswith(f"% of {later} is free")
    short = free(later, 101)
    assert short.state == "fail"
    assert short.evidence.endswith(f"% of {later} is free, 101 are asked for")


def test_a_file_system_is_told_once(tmp_path: pathlib.Path) -> None:
    paths = [str(tmp_path), str(tmp_path / "logs")]
    found = looks.disk({"paths": paths, "minimum_percent": 0, "engine": False})
    assert found.evidence.count("is free") == 1


@pytest.mark.parametrize(
    ("ahead", "state", "told"),
    [
        (0.0, "pass", "s ahead of 127.0.0.1:"),
        (-3600.0, "fail", "3600.0 s ahead of 127.0.0.1:"),
        (90.0, "fail", "90.0 s behind 127.0.0.1:"),
    ],
)
def test_a_clock_is_compared_with_a_time_server(ahead: float, state: str, told: str) -> None:
    with time_server(ahead) as server:
        found = looks.clock({"server": server, "maximum_seconds": 2})
    assert found.state == state
    if state == "fail":
        assert found.evidence.startswith(told)
        assert found.evidence.endswith(", 2 are allowed")


@pytest.mark.parametrize("wrong", [{"leap": 3}, {"stratum": 0}, {"mode": 3}])
def test_a_time_server_without_the_time_is_no_reference(wrong: dict[str, int]) -> None:
    with time_server(0, **wrong) as server:
        found = looks.clock({"server": server, "maximum_seconds": 2})
    assert (found.state, found.evidence) == ("fail", f"time server {server}: it has no time itself")


def test_a_time_server_that_is_not_there_is_told() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as nobody:
        nobody.bind(("127.0.0.1", 0))
        server = f"127.0.0.1:{nobody.getsockname()[1]}"
    found = looks.clock({"server": server, "maximum_seconds": 2})
    assert found.state == "fail"
    assert found.evidence.startswith(f"time server {server}: ")


def test_backups_that_are_not_set_up_leave_it_open(tmp_path: pathlib.Path) -> None:
    found = looks.backup({"settings": str(tmp_path / "none.json"), "max_age": 24})
    assert found.state == "open"


def test_settings_of_backups_that_are_none_are_told(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "settings.json"
    path.write_text("[]")
    found = looks.backup({"settings": str(path), "max_age": 24})
    assert (found.state, found.evidence) == (
        "fail",
        f"{path}: not the settings of backups; run site.yml again",
    )


FIRING = {"labels": {"alertname": "ErrorsHigh", "service": "backend"}}
OTHER = {"labels": {"alertname": "ErrorsHigh", "service": "shop"}}
GENERAL = {"labels": {"alertname": "Watchdog"}}
READY: dict[str, tuple[int, t.Any]] = {"/-/ready": (200, "ready")}


@pytest.mark.parametrize(
    ("answers", "state", "told"),
    [
        ({**READY, ALERTS: (200, [])}, "pass", "prometheus and alertmanager ready, no alert fires"),
        ({**READY, ALERTS: (200, [OTHER, GENERAL])}, "pass", "no alert fires"),
        ({**READY, ALERTS: (200, [FIRING, FIRING])}, "fail", "ErrorsHigh of backend fires"),
        ({}, "fail", "answers 404; alertmanager at "),
        ({**READY, ALERTS: (500, "")}, "fail", "does not say which alerts fire (answers 500)"),
        ({**READY, ALERTS: (200, {"a": 1})}, "fail", "does not say which alerts fire"),
        ({**READY, ALERTS: (200, "<html>")}, "fail", "does not say which alerts fire"),
    ],
)
def test_monitoring_is_reachable_and_quiet(
    answers: dict[str, tuple[int, t.Any]], state: str, told: str
) -> None:
    with answering(answers) as url:
        urls = {"prometheus": url, "alertmanager": f"{url}/"}
        found = looks.monitoring({**urls, "services": ["backend"], "label": "service"})
    assert found.state == state
    assert told in found.evidence


def test_monitoring_that_is_not_there() -> None:
    nowhere = {"prometheus": "http://127.0.0.1:9", "alertmanager": ""}
    found = looks.monitoring({**nowhere, "services": [], "label": "service"})
    assert found.state == "fail"
    assert found.evidence == "prometheus at http://127.0.0.1:9 refuses connections"


def test_monitoring_that_nobody_has_named_leaves_it_open() -> None:
    nothing = {"prometheus": "", "alertmanager": "", "services": [], "label": "service"}
    assert looks.monitoring(nothing).state == "open"


def test_a_server_that_shows_no_certificate_is_told() -> None:
    with answering({}) as url:
        port = int(url.rpartition(":")[2])
        asked = {"names": ["a.example"], "address": "127.0.0.1", "port": port, "minimum_days": 7}
        found = looks.certificates(asked)
    assert found.state == "fail"
    assert f"a.example: 127.0.0.1:{port} shows no certificate" in found.evidence
