# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Looks as a gate gets them, and a site with users that makes them, for tests of the gate."""

from __future__ import annotations

import dataclasses
import math
import random
import typing as t
from collections import Counter
from dataclasses import dataclass

from ansible_collections.tagadodo.deploy.plugins.module_utils._evidence import (
    ContainerFacts,
    Look,
    Probes,
    ServiceLook,
    SlotCounts,
    SlotLook,
    latency_bucket,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._gate import (
    BASELINE,
    Step,
    Verdict,
    judge,
)

SERVICE = "backend"
OLD, NEW = "blue", "green"
GOOD_PROBES = {"live": Probes(good=1), "ready": Probes(good=1)}


def users(
    good: int = 0, bad: int = 0, clients: t.Union[int, t.Mapping[str, int]] = 20, **more: t.Any
) -> SlotCounts:
    """Attempts of users; failures spread over so many clients, or as given."""
    if isinstance(clients, int):
        failed = Counter(f"10.0.0.{number % clients}" for number in range(bad))
        seen = min(good, clients)
    else:
        failed, seen = Counter(clients), more.pop("seen", 20)
    counts = SlotCounts(
        requests=good + bad,
        attempts=good + bad,
        failed=bad,
        failed_clients=dict(failed),
        clients=seen,
    )
    return dataclasses.replace(counts, **more)


def slot(
    counts: t.Optional[SlotCounts] = None,
    probes: t.Optional[t.Mapping[str, Probes]] = None,
    containers: t.Tuple[ContainerFacts, ...] = (),
) -> SlotLook:
    """One slot in one round, healthy unless told otherwise."""
    return SlotLook(counts or SlotCounts(), GOOD_PROBES if probes is None else probes, containers)


def look(
    number: int,
    new: t.Union[SlotCounts, SlotLook, None] = None,
    old: t.Union[SlotCounts, SlotLook, None] = None,
    step: str = "10 %",
    seconds: float = 5.0,
    at: t.Optional[float] = None,
    **more: t.Any,
) -> Look:
    """One round; the first (number 1) ends ``seconds`` after time 0."""
    slots = {
        name: one if isinstance(one, SlotLook) else slot(one)
        for name, one in ((NEW, new), (OLD, old))
    }
    seen = ServiceLook(slots=slots, **more)
    return Look(number, step, number * seconds if at is None else at, seconds, {SERVICE: seen})


def step(name: str = "10 %", share: float = 10, **more: t.Any) -> Step:
    usual: t.Dict[str, t.Any] = {"old": OLD, "new": NEW, "began": 0.0}
    usual.update(minimum=60.0, maximum=900.0)
    return Step(name, share, **{**usual, **more})


def judged(rounds: t.Sequence[Look], of: t.Optional[Step] = None, **more: t.Any) -> Verdict:
    """The verdict right after the last round."""
    now = more.pop("now", rounds[-1].at if rounds else 0.0)
    return judge(rounds, SERVICE, of or step(), now, **more)


# --- a site with users ---


def binomial(rng: random.Random, trials: int, share: float) -> int:
    """Successes of so many trials, by jumping from one to the next."""
    if share <= 0 or trials <= 0:
        return 0
    if share > 0.5:
        return trials - binomial(rng, trials, 1 - share)
    count, position, step_log = 0, 0, math.log1p(-share)
    while True:
        position += int(math.log(1.0 - rng.random()) / step_log) + 1
        if position > trials:
            return count
        count += 1


Rate = t.Callable[[float, str], float]  # of seconds since the release began and the step's name


def steady(share: float) -> Rate:
    """The same share of errors all the time."""
    return lambda _at, _step: share


@dataclass(frozen=True)
class Site:
    """A site during a release.

    Attributes:
        per_second: requests of users.
        new, old: share of attempts that fail.
        slower: how many times longer the new slot takes; 0 leaves latencies out.
        down: when the database both slots use is down, which their probes tell.
        clients: users that are equally active.
    """

    per_second: float
    new: Rate
    old: Rate
    slower: float = 0.0
    down: t.Callable[[float], bool] = lambda _at: False
    clients: int = 40

    def slot(self, rng: random.Random, name: str, requests: int, at: float, of: str) -> SlotLook:
        """What one look sees of a slot."""
        probes = {"live": Probes(2), "ready": Probes(0, 2, why="database: down")}
        bad = binomial(rng, requests, (self.new if name == NEW else self.old)(at, of))
        clients = Counter(
            f"10.0.0.{rng.randrange(self.clients)}" for _failure in range(min(bad, 200))
        )
        times = self.slower if name == NEW else 1.0
        answers = requests - bad if self.slower else 0
        seconds = (0.05 * times * rng.lognormvariate(0, 0.8) for _answer in range(answers))
        counts = SlotCounts(
            requests=requests,
            attempts=requests,
            failed=bad,
            failed_clients=dict(clients),
            clients=min(requests - bad, self.clients),
            latency={"GET /": dict(Counter(map(latency_bucket, seconds)))} if answers else {},
        )
        return slot(counts, probes if self.down(at) else GOOD_PROBES)


@dataclass(frozen=True)
class Outcome:
    """How a simulated release ended.

    Attributes:
        verdict: the last one.
        step: name of the step it ended in.
        seconds: since traffic moved.
        requests: that the new slot had got by then.
        failed: of those.
    """

    verdict: Verdict
    step: str
    seconds: float
    requests: int
    failed: int

    @property
    def told(self) -> t.Tuple[str, str]:
        return self.verdict.kind, self.verdict.cause


CANARY = tuple(
    step(f"{share} %", share, minimum=120.0, maximum=900.0, bake=share == 100)
    for share in (10, 25, 50, 100)
)
BLUE_GREEN = (step("100 %", 100, minimum=120.0, maximum=600.0, bake=True),)


def simulate(
    site: Site, steps: t.Sequence[Step] = CANARY, seed: int = 0, tick: float = 20.0
) -> Outcome:
    """A release looked at every ``tick`` seconds until a step does not pass, or all did."""
    rng = random.Random(seed)
    rounds = [_round(site, rng, 0, 0.0, BASELINE, 0.0, 300.0)]
    for current in steps:
        current = dataclasses.replace(current, began=rounds[-1].at)
        verdict = Verdict("watch")
        while not verdict.final:
            number, at = len(rounds), rounds[-1].at + tick
            rounds.append(_round(site, rng, number, at, current.name, current.share / 100, tick))
            verdict = judged(rounds, current)
        if verdict.kind != "pass":
            break
    counts = [one.service(SERVICE).slot(NEW).counts for one in rounds]
    return Outcome(
        verdict,
        current.name,
        rounds[-1].at,
        sum(one.attempts for one in counts),
        sum(one.failed for one in counts),
    )


def _round(
    site: Site, rng: random.Random, number: int, at: float, name: str, share: float, seconds: float
) -> Look:
    expected = site.per_second * seconds
    total = max(0, round(rng.gauss(expected, math.sqrt(expected))))
    new = binomial(rng, total, share)
    slots = [site.slot(rng, one, n, at, name) for one, n in ((NEW, new), (OLD, total - new))]
    return look(number, slots[0], slots[1], name, seconds, at)


def simulate_many(
    site: Site, count: int, steps: t.Sequence[Step] = CANARY, tick: float = 20.0
) -> t.List[Outcome]:
    """So many releases, each with a seed of its own."""
    return [simulate(site, steps, seed, tick) for seed in range(count)]
