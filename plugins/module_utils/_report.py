# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This module util is PRIVATE to the collection.
"""What one host can say before a release is planned, read in one go and without changing it."""

from __future__ import annotations

import dataclasses
import os
import time
import typing as t

from ansible_collections.tagadodo.deploy.plugins.module_utils._access_log import (
    RATE_BYTES,
    Recent,
    recent,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._containers import Containers
from ansible_collections.tagadodo.deploy.plugins.module_utils._documents import Files
from ansible_collections.tagadodo.deploy.plugins.module_utils._engine import EngineError, connect
from ansible_collections.tagadodo.deploy.plugins.module_utils._host import (
    find_stock,
    read_key,
    resolve_tags,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._instance import fingerprint
from ansible_collections.tagadodo.deploy.plugins.module_utils._ledger import Ledger, Record
from ansible_collections.tagadodo.deploy.plugins.module_utils._lock import Lock, told_of
from ansible_collections.tagadodo.deploy.plugins.module_utils._service import SLOTS
from ansible_collections.tagadodo.deploy.plugins.module_utils._split import GREEN, TrafficError
from ansible_collections.tagadodo.deploy.plugins.module_utils._traffic import Nginx, read_splits

Data = t.Dict[str, t.Any]

# What a module takes that returns the report; the documentation fragment REPORT describes it.
REPORT: Data = {
    "project": {"type": "str", "default": "tagadodo"},
    "state_dir": {"type": "path", "required": True},
    "runtimes": {"type": "dict", "default": {}},
    "secrets": {"type": "dict", "default": {}, "no_log": True},
    "tags": {"type": "list", "elements": "str", "default": []},
    "logs": {"type": "dict", "default": {}},
    "control_url": {"type": "str", "default": ""},
    "limit": {"type": "int", "default": 0},
    "stock": {"type": "bool", "default": False},
}

LATELY = 3600  # seconds


def sent_lately(path: str) -> dict[str, float]:
    """What users sent, by the end of a log and the one that was rotated before it."""
    return rates_of(recent(path, LATELY, time.time(), most_bytes=RATE_BYTES))


def rates_of(seen: Recent) -> dict[str, float]:
    """What a plan has to know of what users sent."""
    return {
        "requests": seen.total.requests,
        "failed": seen.total.failed,
        "per_minute": round(seen.per_minute, 1),
        "seconds": round(seen.seconds, 1),
    }


def known_upstreams(control_url: str, services: t.Iterable[str]) -> Data:
    """How many instances of a slot nginx can reach, and on which hosts; nothing where it does not answer."""
    servers: dict[str, int] = {}
    addresses: dict[str, list[str]] = {}
    if not control_url:
        return {"servers": servers, "addresses": addresses}
    nginx = Nginx(control_url)
    try:
        for service in services:
            servers[service] = min(nginx.servers(service, slot) for slot in SLOTS)
            led_to = nginx.addresses(service)
            if led_to is not None:
                addresses[service] = led_to
    except TrafficError:
        return {"servers": {}, "addresses": {}}
    finally:
        nginx.close()
    return {"servers": servers, "addresses": addresses}


def _stock(client: t.Any, project: str, releases: t.Mapping[str, t.Sequence[Record]]) -> list[Data]:
    """Images of past releases; none where the engine cannot say, since no release waits for that."""
    try:
        return [dataclasses.asdict(one) for one in find_stock(client, project, releases)]
    except EngineError:
        return []


def read_host(params: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    """Everything this host can say, without changing it."""
    client = connect()
    ledger = Ledger(Files(params["state_dir"]))
    key = read_key(params["state_dir"])
    splits = read_splits(params["state_dir"])
    releases = {name: ledger.read(name) for name in ledger.services()}
    return {
        "containers": [
            found.summary() for found in Containers(client, params["project"], "").find()
        ],
        "shares": {name: split.share(GREEN) for name, split in splits.items()},
        "instances_in_traffic": {name: split.counts for name, split in splits.items()},
        "damaged": ledger.damaged(),
        "lock": told_of(Lock(params["state_dir"]).holder(), time.time()),
        "releases": {name: known[: params["limit"] or None] for name, known in releases.items()},
        "stock": _stock(client, params["project"], releases) if params["stock"] else [],
        "fingerprints": {
            name: fingerprint(key, runtime, params["secrets"].get(name, {}))
            for name, runtime in params["runtimes"].items()
        },
        "requests": {
            name: sent_lately(path) for name, path in params["logs"].items() if os.path.exists(path)
        },
        "images": resolve_tags(client, params["tags"]),
        **known_upstreams(params["control_url"], splits),
    }
