# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts by groups alone: the README's example of frontend and backend on hosts of their own, a host that comes, and
one that goes.

FLEET=all also looks before it leaps, runs again what has changed nothing, takes a host's instances away, and has two
hosts that each are everything.
"""

from __future__ import annotations

import contextlib
import os
import pathlib
import re
import time
import typing as t
from dataclasses import dataclass, field

import pytest
import yaml
from clients import live_version, load, lost_requests
from conftest import REGISTRY
from described import common_services
from fleet import Fleet, state_of, tagged
from stack import ROOT, Run

TAGS = {"v1.0.0": "1.0.0", "v1.1.0": "1.1.0"}
ALL = os.environ.get("FLEET") == "all"
# Machines that run tests have slow minutes: only a test of slowness judges it.
SETTINGS = {"gate": {"slow": {"factor": 5000}}, "strategy": "blue_green", "backup": {}}
SERVICES = common_services(**SETTINGS, bake=2)
# Nobody uses them yet, so nothing is watched.
FIRST = common_services(**SETTINGS, bake=0)
LIVE = ("-e", "version=v1.0.0")
GOES, COMES = "api", "api-2"


def example() -> dict[str, t.Any]:
    """The inventory that the README shows."""
    (shown,) = re.findall(r"```yaml\n(all:\n.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    return t.cast("dict[str, t.Any]", yaml.safe_load(shown))


@dataclass
class Grouped(Fleet):
    """Hosts that only groups tell apart.

    Attributes:
        described: its ``hosts.yml``.
    """

    described: dict[str, t.Any] = field(default_factory=dict)

    def describe(self, **groups: t.Iterable[str]) -> None:
        """Write its ``hosts.yml`` with these groups instead of those it had."""
        told = {name: {"hosts": dict.fromkeys(hosts)} for name, hosts in groups.items()}
        self.described["all"]["children"].update(told)
        path = pathlib.Path(self.inventory, "hosts.yml")
        path.write_text(yaml.safe_dump(self.described, sort_keys=False))

    def set_up(self, *arguments: str, services: t.Mapping[str, t.Any] = SERVICES) -> Run:
        return self.play("site", *LIVE, *arguments, services=services)

    def under_load(self, playbook: str, *arguments: str, **extra: t.Any) -> Run:
        """While users come, none of whom may lose a request."""
        with load(self) as clients:
            time.sleep(2)
            run = self.play(playbook, *arguments, services=SERVICES, **extra)
            time.sleep(3)
        assert run.code == 0, run.output
        assert lost_requests(clients.report) == 0, clients.report["events"][:5]
        return run


@contextlib.contextmanager
def grouped(
    name: str, work: pathlib.Path, described: dict[str, t.Any], proxies: t.Sequence[str]
) -> t.Iterator[Grouped]:
    """Hosts of an inventory that is like production's but for its groups; nothing is on them yet."""
    inventory = work / "inventory"
    inventory.mkdir(parents=True)
    (inventory / "group_vars").symlink_to(ROOT / "inventories/prod/group_vars")
    fleet = Grouped(
        name=f"tdt{os.getpid()}{name}",
        registry=REGISTRY,
        work=work,
        inventory=str(inventory),
        api="api.tagadodo.com",
        admin="admin.tagadodo.com",
        names=tuple(described["all"]["hosts"]),
        proxies=proxies,
        described=described,
    )
    fleet.describe()
    # What production asks before a release is asked by other tests: these hosts have no backup yet.
    fleet.extra["deploy_checklist"] = {}
    with tagged(REGISTRY, TAGS):
        try:
            fleet.up()
            fleet.seal_secrets()
            yield fleet
        finally:
            fleet.destroy()


@pytest.fixture(scope="module")
def split(work: pathlib.Path) -> t.Iterator[Grouped]:
    """The inventory of the README, and a host that no group of it has."""
    described = example()
    described["all"]["hosts"][COMES] = {}
    with grouped("split", work / "split", described, ["front"]) as fleet:
        yield fleet


@pytest.fixture(scope="module")
def live(split: Grouped) -> Grouped:
    run = split.set_up(services=FIRST)
    assert run.code == 0, run.output
    return split


def services_on(fleet: Fleet, host: str) -> set[str]:
    return {name.partition("-")[0] for name in fleet.running_on(host)}


def listening(fleet: Fleet, host: str) -> set[str]:
    """What of a host others reach, ``address:port``; ssh and what tests need apart."""
    lines = fleet.hosts[host].do("ss", "--listening", "--tcp", "--numeric", "--no-header")
    reached = {line.split()[3] for line in lines.splitlines()}
    return {one for one in reached if not one.startswith("127.") and not one.endswith(":22")}


