# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This module util is PRIVATE to the collection.
"""The strategies: by which steps traffic goes from the old slot to the new one.

All three are the same kind of list. A step names the share of the new slot and how many instances of
each slot take traffic; what a strategy is shows in its steps alone.

    blue_green  all instances, 100 %
    canary      one instance at a small share; more of them before the share outgrows those there are
    rolling     a batch more in the new slot, a batch less in the old one, until all are replaced
"""

from __future__ import annotations

import math
import typing as t
from dataclasses import dataclass

from ansible_collections.tagadodo.deploy.plugins.module_utils._service import Service


@dataclass(frozen=True)
class Step:
    """One step of a release.

    Attributes:
        name: what it is called in progress and records.
        share: percent of traffic on the new slot.
        new: instances (from the first) of the new slot that run and take traffic.
        old: instances (from the first) of the old slot that take traffic; the others are stopped
            when the step is over.
        minimum, maximum: seconds it is watched.
        bake: whether it is the last, after which the old slot is let go.
    """

    name: str
    share: int
    new: int
    old: int
    minimum: int
    maximum: int
    bake: bool = False


def release_steps(service: Service, live: int) -> t.Tuple[Step, ...]:
    """The steps of the service's strategy, at least one; the last has all traffic.

    Args:
        live: instances of the slot that is replaced, 0 where nothing is live. They may be more or fewer
            than the service is to have.
    """
    if not live:  # a share of users would be sent where nobody answers
        return (_last(service, 0),)
    return _STRATEGIES[service.settings["strategy"]](service, live)


def is_watched(service: Service) -> bool:
    """Whether any step of its releases is judged by what users get."""
    return bool(service.settings["strategy"] != "blue_green" or service.settings["bake"])


def _blue_green(service: Service, live: int) -> t.Tuple[Step, ...]:
    return (_last(service, live),)


def _last(service: Service, old: int) -> Step:
    bake, count = service.settings["bake"], service.settings["instances"]
    longest = max(2 * bake, bake + 120) if bake else 0
    return Step("100 %", 100, count, old, bake, longest, bake=True)


def _canary(service: Service, live: int) -> t.Tuple[Step, ...]:
    settings, count = service.settings["canary"], service.settings["instances"]
    before = tuple(
        Step(
            f"{share} %",
            share,
            max(1, math.ceil(count * share / 100)),
            live,
            settings["minimum"],
            settings["maximum"],
        )
        for share in settings["shares"][:-1]
    )
    return (*before, _last(service, live))


def _rolling(service: Service, live: int) -> t.Tuple[Step, ...]:
    settings, count = service.settings["rolling"], service.settings["instances"]
    sizes = range(settings["batch"], count, settings["batch"])
    before = tuple(
        Step(
            f"{size} of {count}",
            round(100 * size / count),
            size,
            max(live - size, min(live, 1)),
            settings["minimum"],
            settings["maximum"],
        )
        for size in sizes
    )
    # The instances replaced last are kept until the bake is over.
    return (*before, _last(service, before[-1].old if before else live))


_STRATEGIES: t.Dict[str, t.Callable[[Service, int], t.Tuple[Step, ...]]] = {
    "blue_green": _blue_green,
    "canary": _canary,
    "rolling": _rolling,
}


def aligned(
    of_services: t.Mapping[str, t.Sequence[Step]],
) -> t.List[t.Dict[str, t.Tuple[int, Step]]]:
    """The steps of several services as one sequence that ends for all at the same time.

    A service with fewer steps begins later: one that depends on another is not ahead of it.

    Returns:
        for each step of the release, the services that take part, with the step's index among their own.
    """
    longest = max((len(steps) for steps in of_services.values()), default=0)
    rows: t.List[t.Dict[str, t.Tuple[int, Step]]] = [{} for _row in range(longest)]
    for name, steps in of_services.items():
        for index, step in enumerate(steps):
            rows[longest - len(steps) + index][name] = (index, step)
    return rows
