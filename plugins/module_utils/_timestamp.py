# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This module util is PRIVATE to the collection.
"""Times as other programs write them (RFC 3339)."""

from __future__ import annotations

import re
from datetime import datetime


def seconds_of(text: str) -> float:
    """``2026-11-24T15:14:20.502390127+01:00`` as seconds since 1970, to the microsecond."""
    whole = text.replace("Z", "+00:00")
    cut = re.sub(r"\.(\d+)", lambda found: f".{found[1]:0<6.6}", whole)
    return datetime.fromisoformat(cut).timestamp()
