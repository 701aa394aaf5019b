# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This module util is PRIVATE to the collection.
"""Rules of the gate about users' requests: what is asked of each of them."""

from __future__ import annotations

import math
import typing as t
from dataclasses import replace

from ansible_collections.tagadodo.deploy.plugins.module_utils._evidence import (
    GROWTH,
    Histogram,
    Probes,
    quantile,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._gate_case import (
    LEAST_SLOW,
    PROBES,
    SMOKE,
    Case,
    Moment,
    Moments,
    Sample,
    latencies,
    summed,
    window_begin,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._gate_finding import (
    NONE,
    RELEASE,
    Finding,
    percent,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._gate_rates import (
    Streams,
    briefly,
    judge_rates,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._gate_rules import Rule
from ansible_collections.tagadodo.deploy.plugins.module_utils._sequential import (
    ACCEPT,
    OPEN,
    REJECT,
    binomial_tail,
    slower_p_value,
)

LEAST_MISSING = 0.02  # answers 401, 403, 404 that are usual anywhere
# Seconds that a slot has to be degraded: new processes are slow until they are warm.
LASTING = 180.0
LASTING_ALONE = 60.0  # seconds, where no other slot has traffic to compare with


def errors(case: Case, rule: Rule) -> Finding:
    """Attempts that broke, timed out or were answered 5xx."""
    moments = case.scope(rule)
    streams = Streams(
        moments=moments,
        new=[_attempts(case, moment, case.step.new) for moment in moments],
        old=[_attempts(case, moment, case.step.old) for moment in moments],
        reference=summed(_attempts(case, moment, case.step.old) for moment in case.all),
        question="{slot} answered {bad} of {total} requests with errors",
        judged_by=judged_by(case, moments),
    )
    return judge_rates(case, rule, streams)


def _attempts(case: Case, moment: Moment, slot: str) -> Sample:
    counts = moment.slot(slot).counts
    users = Sample(
        counts.attempts - counts.failed,
        counts.failed,
        counts.failed_clients,
        counts.clients,
        counts.served_clients,
    )
    return summed((users, _smoked(moment, slot))) if case.step.needs == PROBES else users


def _smoked(moment: Moment, slot: str) -> Sample:
    asked = moment.slot(slot).probes.get(SMOKE, Probes())
    return Sample(asked.good, asked.bad)


def judged_by(case: Case, moments: Moments) -> str:
    """What stands in for users' requests, as the end of a sentence."""
    if case.step.needs != PROBES:
        return ""
    probes = sum(_smoked(moment, case.step.new).total for moment in moments)
    requests = sum(moment.slot(case.step.new).counts.attempts for moment in moments)
    return f"; judged by {probes} probes and {requests} requests of users"


def smoke(case: Case, rule: Rule) -> Finding:
    """Our own requests through nginx. Few of them do not keep a release waiting, failures do."""
    moments = case.scope(rule)
    streams = Streams(
        moments=moments,
        new=[_smoked(moment, case.step.new) for moment in moments],
        old=[_smoked(moment, case.step.old) for moment in moments],
        reference=summed(_smoked(moment, case.step.old) for moment in case.all),
        question="{slot} failed {bad} of {total} smoke probes",
    )
    found = judge_rates(case, rule, streams)
    if found.state != OPEN:
        return found
    asked = summed(streams.new)
    if not asked.total:
        return Finding(rule, NONE)
    clean = rule.test.seen(asked.good, asked.bad).clean_until(0.0)
    lacking = (f"{clean} good smoke probes of {case.step.new}",) if clean else ()
    return replace(found, state=OPEN if clean else ACCEPT, requests=0, lacking=lacking)


def slow(case: Case, rule: Rule) -> Finding:
    """Good answers that took several times as long as the old slot takes for their route."""
    limits = case.slow_limits(rule.factor)
    if limits is None:
        return Finding(rule, NONE)
    moments, warm_at = case.scope(rule), case.warm_at

    def answers(moment: Moment, slot: str) -> Sample:
        if slot == case.step.new and moment.at < warm_at:
            return Sample()
        routes = moment.slot(slot).counts.latency
        total = sum(count for histogram in routes.values() for count in histogram.values())
        late = sum(limits.slow(route, histogram) for route, histogram in routes.items())
        asked = moment.slot(slot).probes.get(SMOKE, Probes())
        probed = Sample(max(0, asked.good - asked.slow), min(asked.slow, asked.good))
        users = Sample(total - late, late)
        return summed((users, probed)) if case.step.needs == PROBES else users

    streams = Streams(
        moments=moments,
        new=[answers(moment, case.step.new) for moment in moments],
        old=[answers(moment, case.step.old) for moment in moments],
        reference=summed(answers(moment, case.step.old) for moment in case.all),
        question=f"{{slot}} took longer than {rule.factor:g} times {case.step.old}'s usual time"
        " for {bad} of {total} answers",
    )
    found = judge_rates(case, rule, streams)
    # At 100 % the old slot's requests are those of before the switch.
    beside = case.step.share < 100 and summed(streams.old).total >= rule.attempts
    if found.state == REJECT and not beside:
        return _if_it_lasts(case, rule, streams, found)
    return found


def _if_it_lasts(case: Case, rule: Rule, streams: Streams, found: Finding) -> Finding:
    """The finding, if the new slot was too slow all along the last minute, in both halves of it.

    At 100 % nobody else has traffic: a machine that is busy for a moment looks like a slow release.
    It is forgiven when the last minute is good.
    """
    moments = streams.moments
    begin, middle = (window_begin(moments, LASTING_ALONE / part) for part in (1, 2))
    if moments[-1].at - moments[0].at + moments[0].seconds >= LASTING_ALONE:
        halves = (streams.new[begin:middle], streams.new[middle:])
        if all(summed(half).rate > rule.threshold / 100 for half in halves):
            return found
        recent = replace(
            streams, moments=moments[begin:], new=streams.new[begin:], old=streams.old[begin:]
        )
        again = judge_rates(case, rule, recent)
        if again.state != REJECT:
            return again
    lacking = ("a minute to tell a slow moment from a slow release",)
    return replace(found, state=OPEN, cause="", lacking=lacking)


def _pair(case: Case, rule: Rule) -> t.Tuple[Moments, Moments]:
    """The warm moments of the rule's window, and those that the old slot is compared by.

    While both have traffic these are the same; else all that is known of the old slot.
    """
    moments, warm_at = case.scope(rule), case.warm_at
    recent = [m for m in moments[window_begin(moments, rule.window) :] if m.at >= warm_at]
    old = sum(moment.slot(case.step.old).counts.attempts for moment in recent)
    return recent, recent if old >= rule.attempts else case.all


def degraded(case: Case, rule: Rule) -> Finding:
    """Slower than the factor allows, by the median and not by chance, on a route with enough answers,
    and for a while: all of the last three minutes, the first half as well as the second."""
    recent, compared = _pair(case, rule)
    recent = recent[window_begin(recent, LASTING) :] if recent else recent
    if not recent or recent[-1].at - recent[0].at + recent[0].seconds < LASTING:
        return Finding(rule, NONE)
    middle = window_begin(recent, LASTING / 2)
    first, second = recent[:middle], recent[middle:]
    alone = compared is case.all
    return _degraded(case, rule, recent, case.all if alone else recent, (first, second))


def _degraded(
    case: Case, rule: Rule, recent: Moments, compared: Moments, halves: t.Sequence[Moments]
) -> Finding:
    step = case.step
    new, old = latencies(recent, step.new), latencies(compared, step.old)
    parts = [latencies(half, step.new) for half in halves]
    routes = [
        route
        for route, histogram in new.items()
        if min(sum(histogram.values()), sum(old.get(route, {}).values())) >= rule.attempts
    ]
    if not routes:
        return Finding(rule, NONE)
    for route in sorted(routes):
        before, after = _median(old[route]), _median(new[route])
        limit = _times(rule.factor, old[route])
        steady = min(_median(part.get(route, {})) for part in parts)
        if min(after, steady) < LEAST_SLOW or min(after, steady) <= rule.factor * before:
            continue
        if slower_p_value(new[route], limit) < rule.alpha / len(routes):
            sentence = (
                f"{step.new} takes {1000 * after:.0f} ms for {route} (median of"
                f" {sum(new[route].values())}), {step.old} {1000 * before:.0f} ms;"
                f" limit {rule.factor:g} times"
            )
            return Finding(rule, REJECT, RELEASE, sentence)
    return Finding(rule, ACCEPT)


def _times(factor: float, histogram: Histogram) -> Histogram:
    """The histogram if everything took ``factor`` times as long."""
    buckets = round(math.log(factor) / math.log(GROWTH))
    return {bucket + buckets: count for bucket, count in histogram.items()}


def _median(histogram: Histogram) -> float:
    return quantile(histogram, 0.5) or 0.0


def missing(case: Case, rule: Rule) -> Finding:
    """More answers 401, 403 and 404 than the old slot gives, for as long as a scanner rarely lasts.

    Scanners ask for pages that are not there, and one that is sticky to the new slot looks like a
    broken route. So it decides by what has lasted: over its deadline, in half of the rounds.
    """
    recent, compared = _pair(case, rule)
    new, old = _answers_missing(recent, case.step.new), _answers_missing(compared, case.step.old)
    if min(new.total, old.total) < rule.attempts:
        return Finding(rule, NONE)
    usual = max(rule.factor * old.rate, LEAST_MISSING)
    each = [_answers_missing((moment,), case.step.new) for moment in recent]
    asked = [sample for sample in each if sample.total]
    lasting = 2 * sum(sample.rate > usual for sample in asked) >= len(asked)
    span = recent[-1].at - recent[0].at + recent[0].seconds
    share = new.total / (new.total + old.total)
    if (
        span >= rule.deadline
        and lasting
        and new.bad >= rule.failures
        and new.rate > usual
        and binomial_tail(new.bad, new.bad + old.bad, share) < rule.alpha
    ):
        sentence = (
            f"{case.step.new} answered {new.bad} of {new.total} requests with 401, 403 or 404"
            f" ({percent(new.rate)}); {briefly(case.step.old, old)}"
        )
        return Finding(rule, REJECT, RELEASE, sentence)
    return Finding(rule, ACCEPT)


def _answers_missing(moments: Moments, slot: str) -> Sample:
    attempts = sum(moment.slot(slot).counts.attempts for moment in moments)
    missing = min(attempts, sum(moment.slot(slot).counts.missing for moment in moments))
    return Sample(attempts - missing, missing)
