# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This module util is PRIVATE to the collection.
"""One alert of Prometheus, and how an environment is watched."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field

DAY = 86400


@dataclass(frozen=True)
class Alert:
    """One alert: its condition holds for ``seconds``, and ``summary`` tells whom and what, in one line."""

    name: str
    severity: str
    expression: str
    summary: str
    seconds: int = 0
    labels: t.Mapping[str, str] = field(default_factory=dict)

    def as_rule(self) -> t.Dict[str, t.Any]:
        """As a rule file of Prometheus has it."""
        return {
            "alert": self.name,
            "expr": self.expression,
            **({"for": f"{self.seconds}s"} if self.seconds else {}),
            "labels": {"severity": self.severity, **self.labels},
            "annotations": {"summary": self.summary},
        }


@dataclass(frozen=True)
class Watching:
    """How an environment is watched.

    Attributes:
        interval: seconds between two looks of Prometheus.
        windows: seconds that are looked back at, by tier.
        usual: seconds before those that say what is usual.
        disk: percent of a file system that may be used, by tier.
        backup_hours: how old the newest backup may be; 0 where none are made.
        certificate_days: how long certificates must be good for.
        data: which data services have an exporter.
        rollback: by service, seconds after a release in which critical alerts ask for it to be taken back.
    """

    interval: int = 15
    windows: t.Mapping[str, int] = field(default_factory=dict)
    usual: int = DAY
    disk: t.Mapping[str, float] = field(default_factory=dict)
    backup_hours: float = 0
    certificate_days: float = 7
    data: t.Sequence[str] = ()
    rollback: t.Mapping[str, int] = field(default_factory=dict)
