# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each way in which what runs may differ from ledger and inventory; and nothing where nothing does."""

from __future__ import annotations

import copy
import typing as t
from dataclasses import replace

import pytest

from ansible_collections.tagadodo.deploy.plugins.module_utils._drift import (
    Difference,
    Seen,
    drift,
    under_way,
    wanted_settings,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._plan import Fleet, HostView
from ansible_collections.tagadodo.deploy.plugins.module_utils._service import Installation, Service
from ansible_collections.tagadodo.deploy.plugins.plugin_utils._services import parse_services

DESCRIBED = {
    "image": "tagadodo/backend",
    "port": 3000,
    "instances": 2,
    "hostnames": ["a.example"],
    "env": {"PORT": 3000},
    "secrets": {"JWT_SECRET": ""},
    "resources": {"memory": "512m"},
}
INSTALLATION = Installation()
IMAGE = "docker.io/tagadodo/backend@sha256:" + "1" * 64


def described(**changes: t.Any) -> Service:
    (service,) = parse_services({"backend": {**DESCRIBED, **changes}})
    return service


SERVICE = described()
RECORD: t.Dict[str, t.Any] = {
    "release": "20261129-080000",
    "outcome": "succeeded",
    "version": "1.0.0",
    "image": IMAGE,
    "slot": "green",
    "settings": SERVICE.public_settings,
}


def container(number: int, slot: str = "green", **facts: t.Any) -> t.Dict[str, t.Any]:
    return {
        "name": f"tagadodo-backend-{slot}-{number}",
        "service": "backend",
        "slot": slot,
        "number": number,
        "running": True,
        "status": "Up",
        "release": RECORD["release"],
        "version": "1.0.0",
        "image": IMAGE,
        "fingerprint": "f1",
        **facts,
    }


def observed(number: int, **changes: t.Any) -> t.Dict[str, t.Any]:
    settings = wanted_settings(SERVICE, INSTALLATION, "green", number, "web1")
    facts = {
        "digests": ["sha256:" + "1" * 64],
        "settings": {**settings, **changes.pop("settings", {})},
        "env": {"PORT": "3000"},
        "secrets": {"JWT_SECRET": "same"},
        "strangers": [],
    }
    return {**facts, **changes}


def seen(*changed: t.Dict[str, t.Any], **changes: t.Any) -> Seen:
    """One host with two instances, of which the first is observed with ``facts``.

    Args:
        changed: containers in the place of both.
    """
    facts = changes.pop("facts", {})
    route = {"actions": [], "diff": {}, "served": "r1", **changes.pop("route", {})}
    view = HostView(
        "web1",
        containers=changed or (container(1), container(2)),
        **{
            "shares": {"backend": 100},
            "fingerprints": {"backend": "f1"},
            "releases": {"backend": [RECORD]},
            **changes,
        },
    )
    looks = {
        f"tagadodo-backend-green-{n}": observed(n, **(facts if n == 1 else {})) for n in (1, 2)
    }
    return Seen(Fleet(app=(view,), proxy=(view,)), {"web1": looks}, {"web1": route})


def told(what: Seen, *services: Service, only: t.Sequence[str] = ()) -> t.List[Difference]:
    return drift(what, services or (SERVICE,), INSTALLATION, only)


def test_nothing_has_drifted() -> None:
    assert told(seen()) == []


FIRST = "tagadodo-backend-green-1"
CAUSED: t.Dict[str, t.Tuple[t.Dict[str, t.Any], str, str]] = {
    "another image": (
        {"facts": {"digests": ["sha256:" + "2" * 64]}},
        "digest",
        f"{FIRST}: it runs sha256:222222222222, sha256:111111111111 was released",
    ),
    "an image without a digest": (
        {"facts": {"digests": []}},
        "digest",
        f"{FIRST}: it runs an image without a digest, sha256:111111111111 was released",
    ),
    "a limit": (
        {"facts": {"settings": {"memory": 2**30}}},
        "settings",
        f"{FIRST}: memory is 1073741824, 536870912 was released",
    ),
    "rights": (
        {"facts": {"settings": {"privileged": True}}},
        "settings",
        f"{FIRST}: privileged is on, off was released",
    ),
    "a port": (
        {"facts": {"settings": {"published": ["0.0.0.0:3000"]}}},
        "settings",
        f"{FIRST}: published is 0.0.0.0:3000, none was released",
    ),
    "a variable": (
        {"facts": {"env": {"PORT": "4000"}}},
        "settings",
        f"{FIRST}: env.PORT is 4000, 3000 was released",
    ),
    "a variable that is gone": (
        {"facts": {"env": {}}},
        "settings",
        f"{FIRST}: env.PORT is none, 3000 was released",
    ),
    "a variable more": (
        {"facts": {"strangers": ["DEBUG"]}},
        "settings",
        f"{FIRST}: env.DEBUG is there, and was not released",
    ),
    "a secret in a container": (
        {"facts": {"secrets": {"JWT_SECRET": "other"}}},
        "settings",
        f"{FIRST}: secrets.JWT_SECRET is another",
    ),
    "a secret that is gone": (
        {"facts": {"secrets": {"JWT_SECRET": "missing"}}},
        "settings",
        f"{FIRST}: secrets.JWT_SECRET is missing",
    ),
    "a secret in the inventory": (
        {"fingerprints": {"backend": "f2"}, "facts": {"secrets": {"JWT_SECRET": "other"}}},
        "settings",
        "backend: a secret is another in the inventory than what was released",
    ),
    "a share": (
        {"shares": {"backend": 50}},
        "shares",
        "backend: 50 % go to green, 100 % by the ledger",
    ),
    "a switch": ({"shares": {}}, "shares", "backend has no switch"),
    "instances in traffic": (
        {"instances_in_traffic": {"backend": {"green": 1}}},
        "shares",
        "backend: 1 of 2 instances of green get traffic",
    ),
    "a line of nginx": (
        {
            "route": {
                "actions": [
                    {"what": "/etc/nginx.conf", "action": "write"},
                    {"what": "tagadodo-nginx", "action": "reload"},
                ],
                "diff": {"before": "a;\n  b;\n", "after": "a;\n  c;\n"},
            }
        },
        "routes",
        "/etc/nginx.conf: line 2 is b;, the inventory makes c; of it",
    ),
    "a file of nginx that is gone": (
        {"route": {"actions": [{"what": "n.conf", "action": "write"}], "diff": {"after": "a;"}}},
        "routes",
        "n.conf: it is gone",
    ),
    "what nginx has loaded": (
        {"route": {"actions": [{"what": "tagadodo-nginx", "action": "reload"}]}},
        "routes",
        "tagadodo-nginx serves another configuration than its file",
    ),
    "nginx": ({"route": {"served": ""}}, "routes", "nginx does not answer"),
}


@pytest.mark.parametrize("caused", CAUSED)
def test_what_was_caused_is_told_and_nothing_else(caused: str) -> None:
    changes, kind, expected = CAUSED[caused]
    assert told(seen(**copy.deepcopy(changes))) == [Difference(kind, "web1", expected)]


@pytest.mark.parametrize(
    ("containers", "expected"),
    [
        ([container(1)], "tagadodo-backend-green-2 is gone"),
        (
            [container(1), container(2, running=False, status="Exited (1)")],
            "tagadodo-backend-green-2 does not run (Exited (1))",
        ),
        (
            [container(1), container(2), container(3)],
            "tagadodo-backend-green-3 is one more than 2",
        ),
        (
            [container(1), container(2), container(1, "blue")],
            "tagadodo-backend-blue-1 runs, and blue has no traffic",
        ),
        (
            [container(1), container(2), container(1, service="shop", name="tagadodo-shop-blue-1")],
            "tagadodo-shop-blue-1 runs, and the inventory does not describe shop",
        ),
    ],
)
def test_which_containers_run(containers: t.List[t.Dict[str, t.Any]], expected: str) -> None:
    assert told(seen(*containers)) == [Difference("instances", "web1", expected)]


@pytest.mark.parametrize(
    ("changes", "kind", "expected"),
    [
        ({"env": {"PORT": 4000}}, "settings", "env.PORT: 3000 was released, the inventory says 4000"),
        ({"instances": 3}, "settings", "instances: 2 was released, the inventory says 3"),
        ({"version": "1.1.0"}, "ledger", "1.0.0 is live, the inventory describes 1.1.0"),
        ({"version": "1.0.0"}, "", ""),
        ({"bake": 30}, "", ""),
    ],
)  # fmt: skip
def test_the_inventory_is_compared_with_the_ledger(
    changes: t.Dict[str, t.Any], kind: str, expected: str
) -> None:
    differs = [Difference(kind, "backend", expected)] if kind else []
    assert told(seen(), described(**changes)) == differs


def test_a_container_of_another_release_is_told() -> None:
    (one,) = told(seen(container(1, release="r0"), container(2)))
    assert one.told == f"{FIRST}: it is of release r0, 20261129-080000 is live by the ledger"


def test_what_runs_and_was_never_released() -> None:
    (one,) = told(seen(releases={}))
    assert one.kind == "ledger"
    assert one.told.endswith("green-2 runs, and no release is known")


def test_a_rollback_is_what_it_has_restored() -> None:
    back = {**RECORD, "release": "20261129-090000", "restores": RECORD["release"]}
    assert told(seen(releases={"backend": [back, RECORD]})) == []


def test_a_release_under_way_is_told_and_not_compared() -> None:
    running = {**RECORD, "release": "20261129-090000", "version": "1.1.0", "outcome": "held"}
    what = seen(releases={"backend": [running, RECORD]}, shares={"backend": 10})
    assert told(what) == []
    assert under_way(what.fleet, [SERVICE]) == [
        "backend: the release of 1.1.0 has not ended (held); what it moves is not compared"
    ]
    assert under_way(seen().fleet, [SERVICE]) == []


def test_one_service_is_compared_without_nginx() -> None:
    what = replace(seen(shares={"backend": 0}), routes={"web1": {"served": ""}})
    assert [one.kind for one in told(what, only=["backend"])] == ["shares"]
    assert told(what, only=["frontend"]) == []
