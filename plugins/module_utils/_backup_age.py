# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This module util is PRIVATE to the collection.
"""How old a backup may be: what a service asks for before its release, and whether one is recent enough."""

from __future__ import annotations

import typing as t

HOUR = 3600.0


class Aged(t.Protocol):
    """A snapshot: its id, and when it was made, in seconds since 1970."""

    @property
    def id(self) -> str: ...

    @property
    def time(self) -> float: ...


def too_old(snapshots: t.Sequence[Aged], project: str, max_age: float, now: float) -> str:
    """Why the newest snapshot is not recent enough, in one line; empty where it is.

    Args:
        snapshots: newest first.
        max_age: hours.
    """
    if not snapshots:
        return f"there is no backup of {project}"
    hours = (now - snapshots[0].time) / HOUR
    if hours <= max_age:
        return ""
    return f"the newest backup of {project} ({snapshots[0].id[:8]}) is {hours:.1f} hours old; {max_age:g} are allowed"


def age_limit(
    released: t.Mapping[str, t.Mapping[str, t.Any]], migrated: t.Collection[str]
) -> t.Optional[int]:
    """The hours that the newest backup may be old before a release; None where no service asks for one.

    Args:
        released: settings of the services that get another version, by name, defaults filled in.
        migrated: those of them whose migrations may run.
    """
    asked = [
        settings["backup"]["max_age"]
        for name, settings in released.items()
        if settings["backup"]["before_release"] == "always"
        or (settings["backup"]["before_release"] == "migrations" and name in migrated)
    ]
    return min(asked, default=None)
