# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This module util is PRIVATE to the collection.
"""What both slots did over time in a step of a release, short enough to be kept in its record.

``{"at": [...], "slots": {"green": {"answers": [...], "failed": [...], "p50": [...], "p95": [...]}}}``: one entry a
point; ``at`` in seconds since 1970, ``p50`` and ``p95`` in seconds (None without an answer). Answers are upstream
attempts for users that can be judged, and requests of our own.
"""

from __future__ import annotations

import math
import typing as t

from ansible_collections.tagadodo.deploy.plugins.module_utils._evidence import (
    Data,
    Look,
    Probes,
    ServiceLook,
    SlotLook,
    quantile,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._gate_case import SMOKE

POINTS = 60  # of a step


def trend_of(looks: t.Sequence[Look], service: str, slots: t.Sequence[str]) -> Data:
    """The trend of a service.

    Args:
        looks: of one step, oldest first. Where there are many, neighbours become one point.
    """
    size = max(1, math.ceil(len(looks) / POINTS))
    groups = [looks[start : start + size] for start in range(0, len(looks), size)]
    sums = [sum((look.service(service) for look in group), ServiceLook()) for group in groups]
    return {
        "at": [round(group[-1].at, 1) for group in groups],
        "slots": {slot: _columns([one.slot(slot) for one in sums]) for slot in slots},
    }


def _columns(seen: t.Sequence[SlotLook]) -> Data:
    probes = [one.probes.get(SMOKE, Probes()) for one in seen]
    return {
        "answers": [one.counts.attempts + p.good + p.bad for one, p in zip(seen, probes)],
        "failed": [one.counts.failed + p.bad for one, p in zip(seen, probes)],
        **{
            name: [_rounded(quantile(one.counts.latencies, share)) for one in seen]
            for name, share in (("p50", 0.5), ("p95", 0.95))
        },
    }


def _rounded(seconds: t.Optional[float]) -> t.Optional[float]:
    return None if seconds is None else round(seconds, 4)
