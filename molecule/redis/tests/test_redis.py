# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Redis keeps its data and its password, and is reached from where it should be."""

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
REDIS = "tagadodo-redis"
IMAGE = f"{os.environ['MOLECULE_REGISTRY']}:5000/redis:8.0"
PASSWORD = "first-password-of-a-test"
OTHER_PASSWORD = "second-password-of-a-test"
MIB = 1024 * 1024


@pytest.fixture
def redis(host: t.Any) -> t.Callable[..., str]:
    def ask(words: str, password: str = PASSWORD) -> str:
        """Words are for the command line, the password is not."""
        answer = host.run(f"docker exec --env REDISCLI_AUTH=%s {REDIS} redis-cli {words}", password)
        return str(answer.stdout).strip()

    return ask


def test_a_password_is_needed(redis: t.Callable[..., str]) -> None:
    assert redis("PING") == "PONG"
    assert redis("PING", password="").startswith("NOAUTH")
    assert redis("PING", password="guess").startswith("NOAUTH")


def test_settings_are_in_force(redis: t.Callable[..., str]) -> None:
    assert redis("CONFIG GET maxmemory").split() == ["maxmemory", str(32 * MIB)]
    assert redis("CONFIG GET maxmemory-policy").split()[1] == "noeviction"
    assert redis("CONFIG GET appendonly").split()[1] == "yes"


def test_reached_under_its_name_in_the_network(host: t.Any) -> None:
    answer = host.run(
        f"docker run --rm --network tagadodo --env REDISCLI_AUTH={PASSWORD} {IMAGE}"
        " redis-cli -h redis PING"
    )
    assert answer.stdout.strip() == "PONG"


def test_not_reached_from_outside(host: t.Any, inspect: Inspect, outside_address: str) -> None:
    settings = inspect(REDIS)
    assert not settings["HostConfig"]["PortBindings"]
    assert not any(settings["NetworkSettings"]["Ports"].values())
    for address in (outside_address, "127.0.0.1"):
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection((address, 6379), timeout=5)
    # It is there: the host itself reaches it, at an address that nobody else has a way to.
    address = settings["NetworkSettings"]["Networks"]["tagadodo"]["IPAddress"]
    assert address.startswith("10.213.0.")
    assert host.addr(address).port(6379).is_reachable


def test_password_is_found_nowhere_it_should_not_be(host: t.Any, inspect: Inspect) -> None:
    assert PASSWORD not in host.check_output("ps axwwe")
    assert PASSWORD not in json.dumps(inspect(REDIS))
    assert PASSWORD not in host.check_output(f"docker logs {REDIS} 2>&1")
    holding = host.run(f"grep -rl {PASSWORD} /etc /var/lib/tagadodo /var/log 2>/dev/null")
    assert holding.stdout.split() == ["/etc/tagadodo/redis/mounted/password.conf"]
    file = host.file("/etc/tagadodo/redis/mounted/password.conf")
    assert (file.user, file.gid, file.mode) == ("root", 999, 0o640)
    # Who has the same number as the container's group on the host cannot get to it either.
    read = f"setpriv --reuid 999 --regid 999 --clear-groups cat {file.path}"
    assert "Permission denied" in host.run(read).stderr


def test_can_do_no_more_than_it_needs(host: t.Any, inspect: Inspect) -> None:
    state = host.check_output(f"docker exec {REDIS} cat /proc/1/status")
    status = dict(line.split(":\t", 1) for line in state.splitlines() if ":\t" in line)
    assert status["Uid"].split() == ["999"] * 4
    assert int(status["CapEff"], 16) == int(status["CapBnd"], 16) == 0
    assert status["NoNewPrivs"] == "1"
    assert "Read-only file system" in host.run(f"docker exec {REDIS} touch /x").stderr
    limits = inspect(REDIS)["HostConfig"]
    assert limits["Memory"] == 128 * MIB
    assert limits["PidsLimit"] == 128
    assert limits["LogConfig"]["Config"] == {"max-size": "10m", "max-file": "3"}
    assert limits["RestartPolicy"]["Name"] == "unless-stopped"


def test_health_check_asks_with_the_password(host: t.Any, inspect: Inspect) -> None:
    check = inspect(REDIS)["Config"]["Healthcheck"]
    seconds = 10**9
    assert [check[key] // seconds for key in ("Interval", "Timeout", "StartPeriod")] == [30, 10, 40]
    assert check["Retries"] == 3
    test = check["Test"][1]
    assert host.run(f"docker exec {REDIS} sh -c %s", test).rc == 0
    assert host.run(f"docker exec {REDIS} sh -c %s", test.replace("PONG", "PANG")).rc == 1


def test_unchanged_settings_do_not_restart_it(apply: Apply, inspect: Inspect) -> None:
    before = inspect(REDIS)["Id"], inspect(REDIS)["State"]["StartedAt"]
    assert "changed=0" in apply()
    assert (inspect(REDIS)["Id"], inspect(REDIS)["State"]["StartedAt"]) == before


def test_a_new_password_holds_at_once_is_not_printed_and_data_stays(
    redis: t.Callable[..., str], apply: Apply, host: t.Any
) -> None:
    assert redis("SET kept through") == "OK"
    printed = apply("-vvv", "--diff", redis_password=OTHER_PASSWORD)
    assert OTHER_PASSWORD not in printed
    assert redis("GET kept", password=OTHER_PASSWORD) == "through"
    assert redis("GET kept").startswith("NOAUTH")

    # As if a run had been ended after it wrote the file and before it came to the container.
    path = "/etc/tagadodo/redis/mounted/password.conf"
    host.check_output(f"sed -i s/{OTHER_PASSWORD}/{PASSWORD}/ {path}")
    apply()
    assert redis("GET kept") == "through"


def test_data_survives_a_killed_process(
    redis: t.Callable[..., str], host: t.Any, inspect: Inspect
) -> None:
    assert redis("SET written second-ago") == "OK"
    time.sleep(1.5)
    host.check_output("kill -9 %s", str(inspect(REDIS)["State"]["Pid"]))
    deadline = time.monotonic() + 20
    while redis("GET written") != "second-ago":
        assert time.monotonic() < deadline, "redis did not come back with its data"
        time.sleep(0.2)


@pytest.mark.parametrize("password", ["short", "twelve chars with blanks", 'quote"quote"quote'])
def test_a_password_that_redis_would_misread_is_refused(apply: Apply, password: str) -> None:
    assert "redis_password must be 12 or more" in apply(fails=True, redis_password=password)


def test_settings_that_redis_does_not_start_with_are_told_with_its_own_words(apply: Apply) -> None:
    printed = apply(fails=True, redis_options={"maxclients": "many"}, redis_timeout=2)
    assert "tagadodo-redis of equipped does not answer" in printed
    assert "maxclients" in printed
    apply()
