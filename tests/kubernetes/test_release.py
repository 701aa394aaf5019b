# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The example's API is released to Kubernetes itself while users are on it: three strategies, bad versions, the way back."""

from __future__ import annotations

import dataclasses
import json
import os
import re
import threading
import time
import typing as t

import pytest
import requests
from cluster import Cluster, Manifest
from on_cluster import OnCluster

REGISTRY = os.environ.get("REGISTRY", "")
NAMESPACE = "release"
ENDED = 4  # pods that a release and its rollback end, where two are live
SERVICE = "tagadodo-backend"
PASSWORD = "made-up-for-this-test"
SMALL = {"memory": "256m", "cpus": 0.0, "pids": 256, "log_size": "10m", "log_files": 3}


def data(name: str, image: str, port: int, *command: str) -> tuple[Manifest, Manifest]:
    """A database as one pod, and the Service before it."""
    labels = {"app": name}
    container = {
        **({"command": list(command)} if command else {}),
        "name": name,
        "image": f"{REGISTRY}/{image}",
        "readinessProbe": {"tcpSocket": {"port": port}, "periodSeconds": 1},
    }
    spec = {
        "selector": {"matchLabels": labels},
        "template": {"metadata": {"labels": labels}, "spec": {"containers": [container]}},
    }
    metadata = {"name": name, "namespace": NAMESPACE}
    return (
        {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": spec},
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": metadata,
            "spec": {"selector": labels, "ports": [{"port": port}]},
        },
    )


@pytest.fixture(scope="module")
def cluster_data(cluster: Cluster) -> t.Iterator[dict[str, str]]:
    """Addresses of a MongoDB and a Redis in the namespace."""
    cluster.kubectl("create", "namespace", NAMESPACE)
    redis = ("redis-server", "--requirepass", PASSWORD, "--save", "")
    parts = [*data("mongodb", "mongo:8.0", 27017), *data("redis", "redis:8.0", 6379, *redis)]
    cluster.apply(*parts)
    for name in ("mongodb", "redis"):
        cluster.roll_out(name, NAMESPACE)
    yield {
        name: cluster.get("service", name, NAMESPACE)["spec"]["clusterIP"]
        for name in ("mongodb", "redis")
    }
    cluster.kubectl("delete", "namespace", NAMESPACE, "--wait=false")


