# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This module util is PRIVATE to the collection.
"""What a gate judges: the looks at one service in one step, cut to the stretches that rules ask for."""

from __future__ import annotations

import typing as t
from collections import Counter
from dataclasses import dataclass, field, replace

from ansible_collections.tagadodo.deploy.plugins.module_utils._evidence import (
    OTHERS,
    Histogram,
    Look,
    Probes,
    SlotCounts,
    SlotLook,
    latency_bucket,
    quantile,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._gate_rules import Rule

BASELINE = "baseline"  # step of the look that was made before traffic moved
TRAFFIC, PROBES = NEEDS = ("traffic", "probes")
HEALTH = ("live", "ready", "full")  # kinds of probes that ask an instance itself
SMOKE = "smoke"  # the kind that goes through nginx as users do

METRIC = "metrics."  # how problems of metrics begin

LEAST_SLOW = 0.01  # seconds; nginx counts in milliseconds, below ten of them multiples are noise
LEAST_ROUTE = 20  # answers of a route below which the median over all routes stands for its own
TYPICAL_TAIL = 0.95  # no more than the rest of the old slot's answers may be slow by definition


@dataclass(frozen=True)
class Step:
    """The step of a release that is judged.

    Attributes:
        name: as in the looks that were made of it.
        share: percent of traffic on the new slot.
        old, new: names of the slots; ``old`` is empty where nothing was live before.
        began: time of day in seconds, by the clock that ``now`` of ``judge`` is from.
        minimum, maximum: seconds it is watched.
        bake: whether it is the last, after which the old slot is let go.
        needs: ``traffic``, or ``probes`` where smoke probes count as requests.
        first: number of the first look that counts; a release that an operator resumed after a hold
            starts anew from there. Of the looks before it, only the baseline is compared with.

    Raises:
        ValueError: a value is out of its range.
    """

    name: str
    share: float
    old: str
    new: str
    began: float
    minimum: float
    maximum: float
    bake: bool = False
    needs: str = TRAFFIC
    first: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.share <= 100:
            raise ValueError(f"step {self.name}: share {self.share!r} is not from 0 to 100 percent")
        if not 0 <= self.minimum <= self.maximum:
            raise ValueError(
                f"step {self.name}: minimum {self.minimum!r} s and maximum {self.maximum!r} s;"
                " expected 0 <= minimum <= maximum"
            )
        if self.needs not in NEEDS:
            raise ValueError(f"step {self.name}: needs {self.needs!r} is not one of {NEEDS}")
        if self.old == self.new:
            raise ValueError(
                f"step {self.name}: {self.new} cannot be both the old and the new slot"
            )


@dataclass(frozen=True)
class Sample:
    """Attempts of one slot that passed or failed a rule's question.

    Attributes:
        good, bad: how many.
        clients: failures by client, as far as known.
        seen: how many clients got good answers at a time; 0 where it was not counted.
        served: good attempts of those clients that also failed.
    """

    good: int = 0
    bad: int = 0
    clients: t.Mapping[str, int] = field(default_factory=dict)
    seen: int = 0
    served: t.Mapping[str, int] = field(default_factory=dict)

    @property
    def total(self) -> int:
        return self.good + self.bad

    @property
    def rate(self) -> float:
        """Share of failures, 0 without any attempt."""
        return self.bad / self.total if self.total else 0.0

    @property
    def unnamed(self) -> int:
        """Failures whose client is not known by itself."""
        return self.bad - sum(n for client, n in self.clients.items() if client != OTHERS)

    @property
    def failing(self) -> int:
        """Clients that failed at least; who is not named counts as one of his own."""
        return sum(client != OTHERS for client in self.clients) + self.unnamed

    @property
    def worst(self) -> str:
        """The client that failed most, nothing if none is known."""
        named = {client: n for client, n in self.clients.items() if client != OTHERS}
        return min(named, key=lambda client: (-named[client], client), default="")

    def without(self, client: str) -> Sample:
        """The sample without the attempts of ``client``."""
        clients, served = (
            {name: n for name, n in counts.items() if name != client}
            for counts in (self.clients, self.served)
        )
        good = self.good - self.served.get(client, 0)
        return Sample(good, self.bad - self.clients.get(client, 0), clients, self.seen, served)


def summed(samples: t.Iterable[Sample]) -> Sample:
    """All samples as one."""
    good = bad = seen = 0
    clients: t.Counter[str] = Counter()
    served: t.Counter[str] = Counter()
    for sample in samples:
        good += sample.good
        bad += sample.bad
        seen = max(seen, sample.seen)
        clients.update(sample.clients)
        served.update(sample.served)
    return Sample(good, bad, dict(clients), seen, dict(served))


@dataclass(frozen=True)
class Moment:
    """One round's look at the service that is judged: see ``Look`` and ``ServiceLook``."""

    number: int
    step: str
    at: float
    seconds: float
    slots: t.Mapping[str, SlotLook]
    metrics: t.Mapping[str, t.Optional[float]]
    problems: t.Tuple[str, ...]

    @classmethod
    def of(cls, look: Look, service: str, slots: t.Sequence[str]) -> Moment:
        seen = look.service(service)
        both = {name: seen.slot(name) for name in slots}
        # A metric that cannot be had is for its own rule to mind: it blinds nobody else.
        problems = tuple(one for one in seen.problems if not one.startswith(METRIC))
        return cls(look.number, look.step, look.at, look.seconds, both, seen.metrics, problems)

    def slot(self, name: str) -> SlotLook:
        return self.slots[name]

    def asked(self, slot: str, kinds: t.Sequence[str] = HEALTH) -> t.List[Probes]:
        """What came of our questions to ``slot``, those kinds that were asked."""
        probes = (self.slot(slot).probes.get(kind, Probes()) for kind in kinds)
        return [one for one in probes if one.good or one.bad]

    def follows_a_restart(self, before: Moment) -> bool:
        """Whether all instances of both slots were started since the look ``before``: the host or its
        engine was."""
        slots = [self.slot(name).containers for name in self.slots]
        started = [one.running and one.started > before.at for slot in slots for one in slot]
        return len(slots) > 1 and all(slots) and all(started)

    def without_requests(self) -> Moment:
        slots = {name: replace(one, counts=SlotCounts()) for name, one in self.slots.items()}
        return replace(self, slots=slots)


Moments = t.Sequence[Moment]
Latencies = t.Dict[str, t.Dict[int, int]]


def window_begin(moments: Moments, seconds: float) -> int:
    """Index of the first moment within the last ``seconds``."""
    for index, moment in enumerate(moments):
        if moment.at > moments[-1].at - seconds:
            return index
    return 0


def latencies(moments: Moments, slot: str) -> Latencies:
    """The histogram of each route over all moments."""
    routes: Latencies = {}
    for moment in moments:
        for route, histogram in moment.slot(slot).counts.latency.items():
            total = routes.setdefault(route, {})
            for bucket, count in histogram.items():
                total[bucket] = total.get(bucket, 0) + count
    return routes


def over_all(routes: t.Mapping[str, Histogram]) -> Histogram:
    """One histogram of all routes."""
    total: t.Counter[int] = Counter()
    for histogram in routes.values():
        total.update(histogram)
    return total


@dataclass(frozen=True)
class Case:
    """Everything known when a step is judged.

    What users got while the host or its engine was started again says nothing about a release.

    Attributes:
        baseline: moments before traffic moved, which serve as comparison only.
        watched: moments of the release, of any step.
        step: what is judged.
        now: time of day, seconds.
        warmup: seconds of the new slot whose latencies do not count.
    """

    baseline: t.Tuple[Moment, ...]
    watched: t.Tuple[Moment, ...]
    step: Step
    now: float
    warmup: float

    @classmethod
    def of(
        cls, rounds: t.Sequence[Look], service: str, step: Step, now: float, warmup: float
    ) -> Case:
        seen = [Moment.of(one, service, (step.old, step.new)) for one in rounds]
        moments = tuple(
            now.without_requests() if before and now.follows_a_restart(before) else now
            for before, now in zip((None, *seen), seen)
        )
        return cls(
            baseline=tuple(one for one in moments if one.step == BASELINE),
            watched=tuple(
                one for one in moments if one.step != BASELINE and one.number >= step.first
            ),
            step=step,
            now=now,
            warmup=warmup,
        )

    @property
    def in_step(self) -> Moments:
        return [one for one in self.watched if one.step == self.step.name]

    @property
    def slots(self) -> t.Tuple[str, ...]:
        """The new slot and the old one, if there is one."""
        return (self.step.new, self.step.old) if self.step.old else (self.step.new,)

    @property
    def all(self) -> Moments:
        return (*self.baseline, *self.watched)

    def scope(self, rule: Rule) -> Moments:
        """The moments a rule judges by."""
        return self.watched if rule.scope == "release" else self.in_step

    @property
    def warm_at(self) -> float:
        """Time of day from which the new slot's latencies count.

        A short step would leave nothing to judge, so no more than half its minimum is warm-up.
        """
        new = self.step.new
        first = (m for m in self.watched if m.slot(new).counts.attempts or m.asked(new, (SMOKE,)))
        return next((m.at for m in first), 0.0) + min(self.warmup, self.step.minimum / 2)

    def slow_limits(self, factor: float) -> t.Optional[SlowLimits]:
        """What is slow by the old slot's answers in this release; None without any answer."""
        routes = latencies(self.all, self.step.old)
        total = over_all(routes)
        if not total:
            return None
        enough = {name: one for name, one in routes.items() if sum(one.values()) >= LEAST_ROUTE}
        return SlowLimits(
            default=_last_not_slow(total, factor),
            routes={name: _last_not_slow(one, factor) for name, one in enough.items()},
        )


def _last_not_slow(histogram: Histogram, factor: float) -> int:
    median = quantile(histogram, 0.5) or 0.0
    tail = quantile(histogram, TYPICAL_TAIL) or 0.0
    return latency_bucket(max(factor * median, tail, LEAST_SLOW))


@dataclass(frozen=True)
class SlowLimits:
    """The last bucket of the latency histogram that is not slow, by route.

    Attributes:
        default: over all routes, for those with too few answers.
        routes: of each route with enough.
    """

    default: int
    routes: t.Mapping[str, int]

    def slow(self, route: str, histogram: Histogram) -> int:
        """How many answers of a route are slow."""
        limit = self.routes.get(route, self.default)
        return sum(count for bucket, count in histogram.items() if bucket > limit)
