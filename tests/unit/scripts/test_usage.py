# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What scripts say about themselves, and to what they do not understand, before they do anything."""

from __future__ import annotations

import pathlib
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[3]


def typed(script: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a script of which nothing but the shell's own programs can be found."""
    return subprocess.run(
        ["/bin/bash", f"scripts/{script}", *arguments],
        cwd=ROOT,
        env={"PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
        timeout=20,
    )


@pytest.mark.parametrize("script", ["demo", "test"])
@pytest.mark.parametrize("arguments", [("--help",), ("-h",), ("--down", "--help"), ("units", "-h")])
def test_help_is_the_head_of_the_file(script: str, arguments: tuple[str, ...]) -> None:
    done = typed(script, *arguments)
    lines = done.stdout.splitlines()
    assert (done.returncode, done.stderr) == (0, "")
    assert f"  ./scripts/{script} --help" in done.stdout
    head = (ROOT / "scripts" / script).read_text().splitlines()
    assert [f"# {line}" for line in lines] == head[5 : 5 + len(lines)]
    assert not head[5 + len(lines)].startswith("#")


@pytest.mark.parametrize(
    ("script", "arguments", "told"),
    [
        ("demo", ("--donw",), "error: unknown: --donw; there are --down and --help\n"),
        ("demo", ("up",), "error: unknown: up; there are --down and --help\n"),
        ("demo", ("--down", "now"), "error: unknown: --down now; there are --down and --help\n"),
        (
            "test",
            ("units", "--quick"),
            "error: unknown: --quick; there are the stages lint sanity units app integration molecule"
            " kubernetes, and --help\n",
        ),
    ],
)
def test_what_is_not_understood_is_refused_in_one_line(
    script: str, arguments: tuple[str, ...], told: str
) -> None:
    done = typed(script, *arguments)
    assert (done.returncode, done.stdout, done.stderr) == (2, "", told)


def test_the_stages_are_all_named() -> None:
    text = (ROOT / "scripts/test").read_text()
    stages = text.partition("ALL=(")[2].partition(")")[0]
    assert f"only these of: {stages}" in text
