# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One deploy or rollback under load: how long it took and what users saw of it."""

from __future__ import annotations

import threading
import time
import typing as t
from dataclasses import dataclass, field

from traffic import Traffic, TrafficThread

CALM = 4.0  # seconds of load before, to compare with
LEAD = 0.5  # seconds of load before the command is typed
SETTLE_TIMEOUT = 60.0  # seconds after the command's end for the last old or missing answer
_MOST_SECONDS = 3600.0  # of load, whatever happens

Entry = t.Mapping[str, t.Any]  # one second of a Traffic's time line
LoadOf = t.Callable[[float, t.Optional[t.Callable[[dict[str, t.Any]], None]]], Traffic]


@dataclass(frozen=True)
class Measured:
    """What one change did to users. Times are in seconds, latencies in milliseconds.

    Attributes:
        wall: from the command typed to its end.
        last_old: from the command typed to the last answer of the version that goes.
        first_new: from the command typed to the first answer of the version that comes.
        lost: requests without a good answer, from just before the command until all was calm again.
        settled: whether that calm came.
        invocations: remote modules that were run, where there are such.
    """

    wall: float
    last_old: float
    first_new: float
    sent: int
    lost: int
    reasons: t.Mapping[str, int] = field(default_factory=dict)
    p99_before: float = 0.0
    p99_during: float = 0.0
    settled: bool = True
    invocations: int | None = None
    load_cpu: float = 0.0


def measure(load_of: LoadOf, change: t.Callable[[], int | None], old: str, new: str) -> Measured:
    """Put load on, make the change, and wait until users get nothing but ``new`` and nothing is lost.

    Args:
        load_of: makes the load, from its seconds and a callback for each second.
    """
    with TrafficThread(load_of(CALM, None)) as calm:
        before = calm.wait()
    seconds = _Seconds()
    with TrafficThread(load_of(_MOST_SECONDS, seconds.add)) as clients:
        time.sleep(LEAD)
        clients.mark("typed")
        began = time.monotonic()
        invocations = change()
        wall = time.monotonic() - began
        clients.mark("ended")
        settled = seconds.wait(lambda entries: calm_again(entries, new), SETTLE_TIMEOUT)
    report = clients.report
    return Measured(
        wall=wall,
        **seen_by_users(report, old, new),
        p99_before=before["latency_ms"].get("p99", 0.0),
        p99_during=report["latency_ms"].get("p99", 0.0),
        settled=settled,
        invocations=invocations,
        load_cpu=report["load"]["cpu_share"],
    )


def seen_by_users(report: t.Mapping[str, t.Any], old: str, new: str) -> dict[str, t.Any]:
    """What a report of load with the mark ``typed`` says about a change of versions."""
    typed = next(mark["at"] for mark in report["marks"] if mark["name"] == "typed")
    totals, versions = report["totals"], report["versions"]
    return {
        "last_old": max(0.0, versions[old]["last"] - typed) if old in versions else 0.0,
        "first_new": max(0.0, versions[new]["first"] - typed) if new in versions else 0.0,
        "sent": totals["sent"],
        "lost": totals["lost"] + totals["wrong"],
        "reasons": report["reasons"],
    }


def calm_again(entries: t.Sequence[Entry], new: str) -> bool:
    """Whether a whole second after the mark ``ended`` had answers of ``new`` and nothing else."""
    ended = next((entry["second"] for entry in entries if "ended" in entry["marks"]), None)
    return ended is not None and any(
        entry["second"] > ended
        and set(entry["versions"]) == {new}
        and not any(entry[outcome] for outcome in ("lost", "wrong", "limited"))
        for entry in entries
    )


class _Seconds:
    """The time line of a load as it grows."""

    def __init__(self) -> None:
        self._entries: list[Entry] = []
        self._grown = threading.Condition()

    def add(self, entry: Entry) -> None:
        with self._grown:
            self._entries.append(entry)
            self._grown.notify_all()

    def wait(self, enough: t.Callable[[t.Sequence[Entry]], bool], timeout: float) -> bool:
        with self._grown:
            return self._grown.wait_for(lambda: enough(self._entries), timeout)
