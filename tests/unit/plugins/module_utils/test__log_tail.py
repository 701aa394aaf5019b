# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every line once: real files that grow, are renamed, truncated, taken away and made unreadable."""

from __future__ import annotations

import json
import os
import time
import typing as t
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.tagadodo.deploy.plugins.module_utils import _log_tail
from ansible_collections.tagadodo.deploy.plugins.module_utils._log_tail import (
    Cursor,
    backwards,
    begin,
    read_new,
)

LATER = 3600.0  # seconds; a renamed file is quiet by then


class Log:
    """A log and somebody who reads it."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "backend.access.json"
        self.path.touch()
        self.cursor = Cursor()
        self.problems: t.Tuple[str, ...] = ()
        self.looked = 0.0

    def write(self, text: str) -> None:
        with open(self.path, "a", encoding="utf-8") as file:
            file.write(text)

    def begin(self) -> None:
        reading = begin(str(self.path), time.time())
        self.cursor, self.problems = reading.cursor, reading.problems

    def look(self, wait: float = 0.0, most_bytes: int = _log_tail.MOST_BYTES) -> t.List[str]:
        """The lines of this look; ``wait`` seconds pass before it."""
        lines: t.List[str] = []
        kept = Cursor.from_data(json.loads(json.dumps(self.cursor.as_data())))
        now = time.time() + wait
        reading = read_new(str(self.path), kept, lines.extend, self.looked, now, most_bytes)
        self.cursor, self.problems, self.looked = reading.cursor, reading.problems, time.time()
        return lines

    def rotate(self, suffix: str = ".1") -> Path:
        """As logrotate does; who writes has not opened a new file yet."""
        renamed = self.path.with_name(self.path.name + suffix)
        self.path.rename(renamed)
        return renamed


@pytest.fixture
def log(tmp_path: Path) -> Log:
    return Log(tmp_path)


def append(path: Path, text: str) -> None:
    with open(path, "a", encoding="utf-8") as file:
        file.write(text)


def test_what_was_there_at_the_beginning_is_not_read(log: Log) -> None:
    log.write("old\n")
    log.begin()
    assert log.look() == []
    log.write("new\n")
    assert log.look() == ["new"]
    assert log.look() == []
    assert not log.problems


def test_a_line_is_read_when_it_is_whole(log: Log) -> None:
    log.write("old\nhal")
    log.begin()
    log.write("f\nanother ha")
    assert log.look() == ["half"]
    log.write("lf\n")
    assert log.look() == ["another half"]


def test_a_beginning_within_a_very_long_line(log: Log) -> None:
    log.write("x" * 700_000)
    log.begin()
    log.write("\nnext\n")
    assert [len(line) for line in log.look()] == [700_000, 4]


@pytest.mark.parametrize("suffix", [".1", "-20261122", "-20261122-1795401442"])
def test_rotation_loses_nothing_and_repeats_nothing(log: Log, suffix: str) -> None:
    log.begin()
    log.write("1\n")
    assert log.look() == ["1"]
    log.write("2\n")
    renamed = log.rotate(suffix)
    append(renamed, "3\n")
    assert log.look() == ["2", "3"]  # nginx has not opened a new file yet
    assert not log.problems

    append(renamed, "4\n")
    log.write("5\n")
    append(renamed, "6\n")  # a worker that was slow to follow
    assert log.look() == ["4", "6", "5"]
    append(renamed, "7\n")
    assert log.look() == ["7"]

    assert log.look(wait=LATER) == []
    assert len(log.cursor.places) == 1  # nobody writes to the old one any more
    renamed.unlink()
    log.write("8\n")
    assert log.look() == ["8"]
    assert not log.problems


def test_two_rotations_between_two_looks(log: Log) -> None:
    log.begin()
    log.write("1\n")
    assert log.look() == ["1"]
    log.write("2\n")
    log.rotate().rename(log.path.with_name(log.path.name + ".2"))
    log.write("3\n")
    log.rotate()
    log.write("4\n")
    assert log.look() == ["2", "3", "4"]
    assert not log.problems
    assert log.look() == []


def test_files_of_former_days_and_copies_are_not_read(log: Log) -> None:
    for suffix in (".2", ".3.gz"):
        append(log.path.with_name(log.path.name + suffix), "long ago\n")
        os.utime(log.path.with_name(log.path.name + suffix), (1e9, 1e9))
    log.begin()
    log.write("1\n")
    append(log.path.with_name(log.path.name + ".copy"), "1\n")
    assert log.look() == ["1"]
    log.rotate()
    log.write("2\n")
    assert log.look() == ["2"]


def test_begun_between_two_files(log: Log) -> None:
    log.write("old\n")
    renamed = log.rotate()
    log.begin()
    assert not log.problems
    append(renamed, "1\n")
    log.write("2\n")
    assert log.look() == ["1", "2"]


def test_begun_just_after_a_rotation(log: Log) -> None:
    log.write("old\n")
    renamed = log.rotate()
    log.write("also old\n")
    log.begin()
    append(renamed, "1\n")
    log.write("2\n")
    assert log.look() == ["1", "2"]


def test_rotated_and_taken_away_is_told_once(log: Log) -> None:
    log.begin()
    log.write("1\n")
    log.look()
    log.write("never read\n")
    renamed = log.rotate()
    log.write("2\n")
    renamed.unlink()
    assert log.look() == ["2"]
    assert log.problems == (
        f"{log.path} was rotated and taken away before it was read to its end; lines are missing",
    )
    log.write("3\n")
    assert log.look() == ["3"]
    assert not log.problems


def test_truncated(log: Log) -> None:
    log.write("a long line that is gone\n")
    log.begin()
    os.truncate(log.path, 0)
    log.write("1\n")
    assert log.look() == ["1"]
    assert log.problems == (f"{log.path} was truncated; it is read from its start again",)
    log.write("2\n")
    assert log.look() == ["2"]
    assert not log.problems


def test_truncated_and_longer_than_before(log: Log) -> None:
    log.write("old\n")
    log.begin()
    os.truncate(log.path, 0)
    log.write("one\ntwo\nthree\n"[1:])
    assert log.look() == ["ne", "two", "three"]
    assert "was truncated" in log.problems[0]


def test_missing(log: Log) -> None:
    log.path.unlink()
    log.begin()
    assert log.problems == (f"{log.path} cannot be read (No such file or directory)",)
    assert log.look() == []
    assert log.problems == (f"{log.path} cannot be read (No such file or directory)",)
    log.write("1\n")
    assert log.look() == ["1"]
    assert not log.problems


def test_missing_for_a_while_is_no_reason_to_read_it_again(log: Log, tmp_path: Path) -> None:
    log.write("old\n")
    log.begin()
    log.write("1\n")
    elsewhere = tmp_path / "elsewhere"
    log.path.rename(elsewhere)
    assert log.look() == []
    assert "No such file" in log.problems[0]
    elsewhere.rename(log.path)
    assert log.look() == ["1"]


def test_a_log_that_does_not_come_back_after_its_rotation(log: Log) -> None:
    """Somebody removed the file that nginx writes to, and nobody sees what it writes."""
    log.write("old\n")
    log.rotate()
    log.begin()
    assert log.look() == []
    assert not log.problems
    assert log.look(wait=LATER) == []
    assert log.problems == (f"{log.path} cannot be read (No such file or directory)",)


def test_a_link_is_not_another_log(log: Log) -> None:
    log.begin()
    log.path.with_name(log.path.name + ".1").symlink_to(log.path)
    log.path.with_name(log.path.name + "-20261122").hardlink_to(log.path)
    log.path.with_name(log.path.name + ".2").symlink_to("nowhere")
    log.write("1\n")
    assert log.look() == ["1"]
    assert list(backwards(str(log.path), log.cursor, 10**6)) == [["1"]]


@pytest.mark.parametrize("make", [os.mkdir, os.mkfifo], ids=["directory", "pipe"])
def test_what_is_no_file_is_not_read(log: Log, make: t.Callable[[Path], None]) -> None:
    log.begin()
    log.path.unlink()
    make(log.path)
    assert log.look() == []
    assert f"{log.path} cannot be read (it is no file)" in log.problems
    log.begin()
    assert log.problems == (f"{log.path} cannot be read (it is no file)",)


def test_who_may_not_read_it_is_told_so_and_goes_on_later(log: Log, tmp_path: Path) -> None:
    """In a child process without root's rights, for which permissions count."""
    log.begin()
    log.write("1\n")
    log.path.chmod(0o600)
    for folder in (tmp_path, *tmp_path.parents[:3]):
        folder.chmod(folder.stat().st_mode | 0o055)
    told, tell = os.pipe()
    child = os.fork()
    if not child:
        os.setgid(65534)
        os.setuid(65534)
        lines = log.look()
        os.write(tell, json.dumps([lines, log.problems, log.cursor.as_data()]).encode())
        os._exit(0)
    os.waitpid(child, 0)
    lines, problems, cursor = json.loads(os.read(told, 65536))
    os.close(told)
    os.close(tell)
    assert (lines, problems) == ([], [f"{log.path} cannot be read (Permission denied)"])
    log.cursor = Cursor.from_data(cursor)
    assert log.look() == ["1"]


