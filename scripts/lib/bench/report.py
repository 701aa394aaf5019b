# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Samples become rows, and rows a table."""

from __future__ import annotations

import statistics
import typing as t
from dataclasses import dataclass

from bench.measure import Measured

OPERATIONS = ("deploy", "rollback")


@dataclass(frozen=True)
class Sample:
    """One measurement of one contender."""

    contender: str
    operation: str
    round: int
    measured: Measured


@dataclass(frozen=True)
class Failure:
    """A contender's turn that did not end well, or that it cannot take at all (round 0)."""

    contender: str
    round: int
    reason: str


@dataclass(frozen=True)
class Spread:
    """Median, smallest and largest of some numbers."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: t.Iterable[float]) -> Spread:
        ordered = sorted(values)
        return cls(statistics.median(ordered), ordered[0], ordered[-1])


@dataclass(frozen=True)
class Row:
    """What all samples of one contender's operation say together; units as in Measured."""

    contender: str
    operation: str
    count: int
    wall: Spread
    ratio: float | None
    sent: int
    lost: int
    lost_each: Spread
    last_old: Spread
    p99_before: float
    p99_during: float
    invocations: int | None
    unsettled: int


def summarise(samples: t.Sequence[Sample], baseline: str) -> list[Row]:
    """A row for each contender and operation, in the order of the samples; ``ratio`` is that of the
    medians of ``wall`` to the baseline's of the same operation."""
    groups: dict[tuple[str, str], list[Measured]] = {}
    for sample in samples:
        groups.setdefault((sample.operation, sample.contender), []).append(sample.measured)
    raw = {
        operation: statistics.median(one.wall for one in group)
        for (operation, contender), group in groups.items()
        if contender == baseline
    }
    return [
        _row(contender, operation, groups[operation, contender], raw.get(operation))
        for operation, contender in groups
    ]


def _row(contender: str, operation: str, group: t.Sequence[Measured], raw: float | None) -> Row:
    wall = Spread.of(one.wall for one in group)
    counts = [one.invocations for one in group if one.invocations is not None]
    return Row(
        contender=contender,
        operation=operation,
        count=len(group),
        wall=wall,
        ratio=wall.median / raw if raw else None,
        sent=sum(one.sent for one in group),
        lost=sum(one.lost for one in group),
        lost_each=Spread.of(one.lost for one in group),
        last_old=Spread.of(one.last_old for one in group),
        p99_before=statistics.median(one.p99_before for one in group),
        p99_during=statistics.median(one.p99_during for one in group),
        invocations=max(counts, default=None),
        unsettled=sum(not one.settled for one in group),
    )


HEAD = (
    "contender",
    "n",
    "wall s: median (min-max)",
    "ratio to raw",
    "lost of sent",
    "lost each time",
    "last old answer after s",
    "p99 ms before → during",
    "remote modules",
)


def markdown(
    rows: t.Sequence[Row],
    failures: t.Sequence[Failure],
    about: t.Mapping[str, str],
    conditions: str,
) -> str:
    """The result as a page: a table for each operation, then what the names mean.

    Args:
        about: a line for each contender, in the order of the tables.
        conditions: what was measured on what, in a sentence.
    """
    lines, order = [conditions], list(about)
    for operation in OPERATIONS:
        chosen = [row for row in rows if row.operation == operation]
        chosen.sort(key=lambda row: order.index(row.contender))
        lines += ["", f"### {operation.capitalize()}", "", *_table(chosen)]
    shown = {row.contender for row in rows}
    lines += ["", *(f"- {name}: {about[name]}" for name in order if name in shown)]
    lines += [f"- **{problem}**" for problem in [*_unsettled(rows), *map(_failure, failures)]]
    return "\n".join(lines) + "\n"


def _table(rows: t.Iterable[Row]) -> list[str]:
    cells = [HEAD, ("---",) * len(HEAD), *map(_cells, rows)]
    return [f"| {' | '.join(row)} |" for row in cells]


def _cells(row: Row) -> tuple[str, ...]:
    wall, last, each = row.wall, row.last_old, row.lost_each
    return (
        row.contender,
        str(row.count),
        f"{wall.median:.2f} ({wall.low:.2f}-{wall.high:.2f})",
        "-" if row.ratio is None else f"{row.ratio:.2f}",
        f"{row.lost} of {row.sent}",
        f"{each.median:g} ({each.low:g}-{each.high:g})",
        f"{last.median:.2f} ({last.low:.2f}-{last.high:.2f})",
        f"{row.p99_before:.0f} → {row.p99_during:.0f}",
        "-" if row.invocations is None else str(row.invocations),
    )


def _unsettled(rows: t.Iterable[Row]) -> list[str]:
    return [
        f"{row.contender}: after {row.unsettled} of {row.count} {row.operation}s users still got no calm service"
        for row in rows
        if row.unsettled
    ]


def _failure(failure: Failure) -> str:
    where = f"round {failure.round}: " if failure.round else "left out: "
    return f"{failure.contender}: {where}{failure.reason}"
