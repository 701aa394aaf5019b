# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This module util is PRIVATE to the collection.
"""The plan of a release: what is asked for, against what every host reports, as steps to take.

Decided once for the whole environment, then carried out by the playbook: what the plan shows is
what happens. A plan never holds the value of a secret.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field, replace

from ansible_collections.tagadodo.deploy.plugins.module_utils._ledger import (
    UNFINISHED,
    Record,
    live_record,
    unfinished_record,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._service import (
    SLOTS,
    Installation,
    Place,
    Service,
    other_slot,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._stock import Stock
from ansible_collections.tagadodo.deploy.plugins.module_utils._strategy import Step, release_steps
from ansible_collections.tagadodo.deploy.plugins.module_utils._undo import LEAVE, REVERT, Undo


class PlanError(Exception):
    """What is asked for cannot be done; the text is one line and says what to change."""


@dataclass(frozen=True)
class HostView:
    """What one host reported (see the ``release_info`` module)."""

    name: str
    containers: t.Tuple[t.Mapping[str, t.Any], ...] = ()
    shares: t.Mapping[str, int] = field(default_factory=dict)
    fingerprints: t.Mapping[str, str] = field(default_factory=dict)
    releases: t.Mapping[str, t.Sequence[Record]] = field(default_factory=dict)
    images: t.Mapping[str, t.Mapping[str, t.Any]] = field(default_factory=dict)
    instances_in_traffic: t.Mapping[str, t.Mapping[str, int]] = field(default_factory=dict)
    requests: t.Mapping[str, t.Mapping[str, t.Any]] = field(default_factory=dict)
    servers: t.Mapping[str, int] = field(default_factory=dict)
    addresses: t.Mapping[str, t.Sequence[str]] = field(default_factory=dict)
    lock: t.Mapping[str, t.Any] = field(default_factory=dict)
    damaged: t.Sequence[str] = ()
    stock: t.Tuple[Stock, ...] = ()

    def slot(self, service: str, slot: str) -> t.List[t.Mapping[str, t.Any]]:
        return [c for c in self.containers if c["service"] == service and c["slot"] == slot]


@dataclass(frozen=True)
class Fleet:
    """All hosts' reports, and which of them run instances or proxies.

    Attributes:
        rehearsed: what comes before the release is only checked. What nginx does not serve yet it will then.
        places: where services run; one that is not named runs on all of ``app``.
        retired: hosts that are to run nothing any more. They know what was released, and stop what they have.
    """

    app: t.Tuple[HostView, ...]
    proxy: t.Tuple[HostView, ...]
    rehearsed: bool = False
    places: t.Mapping[str, Place] = field(default_factory=dict)
    retired: t.Tuple[HostView, ...] = ()

    def hosts(self, service: str) -> t.Tuple[HostView, ...]:
        """Those that run the service."""
        place = self.places.get(service)
        return tuple(view for view in self.app if not place or view.name in place.hosts)

    def strays(self, service: str) -> t.Dict[str, t.List[str]]:
        """Hosts that still run a slot of the service and are not among its own any more, by slot."""
        own = {view.name for view in self.hosts(service)}
        found = {
            slot: [
                view.name
                for view in (*self.app, *self.retired)
                if view.name not in own and any(c["running"] for c in view.slot(service, slot))
            ]
            for slot in SLOTS
        }
        return {slot: names for slot, names in found.items() if names}

    @property
    def alone(self) -> bool:
        """Whether one host is all there is: it needs to wait for no other."""
        return len(self.app) == 1 and [one.name for one in self.app] == [
            one.name for one in self.proxy
        ]

    def green_share(self, service: str) -> int:
        """Percent of traffic on green: the same on every proxy, or what the ledger says where they disagree or all of
        them have lost it.

        Raises:
            PlanError: a proxy does not know the service, or they disagree and the ledger knows of no release.
        """
        unserved = 0 if self.rehearsed else None
        shares = {view.name: view.shares.get(service, unserved) for view in self.proxy}
        unknown = sorted(name for name, share in shares.items() if share is None)
        if unknown or not shares:
            raise PlanError(
                f"{service}: nginx on {', '.join(unknown) or 'no host'} does not serve it yet;"
                " run site.yml first"
            )
        known = {name: int(share) for name, share in shares.items() if share is not None}
        agreed, recorded = set(known.values()), self._recorded_share(service, known.values())
        if len(agreed) == 1 and not self._leads_nowhere(service, min(agreed), recorded):
            return agreed.pop()
        if recorded is None:
            told = ", ".join(f"{name} {share} %" for name, share in sorted(known.items()))
            raise PlanError(
                f"{service}: the proxies disagree about the share of green ({told}), and the ledger does"
                " not say which is right; run rollback.yml to bring them together"
            )
        return recorded

    def _recorded_share(self, service: str, shares: t.Iterable[int]) -> t.Optional[int]:
        """Percent on green by the ledger; None where it does not say.

        Args:
            shares: those of the proxies. A release that was not finished goes on from where all of them are.
        """
        unfinished = self.unfinished(service)
        if unfinished:
            return min(shares) if unfinished.get("slot") == SLOTS[1] else max(shares)
        slot = (live_record(self.records(service)) or {}).get("slot")
        return SLOTS.index(str(slot)) * 100 if slot in SLOTS else None

    def _leads_nowhere(self, service: str, share: int, recorded: t.Optional[int]) -> bool:
        """Whether proxies have lost what they were told: all traffic goes where nothing runs, and what is live by
        the ledger runs in the other slot."""
        if {share, recorded} != {0, 100}:
            return False
        led, live = (SLOTS[percent // 100] for percent in (share, 100 - share))
        return not self.running(service, led) and bool(self.running(service, live))

    def misled(self, service: str) -> t.Dict[str, int]:
        """Proxies that send another share to green than ``green_share``, each with its own."""
        right = self.green_share(service)
        known = {view.name: view.shares.get(service, right) for view in self.proxy}
        return {name: share for name, share in known.items() if share != right}

    def live_slot(self, service: str) -> str:
        """The slot of the release that is trusted: the other one of a release that was not finished.

        Raises:
            PlanError: traffic is split and the ledger does not know why.
        """
        unfinished = self.unfinished(service)
        if unfinished:
            return other_slot(str(unfinished["slot"]))
        share = self.green_share(service)
        if share not in (0, 100):
            raise PlanError(
                f"{service}: {share} % of traffic is on green, and the ledger knows of no release that"
                " was left half way; run rollback.yml first"
            )
        return SLOTS[share // 100]

    def slot_share(self, service: str, slot: str) -> int:
        """Percent of traffic on a slot."""
        green = self.green_share(service)
        return green if slot == SLOTS[1] else 100 - green

    def is_used(self, service: str, slot: str) -> bool:
        """Whether a proxy sends traffic to a slot."""
        idle = 0 if slot == SLOTS[1] else 100
        return any(view.shares.get(service, idle) != idle for view in self.proxy)

    def counts(self, service: str) -> t.Mapping[str, int]:
        """How many instances of a slot take its traffic, where that was ever said."""
        said = (view.instances_in_traffic.get(service) for view in self.proxy)
        return next((counts for counts in said if counts), {})

    def servers(self, service: str) -> int:
        """How many instances of a slot nginx can reach; 0 where no nginx says so."""
        return min((v.servers[service] for v in self.proxy if v.servers.get(service)), default=0)

    def reachable(self, service: str, instances: int) -> int:
        """``instances``, or as many as nginx can reach."""
        known = self.servers(service)
        return min(instances, known) if known else instances

    def instances(self, service: str, slot: str) -> int:
        """How many instances of a slot users may be sent to: those up to the last that runs."""
        numbers = (int(one["number"]) for one in self.running(service, slot))
        return self.reachable(service, max(numbers, default=0))

    def unfinished(self, service: str) -> t.Optional[Record]:
        """The release that was begun last and has not ended: its run was killed, or it is held."""
        return unfinished_record(self.records(service))

    def requests_per_minute(self, service: str) -> t.Optional[float]:
        """What users sent lately, over all proxies; None where nothing is known."""
        known = [v.requests[service] for v in self.proxy if v.requests.get(service)]
        return sum(float(one["per_minute"]) for one in known) if known else None

    def running(self, service: str, slot: str) -> t.List[t.Mapping[str, t.Any]]:
        """Running containers of a slot over all hosts."""
        return [c for view in self.hosts(service) for c in view.slot(service, slot) if c["running"]]

    def records(self, service: str) -> t.Sequence[Record]:
        """The ledger of the service, newest first: what any host knows of each release."""
        merged: t.Dict[str, Record] = {}
        for view in (*self.app, *self.retired):
            for record in view.releases.get(service, ()):
                known = merged.get(str(record["release"]), {})
                merged[str(record["release"])] = _together(known, record)
        return [merged[name] for name in sorted(merged, reverse=True)]

    def live_record(self, service: str) -> t.Optional[Record]:
        """The record of what is live. Where it was lost, what the containers say of it."""
        records = self.records(service)
        known = live_record(records)
        current = next(iter(self.running(service, self.slot_with_most(service))), None)
        if current is None or known is None:
            return known
        named = str(current["release"])
        newest = str(known.get("restores") or known["release"])
        if self.unfinished(service) or named <= newest:
            return known
        return {"release": named, "version": current["version"], "image": current["image"]}

    def slot_with_most(self, service: str) -> str:
        """The slot that has more than half of the traffic, on any proxy."""
        green = max((view.shares.get(service, 0) for view in self.proxy), default=0)
        return SLOTS[1] if green >= 50 else SLOTS[0]


def _together(one: Record, other: Record) -> Record:
    """Two hosts' records of one release: how it ended, if one knows, and what was done to the database."""
    first, second = (one, other) if one.get("outcome") not in UNFINISHED else (other, one)
    return {**second, **first} if one else other