def test_much_is_read_in_several_looks(log: Log) -> None:
    log.begin()
    lines = [f"{number:099d}" for number in range(50_000)]
    log.write("".join(line + "\n" for line in lines))
    found = log.look(most_bytes=1_000_000)
    assert 10_000 <= len(found) < 15_000
    assert log.problems == (f"{log.path} has 4 MB that could not be read yet",)
    for _look in range(5):
        found += log.look(most_bytes=1_000_000)
    assert found == lines
    assert not log.problems


def test_a_line_that_is_too_long_is_left_out(log: Log) -> None:
    log.begin()
    log.write("1\n" + "\0" * 3_000_000)
    assert log.look() == ["1"]
    assert log.look() == []
    log.write("\n2\n")
    assert log.look() == ["\0", "2"]
    assert not log.problems


def test_bytes_that_are_no_text_do_no_harm(log: Log) -> None:
    log.begin()
    with open(log.path, "ab") as file:
        file.write(b"\xff\xfe1\n\xc3\xa4\xe2\x80\xa82\n")  # no line ends at U+2028
    assert log.look() == ["\ufffd\ufffd1", "ä\u20282"]


def test_backwards_through_renamed_files(log: Log) -> None:
    log.write("1\n2\n")
    log.rotate(".2")
    log.write("3\n")
    log.rotate()
    log.write("4\n5\n")
    log.begin()
    log.write("6\n")
    append(log.path.with_name(log.path.name + ".copy"), "0\n")
    blocks = list(backwards(str(log.path), log.cursor, 10**6))
    assert blocks == [["4", "5"], ["3"], ["1", "2"]]


