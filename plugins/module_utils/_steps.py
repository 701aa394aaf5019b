# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This module util is PRIVATE to the collection.
"""A plan as the arguments of the modules that carry it out, and as text to read."""

from __future__ import annotations

import hashlib
import json
import typing as t
from dataclasses import dataclass, replace

from ansible_collections.tagadodo.deploy.plugins.module_utils._backup_age import age_limit
from ansible_collections.tagadodo.deploy.plugins.module_utils._describe import describe
from ansible_collections.tagadodo.deploy.plugins.module_utils._instance import runtime_of
from ansible_collections.tagadodo.deploy.plugins.module_utils._join import history
from ansible_collections.tagadodo.deploy.plugins.module_utils._judging import Judging, judging_of
from ansible_collections.tagadodo.deploy.plugins.module_utils._ledger import ENVIRONMENT, Record
from ansible_collections.tagadodo.deploy.plugins.module_utils._plan import (
    Fleet,
    ServicePlan,
    instance_specs,
    is_warm,
    on_hosts,
    slot_spec,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._rollback import data_policy
from ansible_collections.tagadodo.deploy.plugins.module_utils._service import (
    SLOTS,
    Installation,
    Service,
    access_log,
    other_slot,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._strategy import Step, aligned
from ansible_collections.tagadodo.deploy.plugins.module_utils._undo import (
    REVERT,
    Undo,
    own_migrations,
)

Data = t.Dict[str, t.Any]

PROBES = ("startup_probe", "ready_probe", "live_probe")


@dataclass(frozen=True)
class Endpoint:
    """Where a proxy host reaches its own nginx, how it proves to be us, and where nginx logs.

    ``token_file`` holds the secret that lets a request choose its slot. On a cluster its Services are asked, which
    ``project`` names the installation of; and what users get, of its ``gateway`` where ``address`` is that one's.
    """

    address: str
    https_port: int
    ca_file: str = ""
    token_file: str = ""
    log_dir: str = ""
    project: str = ""
    gateway: bool = False


def _release_of(plan: ServicePlan) -> str:
    return plan.restores or plan.release


def _paths(plan: ServicePlan) -> Data:
    health = plan.service.settings["health"]
    return {
        **{key: health[key] for key in ("startup", "ready", "live", "full", *PROBES)},
        "identity": {"path": health["identity"], "value": plan.version},
    }


def direct_targets(plan: ServicePlan, installation: Installation, count: int = 0) -> t.List[Data]:
    """The first ``count`` instances of the slot (0: all of them), for each host at their own addresses."""
    where = {"hosts": list(plan.joining)} if plan.joining else on_hosts(plan.service, installation)
    return [
        {**target, **where} for target in _instance_targets(plan, installation, plan.slot, count)
    ]


def published_targets(
    plan: ServicePlan, installation: Installation, count: int, fleet: Fleet
) -> t.List[Data]:
    """The same as proxies on other hosts reach them, of the hosts that take part."""
    service, place = plan.service, installation.place(plan.service.name)
    takes_part = set(plan.joining) or {view.name for view in fleet.app}
    return [
        {
            "name": f"{service.name}-{plan.slot}-{number} on {host}",
            "url": f"http://{address}:{service.published_port(plan.slot, number)}",
            **_paths(plan),
        }
        for number in service.numbers(count)
        for host, address in zip(place.hosts, place.addresses)
        if host in takes_part
    ]


def _instance_targets(
    plan: ServicePlan, installation: Installation, slot: str, count: int
) -> t.List[Data]:
    service = plan.service
    return [
        {
            "name": f"{service.name}-{slot}-{number}",
            "url": f"http://{service.instance_address(installation, slot, number)}",
            "container": service.container(installation, slot, number),
            **_paths(plan),
        }
        for number in service.numbers(count)
    ]


def proxy_target(plan: ServicePlan, endpoint: Endpoint, slot: str = "") -> Data:
    """The service through nginx and TLS: as users reach it, or forced to ``slot``. On a cluster through its gateway,
    where that can be reached, or by its Service; a slot by its own.

    Its instances have started by then, so it is asked for readiness alone.
    """
    service = plan.service
    paths = _paths(plan)
    asked = {key: paths[key] for key in ("ready", "full", "identity", "ready_probe")}
    if endpoint.project and (slot or not endpoint.gateway):
        name = "-".join(part for part in (endpoint.project, service.name, slot) if part)
        url = f"http://{name}:{service.settings['port']}"
        return {"name": f"{service.name} through its Service", "url": url, "service": name, **asked}
    hostname = service.hostnames[0]
    forced: Data = {}
    if slot:
        forced = {
            "headers": {"X-Probe-Slot": slot},
            "header_files": {"X-Probe-Token": endpoint.token_file},
        }
    return {
        "name": f"{service.name} through {'its gateway' if endpoint.gateway else 'nginx'}",
        "url": f"https://{hostname}:{endpoint.https_port}",
        "address": f"{endpoint.address}:{endpoint.https_port}",
        "ca_file": endpoint.ca_file,
        **forced,
        **asked,
    }


def as_before(plan: ServicePlan) -> ServicePlan:
    """What users get when the plan is given up."""
    return replace(plan, version=plan.before["version"] if plan.before else "")


def settings_hash(service: Service) -> str:
    """16 hexadecimal digits that change with the settings, the values of secrets apart."""
    text = json.dumps(service.public_settings, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _record(plan: ServicePlan, who: str) -> Data:
    facts: Data = {
        "kind": "rollback" if plan.action == "restore" else "release",
        "version": plan.version,
        "image": plan.image,
        "slot": plan.slot,
        "by": who,
        "settings_hash": settings_hash(plan.service),
        "strategy": plan.service.settings["strategy"],
        "settings": plan.service.public_settings,
        "reasons": list(plan.reasons),
        "previous": {
            **{key: plan.before[key] for key in ("release", "version", "image")},
            "instances": plan.left,
        }
        if plan.before
        else None,
    }
    if plan.restores:
        facts["restores"] = plan.restores
    return {"service": plan.service.name, "release": plan.release, "facts": facts}


def _repaired(fleet: Fleet, plan: ServicePlan) -> t.Iterator[Data]:
    """What the live release's record says from now on: a rollback to it starts as many instances."""
    live = fleet.live_record(plan.service.name) or {}
    instances = plan.service.settings["instances"]
    if live.get("settings", {}).get("instances", instances) != instances:
        facts = {"settings": {**live["settings"], "instances": instances}}
        yield {"service": plan.service.name, "release": live["release"], "facts": facts}


def _environment(
    fleet: Fleet, plans: t.Sequence[ServicePlan], who: str, notes: t.Mapping[str, t.Any]
) -> t.List[Data]:
    """The record of the release as a whole: which services, on which hosts."""
    if not plans:
        return []
    hosts = {view.name for view in (*fleet.app, *fleet.proxy)}
    services = {
        plan.service.name: {
            "from": plan.before["version"] if plan.before else None,
            "to": plan.version,
            "image": plan.image,
            "slot": plan.slot,
            "release": plan.release,
        }
        for plan in plans
    }
    kind = "rollback" if any(plan.action == "restore" for plan in plans) else "release"
    facts = {**notes, "kind": kind, "by": who, "hosts": sorted(hosts), "of_services": services}
    name = max(plan.release for plan in plans)
    return [{"service": ENVIRONMENT, "release": name, "facts": facts}]


def _left_slot(plan: ServicePlan, installation: Installation, slot: str, drain: int) -> Data:
    return {
        **on_hosts(plan.service, installation),
        "service": plan.service.name,
        "slot": slot,
        "drain": drain,
        "runtime": runtime_of(plan.service.settings),
    }


def _left_instances(
    plan: ServicePlan, installation: Installation, slot: str, numbers: range, drain: int
) -> t.Optional[Data]:
    """The instances of a slot with these numbers; None when there is none."""
    if not numbers:
        return None
    instances = instance_specs(plan.service, installation, slot, numbers)
    return {**_left_slot(plan, installation, slot, drain), "instances": instances}


@dataclass(frozen=True)
class _Part:
    """What one service does in one step of the release."""

    plan: ServicePlan
    step: Step
    former: t.Optional[Step]
    judging: Judging

    @property
    def name(self) -> str:
        return self.plan.service.name

    @property
    def keeps_what_is_done(self) -> bool:
        """Whether a failure of this step leaves the ones before: rolling stops where it is (S9.4)."""
        return self.former is not None and self.plan.service.settings["strategy"] == "rolling"

    def split(self, share: int, new: int, old: int) -> t.Tuple[Data, Data]:
        """Shares and instance counts that ``traffic_shift`` takes."""
        return {self.plan.slot: share}, {self.plan.slot: new, other_slot(self.plan.slot): old}


def _parts(fleet: Fleet, plans: t.Sequence[ServicePlan]) -> t.List[t.List[_Part]]:
    """The steps of the release, each as what its services do in it."""
    by_name = {plan.service.name: plan for plan in plans}
    judging = {name: judging_of(fleet, plan) for name, plan in by_name.items()}
    rows = aligned({name: plan.steps for name, plan in by_name.items()})
    return [
        [
            _Part(
                by_name[name],
                step,
                by_name[name].steps[index - 1] if index else None,
                judging[name][index],
            )
            for name, (index, step) in row.items()
        ]
        for row in rows
    ]


def _release_step(
    parts: t.Sequence[_Part], fleet: Fleet, installation: Installation, endpoint: Endpoint
) -> Data:
    """One step as the arguments of the modules that carry it out."""
    starting = [p for p in parts if p.former is None or p.step.new > p.former.new]
    peeking = [p for p in starting if p.former is None and p.step.new != _reached(fleet, p.plan)]
    moved = {p.name: p.split(p.step.share, p.step.new, p.step.old) for p in parts}
    before = {
        p.name: p.split(_share_now(fleet, p.plan), p.step.new, _kept_reached(fleet, p.plan))
        for p in peeking
    }
    stopped = [
        _left_instances(
            p.plan,
            installation,
            other_slot(p.plan.slot),
            range(p.step.old + 1, p.plan.left + 1),
            p.plan.service.settings["drain"],
        )
        for p in parts
        if p.step.old and not p.step.bake
    ]
    name = " and ".join(dict.fromkeys(p.step.name for p in parts))
    shares = {name: split for name, (split, _counts) in moved.items()}
    return {
        "name": name,
        "record": _shift_record([p.plan for p in parts], shares),
        "start": [
            slot_spec(p.plan, installation, _release_of(p.plan), p.step.new) for p in starting
        ],
        **_proofs(fleet, installation, [(p.plan, p.step.new) for p in starting]),
        "prove_proxy": [
            proxy_target(p.plan, endpoint, p.plan.slot) for p in starting if p.former is None
        ],
        "settle": max((p.plan.service.settings["min_ready"] for p in starting), default=0),
        "peek": {
            "shares": {name: shares for name, (shares, _counts) in before.items()},
            "instances": {name: counts for name, (_shares, counts) in before.items()},
        },
        "shares": shares,
        "instances": {name: counts for name, (_shares, counts) in moved.items()},
        "watch": [_watched(name, p, installation, endpoint) for p in parts if p.step.maximum],
        "stop": [one for one in stopped if one],
        "back": _back(fleet, parts, installation),
    }


def _proofs(
    fleet: Fleet, installation: Installation, starting: t.Sequence[t.Tuple[ServicePlan, int]]
) -> t.Dict[str, t.Sequence[Data]]:
    """Which call proves the new instances at their own addresses: the one that starts them, so that no traffic
    is shifted before all hosts have proved theirs; with one host, the one that shifts. Proxies on other hosts
    look for themselves whether they reach them.

    Args:
        starting: each with how many instances of a host are proven (0: all of them).
    """
    own = [
        target for plan, count in starting for target in direct_targets(plan, installation, count)
    ]
    published = [
        target
        for plan, count in starting
        for target in published_targets(plan, installation, count, fleet)
    ]
    here, later = ([], own) if fleet.alone and not published else (own, published)
    return {"prove": here, "prove_first": later}


def _reached(fleet: Fleet, plan: ServicePlan) -> int:
    """How many instances of the slot the release goes to nginx uses before this run."""
    name = plan.service.name
    wanted = int(plan.service.settings["instances"])
    return fleet.counts(name).get(plan.slot) or fleet.servers(name) or wanted


def _kept_reached(fleet: Fleet, plan: ServicePlan) -> int:
    """How many instances of the other slot nginx uses before this run; 0: all."""
    return fleet.counts(plan.service.name).get(other_slot(plan.slot)) or plan.left


def _share_now(fleet: Fleet, plan: ServicePlan) -> int:
    """Percent on the slot the release goes to, before this run."""
    return fleet.slot_share(plan.service.name, plan.slot)


def _watched(name: str, part: _Part, installation: Installation, endpoint: Endpoint) -> Data:
    """What the gate looks at of a service in a step, and by what it is judged."""
    plan, step, judging = part.plan, part.step, part.judging
    old = other_slot(plan.slot)
    service, settings = plan.service, plan.service.settings
    smoke = settings["gate"]["smoke"] or [settings["health"]["full"]]
    most = max(plan.left, settings["instances"])
    slots = {plan.slot: {"instances": _instance_targets(plan, installation, plan.slot, step.new)}}
    if plan.before:
        former = as_before(plan)
        slots[old] = {"instances": _instance_targets(former, installation, old, step.old)}
    return {
        "name": service.name,
        "version": plan.version,
        "slot": plan.slot,
        "step": {
            "name": name,
            "share": step.share,
            "old": old if plan.before else "",
            "new": plan.slot,
            "minimum": step.minimum,
            "maximum": step.maximum,
            "bake": step.bake,
            "needs": judging.needs,
        },
        "gate": settings["gate"],
        "look": {
            **on_hosts(service, installation),
            "name": service.name,
            "slot": plan.slot,
            "log": access_log(endpoint.log_dir, service.name),
            "upstreams": {
                address: slot
                for slot in SLOTS
                for address in service.upstreams(installation, slot, most)
            },
            "slots": slots,
            "smoke": {
                "target": proxy_target(plan, endpoint, _asked_slot(step, plan, endpoint)),
                "paths": smoke,
                "count": judging.smoke,
            },
            "metrics": [
                {key: metric[key] for key in ("name", "url", "query")}
                for metric in settings["gate"]["metrics"]
            ],
        },
    }


def _asked_slot(step: Step, plan: ServicePlan, endpoint: Endpoint) -> str:
    """The slot that requests of our own go to. By a gateway all of them come to it when it has all traffic."""
    return "" if endpoint.gateway and step.share == 100 else plan.slot


def _back(fleet: Fleet, parts: t.Sequence[_Part], installation: Installation) -> Data:
    """What undoes the release at this step: where traffic goes, and what is stopped after it."""
    shares: Data = {}
    instances: Data = {}
    stop: t.List[Data] = []
    for part in parts:
        plan = part.plan
        if part.keeps_what_is_done and part.former:
            former = part.former
            shares[part.name], instances[part.name] = part.split(
                former.share, former.new, former.old
            )
            numbers = range(former.new + 1, plan.service.settings["instances"] + 1)
            surplus = _left_instances(plan, installation, plan.slot, numbers, 0)
            stop += [surplus] if surplus else []
        else:
            share = 0 if plan.before else _share_now(fleet, plan)
            shares[part.name], instances[part.name] = part.split(share, part.step.new, plan.left)
            stop.append(_left_slot(plan, installation, plan.slot, 0))
    kept = any(part.keeps_what_is_done for part in parts)
    return {
        "record": _shift_record([part.plan for part in parts], shares),
        "shares": shares,
        "instances": instances,
        "stop": stop,
        "outcome": "held" if kept else "failed",
    }


def _shift_record(plans: t.Sequence[ServicePlan], shares: Data) -> t.List[Data]:
    """What is written into the ledger about a shift of traffic before it is made."""
    names = [{"service": plan.service.name, "release": plan.release} for plan in plans]
    return [{"outcome": "running", "records": names, "shares": shares}]


_NOTHING: Data = {"record": [], "shares": {}, "instances": {}, "stop": [], "outcome": "failed"}


def _repair_step(fleet: Fleet, plans: t.Sequence[ServicePlan], installation: Installation) -> Data:
    """Bring live slots to the instances they are to have: first what is missing, at last what is too much."""
    surplus = [
        _left_instances(
            p,
            installation,
            p.slot,
            range(p.service.settings["instances"] + 1, p.left + 1),
            p.service.settings["drain"],
        )
        for p in plans
    ]
    return {
        "name": "instances",
        "record": [],
        "start": [slot_spec(p, installation, p.release) for p in plans],
        **_proofs(fleet, installation, [(p, 0) for p in plans]),
        "prove_proxy": [],
        "settle": 0,
        "peek": {"shares": {}, "instances": {}},
        "shares": {},
        "instances": {
            p.service.name: {
                **fleet.counts(p.service.name),
                p.slot: p.service.settings["instances"],
            }
            for p in plans
        },
        "watch": [],
        "stop": [one for one in surplus if one],
        "back": _NOTHING,
    }


def _proxies_step(fleet: Fleet, plans: t.Sequence[ServicePlan]) -> Data:
    """Bring proxies together that do not send their traffic to what is live."""
    return {
        "name": "proxies",
        "record": [],
        "start": [],
        "prove": [],
        "prove_first": [],
        "prove_proxy": [],
        "settle": 0,
        "peek": {"shares": {}, "instances": {}},
        "shares": {p.service.name: {p.live: 100} for p in plans},
        "instances": {p.service.name: dict(fleet.counts(p.service.name)) for p in plans},
        "watch": [],
        "stop": [],
        "back": _NOTHING,
    }


def steps(
    fleet: Fleet,
    plans: t.Sequence[ServicePlan],
    installation: Installation,
    endpoint: Endpoint,
    who: str = "",
    data: str = "",
    notes: t.Optional[t.Mapping[str, t.Any]] = None,
) -> Data:
    """What each step of the release is given; a step with nothing to do has an empty list.

    Args:
        who: who asked for it, for the ledger.
        data: what becomes of the migrations of a release that is taken back; as services say when empty.
        notes: what else the record of the release as a whole is to say.
    """
    moving = [plan for plan in plans if plan.moves_traffic]
    releasing = [plan for plan in plans if plan.action == "release"]
    migrating = [plan for plan in releasing if plan.service.settings.get("migrations")]
    repairing = [plan for plan in plans if plan.action == "repair"]
    restoring = [plan for plan in plans if plan.action == "restore"]
    joining = [plan for plan in plans if plan.action == "join"]
    tidying = [plan for plan in plans if plan.action == "tidy"]
    leaving = [plan for plan in plans if plan.action == "leave"]
    misled = [plan for plan in plans if plan.misled]
    backup_hours = age_limit(
        {plan.service.name: plan.service.settings for plan in releasing},
        migrated=[plan.service.name for plan in migrating],
    )
    release = [_proxies_step(fleet, misled)] if misled else []
    release += [_repair_step(fleet, repairing, installation)] if repairing else []
    release += [
        _release_step(parts, fleet, installation, endpoint) for parts in _parts(fleet, releasing)
    ]
    begin = {one["name"]: one["look"] for step in release for one in step["watch"]}
    prepares = bool(migrating or begin or backup_hours is not None)
    records = [_record(p, who) for p in moving] + _environment(fleet, moving, who, notes or {})
    shares = {p.service.name: {p.slot: 100} for p in moving}
    unfinished = [p.unfinished for p in plans if p.resumes and not _is_held(fleet, p)]
    return {
        "services": {
            p.service.name: {"action": p.action, "version": p.version, "slot": p.slot}
            for p in plans
        },
        # Only what runs before the first step; starting pulls too.
        "pull": [slot_spec(p, installation, _release_of(p)) for p in migrating],
        "migrate": [
            {
                **on_hosts(p.service, installation),
                "service": p.service.name,
                "image": p.image,
                "release": p.release,
                "old_version_runs": p.before is not None,
                "commands": _commands(p.service.settings),
                "runtime": p.service.runtime(installation)
                if installation.kubernetes
                else runtime_of(p.service.settings),
            }
            for p in migrating
        ],
        "start": [slot_spec(p, installation, _release_of(p)) for p in (*restoring, *joining)],
        "prove": [
            target for p in (*restoring, *joining) for target in direct_targets(p, installation)
        ],
        "prove_published": [
            target
            for p in (*restoring, *joining)
            for target in published_targets(p, installation, 0, fleet)
        ],
        "history": [{"hosts": list(p.joining), "records": history(fleet, p)} for p in joining],
        "watched": max(unfinished, default=""),
        "steps": release,
        "parts": ([{"tasks": "before", "name": "before"}] if prepares else []) + _in_parts(release),
        "begin": list(begin.values()),
        "backup_hours": backup_hours,
        # A rollback is not judged by the services that it leaves alone.
        "verify": [proxy_target(p, endpoint) for p in restoring or plans],
        "verify_back": [proxy_target(as_before(p), endpoint) for p in moving if p.before],
        "shares": shares,
        "shift_record": [{"outcome": "running", "records": records, "shares": shares}],
        "data": [{**on_hosts(p.service, installation), **_data(p, data)} for p in migrating],
        "undo": [
            {
                **on_hosts(p.service, installation),
                **_undoing(p.service.name, p.newer.settings, p.undo),
            }
            for p in plans
            if p.reverts and p.undo and p.newer
        ],
        "instances": {
            p.service.name: {p.slot: p.service.settings["instances"], other_slot(p.slot): p.left}
            for p in moving
        },
        "leave": [
            _left_slot(p, installation, other_slot(p.slot), p.service.settings["drain"])
            for p in (*moving, *tidying)
            if not p.stays_warm
        ]
        + [
            {**_left_slot(p, installation, slot, p.service.settings["drain"]), "hosts": names}
            for p in (*moving, *tidying, *leaving)
            for slot, names in fleet.strays(p.service.name).items()
        ],
        "nothing": _NOTHING,
        "warm": all(is_warm(fleet, p) for p in moving),
        "records": records,
        "repaired": [one for p in repairing for one in _repaired(fleet, p)],
        "intent": [{"outcome": "running", "records": records}] if records else [],
        "given_up": [
            {"service": p.service.name, "release": name} for p in moving for name in _given_up(p)
        ],
    }


def _in_parts(release: t.Sequence[Data]) -> t.List[Data]:
    """What a release does, in order, each part with the file of tasks that does it: nothing is skipped."""
    parts: t.List[Data] = []
    for number, step in enumerate(release):
        first = ["reach"] if number else []
        asked = [*first, "step", *(what for what in ("watch", "stop") if step[what])]
        parts += [{**step, "tasks": tasks, "number": number} for tasks in asked]
    return parts


def _data(plan: ServicePlan, data: str) -> Data:
    """What a release that is taken back does to the database: ``undo_of`` makes the steps of it."""
    settings = plan.service.settings
    return {
        "service": plan.service.name,
        "release": plan.release,
        "policy": data or data_policy(plan.service),
        "settings": {**runtime_of(settings), "migrations": settings["migrations"]},
    }


def _undoing(service: str, settings: t.Mapping[str, t.Any], undo: Undo) -> Data:
    """The ``migration`` module's description of what is reverted."""
    return {
        "service": service,
        "release": undo.release,
        "image": undo.image,
        "names": list(undo.names),
        "before": list(undo.before),
        "commands": _commands(settings),
        "runtime": runtime_of(settings),
    }


def _commands(settings: t.Mapping[str, t.Any]) -> Data:
    """What the ``migration`` module takes of a service's settings; the rest is for the plan."""
    return {key: value for key, value in settings["migrations"].items() if key != "on_rollback"}


def undo_of(releases: t.Mapping[str, t.Sequence[Record]], data: t.Sequence[Data]) -> t.List[Data]:
    """What is reverted when a release is taken back, of the services that ask for it.

    Args:
        releases: the ledger by service, as the host that migrates has it now.
        data: ``data`` of the plan.
    """
    wanted = [one for one in data if one["policy"] == REVERT]
    undos = [own_migrations(releases.get(one["service"], ()), one["release"]) for one in wanted]
    return [
        _undoing(one["service"], one["settings"], undo) for one, undo in zip(wanted, undos) if undo
    ]


def _is_held(fleet: Fleet, plan: ServicePlan) -> bool:
    record = fleet.unfinished(plan.service.name)
    return bool(record and record.get("outcome") == "held")


def _given_up(plan: ServicePlan) -> t.Iterator[str]:
    """Releases that this one takes the place of: an unfinished one, or the live one by a rollback."""
    if plan.unfinished and not plan.resumes:
        yield plan.unfinished
    elif plan.action == "restore" and plan.before:
        yield str(plan.before["release"])


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
        for line in describe(
            p,
            judging_of(fleet, p) if p.action == "release" else (),
            warm=p.action == "restore" and is_warm(fleet, p),
        )
    ]
