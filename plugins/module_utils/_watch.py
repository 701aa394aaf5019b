# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This module util is PRIVATE to the collection.
"""Watching one step of a release: rounds come in, verdicts and lines of progress go out.

Several services may take the step together. The step is over when one of them fails or is held, or
when all pass. An operator may pause it, end it early, or abort it (``release_control``).
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field, replace

from ansible_collections.tagadodo.deploy.plugins.module_utils._evidence import (
    Data,
    Look,
    Probes,
    ServiceLook,
    SlotLook,
    quantile,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._gate import (
    Rule,
    Step,
    Verdict,
    judge,
    rules_for,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._trend import trend_of

QUIET = 15.0  # seconds without news after which a line is printed all the same
HELD = ("hold", "no-data")


@dataclass(frozen=True)
class Watched:
    """One service in one step, and by which rules it is judged."""

    name: str
    version: str
    step: Step
    rules: t.Tuple[Rule, ...]


@dataclass
class Watch:
    """What is known of the step by now.

    Attributes:
        services: those that take the step.
        looks: all rounds of the release, oldest first.
        verdicts: the last verdict on each service.
    """

    services: t.List[Watched]
    looks: t.List[Look] = field(default_factory=list)
    verdicts: t.Dict[str, Verdict] = field(default_factory=dict)
    control: t.Mapping[str, t.Any] = field(default_factory=dict)
    lost: str = ""
    now: float = 0.0
    _printed: t.Dict[str, t.Tuple[float, t.Tuple[t.Any, ...]]] = field(default_factory=dict)

    @classmethod
    def of(cls, services: t.Sequence[t.Mapping[str, t.Any]]) -> Watch:
        """Begin.

        Args:
            services: ``watch`` of a step of the plan.

        Raises:
            ValueError: the gate settings of a service are wrong; one line.
        """
        watched = [
            Watched(
                one["name"],
                one["version"],
                Step(**one["step"], began=0.0),
                tuple(rules_for(one["gate"])),
            )
            for one in services
        ]
        return cls(watched)

    def take(
        self,
        looks: t.Sequence[Look],
        control: t.Optional[t.Mapping[str, t.Any]],
        lost: str,
        now: float,
    ) -> None:
        """Judge again, with the new rounds.

        Args:
            control: what an operator asked for last.
            lost: a host that does not answer any more, and why.
            now: time of day, seconds.
        """
        self.looks += looks
        self.control = control or {}
        self.lost = lost
        self.now = now
        for one in self.services:
            step = replace(one.step, began=self._began(one.step))
            verdict = judge(self.looks, one.name, step, now, one.rules)
            self.verdicts[one.name] = self._as_asked(step, verdict)

    def _began(self, step: Step) -> float:
        """The end of its first look: that is made as soon as traffic has moved, and covers the time
        before as well."""
        first = next((look for look in self.looks if look.step == step.name), None)
        return first.at if first else self.now

    def _as_asked(self, step: Step, verdict: Verdict) -> Verdict:
        """The verdict, changed by what an operator asks for; a failure stays one."""
        asked, who = self.control.get("action"), self.control.get("by", "somebody")
        if verdict.kind == "fail":
            return verdict
        if asked == "abort":
            return replace(verdict, kind="fail", cause="operator", sentence=f"{who} aborted it")
        if asked == "promote" and self.control.get("step") == step.name:
            return replace(verdict, kind="pass", sentence=f"{who} promoted it")
        if asked == "pause" and verdict.kind != "watch":
            return replace(verdict, kind="watch", missing=(f"{who} paused it",))
        return verdict

    @property
    def over(self) -> bool:
        kinds = [verdict.kind for verdict in self.verdicts.values()]
        return (
            bool(self.lost)
            or any(kind in ("fail", *HELD) for kind in kinds)
            or {*kinds} == {"pass"}
        )

    def _first(self, kinds: t.Sequence[str]) -> str:
        return next(
            (
                f"{name} {one.version}: {self.verdicts[name].sentence}"
                for name, one in ((one.name, one) for one in self.services)
                if self.verdicts[name].kind in kinds
            ),
            "",
        )

    @property
    def problem(self) -> str:
        """Why the step does not pass, in one line; empty while it may, or does."""
        return self._first(("fail",)) or self.lost or self._first(HELD)

    @property
    def held(self) -> bool:
        """Whether the release is neither good nor bad, and waits for a decision."""
        return not self._first(("fail",)) and not self.lost and bool(self._first(HELD))

    @property
    def rounds(self) -> int:
        """Rounds of this step."""
        return sum(1 for look in self.looks if look.step == self.services[0].step.name)

    def as_data(self) -> t.List[Data]:
        """The verdicts, for records: what was decided and when, by which numbers, how long it took."""
        return [
            {
                "service": one.name,
                "step": one.step.name,
                "share": one.step.share,
                "at": round(self.now, 1),
                "seconds": round(self.now - self._began(one.step), 1),
                "trend": trend_of(
                    [look for look in self.looks if look.step == one.step.name],
                    one.name,
                    [slot for slot in (one.step.new, one.step.old) if slot],
                ),
                **self.verdicts[one.name].as_data(),
            }
            for one in self.services
        ]

    def progress(self) -> t.List[str]:
        """A line for each service of which there is news, or has been none for a while."""
        return [line for one in self.services for line in self._news(one)]

    def _news(self, one: Watched) -> t.Iterator[str]:
        verdict = self.verdicts[one.name]
        total = self.totals(one)
        failed = total.slot(one.step.new).counts.failed
        bad = sum(probes.bad for probes in total.slot(one.step.new).probes.values())
        news = (verdict.kind, failed, bad, self.control.get("action"))
        at, known = self._printed.get(one.name, (0.0, ()))
        if news != known or self.now - at >= QUIET:
            self._printed[one.name] = (self.now, news)
            yield line_of(one, verdict, total, self.now - self._began(one.step))

    def totals(self, one: Watched) -> ServiceLook:
        """Everything seen of a service in this step."""
        looks = (look.service(one.name) for look in self.looks if look.step == one.step.name)
        return sum(looks, ServiceLook())


def line_of(one: Watched, verdict: Verdict, total: ServiceLook, seconds: float) -> str:
    """One line of progress: where the step stands, what both slots did, and what is missing."""
    minutes, rest = divmod(int(seconds), 60)
    slots = [slot_text(name, total.slot(name)) for name in (one.step.new, one.step.old) if name]
    said = verdict.sentence if verdict.final else "; ".join(verdict.missing) or "watching"
    told = f"{verdict.kind}: {said}" if verdict.final else f"needs {said}"
    head = f"{one.name} {one.step.name:>5} {minutes}:{rest:02d}"
    return f"  {head}  {' | '.join(slots)} | {told}"


def slot_text(name: str, seen: SlotLook) -> str:
    """What a slot did: ``green 120 requests, 2 failed, p50 8 ms, p95 31 ms``."""
    counts = seen.counts
    smoke = seen.probes.get("smoke", Probes())
    parts = [f"{name} {counts.requests} requests, {counts.failed} failed"]
    median, slow = quantile(counts.latencies, 0.5), quantile(counts.latencies, 0.95)
    if median is not None and slow is not None:
        parts.append(f"p50 {milliseconds(median)}, p95 {milliseconds(slow)}")
    if smoke.good or smoke.bad:
        parts.append(f"{smoke.good + smoke.bad} probes, {smoke.bad} bad")
    return ", ".join(parts)


def milliseconds(seconds: float) -> str:
    return f"{seconds * 1000:.2g} ms" if seconds < 0.1 else f"{seconds * 1000:.0f} ms"
