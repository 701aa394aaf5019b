# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This module util is PRIVATE to the collection.
"""What a rule of the gate says."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field

from ansible_collections.tagadodo.deploy.plugins.module_utils._evidence import Data
from ansible_collections.tagadodo.deploy.plugins.module_utils._gate_rules import Rule

NONE = "none"  # nothing there that the rule could judge
RELEASE, SHARED, STABLE, BLIND = "release", "shared", "stable", "blind"


@dataclass(frozen=True)
class Finding:
    """What a rule says.

    Attributes:
        rule: which.
        state: ``accept``, ``open`` (undecided), ``reject``, or ``none`` (nothing to judge).
        cause: of a reject: ``release``, ``shared`` (both slots), ``stable`` (the old slot).
        sentence: one line, when it rejects or when there is something to say.
        requests: how many more without failure would let it accept.
        lacking: what else would.
        numbers: what it counted.
    """

    rule: Rule
    state: str
    cause: str = ""
    sentence: str = ""
    requests: int = 0
    lacking: t.Tuple[str, ...] = ()
    numbers: Data = field(default_factory=dict)


def percent(share: float) -> str:
    """``34 %``, ``0.5 %``."""
    value = 100 * share
    return f"{value:.0f} %" if value >= 9.95 or value == 0 else f"{value:.1f} %"
