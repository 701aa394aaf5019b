# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A look is remembered with all that goes with it, or not at all, whatever happens meanwhile."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import time
import typing as t
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.tagadodo.deploy.plugins.module_utils import _gate_file
from ansible_collections.tagadodo.deploy.plugins.module_utils._gate_file import (
    KEPT,
    GateError,
    GateFile,
)

RELEASE = "20261122-231530-1.1.0"


def look(number: int, padding: int = 0) -> t.Dict[str, t.Any]:
    return {"number": number, "step": "10 %", "at": 1.5, "padding": "x" * padding}


@pytest.fixture
def gate(tmp_path: Path) -> GateFile:
    return GateFile(tmp_path, RELEASE)


def test_looks_come_back_as_they_were(gate: GateFile) -> None:
    assert gate.last() is None
    assert gate.records(0) == []
    for number in range(4):
        gate.append(look(number))
    again = GateFile(gate.directory.parent, RELEASE)
    assert again.last() == look(3)
    assert again.records(0) == [look(number) for number in range(4)]
    assert again.records(2) == [look(2), look(3)]
    assert again.records(4) == []
    assert gate.path.stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize("release", ["", "../x", "a/b", ".hidden", "a\nb", "x" * 200])
def test_a_name_that_is_none(tmp_path: Path, release: str) -> None:
    with pytest.raises(GateError, match="is no name of a release"):
        GateFile(tmp_path, release)


@pytest.mark.parametrize(
    "rest",
    [b'{"number": 2, "st', b"\0\0\0\0", b"\0\0\n\0\0\n", b"nonsense\n", b'{"number":2}'],
    ids=["partial", "zeros", "lines of zeros", "nonsense", "without newline"],
)
def test_what_was_not_finished_is_cut_off(gate: GateFile, rest: bytes) -> None:
    gate.append(look(0))
    gate.append(look(1))
    whole = gate.path.read_bytes()
    gate.path.write_bytes(whole + rest)
    assert gate.last() == look(1)
    assert gate.records(0) == [look(0), look(1)]
    gate.append(look(2))
    assert gate.records(0) == [look(0), look(1), look(2)]
    assert gate.path.read_bytes().startswith(whole + b'{"number":2')


@given(
    paddings=st.lists(st.integers(0, 300), min_size=1, max_size=8),
    keep=st.integers(0, 3000),
    block=st.integers(1, 400),
)
@settings(max_examples=80)
def test_cut_anywhere_the_whole_looks_before_are_left(
    tmp_path_factory: pytest.TempPathFactory, paddings: t.List[int], keep: int, block: int
) -> None:
    gate = GateFile(tmp_path_factory.mktemp("state"), RELEASE)
    looks = [look(number, padding) for number, padding in enumerate(paddings)]
    for one in looks:
        gate.append(one)
    content = gate.path.read_bytes()[:keep]
    gate.path.write_bytes(content)
    left = looks[: content.count(b"\n")]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_gate_file, "_BLOCK", block)
        assert gate.records(0) == left
        assert gate.last() == (left[-1] if left else None)
        gate.append(look(len(left)))
        assert gate.records(0) == [*left, look(len(left))]


def test_a_full_disk_leaves_the_looks_before(gate: GateFile) -> None:
    """In a child process whose files may not grow, so that half of the line is written."""
    gate.append(look(0))
    before = gate.path.read_bytes()
    told, tell = os.pipe()
    child = os.fork()
    if not child:
        limit = len(before) + 50
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
        try:
            gate.append(look(1, padding=500))
        except GateError as error:
            os.write(tell, str(error).encode())
        os._exit(0)
    os.waitpid(child, 0)
    os.close(tell)
    message = os.read(told, 4096).decode()
    os.close(told)
    assert message.startswith(f"{gate.path}: the look cannot be recorded (")
    assert "\n" not in message
    assert gate.path.read_bytes() == before


def test_killed_while_it_records(gate: GateFile, tmp_path: Path) -> None:
    """A process that appends as fast as it can, killed again and again, leaves whole looks only."""
    program = (
        "import sys\n"
        f"from {GateFile.__module__} import GateFile\n"
        f"gate = GateFile(sys.argv[1], {RELEASE!r})\n"
        "while True:\n"
        "    last = gate.last()\n"
        "    number = last['number'] + 1 if last else 0\n"
        "    gate.append({'number': number, 'padding': 'x' * 5000})\n"
    )
    command = [sys.executable, "-c", program, str(tmp_path)]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    count = 0
    for _kill in range(3):
        with subprocess.Popen(command, env=env) as process:
            deadline = time.monotonic() + 20
            while len(gate.records(count)) < 5 and time.monotonic() < deadline:
                time.sleep(0.01)
            process.send_signal(signal.SIGKILL)
        records = gate.records(0)
        assert len(records) >= count + 5
        assert [record["number"] for record in records] == list(range(len(records)))
        count = len(records)


def test_the_newest_releases_are_kept(tmp_path: Path) -> None:
    names = [f"202611{day:02d}-120000-1.0.{day}" for day in range(1, 26)]
    for name in names:
        GateFile(tmp_path, name).append(look(0))
    kept = sorted(path.name[: -len(".jsonl")] for path in (tmp_path / "gate").glob("*.jsonl"))
    assert kept == names[-KEPT:]
    GateFile(tmp_path, "20250101-000000-old").append(look(0))
    assert GateFile(tmp_path, "20250101-000000-old").last() == look(0)


def test_one_look_at_a_time(gate: GateFile, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_gate_file, "PATIENCE", 0.1)
    other = GateFile(gate.directory.parent, "20261122-240000-1.2.0")
    with gate.locked():
        with pytest.raises(GateError) as caught, other.locked():
            pass
        assert str(caught.value).startswith(f"{gate.directory}/.lock: somebody looks")
        assert f"({RELEASE}, process {os.getpid()}, 20" in str(caught.value)
        assert "\n" not in str(caught.value)
    with other.locked(), pytest.raises(GateError, match=r"20261122-240000-1\.2\.0"), gate.locked():
        pass


def test_a_look_that_is_about_to_end_is_waited_for(gate: GateFile, tmp_path: Path) -> None:
    program = (
        "import sys, time\n"
        f"from {GateFile.__module__} import GateFile\n"
        f"with GateFile(sys.argv[1], {RELEASE!r}).locked():\n"
        "    print('locked', flush=True)\n"
        "    time.sleep(0.3)\n"
    )
    command = [sys.executable, "-c", program, str(tmp_path)]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(command, env=env, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        with gate.locked():
            assert process.wait(timeout=5) == 0


def test_what_cannot_be_read_is_told(gate: GateFile) -> None:
    gate.path.mkdir(parents=True)
    with pytest.raises(GateError, match=r"cannot be read \(Is a directory\)"):
        gate.last()
    with pytest.raises(GateError, match=r"cannot be read \(Is a directory\)"):
        gate.append(look(0))
