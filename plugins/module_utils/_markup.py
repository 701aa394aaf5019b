# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This module util is PRIVATE to the collection.
"""HTML and SVG that is escaped where it is made: text that is not markup already cannot become any."""

from __future__ import annotations

import html
import re
import typing as t

# What no document may hold: control characters but tab and line feed, halves of a surrogate pair, non-characters.
_NO_TEXT = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
_VOID = ("meta", "link")

Attribute = t.Union[str, int, float, bool, None]


class Markup(str):
    """Text that is markup already."""


def plain(value: t.Any) -> str:
    """A value as text that any document may hold; what none may is shown as U+FFFD."""
    return _NO_TEXT.sub("\ufffd", str(value))


def escaped(value: t.Any) -> Markup:
    """A value as markup that shows it; markup stays as it is."""
    return value if isinstance(value, Markup) else Markup(html.escape(plain(value)))


def joined(parts: t.Iterable[t.Any]) -> Markup:
    """Parts one after another."""
    return Markup("".join(escaped(part) for part in parts))


def tag(name: str, *children: t.Any, **attributes: Attribute) -> Markup:
    """An element.

    Args:
        attributes: ``class_``, ``name_`` and ``aria_label`` become ``class``, ``name`` and ``aria-label``; None and
            False leave one out.
    """
    told = "".join(
        f' {key.strip("_").replace("_", "-")}="{html.escape(plain(value))}"'
        for key, value in attributes.items()
        if value is not None and value is not False
    )
    if name in _VOID:
        return Markup(f"<{name}{told}>")
    return Markup(f"<{name}{told}>{joined(children)}</{name}>")
