# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One number from Prometheus, over real HTTP."""

from __future__ import annotations

import contextlib
import http.server
import json
import threading
import typing as t
import urllib.parse
from pathlib import Path

import pytest

from ansible_collections.tagadodo.deploy.plugins.module_utils._http_probe import ask
from ansible_collections.tagadodo.deploy.plugins.module_utils._prometheus import Metric
from ansible_collections.tagadodo.deploy.plugins.module_utils._target import TargetError

QUERY = 'sum(rate(errors{slot="green"}[1m])) > 0 & +'
TOKEN = "hush-hush"


@contextlib.contextmanager
def prometheus(status: int, body: bytes) -> t.Iterator[t.Tuple[str, t.List[t.Dict[str, str]]]]:
    """A server with one answer; its URL, and what it was asked."""
    asked: t.List[t.Dict[str, str]] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urllib.parse.urlsplit(self.path)
            asked.append(
                {
                    "path": parts.path,
                    "query": urllib.parse.parse_qs(parts.query)["query"][0],
                    "authorization": self.headers.get("Authorization", ""),
                }
            )
            self.send_response(status)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: t.Any) -> None:
            """Keep quiet."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", asked
        server.shutdown()


def vector(*values: str) -> bytes:
    result = [{"metric": {"n": str(n)}, "value": [1.5, one]} for n, one in enumerate(values)]
    return json.dumps(
        {"status": "success", "data": {"resultType": "vector", "result": result}}
    ).encode()


def scalar(value: str) -> bytes:
    return json.dumps(
        {"status": "success", "data": {"resultType": "scalar", "result": [1.5, value]}}
    ).encode()


BAD_QUERY = b'{"status":"error","errorType":"bad_data","error":"1:3: parse error: unexpected end"}'


@pytest.mark.parametrize(
    ("status", "body", "value", "problem"),
    [
        (200, scalar("0.25"), 0.25, ""),
        (200, vector("3"), 3.0, ""),
        (200, vector("1e-3"), 0.001, ""),
        (200, vector(), None, ""),
        (200, vector("NaN"), None, ""),
        (200, scalar("+Inf"), None, ""),
        (200, vector("1", "2"), None, "answers 2 series; add them up, as by sum(…)"),
        (
            200,
            b'{"status":"success","data":{"resultType":"matrix","result":[]}}',
            None,
            "answers a matrix; write a query whose value is one number",
        ),
        (400, BAD_QUERY, None, "answers 400: 1:3: parse error: unexpected end"),
        (502, b"<html>Bad Gateway", None, "answers 502 in words of its own: <html>Bad Gateway"),
        (200, b"[]", None, "answers 200 in words of its own: []"),
        (
            200,
            b'{"status":"success"}',
            None,
            'answers 200 in words of its own: {"status":"success"}',
        ),
    ],
)
def test_answers(status: int, body: bytes, value: t.Optional[float], problem: str) -> None:
    with prometheus(status, body) as (url, asked):
        metric = Metric.parse({"name": "errors", "url": url + "/", "query": QUERY})
        expected = f"metrics.errors: Prometheus {problem}" if problem else ""
        assert metric.value(ask(metric.request(2))) == (value, expected)
        assert asked == [{"path": "/api/v1/query", "query": QUERY, "authorization": ""}]


def test_silence() -> None:
    metric = Metric.parse({"name": "errors", "url": "http://127.0.0.1:1", "query": QUERY})
    assert metric.value(ask(metric.request(1))) == (
        None,
        "metrics.errors: Prometheus refuses connections",
    )


def test_the_token_is_sent_and_not_shown(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(TOKEN + "\n")
    with prometheus(200, scalar("1")) as (url, asked):
        raw = {"name": "errors", "url": url, "query": QUERY, "token_file": str(file)}
        metric = Metric.parse(raw)
        request = metric.request(2)
        assert metric.value(ask(request)) == (1.0, "")
    assert asked[0]["authorization"] == f"Bearer {TOKEN}"
    assert TOKEN not in repr(metric) + repr(request)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"url": "prometheus:9090"}, "metrics.errors.url: 'prometheus:9090' is not a URL"),
        ({"token_file": "/nowhere"}, "metrics.errors.token_file: /nowhere cannot be read"),
        ({"token_file": "/dev/null"}, "metrics.errors.token_file: /dev/null must hold one line"),
    ],
)
def test_mistakes(wrong: t.Dict[str, str], message: str) -> None:
    with pytest.raises(TargetError, match=message):
        Metric.parse({"name": "errors", "url": "http://127.0.0.1:9090", "query": QUERY, **wrong})
