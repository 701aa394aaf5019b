# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The page of modules and filters is made from their own documentation, and told where it is not."""

from __future__ import annotations

import pathlib
import sys

import plugin_docs
import pytest


@pytest.fixture
def page(monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path) -> pathlib.Path:
    path = tmp_path / "plugins.md"
    monkeypatch.setattr(plugin_docs, "PAGE", path)
    return path


def test_a_page_that_is_stale_is_told_and_then_written(
    page: pathlib.Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    page.write_text("# Modules of another time\n")
    for arguments, status in ((["--check"], 1), ([], 0), (["--check"], 0)):
        monkeypatch.setattr(sys, "argv", ["plugin_docs.py", *arguments])
        assert plugin_docs.main() == status
    assert capsys.readouterr().out == "docs/plugins.md is stale: run scripts/lib/plugin_docs.py\n"
    assert page.read_text() == plugin_docs.render()


def test_it_has_every_module_and_filter_with_its_options() -> None:
    text = plugin_docs.render()
    for name in ("traffic_shift", "release_gate", "service_places"):
        assert f"| [`{name}`](#{name}) |" in text
        assert f"\n## {name}\n" in text
    # Of a fragment that several share.
    assert "| `state_dir` | path | **required** |" in text
    assert "- Check mode: none. There is nothing to watch in check mode." in text
