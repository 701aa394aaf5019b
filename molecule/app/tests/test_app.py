# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host with systemd after site.yml and a release: what runs there, and what it survives."""

from __future__ import annotations

import json
import socket
import ssl
import time
import typing as t

import pytest

testinfra_hosts = ["ansible://whole"]
Inspect = t.Callable[[str], t.Dict[str, t.Any]]
Get = t.Callable[[str], str]
CONTROL = "http://127.0.0.1:10080"
STATE = "/var/lib/tagadodo"
OLD, NEW = "1.0.0", "1.1.0"
MIB = 1024 * 1024
INSTANCES = [("backend", "3000", 1), ("backend", "3000", 2), ("frontend", "8080", 1)]


@pytest.fixture(scope="module")
def version(host: t.Any, outside_address: str) -> t.Callable[[str], str]:
    """The version that answers users under a name, over TLS and from outside."""
    authority = host.file("/etc/tagadodo/nginx/tls/ca.pem").content_string
    context = ssl.create_default_context(cadata=authority)

    def ask(name: str) -> str:
        request = f"GET /health HTTP/1.0\r\nHost: {name}\r\n\r\n"
        plain = socket.create_connection((outside_address, 443), timeout=10)
        with context.wrap_socket(plain, server_hostname=name) as secured:
            secured.sendall(request.encode())
            answer = b"".join(iter(lambda: secured.recv(65536), b""))
        head, _blank, body = answer.partition(b"\r\n\r\n")
        assert b" 200 " in head.splitlines()[0], answer
        return str(json.loads(body)["version"])

    return ask


@pytest.fixture(scope="module")
def slots(get: Get) -> t.Dict[str, str]:
    """The slot with the users of each service, as nginx says."""
    return {service: get(f"{CONTROL}/traffic/{service}/99") for service in ("backend", "frontend")}


@pytest.fixture
def alive(
    host: t.Any, inspect: Inspect, slots: t.Dict[str, str]
) -> t.Callable[[], t.Dict[str, t.Tuple[int, str]]]:
    """Process and start of every container that should run, to be compared."""
    names = ["tagadodo-nginx", "tagadodo-redis", "tagadodo-mongodb"]
    names += [f"tagadodo-{one}-{slots[one]}-{number}" for one, _port, number in INSTANCES]

    def look() -> t.Dict[str, t.Tuple[int, str]]:
        states = {name: inspect(name)["State"] for name in names}
        return {name: (state["Pid"], state["StartedAt"]) for name, state in states.items()}

    assert sorted(host.check_output("docker ps --format '{{.Names}}'").split()) == sorted(names)
    return look


def other(slot: str) -> str:
    return {"blue": "green", "green": "blue"}[slot]


def test_users_get_the_released_version_of_the_one_service(
    version: t.Callable[[str], str],
) -> None:
    assert (version("api.example.test"), version("admin.example.test")) == (NEW, OLD)


def test_the_version_before_stays_as_rollback_stock(
    inspect: Inspect, slots: t.Dict[str, str]
) -> None:
    for number in (1, 2):
        new = inspect(f"tagadodo-backend-{slots['backend']}-{number}")
        old = inspect(f"tagadodo-backend-{other(slots['backend'])}-{number}")
        assert (new["State"]["Status"], old["State"]["Status"]) == ("running", "exited")
        assert old["State"]["ExitCode"] == 0
        assert "@sha256:" in new["Config"]["Image"]
        assert new["Config"]["Image"] != old["Config"]["Image"]


def test_instances_have_the_fixed_addresses_that_nginx_knows(
    host: t.Any, inspect: Inspect, slots: t.Dict[str, str]
) -> None:
    configuration = host.file("/etc/tagadodo/nginx/nginx.conf").content_string
    for service, port, number in INSTANCES:
        facts = inspect(f"tagadodo-{service}-{slots[service]}-{number}")
        network = facts["NetworkSettings"]["Networks"]["tagadodo"]
        address = network["IPAMConfig"]["IPv4Address"]
        assert network["IPAddress"] == address
        assert not address.startswith("10.213.0.")
        assert f"server {address}:{port}" in configuration
        assert not facts["HostConfig"]["PortBindings"]


