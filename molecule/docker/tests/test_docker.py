# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine is set up, and disturbed no more than needed."""

from __future__ import annotations

import json
import os
import typing as t

import pytest

testinfra_hosts = ["ansible://bare"]
Apply = t.Callable[..., str]
Inspect = t.Callable[[str], t.Dict[str, t.Any]]
SETTINGS = "/etc/docker/daemon.json"
IMAGE = f"{os.environ['MOLECULE_REGISTRY']}:5000/redis:8.0"


@pytest.fixture
def engine_pid(host: t.Any) -> t.Callable[[], str]:
    # The tests restart the engine more often than systemd lets anybody in a minute.
    host.check_output("systemctl reset-failed docker.service docker.socket")
    return lambda: host.check_output("systemctl show --property MainPID --value docker")


@pytest.fixture
def running(host: t.Any, inspect: Inspect) -> t.Iterator[t.Callable[[], t.Tuple[int, str]]]:
    """A container; gives its process, to be compared."""
    host.check_output("docker run --detach --name outlives %s sleep 600", IMAGE)
    yield lambda: (inspect("outlives")["State"]["Pid"], inspect("outlives")["State"]["StartedAt"])
    host.check_output("docker rm --force outlives")


@pytest.fixture
def settings_kept(host: t.Any, engine_pid: t.Callable[[], str]) -> t.Iterator[t.Dict[str, t.Any]]:
    before = host.file(SETTINGS).content_string
    yield json.loads(before)
    host.check_output("printf %%s %s > " + SETTINGS, before)


def info(host: t.Any) -> t.Dict[str, t.Any]:
    found: t.Dict[str, t.Any] = json.loads(host.check_output("docker info --format '{{json .}}'"))
    return found


def test_engine_runs_now_and_at_boot(host: t.Any) -> None:
    assert host.service("docker").is_running
    assert host.service("docker").is_enabled


def test_settings_of_others_are_kept_and_ours_are_in_force(host: t.Any) -> None:
    written = json.loads(host.file(SETTINGS).content_string)
    assert written["max-concurrent-uploads"] == 2
    assert written["log-opts"] == {"max-size": "10m", "max-file": "3"}
    engine = info(host)
    assert engine["LiveRestoreEnabled"] is True
    assert engine["LoggingDriver"] == "json-file"
    # Not every engine tells of it.
    status = host.check_output("docker run --rm %s grep NoNewPrivs /proc/self/status", IMAGE)
    assert status.split()[1] == "1"
    bridge = json.loads(host.check_output("docker network inspect bridge"))[0]
    assert bridge["Options"]["com.docker.network.bridge.enable_icc"] == "false"


def test_network_gives_out_addresses_of_its_first_24_only(host: t.Any) -> None:
    network = json.loads(host.check_output("docker network inspect tagadodo"))[0]
    assert network["Driver"] == "bridge"
    assert network["IPAM"]["Config"] == [
        {"Subnet": "10.213.0.0/16", "IPRange": "10.213.0.0/24", "Gateway": "10.213.0.1"}
    ]


def test_unchanged_settings_disturb_nothing(
    host: t.Any,
    apply: Apply,
    engine_pid: t.Callable[[], str],
    running: t.Callable[[], t.Tuple[int, str]],
) -> None:
    before = engine_pid(), running()
    assert "changed=0" in apply(docker_version="99.0")  # nobody asks for an upgrade
    assert (engine_pid(), running()) == before


