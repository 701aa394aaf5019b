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
    GateError,
    GateFile,
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
class _Logs:
    """What the logs held, by service, and where they were left."""

    seen: t.Mapping[str, ServiceLook]
    cursors: t.Mapping[str, Cursor]
    recent: t.Mapping[str, Recent]
    seconds: float


def observe(
    gate: GateFile,
    services: t.Sequence[Watched],
    order: Order,
    ask: Ask,
    now: t.Callable[[], float] = time.time,
) -> Data:
    """Look once, and give that look and those before.

    Args:
        ask: makes the questions of one look.
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
                f"release {gate.release} has not begun on this host ({gate.path} is missing);"
                " call release_evidence with begin=true before traffic moves"
            )
        looks = gate.records(order.since)
        lately: t.Mapping[str, Recent] = {}
        if last is None or not order.begin:
            record, lately = _look(services, order, last, ask, now)
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
) -> t.Tuple[Data, t.Mapping[str, Recent]]:
    """One look as it is recorded."""
    with ask(services) as questions:
        at = now()
        logs = _read_on(services, last, at) if last else _begin(services, order.baseline, at)
        answers = questions.answers()
    look = Look(
        number=last["number"] + 1 if last else 0,
        step=order.step if last else BASELINE,
        at=at,
        seconds=logs.seconds,
        services={
            one.name: answers[one.name] + logs.seen.get(one.name, ServiceLook()) for one in services
        },
    )
    cursors = {name: cursor.as_data() for name, cursor in logs.cursors.items()}
    known = last["cursors"] if last else {}
    return {**look.as_data(), "cursors": {**known, **cursors}}, logs.recent


def _begin(services: t.Sequence[Watched], seconds: float, now: float) -> _Logs:
    """Where the logs end, and what users did until then with the slot that is to be replaced."""
    seen, cursors, lately = {}, {}, {}
    for one in services:
        if not one.log:
            continue
        start = begin(one.log, now)
        tally = Tally(one.name, one.upstreams)
        found = recent(one.log, seconds, now, tally, start.cursor)
        old = other_slot(one.slot)
        counts = {old: SlotLook(found.counts.get(old, SlotCounts()))}
        cursors[one.name] = start.cursor
        lately[one.name] = found
        seen[one.name] = ServiceLook(counts, {}, start.problems + _strange(one.log, tally))
    longest = max((one.seconds for one in lately.values()), default=0.0)
    return _Logs(seen, cursors, lately, longest)


def _read_on(services: t.Sequence[Watched], last: Data, now: float) -> _Logs:
    """What users did since the last look."""
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
        cursors[one.name] = reading.cursor
        seen[one.name] = ServiceLook(
            {slot: SlotLook(counts) for slot, counts in tally.counts().items()},
            {},
            problems + _strange(one.log, tally),
        )
    return _Logs(seen, cursors, {}, max(0.0, now - last["at"]))


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
