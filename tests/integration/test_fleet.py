# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Production as its inventory describes it: two proxies before four hosts, and one decision for all of them.

A table of what users saw is made with FLEET=all, which breaks more: build/fleet.md.
"""

from __future__ import annotations

import contextlib
import http.client
import os
import pathlib
import socket
import time
import typing as t

import pytest
from audit import sslyze
from authority import served
from clients import live_version, load, lost_requests
from conftest import REGISTRY
from described import common_services
from exposure import guard, listens_as_described
from fleet import Fleet, production, tagged
from stack import ROOT, Run

TAGS = {"v1.0.0": "1.0.0", "v1.1.0": "1.1.0"}
APP = ("app-1", "app-2", "app-3", "app-4")
# Machines that run tests have slow minutes: only a test of slowness judges it.
GATE = {"slow": {"factor": 5000}}
NOTHING_WATCHED = {"rollout_bake": 0}
ALL = os.environ.get("FLEET") == "all"
TABLE = ROOT / "build/fleet.md"
HEAD = (
    "| what | requests | lost | messages of websockets lost | longest silence s | users get then |\n"
    "|---|---|---|---|---|---|\n"
)
COME_BACK = 180  # seconds until a host that starts anew serves again


@pytest.fixture(scope="module")
def prod(work: pathlib.Path) -> t.Iterator[Fleet]:
    """Nothing is on its hosts yet."""
    fleet = production(f"tdt{os.getpid()}fleet", REGISTRY, work)
    TABLE.parent.mkdir(exist_ok=True)
    TABLE.write_text(HEAD)
    with tagged(REGISTRY, TAGS):
        try:
            fleet.up()
            fleet.seal_secrets()
            fleet.extra["certbot_shared_account"] = True
            fleet.extra["services"] = common_services()
            for name in fleet.names:
                shut(fleet, name)
            yield fleet
        finally:
            fleet.destroy()


def shut(fleet: Fleet, name: str, *guests: str) -> None:
    """Put a host behind the firewall that the page on security has for it.

    Args:
        guests: addresses that are let in as a proxy is.
    """
    host, own = fleet.hosts[name], {"operators": [fleet.gateway]}
    if name in fleet.proxies:
        guard(host, "proxy.nft", **own)
    else:
        proxies = [fleet.hosts[proxy].address for proxy in fleet.proxies]
        guard(host, "app.nft", **own, proxies=[*proxies, *guests])


@pytest.fixture(scope="module")
def live(prod: Fleet) -> Fleet:
    """v1.0.0 is live on it."""
    began = time.monotonic()
    run = prod.play("site", "-e", "version=v1.0.0", **NOTHING_WATCHED)
    assert run.code == 0, run.output
    entered(f"site.yml from nothing, {time.monotonic() - began:.0f} s", "", "", "", "", "v1.0.0")
    return prod


def versions(fleet: Fleet) -> list[str]:
    """What users get at each proxy."""
    return [live_version(fleet, port) for port in fleet.entrances]


def answers(fleet: Fleet) -> bool:
    """Whether users are answered by every proxy."""
    with contextlib.suppress(OSError, http.client.HTTPException, ValueError, KeyError):
        return len(versions(fleet)) == len(fleet.proxies)
    return False


def other(fleet: Fleet) -> str:
    """The version that is not live."""
    now = set(versions(fleet))
    assert len(now) == 1
    return next(tag for tag in TAGS if tag not in now)


def tabled(what: str, clients: t.Any, fleet: Fleet) -> None:
    report = clients.report
    kinds: dict[bool, int] = {True: 0, False: 0}
    for client in report["clients"].values():
        kinds[client["kind"] == "websocket"] += client["lost"]
    silence = report["largest_gap"]["seconds"]
    sent = report["totals"]["sent"]
    entered(what, sent, kinds[False], kinds[True], silence, " ".join(versions(fleet)))


def entered(*cells: object) -> None:
    with TABLE.open("a") as table:
        table.write(f"| {' | '.join(map(str, cells))} |\n")


def test_from_nothing_and_again(live: Fleet) -> None:
    assert versions(live) == ["v1.0.0"] * 2
    for port in live.entrances:
        shown = served(port, live.api, live.ca_file.read_text())
        assert shown["subjectAltName"] == (("DNS", live.api),)
    for name in APP:
        shown_ports = live.hosts[name].do("docker", "ps", "--format", "{{.Ports}}")
        published = [one for one in shown_ports.replace("\n", ", ").split(", ") if "->" in one]
        assert len(published) == len(live.running_on(name))
        assert all(one.startswith(f"{live.hosts[name].address}:") for one in published), published
    again = live.play("site", "-e", "version=v1.0.0", **NOTHING_WATCHED)
    assert (again.code, again.changed) == (0, 0), again.output


def test_every_host_listens_where_the_page_on_security_says(live: Fleet) -> None:
    for name in live.proxies:
        listens_as_described(live.hosts[name], "proxy")
    for name in APP:
        listens_as_described(live.hosts[name], "app apart from its proxies")


def reaches(address: str, port: int) -> bool:
    """Whether this machine, which is neither proxy nor host, is let in."""
    with contextlib.suppress(OSError):
        socket.create_connection((address, port), timeout=2).close()
        return True
    return False


def test_instances_are_there_for_proxies_alone(live: Fleet) -> None:
    """Published ports go past the rules of most firewalls, so these are asked."""
    host = live.hosts["app-1"]
    told = host.do("docker", "ps", "--format", "{{.Ports}}").splitlines()[0]
    port = int(told.partition("->")[0].rpartition(":")[2])
    asked = f"exec 3<>/dev/tcp/{host.address}/{port}"
    live.hosts["proxy-1"].do("timeout", "5", "bash", "-c", asked)
    assert reaches(host.address, 22)
    assert not reaches(host.address, port)
    shut(live, "app-1", live.gateway)
    assert reaches(host.address, port)
    shut(live, "app-1")
    assert not reaches(host.address, port)


def test_both_proxies_have_tls_that_mozilla_calls_intermediate(live: Fleet) -> None:
    for port in live.entrances:
        for name in (live.api, live.admin):
            assert "OK - Compliant" in sslyze(port, name, live.ca_file)


STRATEGIES: dict[str, dict[str, t.Any]] = {
    "blue_green": {"rollout_bake": 5},
    "canary": {
        "rollout_bake": 5,
        "rollout_canary": {"shares": [10, 50, 100], "minimum": 5, "maximum": 90},
    },
    "rolling": {"rollout_bake": 5, "rollout_instances": 1},
}


def settings(strategy: str) -> dict[str, t.Any]:
    """Of a release that a test has time for."""
    return {"rollout_strategy": strategy, "rollout_gate": GATE, **STRATEGIES[strategy]}


@pytest.mark.parametrize("strategy", list(STRATEGIES))
def test_a_release_over_all_hosts_loses_nothing(live: Fleet, strategy: str) -> None:
    version = other(live)
    with load(live) as clients:
        run = live.play("deploy", "-e", f"version={version}", **settings(strategy))
    assert run.code == 0, run.output
    assert versions(live) == [version] * 2
    assert lost_requests(clients.report) == 0, clients.report["events"][:5]
    assert live.share("proxy-1") == live.share("proxy-2")
    assert len({tuple(live.running_on(name)) for name in APP}) == 1
    tabled(f"{strategy}, all well", clients, live)


def test_a_proxy_that_has_lost_what_it_was_told_is_named_and_brought_back(live: Fleet) -> None:
    (version,) = set(versions(live))
    right = live.share("proxy-1")
    files = "/var/lib/tagadodo/traffic/backend/green"
    lose = f"rm {files}/*" if right else f"cd {files} && touch $(seq 0 99)"
    live.hosts["proxy-2"].do("sh", "-c", lose)
    told = (
        f"APART  proxy-2: backend: {100 - right} % go to green instead of {right} %; run deploy.yml"
    )
    assert told in live.play("status").output
    run = live.play("deploy", "-e", f"version={version}", **settings("blue_green"))
    assert run.code == 0, run.output
    assert f"proxy-2, which sends {100 - right} % to green, to {right} %" in run.output
    assert versions(live) == [version] * 2
    assert "APART" not in live.play("status").output


def test_an_instance_that_ends_on_one_host_returns_all_of_them(live: Fleet) -> None:
    version = other(live)
    slot = "green" if live.share("proxy-1") == 0 else "blue"
    with load(live) as clients:
        run = broken(
            live,
            version,
            "  backend  50 %",
            lambda: live.hosts["app-3"].do("docker", "kill", f"tagadodo-backend-{slot}-1"),
        )
    assert run.code != 0, run.output
    assert "backend" in run.reason
    settled(live, version)
    tabled("an instance of app-3 ends at 50 %", clients, live)


def test_both_proxies_have_new_certificates_and_nobody_notices(live: Fleet) -> None:
    before = serials(live)
    with load(live) as clients:
        run = live.play("certificates", "-e", "renew=yes")
    assert run.code == 0, run.output
    assert not set(before) & set(serials(live))
    assert lost_requests(clients.report) == 0, clients.report["events"][:5]
    tabled("new certificates on both proxies", clients, live)
    accounts = [
        live.hosts[name].do("sh", "-c", "ls /etc/tagadodo/letsencrypt/accounts/*/*/")
        for name in ("proxy-1", "proxy-2")
    ]
    assert accounts[0] == accounts[1]


def serials(fleet: Fleet) -> list[str]:
    roots = fleet.ca_file.read_text()
    return [served(port, fleet.api, roots)["serialNumber"] for port in fleet.entrances]


def test_no_release_begins_while_a_certificate_is_about_to_end(live: Fleet) -> None:
    version = other(live)
    run = live.play("deploy", "-e", f"version={version}", deploy_certificate_days=4000)
    assert run.code != 0
    assert run.reason.startswith("days left of certificates, 4000 are asked for: api.tagadodo.com")
    assert version not in versions(live)


def broken(fleet: Fleet, version: str, seen: str, act: t.Callable[[], object]) -> Run:
    """Release by canary, and do something as soon as the run prints ``seen``."""
    return fleet.play_and(act, seen, "deploy", "-e", f"version={version}", **settings("canary"))


def settled(fleet: Fleet, gone: str) -> None:
    """Both proxies give all traffic to what was live before, and no host that was reached runs the other."""
    assert gone not in versions(fleet)
    assert fleet.share("proxy-1") == fleet.share("proxy-2")
    assert fleet.share("proxy-1") in (0, 100)


CUTS = {
    "when it begins": "TASK [Check the description of every service]",
    "while it starts": "TASK [Start the new instances (10 %)]",
    "after a shift": "  backend  10 %",
}
EVERYDAY_CUTS = ("after a shift",)


@pytest.mark.parametrize("when", list(CUTS) if ALL else EVERYDAY_CUTS)
def test_a_host_that_is_cut_off_returns_all_of_them(live: Fleet, when: str) -> None:
    version, host = other(live), live.hosts["app-2"]
    with load(live) as clients:
        run = broken(live, version, CUTS[when], host.cut_off)
        host.reconnect()
    assert run.code != 0, run.output
    assert "app-2" in run.output
    settled(live, version)
    tabled(f"app-2 is cut off {when}", clients, live)
    again = live.play("deploy", "-e", f"version={version}", **settings("blue_green"))
    assert again.code == 0, again.output
    assert versions(live) == [version] * 2


@pytest.mark.parametrize(
    "back", ["when the run has ended", "at once"] if ALL else ["when the run has ended"]
)
def test_a_proxy_that_starts_anew_at_half_leads_nobody_to_a_slot_that_is_stopped(
    live: Fleet, back: str
) -> None:
    version, proxy = other(live), live.hosts["proxy-2"]

    def reboot() -> None:
        proxy.lose()
        if back == "at once":
            proxy.come_back()

    run = broken(live, version, "  backend  50 %", reboot)
    if back != "at once":
        assert run.code != 0, run.output
        assert "proxy-2 could not be told, and may go on with both" in run.reason
        proxy.come_back()
    deadline = time.monotonic() + COME_BACK
    while not answers(live):
        assert time.monotonic() < deadline, f"nginx of proxy-2 was not back within {COME_BACK} s"
        time.sleep(0.5)
    with load(live) as clients:
        time.sleep(5)
    assert lost_requests(clients.report) == 0, clients.report["events"][:5]
    tabled(f"proxy-2 is lost at 50 %, and back {back}", clients, live)
    if "could not be told" in run.reason:
        restored = live.play("rollback")
        assert restored.code == 0, restored.output
    if run.code != 0:
        settled(live, version)
    else:
        assert versions(live) == [version] * 2
