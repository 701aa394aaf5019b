# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What each further host costs, and what a fleet that grows comes up against first."""

from __future__ import annotations

import statistics
import typing as t
from dataclasses import dataclass

# Of the time that a further host takes, from which on processors are what it is spent on.
_BUSY = 0.7
_SLOWEST = 3  # steps that are named


@dataclass(frozen=True)
class Point:
    """One run over a fleet of a size; seconds and MiB.

    Attributes:
        kind: of hosts.
        operation: what was typed.
        controller, rest, memory: see ``bench.meter.Cost``.
        calls: remote modules of the host that had most.
        steps: seconds of each task by its name.
    """

    kind: str
    hosts: int
    operation: str
    wall: float
    controller: float
    rest: float
    memory: float
    calls: int
    sent: int = 0
    lost: int = 0
    steps: t.Mapping[str, float] | None = None


@dataclass(frozen=True)
class PerHost:
    """What one more host adds to a run, in seconds."""

    wall: float
    controller: float
    rest: float

    @classmethod
    def of(cls, points: t.Sequence[Point]) -> PerHost:
        """By a line through runs over fleets of at least two sizes."""
        hosts = [one.hosts for one in points]

        def slope(values: t.Iterable[float]) -> float:
            return statistics.linear_regression(hosts, list(values)).slope

        return cls(
            wall=slope(one.wall for one in points),
            controller=slope(one.controller for one in points),
            rest=slope(one.rest for one in points),
        )

    def bottleneck(self, cores: int) -> str:
        """What most of a further host's time goes to."""
        if (self.controller + self.rest) / cores < _BUSY * self.wall:
            return "waiting: no processor is busy for most of it"
        if self.controller >= self.rest:
            return "the controller's processors"
        return "the processors of the hosts, which here are those of one machine"


HEAD = (
    "hosts",
    "run",
    "n",
    "wall s: median (min-max)",
    "controller CPU s",
    "controller MiB",
    "hosts' CPU s",
    "remote modules a host",
    "lost of sent",
)


def markdown(
    points: t.Sequence[Point], decision: t.Sequence[str], conditions: str, cores: int
) -> str:
    """The result as a page.

    Args:
        decision: what became of a release that one host failed, a line each.
        conditions: what was measured on what.
    """
    lines = [conditions]
    for kind in dict.fromkeys(one.kind for one in points):
        chosen = [one for one in points if one.kind == kind]
        lines += ["", f"### {kind.capitalize()}", "", *_table(chosen), "", *_costs(chosen, cores)]
    if decision:
        lines += ["", "### One decision", "", *(f"- {line}" for line in decision)]
    return "\n".join(lines) + "\n"


def _table(points: t.Sequence[Point]) -> list[str]:
    groups: dict[tuple[int, str], list[Point]] = {}
    for one in points:
        groups.setdefault((one.hosts, one.operation), []).append(one)
    cells = [HEAD, ("---",) * len(HEAD), *map(_cells, groups.values())]
    return [f"| {' | '.join(row)} |" for row in cells]


def _cells(group: t.Sequence[Point]) -> tuple[str, ...]:
    walls = [one.wall for one in group]

    def median(of: t.Callable[[Point], float]) -> float:
        return statistics.median(map(of, group))

    return (
        str(group[0].hosts),
        group[0].operation,
        str(len(group)),
        f"{statistics.median(walls):.1f} ({min(walls):.1f}-{max(walls):.1f})",
        f"{median(lambda one: one.controller):.1f}",
        f"{median(lambda one: one.memory):.0f}",
        f"{median(lambda one: one.rest):.1f}",
        str(max(one.calls for one in group)),
        f"{sum(one.lost for one in group)} of {sum(one.sent for one in group)}",
    )


def _costs(points: t.Sequence[Point], cores: int) -> list[str]:
    found = []
    for operation in dict.fromkeys(one.operation for one in points):
        runs = [one for one in points if one.operation == operation]
        if len({one.hosts for one in runs}) < 2:
            continue
        cost, most = PerHost.of(runs), max(runs, key=lambda one: one.hosts)
        found.append(
            f"- {operation}: a further host costs {cost.wall:.2f} s, with {cost.controller:.2f} s of the"
            f" controller's processors and {cost.rest:.2f} s of the hosts'. Bottleneck:"
            f" {cost.bottleneck(cores)}. With processors of their own for {most.hosts} hosts, {cores} of"
            f" the controller need {most.controller / cores:.0f} s at least.{_slowest(most)}"
        )
    return found


def _slowest(run: Point) -> str:
    ordered = sorted((run.steps or {}).items(), key=lambda step: -step[1])[:_SLOWEST]
    told = ", ".join(f"{name} {seconds:.1f} s" for name, seconds in ordered)
    return f" Longest steps of {run.hosts}: {told}." if told else ""
