# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The page on the first deploy, followed word by word: its files are written, and its commands typed, one after the other."""

from __future__ import annotations

import os
import pathlib
import secrets
import shlex
import sys
import typing as t

import pytest
import yaml
from clients import live_version, load, lost_requests
from conftest import REGISTRY
from fleet import Fleet, tagged
from host import DOCKER, run
from pages import Page
from stack import ROOT, Run

PAGE = Page.read(ROOT / "docs/first-deploy.md")
MINE = "inventories/mine"
VAULT = "group_vars/all/vault.yml"
PASSWORD_FILE = "ANSIBLE_VAULT_PASSWORD_FILE"
# Machines that run tests have slow minutes, and nobody waits for websockets here.
QUICK = yaml.safe_load(PAGE.files[f"{MINE}/group_vars/all/main.yml"])["services"]
for one in QUICK.values():
    one.update(gate={"slow": {"factor": 5000}}, min_ready=1, bake=2, drain=3)
# Nobody uses them yet, so nothing is watched.
FIRST = {name: {**one, "bake": 0} for name, one in QUICK.items()}


@pytest.fixture(scope="module")
def mine(work: pathlib.Path) -> t.Iterator[Fleet]:
    """The page's host, reached elsewhere, with a registry and an authority of its own; the page's files."""
    for name, text in PAGE.files.items():
        path = work / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    fleet = Fleet(
        name=f"tdt{os.getpid()}first",
        registry=REGISTRY,
        work=work,
        inventory=str(work / MINE),
        api="api.example.com",
        admin="admin.example.com",
        names=("web-1",),
        proxies=("web-1",),
    )
    seal(fleet)
    with tagged(REGISTRY, {"v1.0.0": "1.0.0", "v1.1.0": "1.1.0"}):
        try:
            fleet.up()
            trust_registry(fleet)
            yield fleet
        finally:
            fleet.destroy()


def seal(fleet: Fleet) -> None:
    """Make up the secrets that the page names, and encrypt its third file."""
    path, password = pathlib.Path(fleet.inventory, VAULT), fleet.work / ".vault-mine"
    named = yaml.safe_load(path.read_text())
    path.write_text(yaml.safe_dump({name: secrets.token_hex(32) for name in named}))
    password.write_text(secrets.token_hex(20))
    program = pathlib.Path(sys.executable).parent / "ansible-vault"
    run(str(program), "encrypt", f"--vault-password-file={password}", str(path))
    assert any(PASSWORD_FILE in line for line in PAGE.typed)
    fleet.environment[PASSWORD_FILE] = str(password)


def trust_registry(fleet: Fleet) -> None:
    """Have the host trust it from the beginning, as every host trusts a public one: a check asks it before anything is set up."""
    folder = f"/etc/docker/certs.d/{fleet.registry_at}"
    host, authority = fleet.hosts["web-1"], fleet.work / "registry/ca.pem"
    host.do("mkdir", "-p", folder)
    run(DOCKER, "cp", str(authority), f"{host.name}:{folder}/ca.crt")


def played() -> list[list[str]]:
    """The playbooks of the page with their arguments, in its order."""
    lines = [shlex.split(line) for line in PAGE.typed if line.startswith("ansible-playbook ")]
    for words in lines:
        assert words[2:4] == ["-i", MINE], words  # it is given by the fleet, with its overlay
    return [[words[1].removesuffix(".yml"), *words[4:]] for words in lines]


def test_its_commands_do_what_it_says(mine: Fleet) -> None:
    lines = played()
    assert [words[0] for words in lines] == ["site", "site", "status", *["deploy"] * 2, "rollback"]
    check, setting_up, releasing = lines[0], lines[1:3], lines[3:]
    assert done(mine.play(*check))  # of all that is written, as it is written
    for playbook, *arguments in setting_up:
        assert done(mine.play(playbook, *arguments, services=FIRST))
    assert live_version(mine) == "v1.0.0"
    versions = []
    with load(mine) as clients:
        for playbook, *arguments in releasing:
            assert done(mine.play(playbook, *arguments, services=QUICK))
            versions.append(live_version(mine))
    assert versions == ["v1.0.0", "v1.1.0", "v1.0.0"]
    assert lost_requests(clients.report) == 0, clients.report["events"][:5]


def done(run: Run) -> bool:
    assert run.code == 0, run.output
    return True


def test_what_it_runs_is_what_it_describes(mine: Fleet) -> None:
    names = {name.partition("-")[0] for name in mine.running_on("web-1")}
    assert names == {"nginx", "redis", "mongodb", "backend", "frontend"}
