# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The words of reports: the same in each language, and durations as people say them."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.tagadodo.deploy.plugins.module_utils._report_words import (
    AR,
    EN,
    LANGUAGES,
    Words,
    isolated,
)


def places(text: str) -> set[str]:
    return {name for _text, name, _format, _conversion in string.Formatter().parse(text) if name}


def test_every_text_is_there_in_every_language_with_the_same_values() -> None:
    assert set(AR) == set(EN)
    assert {key: places(text) for key, text in AR.items()} == {
        key: places(text) for key, text in EN.items()
    }


@pytest.mark.parametrize(
    ("seconds", "english", "arabic"),
    [
        (0, "0 s", "0 ث"),
        (0.42, "0.4 s", "0.4 ث"),
        (3.0, "3 s", "3 ث"),
        (59.7, "60 s", "60 ث"),
        (119, "119 s", "119 ث"),
        (120, "2 min", "2 د"),
        (298, "4 min 58 s", "4 د 58 ث"),
        (7200, "2 h", "2 س"),
        (25_500, "7 h 5 min", "7 س 5 د"),
        (864_000, "10 d", "10 يوم"),
    ],
)
def test_durations(seconds: float, english: str, arabic: str) -> None:
    assert Words("en").duration(seconds) == english
    assert Words("ar").duration(seconds) == arabic


@given(st.floats(0, 1e9))
def test_any_duration_can_be_said(seconds: float) -> None:
    for language in LANGUAGES:
        assert 3 <= len(Words(language).duration(seconds)) <= 14


def test_values_are_kept_apart_from_words_of_the_other_direction() -> None:
    told = Words("ar").say("event_share", service="backend", share=10, version="1.1.0")
    assert "\u2066backend\u2069" in told
    assert isolated("4 د") == "\u20684 د\u2069"
    plain = Words("en").say("event_share", service="backend", share=10, version="1.1.0")
    assert plain == "backend: 10 % of traffic to 1.1.0"


def test_a_language_that_is_none_of_ours_is_english() -> None:
    words = Words("tlh")
    assert (words.code, words.direction, words.say("release")) == ("en", "ltr", "Release")
