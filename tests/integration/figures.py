# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What tests have measured, in ``build/``, for whoever reads their verdict and wants the numbers."""

from __future__ import annotations

import json
import typing as t

from stack import ROOT


def keep(topic: str, name: str, numbers: t.Mapping[str, t.Any]) -> None:
    """Write ``numbers`` as ``name`` into ``build/TOPIC.json``, beside what others have written there.

    Tests of one topic are in one file: no two of them run at a time.
    """
    path = ROOT / f"build/{topic}.json"
    path.parent.mkdir(exist_ok=True)
    known = json.loads(path.read_text()) if path.exists() else {}
    path.write_text(json.dumps({**known, name: dict(numbers)}, indent=2) + "\n")
