# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This module util is PRIVATE to the collection.
"""The gate: whether a step of a release passes, by everything that was seen so far.

No data is not a pass, and time alone decides nothing. The verdict is a pure function of the looks, so
a gate that was killed and is started again comes to the same one.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field

from ansible_collections.tagadodo.deploy.plugins.module_utils._evidence import Data, Look, quantile
from ansible_collections.tagadodo.deploy.plugins.module_utils._gate_case import (
    BASELINE,
    PROBES,
    SMOKE,
    TRAFFIC,
    Case,
    Moments,
    SlowLimits,
    Step,
    latencies,
    over_all,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._gate_finding import (
    BLIND,
    RELEASE,
    STABLE,
    Finding,
    percent,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._gate_health import (
    container,
    database,
    liveness,
    metric,
    sick_rounds,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._gate_requests import (
    degraded,
    errors,
    judged_by,
    missing,
    slow,
    smoke,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._gate_rules import (
    MEDIUM,
    RULES,
    Rule,
    rules_for,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._sequential import (
    OPEN,
    REJECT,
)

__all__ = [
    "BASELINE",
    "PROBES",
    "RULES",
    "TRAFFIC",
    "Rule",
    "Step",
    "Verdict",
    "judge",
    "rules_for",
]

WATCH, PASS, FAIL, HOLD, NO_DATA = "watch", "pass", "fail", "hold", "no-data"
WARMUP = 30.0  # seconds of a new slot whose latencies do not count

BLIND_ROUNDS = 3  # rounds in a row that could not be seen whole
SICK_TARGET_ROUNDS = 3  # rounds in a row after which the old slot is no place to go back to


_FINDERS: t.Dict[str, t.Callable[[Case, Rule], Finding]] = {
    "container": container,
    "liveness": liveness,
    "database": database,
    "errors": errors,
    "smoke": smoke,
    "slow": slow,
    "degraded": degraded,
    "missing": missing,
    "metric": metric,
}


@dataclass(frozen=True)
class Verdict:
    """What is decided, and by what.

    Attributes:
        kind: ``watch`` (undecided, time is left), ``pass``, ``fail``, ``hold``, ``no-data``.
        cause: of a fail ``release``; of a hold ``shared`` (both slots are bad), ``stable`` (the old
            one is), ``blind`` (nothing can be seen), or nothing (not enough requests).
        rule: name of the rule that decided.
        sentence: one line for the operator.
        numbers: what was counted, for progress and records; see :func:`judge`.
        missing: what is lacking for a pass.
    """

    kind: str
    cause: str = ""
    rule: str = ""
    sentence: str = ""
    numbers: t.Mapping[str, t.Any] = field(default_factory=dict)
    missing: t.Tuple[str, ...] = ()

    @property
    def final(self) -> bool:
        """Whether watching is over."""
        return self.kind != WATCH

    def as_data(self) -> Data:
        """For JSON."""
        return {
            "kind": self.kind,
            "cause": self.cause,
            "rule": self.rule,
            "sentence": self.sentence,
            "numbers": dict(self.numbers),
            "missing": list(self.missing),
        }


def judge(
    rounds: t.Sequence[Look],
    service: str,
    step: Step,
    now: float,
    rules: t.Sequence[Rule] = RULES,
    warmup: float = WARMUP,
) -> Verdict:
    """Judge a service's step by all rounds of the release so far.

    In this order: a rule that rejects (the strictest tier first) fails or holds the step; a view that
    was lost, or an old slot that fell ill, for three rounds holds it; it passes when nothing is missing;
    it is held, or has no data, when its maximum time is over; else it is watched on.

    It passes when its minimum time is over and

    - every critical and high rule accepts by what was seen in this step; medium rules may be
      undecided, but in the bake step errors must be accepted over the whole release, or, when the
      maximum is reached, at least not look too many,
    - the last round was seen whole, and probes of both slots were good in it.

    Args:
        rounds: oldest first, those of earlier steps and the baseline included.
        service: name of the service.
        step: what is judged.
        now: time of day, seconds.
        rules: see :func:`rules_for`.
        warmup: seconds of the new slot's traffic whose latencies do not count; at most half of the
            step's minimum.

    Returns:
        the verdict. Its numbers are ``slots`` (by slot, of this ``step`` and of the ``release``:
        ``requests``, ``attempts``, ``failed``, ``neutral``, ``slow``, and in seconds ``p50`` and ``p95``,
        None without answers), ``share`` (percent of requests on the new slot in this step, None
        without any), ``seconds`` (since the step began) and ``rules`` (state and counts by name).
    """
    case = Case.of(rounds, service, step, now, warmup)
    findings = [_FINDERS[rule.what](case, rule) for rule in rules]
    decided = _rejected(findings) or _lost(case)
    lacking, summary = _lacking(case, findings), _summary(case, findings)
    if decided is None and not lacking:
        decided = Verdict(PASS, sentence=summary)
    if decided is None and now - step.began >= step.maximum:
        decided = _out_of_time(case, summary, lacking)
    if decided is None:
        decided = Verdict(WATCH, sentence=summary)
    return Verdict(
        decided.kind,
        decided.cause,
        decided.rule,
        decided.sentence,
        _numbers(case, findings),
        () if decided.kind == PASS else lacking,
    )


def _rejected(findings: t.Sequence[Finding]) -> t.Optional[Verdict]:
    for found in findings:
        if found.state == REJECT:
            kind = FAIL if found.cause == RELEASE else HOLD
            return Verdict(kind, found.cause, found.rule.name, found.sentence)
    return None


def _lost(case: Case) -> t.Optional[Verdict]:
    """A hold, when the view or the way back is lost."""
    last = case.watched[-BLIND_ROUNDS:]
    if len(last) == BLIND_ROUNDS and all(moment.problems for moment in last):
        problem = last[-1].problems[-1]
        return Verdict(
            HOLD, BLIND, "view", f"nothing to judge by for {BLIND_ROUNDS} rounds: {problem}"
        )
    rounds = sick_rounds(case, case.step.old)
    if rounds >= SICK_TARGET_ROUNDS:
        return _sick_target(case, rounds)
    return None


def _sick_target(case: Case, rounds: int) -> Verdict:
    last = next(
        asked for asked in (m.asked(case.step.old) for m in reversed(case.watched)) if asked
    )
    why = next(one.why for one in last if one.bad)
    times = f"{rounds} rounds in a row" if rounds > 1 else "in the last round"
    sentence = f"{case.step.old}, the slot to go back to, answers probes badly, {times}"
    return Verdict(HOLD, STABLE, "rollback target", f"{sentence}: {why}" if why else sentence)


def _lacking(case: Case, findings: t.Sequence[Finding]) -> t.Tuple[str, ...]:
    """What is lacking for a pass, one short text each."""
    return (
        *_time_missing(case),
        *_evidence_missing(case, findings),
        *_view_missing(case),
        *_health_missing(case),
    )


def _time_missing(case: Case) -> t.Iterator[str]:
    left = case.step.began + case.step.minimum - case.now
    if left > 0:
        yield f"{max(left, 1):.0f} s"


def _evidence_missing(case: Case, findings: t.Sequence[Finding]) -> t.Iterator[str]:
    waited_for = [found for found in findings if found.state == OPEN and _waited_for(case, found)]
    requests = max((found.requests for found in waited_for), default=0)
    if requests:
        kind = "probes or requests" if case.step.needs == PROBES else "requests"
        yield f"{requests} more {kind} without error on {case.step.new}"
    for found in waited_for:
        yield from found.lacking
        if not found.requests and not found.lacking:
            yield f"a decision about {found.rule.name}"


def _waited_for(case: Case, found: Finding) -> bool:
    """Whether a pass waits for an undecided rule."""
    if found.rule.tier != MEDIUM or found.rule.what == "metric":
        return True
    if not case.step.bake:
        return False
    over = case.now - case.step.began >= case.step.maximum
    return not over or found.numbers.get("ratio", 0.0) > 0


def _view_missing(case: Case) -> t.Iterator[str]:
    if case.watched and case.watched[-1].problems:
        yield f"a whole view: {case.watched[-1].problems[-1]}"


def _health_missing(case: Case) -> t.Iterator[str]:
    """Good probes of both slots in the last round; an old slot that has gone needs none."""
    if not case.in_step:
        yield "a first look"
        return
    last = case.in_step[-1]
    new, old = last.asked(case.step.new), last.asked(case.step.old)
    if not new or any(one.bad for one in new):
        yield f"good answers to probes of {case.step.new}"
    if any(one.bad for one in old) or (last.slot(case.step.old).containers and not old):
        yield f"good answers to probes of {case.step.old}, the slot to go back to"


def _out_of_time(case: Case, summary: str, lacking: t.Sequence[str]) -> Verdict:
    step = case.step
    if not _asked(case):
        left = sum(moment.slot(step.new).counts.neutral for moment in case.in_step)
        gone = f" ({left} ended without one, most by the client leaving)" if left else ""
        return Verdict(
            NO_DATA, sentence=f"{step.new} answered no request in {step.maximum:g} s{gone}"
        )
    if sick_rounds(case, step.old):
        return _sick_target(case, sick_rounds(case, step.old))
    return Verdict(
        HOLD,
        sentence=f"undecided after {step.maximum:g} s, lacking {'; '.join(lacking)}; {summary}",
    )


def _asked(case: Case) -> bool:
    """Whether the new slot was asked anything that counts."""
    if _total(case.in_step, case.step.new)["attempts"]:
        return True
    probes = (moment.slot(case.step.new).probes.get(SMOKE) for moment in case.in_step)
    return case.step.needs == PROBES and any(one.good + one.bad for one in probes if one)


def _summary(case: Case, findings: t.Sequence[Finding]) -> str:
    """Both slots' requests in this step, and what else is worth saying."""
    parts = [f"{slot} {_failed(_total(case.in_step, slot))}" for slot in case.slots]
    notes = dict.fromkeys(found.sentence for found in findings if found.sentence)
    return ", ".join(parts) + "".join(f"; {note}" for note in notes) + judged_by(case, case.in_step)


