# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This module util is PRIVATE to the collection.
"""The report of a release: what the ledger says of it, as a value that pages are made from.

A release is one run: it may have moved several services. Its own record (service ``ENVIRONMENT``) names them,
and the record of each says what became of it.
"""

from __future__ import annotations

import json
import typing as t
from dataclasses import dataclass, field
from datetime import datetime, timezone

from ansible_collections.tagadodo.deploy.plugins.module_utils._ledger import ENVIRONMENT, Record
from ansible_collections.tagadodo.deploy.plugins.module_utils._timestamp import seconds_of

Data = t.Dict[str, t.Any]
Records = t.Mapping[str, t.Sequence[Record]]

SUCCEEDED, FAILED, HELD, RUNNING, ROLLED_BACK = (
    "succeeded",
    "failed",
    "held",
    "running",
    "rolled_back",
)
# What a release of several services came to: what is worst for any of them.
_WORST_FIRST = (FAILED, HELD, RUNNING, ROLLED_BACK)
ROLLBACK = "rollback"
NOWHERE = "-"  # a setting that is not there


@dataclass(frozen=True)
class Change:
    """A setting that differs from those of the release before, as text; ``NOWHERE`` where it is missing."""

    setting: str
    before: str
    after: str


@dataclass(frozen=True)
class Verdict:
    """What the gate decided of a step.

    Attributes:
        at: when, seconds since 1970; None where the record does not say.
        slots: what each slot did in the step: ``attempts``, ``failed``, ``p50`` and ``p95`` (seconds).
        rules: state of each rule by its name.
    """

    step: str
    kind: str
    sentence: str = ""
    rule: str = ""
    at: t.Optional[float] = None
    seconds: float = 0.0
    slots: t.Mapping[str, Data] = field(default_factory=dict)
    rules: t.Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Point:
    """What a slot did in a while of a step that ends ``at``: answers, how many of them failed, latencies in seconds."""

    step: str
    at: float
    slot: str
    answers: int
    failed: int
    p50: t.Optional[float]
    p95: t.Optional[float]


@dataclass(frozen=True)
class Item:
    """A point of a checklist: its state (``pass``, ``fail`` or ``open``), by what or whom, and when."""

    name: str
    state: str
    evidence: str = ""
    by: str = ""
    at: str = ""


@dataclass(frozen=True)
class ServiceReport:
    """What a release did to one service; times are seconds since 1970.

    Attributes:
        before: version that was live; empty where none was.
        shares: percent of traffic on its slot, and since when.
        changes: of settings; None where those of the release before are not known any more.
        migrations: as ``_migration_record`` keeps them.
        given_up_by: who took a release back that had been live, and when.
        restored: the release that a rollback made live again.
    """

    name: str
    outcome: str
    version: str
    before: str = ""
    image: str = ""
    slot: str = ""
    strategy: str = ""
    reason: str = ""
    reasons: t.Tuple[str, ...] = ()
    started: t.Optional[float] = None
    finished: t.Optional[float] = None
    shares: t.Tuple[t.Tuple[float, int], ...] = ()
    verdicts: t.Tuple[Verdict, ...] = ()
    trend: t.Tuple[Point, ...] = ()
    migrations: Data = field(default_factory=dict)
    changes: t.Optional[t.Tuple[Change, ...]] = None
    given_up_by: str = ""
    given_up: t.Optional[float] = None
    restored: str = ""

    @property
    def decisive(self) -> t.Optional[Verdict]:
        """The verdict that ended it badly."""
        return next((one for one in reversed(self.verdicts) if one.kind != "pass"), None)

    @property
    def exposed_from(self) -> t.Optional[float]:
        """When users first met it; None where they never did."""
        return next((at for at, share in self.shares if share > 0), None)

    @property
    def exposed_until(self) -> t.Optional[float]:
        """When all traffic had left it again."""
        at, share = self.shares[-1] if self.shares else (0.0, 100)
        return at if share == 0 and self.exposed_from is not None else None


