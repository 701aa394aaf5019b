# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This module util is PRIVATE to the collection.
"""What users did, by the counters of whatever leads them to pods: Prometheus knows them, and no log is there to read.

Counters are read as they stand, and subtracted: a counter that was set back begins again at 0. They are as old as the
last scrape, so that requests are seen later than in a log. They tell no clients apart.
"""

from __future__ import annotations

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
ROUTE = "all"  # a histogram is not told apart by path
LEFT = "499"
MISSING = ("401", "403", "404")
# Of a cursor: numbers by slot, kind of counter and label.
Standing = t.Dict[str, t.Dict[str, t.Dict[str, float]]]
KINDS = {"requests": "code", "latency": "le"}  # and the label that tells its series apart


class TrafficMetrics:
    """Tells what users did (``_observe.Requests``); nothing where no counters are named."""

    def __init__(self, cluster: Cluster, project: str) -> None:
        self._counters = cluster.counters
        self._known = {"namespace": cluster.namespace, "project": project}

    def begin(self, services: t.Sequence[Watched], seconds: float, now: float) -> Heard:
        seen, cursors, lately = {}, {}, {}
        for one, counters in self._of(services):
            standing, problems = self._standing(counters, one.name, now)
            before, more = self._standing(counters, one.name, now - seconds)
            counts = {
                slot: _counted(before.get(slot, {}), standing.get(slot, {})) for slot in SLOTS
            }
            old = other_slot(one.slot)
            seen[one.name] = ServiceLook({old: SlotLook(counts[old])}, {}, (*problems, *more))
            cursors[one.name] = standing
            lately[one.name] = Recent(counts, seconds)
        return Heard(seen, cursors, lately, seconds if lately else 0.0)

    def go_on(self, services: t.Sequence[Watched], last: Data, now: float) -> Heard:
        seen, cursors = {}, {}
        for one, counters in self._of(services):
            standing, problems = self._standing(counters, one.name, now)
            before = last["cursors"].get(one.name, {})
            # What Prometheus does not say now is asked for again from where it was.
            cursors[one.name] = standing if not problems else before
            counts = {
                slot: SlotLook(_counted(before.get(slot, {}), standing.get(slot, {})))
                for slot in SLOTS
                if not problems
            }
            seen[one.name] = ServiceLook(counts, {}, problems)
        return Heard(seen, cursors, {}, max(0.0, now - last["at"]))

    def _of(self, services: t.Sequence[Watched]) -> t.Iterator[t.Tuple[Watched, Counters]]:
        if self._counters:
            yield from ((one, self._counters) for one in services)

    def _standing(
        self, counters: Counters, service: str, at: float
    ) -> t.Tuple[Standing, t.Tuple[str, ...]]:
        """The counters of both slots at a time, and why some are not known."""
        found: Standing = {}
        problems: t.List[str] = []
        for slot in SLOTS:
            for kind, label in KINDS.items():
                query = counters.query(kind, {**self._known, "service": service, "slot": slot})
                if not query:
                    continue
                metric = Metric.parse(
                    {"name": f"{service} {kind}", "query": query, **counters.source}
                )
                series, problem = metric.series(ask(metric.request(TIMEOUT, at)), label)
                found.setdefault(slot, {})[kind] = series
                problems += [problem] if problem else []
        return found, tuple(dict.fromkeys(problems))


def _counted(before: t.Mapping[str, t.Any], after: t.Mapping[str, t.Any]) -> SlotCounts:
    """What was counted between two times."""
    codes = _grown(before.get("requests", {}), after.get("requests", {}))
    failed = sum(count for code, count in codes.items() if code.startswith("5"))
    neutral = codes.get(LEFT, 0) + sum(n for code, n in codes.items() if code.startswith("1"))
    total = sum(codes.values())
    histogram = _histogram(_grown(before.get("latency", {}), after.get("latency", {})))
    return SlotCounts(
        requests=total,
        attempts=total - neutral,
        failed=failed,
        neutral=neutral,
        missing=sum(codes.get(code, 0) for code in MISSING),
        statuses=codes,
        latency={ROUTE: histogram} if histogram else {},
    )


def _grown(before: t.Mapping[str, float], after: t.Mapping[str, float]) -> t.Dict[str, int]:
    """By how much counters have grown, those that have."""
    grown = {}
    for label, count in after.items():
        was = before.get(label, 0.0)
        grown[label] = round(count - was if count >= was else count)
    return {label: count for label, count in grown.items() if count > 0}


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
