# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This module util is PRIVATE to the collection.
"""The lines a log got since the last time, each once, whatever logrotate does meanwhile.

A log that is rotated is renamed; who writes it goes on writing to the renamed file until it is told
to open a new one. So a renamed file is found again by its inode, and read until it has been quiet
for a while. A cursor stands behind a newline: a line is read when it is whole.
"""

from __future__ import annotations

import contextlib
import os
import re
import stat
import typing as t
from dataclasses import dataclass, replace

MOST_BYTES = 32 * 1024 * 1024  # read at one time; a second of work
LONGEST_LINE = 1024 * 1024
QUIET = 60.0  # seconds without a write after which a renamed file is done with

_BLOCK = 256 * 1024
_COARSE = 1.0  # seconds; times of files lag behind the clock
_ROTATED = re.compile(
    r"[.-]\d[\d.-]*"
)  # what logrotate appends: .1, -20261122, -20261122-1795401442
_TOO_LONG = ["\0"]  # what is given for a line that is too long

Identity = t.Tuple[int, int]
Take = t.Callable[[t.List[str]], None]


@dataclass(frozen=True)
class Place:
    """A place in a file, which is known by device and inode because names change."""

    device: int
    inode: int
    offset: int

    @property
    def identity(self) -> Identity:
        return self.device, self.inode


@dataclass(frozen=True)
class Cursor:
    """Up to where a log was read: renamed files that may still grow, then the log itself."""

    places: t.Tuple[Place, ...] = ()

    def as_data(self) -> t.List[t.List[int]]:
        return [[one.device, one.inode, one.offset] for one in self.places]

    @classmethod
    def from_data(cls, raw: t.Iterable[t.Sequence[int]]) -> Cursor:
        return cls(tuple(Place(*one) for one in raw))


@dataclass(frozen=True)
class Reading:
    """How far a reading came; ``problems`` has one line for everything that could not be read."""

    cursor: Cursor
    problems: t.Tuple[str, ...] = ()


@dataclass(frozen=True)
class _File:
    path: str
    identity: Identity
    size: int
    written: float
    changed: float
    rotated: bool

    def at(self, offset: int) -> Place:
        return Place(*self.identity, offset)


class _Unreadable(Exception):
    """A file cannot be read now; the text says why, and is empty where the next time will do."""


def begin(path: str, now: float) -> Reading:
    """The cursor at the present end of a log."""
    log, renamed = _files(path)
    # Between two files the newest renamed one is the one that still grows.
    growing = [file for file in renamed if now - file.written < QUIET] if log else renamed[-1:]
    files = growing + ([log] if log else [])
    places, problems = [], []
    for file in files:
        try:
            places.append(file.at(_end_of_lines(file)))
        except _Unreadable as error:
            places.append(file.at(file.size))
            problems.append(str(error))
    problems += _missing(path, log, files, now)
    return Reading(Cursor(tuple(places)), tuple(filter(None, problems)))


def read_new(
    path: str,
    cursor: Cursor,
    take: Take,
    since: float,
    now: float,
    most_bytes: int = MOST_BYTES,
) -> Reading:
    """Give every whole line behind ``cursor`` to ``take``, block by block.

    Args:
        since, now: time of day, seconds, of the last time and of this one.
        most_bytes: about as much is read; the rest is left for the next time.
    """
    log, files, problems = _unread(path, cursor, since)
    problems += _missing(path, log, files, now)
    if not files:
        return Reading(cursor, tuple(problems))
    known = {place.identity: place for place in cursor.places}
    places = []
    for file in files:
        before = known.get(file.identity, file.at(0))
        after, said = _read(file, before, take, most_bytes)
        problems += said
        most_bytes -= max(0, after.offset - before.offset)
        quiet = now - file.written > QUIET and file.size - after.offset <= LONGEST_LINE
        if file is log or log is None or not quiet:
            places.append(after)
    return Reading(Cursor(tuple(places)), tuple(problems))


def backwards(path: str, cursor: Cursor, most_bytes: int) -> t.Iterator[t.List[str]]:
    """The whole lines before ``cursor`` in blocks, the newest block first, renamed files included.

    What cannot be read ends it.
    """
    ends = {place.identity: place.offset for place in cursor.places}
    log, renamed = _files(path)
    files = [file for file in renamed if file.rotated or file.identity in ends]
    if log and log.identity in ends:
        files.append(log)
    for file in reversed(files):
        end = ends.get(file.identity, file.size)
        try:
            with _opened(file) as stream:
                yield from _blocks_backwards(stream, max(0, end - most_bytes), end)
        except _Unreadable:
            return
        most_bytes -= end
        if most_bytes <= 0:
            return


def _files(path: str) -> t.Tuple[t.Optional[_File], t.List[_File]]:
    """The log, if it is there, and the files it was, the one written last at the end."""
    folder, name = os.path.split(path)
    found: t.Dict[str, os.stat_result] = {}
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith(name):
                with contextlib.suppress(OSError):
                    found[entry.name] = entry.stat()
    files = [
        _File(
            path=os.path.join(folder, one),
            identity=(facts.st_dev, facts.st_ino),
            size=facts.st_size,
            written=facts.st_mtime,
            changed=facts.st_ctime,
            rotated=_ROTATED.fullmatch(one[len(name) :]) is not None,
        )
        for one, facts in found.items()
    ]
    log = next((file for file in files if file.path == path), None)
    # A link is another name of a file, not another file.
    others = {file.identity: file for file in files if not log or file.identity != log.identity}
    return log, sorted(others.values(), key=lambda file: (file.written, file.path))


