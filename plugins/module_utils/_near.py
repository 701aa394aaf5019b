# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This module util is PRIVATE to the collection.
"""What is said of a name that there is none of."""

from __future__ import annotations

import difflib
import typing as t


def not_known(setting: str, name: str, known: t.Iterable[str]) -> str:
    """One line of ``setting.name``, with the name that was perhaps meant, or all there are."""
    names = list(known)
    near = difflib.get_close_matches(name, names, n=1)
    hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(names)}"
    return f"{setting}.{name}: not known; {hint}"
