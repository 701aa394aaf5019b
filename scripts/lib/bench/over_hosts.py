# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is typed over a fleet, measured; and a release over all its hosts that one of them fails."""

from __future__ import annotations

import functools
import typing as t

from clients import live_version
from stack import Run
from traffic import TrafficThread

from bench.growing import NEW, OLD, PROXY, Growing
from bench.growth import Point
from bench.measure import measure
from bench.meter import Cost, metered
from bench.shell import CommandFailed

_FOREVER = 3600.0  # seconds
_HALF = "  backend  50 %"
_WATCHED = {
    "strategy": "canary",
    "canary": {"shares": [10, 50, 100], "minimum": 2, "maximum": 60},
    # Machines of benchmarks have slow minutes.
    "gate": {"slow": {"factor": 5000}},
}


def points(fleet: Growing, kind: str, rounds: int) -> t.Iterator[Point]:
    """Set up what is new, then release and roll back under load; at the end nothing is to be done."""
    site = functools.partial(_play, fleet, "site", OLD)
    yield _measured(fleet, kind, "site.yml, new hosts", site)
    for _round in range(rounds):
        deploy = functools.partial(_play, fleet, "deploy", NEW)
        yield _measured(fleet, kind, "deploy.yml", deploy, (OLD, NEW))
        rollback = functools.partial(_play, fleet, "rollback")
        yield _measured(fleet, kind, "rollback.yml", rollback, (NEW, OLD))
    unchanged = functools.partial(_play, fleet, "deploy", OLD)
    yield _measured(fleet, kind, "deploy.yml, nothing new", unchanged, (OLD, OLD))
    yield _measured(fleet, kind, "site.yml, nothing new", site, (OLD, OLD))


def one_decision(fleet: Growing) -> list[str]:
    """What became of a canary over all hosts, one of which loses its new instance at half; a line each.

    Raises:
        CommandFailed: it went on all the same.
    """
    ill = fleet.app[len(fleet.app) * 2 // 3]
    share = fleet.share(PROXY)
    slot = "green" if share == 0 else "blue"
    kill = functools.partial(fleet.hosts[ill].do, "docker", "kill", f"tagadodo-backend-{slot}-1")
    services = {"backend": {**fleet.extra["services"]["backend"], **_WATCHED}}
    with TrafficThread(fleet.load(_FOREVER)) as clients:
        typed = ("deploy", "-e", f"version={NEW}")
        run = fleet.play_and(kill, _HALF, *typed, services=services)
    if run.code == 0:
        raise CommandFailed("a release that one host fails", run.output)
    totals = clients.report["totals"]
    with_both = sum(len(fleet.running_on(name)) > 1 for name in fleet.app)
    there = "as before" if fleet.share(PROXY) == share else "NOT as before"
    return [
        f"canary over {len(fleet.app)} hosts, the new instance of {ill} ends at 50 %: {run.reason}",
        f"{totals['lost'] + totals['wrong']} of {totals['sent']} requests lost; users get"
        f" {live_version(fleet)}, shares are {there}, {with_both} hosts still run the new version",
    ]


def _play(fleet: Growing, playbook: str, version: str = "") -> Run:
    run = fleet.play(playbook, *(("-e", f"version={version}") if version else ()))
    if run.code != 0:
        raise CommandFailed(f"{playbook}.yml", f"{run.output}\n{run.reason}")
    return run


def _measured(
    fleet: Growing,
    kind: str,
    operation: str,
    change: t.Callable[[], Run],
    versions: tuple[str, str] | None = None,
) -> Point:
    """One run; under load, where users go from one version to another by it."""
    runs: list[tuple[Run, Cost]] = []

    def typed() -> int:
        with metered() as cost:
            run = change()
        runs.append((run, cost))
        return run.invocations

    seen = measure(fleet.load, typed, *versions) if versions else None
    if not seen:
        typed()
    (run, cost) = runs[0]
    return Point(
        kind=kind,
        hosts=len(fleet.app),
        operation=operation,
        wall=cost.wall,
        controller=cost.controller,
        rest=cost.rest,
        memory=cost.memory,
        calls=run.invocations,
        sent=seen.sent if seen else 0,
        lost=seen.lost if seen else 0,
        steps=run.report["seconds"],
    )
