# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pages of the documentation, as those who read them see them: headings, links, tables, commands, blocks of code."""

from __future__ import annotations

import functools
import itertools
import pathlib
import re
import typing as t
from dataclasses import dataclass

import markdown_it
import markdown_it.token
from stack import ROOT

Token = markdown_it.token.Token

GENERATED = "plugins.md"  # by scripts/lib/plugin_docs.py

_FILE = re.compile(r"<!-- file: (\S+) -->")
_COMMENT = re.compile(r"\s+# .*")


@dataclass(frozen=True)
class Block:
    """A block of code, and the comment of HTML right before it."""

    language: str
    text: str
    mark: str = ""


@dataclass(frozen=True)
class Page:
    """A page.

    Attributes:
        path: where it is; its links are relative to that.
        text: Markdown.
    """

    path: pathlib.Path
    text: str

    @classmethod
    def read(cls, path: pathlib.Path) -> Page:
        return cls(path, path.read_text(encoding="utf-8"))

    @functools.cached_property
    def tokens(self) -> list[Token]:
        return markdown_it.MarkdownIt("commonmark").enable("table").parse(self.text)

    @property
    def spans(self) -> t.Iterator[Token]:
        """What is in its lines: texts, code, links, images."""
        for token in self.tokens:
            yield from token.children or ()

    @property
    def headings(self) -> list[tuple[int, str]]:
        """Level and text."""
        pairs = itertools.pairwise(self.tokens)
        return [
            (int(opened.tag[1]), _plain(inline))
            for opened, inline in pairs
            if opened.type == "heading_open"
        ]

    @property
    def anchors(self) -> set[str]:
        """What links to its headings end with, as GitHub names them."""
        seen: dict[str, int] = {}
        anchors = set()
        for _level, text in self.headings:
            slug = re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-")
            count = seen.get(slug, 0)
            seen[slug] = count + 1
            anchors.add(f"{slug}-{count}" if count else slug)
        return anchors

    @property
    def links(self) -> list[str]:
        """Where its links and images lead to."""
        found = [one.attrs.get("href") or one.attrs.get("src") for one in self.spans]
        return [str(target) for target in found if target]

    @property
    def codes(self) -> list[str]:
        """Code in its lines."""
        return [one.content for one in self.spans if one.type == "code_inline"]

    @property
    def blocks(self) -> list[Block]:
        return [
            Block(
                token.info.strip(),
                token.content,
                former.content.strip() if former and former.type == "html_block" else "",
            )
            for former, token in itertools.pairwise([None, *self.tokens])
            if token is not None and token.type == "fence"
        ]

    @property
    def files(self) -> dict[str, str]:
        """What files hold that it says how to write, by their paths."""
        named = ((_FILE.search(block.mark), block.text) for block in self.blocks)
        return {found[1]: text for found, text in named if found}

    @property
    def typed(self) -> list[str]:
        """Commands of its sessions, one after the other."""
        sessions = (block.text for block in self.blocks if block.language == "console")
        lines = (line for text in sessions for line in text.splitlines())
        return [_COMMENT.sub("", line[2:]) for line in lines if line.startswith("$ ")]

    @property
    def tables(self) -> list[list[list[Token]]]:
        """Rows of cells, the head first."""
        tables: list[list[list[Token]]] = []
        for token, inline in itertools.pairwise(self.tokens):
            if token.type == "table_open":
                tables.append([])
            elif token.type == "tr_open":
                tables[-1].append([])
            elif token.type in ("th_open", "td_open"):
                tables[-1][-1].append(inline)
        return tables


def _plain(inline: Token) -> str:
    return "".join(
        child.content for child in inline.children or () if child.type in ("text", "code_inline")
    )


def cell_text(inline: Token) -> str:
    """A cell of a table without its marks."""
    return _plain(inline)


def cell_codes(inline: Token) -> list[str]:
    """Code in a cell of a table."""
    return [child.content for child in inline.children or () if child.type == "code_inline"]


def written_pages() -> list[pathlib.Path]:
    """The pages that people write: README and docs/."""
    docs = (ROOT / "docs").glob("*.md")
    return [ROOT / "README.md", *sorted(path for path in docs if path.name != GENERATED)]
