# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An inventory that is not there fails the run; each that is used here is read."""

from __future__ import annotations

import json
import pathlib
import typing as t

import pytest
import yaml

ROOT = pathlib.Path(__file__).resolve().parents[3]
OURS = sorted(path.parent.name for path in ROOT.glob("inventories/*/hosts.yml"))

# As AWX hands its inventory over: a program that prints it, in a directory.
PROGRAM = """#!/bin/sh
echo '{"app": {"hosts": ["web1"]}, "proxy": {"hosts": ["web1"]}, "_meta": {"hostvars": {}}}'
"""


@pytest.mark.parametrize("playbook", ["site", "deploy", "rollback", "status", "abort"])
def test_a_misspelt_inventory_fails_the_run(command: t.Any, playbook: str) -> None:
    done = command("ansible-playbook", f"{playbook}.yml", "-i", "inventories/prdo")
    assert done.returncode != 0
    (told,) = [line for line in done.stdout.splitlines() if line.startswith("[ERROR]")]
    assert told.endswith(f"Completely failed to parse inventory source {ROOT}/inventories/prdo")
    assert "PLAY" not in done.stdout


@pytest.mark.parametrize("name", OURS)
def test_our_inventories_are_read(command: t.Any, name: str) -> None:
    assert {"app", "proxy"} <= groups_of(command, f"inventories/{name}")


def test_the_inventory_of_awx_is_read(command: t.Any, tmp_path: pathlib.Path) -> None:
    (tmp_path / "hosts").write_text(PROGRAM)
    (tmp_path / "hosts").chmod(0o755)
    for source in (tmp_path, tmp_path / "hosts"):
        assert {"app", "proxy"} <= groups_of(command, source)


def test_molecule_begins_before_its_second_inventory_is_written(command: t.Any) -> None:
    config = yaml.safe_load((ROOT / ".config/molecule/config.yml").read_text())["ansible"]
    environment = {k: v for k, v in config["env"].items() if k.startswith("ANSIBLE_INVENTORY_")}
    inventories = ("-i", "molecule/inventory", "-i", "build/tagadodo-nobody/hosts.yml")
    assert len(config["executor"]["args"]["ansible_playbook"]) == 2
    done = command("ansible", *inventories, "localhost", "-m", "ping", "-o", **environment)
    assert done.returncode == 0, done.stdout


def groups_of(command: t.Any, source: object) -> set[str]:
    done = command("ansible-inventory", "-i", source, "--list", "--export")
    assert done.returncode == 0, done.stdout
    return set(json.loads(done.stdout))