def test_each_service_is_on_its_host_and_only_what_proxies_need_is_open(live: Grouped) -> None:
    assert [services_on(live, name) for name in ("front", "web", "api")] == [
        {"nginx"},
        {"frontend"},
        {"backend"},
    ]
    assert listening(live, "front") == {"0.0.0.0:80", "0.0.0.0:443"}
    for name in ("web", "api"):
        opened = listening(live, name)
        assert len(opened) == len(live.running_on(name))
        assert all(one.startswith(f"{live.hosts[name].address}:") for one in opened), opened


def test_a_release_of_both_and_the_way_back_lose_nothing(live: Grouped) -> None:
    live.under_load("deploy", "-e", "version=v1.1.0")
    assert live_version(live) == "v1.1.0"
    live.under_load("rollback")
    assert live_version(live) == "v1.0.0"


def served_by(fleet: Fleet) -> set[str]:
    """Addresses of hosts that nginx has had answers of the backend from, by the last lines of its log."""
    log = "/var/log/tagadodo/nginx/backend.access.json"
    lines = fleet.hosts["front"].do("tail", "--lines=100", log)
    return set(re.findall(r'"upstream_addr":"([0-9.]+):', lines))


def test_a_host_that_comes_serves_what_is_live_before_nginx_leads_there(live: Grouped) -> None:
    live.describe(app=("web", GOES, COMES), backend=(GOES, COMES))
    if ALL:
        before = {name: state_of(live.hosts[name]) for name in live.names}
        check = live.set_up("--check", "--diff")
        assert check.code == 0, check.output
        assert {name: state_of(live.hosts[name]) for name in live.names} == before
        assert f"nothing of it runs on {COMES} yet" in check.output
        assert f"+        server {live.hosts[COMES].address}:" in check.output
    early = live.play("deploy", "-e", "version=v1.1.0", services=SERVICES)
    assert (early.code, early.reason.rpartition("; ")[2]) == (2, "run site.yml first")
    for name in ("front", "web", GOES):
        assert "holder.json" not in live.hosts[name].do("ls", "/var/lib/tagadodo/lock")
    live.under_load("site", *LIVE)
    assert services_on(live, COMES) == {"backend"}
    assert served_by(live) == {live.hosts[name].address for name in (GOES, COMES)}
    if ALL:
        again = live.set_up()
        assert (again.code, again.changed) == (0, 0), again.output
        lose_instances(live)


def lose_instances(live: Grouped) -> None:
    """A host without its instances: users do not notice, and ``site.yml`` starts them again."""
    live.hosts[COMES].do("sh", "-c", "docker stop $(docker ps --quiet)")
    with load(live) as clients:
        time.sleep(40)  # nginx asks those it has given up once more after 30 s
    assert lost_requests(clients.report) == 0, clients.report["events"][:5]
    live.under_load("site", *LIVE)
    assert services_on(live, COMES) == {"backend"}


def test_a_host_that_goes_has_no_traffic_before_it_stops(live: Grouped) -> None:
    live.describe(app=("web", COMES), backend=(COMES,), backup=(COMES,), retired=(GOES,))
    live.under_load("site", *LIVE)
    assert live.running_on(GOES) == []
    assert services_on(live, COMES) == {"backend"}
    assert listening(live, GOES) == set()
    assert served_by(live) == {live.hosts[COMES].address}


if ALL:

    def test_of_two_hosts_that_are_everything_each_serves_what_runs_beside_it(
        work: pathlib.Path,
    ) -> None:
        both = {name: {"hosts": {"one": None, "two": None}} for name in ("app", "proxy")}
        described = {"all": {"hosts": {"one": {}, "two": {}}, "children": both}}
        with grouped("pair", work / "pair", described, ["one", "two"]) as pair:
            run = pair.set_up(services=FIRST)
            assert run.code == 0, run.output
            pair.under_load("deploy", "-e", "version=v1.1.0")
            assert [live_version(pair, port) for port in pair.entrances] == ["v1.1.0"] * 2
            for name in pair.names:
                assert services_on(pair, name) == {"nginx", "backend", "frontend"}
                assert listening(pair, name) == {"0.0.0.0:80", "0.0.0.0:443"}
            pair.under_load("rollback")
            assert [live_version(pair, port) for port in pair.entrances] == ["v1.0.0"] * 2
