# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a host tells Prometheus of releases, backups and instances."""

from __future__ import annotations

import json
import pathlib
import typing as t

import pytest

from ansible_collections.tagadodo.deploy.plugins.module_utils._documents import Files
from ansible_collections.tagadodo.deploy.plugins.module_utils._facts import (
    FactsError,
    Running,
    Sample,
    Settings,
    exposition,
    of_backup,
    of_instances,
    of_releases,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._ledger import Ledger


@pytest.fixture
def ledger(tmp_path: pathlib.Path) -> Ledger:
    """One release that is live, one after it that failed, and one under way."""
    written = Ledger(Files(tmp_path))
    for release, facts in {
        "20261101T100000Z-a": {
            "outcome": "succeeded",
            "slot": "green",
            "finished_at": "2026-11-01T10:05:00Z",
        },
        "20261102T100000Z-b": {
            "outcome": "failed",
            "slot": "blue",
            "finished_at": "2026-11-02T10:05:00Z",
        },
        "20261103T100000Z-c": {"outcome": "running", "slot": "blue"},
    }.items():
        started = f"{release[:4]}-{release[4:6]}-{release[6:8]}T10:00:00Z"
        common = {"version": "1.0.0", "kind": "deploy", "started_at": started}
        written.update("api", release, {**common, **facts}, write=True)
    return written


def test_releases_are_told_with_how_they_ended_and_when(ledger: Ledger) -> None:
    told = list(of_releases({"api": ledger.read("api")}))
    times = {
        (one.labels["release"][-1], one.labels["outcome"]): one.value
        for one in told
        if "outcome" in one.labels
    }
    assert times == {
        ("a", "succeeded"): 1793527500,
        ("b", "failed"): 1793613900,
        ("c", "running"): 1793700000,
    }
    (live,) = [one for one in told if one.name == "tagadodo_release_live_timestamp_seconds"]
    assert live.value == 1793527500
    assert live.labels == {
        "service": "api",
        "release": "20261101T100000Z-a",
        "version": "1.0.0",
        "slot": "green",
        "kind": "deploy",
    }


def test_only_instances_that_are_live_have_to_run(ledger: Ledger) -> None:
    found = [
        Running("p-api-green-1", "api", "green", True, 2),
        Running("p-api-blue-1", "api", "blue", False, 0),
    ]
    told = {
        (one.name.split("_", 2)[2], one.labels["slot"]): one.value
        for one in of_instances(found, {"api": ledger.read("api")})
    }
    assert told == {
        ("restarts_total", "green"): 2,
        ("running", "green"): 1,
        ("restarts_total", "blue"): 0,
    }


@pytest.mark.parametrize(
    ("last", "told"),
    [
        (None, {"timestamp_seconds": 0}),
        ({"ok": True, "at": "2026-11-01T03:17:00Z"}, {"ok": 1, "timestamp_seconds": 1793503020}),
        ({"ok": False, "at": "2026-11-01T03:17:00Z"}, {"ok": 0}),
    ],
)
def test_a_backup_that_never_was_is_as_old_as_can_be(
    tmp_path: pathlib.Path, last: t.Any, told: dict[str, float]
) -> None:
    if last:
        (tmp_path / "backup").mkdir()
        (tmp_path / "backup/last.json").write_text(json.dumps(last))
    assert {
        one.name.removeprefix("tagadodo_backup_"): one.value for one in of_backup(str(tmp_path))
    } == told


def test_a_damaged_note_of_a_backup_is_told(tmp_path: pathlib.Path) -> None:
    (tmp_path / "backup").mkdir()
    (tmp_path / "backup/last.json").write_text("{")
    with pytest.raises(FactsError, match=r"last\.json: not how a backup went"):
        list(of_backup(str(tmp_path)))


def test_the_text_is_what_prometheus_reads() -> None:
    name = "tagadodo_instance_restarts_total"
    samples = [
        Sample(name, 1, {"container": 'a"\\\n'}),
        Sample("tagadodo_backup_ok", 1),
        Sample(name, 1793503020),
    ]
    assert exposition(samples) == (
        f"# HELP {name} How often the engine has started an instance again by itself.\n"
        f"# TYPE {name} counter\n"
        f'{name}{{container="a\\"\\\\\\n"}} 1\n'
        f"{name} 1793503020\n"
        "# HELP tagadodo_backup_ok Whether the last backup was made.\n"
        "# TYPE tagadodo_backup_ok gauge\n"
        "tagadodo_backup_ok 1\n"
    )


@pytest.mark.parametrize("text", ["", "[]", '{"project": "p"}'])
def test_settings_that_are_none_are_refused(tmp_path: pathlib.Path, text: str) -> None:
    (tmp_path / "facts.json").write_text(text)
    with pytest.raises(FactsError, match=r"facts\.json: not the settings of facts"):
        Settings.read(str(tmp_path / "facts.json"))
