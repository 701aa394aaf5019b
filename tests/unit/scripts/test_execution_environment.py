# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What ansible-builder makes of our files: it takes the image's, and finds what the collection needs."""

from __future__ import annotations

import pathlib
import re
import subprocess
import sys

import yaml

ROOT = pathlib.Path(__file__).resolve().parents[3]
IMAGE = ROOT / "execution-environment.yml"
BUILDER = (sys.executable, "-m", "ansible_builder")


def run(*words: object) -> str:
    done = subprocess.run([*map(str, words)], capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_image_is_described_as_version_3_and_can_be_built(tmp_path: pathlib.Path) -> None:
    run(
        *BUILDER,
        "create",
        "--file",
        IMAGE,
        "--context",
        tmp_path,
        "--output-filename",
        "Dockerfile",
    )
    assert "ansible-runner==" in (tmp_path / "Dockerfile").read_text()


def test_builder_finds_what_the_collection_needs() -> None:
    found = yaml.safe_load(run(*BUILDER, "introspect", ROOT / "collections"))
    named = [re.split("[>= ]", one)[0] for one in found["python"]]
    assert sorted(named) == ["docker", "kubernetes", "requests"]
    assert [one.split()[0] for one in found["system"]] == ["openssh-clients", "openssh-client"]


def test_the_collection_is_shipped_with_it() -> None:
    ignored = yaml.safe_load((ROOT / "galaxy.yml").read_text())["build_ignore"]
    assert not {"meta", "awx.yml"} & set(ignored)


def test_jobs_are_tried_with_the_runner_that_the_image_has() -> None:
    described = yaml.safe_load(IMAGE.read_text())["dependencies"]["ansible_runner"]["package_pip"]
    assert described in (ROOT / "requirements/test.txt").read_text().split()
