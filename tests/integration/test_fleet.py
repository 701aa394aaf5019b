# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Production as its inventory describes it: two proxies before four hosts, one decision for all of them."""

from __future__ import annotations

import os
import pathlib
import typing as t

import pytest
from authority import served
from clients import live_version
from conftest import REGISTRY
from fleet import Fleet, production, tagged

TAGS = {"v1.0.0": "1.0.0", "v1.1.0": "1.1.0"}
# Machines that run tests have slow minutes: nobody is judged by time.
QUICK = {"release_bake": 0}


@pytest.fixture(scope="module")
def prod(work: pathlib.Path) -> t.Iterator[Fleet]:
    """1.0.0 is not there yet: nothing is."""
    fleet = production(f"tdt{os.getpid()}fleet", REGISTRY, work)
    with tagged(REGISTRY, TAGS):
        try:
            fleet.up()
            fleet.seal_secrets()
            yield fleet
        finally:
            fleet.destroy()


def versions(fleet: Fleet) -> list[str]:
    """What users get at each proxy."""
    return [live_version(fleet, port) for port in fleet.entrances]


def test_from_nothing(prod: Fleet) -> None:
    run = prod.play("site", "-e", "version=v1.0.0", **QUICK)
    assert run.code == 0, run.output
    assert versions(prod) == ["v1.0.0"] * 2
    for port in prod.entrances:
        shown = served(port, prod.api, prod.ca_file.read_text())
        assert shown["subjectAltName"] == (("DNS", prod.api),)
    again = prod.play("site", "-e", "version=v1.0.0", **QUICK)
    assert (again.code, again.changed) == (0, 0), again.output