@pytest.fixture(scope="module")
def api(
    cluster: Cluster, cluster_data: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> OnCluster:
    """Version 1.0.0 is live, and answers on this machine."""
    made = OnCluster(
        tmp_path_factory.mktemp("inventory"),
        REGISTRY,
        {"kubeconfig": str(cluster.kubeconfig), "namespace": NAMESPACE},
        {
            "env": {
                "NODE_ENV": "production",
                "PORT": 3000,
                "REDIS_HOST": cluster_data["redis"],
                "REDIS_PORT": 6379,
                "MONGO_URI": f"mongodb://{cluster_data['mongodb']}:27017/tagadodo",
                "ADMIN_EMAIL": "admin@tagadodo.com",
            },
            "secrets": {
                name: f"{PASSWORD}-{name.lower()}"
                for name in ("JWT_SECRET", "JWT_REFRESH_SECRET", "ADMIN_PASSWORD")
            }
            | {"REDIS_PASSWORD": PASSWORD},
            "migrations": {
                "status": ["node", "dist/migrations/cli.js", "status"],
                "up": ["node", "dist/migrations/cli.js", "run"],
                "down": ["node", "dist/migrations/cli.js", "revert", "{name}"],
            },
            "resources": SMALL,
            "drain": 3,
            "min_ready": 1,
        },
    )
    first = made.deploy("1.0.0")
    assert first.code == 0, f"{first.output}\n{cluster.told(NAMESPACE)}"
    cluster.kubectl(
        *(
            "patch",
            "service",
            SERVICE,
            "-n",
            NAMESPACE,
            "-p",
            json.dumps({"spec": {"type": "NodePort"}}),
        )
    )
    _await_answer(cluster.url(SERVICE, NAMESPACE))
    return made


def _await_answer(url: str) -> None:
    """Until the node leads to the port that its Service has only just been given."""
    deadline = time.monotonic() + 60
    while True:
        try:
            requests.get(f"{url}/health/live", timeout=5).raise_for_status()
            return
        except requests.RequestException:
            assert time.monotonic() < deadline, f"{url} does not answer"
            time.sleep(0.2)


@dataclasses.dataclass
class Users:
    """Some who open a connection for each request, and one who keeps it.

    Attributes:
        repeated: requests that met the end of a kept connection, and were sent again on another, as HTTP has it (RFC
            9112, 9.3.1). A gateway does that for its users; here they are connected to the pods themselves.
    """

    url: str
    sent: int = 0
    repeated: int = 0
    lost: list[str] = dataclasses.field(default_factory=list)
    versions: set[str] = dataclasses.field(default_factory=set)
    _over: threading.Event = dataclasses.field(default_factory=threading.Event)
    _threads: list[threading.Thread] = dataclasses.field(default_factory=list)

    def __enter__(self) -> Users:
        self._threads += [threading.Thread(target=self._keep)]
        self._threads += [threading.Thread(target=self._come_anew) for _number in range(2)]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    def _come_anew(self) -> None:
        while not self._over.wait(0.02):
            with requests.Session() as session:
                self._send(session)

    def _keep(self) -> None:
        session, used = requests.Session(), False
        while not self._over.wait(0.02):
            if not self._send(session, kept=used):
                session.close()
                session = requests.Session()
                self.repeated += 1
                self._send(session)
            used = True

    def _send(self, session: requests.Session, kept: bool = False) -> bool:
        """Ask once; whether that was all, or a kept connection had ended and it is to be sent again."""
        try:
            answer = session.get(f"{self.url}/health/live", timeout=10)
            answer.raise_for_status()
            self.versions.add(answer.json()["version"])
        except requests.RequestException as error:
            if kept and isinstance(error, requests.ConnectionError):
                return False
            self.lost.append(f"{time.strftime('%H:%M:%S')} {error}")
        self.sent += 1
        return True


def running(cluster: Cluster) -> dict[str, int]:
    """Pods of the API by slot, those that end not counted."""
    pods = json.loads(
        cluster.kubectl(
            *("get", "pods", "-n", NAMESPACE, "-l", "deploy.tagadodo.com/slot", "-o", "json")
        )
    )["items"]
    found: dict[str, int] = {}
    for pod in pods:
        if not pod["metadata"].get("deletionTimestamp"):
            slot = pod["metadata"]["labels"]["deploy.tagadodo.com/slot"]
            found[slot] = found.get(slot, 0) + 1
    return found


@pytest.fixture
def users(cluster: Cluster, api: OnCluster) -> t.Iterator[Users]:
    with Users(cluster.url(SERVICE, NAMESPACE)) as users:
        yield users


def told(users: Users, what: str) -> None:
    """For who reads the log; and that no more was repeated than pods have ended."""
    seen = f"{users.repeated} repeated; {sorted(users.versions)}"
    print(f"{what}: {len(users.lost)} of {users.sent} lost, {seen}")
    assert users.repeated <= ENDED


STRATEGIES: dict[str, dict[str, t.Any]] = {
    "blue_green": {},
    "canary": {
        "strategy": "canary",
        "canary": {"shares": [30, 60, 100], "minimum": 2, "maximum": 60},
    },
    "rolling": {
        "strategy": "rolling",
        "rolling": {"batch": 1, "minimum": 1, "maximum": 60},
    },
}


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_users_lose_nothing_whatever_the_strategy(
    cluster: Cluster, api: OnCluster, users: Users, strategy: str
) -> None:
    done = api.deploy("1.1.0", **STRATEGIES[strategy])
    assert done.code == 0, f"{done.output}\n{cluster.told(NAMESPACE)}"
    back = api.play("rollback")
    assert back.code == 0, f"{back.output}\n{cluster.told(NAMESPACE)}"
    users.__exit__()
    told(users, strategy)
    assert users.lost == []
    assert users.versions == {"1.0.0", "1.1.0"}
    assert sum(running(cluster).values()) == 2


@pytest.mark.parametrize(
    ("version", "why"),
    [
        ("1.2.0-liar", "says version 0.0.0-lie, expected 1.2.0-liar"),
        ("1.2.0-never-ready", "not ready within"),
        ("1.2.0-crash", "exited with exit code 1; its last words: "),
    ],
)
def test_a_bad_version_has_no_users_and_goes_again(
    cluster: Cluster, api: OnCluster, users: Users, version: str, why: str
) -> None:
    health = {"ready_probe": {"period": 1, "failures": 10}}
    failed = api.deploy(
        version,
        min_ready=8,
        health={
            **health,
            "startup": "/health/live",
            "ready": "/health/ready",
            "full": "/health",
            "identity": "version",
        },
    )
    users.__exit__()
    told(users, version)
    assert failed.code != 0, failed.output
    assert re.search(why, failed.reason), failed.reason
    assert "users get what was live before" in failed.reason
    assert users.lost == []
    assert users.versions == {"1.0.0"}
    assert sum(running(cluster).values()) == 2
