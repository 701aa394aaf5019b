# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Looks at a release: what users did is counted once, by whichever gate looks, killed or not."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import typing as t
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.tagadodo.deploy.plugins.module_utils._evidence import Look, SlotCounts
from ansible_collections.tagadodo.deploy.plugins.module_utils._gate_file import GateError, GateFile
from ansible_collections.tagadodo.deploy.plugins.module_utils._observe import Order, observe
from ansible_collections.tagadodo.deploy.plugins.module_utils._questions import Questions, Watched

RELEASE = "20261122-231530-1.1.0"
BLUE, GREEN = "10.213.2.0:3000", "10.213.2.16:3000"
UPSTREAMS = {BLUE: "blue", GREEN: "green"}


class Host:
    """A host with a log, at which gates look."""

    def __init__(self, folder: Path) -> None:
        self.now = 1795401442.0
        self.state_dir = folder
        self.log = folder / "backend.access.json"
        self.log.touch()
        self.touch()

    def touch(self) -> None:
        if self.log.exists():
            os.utime(self.log, (self.now, self.now))

    def users(self, slot: str, good: int = 0, failed: int = 0, ago: float = 0.0) -> None:
        """Requests that end ``ago`` seconds before now."""
        with open(self.log, "a", encoding="utf-8") as file:
            for status in ["200"] * good + ["500"] * failed:
                file.write(line(slot, status, self.now - ago) + "\n")
        self.touch()

    def services(self, *names: str) -> t.List[Watched]:
        return [Watched(name, "green", str(self.log), UPSTREAMS) for name in names or ["backend"]]

    def look(self, step: str = "10 %", **order: t.Any) -> t.Dict[str, t.Any]:
        self.now += 5
        return observe(
            GateFile(self.state_dir, RELEASE),
            order.pop("services", None) or self.services(),
            Order(step, **order),
            lambda services: Questions(services, 1.0),
            lambda: self.now,
        )

    def begin(self, **order: t.Any) -> t.Dict[str, t.Any]:
        return self.look("baseline", begin=True, **order)

    def looks(self, since: int = 0) -> t.List[Look]:
        records = GateFile(self.state_dir, RELEASE).records(since)
        return [Look.from_data(record) for record in records]

    def total(self, slot: str, first: int = 1) -> SlotCounts:
        counts = (one.service("backend").slot(slot).counts for one in self.looks(first))
        return sum(counts, SlotCounts())


def line(slot: str, status: str, ended: float, probe: str = "") -> str:
    return json.dumps(
        {
            "time": round(ended, 3),
            "slot": slot,
            "client": "4.71",
            "upstream_addr": GREEN if slot == "green" else BLUE,
            "upstream_status": status,
            "upstream_response_time": "0.010",
            "upstream_header_time": "0.010",
            "method": "GET",
            "path": "/users",
            "status": status,
            "probe": probe,
        }
    )


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path)


def judged(look: Look, slot: str) -> t.Tuple[int, int]:
    counts = look.service("backend").slot(slot).counts
    return counts.attempts, counts.failed


def test_the_first_look_is_what_users_did_before(host: Host) -> None:
    host.users("blue", 5, 1, ago=595)
    host.users("blue", 59, 1, ago=100)
    host.users("green", 7, 7, ago=50)  # of a release before this one
    result = host.begin(baseline=600)
    (first,) = map(Look.from_data, result["looks"])
    assert (first.number, first.step, first.seconds) == (0, "baseline", 600)
    assert judged(first, "blue") == (66, 2)
    assert judged(first, "green") == (0, 0)
    assert first.service("backend").slot("blue").counts.latencies
    assert result["recent"] == {
        "backend": {"requests": 80, "per_minute": 8.0, "failed": 9, "seconds": 600.0}
    }


def test_looks_count_what_is_new(host: Host) -> None:
    host.users("blue", 10, 10)
    host.begin()
    host.users("blue", 90, 0)
    host.users("green", 9, 1)
    look = Look.from_data(host.look("10 %", since=1)["looks"][0])
    assert (look.number, look.step, look.at, look.seconds) == (1, "10 %", host.now, 5)
    assert (judged(look, "blue"), judged(look, "green")) == ((90, 0), (10, 1))
    assert judged(Look.from_data(host.look(since=2)["looks"][0]), "green") == (0, 0)
    assert host.look(since=3)["recent"] == {}
    assert [one.number for one in host.looks()] == [0, 1, 2, 3]