@dataclass(frozen=True)
class Report:
    """One release.

    Attributes:
        project: the installation it was made on.
        hosts: those that took part.
        origin: the machine or pipeline that it was made from.
        language: that its pages are written in.
        committed: when the change that it brings was committed, where that was said.
    """

    release: str
    kind: str
    outcome: str
    services: t.Tuple[ServiceReport, ...]
    project: str = ""
    hosts: t.Tuple[str, ...] = ()
    by: str = ""
    origin: str = ""
    language: str = "en"
    committed: t.Optional[float] = None
    started: t.Optional[float] = None
    finished: t.Optional[float] = None
    checklist: t.Tuple[Item, ...] = ()

    @property
    def is_rollback(self) -> bool:
        return self.kind == ROLLBACK

    @property
    def reason(self) -> str:
        """Why it did not succeed, in one line; empty where nobody said."""
        return next((one.reason for one in self.services if one.reason), "")

    @property
    def seconds(self) -> t.Optional[float]:
        """From its plan to its end."""
        if self.started is None or self.finished is None:
            return None
        return max(0.0, self.finished - self.started)

    @property
    def lead(self) -> t.Optional[float]:
        """From the commit of its change until all users had it; None where they never did, or nothing tells."""
        whole = [at for one in self.services for at, share in one.shares if share == 100]
        live = max(
            whole, default=self.finished if self.outcome in (SUCCEEDED, ROLLED_BACK) else None
        )
        if self.committed is None or live is None or live < self.committed:
            return None
        return live - self.committed

    @property
    def exposed_from(self) -> t.Optional[float]:
        """When users first met any of it."""
        return min(
            (s.exposed_from for s in self.services if s.exposed_from is not None), default=None
        )

    @property
    def exposed_until(self) -> t.Optional[float]:
        """When all traffic had left it again; None where it has not, or never came."""
        met = [one for one in self.services if one.exposed_from is not None]
        ends = [one.exposed_until for one in met if one.exposed_until is not None]
        return max(ends) if met and len(ends) == len(met) else None


def reports_of(records: Records) -> t.List[Report]:
    """The reports of all releases, newest first.

    Args:
        records: of the ledger, newest first, by service, those of ``ENVIRONMENT`` included.
    """
    return [_report(records, one) for one in records.get(ENVIRONMENT, ())]


def _report(records: Records, whole: Record) -> Report:
    moved = {
        name: _record(records, name, str(one.get("release", whole["release"])))
        for name, one in sorted(whole.get("of_services", {}).items())
    }
    services = tuple(_service(records, name, one) for name, one in moved.items() if one)
    outcomes = {one.outcome for one in services} or {str(whole.get("outcome", RUNNING))}
    return Report(
        release=str(whole["release"]),
        kind=str(whole.get("kind", "release")),
        outcome=next((one for one in _WORST_FIRST if one in outcomes), SUCCEEDED),
        services=services,
        project=str(whole.get("project", "")),
        hosts=tuple(map(str, whole.get("hosts", ()))),
        by=str(whole.get("by", "")),
        origin=str(whole.get("origin", "")),
        language=str(whole.get("language", "en")),
        committed=_time(whole.get("committed_at")),
        started=min((s.started for s in services if s.started is not None), default=None),
        finished=_time(whole.get("finished_at"))
        or max((s.finished for s in services if s.finished is not None), default=None),
        checklist=tuple(map(_item, whole.get("checklist", ()))),
    )


def _record(records: Records, service: str, release: str) -> t.Optional[Record]:
    return next((one for one in records.get(service, ()) if one["release"] == release), None)


def _service(records: Records, name: str, record: Record) -> ServiceReport:
    former = record.get("previous") or {}
    before = _record(records, name, str(former.get("release", "")))
    giver = _given_up_by(records.get(name, ()), record)
    return ServiceReport(
        name=name,
        outcome=str(record.get("outcome", RUNNING)),
        version=str(record.get("version", "")),
        before=str(former.get("version", "")),
        image=str(record.get("image", "")),
        slot=str(record.get("slot", "")),
        strategy=str(record.get("strategy", "")),
        reason=str(record.get("reason", "")),
        reasons=tuple(map(str, record.get("reasons", ()))),
        started=_began(record),
        finished=_time(record.get("finished_at")),
        shares=tuple(_shares(record)),
        verdicts=tuple(map(_verdict, record.get("verdicts", ()))),
        trend=tuple(_points(record)),
        migrations=dict(record.get("migrations", {})),
        changes=settings_changes(before.get("settings", {}), record.get("settings", {}))
        if before
        else None,
        given_up_by=str(giver.get("by", "")),
        given_up=_began(giver),
        restored=str(record.get("restores", "")),
    )


