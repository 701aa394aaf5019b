# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Markup is escaped where it is made: whatever a text holds, a browser shows it and follows none of it."""

from __future__ import annotations

import typing as t
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.tagadodo.deploy.plugins.module_utils._markup import (
    Markup,
    escaped,
    joined,
    plain,
    tag,
)


class Seen(HTMLParser):
    """What a browser finds in a document: elements with their attributes, and text."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: t.List[t.Tuple[str, t.Dict[str, t.Optional[str]]]] = []
        self.text = ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: t.List[t.Tuple[str, t.Optional[str]]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


@given(st.text())
def test_any_text_is_shown_as_it_is(text: str) -> None:
    seen = Seen(tag("p", text))
    assert [name for name, _attributes in seen.elements] == ["p"]
    assert seen.text == plain(text)


@given(st.text())
def test_any_text_is_an_attribute_and_nothing_more(text: str) -> None:
    seen = Seen(tag("p", "shown", aria_label=text))
    assert seen.elements == [("p", {"aria-label": plain(text)})]
    assert seen.text == "shown"


@given(st.text(st.characters(categories=["Cc", "Cs", "Lu", "So"])))
def test_any_text_can_be_written_to_a_file(text: str) -> None:
    written = escaped(text).encode("utf-8")
    assert not set(written) & (set(range(32)) - {9, 10})


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (tag("p", "a < b & c"), "<p>a &lt; b &amp; c</p>"),
        (tag("p", tag("b", "x"), 3), "<p><b>x</b>3</p>"),
        (tag("p", class_="soft", id=None, hidden=False), '<p class="soft"></p>'),
        (tag("p", title='"><script>'), '<p title="&quot;&gt;&lt;script&gt;"></p>'),
        (tag("meta", name_="viewport"), '<meta name="viewport">'),
        (joined(["<", Markup("<br>")]), "&lt;<br>"),
        (escaped("a\x00\x1b[31mb\ud800"), "a\ufffd\ufffd[31mb\ufffd"),
    ],
)
def test_elements_are_written_as_html(made: str, expected: str) -> None:
    assert made == expected
