# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The books: every request is entered once as sent and once as what became of it."""

from __future__ import annotations

from array import array
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

# Single requests are listed up to here (in time order); they are counted without end.
MOST_EVENTS = 500
OUTCOMES = ("ok", "lost", "wrong", "limited", "refused_streams", "unfinished")
COUNTS = ("sent", "answered", *OUTCOMES, "executed_twice")


@dataclass
class Gap:
    """The longest time without a good answer so far; times are seconds since the start."""

    last: float = 0.0
    seconds: float = 0.0
    begin: float = 0.0

    def answer(self, at: float) -> None:
        if at - self.last > self.seconds:
            self.seconds, self.begin = at - self.last, self.last
        self.last = max(self.last, at)

    def as_dict(self) -> dict[str, float]:
        return {
            "seconds": round(self.seconds, 4),
            "from": round(self.begin, 4),
            "to": round(self.begin + self.seconds, 4),
        }


@dataclass
class Seen:
    """Answers of one version."""

    answers: int = 0
    first: float = 0.0
    last: float = 0.0

    def add(self, other: Seen) -> None:
        self.first = min(self.first, other.first) if self.answers else other.first
        self.last = max(self.last, other.last)
        self.answers += other.answers


@dataclass
class Second:
    """One second of the time line; `sent` by when it was due, the rest by when it happened."""

    counts: Counter[str] = field(default_factory=Counter)
    versions: Counter[str] = field(default_factory=Counter)
    slowest: float = 0.0


@dataclass
class Book:
    """What one client (a kind of client at one target) has seen."""

    kind: str
    target: str
    rate: float
    counts: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    statuses: Counter[int] = field(default_factory=Counter)
    versions: dict[str, Seen] = field(default_factory=dict)
    latencies: array[float] = field(default_factory=lambda: array("d"))
    gap: Gap = field(default_factory=Gap)


class Recorder:
    """Collects from all clients. Times given to it are of the loop's clock."""

    def __init__(self) -> None:
        self.start = 0.0
        self.books: dict[str, Book] = {}
        self.seconds: list[Second] = []
        self.events: list[dict[str, Any]] = []
        self.cuts: list[dict[str, Any]] = []
        self.marks: list[tuple[str, float]] = []
        self.connections: Counter[str] = Counter()
        self.websockets: Counter[str] = Counter()
        self.gap = Gap()
        self.late = 0.0

    def book(self, name: str, kind: str, target: str, rate: float) -> Book:
        return self.books.setdefault(name, Book(kind, target, rate))

    def second(self, at: float) -> Second:
        index = max(0, int(at))
        while len(self.seconds) <= index:
            self.seconds.append(Second())
        return self.seconds[index]

    def sent(self, book: Book, due: float, now: float) -> None:
        self.late = max(self.late, now - due)
        book.counts["sent"] += 1
        self.second(due - self.start).counts["sent"] += 1

    def answer(
        self, book: Book, due: float, now: float, status: int, version: str, what: str
    ) -> None:
        """A complete answer, of whatever status."""
        at = now - self.start
        book.counts["answered"] += 1
        book.statuses[status] += 1
        if status >= 500:
            self.outcome(book, now, "lost", f"status_{status}", what)
        elif status == 429:
            self.outcome(book, now, "limited", "status_429", what)
        elif status >= 400:
            self.outcome(book, now, "wrong", f"status_{status}", what)
        else:
            second = self.second(at)
            book.counts["ok"] += 1
            second.counts["ok"] += 1
            second.slowest = max(second.slowest, now - due)
            book.latencies.append(now - due)
            book.gap.answer(at)
            if book.kind != "websocket":
                self.gap.answer(at)
            if version:
                book.versions.setdefault(version, Seen()).add(Seen(1, at, at))
                second.versions[version] += 1

    def outcome(self, book: Book, now: float, outcome: str, reason: str, what: str) -> None:
        """Anything but a good answer."""
        at = now - self.start
        book.counts[outcome] += 1
        book.reasons[reason] += 1
        self.second(at).counts[outcome] += 1
        if len(self.events) < MOST_EVENTS and outcome != "limited":
            event = {"at": round(at, 4), "client": f"{book.kind} {book.target}"}
            self.events.append(event | {"outcome": outcome, "reason": reason, "what": what})

    def cut(self, book: Book, now: float, code: int, reason: str, age: float) -> None:
        """A server closed a websocket; 1006 is a close without a close frame."""
        at = now - self.start
        self.second(at).counts["cuts"] += 1
        after = {name: round(at - marked, 3) for name, marked in self.marks if marked <= at}
        cut = {"at": round(at, 4), "target": book.target, "code": code, "reason": reason}
        self.cuts.append(cut | {"age": round(age, 3), "after": after})

    def mark(self, name: str, at: float) -> None:
        self.marks.append((name, at - self.start))

    def total(self, name: str) -> int:
        return sum(book.counts[name] for book in self.books.values())

    def versions(self) -> dict[str, Seen]:
        merged: dict[str, Seen] = {}
        for book in self.books.values():
            for version, seen in book.versions.items():
                merged.setdefault(version, Seen()).add(seen)
        return merged

    def close_gaps(self, end: float) -> None:
        """The time from the last good answer to the end of the schedule counts as well."""
        for gap in (self.gap, *(book.gap for book in self.books.values())):
            gap.answer(max(gap.last, end - self.start))