@dataclass(frozen=True)
class ServicePlan:
    """What happens to one service.

    Attributes:
        action: release, repair, restore, join (the live release starts on more hosts), tidy (only the slot that was
            left still runs), leave (only hosts that are no hosts of it any more run it) or keep.
        live: slot of the release that users have, or had before an unfinished one.
        left: instances of the slot that is left, or that was live before an unfinished release.
        first: index of the step at which an unfinished release goes on.
        unfinished: name of a release that was not finished and is continued or given up by this.
        undo: what the release that is given up did to the database.
        data: what becomes of that when this goes back: leave, revert or ask.
        newer: the service as it was when it did that.
        reasons: why something is done, or why a rollback leaves the service alone.
        misled: proxies that do not send their traffic to the live slot, each with its percent on green.
        joining: names of the hosts that a live release starts on, where that is all it does.
    """

    service: Service
    action: str
    live: str
    version: str
    image: str
    release: str
    before: t.Optional[t.Mapping[str, t.Any]] = None
    reasons: t.Tuple[str, ...] = ()
    restores: str = ""
    left: int = 0
    first: int = 0
    unfinished: str = ""
    undo: t.Optional[Undo] = None
    data: str = LEAVE
    newer: t.Optional[Service] = None
    misled: t.Mapping[str, int] = field(default_factory=dict)
    joining: t.Tuple[str, ...] = ()

    @property
    def reverts(self) -> bool:
        """Whether migrations are taken back."""
        return self.undo is not None and self.data == REVERT

    @property
    def steps(self) -> t.Tuple[Step, ...]:
        """The steps that are left."""
        return release_steps(self.service, self.left)[self.first :]

    @property
    def resumes(self) -> bool:
        return self.action == "release" and self.unfinished == self.release

    @property
    def slot(self) -> str:
        """The slot the release goes to."""
        return other_slot(self.live) if self.moves_traffic else self.live

    @property
    def moves_traffic(self) -> bool:
        return self.action in ("release", "restore")

    @property
    def stays_warm(self) -> bool:
        """Whether the slot that is left goes on running after this release."""
        return self.action == "release" and bool(self.service.settings["keep_warm"])

    @property
    def changes(self) -> bool:
        return self.action != "keep" or self.reverts or bool(self.misled)