def _given_up_by(records: t.Sequence[Record], given_up: Record) -> Record:
    """The rollback that took a release back which had been live."""
    if given_up.get("outcome") != ROLLED_BACK:
        return {}
    return next(
        (
            one
            for one in reversed(records)
            if one.get("kind") == ROLLBACK
            and one["release"] > given_up["release"]
            and (one.get("previous") or {}).get("release")
            in (given_up["release"], given_up.get("restores"))
        ),
        {},
    )


def _shares(record: Record) -> t.Iterator[t.Tuple[float, int]]:
    for one in record.get("shares", ()):
        at, share = _time(one.get("at")), one.get("share", {}).get(record.get("slot"))
        if at is not None and share is not None:
            yield at, int(share)


def _verdict(raw: Data) -> Verdict:
    numbers = raw.get("numbers") or {}
    at = raw.get("at")
    return Verdict(
        step=str(raw.get("step", "")),
        kind=str(raw.get("kind", "")),
        sentence=str(raw.get("sentence", "")),
        rule=str(raw.get("rule", "")),
        at=None if at is None else float(at),
        seconds=float(raw.get("seconds", 0)),
        slots={name: one.get("step", {}) for name, one in numbers.get("slots", {}).items()},
        rules={name: str(one.get("state", "")) for name, one in numbers.get("rules", {}).items()},
    )


def _points(record: Record) -> t.Iterator[Point]:
    """By time. A step that was watched twice, since the release was held, has all of it in its last verdict."""
    trends = {str(one.get("step")): one.get("trend") or {} for one in record.get("verdicts", ())}
    points = [point for step, trend in trends.items() for point in _points_of(step, trend)]
    return iter(sorted(points, key=lambda point: point.at))


def _points_of(step: str, trend: Data) -> t.Iterator[Point]:
    for slot, columns in trend.get("slots", {}).items():
        rows = zip(*(columns[key] for key in ("answers", "failed", "p50", "p95")))
        for at, row in zip(trend["at"], rows):
            yield Point(step, float(at), slot, *row)


def _item(raw: Data) -> Item:
    told = {key: str(raw.get(key, "")) for key in ("name", "state", "evidence", "by", "at")}
    return Item(**told)


def _time(text: t.Any) -> t.Optional[float]:
    try:
        return seconds_of(text) if text else None
    except (TypeError, ValueError):
        return None


def _began(record: Record) -> t.Optional[float]:
    """When it was planned, which its name begins with. Its intent may be recorded as late as traffic is shifted."""
    recorded = _time(record.get("started_at"))
    try:
        named = datetime.strptime(str(record.get("release", ""))[:15], "%Y%m%d-%H%M%S")
    except ValueError:
        return recorded
    planned = named.replace(tzinfo=timezone.utc).timestamp()
    return planned if recorded is None else min(planned, recorded)


def settings_changes(before: Data, after: Data) -> t.Tuple[Change, ...]:
    """Settings that differ, by their dotted paths; the version is told elsewhere."""
    old, new = dict(_leaves(before)), dict(_leaves(after))
    return tuple(
        Change(path, old.get(path, NOWHERE), new.get(path, NOWHERE))
        for path in sorted({*old, *new} - {"version"})
        if old.get(path) != new.get(path)
    )


def _leaves(settings: t.Mapping[str, t.Any], path: str = "") -> t.Iterator[t.Tuple[str, str]]:
    for key, value in settings.items():
        if isinstance(value, dict) and value:
            yield from _leaves(value, f"{path}{key}.")
        else:
            text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
            yield f"{path}{key}", text
