# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Deploys and rollbacks over ever more hosts: what a further one costs, and that all of them stay one decision."""

from __future__ import annotations

import argparse
import os
import pathlib
import tempfile
import typing as t

from bench import process, results
from bench.growing import KINDS, Kind, fleet_of
from bench.growth import Point
from bench.over_hosts import one_decision, points
from bench.process import say
from bench.shell import CommandFailed
from bench.site import LOGS

SIZES = {"real": (1, 2, 4, 8), "light": (1, 10, 25, 50)}


def main() -> int:
    options = _options()
    name = process.begin()
    machine = results.this_machine()
    found: list[Point] = []
    told: list[str] = []
    try:
        for kind in KINDS:
            sizes = getattr(options, kind.name)
            if sizes:
                _grow(f"{name}-{kind.name}", kind, sizes, options.rounds, found, told)
    except CommandFailed as failed:
        told.append(f"**{failed}**")
        (LOGS / "bench-fleet.log").write_text(failed.output)
        return 1
    except KeyboardInterrupt:
        return 130
    finally:
        if found:
            print(f"\n{results.write_fleet(found, told, options, machine)}", flush=True)
    return 0


def _grow(
    name: str,
    kind: Kind,
    sizes: t.Sequence[int],
    rounds: int,
    found: list[Point],
    told: list[str],
) -> None:
    """Measure a fleet of each size, and let the largest decide."""
    with tempfile.TemporaryDirectory(prefix=f"{name}.") as folder:
        say(f"starting a proxy, a registry, an authority and data services for {kind.name} hosts")
        with fleet_of(kind, name, os.environ["REGISTRY"], pathlib.Path(folder) / "fleet") as fleet:
            for hosts in sizes:
                fleet.grow(hosts)
                for point in points(fleet, f"{kind.name} hosts", rounds):
                    found.append(point)
                    say(
                        f"{hosts:3d} {point.kind}  {point.operation:<24} {point.wall:6.1f} s, controller's CPU"
                        f" {point.controller:.1f} s and {point.memory:.0f} MiB, {point.lost} of {point.sent} lost"
                    )
            for line in one_decision(fleet):
                told.append(line)
                say(line)
            say("cleaning up")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/bench --fleet", description=__doc__)
    parser.add_argument(
        "--rounds", type=int, default=2, help="deploys and rollbacks of each size (2)"
    )
    for kind, about in (("real", "with systemd"), ("light", "with sshd and an engine alone")):
        default = SIZES[kind]
        shown = ",".join(map(str, default))
        parser.add_argument(
            f"--{kind}",
            type=_sizes,
            default=default,
            metavar="N,N",
            help=f"numbers of hosts {about}, growing ({shown}); empty for none",
        )
    return parser.parse_args()


def _sizes(text: str) -> tuple[int, ...]:
    sizes = tuple(int(part) for part in text.split(",") if part)
    if sorted(set(sizes)) != list(sizes) or min(sizes, default=1) < 1:
        raise argparse.ArgumentTypeError("numbers of hosts grow, and begin at 1 or more")
    return sizes


if __name__ == "__main__":
    raise SystemExit(main())
