# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The runbook in Arabic is the one in English: the same commands under the same headings, in the words of the reports."""

from __future__ import annotations

import re
import typing as t

import pytest
from known import ROOT
from pages import Page

from ansible_collections.tagadodo.deploy.plugins.module_utils._report_words import AR

ENGLISH = Page.read(ROOT / "docs/runbook.md")
ARABIC = Page.read(ROOT / "docs/runbook.ar.md")
RIGHT, END, LEFT = '<div dir="rtl">', "</div>", '<span dir="ltr">'
_SIGNS = re.compile("[\u064b-\u0652]")  # vowels, which some write and some do not
# What both the reports and the runbook speak of. The article may come before.
SHARED = ("failed", "held", "rollback", "migrations", "hosts", "release")


def outline(page: Page) -> list[t.Any]:
    """Levels of headings, with the commands below each."""
    found: list[t.Any] = []
    for token in page.tokens:
        if token.type == "heading_open":
            found.append((token.tag, []))
        elif token.type == "fence":
            found[-1][1].append(token.content)
    return found


def mistakes(arabic: Page) -> list[str]:
    told = [
        f"{ours} instead of {theirs}"
        for theirs, ours in zip(outline(ENGLISH), outline(arabic))
        if ours != theirs
    ]
    if len(arabic.headings) != len(ENGLISH.headings):
        told.append(f"{len(arabic.headings)} headings instead of {len(ENGLISH.headings)}")
    if sorted(arabic.links) != sorted(
        link.replace("runbook.ar.md", "runbook.md") for link in ENGLISH.links
    ):
        told.append("other links")
    return told


def test_it_has_the_same_commands_under_as_many_headings() -> None:
    assert mistakes(ARABIC) == []


@pytest.mark.parametrize(
    ("text", "by"),
    [
        ("ansible-playbook pause.yml", "ansible-playbook abort.yml"),
        ("\n## الشهادات", "\n### الشهادات"),
        ("\n## الشهادات\n", "\n"),
        ("](restore.md)", "](hosts.md)"),
    ],
)
def test_a_difference_is_found(text: str, by: str) -> None:
    assert text in ARABIC.text
    assert mistakes(Page(ARABIC.path, ARABIC.text.replace(text, by, 1))) != []


def test_its_text_runs_from_right_to_left_and_its_commands_do_not() -> None:
    inside = False
    for token in ARABIC.tokens:
        if token.type == "html_block":
            assert token.content.strip() == (END if inside else RIGHT)
            inside = not inside
        elif token.type == "fence":
            assert not inside, token.content
        else:
            assert inside, token.content
    assert not inside


def test_code_in_its_lines_is_not_torn_apart() -> None:
    """A dot or a dash at the end of code is put at its other end among words from right to left."""
    for line in ARABIC.text.splitlines():
        for before, code in re.findall(r"(<span dir=\"ltr\">\(?)?`([^`]+)`", line):
            if not line.startswith("$"):
                assert before or re.fullmatch(r"[A-Za-z].*[A-Za-z0-9]", code), line


@pytest.mark.parametrize("word", SHARED)
def test_it_speaks_as_reports_do(word: str) -> None:
    text = _SIGNS.sub("", ARABIC.text)
    assert re.search(rf"(?<!\w)(?:و|ب|ل)?(?:ال)?{_SIGNS.sub('', AR[word])}", text)
