# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This module util is PRIVATE to the collection.
"""What a release is judged by: what one look saw of each slot, and how looks add up.

A look is made on one host and covers the time since the look before. Looks of several hosts make
one round. Everything here is counts, so rounds add up to the evidence of a step or of a release,
and a gate that is started again comes to the same verdict from the same looks.
"""

from __future__ import annotations

import math
import typing as t
from collections import Counter
from dataclasses import dataclass, field

GROWTH = 1.15  # each latency bucket ends this many times later than the one before
FIRST = 0.0005  # seconds at which bucket 0 ends
MOST_CLIENTS = 50  # failing clients a look tells apart
MOST_ROUTES = 12  # kinds of requests a look tells apart
OTHERS = "other"  # the route, or client, of those beyond

Data = t.Dict[str, t.Any]
Histogram = t.Mapping[int, int]


def latency_bucket(seconds: float) -> int:
    """The histogram bucket a latency is in: 0 ends at 0.5 ms, each next one 1.15 times later."""
    return 0 if seconds <= FIRST else math.ceil(math.log(seconds / FIRST) / math.log(GROWTH) - 1e-9)


def bucket_end(bucket: int) -> float:
    """The longest latency of a bucket, in seconds."""
    return float(FIRST * GROWTH**bucket)


def quantile(histogram: Histogram, share: float) -> t.Optional[float]:
    """The latency (seconds) that ``share`` (0 to 1) of the answers did not exceed; None without any."""
    total = sum(histogram.values())
    seen = 0
    for bucket in sorted(histogram):
        seen += histogram[bucket]
        if seen >= share * total:
            return bucket_end(bucket)
    return None


def slower_than(histogram: Histogram, seconds: float) -> int:
    """How many answers took longer than ``seconds``, to the precision of a bucket."""
    limit = latency_bucket(seconds)
    return sum(count for bucket, count in histogram.items() if bucket > limit)


def _sum(left: t.Mapping[t.Any, int], right: t.Mapping[t.Any, int]) -> t.Dict[t.Any, int]:
    return dict(Counter(left) + Counter(right))


@dataclass(frozen=True)
class SlotCounts:
    """The requests of users that a slot was asked to answer.

    Attributes:
        requests: requests that ended, whatever became of them.
        attempts: upstream attempts that can be judged, good or failed: a retry is one more.
        failed: attempts that broke, timed out, or were answered 5xx.
        neutral: attempts that say nothing: the client left (499), an upgrade, a limit.
        missing: answers 401, 403, 404.
        statuses: answers to users by status.
        failed_clients: failed attempts by client, the most frequent 50.
        served_clients: good attempts of those of them that had any.
        latency: seconds of good attempts as histogram, by route (``GET /users``).
        clients: how many clients got a good answer in one look; of several looks the most.
    """

    requests: int = 0
    attempts: int = 0
    failed: int = 0
    neutral: int = 0
    missing: int = 0
    statuses: t.Mapping[str, int] = field(default_factory=dict)
    failed_clients: t.Mapping[str, int] = field(default_factory=dict)
    latency: t.Mapping[str, Histogram] = field(default_factory=dict)
    clients: int = 0
    served_clients: t.Mapping[str, int] = field(default_factory=dict)

    def __add__(self, other: SlotCounts) -> SlotCounts:
        routes = {**self.latency, **other.latency}
        return SlotCounts(
            requests=self.requests + other.requests,
            attempts=self.attempts + other.attempts,
            failed=self.failed + other.failed,
            neutral=self.neutral + other.neutral,
            missing=self.missing + other.missing,
            statuses=_sum(self.statuses, other.statuses),
            failed_clients=_sum(self.failed_clients, other.failed_clients),
            served_clients=_sum(self.served_clients, other.served_clients),
            clients=max(self.clients, other.clients),
            latency={
                route: _sum(self.latency.get(route, {}), other.latency.get(route, {}))
                for route in routes
            },
        )

    @property
    def latencies(self) -> Histogram:
        """Over all routes."""
        total: t.Dict[int, int] = {}
        for histogram in self.latency.values():
            total = _sum(total, histogram)
        return total

    def as_data(self) -> Data:
        """For JSON: the keys of histograms become text, and what is nothing is left out."""
        known: Data = {
            "requests": self.requests,
            "attempts": self.attempts,
            "failed": self.failed,
            "neutral": self.neutral,
            "missing": self.missing,
            "statuses": dict(self.statuses),
            "failed_clients": dict(self.failed_clients),
            "served_clients": dict(self.served_clients),
            "clients": self.clients,
            "latency": {
                route: {str(bucket): count for bucket, count in histogram.items()}
                for route, histogram in self.latency.items()
            },
        }
        return {key: value for key, value in known.items() if value}

    @classmethod
    def from_data(cls, raw: t.Mapping[str, t.Any]) -> SlotCounts:
        latency = {
            route: {int(bucket): count for bucket, count in histogram.items()}
            for route, histogram in raw.get("latency", {}).items()
        }
        return cls(**{**raw, "latency": latency})


