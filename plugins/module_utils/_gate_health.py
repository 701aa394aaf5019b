# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This module util is PRIVATE to the collection.
"""Rules of the gate about containers, probes and metrics: what is seen so many rounds in a row."""

from __future__ import annotations

import math
import re
import typing as t
from dataclasses import replace

from ansible_collections.tagadodo.deploy.plugins.module_utils._evidence import (
    ContainerFacts,
    Probes,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._gate_case import (
    Case,
    Moment,
    Moments,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._gate_finding import (
    NONE,
    RELEASE,
    SHARED,
    Finding,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._gate_rules import Rule
from ansible_collections.tagadodo.deploy.plugins.module_utils._sequential import (
    ACCEPT,
    OPEN,
    REJECT,
)

_DATABASE = re.compile(r"database|\bdb\b|mongo|postgres|mysql|mariadb|\bsql", re.IGNORECASE)


def _streak(moments: Moments, bad: t.Callable[[Moment], t.Optional[bool]]) -> int:
    """How many of the last moments in a row are bad; those that say nothing (None) are passed over."""
    count = 0
    for moment in reversed(moments):
        answer = bad(moment)
        if answer is False:
            break
        count += answer is True
    return count


def sick_rounds(case: Case, slot: str) -> int:
    """How many rounds in a row an instance of ``slot`` has answered a probe badly."""

    def bad(moment: Moment) -> t.Optional[bool]:
        asked = moment.asked(slot)
        return any(map(_is_bad, asked)) if asked else None

    return _streak(case.watched, bad)


def whose(case: Case) -> str:
    """Whose fault a sick new slot is: not the release's alone if the old slot is sick as well."""
    return SHARED if sick_rounds(case, case.step.old) else RELEASE


def container(case: Case, rule: Rule) -> Finding:
    """Exited, restarted or out of memory: at once.

    What an instance restarted before the release began (a slot that was kept warm) is not counted.
    """
    known = [moment.slot(case.step.new).containers for moment in case.watched]
    known = [containers for containers in known if containers]
    if not known:
        return Finding(rule, NONE)
    began = case.baseline[0].at if case.baseline else math.inf
    first: t.Dict[t.Tuple[str, int], int] = {}
    for containers in known:
        older = [replace(one, restarts=0) if one.created > began else one for one in containers]
        for name, (count, restarts) in _restarts(older).items():
            first.setdefault((name, count), restarts)
    for one in known[-1]:
        count, restarts = _restarts(known[-1])[one.name]
        again = restarts - first[(one.name, count)]
        what = ""
        if one.oom_killed:
            what = "ran out of memory and was killed"
        elif not one.running:
            what = f"has exited with code {one.exit_code}"
        elif again > 0:
            what = f"has restarted {again} time{'s' if again > 1 else ''}"
        if what:
            return Finding(rule, REJECT, RELEASE, f"{one.name} of {case.step.new} {what}")
    return Finding(rule, ACCEPT)


def _restarts(containers: t.Sequence[ContainerFacts]) -> t.Dict[str, t.Tuple[int, int]]:
    """By name, on how many hosts it was seen, and the restarts of all of them."""
    names: t.Dict[str, t.Tuple[int, int]] = {}
    for one in containers:
        count, restarts = names.get(one.name, (0, 0))
        names[one.name] = (count + 1, restarts + one.restarts)
    return names


def liveness(case: Case, rule: Rule) -> Finding:
    """No answer to live probes: the API is down."""
    return _probed(case, rule, ("live",), _is_bad, "does not answer live probes")


def database(case: Case, rule: Rule) -> Finding:
    """Ready or full probes that fail and name the database."""
    return _probed(
        case,
        rule,
        ("ready", "full"),
        lambda asked: asked.bad > 0 and bool(_DATABASE.search(asked.why)),
        "has lost its database",
    )


def _is_bad(asked: Probes) -> bool:
    return asked.bad > 0


def _probed(
    case: Case, rule: Rule, kinds: t.Sequence[str], bad: t.Callable[[Probes], bool], what: str
) -> Finding:
    """Probes of any of these kinds that are ``bad``, for so many rounds."""
    new = case.step.new
    asked = [moment for moment in case.watched if moment.asked(new, kinds)]
    if not asked:
        return Finding(rule, NONE)
    streak = _streak(asked, lambda moment: any(map(bad, moment.asked(new, kinds))))
    if not streak:
        return Finding(rule, ACCEPT)
    why = next(one.why for one in asked[-1].asked(new, kinds) if bad(one))
    times = f"{streak} rounds in a row" if streak > 1 else "in the last round"
    sentence = f"{new} {what}, {times}" + (f": {why}" if why else "")
    if streak < rule.rounds:
        return Finding(rule, OPEN, "", sentence)
    cause = whose(case)
    if cause == SHARED:
        sentence += f"; {case.step.old} is sick as well"
    return Finding(rule, REJECT, cause, sentence)


def metric(case: Case, rule: Rule) -> Finding:
    """A value outside its limits. None, NaN and infinity are no data: they neither pass nor fail."""

    def value(moment: Moment) -> t.Optional[float]:
        found = moment.metrics.get(rule.metric)
        return found if found is not None and math.isfinite(found) else None

    def outside(moment: Moment) -> t.Optional[bool]:
        found = value(moment)
        return None if found is None else not _inside(rule, found)

    now = value(case.in_step[-1]) if case.in_step else None
    streak = _streak(case.in_step, outside)
    known = [found for found in map(value, case.in_step) if found is not None]
    if streak:
        sentence = f"{rule.name} is {known[-1]:g}, {_limits(rule)}, {streak} rounds in a row"
        if streak >= rule.rounds:
            return Finding(rule, REJECT, RELEASE, sentence, numbers={"value": known[-1]})
        return Finding(rule, OPEN, "", sentence, lacking=(f"{rule.name} {_limits(rule)}",))
    if now is None:
        lacking = (f"a value of {rule.name}",) if rule.required else ()
        return Finding(rule, OPEN if rule.required else NONE, lacking=lacking)
    return Finding(rule, ACCEPT, numbers={"value": now})


def _inside(rule: Rule, value: float) -> bool:
    return (rule.below is None or value < rule.below) and (rule.above is None or value > rule.above)


def _limits(rule: Rule) -> str:
    said = (("below", rule.below), ("above", rule.above))
    return "must be " + " and ".join(
        f"{word} {limit:g}" for word, limit in said if limit is not None
    )