def _listed(log: t.Optional[_File], renamed: t.Iterable[_File]) -> t.Set[Identity]:
    return {file.identity for file in renamed} | ({log.identity} if log else set())


def _unread(
    path: str, cursor: Cursor, since: float
) -> t.Tuple[t.Optional[_File], t.List[_File], t.List[str]]:
    """The log, all files that may hold lines behind the cursor (the log last), and what is wrong."""
    known = {place.identity for place in cursor.places}
    last = [place.identity for place in cursor.places[-1:]]
    log, renamed = _files(path)
    if not _listed(log, renamed).issuperset(last):
        log, renamed = _files(path)  # a rename during the listing can hide a file
    lost = not _listed(log, renamed).issuperset(last)
    rotated = log is None or [log.identity] != last
    files = [
        file
        for file in renamed
        if file.identity in known or (rotated and file.rotated and file.written >= since - _COARSE)
    ]
    if log:
        files.append(log)
    gone = f"{path} was rotated and taken away before it was read to its end; lines are missing"
    return log, files, [gone] if lost and files else []


def _missing(
    path: str, log: t.Optional[_File], renamed: t.Sequence[_File], now: float
) -> t.List[str]:
    """Why there is no log, unless it was renamed just now, or is still written under its new name."""
    if log or any(now - file.changed <= QUIET for file in renamed):
        return []
    try:
        os.stat(path)
    except OSError as error:
        return [f"{path} cannot be read ({error.strerror})"]
    return [f"{path} was not there for a moment"]


@contextlib.contextmanager
def _opened(file: _File) -> t.Iterator[t.BinaryIO]:
    try:
        # Without O_NONBLOCK a pipe would be waited for.
        descriptor = os.open(file.path, os.O_RDONLY | os.O_NONBLOCK)
        try:
            facts = os.fstat(descriptor)
            if not stat.S_ISREG(facts.st_mode):
                raise _Unreadable(f"{file.path} cannot be read (it is no file)")
            if (facts.st_dev, facts.st_ino) != file.identity:
                raise _Unreadable("")
            with open(descriptor, "rb", closefd=False) as stream:
                yield stream
        finally:
            os.close(descriptor)
    except FileNotFoundError:
        raise _Unreadable("") from None  # renamed since it was listed
    except OSError as error:
        raise _Unreadable(f"{file.path} cannot be read ({error.strerror})") from error


def _end_of_lines(file: _File) -> int:
    """The place behind the last newline."""
    with _opened(file) as stream:
        end = stream.seek(0, os.SEEK_END)
        while end > 0:
            start = max(0, end - _BLOCK)
            stream.seek(start)
            newline = stream.read(end - start).rfind(b"\n")
            if newline >= 0:
                return start + newline + 1
            end = start
    return 0


def _read(file: _File, place: Place, take: Take, most_bytes: int) -> t.Tuple[Place, t.List[str]]:
    """Take the lines behind a place; the new place is right however far it came."""
    problems = []
    size = file.size
    try:
        with _opened(file) as stream:
            size = os.fstat(stream.fileno()).st_size
            if not _is_behind_newline(stream, size, place.offset):
                problems.append(f"{file.path} was truncated; it is read from its start again")
                place = replace(place, offset=0)
            end = min(size, place.offset + max(0, most_bytes))
            for texts, offset in _lines(stream, place.offset, end):
                take(texts)
                place = replace(place, offset=offset)
    except _Unreadable as error:
        return place, problems + list(filter(None, [str(error)]))
    left = size - place.offset
    if left > LONGEST_LINE:
        problems.append(f"{file.path} has {left / 1e6:.0f} MB that could not be read yet")
    return place, problems


def _is_behind_newline(stream: t.BinaryIO, size: int, offset: int) -> bool:
    """Whether a cursor still stands where it was put; a log truncated in place has other bytes."""
    if offset == 0 or offset > size:
        return offset == 0
    stream.seek(offset - 1)
    return stream.read(1) == b"\n"


def _lines(stream: t.BinaryIO, offset: int, end: int) -> t.Iterator[t.Tuple[t.List[str], int]]:
    """Whole lines from ``offset`` to about ``end`` in blocks, and where each block ends."""
    stream.seek(offset)
    rest = b""
    while offset + len(rest) < end:
        block = stream.read(_BLOCK)
        if not block:
            return
        data = rest + block
        cut = data.rfind(b"\n") + 1
        offset, rest = offset + cut, data[cut:]
        if cut:
            yield _texts(data[:cut]), offset
        elif len(rest) > LONGEST_LINE:
            behind = _behind_next_newline(stream)
            if not behind:
                return
            offset, rest = behind, b""
            yield _TOO_LONG, offset


def _behind_next_newline(stream: t.BinaryIO) -> int:
    """Puts the stream where the next line begins; 0 if there is none."""
    while True:
        start = stream.tell()
        block = stream.read(_BLOCK)
        newline = block.find(b"\n")
        if newline >= 0:
            return stream.seek(start + newline + 1)
        if not block:
            return 0


def _blocks_backwards(stream: t.BinaryIO, first: int, end: int) -> t.Iterator[t.List[str]]:
    """Whole lines between two places, from the end."""
    rest = b""
    while end > first:
        start = max(first, end - _BLOCK)
        stream.seek(start)
        data = stream.read(end - start) + rest
        end = start
        cut = data.find(b"\n") + 1 if start else 0
        rest = data[:cut]
        if start and not cut:
            rest = data
            continue
        lines = data[cut : data.rfind(b"\n") + 1]
        if lines:
            yield _texts(lines)


def _texts(lines: bytes) -> t.List[str]:
    return lines.decode("utf-8", "replace").split("\n")[:-1]
