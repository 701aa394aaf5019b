# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The program of the schedule is whole: it runs with nothing of the collection but what was written."""

from __future__ import annotations

import importlib
import json
import pathlib
import subprocess
import sys
import typing as t

from ansible_collections.tagadodo.deploy.plugins.modules import backup_program


def run(place: pathlib.Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    # -I: neither the environment nor the working directory adds to where modules are looked for.
    command = [sys.executable, "-I", str(place), *arguments]
    return subprocess.run(command, cwd="/", capture_output=True, text=True, check=False)


def test_it_is_written_once_and_runs(run_module: t.Any, tmp_path: pathlib.Path) -> None:
    place = tmp_path / "program"
    planned = run_module(backup_program, check_mode=True, path=str(place))
    assert planned["changed"]
    assert not place.exists()
    assert run_module(backup_program, path=str(place))["written"] == planned["written"]
    assert not run_module(backup_program, path=str(place))["changed"]
    assert run(place).stderr == "usage: python3 DIRECTORY SETTINGS.json\n"
    (tmp_path / "settings.json").write_text(json.dumps([]))
    told = run(place, str(tmp_path / "settings.json"))
    assert (told.returncode, told.stdout) == (1, "")
    assert told.stderr == (
        f"backup failed: {tmp_path}/settings.json: not the settings of backups; run site.yml again\n"
    )


def test_a_file_that_was_changed_is_written_again(
    run_module: t.Any, tmp_path: pathlib.Path
) -> None:
    run_module(backup_program, path=str(tmp_path))
    (tmp_path / "__main__.py").write_text("")
    assert run_module(backup_program, path=str(tmp_path))["written"] == ["__main__.py"]
    assert (tmp_path / "__main__.py").stat().st_mode & 0o777 == 0o644


def test_what_else_was_imported_is_no_part_of_it() -> None:
    alone = [
        sys.executable,
        "-c",
        f"from {backup_program.__name__} import program; print(*sorted(program()))",
    ]
    files = subprocess.run(alone, capture_output=True, text=True, check=True).stdout.split()
    importlib.import_module(f"{backup_program.PACKAGE}._traffic")
    assert sorted(backup_program.program()) == files
