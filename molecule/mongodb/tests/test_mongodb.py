# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""MongoDB for development: it answers, keeps its data, and is reached from inside only.

The image here stands in for the official one and knows no users: of a root user only the way its
password takes into the container is tried.
"""

from __future__ import annotations

import json
import os
import socket
import time
import typing as t

import pytest

testinfra_hosts = ["ansible://equipped"]
Apply = t.Callable[..., str]
Inspect = t.Callable[[str], t.Dict[str, t.Any]]
MONGODB = "tagadodo-mongodb"
IMAGE = f"{os.environ['MOLECULE_REGISTRY']}:5000/mongo:8.0"
PASSWORD = "root-password-of-a-test"
MIB = 1024 * 1024


@pytest.fixture
def ask(host: t.Any) -> t.Callable[[str], str]:
    def run(expression: str) -> str:
        program = f"import pymongo; kept = pymongo.MongoClient('mongodb').test.kept; {expression}"
        answer = host.check_output(
            f"docker run --rm --network tagadodo --entrypoint python3 {IMAGE} -c %s", program
        )
        return str(answer).strip()

    return run


def test_reached_under_its_name_in_the_network(ask: t.Callable[[str], str]) -> None:
    assert ask("print(kept.database.command('ping')['ok'])") == "1.0"


def test_not_reached_from_outside(host: t.Any, inspect: Inspect, outside_address: str) -> None:
    settings = inspect(MONGODB)
    assert not settings["HostConfig"]["PortBindings"]
    for address in (outside_address, "127.0.0.1"):
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection((address, 27017), timeout=5)
    address = settings["NetworkSettings"]["Networks"]["tagadodo"]["IPAddress"]
    assert host.addr(address).port(27017).is_reachable


def test_data_survives_a_killed_process(
    host: t.Any, inspect: Inspect, ask: t.Callable[[str], str]
) -> None:
    ask("kept.replace_one({'_id': 1}, {'word': 'through'}, upsert=True)")
    time.sleep(1)
    host.check_output("kill -9 %s", str(inspect(MONGODB)["State"]["Pid"]))
    ping = inspect(MONGODB)["Config"]["Healthcheck"]["Test"][5]
    deadline = time.monotonic() + 30
    while host.run(f"docker exec {MONGODB} timeout 8 bash -c %s", ping).rc:
        assert time.monotonic() < deadline, "mongodb did not come back"
        time.sleep(0.3)
    assert ask("print(kept.find_one()['word'])") == "through"


def test_health_check_fails_where_nothing_answers(host: t.Any, inspect: Inspect) -> None:
    ping = inspect(MONGODB)["Config"]["Healthcheck"]["Test"][5]
    assert host.run(f"docker exec {MONGODB} timeout 8 bash -c %s", ping).rc == 0
    nobody = ping.replace("27017", "27018")
    assert host.run(f"docker exec {MONGODB} timeout 8 bash -c %s", nobody).rc != 0


def test_can_do_no_more_than_it_needs(host: t.Any, inspect: Inspect) -> None:
    state = host.check_output(f"docker exec {MONGODB} cat /proc/1/status")
    status = dict(line.split(":\t", 1) for line in state.splitlines() if ":\t" in line)
    assert status["Uid"].split() == ["999"] * 4
    assert int(status["CapEff"], 16) == int(status["CapBnd"], 16) == 0
    assert status["NoNewPrivs"] == "1"
    assert "Read-only file system" in host.run(f"docker exec {MONGODB} touch /x").stderr
    limits = inspect(MONGODB)["HostConfig"]
    assert limits["Memory"] == 1024 * MIB
    assert limits["PidsLimit"] == 512


def test_password_of_a_root_user_is_found_nowhere_it_should_not_be(
    host: t.Any, apply: Apply, inspect: Inspect
) -> None:
    printed = apply("-vvv", "--diff", mongodb_root_username="root", mongodb_root_password=PASSWORD)
    assert PASSWORD not in printed
    assert PASSWORD not in json.dumps(inspect(MONGODB))
    environment = inspect(MONGODB)["Config"]["Env"]
    assert "MONGO_INITDB_ROOT_PASSWORD_FILE=/etc/mongodb-root/password" in environment
    read = f"docker exec {MONGODB} cat /etc/mongodb-root/password"
    assert host.check_output(read) == PASSWORD
    file = host.file("/etc/tagadodo/mongodb/mounted/password")
    assert (file.user, file.gid, file.mode) == ("root", 999, 0o640)
    assert host.file("/etc/tagadodo/mongodb").mode == 0o700


def test_half_of_a_root_user_is_refused(apply: Apply) -> None:
    assert "or neither" in apply(fails=True, mongodb_root_username="root")