def live_container(fleet: Fleet, service: Service, live: str) -> t.Optional[t.Mapping[str, t.Any]]:
    return next(iter(fleet.running(service.name, live)), None)


def _release_reasons(
    fleet: Fleet, service: Service, live: str, version: str, image: str
) -> t.Iterator[str]:
    current = live_container(fleet, service, live)
    if current is None:
        known = fleet.live_record(service.name)
        was = known is not None and known["image"] == image
        yield "it was live, and nothing runs" if was else "nothing is live"
        return
    if current["version"] != version:
        yield f"version {current['version']} → {version}"
    elif current["image"] != image:
        yield f"tag {version} names another image now"
    for view in fleet.hosts(service.name):
        wanted = view.fingerprints.get(service.name)
        if any(c["fingerprint"] != wanted for c in view.slot(service.name, live)):
            yield "settings changed"
            return


def _repair_reasons(fleet: Fleet, service: Service, live: str) -> t.Iterator[str]:
    wanted = service.settings["instances"]
    for view in fleet.hosts(service.name):
        running = {int(c["number"]) for c in view.slot(service.name, live) if c["running"]}
        right = running.intersection(range(1, wanted + 1))
        more = running - right if not _scales(service) else set()
        surplus = f", and {len(more)} too many" if more else ""
        if surplus or len(right) < wanted:
            yield f"{len(right)} of {wanted} instances run on {view.name}{surplus}"
    reached = fleet.counts(service.name).get(live) or fleet.servers(service.name)
    if reached and reached < wanted:
        yield f"{reached} of {wanted} instances get traffic"


