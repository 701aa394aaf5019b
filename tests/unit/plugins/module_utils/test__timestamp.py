# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest

from ansible_collections.tagadodo.deploy.plugins.module_utils._timestamp import seconds_of


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1970-01-01T00:01:00Z", 60),
        ("1970-01-01T00:01:00.502390127Z", 60.50239),
        ("1970-01-01T01:01:00.5+01:00", 60.5),
    ],
)
def test_times_are_read(text: str, seconds: float) -> None:
    assert seconds_of(text) == seconds