def latency(values: array[float]) -> dict[str, float]:
    """Milliseconds, by nearest rank; empty without values."""
    if not values:
        return {}
    ordered = sorted(values)
    ranks = {"p50": 0.50, "p95": 0.95, "p99": 0.99, "max": 1.0}
    last = len(ordered) - 1
    return {
        name: round(ordered[min(last, int(share * len(ordered)))] * 1000, 2)
        for name, share in ranks.items()
    }


def report(recorder: Recorder) -> dict[str, Any]:
    """The JSON part that comes from the books; shapes are in the docstring of traffic.py."""
    everything = array("d")
    for book in recorder.books.values():
        if book.kind != "websocket":
            everything.extend(book.latencies)
    reasons: Counter[str] = sum((b.reasons for b in recorder.books.values()), Counter())
    return {
        "totals": {name: recorder.total(name) for name in COUNTS},
        "reasons": dict(reasons),
        "versions": _versions(recorder.versions()),
        "latency_ms": latency(everything),
        "largest_gap": recorder.gap.as_dict(),
        "clients": {name: _book(book) for name, book in recorder.books.items()},
        "websockets": {
            "opened": recorder.websockets["opened"],
            "reconnects": recorder.websockets["reconnects"],
            "cuts": recorder.cuts,
        },
        "connections": dict(recorder.connections),
        "marks": [{"name": name, "at": round(at, 4)} for name, at in recorder.marks],
        "timeline": [second_entry(recorder, n) for n in range(len(recorder.seconds))],
        "events": recorder.events,
    }


def _versions(versions: dict[str, Seen]) -> dict[str, dict[str, float]]:
    return {
        version: {
            "answers": seen.answers,
            "first": round(seen.first, 4),
            "last": round(seen.last, 4),
        }
        for version, seen in sorted(versions.items())
    }


def _book(book: Book) -> dict[str, Any]:
    return {
        "kind": book.kind,
        "target": book.target,
        "rate": round(book.rate, 3),
        **{name: book.counts[name] for name in COUNTS},
        "reasons": dict(book.reasons),
        "statuses": {str(status): n for status, n in sorted(book.statuses.items())},
        "versions": _versions(book.versions),
        "latency_ms": latency(book.latencies),
        "largest_gap": book.gap.as_dict(),
    }


def second_entry(recorder: Recorder, number: int) -> dict[str, Any]:
    """One entry of the time line."""
    second = recorder.seconds[number] if number < len(recorder.seconds) else Second()
    return {
        "second": number,
        **{name: second.counts[name] for name in ("sent", *OUTCOMES, "cuts")},
        "versions": dict(sorted(second.versions.items())),
        "slowest_ms": round(second.slowest * 1000, 2),
        "marks": [name for name, at in recorder.marks if int(at) == number],
    }