def test_who_asks_from_the_start_gets_every_look(host: Host) -> None:
    host.begin()
    host.users("green", 3)
    host.look()
    host.users("green", 4)
    looks = host.look(since=0)["looks"]
    assert [look["number"] for look in looks] == [0, 1, 2]
    assert [judged(Look.from_data(look), "green") for look in looks] == [(0, 0), (3, 0), (4, 0)]
    assert not any("cursors" in look for look in looks)
    assert [look["number"] for look in host.look(since=9)["looks"]] == [3]


def test_to_begin_again_is_to_go_on(host: Host) -> None:
    host.begin()
    host.users("green", 3)
    again = host.begin(since=0)
    assert [look["number"] for look in again["looks"]] == [0]
    assert again["recent"] == {}
    host.look("25 %")
    assert judged(host.looks()[1], "green") == (3, 0)
    assert host.looks()[1].seconds == 10


def test_a_release_that_has_not_begun(host: Host) -> None:
    with pytest.raises(GateError, match=f"^release {RELEASE} has not begun on this host"):
        host.look()
    assert not GateFile(host.state_dir, RELEASE).path.exists()


def test_nothing_is_recorded_unless_wanted(host: Host) -> None:
    host.users("blue", 6)
    tried = host.begin(record=False)
    assert tried["recent"]["backend"]["requests"] == 6
    assert not (host.state_dir / "gate").exists()
    host.begin()
    host.users("green", 3)
    for _try in range(2):
        looks = host.look(record=False, since=1)["looks"]
        assert [(one["number"], judged(Look.from_data(one), "green")) for one in looks] == [
            (1, (3, 0))
        ]
    assert judged(Look.from_data(host.look(since=1)["looks"][0]), "green") == (3, 0)


def test_hosts_without_nginx_have_no_log(host: Host) -> None:
    services = [Watched("backend", "green")]
    assert host.begin(services=services)["recent"] == {}
    look = Look.from_data(host.look(services=services, since=1)["looks"][0])
    assert (look.service("backend").slots, look.service("backend").problems) == ({}, ())


def test_a_service_that_comes_later_is_read_from_there_on(host: Host) -> None:
    host.begin()
    host.users("green", 3)
    look = host.look(services=host.services("backend", "frontend"), since=1)["looks"][0]
    frontend = Look.from_data(look).service("frontend")
    assert frontend.problems == (f"{host.log} is read from here on, the release began without it",)
    host.users("green", 4)
    host.look(services=host.services("frontend"))
    host.users("green", 5)
    host.look(services=host.services("backend", "frontend"))
    total = {
        name: sum(one.service(name).slot("green").counts.requests for one in host.looks())
        for name in ("backend", "frontend")
    }
    assert total == {"backend": 12, "frontend": 9}


def test_rotated_and_truncated_logs(host: Host) -> None:
    host.begin()
    host.users("green", 3)
    host.log.rename(host.log.with_name(host.log.name + ".1"))
    host.users("green", 4)
    host.look()
    assert host.total("green").requests == 7
    assert host.looks()[-1].service("backend").problems == ()
    os.truncate(host.log, 0)
    host.users("green", 1)
    host.look()
    assert host.total("green").requests == 8
    assert "was truncated" in host.looks()[-1].service("backend").problems[0]


def test_a_log_that_is_not_there_is_told_at_every_look(host: Host) -> None:
    host.log.unlink()
    host.begin()
    host.look()
    for look in host.looks():
        assert look.service("backend").problems == (
            f"{host.log} cannot be read (No such file or directory)",
        )


