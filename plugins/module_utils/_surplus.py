# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This module util is PRIVATE to the collection.
"""Images that no way back needs: decided with the plan of a release, and removed when that has ended.

The ledgers of all hosts are one here, so that a host which lacks a record does not let go of its image.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from ansible_collections.tagadodo.deploy.plugins.module_utils._plan import Fleet
from ansible_collections.tagadodo.deploy.plugins.module_utils._stock import needed_images


@dataclass(frozen=True)
class Surplus:
    """One image, ``repository@digest``.

    Attributes:
        of: the service and the newest version that it was.
        size: bytes, of which images that stay may have a part.
        hosts: where it is.
    """

    image: str
    of: str
    size: int
    hosts: t.Tuple[str, ...]


def surplus_of(fleet: Fleet, coming: t.Sequence[str], keep: int) -> t.List[Surplus]:
    """What may go.

    Args:
        coming: images of what is released now.
        keep: good releases before the live one whose images stay; 0 keeps all.
    """
    if not keep:
        return []
    services = sorted({name for view in fleet.app for name in view.releases})
    needed = set(coming)
    told: t.Dict[str, str] = {}
    for name in services:
        records = fleet.records(name)
        needed.update(needed_images(records, fleet.live_record(name), keep))
        for record in records:
            told.setdefault(str(record.get("image")), f"{name} {record.get('version')}")
    found: t.Dict[str, Surplus] = {}
    for view in fleet.app:
        for one in view.stock:
            if one.held or needed.intersection(one.images):
                continue
            for image in one.images:
                hosts = (*(found[image].hosts if image in found else ()), view.name)
                found[image] = Surplus(image, told.get(image, image), one.size, hosts)
    return sorted(found.values(), key=lambda one: (one.of, one.image))


def by_host(surplus: t.Sequence[Surplus]) -> t.Dict[str, t.List[str]]:
    """What each host removes."""
    images: t.Dict[str, t.List[str]] = {}
    for one in surplus:
        for host in one.hosts:
            images.setdefault(host, []).append(one.image)
    return images


def described(surplus: t.Sequence[Surplus]) -> t.List[str]:
    """The same in plain words, one line an image."""
    if not surplus:
        return []
    return [
        "images: no way back needs these any more",
        *(
            f"  remove  {one.of} ({one.size / 1e6:.0f} MB at most) from {', '.join(one.hosts)}"
            for one in surplus
        ),
    ]
