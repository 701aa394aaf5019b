# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests of all scenarios share."""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import typing as t

import pytest
import yaml

PROJECT = pathlib.Path(os.environ["MOLECULE_PROJECT_DIRECTORY"])
SCENARIO = pathlib.Path(os.environ["MOLECULE_SCENARIO_DIRECTORY"])
REACHED_BY = PROJECT / "build" / os.environ["MOLECULE_PREFIX"] / "hosts.yml"


@pytest.fixture
def apply() -> t.Callable[..., str]:
    """Run the scenario's converge again, with other settings; returns what it printed."""

    def run(
        *arguments: str, playbook: str = "converge.yml", fails: bool = False, **settings: t.Any
    ) -> str:
        command = [
            "ansible-playbook",
            f"--inventory={PROJECT / 'molecule' / 'inventory'}",
            f"--inventory={REACHED_BY}",
            f"--extra-vars={json.dumps(settings)}",
            *arguments,
            str(SCENARIO / playbook),
        ]
        run = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)
        printed = run.stdout + run.stderr
        assert (run.returncode != 0) == fails, printed
        return " ".join(printed.split())

    return run


@pytest.fixture(scope="module")
def outside_address(request: pytest.FixtureRequest) -> str:
    """The test host's address as other machines see it."""
    name = request.module.testinfra_hosts[0].rpartition("/")[2]
    return str(yaml.safe_load(REACHED_BY.read_text())["all"]["hosts"][name]["test_address"])


@pytest.fixture(scope="module")
def inspect(host: t.Any) -> t.Callable[[str], t.Dict[str, t.Any]]:
    """What the test host's engine says of one of its containers."""

    def run(container: str) -> t.Dict[str, t.Any]:
        found: t.List[t.Dict[str, t.Any]] = json.loads(
            host.check_output("docker inspect %s", container)
        )
        return found[0]

    return run


@pytest.fixture(scope="module")
def get(host: t.Any) -> t.Callable[[str], str]:
    """What the test host itself is answered at a plain URL; empty if it is not."""
    program = (
        "import sys, urllib.request as u; print(u.urlopen(sys.argv[1], timeout=5).read().decode())"
    )

    def run(url: str) -> str:
        return str(host.run("python3 -c %s %s", program, url).stdout).strip()

    return run
