# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A fingerprint changes with the settings and with nothing else."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.tagadodo.deploy.plugins.filter.settings_fingerprint import (
    settings_fingerprint,
)

SETTINGS = ["secret", "256mb", {"appendfsync": "always", "save": ""}]


def test_equal_settings_look_equal_whatever_their_order() -> None:
    other_order = ["secret", "256mb", {"save": "", "appendfsync": "always"}]
    assert settings_fingerprint(SETTINGS, "redis") == settings_fingerprint(other_order, "redis")


@pytest.mark.parametrize(
    ("settings", "salt"),
    [
        (["other", *SETTINGS[1:]], "redis"),
        ([*SETTINGS[:2], {}], "redis"),
        (SETTINGS, "other"),
    ],
)
def test_other_settings_look_different(settings: t.List[t.Any], salt: str) -> None:
    assert settings_fingerprint(settings, salt) != settings_fingerprint(SETTINGS, "redis")