def _scales(service: Service) -> bool:
    """Whether a cluster starts more instances than it is to have, where they have much to do."""
    return bool((service.settings.get("kubernetes") or {}).get("autoscale"))


def _check_reachable(fleet: Fleet, service: Service) -> None:
    known, wanted = fleet.servers(service.name), service.settings["instances"]
    if known and known < wanted and not fleet.rehearsed:
        raise PlanError(
            f"{service.name}: {wanted} instances are asked for, and nginx knows {known} of them;"
            " run site.yml first"
        )


def check_led(fleet: Fleet, service: Service, some: bool = False) -> None:
    """Traffic goes where nginx leads it: to the hosts of the service, and to no others.

    Args:
        some: it is enough that it leads to one of them; the others are given up as hosts that are lost are.

    Raises:
        PlanError: it leads elsewhere.
    """
    wanted = set(fleet.places.get(service.name, Place()).addresses)
    for view in () if fleet.rehearsed else fleet.proxy:
        known = view.addresses.get(service.name)
        if known is not None and set(known) != wanted and not (some and wanted.intersection(known)):
            raise PlanError(
                f"{service.name}: nginx on {view.name} leads to {', '.join(known) or 'itself'}, and by the inventory"
                f" it runs on {', '.join(sorted(wanted)) or 'every proxy'}; run site.yml first"
            )


def _check_no_rollback(fleet: Fleet, service: Service) -> None:
    unfinished = fleet.unfinished(service.name)
    if unfinished and unfinished.get("restores"):
        raise PlanError(
            f"{service.name}: a rollback to {unfinished['version']} was left half way; run rollback.yml first"
        )


def resolve_image(fleet: Fleet, service: Service, installation: Installation, version: str) -> str:
    """The tag's ``repository@digest``, the same on every host.

    Raises:
        PlanError: a host cannot find it, or hosts see different images under the tag.
    """
    repository = service.repository(installation)
    tag = f"{repository}:{version}"
    digests = {}
    for view in fleet.hosts(service.name):
        seen = view.images.get(tag, {})
        if not seen.get("digest"):
            raise PlanError(
                f"{service.name}: {tag} cannot be found from {view.name}: {seen.get('error') or 'not asked for'}"
            )
        digests[view.name] = str(seen["digest"])
    if len(set(digests.values())) > 1:
        told = ", ".join(f"{name} {digest[7:19]}" for name, digest in sorted(digests.items()))
        raise PlanError(
            f"{service.name}: {tag} names different images ({told}); push the tag once and run again"
        )
    return f"{repository}@{next(iter(digests.values()))}"


def plan_deploy(
    fleet: Fleet,
    service: Service,
    installation: Installation,
    version: str,
    release: str,
    first_only: bool = False,
    asked: bool = False,
) -> ServicePlan:
    """Plan making ``version`` of ``service`` live.

    Args:
        release: name of this release.
        first_only: leave a service alone that has any live release (site.yml). Where nothing runs and
            the ledger knows what was live (after ``restore.yml``), that is released again.
        asked: whether this very version was asked for.
    """
    live = fleet.live_slot(service.name)
    current = live_container(fleet, service, live)
    unfinished = fleet.unfinished(service.name)
    misled = {} if unfinished else fleet.misled(service.name)
    if first_only and current is not None:
        version, image, release = (current[key] for key in ("version", "image", "release"))
        plan = ServicePlan(service, "keep", live, version, image, release, current, misled=misled)
        return _left_behind(fleet, plan)
    _check_reachable(fleet, service)
    check_led(fleet, service)
    _check_no_rollback(fleet, service)
    was_live = fleet.live_record(service.name) if first_only and not asked else None
    if was_live:
        version, image = str(was_live["version"]), str(was_live["image"])
    else:
        image = resolve_image(fleet, service, installation, version)
    if unfinished and _goes_on(fleet, service, image, unfinished):
        return _resumed(fleet, service, live, current, image, unfinished)
    left = fleet.instances(service.name, live)
    plan = ServicePlan(
        service, "release", live, version, image, release, current, left=left, misled=misled
    )
    reasons = tuple(_release_reasons(fleet, service, live, version, image))
    if reasons:
        given_up = str(unfinished["release"]) if unfinished else ""
        return replace(plan, reasons=reasons, unfinished=given_up)
    return _kept(fleet, replace(plan, release=t.cast(t.Mapping[str, t.Any], current)["release"]))


