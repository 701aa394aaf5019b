# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This module util is PRIVATE to the collection.
"""nginx's access log of a service as counts by slot.

The format is the log format ``release`` of the role nginx. A line is a request of a user and has
one or more upstream attempts: ``, `` is between attempts in one group of instances, `` : `` after
an internal redirect.
"""

from __future__ import annotations

import json
import typing as t
from collections import Counter
from dataclasses import dataclass

from ansible_collections.tagadodo.deploy.plugins.module_utils._evidence import (
    MOST_CLIENTS,
    MOST_ROUTES,
    OTHERS,
    SlotCounts,
    latency_bucket,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._log_tail import (
    Cursor,
    backwards,
    begin,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._service import SLOTS

RATE_BYTES = 2 * 1024 * 1024  # of the log that is read to learn how much users send
RECENT_BYTES = 16 * 1024 * 1024  # of the log that is read to learn what is usual
PATIENCE = 3.0  # seconds after which a client that leaves without an answer has met slowness
LONGEST_ROUTE = 40

_GOOD, _FAILED, _NEUTRAL = "good", "failed", "neutral"
_MISSING = ("401", "403", "404")
_LEFT = "499"  # the client did not wait for the answer
_NEVER = float("inf")
_NONE = ("", "-")  # how nginx writes that there is no value

Entry = t.Mapping[str, t.Any]


@dataclass(frozen=True)
class _Attempt:
    """``timed_from``: the shortest time, in seconds, that says something about the slot's speed."""

    slot: str
    verdict: str
    timed_from: float


class Tally:
    """Counts log lines as they come.

    Args:
        service: whose log it is.
        upstreams: slot by address of its instances.

    Attributes:
        since: requests that ended before this time of day are left out.
        lines, strange: how many there were, and how many were not understood.
        oldest: time of day of the oldest line seen; None before the first.
    """

    def __init__(
        self, service: str = "", upstreams: t.Optional[t.Mapping[str, str]] = None
    ) -> None:
        self.since = 0.0
        self.lines = self.strange = 0
        self.oldest: t.Optional[float] = None
        self._groups = {f"{service}_{slot}": slot for slot in SLOTS}
        self._upstreams = upstreams or {}
        self._slots: t.Dict[str, _Sums] = {}
        self._attempts: t.Dict[t.Tuple[str, ...], t.Tuple[_Attempt, ...]] = {}

    def take(self, lines: t.Iterable[str]) -> None:
        for line in lines:
            self.lines += 1
            try:
                self._count(json.loads(line))
            except (ValueError, LookupError, TypeError, AttributeError):
                self.strange += 1

    def counts(self) -> t.Dict[str, SlotCounts]:
        """What was counted so far, by slot; the same routes are told apart in both."""
        routes: t.Counter[str] = Counter()
        for sums in self._slots.values():
            for route, latency in sums.latency.items():
                routes[route] += sum(latency.values())
        frequent = _most(routes, MOST_ROUTES)
        return {slot: sums.as_counts(frequent) for slot, sums in sorted(self._slots.items())}

    def _count(self, entry: Entry) -> None:
        ended = float(entry["time"])
        slot, status, client = entry["slot"], str(entry["status"]), str(entry["client"])
        attempts = self._attempts_of(entry, slot, status)
        times = _times(entry, len(attempts)) if attempts else []
        route = _route(entry["method"], entry["path"])
        self.oldest = ended if self.oldest is None else min(self.oldest, ended)
        if entry["probe"] or ended < self.since:
            return
        of_slot = self._sums(slot)
        of_slot.request(status, proxied=bool(attempts))
        for attempt, seconds in zip(attempts, times):
            self._sums(attempt.slot).attempt(attempt, seconds, route, client)

    def _sums(self, slot: str) -> _Sums:
        return self._slots.setdefault(slot, _Sums())

    def _attempts_of(self, entry: Entry, slot: str, status: str) -> t.Tuple[_Attempt, ...]:
        if slot not in SLOTS:
            raise ValueError(slot)
        key = (slot, status, entry["upstream_addr"], entry["upstream_status"])
        known = self._attempts.get(key)
        if known is None:
            known = tuple(self._parse_attempts(*key))
            self._attempts[key] = known
        return known

    def _parse_attempts(
        self, slot: str, status: str, addresses: str, answers: str
    ) -> t.Iterator[_Attempt]:
        asked = [] if addresses in _NONE else _split(addresses)
        answered = _split(answers)
        for number, address in enumerate(asked):
            last = number == len(asked) - 1
            where = self._slot_of(address) or slot
            verdict = _verdict(answered[number], status if last else "502")
            if verdict == _FAILED and where != slot:
                verdict = _NEUTRAL  # a file of the other release, whose slot may have stopped
            yield _Attempt(where, verdict, _timed_from(verdict, answered[number], status))

    def _slot_of(self, address: str) -> str:
        """The slot of an address, or of the group of instances that has none left to ask."""
        if address in self._upstreams:
            return self._upstreams[address]
        group = next((one for one in self._groups if (address + "_").startswith(one + "_")), "")
        return self._groups.get(group, "")


class _Sums:
    """What is counted of one slot."""

    def __init__(self) -> None:
        self.requests = self.good = self.failed = self.neutral = self.missing = 0
        self.statuses: t.Counter[str] = Counter()
        self.clients: t.Counter[str] = Counter()
        self.served: t.Counter[str] = Counter()
        self.latency: t.Dict[str, t.Counter[int]] = {}

    def request(self, status: str, proxied: bool) -> None:
        self.requests += 1
        self.statuses[status] += 1
        if not proxied:
            self.neutral += 1
        elif status in _MISSING:
            self.missing += 1

    def attempt(
        self, attempt: _Attempt, seconds: t.Optional[float], route: str, client: str
    ) -> None:
        if attempt.verdict == _GOOD:
            self.good += 1
            self.served[client] += 1
        elif attempt.verdict == _FAILED:
            self.failed += 1
            self.clients[client] += 1
        else:
            self.neutral += 1
        if seconds is not None and seconds >= attempt.timed_from:
            self.latency.setdefault(route, Counter())[latency_bucket(seconds)] += 1

    def as_counts(self, routes: t.Container[str]) -> SlotCounts:
        latency: t.Dict[str, t.Counter[int]] = {}
        for route, histogram in self.latency.items():
            latency.setdefault(route if route in routes else OTHERS, Counter()).update(histogram)
        failed = _most(self.clients, MOST_CLIENTS)
        return SlotCounts(
            requests=self.requests,
            attempts=self.good + self.failed,
            failed=self.failed,
            neutral=self.neutral,
            missing=self.missing,
            statuses=dict(self.statuses),
            failed_clients=failed,
            served_clients={name: self.served[name] for name in failed if name in self.served},
            clients=len(self.served),
            latency={route: dict(histogram) for route, histogram in latency.items()},
        )


@dataclass(frozen=True)
class Recent:
    """What users did lately, by slot, and how many seconds the log tells about."""

    counts: t.Mapping[str, SlotCounts]
    seconds: float

    @property
    def total(self) -> SlotCounts:
        return sum(self.counts.values(), SlotCounts())

    @property
    def per_minute(self) -> float:
        """Requests a minute; of a log that is younger than a minute, as if it were that old."""
        return self.total.requests / max(self.seconds, 60.0) * 60


def recent(
    path: str,
    seconds: float,
    now: float,
    tally: t.Optional[Tally] = None,
    cursor: t.Optional[Cursor] = None,
    most_bytes: int = RECENT_BYTES,
) -> Recent:
    """What users did in the last ``seconds`` before ``now``, the log read from its end.

    Args:
        tally: a new one, where attempts are told apart by address.
        cursor: where the log ends; its present end without one.
        most_bytes: where traffic is heavy, the last lines tell enough.
    """
    counted = tally or Tally()
    counted.since = now - seconds
    for lines in backwards(path, cursor or begin(path, now).cursor, most_bytes):
        counted.take(lines)
        if counted.oldest is not None and counted.oldest < counted.since:
            break
    began = now if counted.oldest is None else max(counted.since, counted.oldest)
    return Recent(counted.counts(), max(0.0, now - began))


def _split(listed: str) -> t.List[str]:
    return listed.replace(" : ", ", ").split(", ")


def _verdict(answer: str, final: str) -> str:
    """What one attempt says, by its answer and by the status the user got in the end."""
    if not answer.isdigit():
        return _FAILED if final.startswith("5") else _NEUTRAL
    if int(answer) >= 500:
        return _FAILED
    return _NEUTRAL if answer in ("101", _LEFT) or int(answer) < 100 else _GOOD


def _timed_from(verdict: str, answer: str, final: str) -> float:
    if verdict == _GOOD:
        return 0.0 if int(answer) < 400 else _NEVER  # refusing is fast, and scanners ask for much
    left = verdict == _NEUTRAL and final == _LEFT and not answer.isdigit()
    return PATIENCE if left else _NEVER


def _times(entry: Entry, count: int) -> t.List[t.Optional[float]]:
    """Seconds until every attempt was answered, or given up."""
    headers = _split(entry["upstream_header_time"])
    ends = _split(entry["upstream_response_time"])
    return [
        _seconds(headers[n]) if headers[n] not in _NONE else _seconds(ends[n]) for n in range(count)
    ]


def _seconds(text: str) -> t.Optional[float]:
    return None if text in _NONE else float(text)


def _route(method: str, path: str) -> str:
    """``GET /users``, in characters that do a terminal no harm."""
    route = f"{method} /{path[1:].partition('/')[0]}"[:LONGEST_ROUTE]
    return route if route.isprintable() else "".join(c if c.isprintable() else "?" for c in route)


def _most(counts: t.Mapping[str, int], limit: int) -> t.Dict[str, int]:
    """The most frequent ``limit``, and all others as one."""
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    most = dict(ranked[:limit])
    rest = sum(count for _key, count in ranked[limit:])
    if rest:
        most[OTHERS] = most.get(OTHERS, 0) + rest
    return most
