# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where results end: build/bench.md for people, build/bench.json with every number, and those of a fleet."""

from __future__ import annotations

import argparse
import dataclasses
import datetime
import json
import os
import platform
import typing as t

import docker

from bench import growth
from bench.contenders import BASELINE, ENTRIES
from bench.growing import RATE
from bench.growth import Point
from bench.report import markdown, summarise
from bench.runner import Results
from bench.site import BUILD, INSTANCES

Machine = t.Mapping[str, t.Any]


def write_fleet(
    points: t.Sequence[Point], told: t.Sequence[str], options: argparse.Namespace, machine: Machine
) -> str:
    """The same of a fleet: build/bench-fleet.md, build/bench-fleet.json; returns the page."""
    conditions = (
        f"One proxy, ever more hosts of the application, each with an engine of its own; all of them and the"
        f" controller share {machine['cores']} cores. blue_green, one instance a host, nothing watched;"
        f" {RATE:g} requests/s; {options.rounds} deploys and rollbacks of each size."
    )
    page = growth.markdown(points, told, conditions, machine["cores"])
    (BUILD / "bench-fleet.md").write_text(page)
    everything = {
        **_of_today(options, machine),
        "points": [dataclasses.asdict(point) for point in points],
        "told": list(told),
    }
    (BUILD / "bench-fleet.json").write_text(json.dumps(everything, indent=2) + "\n")
    return page


def write(found: Results, options: argparse.Namespace, machine: Machine) -> str:
    """Write both files; returns the page."""
    rows = summarise(found.samples, BASELINE)
    about = {entry.name: entry.about for entry in ENTRIES}
    page = markdown(rows, found.failures, about, _conditions(machine, options))
    (BUILD / "bench.md").write_text(page)
    everything = {
        **_of_today(options, machine),
        "rows": [dataclasses.asdict(row) for row in rows],
        "samples": [dataclasses.asdict(sample) for sample in found.samples],
        "failures": [dataclasses.asdict(failure) for failure in found.failures],
    }
    (BUILD / "bench.json").write_text(json.dumps(everything, indent=2) + "\n")
    return page


def _of_today(options: argparse.Namespace, machine: Machine) -> dict[str, t.Any]:
    return {
        "date": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        "machine": machine,
        "options": vars(options),
    }


def this_machine() -> Machine:
    """What numbers depend on; ``load`` is that before the benchmark."""
    return {
        "cores": os.cpu_count(),
        "load": os.getloadavg(),
        "kernel": platform.release(),
        "engine": docker.from_env().version()["Version"],
    }


def _conditions(machine: Machine, options: argparse.Namespace) -> str:
    return (
        f"Backend of the example, {INSTANCES} instances, 1.0.0 to 1.1.0 and back, behind nginx with TLS;"
        f" {options.rate:g} requests/s of HTTP/1.1 and HTTP/2 clients; {machine['cores']} cores,"
        f" engine {machine['engine']}; {options.rounds} rounds, contenders in turn."
    )
