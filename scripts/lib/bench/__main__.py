# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Deploys and rollbacks of the example's backend under load: ours, the raw limit and the peers', side by side."""

from __future__ import annotations

import argparse
import os
import pathlib
import tempfile

from stack import Stack

from bench import leftovers, process, results
from bench.contenders import ENTRIES
from bench.process import say
from bench.runner import Results, rounds
from bench.site import Site


def main() -> int:
    options = _options()
    name = process.begin()
    machine = results.this_machine()
    found = Results()
    try:
        _bench(name, options, found)
    except KeyboardInterrupt:
        return 130
    finally:
        if found.samples or found.failures:
            print(f"\n{results.write(found, options, machine)}", flush=True)
    return 1 if any(failure.round for failure in found.failures) else 0


def _bench(name: str, options: argparse.Namespace, found: Results) -> None:
    """Set up, measure and clean up, whatever happens."""
    with tempfile.TemporaryDirectory(prefix=f"{name}.") as work:
        stack = Stack(name, os.environ["REGISTRY"], pathlib.Path(work))
        site = Site(stack, options.rate)
        wanted = [entry for entry in ENTRIES if not options.only or entry.name in options.only]
        try:
            say("setting up ours, whose data services, network and certificate all of them use")
            site.set_up()
            made = [entry.make(site, entry.name) for entry in wanted]
            rounds(made, site.load, options.rounds, found, say)
        finally:
            say("cleaning up")
            leftovers.remove(stack)


def _options() -> argparse.Namespace:
    names = [entry.name for entry in ENTRIES]
    parser = argparse.ArgumentParser(prog="scripts/bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="deploys and rollbacks of each (5)")
    parser.add_argument("--rate", type=float, default=100, help="requests a second (100)")
    parser.add_argument(
        "--only",
        action="append",
        default=[],
        choices=names,
        metavar="NAME",
        help=f"one of {', '.join(names)}; may be given several times",
    )
    return parser.parse_args()


if __name__ == "__main__":
    raise SystemExit(main())
