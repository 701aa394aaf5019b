# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This module util is PRIVATE to the collection.
"""Rules of the gate about rates: a sequential test over the attempts of each slot, and whose fault it is."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, replace

from ansible_collections.tagadodo.deploy.plugins.module_utils._evidence import Data
from ansible_collections.tagadodo.deploy.plugins.module_utils._gate_case import (
    Case,
    Moments,
    Sample,
    summed,
    window_begin,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._gate_finding import (
    SHARED,
    STABLE,
    Finding,
    percent,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._gate_health import whose
from ansible_collections.tagadodo.deploy.plugins.module_utils._gate_rules import Rule
from ansible_collections.tagadodo.deploy.plugins.module_utils._sequential import (
    ACCEPT,
    OPEN,
    REJECT,
    Sprt,
    Walk,
    Watch,
    WhichArm,
    binomial_tail,
)

# Asked at every look of windows that move on, so their errors are a tenth of the rules' own.
WHICH_ARM = WhichArm(ratio=3.0, alpha=0.001, beta=0.05)
LIKELY_CHANCE = 0.001  # chance explains a difference that is no less likely
UNLIKELY = 0.01  # that clients who were fine were just lucky


@dataclass(frozen=True)
class Streams:
    """What a rule asks of both slots, round by round.

    Attributes:
        moments: the rounds.
        new, old: of each round.
        reference: all that is known of the old slot, for rounds in which it has no traffic.
        question: what failing means, in words: ``{slot} ... {bad} of {total} ...``.
        judged_by: what counts, where it is not users' requests alone.
    """

    moments: Moments
    new: t.Sequence[Sample]
    old: t.Sequence[Sample]
    reference: Sample
    question: str
    judged_by: str = ""

    def say(self, slot: str, sample: Sample) -> str:
        words = self.question.format(slot=slot, bad=sample.bad, total=sample.total)
        return f"{words} ({percent(sample.rate)})"


@dataclass(frozen=True)
class _Outcome:
    """What a rule's test says of one slot.

    Attributes:
        state: accept, open, reject.
        walk: the test's counts.
        samples: of each round, without a client that is left out.
        first, last: the rounds it rests on, as a slice.
        lacking: successes that would let it accept.
        left_out: a client whose failures are not held against the slot.
    """

    state: str
    walk: Walk
    samples: t.Sequence[Sample]
    first: int
    last: int
    lacking: int = 0
    left_out: str = ""

    @property
    def sample(self) -> Sample:
        return summed(self.samples[self.first : self.last])


def _outcome(rule: Rule, moments: Moments, samples: t.Sequence[Sample]) -> _Outcome:
    """Run the rule's test; who fails alone while others are fine is left out."""
    found = _decide(rule, moments, samples)
    if found.state != REJECT:
        return found
    client = _client_to_leave_out(rule.test, found.sample)
    if client:
        rest = [sample.without(client) for sample in samples]
        found = replace(_decide(rule, moments, rest), left_out=client)
    if found.state == REJECT and not _enough_clients(rule, found.sample):
        return replace(found, state=OPEN)
    return found


def _decide(rule: Rule, moments: Moments, samples: t.Sequence[Sample]) -> _Outcome:
    return _windowed(rule, moments, samples) if rule.window else _restarted(rule, samples)


def _restarted(rule: Rule, samples: t.Sequence[Sample]) -> _Outcome:
    """The test that begins anew after each accept. Once it rejects it stays so, as critical rules do."""
    watch, first = Watch.of(rule.test), 0
    for index, sample in enumerate(samples):
        after = watch.after(sample.good, sample.bad)
        if after.rejected:
            return _Outcome(REJECT, after.walk, samples, first, index + 1)
        if after.accepts > watch.accepts:
            first = index + 1
        watch = after
    until = 0.0 if watch.accepts else rule.test.accept_at
    lacking = watch.walk.clean_until(until)
    return _Outcome(OPEN if lacking else ACCEPT, watch.walk, samples, first, len(samples), lacking)


