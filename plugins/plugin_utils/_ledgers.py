# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This plugin util is PRIVATE to the collection.
"""The ledgers of several hosts as one."""

from __future__ import annotations

import typing as t

from ansible_collections.tagadodo.deploy.plugins.module_utils._ledger import Record
from ansible_collections.tagadodo.deploy.plugins.module_utils._plan import Fleet, HostView


def together(ledgers: t.Sequence[t.Mapping[str, t.Any]]) -> dict[str, t.Sequence[Record]]:
    """What any host knows of each release, by service.

    Args:
        ledgers: results of ``ledger_info``.

    Raises:
        ValueError: no host says what it knows.
    """
    known = [one["records"] for one in ledgers if "records" in one]
    if not known:
        why = "; ".join(str(one["msg"]) for one in ledgers if "msg" in one)
        raise ValueError(f"no host says what was released{': ' if why else ''}{why}")
    fleet = Fleet(
        app=tuple(HostView(str(number), releases=one) for number, one in enumerate(known)), proxy=()
    )
    return {name: fleet.records(name) for name in {name for one in known for name in one}}
