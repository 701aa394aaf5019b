# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An installation that is watched: its group ``monitoring``, what its Prometheus says, and users whose luck changes."""

from __future__ import annotations

import contextlib
import http.client
import json
import pathlib
import subprocess
import sys
import threading
import time
import typing as t
import urllib.parse
import urllib.request
from dataclasses import dataclass, field

import yaml
from clients import Connection
from stack import Run, Stack, free_port
from webhook import Webhook

WHAT = ("prometheus", "alertmanager", "node", "blackbox", "redis", "mongodb", "mtail")
NAMES = {
    *("prometheus", "alertmanager", "mtail", "node-exporter", "blackbox-exporter"),
    *("redis-exporter", "mongodb-exporter"),
}
# Alerts that take minutes in an environment take seconds here.
HASTE = {
    "monitoring_interval": 2,
    "monitoring_windows": {"critical": 8, "high": 16, "medium": 24},
    "monitoring_usual": 60,
    "monitoring_group_wait": 0,
    "monitoring_group_interval": 1,
}
USERS, PACE = 40, 0.6  # how many, and seconds that each waits after an answer
TOKEN = "token-of-who-may-roll-back"
BROKEN = "Faulty/1.0"  # whom the example treats badly


@dataclass
class Watched:
    """What watches a stack.

    Attributes:
        people, slack: who are told of alerts.
        asked: who is asked for a rollback.
        ports: by name.
    """

    stack: Stack
    people: Webhook
    slack: Webhook
    asked: Webhook
    ports: dict[str, int] = field(default_factory=lambda: {name: free_port() for name in WHAT})

    def play(self, *arguments: str, **extra: t.Any) -> Run:
        """Type ``ansible-playbook monitoring.yml -i … -i a group``."""
        group = self.stack.work / "monitoring.yml"
        group.write_text(yaml.safe_dump({"monitoring": {"hosts": {"dev": None}}}))
        settings = {
            **HASTE,
            "monitoring_ports": self.ports,
            "monitoring_webhook_url": self.people.url,
            "monitoring_slack_url": self.slack.url,
            "monitoring_rollback": {"backend": {"url": self.asked.url, "token": TOKEN}},
            **extra,
        }
        return self.stack.play("monitoring", "-i", str(group), *arguments, **settings)

    def containers(self) -> dict[str, t.Any]:
        return {name: one for name, one in self.stack.containers().items() if name in NAMES}

    def ask(self, path: str, **query: str) -> t.Any:
        """The data of an answer of Prometheus' API."""
        port = self.ports["prometheus"]
        url = f"http://127.0.0.1:{port}/api/v1/{path}?{urllib.parse.urlencode(query)}"
        with urllib.request.urlopen(url, timeout=10) as answer:
            return json.load(answer)["data"]

    def series(self, expression: str) -> list[dict[str, t.Any]]:
        return list(self.ask("query", query=expression)["result"])

    def tell_facts(self) -> None:
        """What the schedule does every minute."""
        program = f"/usr/local/lib/{self.stack.name}-facts"
        settings = self.stack.config_dir / "monitoring/facts.json"
        subprocess.run([sys.executable, "-B", program, str(settings)], check=True)

    def told(self) -> dict[tuple[str, str], float]:
        """The alerts that people were told fire, by name and severity, and when they last were."""
        found = {}
        for at, body in zip(self.people.times, list(self.people.bodies), strict=False):
            for alert in body["alerts"]:
                if alert["status"] == "firing":
                    labels = alert["labels"]
                    found[(labels["alertname"], labels["severity"])] = at
        return found

    def tells(
        self, expected: set[tuple[str, str]], began: float, timeout: float = 60
    ) -> dict[tuple[str, str], float]:
        """Seconds from ``began`` until people were told of each of these alerts."""
        deadline = time.monotonic() + timeout
        while True:
            told = {name: at - began for name, at in self.told().items() if at >= began}
            if expected <= set(told):
                return {name: told[name] for name in expected}
            firing = [one["metric"] for one in self.series('ALERTS{alertstate="firing"}')]
            assert time.monotonic() < deadline, (expected - set(told), firing)
            time.sleep(0.2)

    def fires(
        self, expected: set[tuple[str, str]], began: float, timeout: float = 60
    ) -> dict[tuple[str, str], float]:
        """Seconds from ``began`` until each of these alerts has been seen to fire, told or not."""
        deadline = time.monotonic() + timeout
        seen: dict[tuple[str, str], float] = {}
        while not expected <= set(seen):
            for one in self.series('ALERTS{alertstate="firing"}'):
                name = (one["metric"]["alertname"], one["metric"]["severity"])
                seen.setdefault(name, time.monotonic() - began)
            assert time.monotonic() < deadline, (expected - set(seen), seen)
            time.sleep(0.2)
        return {name: seen[name] for name in expected}

    def destroy(self) -> None:
        for container in self.containers().values():
            container.remove(force=True)
        for name in ("prometheus", "alertmanager"):
            self.stack.engine.volumes.get(f"{self.stack.name}-{name}").remove()


@dataclass
class Users:
    """People who ask again and again, some 60 times a second, whatever they are answered."""

    stack: Stack
    agent: str = "Mozilla/5.0"
    path: str = "/version"

    @contextlib.contextmanager
    def asking(self) -> t.Iterator[Users]:
        ended = threading.Event()
        threads = [threading.Thread(target=self._ask, args=(ended,)) for _number in range(USERS)]
        for thread in threads:
            thread.start()
        try:
            yield self
        finally:
            ended.set()
            for thread in threads:
                thread.join()

    def _ask(self, ended: threading.Event) -> None:
        connection = Connection(self.stack, self.stack.api)
        while not ended.wait(PACE):
            try:
                connection.request("GET", self.path, headers={"User-Agent": self.agent})
                connection.getresponse().read()
            except (OSError, http.client.HTTPException):
                connection.close()  # the next question makes a new one
        connection.close()


def expressions(dashboard: pathlib.Path) -> list[str]:
    """Every question of a dashboard, as Grafana asks it."""
    document = json.loads(dashboard.read_text())
    asked = [one["expr"] for one in document["annotations"]["list"]]
    asked += [target["expr"] for panel in document["panels"] for target in panel["targets"]]
    return [
        one.replace("$service", ".*").replace("$__rate_interval", "30s").replace("$datasource", "")
        for one in asked
    ]
