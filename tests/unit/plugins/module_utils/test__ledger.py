"""The ledger: whole records or none, and the way back it knows."""

from __future__ import annotations

import pathlib
import stat

import pytest

from ansible_collections.tagadodo.deploy.plugins.module_utils._ledger import (
    Ledger,
    LedgerError,
    good_before,
    live_record,
    write_whole,
)


def record(release: str, outcome: str = "succeeded", **more: str) -> dict[str, str]:
    return {"release": release, "version": release, "outcome": outcome, **more}


@pytest.fixture
def ledger(tmp_path: pathlib.Path) -> Ledger:
    return Ledger(str(tmp_path))


def test_facts_are_merged_and_unchanged_ones_change_nothing(ledger: Ledger) -> None:
    assert ledger.update("backend", "r1", {"version": "1.0.0", "outcome": "running"}, write=True)
    assert ledger.update("backend", "r1", {"outcome": "succeeded"}, write=True)
    assert not ledger.update("backend", "r1", {"outcome": "succeeded"}, write=True)
    assert ledger.read("backend") == [
        {
            "schema": 1,
            "release": "r1",
            "service": "backend",
            "version": "1.0.0",
            "outcome": "succeeded",
        }
    ]


def test_check_mode_tells_and_writes_nothing(ledger: Ledger, tmp_path: pathlib.Path) -> None:
    assert ledger.update("backend", "r1", {"outcome": "running"}, write=False)
    assert list(tmp_path.iterdir()) == []


def test_records_are_not_readable_by_others(ledger: Ledger, tmp_path: pathlib.Path) -> None:
    ledger.update("backend", "r1", {}, write=True)
    written = next(tmp_path.rglob("*.json"))
    assert stat.S_IMODE(written.stat().st_mode) == 0o640


def test_newest_first_and_leftovers_of_a_killed_write_are_not_read(
    ledger: Ledger, tmp_path: pathlib.Path
) -> None:
    for release in ("20260101-000000", "20260301-000000", "20260201-000000"):
        ledger.update("backend", release, {}, write=True)
    (tmp_path / "releases/backend/.20260401-000000.jsonabc").write_text("{")
    assert [r["release"][4:6] for r in ledger.read("backend")] == ["03", "02", "01"]
    assert ledger.services() == ["backend"]


@pytest.mark.parametrize("text", ["", "{", "[]", '{"schema": 99}'])
def test_a_spoilt_record_is_named(ledger: Ledger, tmp_path: pathlib.Path, text: str) -> None:
    ledger.update("backend", "r1", {}, write=True)
    (tmp_path / "releases/backend/r1.json").write_text(text)
    with pytest.raises(LedgerError, match=r"r1\.json: not a .*release record"):
        ledger.read("backend")


def test_a_failed_write_leaves_the_old_record_and_nothing_else(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "r1.json"
    write_whole(path, "old")

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_whole(path, "new")
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["r1.json"]


def test_pruning_keeps_the_newest_and_the_live_one(ledger: Ledger) -> None:
    ledger.update("backend", "r1", {"outcome": "succeeded"}, write=True)
    for number in range(2, 6):
        ledger.update("backend", f"r{number}", {"outcome": "failed"}, write=True)
    ledger.prune(["backend"], keep=2)
    assert [r["release"] for r in ledger.read("backend")] == ["r5", "r4", "r1"]


@pytest.mark.parametrize(
    ("records", "live", "before"),
    [
        ([], None, None),
        ([record("r1")], "r1", None),
        ([record("r2"), record("r1")], "r2", "r1"),
        ([record("r3", "failed"), record("r2"), record("r1")], "r2", "r1"),
        ([record("r3", "running"), record("r2"), record("r1")], "r2", "r1"),
        ([record("r2", "rolled_back"), record("r1")], "r1", None),
        # r4 is a rollback to r2; going back again goes to r1, not to r3 and not to r2
        (
            [record("r4", restores="r2"), record("r3", "rolled_back"), record("r2"), record("r1")],
            "r4",
            "r1",
        ),
    ],
)
def test_the_way_back(records: list[dict[str, str]], live: str | None, before: str | None) -> None:
    current = live_record(records)
    target = good_before(records, current)
    assert (current and current["release"], target and target["release"]) == (live, before)