def _windowed(rule: Rule, moments: Moments, samples: t.Sequence[Sample]) -> _Outcome:
    """Rejects by the last ``window`` seconds or by all; accepts by all unless the window leans.

    It says what is known now: an excess that more requests explain is forgiven.
    """
    begin = window_begin(moments, rule.window)
    walks = []
    for first in (begin, 0):
        sample = summed(samples[first:])
        walk = rule.test.seen(sample.good, sample.bad)
        if walk.decision == REJECT:
            return _Outcome(REJECT, walk, samples, first, len(samples))
        walks.append(walk)
    recent, total = walks
    lacking = max(recent.clean_until(0.0), total.clean_until(rule.test.accept_at))
    return _Outcome(OPEN if lacking else ACCEPT, total, samples, begin, len(samples), lacking)


def _client_to_leave_out(test: Sprt, sample: Sample) -> str:
    """The client that failed most, if the others are shown to be fine.

    One client may be an abuser or the only user, and both look alike. So who failed alone is left out
    only if chance does not explain that the others, asked as often as they were, did not fail as he
    did; who failed beside others, if the test accepts without him. Where nobody else is known to be
    fine, doubt is the release's.
    """
    client = sample.worst
    if not client:
        return ""
    rest = sample.without(client)
    if sample.failing == 1:
        passes = 1 - sample.clients[client] / (sample.total - rest.total)
        fine = sample.seen > 1 and passes**rest.good < UNLIKELY
    else:
        fine = test.seen(rest.good, rest.bad).decision == ACCEPT
    return client if fine else ""


def _enough_clients(rule: Rule, sample: Sample) -> bool:
    """Whether failures come from as many clients as the rule asks, or nobody else uses the slot."""
    return sample.failing >= rule.clients or sample.seen == 1


@dataclass(frozen=True)
class _Arms:
    """Both slots in the rounds that a test of the new one rests on.

    Attributes:
        new, old: what they did.
        verdict: of the test which arm fails: ``reject`` the new one more often, ``accept`` both
            alike, ``open``.
        together: whether both had traffic then; else ``old`` is all that is known of it.
    """

    new: Sample
    old: Sample
    verdict: str
    together: bool


def _arms(streams: Streams, found: _Outcome) -> _Arms:
    rounds = range(found.first, found.last)
    new = summed(found.samples[index] for index in rounds)
    old = summed(streams.old[index] for index in rounds)
    together = old.total > 0
    if together:
        evidence = sum(_which(found.samples[index], streams.old[index]) for index in rounds)
    else:
        old = streams.reference
        evidence = _which(new, old)
    return _Arms(new, old, WHICH_ARM.decision(evidence), together)


def _which(new: Sample, old: Sample) -> float:
    total = new.total + old.total
    return WHICH_ARM.evidence(new.total / total, new.bad, old.bad) if total else 0.0


def judge_rates(case: Case, rule: Rule, streams: Streams) -> Finding:
    """Judge both slots by the same test, and find out whose fault it is.

    Only the old slot's test rejects: ``shared`` if the new slot is above the limit as well, as far as
    can be seen, else ``stable``. For the new slot see :func:`_blame`.
    """
    new = _outcome(rule, streams.moments, streams.new)
    old = _outcome(rule, streams.moments[: new.last], streams.old[: new.last])
    arms = _arms(streams, new)
    overdue = _overdue(rule, streams, new)
    if new.state == REJECT or overdue:
        return _rejected(case, rule, streams, new, _blame(case, rule, streams, old, arms, overdue))
    if old.state == REJECT:
        beside = summed(streams.new[old.first : old.last])
        cause = SHARED if beside.rate > _limit(rule) else STABLE
        sentence = _old_sentence(case, rule, streams, cause, old.sample, beside)
        return Finding(rule, REJECT, cause, sentence, numbers=_numbers(new, new.state))
    return Finding(
        rule,
        new.state,
        sentence=_left_out_sentence(streams, new),
        requests=new.lacking,
        numbers=_numbers(new, new.state),
    )


