# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This module util is PRIVATE to the collection.
"""A plan as the arguments of the modules that carry it out, and as text to read."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, replace

from ansible_collections.tagadodo.deploy.plugins.module_utils._instance import runtime_of
from ansible_collections.tagadodo.deploy.plugins.module_utils._plan import (
    Fleet,
    ServicePlan,
    describe,
    is_warm,
    slot_spec,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._service import (
    Platform,
    other_slot,
)

Data = t.Dict[str, t.Any]

PROBES = ("startup_probe", "ready_probe", "live_probe")


@dataclass(frozen=True)
class Endpoint:
    """Where a proxy host reaches its own nginx, and how it proves to be us.

    ``token_file`` holds the secret that lets a request choose its slot.
    """

    address: str
    https_port: int
    ca_file: str = ""
    token_file: str = ""


def _release_of(plan: ServicePlan) -> str:
    return plan.restores or plan.release


def _paths(plan: ServicePlan) -> Data:
    health = plan.service.settings["health"]
    return {
        **{key: health[key] for key in ("startup", "ready", "live", "full", *PROBES)},
        "identity": {"path": health["identity"], "value": plan.version},
    }


def direct_targets(plan: ServicePlan, platform: Platform) -> t.List[Data]:
    """Every instance of the slot at its own address."""
    service = plan.service
    return [
        {
            "name": f"{service.name}-{plan.slot}-{number}",
            "url": f"http://{address}",
            "container": service.container(platform, plan.slot, number),
            **_paths(plan),
        }
        for number, address in enumerate(service.upstreams(platform, plan.slot), start=1)
    ]


def proxy_target(plan: ServicePlan, endpoint: Endpoint, slot: str = "") -> Data:
    """The service through nginx and TLS: as users reach it, or forced to ``slot``.

    Its instances have started by then, so it is asked for readiness alone.
    """
    service = plan.service
    paths = _paths(plan)
    hostname = service.hostnames[0]
    forced: Data = {}
    if slot:
        forced = {
            "headers": {"X-Probe-Slot": slot},
            "header_files": {"X-Probe-Token": endpoint.token_file},
        }
    return {
        "name": f"{service.name} through nginx",
        "url": f"https://{hostname}:{endpoint.https_port}",
        "address": f"{endpoint.address}:{endpoint.https_port}",
        "ca_file": endpoint.ca_file,
        **forced,
        **{key: paths[key] for key in ("ready", "full", "identity", "ready_probe")},
    }


def as_before(plan: ServicePlan) -> ServicePlan:
    """What users get when the plan is given up."""
    return replace(plan, version=plan.before["version"] if plan.before else "")


def _record(plan: ServicePlan) -> Data:
    facts: Data = {
        "kind": "rollback" if plan.action == "restore" else "release",
        "version": plan.version,
        "image": plan.image,
        "slot": plan.slot,
        "strategy": plan.service.settings["strategy"],
        "settings": plan.service.public_settings,
        "reasons": list(plan.reasons),
        "previous": {key: plan.before[key] for key in ("release", "version", "image")}
        if plan.before
        else None,
    }
    if plan.restores:
        facts["restores"] = plan.restores
    return {"service": plan.service.name, "release": plan.release, "facts": facts}


def _left_slot(plan: ServicePlan, slot: str, drain: int) -> Data:
    return {
        "service": plan.service.name,
        "slot": slot,
        "drain": drain,
        "runtime": runtime_of(plan.service.settings),
    }


def steps(
    fleet: Fleet, plans: t.Sequence[ServicePlan], platform: Platform, endpoint: Endpoint
) -> Data:
    """What each step of the release is given; a step with nothing to do has an empty list."""
    moving = [plan for plan in plans if plan.moves_traffic]
    starting = [plan for plan in plans if plan.changes]
    migrating = [p for p in plans if p.action == "release" and p.service.settings.get("migrations")]
    back = {p.service.name: fleet.green_share(p.service.name) for p in moving}
    return {
        "services": {
            p.service.name: {"action": p.action, "version": p.version, "slot": p.slot}
            for p in plans
        },
        "start": [slot_spec(p, platform, _release_of(p)) for p in starting],
        "migrate": [
            {
                "service": p.service.name,
                "image": p.image,
                "commands": p.service.settings["migrations"],
                "runtime": runtime_of(p.service.settings),
            }
            for p in migrating
        ],
        "prove": [target for p in starting for target in direct_targets(p, platform)],
        "prove_proxy": [proxy_target(p, endpoint, p.slot) for p in starting],
        "verify": [proxy_target(p, endpoint) for p in plans],
        "verify_back": [proxy_target(as_before(p), endpoint) for p in moving if p.before],
        "shares": {p.service.name: {p.slot: 100} for p in moving},
        "shares_back": {
            name: {"green": share, "blue": 100 - share} for name, share in back.items()
        },
        "settle": max((p.service.settings["min_ready"] for p in moving), default=0),
        "watch": max((p.service.settings["bake"] for p in moving), default=0),
        "leave": [
            _left_slot(p, other_slot(p.slot), p.service.settings["drain"])
            for p in moving
            if not p.stays_warm
        ],
        "abandon": [_left_slot(p, p.slot, 0) for p in moving],
        "warm": all(is_warm(fleet, p) for p in moving),
        "records": [_record(p) for p in moving],
        "given_up": [
            {"service": p.service.name, "release": p.before["release"]}
            for p in moving
            if p.action == "restore" and p.before
        ],
    }


def current_text(plans: t.Sequence[ServicePlan]) -> str:
    """What is live now, one line a service."""
    return "".join(
        f"{p.service.name}: {p.before['version']} is live in {p.live}\n"
        if p.before
        else f"{p.service.name}: nothing is live\n"
        for p in plans
    )


def planned_text(fleet: Fleet, plans: t.Sequence[ServicePlan]) -> t.List[str]:
    """The plan in plain words, one line a step."""
    return [
        line
        for p in plans
        for line in describe(p, warm=p.action == "restore" and is_warm(fleet, p))
    ]
