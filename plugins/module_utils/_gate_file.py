# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This module util is PRIVATE to the collection.
"""What a host remembers of the looks at a release.

``<state_dir>/gate/<release>.jsonl`` has one look a line, the first being number 0. A line is written
at once and counts when its newline is there, so a look is remembered with all that goes with it or
not at all.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import itertools
import json
import os
import re
import time
import typing as t
from pathlib import Path

SUFFIX = ".jsonl"
KEPT = 20  # releases whose looks are kept
PATIENCE = 3.0  # seconds another look is waited for

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,127}")
_POLL = 0.05
_BLOCK = 64 * 1024

Data = t.Dict[str, t.Any]


class GateError(Exception):
    """A release cannot be looked at; the text is one line and says what to change."""


def check_name(release: str) -> None:
    """
    Raises:
        GateError: that can be no release's name.
    """
    if not _NAME.fullmatch(release):
        raise GateError(
            f"release: {release!r} is no name of a release, such as 20261122-231530-1.1.0"
        )


def gate_directory(state_dir: t.Union[str, Path]) -> Path:
    return Path(state_dir) / "gate"


class Gate(t.Protocol):
    """The looks of one release, wherever they are remembered. ``where`` is for people to find them."""

    @property
    def release(self) -> str: ...

    @property
    def where(self) -> str: ...

    def records(self, since: int) -> t.List[Data]: ...

    def last(self) -> t.Optional[Data]: ...

    def append(self, record: t.Mapping[str, t.Any]) -> None: ...

    def locked(self) -> t.ContextManager[None]: ...


class Gates(t.Protocol):
    """The releases that were looked at."""

    @property
    def where(self) -> str: ...

    def of(self, release: str) -> Gate:
        """
        Raises:
            GateError: that can be no release's name.
        """

    def newest(self, release: str = "") -> t.Optional[t.Tuple[str, float]]:
        """The release that was looked at last, or this one, and when (time of day, seconds)."""


class GateFiles:
    """The releases that were looked at on this host.

    Args:
        state_dir: ``deploy_state_dir`` of the host.
    """

    def __init__(self, state_dir: t.Union[str, Path]) -> None:
        self._state_dir = state_dir
        self._directory = gate_directory(state_dir)
        self.where = str(self._directory)

    def of(self, release: str) -> GateFile:
        return GateFile(self._state_dir, release)

    def newest(self, release: str = "") -> t.Optional[t.Tuple[str, float]]:
        names = self.of(release).path.name if release else "*" + SUFFIX
        looked_at = sorted((p.stat().st_mtime, p.name) for p in self._directory.glob(names))
        if not looked_at:
            return None
        last, name = looked_at[-1]
        return name[: -len(SUFFIX)], last


class GateFile:
    """The looks of one release on this host.

    Args:
        state_dir: ``deploy_state_dir`` of the host.
        release: its name.

    Raises:
        GateError: the name cannot be that of a file.
    """

    def __init__(self, state_dir: t.Union[str, Path], release: str) -> None:
        check_name(release)
        self.release = release
        self.directory = gate_directory(state_dir)
        self.path = self.directory / (release + SUFFIX)
        self.where = str(self.path)

    def records(self, since: int) -> t.List[Data]:
        """The recorded looks from number ``since`` on, oldest first.

        Raises:
            GateError: they cannot be read.
        """
        found = itertools.takewhile(lambda one: one["number"] >= since, map(_content, self._read()))
        return list(found)[::-1]

    def last(self) -> t.Optional[Data]:
        """The look recorded last."""
        return next(map(_content, self._read()), None)

    def append(self, record: t.Mapping[str, t.Any]) -> None:
        """Record a look behind the others; what is left of one that was not finished is cut off.

        Raises:
            GateError: it is not recorded, for want of space for example.
        """
        line = json.dumps(record, separators=(",", ":")).encode() + b"\n"
        try:
            self.directory.mkdir(parents=True, exist_ok=True, mode=0o750)
            end = next((end for end, _record in self._read()), 0)
            descriptor = os.open(str(self.path), os.O_WRONLY | os.O_CREAT, 0o640)
            try:
                _write_at(descriptor, end, line)
            finally:
                os.close(descriptor)
            if not end:
                self._settle()
        except OSError as error:
            raise GateError(
                f"{self.path}: the look cannot be recorded ({error.strerror});"
                " make that possible, the next look reads the log from the same place"
            ) from error

    def _settle(self) -> None:
        """Let a new file survive a loss of power, and remove those nobody will ask for."""
        folder = os.open(str(self.directory), os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
        others = (path for path in self.directory.glob("*" + SUFFIX) if path != self.path)
        for path in sorted(others, reverse=True)[KEPT - 1 :]:
            path.unlink()

    @contextlib.contextmanager
    def locked(self) -> t.Iterator[None]:
        """Keep other looks out; one that is about to end is waited for.

        Raises:
            GateError: somebody else goes on looking.
        """
        self.directory.mkdir(parents=True, exist_ok=True, mode=0o750)
        path = self.directory / ".lock"
        descriptor = os.open(str(path), os.O_RDWR | os.O_CREAT, 0o640)
        try:
            if not _lock(descriptor):
                holder = os.pread(descriptor, 512, 0).decode("utf-8", "replace").strip()
                raise GateError(
                    f"{path}: somebody looks at a release on this host already"
                    f" ({holder or 'unknown'}); let one gate at a time watch it"
                )
            os.ftruncate(descriptor, 0)
            began = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
            os.pwrite(descriptor, f"{self.release}, process {os.getpid()}, {began}\n".encode(), 0)
            yield
        finally:
            os.close(descriptor)

    def _read(self) -> t.Iterator[t.Tuple[int, Data]]:
        """Every look and where its line ends, newest first; read as far as is asked for."""
        try:
            with open(self.path, "rb") as file:
                yield from _looks(file)
        except FileNotFoundError:
            return
        except OSError as error:
            raise GateError(f"{self.path} cannot be read ({error.strerror})") from error


def _content(look: t.Tuple[int, Data]) -> Data:
    return look[1]


def _looks(file: t.BinaryIO) -> t.Iterator[t.Tuple[int, Data]]:
    """Damage at the end, which a loss of power leaves, is passed over; damage before a look ends it."""
    found = False
    for end, line in _lines_backwards(file):
        record = _record(line)
        if record is not None:
            yield end, record
        elif found:
            return
        found = found or record is not None


def _lines_backwards(file: t.BinaryIO) -> t.Iterator[t.Tuple[int, bytes]]:
    """Whole lines and where they end, the last one first."""
    position = file.seek(0, os.SEEK_END)
    data = b""
    while position > 0:
        size = min(_BLOCK, position)
        position = file.seek(position - size)
        data = file.read(size) + data
        end = data.rfind(b"\n") + 1
        start = data.rfind(b"\n", 0, max(0, end - 1)) + 1
        while end and (start or not position):
            yield position + end, data[start:end]
            data, end = data[:start], start
            start = data.rfind(b"\n", 0, max(0, end - 1)) + 1


def _record(line: bytes) -> t.Optional[Data]:
    """A recorded look; None for what a loss of power leaves instead."""
    try:
        record = json.loads(line)
        return record if isinstance(record["number"], int) else None
    except (ValueError, LookupError, TypeError):
        return None


def _write_at(descriptor: int, end: int, line: bytes) -> None:
    """Put a line at ``end``, for good, or nothing."""
    os.ftruncate(descriptor, end)
    try:
        if os.pwrite(descriptor, line, end) != len(line):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        os.fsync(descriptor)
    except OSError:
        os.ftruncate(descriptor, end)
        raise


def _lock(descriptor: int) -> bool:
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            if time.monotonic() >= deadline:
                return False
            time.sleep(_POLL)