@dataclass(frozen=True)
class Probes:
    """Questions of one kind (live, ready, full, smoke) that we asked a slot ourselves."""

    good: int = 0
    bad: int = 0
    slow: int = 0
    why: str = ""

    def __add__(self, other: Probes) -> Probes:
        return Probes(
            self.good + other.good,
            self.bad + other.bad,
            self.slow + other.slow,
            other.why or self.why,
        )


@dataclass(frozen=True)
class ContainerFacts:
    """One instance: ``restarts`` since it was ``created``; ``exit_code`` counts when it does not run.

    ``created`` and ``started`` (the last time) are in seconds since 1970 by the host's clock, 0 where
    that is not known.
    """

    name: str
    running: bool
    restarts: int = 0
    oom_killed: bool = False
    exit_code: int = 0
    created: float = 0.0
    started: float = 0.0


@dataclass(frozen=True)
class SlotLook:
    """Everything one look saw of one slot."""

    counts: SlotCounts = field(default_factory=SlotCounts)
    probes: t.Mapping[str, Probes] = field(default_factory=dict)
    containers: t.Tuple[ContainerFacts, ...] = ()

    def __add__(self, other: SlotLook) -> SlotLook:
        kinds = {**self.probes, **other.probes}
        return SlotLook(
            self.counts + other.counts,
            {
                kind: self.probes.get(kind, Probes()) + other.probes.get(kind, Probes())
                for kind in kinds
            },
            self.containers + other.containers,
        )

    def as_data(self) -> Data:
        return {
            "counts": self.counts.as_data(),
            "probes": {kind: vars(probes) for kind, probes in self.probes.items()},
            "containers": [vars(one) for one in self.containers],
        }

    @classmethod
    def from_data(cls, raw: t.Mapping[str, t.Any]) -> SlotLook:
        return cls(
            SlotCounts.from_data(raw.get("counts", {})),
            {kind: Probes(**one) for kind, one in raw.get("probes", {}).items()},
            tuple(ContainerFacts(**one) for one in raw.get("containers", ())),
        )


@dataclass(frozen=True)
class ServiceLook:
    """Everything one look saw of one service.

    Attributes:
        slots: by ``blue`` and ``green``.
        metrics: values that Prometheus answered by query name; None where it has none.
        problems: why something could not be seen (log unreadable, Prometheus silent), one line each.
    """

    slots: t.Mapping[str, SlotLook] = field(default_factory=dict)
    metrics: t.Mapping[str, t.Optional[float]] = field(default_factory=dict)
    problems: t.Tuple[str, ...] = ()

    def slot(self, name: str) -> SlotLook:
        return self.slots.get(name, SlotLook())

    def __add__(self, other: ServiceLook) -> ServiceLook:
        return ServiceLook(
            {name: self.slot(name) + other.slot(name) for name in {**self.slots, **other.slots}},
            {**self.metrics, **other.metrics},
            self.problems + other.problems,
        )

    def as_data(self) -> Data:
        return {
            "slots": {name: one.as_data() for name, one in self.slots.items()},
            "metrics": dict(self.metrics),
            "problems": list(self.problems),
        }

    @classmethod
    def from_data(cls, raw: t.Mapping[str, t.Any]) -> ServiceLook:
        return cls(
            {name: SlotLook.from_data(one) for name, one in raw.get("slots", {}).items()},
            raw.get("metrics", {}),
            tuple(raw.get("problems", ())),
        )


@dataclass(frozen=True)
class Look:
    """One look of one host, or the sum of all hosts' looks of one round.

    Attributes:
        number: counts the looks of a release from 0.
        step: name of the release's step it belongs to.
        at: time of day, seconds.
        seconds: time it covers.
        services: by name.
    """

    number: int
    step: str
    at: float
    seconds: float
    services: t.Mapping[str, ServiceLook] = field(default_factory=dict)

    def service(self, name: str) -> ServiceLook:
        return self.services.get(name, ServiceLook())

    def as_data(self) -> Data:
        return {
            "number": self.number,
            "step": self.step,
            "at": self.at,
            "seconds": self.seconds,
            "services": {name: one.as_data() for name, one in self.services.items()},
        }

    @classmethod
    def from_data(cls, raw: t.Mapping[str, t.Any]) -> Look:
        return cls(
            raw["number"],
            raw["step"],
            raw["at"],
            raw["seconds"],
            {name: ServiceLook.from_data(one) for name, one in raw["services"].items()},
        )


def one_round(looks: t.Sequence[Look]) -> Look:
    """The sum of looks that several hosts made in the same round."""
    names = {name for look in looks for name in look.services}
    return Look(
        number=max(look.number for look in looks),
        step=looks[0].step,
        at=max(look.at for look in looks),
        seconds=max(look.seconds for look in looks),
        services={
            name: sum((look.service(name) for look in looks), ServiceLook()) for name in names
        },
    )
