# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A program of a schedule is whole: it runs with nothing of the collection but what was written."""

from __future__ import annotations

import importlib
import json
import pathlib
import subprocess
import sys
import typing as t

import pytest

from ansible_collections.tagadodo.deploy.plugins.modules import scheduled_program


def run(place: pathlib.Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    # -I: neither the environment nor the working directory adds to where modules are looked for.
    command = [sys.executable, "-I", str(place), *arguments]
    return subprocess.run(command, cwd="/", capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("backup", "backup failed: {}: not the settings of backups; run site.yml again\n"),
        (
            "certificates",
            "certificates: {}: not the settings of certificates; run site.yml again\n",
        ),
        ("facts", "facts: {}: not the settings of facts; run site.yml again\n"),
    ],
)
def test_it_is_written_once_and_runs(
    run_module: t.Any, tmp_path: pathlib.Path, name: str, said: str
) -> None:
    place = tmp_path / "program"
    planned = run_module(scheduled_program, program=name, check_mode=True, path=str(place))
    assert planned["changed"]
    assert not place.exists()
    assert (
        run_module(scheduled_program, program=name, path=str(place))["written"]
        == planned["written"]
    )
    assert not run_module(scheduled_program, program=name, path=str(place))["changed"]
    assert run(place).stderr == "usage: python3 DIRECTORY SETTINGS.json\n"
    (tmp_path / "settings.json").write_text(json.dumps([]))
    told = run(place, str(tmp_path / "settings.json"))
    assert (told.returncode, told.stdout) == (1, "")
    assert told.stderr == said.format(tmp_path / "settings.json")


def test_a_file_that_was_changed_is_written_again(
    run_module: t.Any, tmp_path: pathlib.Path
) -> None:
    run_module(scheduled_program, program="backup", path=str(tmp_path))
    (tmp_path / "__main__.py").write_text("")
    assert run_module(scheduled_program, program="backup", path=str(tmp_path))["written"] == [
        "__main__.py"
    ]
    assert (tmp_path / "__main__.py").stat().st_mode & 0o777 == 0o644


def test_what_else_was_imported_is_no_part_of_it() -> None:
    alone = [
        sys.executable,
        "-c",
        f"from {scheduled_program.__name__} import program; print(*sorted(program('backup')))",
    ]
    files = subprocess.run(alone, capture_output=True, text=True, check=True).stdout.split()
    importlib.import_module(f"{scheduled_program.PACKAGE}._traffic")
    assert sorted(scheduled_program.program("backup")) == files