@pytest.mark.parametrize(("service", "port", "number"), INSTANCES)
def test_an_instance_can_do_no_more_than_it_needs(
    host: t.Any, inspect: Inspect, slots: t.Dict[str, str], service: str, port: str, number: int
) -> None:
    name = f"tagadodo-{service}-{slots[service]}-{number}"
    process = host.file(f"/proc/{inspect(name)['State']['Pid']}/status").content_string
    status = dict(line.split(":\t", 1) for line in process.splitlines() if ":\t" in line)
    assert status["Uid"].split() == status["Gid"].split() == ["1001"] * 4
    assert int(status["CapEff"], 16) == int(status["CapBnd"], 16) == 0
    assert status["NoNewPrivs"] == "1"
    assert "Read-only file system" in host.run(f"docker exec {name} touch /x").stderr
    limits = inspect(name)["HostConfig"]
    memory, pids = (256 * MIB, 100) if service == "backend" else (512 * MIB, 256)
    assert (limits["Memory"], limits["MemorySwap"], limits["PidsLimit"]) == (memory, memory, pids)
    assert limits["LogConfig"]["Config"] == {"max-size": "10m", "max-file": "3"}
    assert limits["RestartPolicy"]["Name"] == "unless-stopped"


def test_the_switch_is_a_link_to_markers(host: t.Any, slots: t.Dict[str, str]) -> None:
    for service, slot in slots.items():
        link = f"{STATE}/traffic/{service}"
        assert host.file(link).is_symlink
        assert not host.check_output(f"readlink {link}").startswith("/")
        markers = host.run(f"ls {link}/green/").stdout.split()
        assert sorted(markers, key=int) == [str(n) for n in range(100 if slot == "green" else 0)]


def test_the_ledger_has_a_record_of_each_release(host: t.Any, slots: t.Dict[str, str]) -> None:
    told = {}
    for service in slots:
        files = host.check_output(f"ls {STATE}/releases/{service}/*.json").split()
        assert {host.file(path).mode for path in files} == {0o640}
        records = [json.loads(host.file(path).content_string) for path in files]
        assert records[-1]["slot"] == slots[service]
        told[service] = [(record["version"], record["outcome"]) for record in records]
    assert told["backend"] == [(OLD, "succeeded"), (NEW, "succeeded")]
    assert told["frontend"] == [(OLD, "succeeded")]


def test_services_outlive_a_restart_of_the_engine(
    host: t.Any,
    alive: t.Callable[[], t.Dict[str, t.Tuple[int, str]]],
    version: t.Callable[[str], str],
) -> None:
    before = alive()
    host.check_output("systemctl stop docker.service docker.socket")
    assert version("api.example.test") == NEW
    host.check_output("systemctl start docker.socket docker.service")
    assert alive() == before
    assert version("api.example.test") == NEW


def test_a_restarted_nginx_serves_the_same_slots(
    host: t.Any, get: Get, version: t.Callable[[str], str], slots: t.Dict[str, str]
) -> None:
    host.check_output("docker restart tagadodo-nginx")
    deadline = time.monotonic() + 10
    while not get(f"{CONTROL}/revision"):
        assert time.monotonic() < deadline, "nginx did not come back"
        time.sleep(0.1)
    assert get(f"{CONTROL}/traffic/backend/99") == slots["backend"]
    assert (version("api.example.test"), version("admin.example.test")) == (NEW, OLD)


def test_a_killed_instance_comes_back_at_its_address(
    host: t.Any,
    inspect: Inspect,
    get: Get,
    slots: t.Dict[str, str],
    version: t.Callable[[str], str],
) -> None:
    name = f"tagadodo-backend-{slots['backend']}-1"
    before = inspect(name)
    address = before["NetworkSettings"]["Networks"]["tagadodo"]["IPAddress"]
    host.check_output("kill -9 %s", str(before["State"]["Pid"]))
    assert version("api.example.test") == NEW  # the other instance has all of it meanwhile
    deadline = time.monotonic() + 30
    while not get(f"http://{address}:3000/health/ready"):
        assert time.monotonic() < deadline, f"{name} did not come back at {address}"
        time.sleep(0.2)
    assert inspect(name)["RestartCount"] == before["RestartCount"] + 1