def test_a_broken_line_is_tolerated_and_a_strange_log_is_told(host: Host) -> None:
    host.begin()
    host.users("green", 20)
    with open(host.log, "a", encoding="utf-8") as file:
        file.write("broken\n" + line("green", "500", host.now, probe="green") + "\nhal")
    host.look()
    assert host.looks()[-1].service("backend").problems == ()
    with open(host.log, "a", encoding="utf-8") as file:
        file.write("f\n127.0.0.1 - - GET\n")
    host.look()
    assert host.looks()[-1].service("backend").problems == (
        f"{host.log}: 2 of 2 new lines are not in the log format release",
    )
    assert host.total("green").attempts == 20


def test_time_that_goes_back_is_no_time(host: Host) -> None:
    host.begin()
    host.now -= 3600
    host.look()
    assert host.looks()[-1].seconds == 0


@given(data=st.data())
@settings(max_examples=40)
def test_gates_that_crash_and_begin_again_count_every_request_once(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    """A crash cuts the file of looks anywhere behind its first line."""
    host = Host(tmp_path_factory.mktemp("host"))
    host.users("blue", data.draw(st.integers(0, 3)))
    host.begin()
    gate = GateFile(host.state_dir, RELEASE)
    first = gate.path.stat().st_size
    sent = {"blue": [0, 0], "green": [0, 0]}
    for event in range(data.draw(st.integers(1, 15))):
        action = data.draw(st.sampled_from(["users", "users", "look", "crash", "rotate", "begin"]))
        if action == "users":
            slot = data.draw(st.sampled_from(["blue", "green"]))
            good, failed = data.draw(st.integers(0, 3)), data.draw(st.integers(0, 3))
            host.users(slot, good, failed)
            sent[slot][0] += good + failed
            sent[slot][1] += failed
        elif action == "look":
            host.look()
        elif action == "begin":
            host.begin()
        elif action == "rotate" and host.log.exists():
            host.log.rename(f"{host.log}.{10 + event}")
        elif action == "crash":
            size = gate.path.stat().st_size
            os.truncate(gate.path, data.draw(st.integers(first, size)))
    host.look()
    for slot, (attempts, failed) in sent.items():
        total = host.total(slot)
        assert (total.attempts, total.failed) == (attempts, failed)
    assert [look.number for look in host.looks()] == list(range(len(host.looks())))


def test_killed_looks_neither_count_twice_nor_forget(tmp_path: Path) -> None:
    """Processes that look while users come, killed at a moment nobody chose."""
    log = tmp_path / "backend.access.json"
    log.touch()
    program = (
        "import sys\n"
        f"from {GateFile.__module__} import GateFile\n"
        f"from {Questions.__module__} import Questions, Watched\n"
        f"from {observe.__module__} import Order, observe\n"
        f"services = [Watched('backend', 'green', {str(log)!r}, {UPSTREAMS!r})]\n"
        f"gate = GateFile({str(tmp_path)!r}, {RELEASE!r})\n"
        "ask = lambda services: Questions(services, 1.0)\n"
        "observe(gate, services, Order('baseline', begin=True), ask)\n"
        "print('begun', flush=True)\n"
        "while sys.argv[1] == 'watch':\n"
        "    observe(gate, services, Order('10 %'), ask)\n"
        "observe(gate, services, Order('10 %'), ask)\n"
    )
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    sent = 0
    for kill in range(4):
        command = [sys.executable, "-c", program, "watch"]
        with subprocess.Popen(command, env=env, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            process.stdout.readline()
            for _burst in range(10):
                with open(log, "a", encoding="utf-8") as file:
                    for _request in range(20):
                        file.write(line("green", "500" if sent % 7 == 0 else "200", time.time()))
                        file.write("\n")
                        file.flush()
                        sent += 1
                time.sleep(0.003 * (kill + 1))
            process.send_signal(signal.SIGKILL)
    done = subprocess.run(
        [sys.executable, "-c", program, "once"],
        env=env,
        check=True,
        capture_output=True,
        timeout=30,
    )
    assert done.stdout == b"begun\n"
    looks = [Look.from_data(record) for record in GateFile(tmp_path, RELEASE).records(1)]
    assert sum(judged(look, "green")[0] for look in looks) == sent
    assert sum(judged(look, "green")[1] for look in looks) == -(-sent // 7)
    assert len(looks) > 4
