# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This module util is PRIVATE to the collection.
"""Drift: what runs beside what the ledger says was released, and that beside what the inventory describes."""

from __future__ import annotations

import itertools
import typing as t
from dataclasses import dataclass, field

from ansible_collections.tagadodo.deploy.plugins.module_utils._instance import (
    RUNTIME_SETTINGS,
    bytes_of,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._ledger import Record, live_record
from ansible_collections.tagadodo.deploy.plugins.module_utils._observed import OTHER, SAME
from ansible_collections.tagadodo.deploy.plugins.module_utils._plan import Fleet, HostView
from ansible_collections.tagadodo.deploy.plugins.module_utils._release_report import (
    Change,
    settings_changes,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._service import (
    SLOTS,
    Installation,
    Service,
    other_slot,
)

DIGEST, SETTINGS, INSTANCES = "digest", "settings", "instances"
ROUTES, SHARES, LEDGER = "routes", "shares", "ledger"
HEADINGS = ("DRIFT", "WHERE", "DIFFERENCE")
# Of a service's settings, those that what runs is made of; routes are compared with nginx itself.
COMPARED = (*RUNTIME_SETTINGS, "image", "instances", "secrets")

Data = t.Mapping[str, t.Any]


@dataclass(frozen=True)
class Difference:
    """One thing that is not as it is to be: of which kind, where, and what to read of it."""

    kind: str
    where: str
    told: str

    @property
    def row(self) -> t.Tuple[str, str, str]:
        return (self.kind, self.where, self.told)


@dataclass(frozen=True)
class Seen:
    """What hosts report.

    Attributes:
        containers: what ``drift_info`` has observed, by host and container.
        routes: what ``nginx_config`` would do, by host, with the ``revision`` that nginx serves as ``served``.
    """

    fleet: Fleet
    containers: t.Mapping[str, t.Mapping[str, Data]] = field(default_factory=dict)
    routes: t.Mapping[str, Data] = field(default_factory=dict)


def drift(
    seen: Seen,
    services: t.Sequence[Service],
    installation: Installation,
    only: t.Collection[str] = (),
) -> t.List[Difference]:
    """All that differs, in the order of services.

    Args:
        services: those that the inventory describes.
        only: names of services to look at; all of them, routes and strangers too, when empty.
    """
    found = [
        one
        for service in services
        if not only or service.name in only
        for one in _of_service(seen, service, installation)
    ]
    if not only:
        found += _strangers(seen.fleet, {service.name for service in services})
        found += [one for name, route in seen.routes.items() for one in _routes(name, route)]
    return found


def under_way(fleet: Fleet, services: t.Sequence[Service]) -> t.List[str]:
    """A line for each service whose release has not ended: what it moves is not compared."""
    told = []
    for service in services:
        record = fleet.unfinished(service.name)
        if record:
            told.append(
                f"{service.name}: the release of {record['version']} has not ended"
                f" ({record['outcome']}); what it moves is not compared"
            )
    return told


def _of_service(seen: Seen, service: Service, installation: Installation) -> t.Iterator[Difference]:
    fleet, name = seen.fleet, service.name
    if fleet.unfinished(name):
        return
    live = live_record(fleet.records(name))
    if live is None:
        running = [c["name"] for slot in SLOTS for c in fleet.running(name, slot)]
        if running:
            yield Difference(LEDGER, name, f"{', '.join(running)} runs, and no release is known")
        return
    yield from _described(service, live)
    yield from _shares(fleet, service, live)
    for view in fleet.hosts(name):
        yield from _instances(view, service, live, installation)
        yield from _containers(
            view, service, live, installation, seen.containers.get(view.name, {})
        )
    for slot, hosts in fleet.strays(name).items():
        for host in hosts:
            yield Difference(INSTANCES, host, f"{name} runs in {slot}, and is not to run here")


def _described(service: Service, live: Record) -> t.Iterator[Difference]:
    """The inventory beside the ledger."""
    described = service.settings.get("version")
    if described and described != live["version"]:
        told = f"{live['version']} is live, the inventory describes {described}"
        yield Difference(LEDGER, service.name, told)
    for one in _changes(service, live):
        told = f"{one.setting}: {one.before} was released, the inventory says {one.after}"
        yield Difference(SETTINGS, service.name, told)


def _changes(service: Service, live: Record) -> t.Sequence[Change]:
    """Settings that are others in the inventory than they were released with."""
    before = {key: live.get("settings", {}).get(key) for key in COMPARED}
    after = {key: service.public_settings.get(key) for key in COMPARED}
    return settings_changes(before, after)


def _shares(fleet: Fleet, service: Service, live: Record) -> t.Iterator[Difference]:
    wanted = 100 * SLOTS.index(str(live["slot"]))
    instances = int(live.get("settings", {}).get("instances", service.settings["instances"]))
    for view in fleet.proxy:
        share = view.shares.get(service.name)
        if share is None:
            yield Difference(SHARES, view.name, f"{service.name} has no switch")
        elif share != wanted:
            told = f"{service.name}: {share} % go to {SLOTS[1]}, {wanted} % by the ledger"
            yield Difference(SHARES, view.name, told)
        taking = view.instances_in_traffic.get(service.name, {}).get(str(live["slot"]), 0)
        if 0 < taking < instances:
            told = (
                f"{service.name}: {taking} of {instances} instances of {live['slot']} get traffic"
            )
            yield Difference(SHARES, view.name, told)


def _instances(
    view: HostView, service: Service, live: Record, installation: Installation
) -> t.Iterator[Difference]:
    """Which containers run."""
    settings = {**service.settings, **live.get("settings", {})}
    slot = str(live["slot"])
    there = {c["name"]: c for c in view.slot(service.name, slot)}
    wanted = [
        service.container(installation, slot, n) for n in range(1, int(settings["instances"]) + 1)
    ]
    for name in wanted:
        if name not in there:
            yield Difference(INSTANCES, view.name, f"{name} is gone")
        elif not there[name]["running"]:
            yield Difference(INSTANCES, view.name, f"{name} does not run ({there[name]['status']})")
    for name in sorted(set(there) - set(wanted)):
        if there[name]["running"]:
            yield Difference(INSTANCES, view.name, f"{name} is one more than {len(wanted)}")
    if not settings.get("keep_warm"):
        for c in view.slot(service.name, other_slot(slot)):
            if c["running"]:
                told = f"{c['name']} runs, and {other_slot(slot)} has no traffic"
                yield Difference(INSTANCES, view.name, told)


def _containers(
    view: HostView,
    service: Service,
    live: Record,
    installation: Installation,
    observed: t.Mapping[str, Data],
) -> t.Iterator[Difference]:
    """What the containers of the live slot are made of."""
    settings = {**service.settings, **live.get("settings", {})}
    marks = set()
    for c in view.slot(service.name, str(live["slot"])):
        facts = observed.get(c["name"])
        if facts is None or not c["running"]:
            continue
        marks.add(c["fingerprint"])
        as_described = c["fingerprint"] == view.fingerprints.get(service.name)
        of_it = [
            *_digest(c, facts, live),
            *_limits(c, facts, Service(service.name, settings), installation, view.name),
            *_environment(c, facts, settings, as_described),
        ]
        yield from (Difference(kind, view.name, f"{c['name']}: {told}") for kind, told in of_it)
    if marks - {view.fingerprints.get(service.name)} and not _changes(service, live):
        told = f"{service.name}: a secret is another in the inventory than what was released"
        yield Difference(SETTINGS, view.name, told)


def _digest(c: Data, facts: Data, live: Record) -> t.Iterator[t.Tuple[str, str]]:
    wanted = str(live["image"]).partition("@")[2]
    release = str(live.get("restores") or live["release"])
    if c["release"] not in (release, str(live["release"])):
        yield LEDGER, f"it is of release {c['release']}, {release} is live by the ledger"
    if wanted not in facts["digests"]:
        runs = ", ".join(one[:19] for one in facts["digests"]) or "an image without a digest"
        yield DIGEST, f"it runs {runs}, {wanted[:19]} was released"


def wanted_settings(
    service: Service, installation: Installation, slot: str, number: int, host: str
) -> t.Dict[str, t.Any]:
    """What a container is made with, in the words of ``_observed``; ``Containers.create`` makes it so."""
    resources, security = service.settings["resources"], service.settings["security"]
    place = installation.place(service.name)
    published = [
        f"{address}:{service.published_port(slot, number)}"
        for name, address in zip(place.hosts, place.addresses)
        if name == host
    ]
    return {
        "memory": bytes_of(resources["memory"]),
        "swap": 0,
        "cpus": int(resources["cpus"] * 1e9) / 1e9,
        "pids": resources["pids"],
        "user": security["user"] or "",
        "read_only": security["read_only"],
        "capabilities": sorted(security["capabilities"]),
        "dropped": ["ALL"],
        "privileged": False,
        "no_new_privileges": True,
        "restart": "unless-stopped",
        "log_size": resources["log_size"],
        "log_files": str(resources["log_files"]),
        "address": service.address(installation, slot, number),
        "published": published,
    }


def _limits(
    c: Data, facts: Data, service: Service, installation: Installation, host: str
) -> t.Iterator[t.Tuple[str, str]]:
    wanted = wanted_settings(service, installation, str(c["slot"]), int(c["number"]), host)
    # Who is not named is the user of the image.
    wanted["user"] = wanted["user"] or facts.get("image_user", "")
    for key, value in wanted.items():
        there = facts["settings"].get(key)
        if there != value:
            yield SETTINGS, f"{key} is {_shown(there)}, {_shown(value)} was released"


def _shown(value: t.Any) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    return str(value) if value not in ("", None) else "none"


def _environment(
    c: Data, facts: Data, settings: Data, as_described: bool
) -> t.Iterator[t.Tuple[str, str]]:
    env = {name: str(value) for name, value in settings["env"].items()}
    for name in sorted({*env, *facts["env"]}):
        there, value = facts["env"].get(name), env.get(name)
        if there != value:
            yield SETTINGS, f"env.{name} is {_shown(there)}, {_shown(value)} was released"
    for name in sorted(settings["secrets"]):
        state = facts["secrets"].get(name, SAME)
        if state != SAME and (state != OTHER or as_described):
            yield SETTINGS, f"secrets.{name} is {'another' if state == OTHER else 'missing'}"
    known = {*env, *settings["secrets"]}
    for name in facts["strangers"]:
        if name not in known:
            yield SETTINGS, f"env.{name} is there, and was not released"


def _strangers(fleet: Fleet, described: t.Collection[str]) -> t.Iterator[Difference]:
    """Containers of services that the inventory does not describe any more."""
    for view in (*fleet.app, *fleet.retired):
        for c in view.containers:
            if c["service"] not in described and c["running"]:
                told = f"{c['name']} runs, and the inventory does not describe {c['service']}"
                yield Difference(INSTANCES, view.name, told)


def _routes(host: str, route: Data) -> t.Iterator[Difference]:
    """nginx beside what the inventory makes of its configuration."""
    actions = [(str(one["what"]), str(one["action"])) for one in route.get("actions", ())]
    diff = route.get("diff") or {}
    writes = [what for what, action in actions if action == "write"]
    for what, action in actions:
        if action == "write":
            yield Difference(ROUTES, host, f"{what}: {_first_difference(diff)}")
            diff = {}  # of the first; what is written beside it has none
        elif action != "reload":
            yield Difference(ROUTES, host, f"{what}: missing ({action})")
        elif not writes:
            yield Difference(ROUTES, host, f"{what} serves another configuration than its file")
    if not route.get("served"):
        yield Difference(ROUTES, host, "nginx does not answer")


def _first_difference(diff: Data) -> str:
    before, after = (str(diff.get(key, "")).splitlines() for key in ("before", "after"))
    if before == after:
        return "it is not what the inventory makes of it"
    if not before:
        return "it is gone"
    pairs = itertools.zip_longest(before, after, fillvalue="")
    number, (there, wanted) = next(
        (number, pair) for number, pair in enumerate(pairs, 1) if pair[0] != pair[1]
    )
    there, wanted = there.strip(), wanted.strip()
    return f"line {number} is {there or 'empty'}, the inventory makes {wanted or 'none'} of it"
