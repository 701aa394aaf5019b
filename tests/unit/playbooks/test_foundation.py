# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An upgrade of engines that goes wrong on one host does not reach the next; anything else goes on beside it."""

from __future__ import annotations

import pathlib
import typing as t

import pytest
import yaml

HOST = {"ansible_connection": "local", "ansible_python_interpreter": "/nowhere/python"}


@pytest.mark.parametrize(
    ("typed", "reached"),
    [
        (("-e", "docker_upgrade=yes"), ["web1"]),
        ((), ["web1", "web2"]),
    ],
)
def test_which_hosts_are_reached_where_the_first_fails(
    command: t.Any, tmp_path: pathlib.Path, typed: tuple[str, ...], reached: list[str]
) -> None:
    hosts = tmp_path / "hosts.yml"
    hosts.write_text(yaml.safe_dump({"app": {"hosts": {"web1": HOST, "web2": HOST}}}))
    done = command("ansible-playbook", "playbooks/foundation.yml", "-i", hosts, *typed)
    assert done.returncode != 0
    assert [host for host in ("web1", "web2") if f"fatal: [{host}]" in done.stdout] == reached
