# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This module util is PRIVATE to the collection.
"""One release at a time: the lock of an environment, on each of its hosts.

``<state_dir>/lock/holder.json`` names the run of a playbook that may change the host. Every module that
changes something shows the run's token, which renews the lock, and is refused when another run has it by
now. While such a module is at work it holds a lock of the kernel as well (``work``), which ends with it
whatever ends it: so a dead run is never taken for a slow one, and no clock but this host's is read.

The lock of a run that is dead is taken over when ``seconds`` have passed since its last sign of life, or
at once where its controller tells that its process has ended.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import pathlib
import time
import typing as t
from dataclasses import asdict, dataclass, replace

from ansible_collections.tagadodo.deploy.plugins.module_utils._documents import write_whole

SECONDS = 600  # without a sign of life, after which a run counts as dead

Clock = t.Callable[[], float]


class LockError(Exception):
    """The lock is not to be had, or not ours any more; the text is one line.

    Attributes:
        holder: who has it, where that is known.
    """

    def __init__(self, message: str, holder: t.Optional[Holder] = None) -> None:
        super().__init__(message)
        self.holder = holder


@dataclass(frozen=True)
class Holder:
    """The run that has the lock.

    Attributes:
        token: what the run shows to be the one.
        who: person and machine, for people to read.
        purpose: what it does.
        process: what only its controller understands, to tell whether the run still lives.
        since, beat: when it took the lock, and its last sign of life (time of day of this host, seconds).
        seconds: without a sign of life, after which it counts as dead.
    """

    token: str
    who: str
    purpose: str
    process: str = ""
    since: float = 0.0
    beat: float = 0.0
    seconds: int = SECONDS

    def describe(self, now: float) -> str:
        """``a release of backend by ada@laptop, since 15:04:05 UTC, last sign of life 3 s ago``."""
        since = time.strftime("%H:%M:%S", time.gmtime(self.since))
        return (
            f"{self.purpose} by {self.who}, since {since} UTC,"
            f" last sign of life {max(0.0, now - self.beat):.0f} s ago"
        )

    def remaining(self, now: float) -> float:
        """Seconds until it counts as dead; 0 when it does."""
        return max(0.0, self.beat + self.seconds - now)

    def as_data(self) -> t.Dict[str, t.Any]:
        return asdict(self)


def told_of(holder: t.Optional[Holder], now: float) -> t.Dict[str, t.Any]:
    """Who may change a host, and for how long at least; nothing where nobody has said so."""
    if holder is None:
        return {}
    return {
        "told": holder.describe(now),
        "remaining": round(holder.remaining(now)),
        **{key: getattr(holder, key) for key in ("who", "purpose", "since", "beat")},
    }


def refusal(found: Holder, now: float) -> str:
    """Why another run does not get it."""
    left = found.remaining(now)
    until = f"it counts as dead after {left:.0f} s more" if left else "it is at work here"
    return (
        f"locked: {found.describe(now)}; {until};"
        " wait for it with -e lock_wait=SECONDS, or run again when it has ended"
    )


def lost(found: t.Optional[Holder], now: float) -> LockError:
    """What is said to a run that had it, and has it no more."""
    other = f"{found.describe(now)} has it now" if found else "nobody has it now"
    return LockError(
        f"this run has lost the lock ({other}); look at status.yml, then run it again", found
    )


class Lock:
    """The lock on this host.

    Args:
        state_dir: ``deploy_state_dir`` of the host.
        clock: time of day in seconds; replaced in tests.
    """

    def __init__(self, state_dir: t.Union[str, pathlib.Path], clock: Clock = time.time) -> None:
        self._dir = pathlib.Path(state_dir) / "lock"
        self._clock = clock

    def holder(self) -> t.Optional[Holder]:
        """Who has it. A file that cannot be understood is nobody's: it is replaced by the next run."""
        try:
            return Holder(**json.loads(self._path.read_text(encoding="utf-8")))
        except (FileNotFoundError, NotADirectoryError, ValueError, TypeError):
            return None

    def take(self, wanted: Holder, dead: t.Collection[str] = ()) -> t.Optional[Holder]:
        """Take the lock, or keep it where the run has it already.

        Args:
            dead: tokens of runs whose controller knows that they have ended.

        Returns:
            the dead run it was taken over from, if any.

        Raises:
            LockError: another run has it.
        """
        self._dir.mkdir(parents=True, exist_ok=True, mode=0o750)
        with self._changing():
            now, found = self._clock(), self.holder()
            if found and found.token != wanted.token and not self._is_dead(found, dead):
                raise LockError(refusal(found, now), found)
            since = found.since if found and found.token == wanted.token else now
            self._write(replace(wanted, since=since, beat=now))
        return found if found and found.token != wanted.token else None

    def release(self, token: str) -> bool:
        """Let go of the lock; whether the run had it."""
        if self.holder() is None:
            return False
        with self._changing():
            found = self.holder()
            if found is None or found.token != token:
                return False
            self._path.unlink()
        return True

    @contextlib.contextmanager
    def working(self, token: str) -> t.Iterator[None]:
        """Show that the run lives, from the beginning to the end of something it does here.

        Raises:
            LockError: the run has the lock no more.
        """
        with self._held("work", fcntl.LOCK_SH):
            self._renew(token)
            try:
                yield
            finally:
                with contextlib.suppress(LockError, OSError):
                    self._renew(token)

    def _renew(self, token: str) -> None:
        with self._changing():
            now, found = self._clock(), self.holder()
            if found is None or found.token != token:
                raise lost(found, now)
            # A full disk must not keep a run from giving traffic back.
            with contextlib.suppress(OSError):
                self._write(replace(found, beat=now))

    def _is_dead(self, found: Holder, dead: t.Collection[str]) -> bool:
        if found.token not in dead and found.remaining(self._clock()) > 0:
            return False
        return not self._at_work()

    def _at_work(self) -> bool:
        """Whether a module of the run that has the lock is at work here."""
        try:
            with self._held("work", fcntl.LOCK_EX | fcntl.LOCK_NB):
                return False
        except BlockingIOError:
            return True

    @property
    def _path(self) -> pathlib.Path:
        return self._dir / "holder.json"

    def _write(self, holder: Holder) -> None:
        write_whole(self._path, json.dumps(holder.as_data(), indent=2) + "\n")

    def _changing(self) -> t.ContextManager[None]:
        return self._held("change", fcntl.LOCK_EX)

    @contextlib.contextmanager
    def _held(self, name: str, kind: int) -> t.Iterator[None]:
        """Hold a lock of the kernel; it ends with the process.

        Raises:
            LockError: the installation was removed meanwhile.
        """
        try:
            handle = os.open(str(self._dir / name), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
        except FileNotFoundError:
            raise LockError(f"{self._dir} is gone, and nobody has the lock now") from None
        try:
            fcntl.flock(handle, kind)
            yield
        finally:
            os.close(handle)