def _goes_on(fleet: Fleet, service: Service, image: str, record: Record) -> bool:
    """Whether an unfinished release is continued: it has traffic, or the same is asked for again."""
    same = record["image"] == image and record["settings"] == service.public_settings
    return same or fleet.is_used(service.name, str(record["slot"]))


def _kept(fleet: Fleet, plan: ServicePlan) -> ServicePlan:
    """Nothing is released: is there something to repair, or left over?"""
    repairs = tuple(_repair_reasons(fleet, plan.service, plan.live))
    if repairs:
        return replace(plan, action="repair", reasons=repairs)
    left = fleet.running(plan.service.name, other_slot(plan.live))
    if left and not plan.service.settings["keep_warm"]:
        told = f"{left[0]['version']} still runs in {other_slot(plan.live)}"
        return replace(plan, action="tidy", reasons=(told,))
    return _left_behind(fleet, replace(plan, action="keep"))


def _left_behind(fleet: Fleet, plan: ServicePlan) -> ServicePlan:
    """What is kept; is it left over on other hosts?"""
    strays = sorted({name for names in fleet.strays(plan.service.name).values() for name in names})
    if not strays:
        return plan
    told = f"it still runs on {', '.join(strays)}, which is no host of it any more"
    return replace(plan, action="leave", reasons=(told,))


def _resumed(
    fleet: Fleet,
    service: Service,
    live: str,
    current: t.Optional[t.Mapping[str, t.Any]],
    image: str,
    record: Record,
) -> ServicePlan:
    """Go on with a release that has traffic already.

    Raises:
        PlanError: another version or image is asked for.
    """
    if record["image"] != image:
        raise PlanError(
            f"{service.name}: the release of {record['version']} was left half way and has traffic; go on with"
            f" -e version={record['version']}, or run rollback.yml first"
        )
    share = fleet.slot_share(service.name, str(record["slot"]))
    steps = release_steps(service, _left_by(fleet, service, live, record))
    reached = [index for index, step in enumerate(steps) if step.share <= share]
    return ServicePlan(
        service,
        "release",
        live,
        str(record["version"]),
        image,
        str(record["release"]),
        current,
        (f"goes on with {share} % of traffic",),
        left=_left_by(fleet, service, live, record),
        first=reached[-1] if reached else 0,
        unfinished=str(record["release"]),
    )


def _left_by(fleet: Fleet, service: Service, live: str, record: Record) -> int:
    """Instances of the slot that an unfinished release replaces, those included that it stopped."""
    began_with = int((record.get("previous") or {}).get("instances") or 0)
    return max(fleet.instances(service.name, live), fleet.reachable(service.name, began_with))


def is_warm(fleet: Fleet, plan: ServicePlan) -> bool:
    """Whether every instance of the release to restore still runs in the other slot."""
    wanted = plan.service.settings["instances"]
    return all(
        sum(
            1
            for c in view.slot(plan.service.name, plan.slot)
            if c["running"] and c["release"] == plan.restores
        )
        >= wanted
        for view in fleet.hosts(plan.service.name)
    )


def instance_specs(
    service: Service, installation: Installation, slot: str, numbers: t.Iterable[int]
) -> t.List[t.Dict[str, t.Any]]:
    """The ``instances`` module's description of some instances of a slot."""
    published = bool(installation.place(service.name).addresses)
    return [
        {
            "name": service.container(installation, slot, n),
            "number": n,
            "address": service.address(installation, slot, n),
            **({"published": service.published_port(slot, n)} if published else {}),
        }
        for n in numbers
    ]


def on_hosts(service: Service, installation: Installation) -> t.Dict[str, t.Any]:
    """What says in a plan's lists which hosts something is for (see ``_hosts.of_host``)."""
    place = installation.places.get(service.name)
    return {"hosts": list(place.hosts)} if place else {}


def slot_spec(
    plan: ServicePlan, installation: Installation, slot_release: str, count: int = 0
) -> t.Dict[str, t.Any]:
    """The ``instances`` module's description of the first ``count`` instances (0: all of them) of the
    slot the release goes to."""
    service = plan.service
    numbers = range(1, (count or service.settings["instances"]) + 1)
    return {
        "service": service.name,
        "slot": plan.slot,
        "release": slot_release,
        "version": plan.version,
        "image": plan.image,
        "runtime": service.runtime(installation),
        "instances": instance_specs(service, installation, plan.slot, numbers),
        **({"of": service.settings["instances"]} if installation.kubernetes else {}),
        **on_hosts(service, installation),
        **({"hosts": list(plan.joining)} if plan.joining else {}),
    }
