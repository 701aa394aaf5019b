# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This plugin util is PRIVATE to the collection.
"""What hosts reported by ``release_info``, as the domain takes it."""

from __future__ import annotations

import typing as t

from ansible_collections.tagadodo.deploy.plugins.module_utils._plan import HostView, PlanError

_FIELDS = (
    "containers",
    "shares",
    "instances_in_traffic",
    "fingerprints",
    "releases",
    "images",
    "requests",
    "servers",
    "lock",
    "damaged",
)


def host_view(name: str, report: t.Mapping[str, t.Any]) -> HostView:
    """The report of one host.

    Raises:
        PlanError: the host did not report.
    """
    if "containers" not in report:
        raise PlanError(f"{name}: its state could not be read; is it set up? run site.yml first")
    return HostView(name=name, **{key: report[key] for key in _FIELDS})


def looks_of_host(
    looks: t.Sequence[t.Mapping[str, t.Any]], proxy: bool, app: bool
) -> list[dict[str, t.Any]]:
    """The part of ``release_evidence``'s services that a host can see: nginx's where it is a proxy,
    containers where it runs instances."""
    return [
        {
            **look,
            "log": look["log"] if proxy else "",
            "smoke": look["smoke"] if proxy else None,
            "metrics": look["metrics"] if proxy else [],
            "slots": look["slots"] if app else {},
        }
        for look in looks
    ]
