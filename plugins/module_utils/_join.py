# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This module util is PRIVATE to the collection.
"""The plan by which hosts join a release that is live: what nginx is to lead to runs there before."""

from __future__ import annotations

import typing as t

from ansible_collections.tagadodo.deploy.plugins.module_utils._ledger import (
    good_before,
    live_record,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._plan import (
    Fleet,
    PlanError,
    ServicePlan,
    live_container,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._service import SLOTS, Service


def plan_join(fleet: Fleet, service: Service) -> t.Optional[ServicePlan]:
    """Plan starting the live release as it is on hosts of the service that run nothing of it; None where all do,
    or where nothing is live.

    Raises:
        PlanError: a release was left half way: such a host would need both of its slots.
    """
    name = service.name
    runs = live_container(fleet, service, fleet.slot_with_most(name))
    live = live_record(fleet.records(name)) or runs or {}
    served = any(name in view.shares for view in fleet.proxy)
    if not served or live.get("slot") not in SLOTS or not live.get("image"):
        return None
    slot = str(live["slot"])
    new = tuple(
        view.name
        for view in fleet.hosts(name)
        if not any(one["running"] for one in view.slot(name, slot))
    )
    if not new:
        return None
    unfinished = fleet.unfinished(name)
    if unfinished:
        raise PlanError(
            f"{name}: {', '.join(new)} would join, and the release of {unfinished['version']} was left half way;"
            " run deploy.yml or rollback.yml first"
        )
    return ServicePlan(
        _as_live(fleet, service, slot, live),
        "join",
        slot,
        str(live["version"]),
        str(live["image"]),
        str(live.get("restores") or live["release"]),
        live_container(fleet, service, slot),
        (f"nothing of it runs on {', '.join(new)} yet",),
        joining=new,
    )


def _as_live(fleet: Fleet, service: Service, slot: str, live: t.Mapping[str, t.Any]) -> Service:
    """The service as it was released; its secrets are those of now."""
    settings = {**service.settings, **live.get("settings", {})}
    now = {
        "secrets": service.settings["secrets"],
        "instances": fleet.counts(service.name).get(slot) or settings["instances"],
    }
    return Service(service.name, {**settings, **now})


def history(fleet: Fleet, plan: ServicePlan) -> t.List[t.Dict[str, t.Any]]:
    """What hosts that join learn of the service: the release that is live, and the one to go back to from there."""
    name = plan.service.name
    records = fleet.records(name)
    live = live_record(records)
    restored = str((live or {}).get("restores", ""))
    known = [
        one
        for one in records
        if one in (live, good_before(records, live)) or one["release"] == restored
    ]
    own = ("schema", "service", "release")
    return [
        {
            "service": name,
            "release": one["release"],
            "facts": {key: value for key, value in one.items() if key not in own},
        }
        for one in known
    ]
