"""The status screen."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.tagadodo.deploy.plugins.module_utils._plan import HostView
from ansible_collections.tagadodo.deploy.plugins.module_utils._status import known_services, screen


def container(slot: str, version: str, **more: t.Any) -> dict[str, t.Any]:
    facts = {"service": "backend", "slot": slot, "version": version, "running": True}
    return {**facts, "health": "healthy", **more}


def test_one_line_a_slot_and_the_last_releases() -> None:
    view = HostView(
        name="web1",
        containers=(
            container("blue", "1.0.0", running=False),
            container("green", "1.1.0"),
            container("green", "1.1.0", health="unhealthy"),
        ),
        shares={"backend": 100},
        releases={
            "backend": [
                {
                    "release": "20261122-2",
                    "version": "1.2.0",
                    "outcome": "failed",
                    "reason": "never ready",
                },
                {"release": "20261122-1", "version": "1.1.0", "outcome": "succeeded"},
            ]
        },
    )
    assert screen([view]) == [
        "SERVICE  HOST  SLOT   VERSION  TRAFFIC  INSTANCES   HEALTH",
        "backend  web1  blue   1.0.0    0 %      0 of 1 run  stopped",
        "backend  web1  green  1.1.0    100 %    2 of 2 run  unhealthy",
        "",
        "RELEASE (UTC)  SERVICE  VERSION  OUTCOME",
        "20261122-2     backend  1.2.0    failed: never ready",
        "20261122-1     backend  1.1.0    succeeded",
    ]


def test_a_service_nobody_released_is_shown() -> None:
    assert "nothing released" in screen([HostView("web1", shares={"backend": 0})])[1]


def test_an_empty_host() -> None:
    assert screen([HostView("web1")]) == ["No service is set up yet; run site.yml."]


def test_proxies_that_disagree_show_no_share() -> None:
    green = (container("green", "1.1.0"),)
    views = [
        HostView("web1", containers=green, shares={"backend": 100}),
        HostView("web2", shares={"backend": 0}),
    ]
    assert "  ?  " in screen(views)[1]


LIVE = {"release": "r1", "version": "1.1.0", "outcome": "succeeded", "slot": "green"}
HALF = {"release": "r2", "version": "1.2.0", "outcome": "held", "slot": "blue"}


@pytest.mark.parametrize(
    ("shares", "records", "told"),
    [
        ((100, 100), [LIVE], []),
        ((100, 0), [LIVE], ["web2: backend: 0 % go to green instead of 100 %; run deploy.yml"]),
        ((50, 90), [HALF, LIVE], ["web1: backend: 50 % go to green instead of 90 %; run deploy.yml"]),
        ((50, 50), [HALF, LIVE], []),
        (
            (100, 0),
            [],
            [
                "backend: the proxies disagree about the share of green (web1 100 %, web2 0 %), and the ledger does"
                " not say which is right; run rollback.yml to bring them together",
            ],
        ),
        ((0,), [], []),
    ],
)  # fmt: skip
def test_a_line_names_each_proxy_that_is_apart(
    shares: tuple[int, ...], records: list[dict[str, t.Any]], told: list[str]
) -> None:
    proxies = [
        HostView(f"web{n}", shares={"backend": share}) for n, share in enumerate(shares, start=1)
    ]
    lines = screen([*proxies, HostView("app", releases={"backend": records})])
    assert [line.removeprefix("APART  ") for line in lines if line.startswith("APART")] == told


def test_proxies_that_all_have_lost_what_they_were_told_are_named() -> None:
    lost = HostView("web1", (container("green", "1.1.0"),), {"backend": 0}, {}, {"backend": [LIVE]})
    told = "APART  web1: backend: 0 % go to green instead of 100 %; run deploy.yml"
    assert told in screen([lost])


def test_one_service_is_shown_alone() -> None:
    frontend = {**container("blue", "0.9.0"), "service": "frontend"}
    old = {"release": "20261122-0", "version": "0.1.0", "outcome": "failed"}
    view = HostView(
        name="web1",
        containers=(container("green", "1.1.0"), frontend),
        shares={"backend": 100, "frontend": 0},
        releases={"backend": [{**old, "version": "1.1.0"}], "frontend": [old], "gone": [old]},
    )
    assert known_services([view]) == ["backend", "frontend"]
    shown = screen([view], only=("frontend",))
    assert [line.split()[:1] for line in shown] == [
        ["SERVICE"],
        ["frontend"],
        [],
        ["RELEASE"],
        ["20261122-0"],
    ]
    assert "backend" not in "".join(shown)