def _failed(total: t.Mapping[str, int]) -> str:
    if not total["attempts"]:
        return "no requests"
    share = percent(total["failed"] / total["attempts"])
    return f"{total['failed']} of {total['attempts']} requests failed ({share})"


def _total(moments: Moments, slot: str) -> t.Dict[str, int]:
    counts = [moment.slot(slot).counts for moment in moments]
    return {
        "requests": sum(one.requests for one in counts),
        "attempts": sum(one.attempts for one in counts),
        "failed": sum(one.failed for one in counts),
        "neutral": sum(one.neutral for one in counts),
    }


def _numbers(case: Case, findings: t.Sequence[Finding]) -> Data:
    step = case.step
    stretches = {"step": case.in_step, "release": case.watched}
    requests = [_total(case.in_step, slot)["requests"] for slot in (step.new, step.old)]
    factor = next((found.rule.factor for found in findings if found.rule.what == "slow"), 0.0)
    limits = case.slow_limits(factor)
    return {
        "slots": {
            slot: {
                name: _slot_numbers(moments, slot, limits) for name, moments in stretches.items()
            }
            for slot in case.slots
        },
        "share": round(100 * requests[0] / sum(requests), 1) if sum(requests) else None,
        "seconds": round(case.now - step.began, 1),
        "rules": {found.rule.name: {"state": found.state, **found.numbers} for found in findings},
    }


def _slot_numbers(moments: Moments, slot: str, limits: t.Optional[SlowLimits]) -> Data:
    routes = latencies(moments, slot)
    histogram = over_all(routes)
    return {
        **_total(moments, slot),
        "slow": sum(limits.slow(route, one) for route, one in routes.items()) if limits else 0,
        "p50": quantile(histogram, 0.5),
        "p95": quantile(histogram, 0.95),
    }
