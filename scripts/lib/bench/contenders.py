# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who takes part: a line here is all that another strategy or setting needs."""

from __future__ import annotations

import functools
import typing as t
from dataclasses import dataclass

from bench.compose import Compose
from bench.contender import Contender
from bench.ours import Ours
from bench.raw import Raw
from bench.site import Site
from bench.swarm import Swarm

BASELINE = "raw"


@dataclass(frozen=True)
class Entry:
    """A contender by name.

    Attributes:
        about: what it does, in a line.
        make: from a site and the name, the contender.
    """

    name: str
    about: str
    make: t.Callable[[Site, str], Contender]


def _ours(**settings: t.Any) -> t.Callable[[Site, str], Contender]:
    return functools.partial(Ours, settings=settings)


def _swarm(**options: str) -> t.Callable[[Site, str], Contender]:
    return functools.partial(Swarm, options=options)


_WATCHED = {"minimum": 10, "maximum": 30}

ENTRIES = (
    Entry(
        "raw",
        "a bare script that knows everything beforehand: start, poll each 50 ms, switch by a file, stop",
        Raw,
    ),
    Entry("blue_green", "ours without watching (bake 0, min_ready 0)", _ours()),
    Entry(
        "blue_green_warm", "the same, the old slot stays warm (keep_warm)", _ours(keep_warm=True)
    ),
    Entry(
        "canary",
        "ours, 25, 50 and 100 % of traffic, each watched for 10 s at least",
        _ours(strategy="canary", canary={"shares": [25, 50, 100], **_WATCHED}),
    ),
    Entry(
        "rolling",
        "ours, one instance after the other, each watched for 10 s at least",
        _ours(strategy="rolling", rolling={"batch": 1, **_WATCHED}),
    ),
    Entry("compose", "docker compose up -d with another tag", Compose),
    Entry("swarm", "docker service update, start-first, else as it comes", _swarm()),
    Entry(
        "swarm_quick",
        "the same without watching, both tasks at once (monitor 1ms, parallelism 2)",
        _swarm(monitor="1ms", parallelism="2"),
    ),
)
