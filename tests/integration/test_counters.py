# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What users did on a cluster, as a real Prometheus tells it of counters that it asks a gateway for."""

from __future__ import annotations

import http.server
import os
import pathlib
import socket
import subprocess
import threading
import time
import typing as t
import uuid

import pytest
import yaml

from ansible_collections.tagadodo.deploy.plugins.module_utils._cluster import Cluster
from ansible_collections.tagadodo.deploy.plugins.module_utils._evidence import latency_bucket
from ansible_collections.tagadodo.deploy.plugins.module_utils._questions import Watched
from ansible_collections.tagadodo.deploy.plugins.module_utils._traffic_metrics import TrafficMetrics

PROMETHEUS = "prom/prometheus:v3.5.3"


class Gateway:
    """An exporter of what a gateway has counted, by slot and status."""

    def __init__(self) -> None:
        self.counted: dict[tuple[str, str], int] = {}
        self.address = ""
        self.scrapes = 0

    def text(self) -> str:
        self.scrapes += 1
        lines = [
            f'gateway_requests_total{{to="shop-backend-{slot}",status="{status}"}} {count}'
            for (slot, status), count in self.counted.items()
        ]
        slow = sum(self.counted.values())
        of = 'gateway_seconds_bucket{to="shop-backend-green",le='
        buckets = [f'{of}"0.5"}} 0', f'{of}"2.5"}} {slow}', f'{of}"+Inf"}} {slow}']
        kinds = ["# TYPE gateway_requests_total counter", "# TYPE gateway_seconds_bucket counter"]
        return "\n".join([kinds[0], *lines, kinds[1], *buckets, ""])

    def scraped(self) -> None:
        """Wait until what is counted now was asked for, and kept."""
        wanted = self.scrapes + 2
        deadline = time.monotonic() + 60
        while self.scrapes < wanted:
            assert time.monotonic() < deadline, "nobody asks for the counters"
            time.sleep(0.1)


@pytest.fixture
def gateway() -> t.Iterator[Gateway]:
    made = Gateway()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = made.text().encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_given: t.Any) -> None:
            """Nothing is said."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        serving = threading.Thread(target=server.serve_forever)
        serving.start()
        made.address = f"127.0.0.1:{server.server_port}"
        try:
            yield made
        finally:
            server.shutdown()
            serving.join()


@pytest.fixture
def prometheus(tmp_path: pathlib.Path, gateway: Gateway) -> t.Iterator[str]:
    """One that asks the gateway every second; its URL."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    scraped = [{"job_name": "gateway", "static_configs": [{"targets": [gateway.address]}]}]
    settings = {"global": {"scrape_interval": "1s"}, "scrape_configs": scraped}
    (tmp_path / "prometheus.yml").write_text(yaml.safe_dump(settings))
    for path in (tmp_path, *tmp_path.iterdir()):
        path.chmod(0o755)
    name = f"tagadodo-counters-{uuid.uuid4().hex[:8]}"
    command = ["docker", "run", "--detach", "--rm", f"--name={name}", "--network=host"]
    where = [f"--volume={tmp_path}:/etc/counters:ro", "--tmpfs=/data:mode=1777"]
    arguments = [
        "--config.file=/etc/counters/prometheus.yml",
        "--storage.tsdb.path=/data",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    image = f"{os.environ['REGISTRY']}/{PROMETHEUS}"
    subprocess.run([*command, *where, image, *arguments], check=True, capture_output=True)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        subprocess.run(["docker", "rm", "--force", name], check=True, capture_output=True)


def test_a_release_on_a_cluster_is_judged_by_counters_as_prometheus_has_them(
    gateway: Gateway, prometheus: str
) -> None:
    counted = 'gateway_requests_total{to="<project>-<service>-<slot>"}'
    codes = f'sum by (code, instance) (label_replace({counted}, "code", "$1", "status", "(.*)"))'
    seconds = 'gateway_seconds_bucket{to="<project>-<service>-<slot>"}'
    described = {"requests": {"url": prometheus, "codes": codes, "seconds": seconds}}
    metrics = TrafficMetrics(Cluster.parse(described, "shop"), "shop")
    backend = [Watched("backend", "green")]
    gateway.counted = {("blue", "200"): 1_000_000, ("green", "200"): 5}
    gateway.scraped()
    begun = metrics.begin(backend, 600.0, time.time())
    assert begun.seen["backend"].problems == ()
    assert begun.recent["backend"].per_minute == 0
    gateway.counted = {("blue", "200"): 1_000_090, ("green", "200"): 9, ("green", "500"): 6}
    gateway.scraped()
    last = {"cursors": begun.cursors, "at": time.time()}
    seen = metrics.go_on(backend, last, time.time()).seen["backend"]
    assert seen.problems == ()
    assert seen.slot("blue").counts.statuses == {"200": 90}
    assert seen.slot("green").counts.statuses == {"200": 4, "500": 6}
    assert seen.slot("green").counts.latencies == {latency_bucket(2.5): 100}