def _rejected(case: Case, rule: Rule, streams: Streams, new: _Outcome, cause: str) -> Finding:
    """The finding that the new slot is above the limit, by whose fault it is, if that is known."""
    arms = _arms(streams, new)
    sentence = _blame_sentence(case, rule, streams, arms, cause)
    numbers = _numbers(new, REJECT if cause else OPEN)
    if cause:
        return Finding(rule, REJECT, cause, sentence, numbers=numbers)
    lacking = (f"certainty whether {case.step.new} is worse than {case.step.old}",)
    return Finding(rule, OPEN, "", sentence, lacking=lacking, numbers=numbers)


def _limit(rule: Rule) -> float:
    """The threshold as a share."""
    return rule.threshold / 100


def _blame(
    case: Case, rule: Rule, streams: Streams, old: _Outcome, arms: _Arms, overdue: bool
) -> str:
    """Whose fault it is that the new slot is above the limit; nothing while that is in doubt.

    - ``shared``, if the old slot's test rejects, too, or the test which arm fails finds both alike.
    - Critical rules do not wait to be sure: ``shared`` if the old slot is above the limit as far as can
      be seen and not clearly better, else ``release``.
    - Others wait until the new slot is shown to be the worse one, if the old one's attempts allow to
      tell. When their deadline is over, it is enough that chance does not explain the difference.
    """
    if old.state == REJECT or arms.verdict == ACCEPT:
        return SHARED
    if arms.verdict == REJECT:
        return whose(case)
    if not rule.deadline:
        return SHARED if arms.old.rate > _limit(rule) else whose(case)
    if arms.old.total < rule.attempts and streams.reference.total < rule.attempts:
        return whose(case)
    if overdue and not _chance(rule, arms.new, arms.old, streams.reference):
        return whose(case)
    return ""


def _overdue(rule: Rule, streams: Streams, new: _Outcome) -> bool:
    """Whether doubt has lasted long enough, and enough was seen, to resolve it."""
    moments = streams.moments
    if not rule.deadline or not moments:
        return False
    watched = moments[-1].at - moments[0].at + moments[0].seconds
    recent = new.sample
    return (
        watched >= rule.deadline
        and new.state != ACCEPT
        and recent.total >= rule.attempts
        and recent.bad >= rule.failures
        and recent.rate > _limit(rule)
        and _enough_clients(rule, recent)
    )


def _chance(rule: Rule, new: Sample, *controls: Sample) -> bool:
    """Whether the old slot fails often enough to explain the new one's failures by chance."""
    for old in controls:
        share = new.total / (new.total + old.total)
        likely = binomial_tail(new.bad, new.bad + old.bad, share) > LIKELY_CHANCE
        if likely and old.total >= rule.attempts:
            return True
    return False


def _blame_sentence(case: Case, rule: Rule, streams: Streams, arms: _Arms, cause: str) -> str:
    step = case.step
    new = streams.say(step.new, arms.new)
    said = f"{new}, limit {rule.threshold:g} %"
    if step.old:
        said += "; " + briefly(step.old if arms.together else f"{step.old} before", arms.old)
    if cause == SHARED:
        said = f"both slots are affected: {said}"
    return f"{said}{streams.judged_by}"


def _old_sentence(
    case: Case, rule: Rule, streams: Streams, cause: str, old: Sample, new: Sample
) -> str:
    who = "both slots are affected" if cause == SHARED else "the old slot itself is bad"
    said = streams.say(case.step.old, old)
    return f"{who}: {said}, limit {rule.threshold:g} %; {briefly(case.step.new, new)}"


def _left_out_sentence(streams: Streams, new: _Outcome) -> str:
    if not new.left_out:
        return ""
    failures = sum(sample.clients.get(new.left_out, 0) for sample in streams.new)
    return f"{failures} failures of client {new.left_out} alone are not held against the release"


def _numbers(found: _Outcome, state: str) -> Data:
    test = found.walk.test
    return {
        "state": state,
        "attempts": found.walk.good + found.walk.bad,
        "failed": found.walk.bad,
        "ratio": round(found.walk.ratio, 3),
        "accept_at": round(test.accept_at, 3),
        "reject_at": round(test.reject_at, 3),
    }


def briefly(slot: str, sample: Sample) -> str:
    """``blue 2 of 380 (0.5 %)``."""
    if not sample.total:
        return f"{slot} none"
    return f"{slot} {sample.bad} of {sample.total} ({percent(sample.rate)})"
