# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This module util is PRIVATE to the collection.
"""One screen that says what is live and what was released last."""

from __future__ import annotations

import typing as t

from ansible_collections.tagadodo.deploy.plugins.module_utils._ledger import Record
from ansible_collections.tagadodo.deploy.plugins.module_utils._plan import (
    Fleet,
    HostView,
    PlanError,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._service import SLOTS

Row = t.Tuple[str, ...]

HEADINGS: Row = ("SERVICE", "HOST", "SLOT", "VERSION", "TRAFFIC", "INSTANCES", "HEALTH")
HISTORY: Row = ("RELEASE (UTC)", "SERVICE", "VERSION", "OUTCOME")


def table(headings: Row, rows: t.Sequence[Row]) -> t.List[str]:
    """Left-aligned columns as wide as their widest cell."""
    widths = [max(len(row[i]) for row in (headings, *rows)) for i in range(len(headings))]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip()
        for row in (headings, *rows)
    ]


def _health(containers: t.Sequence[t.Mapping[str, t.Any]]) -> str:
    running = [c for c in containers if c["running"]]
    if not running:
        return "stopped"
    worst = sorted({c["health"] or "no check" for c in running}, key=_badness)
    return worst[0]


def _badness(health: str) -> int:
    order = ("unhealthy", "starting", "no check", "healthy")
    return order.index(health) if health in order else 0


def _slot_row(view: HostView, service: str, slot: str, share: t.Optional[int]) -> t.Optional[Row]:
    containers = view.slot(service, slot)
    if not containers:
        return None
    running = sum(1 for c in containers if c["running"])
    versions = "/".join(sorted({str(c["version"]) for c in containers}))
    traffic = "?" if share is None else f"{share if slot == SLOTS[1] else 100 - share} %"
    return (
        service,
        view.name,
        slot,
        versions,
        traffic,
        f"{running} of {len(containers)} run",
        _health(containers),
    )


def _share(views: t.Sequence[HostView], service: str) -> t.Optional[int]:
    shares = {view.shares[service] for view in views if service in view.shares}
    return shares.pop() if len(shares) == 1 else None


def _history(views: t.Sequence[HostView], only: t.Collection[str], limit: int) -> t.List[Row]:
    records: t.Dict[t.Tuple[str, str], Record] = {}
    for view in views:
        for service, known in view.releases.items():
            for record in known if not only or service in only else ():
                records[(str(record["release"]), service)] = record
    locked = any(view.lock for view in views)
    newest = sorted(records.items(), reverse=True)[:limit]
    return [
        (release, service, str(record.get("version", "?")), _outcome(record, locked))
        for (release, service), record in newest
    ]


def _outcome(record: Record, locked: bool) -> str:
    told = str(record.get("outcome", "?")).replace("_", " ")
    if told == "running":
        told = "running, or left half way" if locked else "left half way"
    if record.get("kind") == "rollback":
        told += ", a rollback"
    return f"{told}: {record['reason']}" if record.get("reason") else told


def known_services(views: t.Sequence[HostView]) -> t.List[str]:
    """The services that a host runs or serves."""
    return sorted(
        {c["service"] for view in views for c in view.containers}
        | {s for v in views for s in v.shares}
    )


def screen(
    views: t.Sequence[HostView], limit: int = 10, only: t.Collection[str] = ()
) -> t.List[str]:
    """The status of all hosts as lines of text.

    Args:
        limit: how many of the last releases are listed.
        only: services that are shown; all of them when empty.
    """
    names = [name for name in known_services(views) if not only or name in only]
    rows: t.List[Row] = []
    for service in names:
        share = _share(views, service)
        found = [_slot_row(view, service, slot, share) for view in views for slot in SLOTS]
        shown = [row for row in found if row is not None]
        rows += shown or [(service, "-", "-", "-", "-", "nothing released", "-")]
    lines = table(HEADINGS, rows) if rows else ["No service is set up yet; run site.yml."]
    history = _history(views, only, limit)
    lines += ["", *table(HISTORY, history)] if history else []
    told = [
        *_locked(views),
        *(line for service in names for line in _apart(views, service)),
        *(f"DAMAGED  {view.name}: {one}" for view in views for one in view.damaged),
    ]
    return lines + (["", *told] if told else [])


def _apart(views: t.Sequence[HostView], service: str) -> t.Iterator[str]:
    """A line for each proxy that does not send the service's traffic as the others do, or as its release says."""
    fleet = Fleet(app=tuple(views), proxy=tuple(v for v in views if service in v.shares))
    if not fleet.proxy:
        return
    try:
        right = fleet.green_share(service)
    except PlanError as error:
        yield f"APART  {error}"
        return
    for name, share in sorted(fleet.misled(service).items()):
        yield f"APART  {name}: {service}: {share} % go to {SLOTS[1]} instead of {right} %; run deploy.yml"


def _locked(views: t.Sequence[HostView]) -> t.Iterator[str]:
    for view in views:
        if view.lock:
            left = view.lock["remaining"]
            until = f"counts as dead in {left} s" if left else "counts as dead"
            yield f"LOCKED  {view.name}: {view.lock['told']}; without another one it {until}"