def test_a_live_setting_and_an_authority_are_taken_over_without_a_restart(
    host: t.Any,
    apply: Apply,
    engine_pid: t.Callable[[], str],
    running: t.Callable[[], t.Tuple[int, str]],
    settings_kept: t.Dict[str, t.Any],
) -> None:
    before = engine_pid(), running()
    apply(
        docker_daemon_options={"debug": True, "labels": ["rack=7"]},
        docker_registry_cas={"registry.example.com:5000": "-----BEGIN CERTIFICATE-----\n"},
    )
    assert (engine_pid(), running()) == before
    assert info(host)["Debug"] is True
    assert info(host)["Labels"] == ["rack=7"]
    authority = host.file("/etc/docker/certs.d/registry.example.com:5000/ca.crt")
    assert authority.content_string == "-----BEGIN CERTIFICATE-----\n"
    apply(docker_daemon_options={"debug": False, "labels": None})
    assert info(host)["Debug"] is False
    host.check_output("rm -r /etc/docker/certs.d")


def test_containers_outlive_a_restart_that_another_setting_needs(
    host: t.Any,
    apply: Apply,
    engine_pid: t.Callable[[], str],
    running: t.Callable[[], t.Tuple[int, str]],
    settings_kept: t.Dict[str, t.Any],
) -> None:
    """Also where live-restore comes with the very same change."""
    host.check_output("printf %%s %s > " + SETTINGS, json.dumps({"live-restore": False}))
    host.check_output("systemctl reload docker")
    engine, container = engine_pid(), running()
    apply(docker_daemon_options={**settings_kept, "log-opts": {"max-size": "5m", "max-file": 2}})
    assert engine_pid() != engine
    assert running() == container
    assert json.loads(host.file(SETTINGS).content_string)["log-opts"]["max-file"] == "2"


def test_logs_are_rotated_and_networks_come_from_the_pools_that_are_named(
    host: t.Any,
    apply: Apply,
    engine_pid: t.Callable[[], str],
    running: t.Callable[[], t.Tuple[int, str]],
    settings_kept: t.Dict[str, t.Any],
) -> None:
    container = running()
    options = {
        "log-opts": {"max-size": "8k", "max-file": 2},
        "default-address-pools": [{"base": "10.198.0.0/16", "size": 24}],
    }
    apply(docker_daemon_options=options)
    assert running() == container
    made = host.check_output("docker create %s seq 10000 99999", IMAGE)  # 540 kB
    try:
        host.check_output("docker network create of-the-pool")
        network = json.loads(host.check_output("docker network inspect of-the-pool"))[0]
        host.check_output("docker start --attach %s | tail -1", made)
        logs = host.check_output("cd /var/lib/docker/containers/%s && wc -c *-json.log*", made)
        said = host.check_output("docker logs %s", made).splitlines()
    finally:
        host.check_output("docker rm --force %s", made)
        host.check_output("docker network rm of-the-pool")
        apply(docker_daemon_options={**settings_kept, "default-address-pools": None})
    assert network["IPAM"]["Config"][0]["Subnet"].startswith("10.198.")
    *files, _total = [line.split() for line in logs.splitlines()]
    assert [name.rpartition(".log")[2] for _size, name in files] == ["", ".1"]
    assert all(int(size) < 9000 for size, _name in files)
    assert said[-1] == "99999"


def test_an_upgrade_that_would_stop_containers_or_come_in_the_way_of_a_release_is_refused(
    host: t.Any,
    apply: Apply,
    engine_pid: t.Callable[[], str],
    running: t.Callable[[], t.Tuple[int, str]],
    settings_kept: t.Dict[str, t.Any],
) -> None:
    printed = apply(fails=True, docker_upgrade=True, docker_daemon_options={"live-restore": False})
    stops = "so an upgrade of its engine would stop 1 containers"
    assert f"live-restore is off on bare, {stops}" in printed
    apply(docker_daemon_options={"live-restore": True})

    now = float(host.check_output("date +%s"))
    holder = {"token": "a", "who": "ada", "purpose": "a release", "since": now, "beat": now}
    host.check_output("mkdir -p /var/lib/tagadodo/lock")
    host.check_output("printf %%s %s > /var/lib/tagadodo/lock/holder.json", json.dumps(holder))
    before = engine_pid(), running()
    printed = apply(fails=True, docker_upgrade=True)
    host.check_output("rm -r /var/lib/tagadodo")
    assert "bare is locked by a release by ada, since" in printed
    version = host.check_output("dpkg-query --show --showformat='${Version}' docker.io")
    for wanted in ("", f"{version[:5]}*"):
        assert "changed=0" in apply(docker_upgrade=True, docker_version=wanted)
    assert (engine_pid(), running()) == before


