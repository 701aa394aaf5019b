# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This module util is PRIVATE to the collection.
"""The four DORA figures of an installation, from the reports of its releases.

Deployment frequency: releases that became live. Lead time for changes: from the commit, where that was said, until
users had all of it. Change failure rate: of the releases that users met, how many had to be taken back, at once or
later; one that was refused before users met it harmed nobody. Time to restore: from the first user who met a bad
release, or the call for a rollback, until all traffic was back.
"""

from __future__ import annotations

import math
import typing as t
from dataclasses import dataclass

from ansible_collections.tagadodo.deploy.plugins.module_utils._release_report import (
    FAILED,
    HELD,
    ROLLED_BACK,
    RUNNING,
    SUCCEEDED,
    Report,
)

DAYS = 90  # that figures are about, at most
DAY = 86400.0


@dataclass(frozen=True)
class Figures:
    """The four figures, and from how many releases each is.

    Attributes:
        days: that they are about: since the first release that is known, ``DAYS`` at most.
        deployments: releases that became live.
        lead_time: median, seconds; None where no commit was told.
        changes: releases that users met and that have ended.
        failures: of those, what had to be taken back.
        restore_time: median, seconds; None where nothing had to be restored.
    """

    days: int
    deployments: int
    lead_time: t.Optional[float]
    leads: int
    changes: int
    failures: int
    restore_time: t.Optional[float]
    restores: int

    @property
    def per_week(self) -> float:
        return 7 * self.deployments / self.days

    @property
    def failure_rate(self) -> t.Optional[float]:
        """0 to 1; None without a change."""
        return self.failures / self.changes if self.changes else None


def figures_of(reports: t.Iterable[Report], now: float) -> Figures:
    """The figures of the last days.

    Args:
        now: seconds since 1970.
    """
    recent = [one for one in reports if one.started is not None and one.started > now - DAYS * DAY]
    changes = [one for one in recent if not one.is_rollback and one.outcome not in (RUNNING, HELD)]
    live = [one for one in changes if one.outcome in (SUCCEEDED, ROLLED_BACK)]
    met = [one for one in changes if one in live or one.exposed_from is not None]
    bad = [one for one in met if one.outcome in (FAILED, ROLLED_BACK)]
    leads = [one.lead for one in live if one.lead is not None]
    restores = [
        seconds for seconds in (_restored_after(one, recent) for one in bad) if seconds is not None
    ]
    since = min((one.started for one in recent if one.started is not None), default=now)
    return Figures(
        days=max(1, math.ceil((now - since) / DAY)),
        deployments=len(live),
        lead_time=_median(leads),
        leads=len(leads),
        changes=len(met),
        failures=len(bad),
        restore_time=_median(restores),
        restores=len(restores),
    )


def _median(values: t.Sequence[float]) -> t.Optional[float]:
    """Without ``statistics``, whose import takes a host longer than all of this does."""
    ordered = sorted(values)
    middle = len(ordered) // 2
    return (ordered[middle] + ordered[-middle - 1]) / 2 if ordered else None


def _restored_after(report: Report, recent: t.Sequence[Report]) -> t.Optional[float]:
    """How long users had a bad release, or waited for a rollback; None where nothing tells."""
    if report.outcome == FAILED:
        since, until = report.exposed_from, report.exposed_until
    else:
        since = min((s.given_up for s in report.services if s.given_up is not None), default=None)
        rollback = next((one for one in recent if one.is_rollback and one.started == since), None)
        until = rollback.exposed_from if rollback else None
    return until - since if since is not None and until is not None and until >= since else None
