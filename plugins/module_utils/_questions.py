# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This module util is PRIVATE to the collection.
"""What a host asks about a release at one look: instances, nginx, the engine, Prometheus."""

from __future__ import annotations

import contextlib
import math
import time
import typing as t
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace

from ansible_collections.tagadodo.deploy.plugins.module_utils._engine import (
    ContainerState,
    EngineError,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._evidence import (
    ContainerFacts,
    Probes,
    ServiceLook,
    SlotLook,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._health_check import (
    EngineLook,
    Looking,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._http_probe import ask
from ansible_collections.tagadodo.deploy.plugins.module_utils._prometheus import Metric
from ansible_collections.tagadodo.deploy.plugins.module_utils._target import (
    LIVE,
    READY,
    Answer,
    Request,
    Target,
    TargetError,
    parse_targets,
    probe,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._timestamp import seconds_of

FULL, SMOKE = "full", "smoke"
MOST_SMOKE = 50  # requests of our own at one look
AT_ONCE = 100  # questions asked at the same time
SLOW = 0.5  # share of its timeout from which a good answer is slow

Data = t.Dict[str, t.Any]
Ask = t.Callable[[Request], Answer]
States = t.Mapping[str, ContainerState]
Inspect = t.Callable[[t.Sequence[str], float], States]
Seen = t.Dict[str, ServiceLook]


@dataclass(frozen=True)
class Smoke:
    """Requests of our own through nginx: what is asked, how often, and what is slow (seconds)."""

    targets: t.Tuple[Target, ...]
    slot: str
    count: int
    slow: float


@dataclass(frozen=True)
class Watched:
    """One service as this host can see it.

    Attributes:
        slot: the one that is released.
        log: its access log; empty on a host without nginx.
        upstreams: slot by address of every instance.
        instances: those on this host by slot.
    """

    name: str
    slot: str
    log: str = ""
    upstreams: t.Mapping[str, str] = field(default_factory=dict)
    instances: t.Mapping[str, t.Tuple[Target, ...]] = field(default_factory=dict)
    smoke: t.Optional[Smoke] = None
    metrics: t.Tuple[Metric, ...] = ()

    @classmethod
    def parse(cls, raw: t.Mapping[str, t.Any], secrets: t.Mapping[str, str]) -> Watched:
        """Make a service of the module's arguments.

        Raises:
            TargetError: names the setting that is wrong.
        """
        slots = {slot: (found or {}).get("instances") for slot, found in raw["slots"].items()}
        return cls(
            name=raw["name"],
            slot=raw["slot"],
            log=raw["log"],
            upstreams=raw["upstreams"],
            instances={slot: _targets(found, secrets) for slot, found in slots.items() if found},
            smoke=_smoke(raw["smoke"], raw["slot"], secrets) if raw["smoke"] else None,
            metrics=tuple(Metric.parse(one) for one in raw["metrics"]),
        )

    def targets(self) -> t.Iterator[Target]:
        """Everything that is asked but metrics."""
        for targets in self.instances.values():
            yield from targets
        if self.smoke:
            yield from self.smoke.targets


def raw_targets(services: t.Sequence[t.Mapping[str, t.Any]]) -> t.List[t.Mapping[str, t.Any]]:
    """The targets within the module's arguments, whose header files are to be read."""
    return [
        target
        for raw in services
        for target in (
            *(one for slot in raw["slots"].values() for one in (slot or {}).get("instances", ())),
            *([raw["smoke"]["target"]] if raw["smoke"] else []),
        )
    ]


def _targets(
    raws: t.Sequence[t.Mapping[str, t.Any]], secrets: t.Mapping[str, str]
) -> t.Tuple[Target, ...]:
    for raw in raws:
        if not raw.get("name") or not raw.get("url"):
            raise TargetError("targets: each needs a name and a url")
    return parse_targets(raws, secrets)


def _smoke(raw: t.Mapping[str, t.Any], slot: str, secrets: t.Mapping[str, str]) -> Smoke:
    if not raw["paths"]:
        raise TargetError("smoke.paths: name at least one path, or leave smoke out")
    (target,) = _targets([raw["target"]], secrets)
    asked = [
        Target.parse(
            {**raw["target"], "ready": path, "full": "", "identity": None, "json": {}}, secrets
        )
        for path in raw["paths"]
    ]
    slow = raw.get("slow") or SLOW * target.paces[READY].timeout
    return Smoke(tuple(asked), raw.get("slot") or slot, min(raw["count"], MOST_SMOKE), slow)


def inspecting(looking: t.Callable[[float], Looking]) -> Inspect:
    """What tells how instances are, by their names.

    Args:
        looking: makes what looks at them, in so many seconds.
    """

    def inspect(names: t.Sequence[str], timeout: float) -> States:
        if not names:
            return {}
        with contextlib.closing(looking(timeout)) as looks:
            return {name: looks.state(name) for name in names}

    return inspect


ENGINE = inspecting(EngineLook)


class Questions:
    """Everything that is asked at one look, at the same time; answers are collected at its end.

    Containers are looked at first, as those that do not run need not be asked, and last: whatever a
    crash made others answer, it is seen as well, and is named as the cause.

    Args:
        budget: seconds all may take. What cannot be asked in time is not asked.
        ask: sends one request.
        inspect: looks at containers.
        clock: seconds, monotonic.
    """

    def __init__(
        self,
        services: t.Sequence[Watched],
        budget: float,
        ask: Ask = ask,
        inspect: Inspect = ENGINE,
        clock: t.Callable[[], float] = time.monotonic,
    ) -> None:
        self._services = services
        self._budget = budget
        self._ask = ask
        self._inspect = inspect
        self._clock = clock
        self._deadline = clock() + budget
        self._pool = ThreadPoolExecutor(max_workers=AT_ONCE)
        self._asked: t.List[Future[Seen]] = []

    def __enter__(self) -> Questions:
        """Ask."""
        for one in self._services:
            for metric in one.metrics:
                self._submit(self._metric, one.name, metric)
            if one.smoke and one.smoke.count > 0:
                self._submit(self._smoke, one.name, one.smoke)
        try:
            states = self._states()
        except EngineError:  # answers() says it
            states = {}
        for service, slot, target in self._instances():
            state = states.get(target.container)
            if state is None or state.running:
                for kind, alone in _probes_of(target):
                    self._submit(self._instance, service, slot, kind, alone)
        return self

    def __exit__(self, *_error: object) -> None:
        self._pool.shutdown()

    def answers(self) -> Seen:
        """What was seen, by service."""
        total = {one.name: ServiceLook() for one in self._services}
        answered = [future.result() for future in self._asked]
        for seen in (*answered, *self._containers()):
            for name, look in seen.items():
                total[name] += look
        return total

    def _submit(self, question: t.Callable[..., Seen], *about: t.Any) -> None:
        self._asked.append(self._pool.submit(question, *about))

    def _instances(self) -> t.Iterator[t.Tuple[str, str, Target]]:
        for one in self._services:
            for slot, targets in one.instances.items():
                for target in targets:
                    yield one.name, slot, target

    def _states(self) -> States:
        """How the containers are.

        Raises:
            EngineError: the engine does not say.
        """
        names = [target.container for *_whose, target in self._instances() if target.container]
        left = self._deadline - self._clock()
        return self._inspect(names, min(left, self._budget / 2))

    def _containers(self) -> t.Iterator[Seen]:
        """How the containers are now, or that the engine does not say."""
        behind = [one for one in self._instances() if one[2].container]
        try:
            states = self._states()
        except EngineError as error:
            for service in {service for service, *_whose in behind}:
                yield {service: ServiceLook(problems=(str(error),))}
            return
        for service, slot, target in behind:
            facts = SlotLook(containers=(_facts(states[target.container]),))
            yield {service: ServiceLook({slot: facts})}

    def _metric(self, service: str, metric: Metric) -> Seen:
        value, problem = metric.value(self._ask(metric.request(self._budget)))
        return {service: ServiceLook(metrics={metric.name: value}, problems=_said(problem))}

    def _smoke(self, service: str, smoke: Smoke) -> Seen:
        total = Probes()
        for number in range(smoke.count):
            target = smoke.targets[number % len(smoke.targets)]
            one = self._probe(target, READY, smoke.slow, self._budget / 2)
            if one is None:
                break
            total += one
        probes = {SMOKE: total} if total.good + total.bad else {}
        return {service: ServiceLook({smoke.slot: SlotLook(probes=probes)})}

    def _instance(self, service: str, slot: str, kind: str, target: Target) -> Seen:
        pace = LIVE if kind == LIVE else READY
        slow = SLOW * target.paces[pace].timeout
        found = self._probe(target, pace, slow, self._budget / 4)
        probes = {} if found is None else {kind: found}
        problem = f"{target.name} was not asked whether it is {kind} for want of time"
        return {
            service: ServiceLook({slot: SlotLook(probes=probes)}, {}, () if probes else (problem,))
        }

    def _probe(self, target: Target, pace: str, slow: float, least: float) -> t.Optional[Probes]:
        """One probe; None if less is left than its timeout and than ``least`` seconds."""
        timeout = min(target.paces[pace].timeout, self._budget)
        began = self._clock()
        left = self._deadline - began
        if left < min(timeout, least):
            return None
        patience = replace(target.paces[pace], timeout=min(timeout, math.ceil(left * 10) / 10))
        outcome = probe(replace(target, paces={pace: patience}), pace, self._ask)
        if not outcome.ok:
            return Probes(bad=1, why=f"{target.name}: {outcome.error}")
        return Probes(good=1, slow=int(self._clock() - began > slow))


def _said(problem: str) -> t.Tuple[str, ...]:
    return (problem,) if problem else ()


def _probes_of(target: Target) -> t.Iterator[t.Tuple[str, Target]]:
    """The probes of an instance, each as a target that is asked for nothing else."""
    if LIVE in target.paths:
        yield LIVE, target
    alone = {READY: target.paths[READY]} if READY in target.paths else {}
    if FULL not in target.paths:
        yield READY, replace(target, paths=alone)
        return
    if alone:
        yield READY, replace(target, paths=alone, json={}, identity=None)
    yield FULL, replace(target, paths={FULL: target.paths[FULL]})


def _seconds(text: str) -> float:
    return seconds_of(text) if text else 0.0


def _facts(state: ContainerState) -> ContainerFacts:
    return ContainerFacts(
        name=state.name,
        running=state.running,
        restarts=state.restart_count,
        oom_killed=state.oom_killed,
        exit_code=state.exit_code,
        created=_seconds(state.created_at),
        started=_seconds(state.started_at),
    )
