# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This module util is PRIVATE to the collection.
"""One look of one host at a release, recorded with the place in the log it has come to."""

from __future__ import annotations

import contextlib
import time
import typing as t
from dataclasses import dataclass

from ansible_collections.tagadodo.deploy.plugins.module_utils._access_log import (
    Recent,
    Tally,
    recent,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._evidence import (
    Look,
    ServiceLook,
    SlotCounts,
    SlotLook,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._gate_file import (
    Gate,
    GateError,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._log_tail import (
    Cursor,
    begin,
    read_new,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._questions import Questions, Watched
from ansible_collections.tagadodo.deploy.plugins.module_utils._service import other_slot

BASELINE = "baseline"  # step of the look that begins a release
STRANGE = 0.1  # share of lines that may be broken

Data = t.Dict[str, t.Any]
Ask = t.Callable[[t.Sequence[Watched]], Questions]


@dataclass(frozen=True)
class Order:
    """What kind of look is wanted.

    Attributes:
        step: step of the release it belongs to.
        begin: whether the release begins, unless it has begun before.
        baseline: seconds before the beginning that the first look is about.
        record: whether the look is recorded.
        since: number of the first look that is returned.
    """

    step: str
    begin: bool = False
    baseline: float = 600.0
    record: bool = True
    since: int = 0


@dataclass(frozen=True)
class Heard:
    """What users did, by service, and how far it was read: ``cursors`` are given back at the next look."""

    seen: t.Mapping[str, ServiceLook]
    cursors: t.Mapping[str, t.Any]
    recent: t.Mapping[str, Recent]
    seconds: float


class Requests(t.Protocol):
    """Tells what users did."""

    def begin(self, services: t.Sequence[Watched], seconds: float, now: float) -> Heard:
        """What they did in the ``seconds`` before ``now``, with the slot that is to be replaced."""

    def go_on(self, services: t.Sequence[Watched], last: Data, now: float) -> Heard:
        """What they have done since the last look."""


def observe(
    gate: Gate,
    services: t.Sequence[Watched],
    order: Order,
    ask: Ask,
    now: t.Callable[[], float] = time.time,
    requests: t.Optional[Requests] = None,
) -> Data:
    """Look once, and give that look and those before.

    Args:
        ask: makes the questions of one look.
        requests: tells what users did; the access logs of this host where it is not given.
        now: time of day, seconds.

    Returns:
        ``looks``, from number ``since`` on; ``recent``, by service, if this look began the release.

    Raises:
        GateError: the release has not begun, somebody else looks, or nothing can be recorded.
    """
    with gate.locked() if order.record else contextlib.nullcontext():
        last = gate.last()
        if last is None and not order.begin:
            raise GateError(
                f"release {gate.release} has not begun on this host ({gate.where} is missing);"
                " call release_evidence with begin=true before traffic moves"
            )
        looks = gate.records(order.since)
        lately: t.Mapping[str, Recent] = {}
        if last is None or not order.begin:
            hearing = requests or AccessLogs()
            record, lately = _look(services, order, last, ask, now, hearing)
            if order.record:
                gate.append(record)
            looks.append(record)
    return {
        "looks": [_without_cursors(look) for look in looks],
        "recent": {name: _summary(one) for name, one in lately.items()},
    }


def _look(
    services: t.Sequence[Watched],
    order: Order,
    last: t.Optional[Data],
    ask: Ask,
    now: t.Callable[[], float],
    requests: Requests,
) -> t.Tuple[Data, t.Mapping[str, Recent]]:
    """One look as it is recorded."""
    with ask(services) as questions:
        at = now()
        heard = (
            requests.go_on(services, last, at)
            if last
            else requests.begin(services, order.baseline, at)
        )
        answers = questions.answers()
    look = Look(
        number=last["number"] + 1 if last else 0,
        step=order.step if last else BASELINE,
        at=at,
        seconds=heard.seconds,
        services={
            one.name: answers[one.name] + heard.seen.get(one.name, ServiceLook())
            for one in services
        },
    )
    known = last["cursors"] if last else {}
    return {**look.as_data(), "cursors": {**known, **heard.cursors}}, heard.recent


class AccessLogs:
    """nginx's, on this host."""

    def begin(self, services: t.Sequence[Watched], seconds: float, now: float) -> Heard:
        seen, cursors, lately = {}, {}, {}
        for one in services:
            if not one.log:
                continue
            start = begin(one.log, now)
            tally = Tally(one.name, one.upstreams)
            found = recent(one.log, seconds, now, tally, start.cursor)
            old = other_slot(one.slot)
            counts = {old: SlotLook(found.counts.get(old, SlotCounts()))}
            cursors[one.name] = start.cursor.as_data()
            lately[one.name] = found
            seen[one.name] = ServiceLook(counts, {}, start.problems + _strange(one.log, tally))
        longest = max((one.seconds for one in lately.values()), default=0.0)
        return Heard(seen, cursors, lately, longest)

    def go_on(self, services: t.Sequence[Watched], last: Data, now: float) -> Heard:
        seen, cursors = {}, {}
        for one in services:
            if not one.log:
                continue
            tally = Tally(one.name, one.upstreams)
            if one.name in last["cursors"]:
                cursor = Cursor.from_data(last["cursors"][one.name])
                reading = read_new(one.log, cursor, tally.take, last["at"], now)
                problems = reading.problems
            else:
                reading = begin(one.log, now)
                problems = (f"{one.log} is read from here on, the release began without it",)
            cursors[one.name] = reading.cursor.as_data()
            seen[one.name] = ServiceLook(
                {slot: SlotLook(counts) for slot, counts in tally.counts().items()},
                {},
                problems + _strange(one.log, tally),
            )
        return Heard(seen, cursors, {}, max(0.0, now - last["at"]))


def _strange(log: str, tally: Tally) -> t.Tuple[str, ...]:
    """A line may be broken; where many are, something else writes this log."""
    if tally.strange <= STRANGE * tally.lines:
        return ()
    return (f"{log}: {tally.strange} of {tally.lines} new lines are not in the log format release",)


def _without_cursors(record: Data) -> Data:
    return {key: value for key, value in record.items() if key != "cursors"}


def _summary(one: Recent) -> Data:
    total = one.total
    return {
        "requests": total.requests,
        "per_minute": round(one.per_minute, 2),
        "failed": total.failed,
        "seconds": round(one.seconds, 3),
    }
