"""The ledger: whole records or none, and the way back it knows."""

from __future__ import annotations

import json
import pathlib
import stat
import tempfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.tagadodo.deploy.plugins.module_utils._documents import Files
from ansible_collections.tagadodo.deploy.plugins.module_utils._ledger import (
    Ledger,
    good_before,
    live_record,
)


def record(release: str, outcome: str = "succeeded", **more: str) -> dict[str, str]:
    return {"release": release, "version": release, "outcome": outcome, **more}


@pytest.fixture
def ledger(tmp_path: pathlib.Path) -> Ledger:
    return Ledger(Files(tmp_path))


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


RECORD = {
    "version": "1.0.0",
    "outcome": "succeeded",
    "settings": {"instances": 2},
    "previous": None,
    "migrations": {"applied": ["001"]},
}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "not a readable release record"),
        ("{", "not a readable release record"),
        ("[" * 100_000, "not a readable release record"),
        ("[]", "not a release record of schema 1"),
        ('{"schema": 99}', "not a release record of schema 1"),
        ('{"schema": 1, "service": "backend", "release": "r9"}', "not the record that its name"),
        (
            '{"schema": 1, "service": "backend", "release": "r2", "outcome": "fine"}',
            "outcome 'fine' is not known",
        ),
        (
            '{"schema": 1, "service": "backend", "release": "r2", "settings": []}',
            "settings is not dict",
        ),
    ],
)
def test_a_spoilt_record_is_named_and_left_out(
    ledger: Ledger, tmp_path: pathlib.Path, text: str, problem: str
) -> None:
    ledger.update("backend", "r1", RECORD, write=True)
    ledger.update("backend", "r2", RECORD, write=True)
    (tmp_path / "releases/backend/r2.json").write_text(text)
    assert [one["release"] for one in ledger.read("backend")] == ["r1"]
    (told,) = ledger.damaged()
    assert f"r2.json: {problem}" in told
    assert told.endswith("; it is left out")


def test_a_spoilt_record_is_put_aside_when_it_is_written_again(
    ledger: Ledger, tmp_path: pathlib.Path
) -> None:
    ledger.update("backend", "r1", RECORD, write=True)
    path = tmp_path / "releases/backend/r1.json"
    path.write_text('{"schema": 1, "vers')
    assert ledger.update("backend", "r1", {"outcome": "failed"}, write=False)
    assert path.read_text() == '{"schema": 1, "vers'
    assert ledger.update("backend", "r1", {"outcome": "failed"}, write=True)
    assert ledger.read("backend")[0]["outcome"] == "failed"
    assert ledger.damaged() == []
    assert path.with_name("r1.json.damaged").read_text() == '{"schema": 1, "vers'


WHOLE = json.dumps({"schema": 1, "service": "backend", "release": "r2", **RECORD}).encode()
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from([*RECORD, "schema"]), inner),
)
SPOILT = (
    st.binary()
    | st.integers(0, len(WHOLE) - 1).map(lambda length: WHOLE[:length])
    | st.tuples(st.integers(0, len(WHOLE) - 1), st.integers(0, 255)).map(
        lambda flip: WHOLE[: flip[0]] + bytes([flip[1]]) + WHOLE[flip[0] + 1 :]
    )
    | JSON.map(lambda document: json.dumps(document).encode())
    | st.dictionaries(st.sampled_from(list(RECORD)), JSON).map(
        lambda facts: json.dumps({**json.loads(WHOLE), **facts}).encode()
    )
)


@given(spoilt=SPOILT)
def test_whatever_stands_in_a_file_the_others_are_read(spoilt: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        ledger = Ledger(Files(folder))
        ledger.update("backend", "r1", RECORD, write=True)
        (pathlib.Path(folder) / "releases/backend/r2.json").write_bytes(spoilt)
        records = ledger.read("backend")
        assert records[-1]["release"] == "r1"
        assert len(records) + len(ledger.damaged()) == 2
        live = live_record(records)
        assert live is not None
        good_before(records, live)


def test_pruning_keeps_the_newest_and_the_live_one(ledger: Ledger) -> None:
    ledger.update("backend", "r1", {"outcome": "succeeded"}, write=True)
    for number in range(2, 6):
        ledger.update("backend", f"r{number}", {"outcome": "failed"}, write=True)
    ledger.prune(["backend"], keep=2)
    assert [r["release"] for r in ledger.read("backend")] == ["r5", "r4", "r1"]


def test_pruning_keeps_what_a_way_back_needs(ledger: Ledger) -> None:
    """A release is tried and taken back again and again, and each time the first one is restored."""
    ledger.update("backend", "r00", {"outcome": "succeeded"}, write=True)
    for number in range(1, 20, 2):
        ledger.update("backend", f"r{number:02}", {"outcome": "rolled_back"}, write=True)
        back = {"outcome": "succeeded", "restores": "r00"}
        ledger.update("backend", f"r{number + 1:02}", back, write=True)
        ledger.prune(["backend"], keep=2)
        assert len(ledger.read("backend")) == 3
    ledger.update("backend", "r21", {"outcome": "succeeded"}, write=True)
    ledger.prune(["backend"], keep=1)
    records = ledger.read("backend")
    assert [one["release"] for one in records] == ["r21", "r00"]
    back_to = good_before(records, live_record(records))
    assert back_to is not None
    assert back_to["release"] == "r00"


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
