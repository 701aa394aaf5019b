# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This module util is PRIVATE to the collection.
"""What users did, by the counters of whatever leads them to pods: Prometheus knows them, and no log is there to read.

Counters are read as they stand, and subtracted, each series by itself: one that was set back begins again at 0, and one
that Prometheus does not know for a while goes on from where it was. They are as old as the last scrape, so that requests
are seen later than in a log. They tell no clients apart.
"""

from __future__ import annotations

import hashlib
import json
import math
import typing as t

from ansible_collections.tagadodo.deploy.plugins.module_utils._access_log import Recent
from ansible_collections.tagadodo.deploy.plugins.module_utils._cluster import Cluster, Counters
from ansible_collections.tagadodo.deploy.plugins.module_utils._evidence import (
    ServiceLook,
    SlotCounts,
    SlotLook,
    latency_bucket,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._http_probe import ask
from ansible_collections.tagadodo.deploy.plugins.module_utils._observe import Data, Heard
from ansible_collections.tagadodo.deploy.plugins.module_utils._prometheus import Metric
from ansible_collections.tagadodo.deploy.plugins.module_utils._questions import Watched
from ansible_collections.tagadodo.deploy.plugins.module_utils._service import SLOTS, other_slot

TIMEOUT = 3.0  # seconds that an answer of Prometheus may take
WHERE = "deploy_kubernetes.requests"
ROUTE = "all"  # a histogram is not told apart by path
LEFT = "499"
MISSING = ("401", "403", "404")
KINDS = {
    "requests": "code",
    "latency": "le",
}  # of counters, and the label that tells their series apart
SETTINGS = {"requests": "codes", "latency": "seconds"}
# Of a cursor: numbers by slot, kind of counter, and label with what tells series apart that share it (``200 1f0c…``).
Standing = t.Dict[str, t.Dict[str, t.Dict[str, float]]]


class TrafficMetrics:
    """Tells what users did (``_observe.Requests``); nothing where no counters are named."""

    def __init__(self, cluster: Cluster, project: str) -> None:
        self._counters = cluster.counters
        self._known = {"namespace": cluster.namespace, "project": project}

    def begin(self, services: t.Sequence[Watched], seconds: float, now: float) -> Heard:
        seen, cursors, lately = {}, {}, {}
        for one, counters in self._of(services):
            standing, problem = self._standing(counters, one.name, now)
            before, more = (
                ({}, "") if problem else self._standing(counters, one.name, now - seconds)
            )
            problems = tuple(text for text in (problem, more) if text)
            counts = {slot: _counted(before, standing, slot, since=before) for slot in SLOTS}
            if problems:
                counts = dict.fromkeys(SLOTS, SlotCounts())
            old = other_slot(one.slot)
            seen[one.name] = ServiceLook({old: SlotLook(counts[old])}, {}, problems)
            if not problem:
                cursors[one.name] = standing
            lately[one.name] = Recent(counts, seconds)
        return Heard(seen, cursors, lately, seconds if lately else 0.0)

    def go_on(self, services: t.Sequence[Watched], last: Data, now: float) -> Heard:
        seen, cursors = {}, {}
        for one, counters in self._of(services):
            standing, problem = self._standing(counters, one.name, now)
            before = last["cursors"].get(one.name)
            if problem:  # and it is asked again from where it was
                seen[one.name] = ServiceLook({}, {}, (problem,))
                continue
            if before is None:
                told = f"{WHERE}: requests are counted from here on, the release began without them"
                seen[one.name] = ServiceLook({}, {}, (told,))
            else:
                counts = {slot: SlotLook(_counted(before, standing, slot)) for slot in SLOTS}
                seen[one.name] = ServiceLook(counts)
            cursors[one.name] = _known_now(before or {}, standing)
        return Heard(seen, cursors, {}, max(0.0, now - last["at"]))

    def _of(self, services: t.Sequence[Watched]) -> t.Iterator[t.Tuple[Watched, Counters]]:
        if self._counters:
            yield from ((one, self._counters) for one in services)

    def _standing(self, counters: Counters, service: str, at: float) -> t.Tuple[Standing, str]:
        """The counters of both slots at a time; none where some are not known, and why."""
        found: Standing = {}
        for slot in SLOTS:
            for kind, label in KINDS.items():
                query = counters.query(kind, {**self._known, "service": service, "slot": slot})
                if not query:
                    continue
                raw = {"name": f"{service} {kind}", "query": query, **counters.source}
                metric = Metric.parse(raw, WHERE)
                series, problem = metric.series(ask(metric.request(TIMEOUT, at)))
                wrong = [labels for labels, _count in series if not _is_told(kind, labels)]
                if wrong and not problem:
                    problem = f"{WHERE}.{SETTINGS[kind]}: a series has no label {label} that can be read: {wrong[0]}"
                if problem:
                    return {}, problem
                by_name = found.setdefault(slot, {}).setdefault(kind, {})
                by_name.update((_name(labels, label), count) for labels, count in series)
        return found, ""


def _is_told(kind: str, labels: t.Mapping[str, str]) -> bool:
    """Whether a series says what it counts."""
    text = labels.get(KINDS[kind], "")
    if kind == "requests":
        return bool(text)
    try:
        return float(text) > 0
    except ValueError:
        return False


def _name(labels: t.Mapping[str, str], label: str) -> str:
    """Of a series: short, since every look has it."""
    others = {key: value for key, value in labels.items() if key != label}
    told = hashlib.sha256(json.dumps(others, sort_keys=True).encode()).hexdigest()[:8]
    return f"{labels[label]} {told}" if others else labels[label]


def _known_now(before: Standing, standing: Standing) -> Standing:
    """Where counters stand, by what was last known of each."""
    return {
        slot: {
            kind: {
                **before.get(slot, {}).get(kind, {}),
                **standing.get(slot, {}).get(kind, {}),
            }
            for kind in KINDS
        }
        for slot in SLOTS
    }


def _counted(
    before: Standing, after: Standing, slot: str, since: t.Optional[Standing] = None
) -> SlotCounts:
    """What was counted between two times.

    Args:
        since: of a slot that is not in it nothing was known before: what its counters say may be years old.
    """
    grown = {
        kind: _grown(before.get(slot, {}).get(kind, {}), after.get(slot, {}).get(kind, {}))
        for kind in KINDS
        if since is None or since.get(slot, {}).get(kind)
    }
    codes = {code: count for code, count in grown.get("requests", {}).items() if count}
    failed = sum(count for code, count in codes.items() if code.startswith("5"))
    neutral = sum(count for code, count in codes.items() if _is_neutral(code))
    total = sum(codes.values())
    histogram = _histogram(grown.get("latency", {}))
    return SlotCounts(
        requests=total,
        attempts=total - neutral,
        failed=failed,
        neutral=neutral,
        missing=sum(codes.get(code, 0) for code in MISSING),
        statuses=codes,
        latency={ROUTE: histogram} if histogram else {},
    )


def _is_neutral(code: str) -> bool:
    """Whether a request says nothing of who was asked: its client left (Envoy writes 0), or it was an upgrade."""
    return code in (LEFT, "0", "000") or code.startswith("1")


def _grown(before: t.Mapping[str, float], after: t.Mapping[str, float]) -> t.Dict[str, int]:
    """By how much counters have grown, by their label."""
    grown: t.Dict[str, float] = {}
    for name, count in after.items():
        was = before.get(name, 0.0)
        label = name.partition(" ")[0]
        grown[label] = grown.get(label, 0.0) + (count - was if count >= was else count)
    return {label: round(count) for label, count in grown.items()}


def _histogram(cumulative: t.Mapping[str, int]) -> t.Dict[int, int]:
    """Buckets of evidence from those of Prometheus, each of which counts all that are quicker too."""
    bounds = sorted((float(bound), count) for bound, count in cumulative.items())
    found: t.Dict[int, int] = {}
    below, longest = 0, 0.0
    for bound, count in bounds:
        # What was slower than the last bound took longer than that, nobody knows by how much.
        longest = bound if math.isfinite(bound) else 2 * longest
        if count > below and longest:
            bucket = latency_bucket(longest)
            found[bucket] = found.get(bucket, 0) + count - below
        below = max(below, count)
    return found
