# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This module util is PRIVATE to the collection.
"""The plan of a way back: to which release, from what, and what becomes of what that did to the database."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, replace

from ansible_collections.tagadodo.deploy.plugins.module_utils._ledger import (
    HELD,
    Record,
    good_before,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._plan import (
    Fleet,
    PlanError,
    ServicePlan,
    check_led,
    live_container,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._service import Service, other_slot
from ansible_collections.tagadodo.deploy.plugins.module_utils._undo import (
    LEAVE,
    REVERT,
    Undo,
    leftovers,
    migrations_since,
    own_migrations,
)

ANY_UNFINISHED = "unfinished"  # in place of a release's name, which begins with a year


class NoGoodRelease(PlanError):
    """The ledger knows no release to go back to."""


@dataclass(frozen=True)
class _Way:
    """The way back of a service: from what to what.

    Attributes:
        target: record of the release to restore.
        live: slot that is left.
        release: name of the rollback.
        before: what is given up, as far as it is known.
        undo: what that did to the database.
    """

    target: Record
    live: str
    release: str
    before: t.Optional[t.Mapping[str, t.Any]]
    undo: t.Optional[Undo]
    unfinished: str = ""


def plan_rollback(
    fleet: Fleet,
    service: Service,
    release: str,
    version: t.Optional[str] = None,
    data: str = "",
) -> ServicePlan:
    """Plan going back to the last good release before the live one, or to the last good ``version``.

    The service's settings become those of the release that is restored, except for secrets.

    Args:
        data: what becomes of the migrations of what is given up; as the service says when empty.

    Raises:
        NoGoodRelease: the ledger knows no such release.
        PlanError: nginx leads to other hosts alone.
    """
    check_led(fleet, service, some=True)
    way = _way_back(fleet, service, release, version)
    settings = {**service.settings, **way.target["settings"]}
    now = {
        "secrets": service.settings["secrets"],
        "instances": fleet.reachable(service.name, settings["instances"]),
    }
    given_up = way.before["version"] if way.before else "what is live"
    return ServicePlan(
        Service(service.name, {**settings, **now}),
        "restore",
        way.live,
        str(way.target["version"]),
        str(way.target["image"]),
        way.release,
        way.before,
        (f"{given_up} is given up",),
        str(way.target.get("restores") or way.target["release"]),
        left=fleet.instances(service.name, way.live),
        unfinished=way.unfinished,
        undo=way.undo,
        data=data or data_policy(service),
        newer=_as_released(service, fleet.records(service.name), way.undo),
    )


def _way_back(fleet: Fleet, service: Service, release: str, version: t.Optional[str]) -> _Way:
    records = fleet.records(service.name)
    unfinished = fleet.unfinished(service.name)
    good = [record for record in records if record.get("outcome") == "succeeded"]
    current = fleet.live_record(service.name)
    if unfinished and unfinished.get("restores") and not version:
        target = next((one for one in good if one["release"] == unfinished["restores"]), None)
        if target:
            before = unfinished.get("previous")
            undo = own_migrations(records, str(before["release"])) if before else None
            name = str(unfinished["release"])
            live = other_slot(str(unfinished["slot"]))
            return _Way(target, live, name, before, undo)
    if version:
        target = next((record for record in good if record.get("version") == version), None)
        asked = f"no good release of version {version}"
    elif unfinished:
        target = current
        asked = f"no good release before {unfinished['version']}, which was not finished"
    else:
        target = good_before(records, current)
        asked = "no good release before the live one"
    if target is None:
        known = ", ".join(sorted({str(record.get("version")) for record in good})) or "none"
        raise NoGoodRelease(f"{service.name}: the ledger knows {asked} (good ones: {known})")
    live = str(unfinished["slot"]) if unfinished else fleet.slot_with_most(service.name)
    name = str(unfinished["release"]) if unfinished else ""
    before = live_container(fleet, service, live)
    given_up = name or str((current or {}).get("restores") or (current or {}).get("release", ""))
    undo = own_migrations(records, given_up)
    if version:
        undo = migrations_since(records, target)
    return _Way(target, live, release, before, undo, name)


def data_policy(service: Service) -> str:
    """What going back does to the database, as the service says."""
    return str((service.settings.get("migrations") or {}).get("on_rollback", LEAVE))


def _as_released(
    service: Service, records: t.Sequence[Record], undo: t.Optional[Undo]
) -> t.Optional[Service]:
    """The service as it was when it applied the migrations; its secrets are those of now."""
    if undo is None:
        return None
    then = next(record for record in records if record["release"] == undo.release)
    settings = {**service.settings, **then.get("settings", {})}
    migrations = settings.get("migrations") or service.settings.get("migrations")
    now = {"secrets": service.settings["secrets"], "migrations": migrations}
    return Service(service.name, {**settings, **now})


def plan_revert(fleet: Fleet, service: Service) -> ServicePlan:
    """Plan taking back what releases that were given up have left in the database."""
    records = fleet.records(service.name)
    undo = leftovers(records, fleet.live_record(service.name))
    reasons = () if undo else ("no release that was given up has left a migration",)
    kept = replace(_stays(fleet, service), reasons=reasons)
    newer = _as_released(service, records, undo)
    return replace(kept, undo=undo, data=REVERT, newer=newer)


def plan_rollbacks(
    fleet: Fleet, services: t.Sequence[Service], release: str, data: str = ""
) -> t.List[ServicePlan]:
    """Plan going back with all services that can; the others stay as they are.

    Raises:
        NoGoodRelease: none can.
    """
    plans: t.List[ServicePlan] = []
    refusals: t.List[str] = []
    for service in services:
        try:
            plans.append(plan_rollback(fleet, service, release, data=data))
        except NoGoodRelease as error:
            plans.append(_stays(fleet, service))
            refusals.append(str(error))
    if len(refusals) == len(plans):
        raise NoGoodRelease("; ".join(refusals))
    return plans


def plan_giving_up(
    fleet: Fleet, services: t.Sequence[Service], release: str, given_up: t.Sequence[str], data: str
) -> t.List[ServicePlan]:
    """Plan going back from some releases, with the services that have them live or half way; the others stay as they are.

    Args:
        given_up: names of these releases; ``ANY_UNFINISHED`` among them stands for whatever was left half way.

    Raises:
        NoGoodRelease: a service has nothing to go back to.
    """
    return [
        plan_rollback(fleet, service, release, data=data)
        if _concerns(fleet, service, given_up)
        else _stays(fleet, service, _not_of(given_up))
        for service in services
    ]


def _concerns(fleet: Fleet, service: Service, given_up: t.Sequence[str]) -> bool:
    """Whether a service has one of those releases. One that is held waits for people."""
    unfinished = fleet.unfinished(service.name)
    if unfinished:
        named = {ANY_UNFINISHED, str(unfinished["release"])}.intersection(given_up)
        return unfinished.get("outcome") != HELD and bool(named)
    return (fleet.live_record(service.name) or {}).get("release") in given_up


def _not_of(given_up: t.Sequence[str]) -> str:
    names = [name for name in given_up if name not in ("", ANY_UNFINISHED)]
    if not names:
        return "no run that was killed has left it half way"
    return f"{', '.join(names)} is neither live nor was it left half way"


def _stays(
    fleet: Fleet, service: Service, reason: str = "there is no earlier good release"
) -> ServicePlan:
    """Leave a service alone, whatever state it is in."""
    live = fleet.slot_with_most(service.name)
    current = live_container(fleet, service, live)
    version, image, release = (
        str(current[key]) if current else "" for key in ("version", "image", "release")
    )
    return ServicePlan(service, "keep", live, version, image, release, current, (reason,))