@given(
    lines=st.lists(st.text("abcäß", max_size=20), max_size=60),
    first=st.integers(0, 700),
    block=st.integers(1, 100),
)
@settings(max_examples=60)
def test_backwards_gives_the_last_whole_lines(
    tmp_path_factory: pytest.TempPathFactory, lines: t.List[str], first: int, block: int
) -> None:
    path = tmp_path_factory.mktemp("log") / "a.json"
    content = "".join(line + "\n" for line in lines).encode()
    path.write_bytes(content + b"unfinished")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_log_tail, "_BLOCK", block)
        reading = begin(str(path), time.time())
        blocks = list(backwards(str(path), reading.cursor, first))
    found = [line for one in reversed(blocks) for line in one]
    start = max(0, len(content) - first)
    whole = content[start:] if not start else content[start:].partition(b"\n")[2]
    assert found == whole.decode().split("\n")[:-1]


@given(data=st.data())
@settings(max_examples=60)
def test_any_sequence_of_writes_rotations_and_looks_gives_every_line_once(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    log = Log(tmp_path_factory.mktemp("log"))
    log.begin()
    written: t.List[str] = []
    found: t.List[str] = []
    former: t.List[Path] = [log.path]
    for number in range(data.draw(st.integers(1, 25))):
        action = data.draw(st.sampled_from(["write", "late", "part", "rotate", "look", "look"]))
        if action == "write":
            log.write(f"{number}\n")
            written.append(str(number))
        elif action == "part":
            log.write(f"{number}:")
            log.write("end\n")
            written.append(f"{number}:end")
        elif action == "late" and former[-1] != log.path:
            append(former[-1], f"{number}\n")
            written.append(str(number))
        elif action == "rotate" and log.path.exists():
            former.append(log.rotate(f".{number}"))
        elif action == "look":
            found += log.look()
    found += log.look()
    assert sorted(found) == sorted(written)