def test_settings_that_are_no_json_are_refused_before_anything_is_touched(
    host: t.Any, apply: Apply, engine_pid: t.Callable[[], str], settings_kept: t.Dict[str, t.Any]
) -> None:
    before = engine_pid()
    host.check_output("printf %%s %s > " + SETTINGS, '{"debug": tru')
    printed = apply(fails=True)
    assert f"{SETTINGS} is not valid JSON" in printed
    assert host.file(SETTINGS).content_string == '{"debug": tru'
    assert engine_pid() == before


def test_an_option_that_the_engine_does_not_know_is_refused(
    host: t.Any, apply: Apply, engine_pid: t.Callable[[], str], settings_kept: t.Dict[str, t.Any]
) -> None:
    before = engine_pid(), host.file(SETTINGS).content_string
    printed = apply(fails=True, docker_daemon_options={"no-such-option": True})
    assert "don't match any configuration option: no-such-option" in printed
    assert (engine_pid(), host.file(SETTINGS).content_string) == before
    apply(docker_daemon_options={"log-level": "info"})


def test_check_mode_changes_nothing_and_shows_what_would(
    host: t.Any, apply: Apply, settings_kept: t.Dict[str, t.Any]
) -> None:
    printed = apply("--check", "--diff", docker_daemon_options={"bip": "10.99.0.1/24"})
    assert '+ "bip": "10.99.0.1/24"' in printed
    assert json.loads(host.file(SETTINGS).content_string) == settings_kept


def test_network_with_another_subnet_is_not_replaced(apply: Apply) -> None:
    printed = apply(fails=True, docker_source="none", deploy_subnet="10.214.0.0/16")
    assert "has subnet 10.213.0.0/16, not 10.214.0.0/16" in printed


def test_unknown_distribution_is_refused_in_one_line(host: t.Any, apply: Apply) -> None:
    printed = apply(fails=True, __docker_releases=["Debian stretch"])
    runs = f"bare runs Debian {host.system_info.codename}"
    assert f"{runs}; the docker role installs on Debian stretch" in printed


def test_engine_of_somebody_else_is_only_asked(
    host: t.Any, apply: Apply, engine_pid: t.Callable[[], str]
) -> None:
    before = host.file(SETTINGS).content_string
    printed = apply(docker_source="none", docker_daemon_options={"debug": True})
    assert "changed=0" in printed
    assert host.file(SETTINGS).content_string == before
    host.check_output("systemctl stop docker.socket docker.service")
    try:
        printed = apply(fails=True, docker_source="none")
    finally:
        host.check_output("systemctl start docker.socket docker.service")
    assert "The Docker engine of bare does not answer" in printed
    assert "managed by somebody else: start it there" in printed


def test_dockers_own_repository_is_described_with_its_key(host: t.Any, apply: Apply) -> None:
    """Its packages are not installed here: the address is out of reach."""
    key = "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nmQ==\n-----END PGP PUBLIC KEY BLOCK-----"
    apply(
        playbook="repository.yml",
        docker_repository_url="https://mirror.example.com/docker",
        docker_repository_key=key,
    )
    lines = host.file("/etc/apt/sources.list.d/docker.sources").content_string.splitlines()
    host.check_output("rm /etc/apt/sources.list.d/docker.sources")
    assert "URIs: https://mirror.example.com/docker/debian" in lines
    assert f"Suites: {host.system_info.codename}" in lines
    assert "Components: stable" in lines
    assert any(line.startswith("Signed-By:") for line in lines)
