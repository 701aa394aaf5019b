# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This module util is PRIVATE to the collection.
"""What an operator asks of the release that is being watched: ``<state_dir>/gate/control.json``.

It belongs to one release, and stands until something else is asked. ``promote`` belongs to the step
that is watched when it is asked for, so that it can be asked for again in a later one.
"""

from __future__ import annotations

import json
import typing as t
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.tagadodo.deploy.plugins.module_utils._documents import Files, write_whole
from ansible_collections.tagadodo.deploy.plugins.module_utils._gate_file import (
    SUFFIX,
    GateError,
    GateFile,
    gate_directory,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._ledger import (
    Ledger,
    unfinished_record,
)

PAUSE, RESUME, PROMOTE, ABORT = ACTIONS = ("pause", "resume", "promote", "abort")


@dataclass(frozen=True)
class Control:
    """What is asked of which release, during which step, by whom and when (time of day, seconds)."""

    release: str
    step: str
    action: str
    by: str
    at: float

    def as_data(self) -> t.Dict[str, t.Any]:
        return dict(vars(self))

    def as_text(self) -> str:
        return f"{self.release}: {self.action}, asked by {self.by}\n"


def read_control(state_dir: t.Union[str, Path], release: str) -> t.Optional[Control]:
    """What is asked of a release, if anything.

    Raises:
        GateError: the file was damaged.
    """
    path = _path(state_dir)
    try:
        control = Control(**json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError) as error:
        raise GateError(
            f"{path} cannot be understood ({error}); remove it and ask for what you want again"
        ) from error
    return control if control.release == release else None


def watched_release(
    state_dir: t.Union[str, Path], release: str, fresh: float, now: float
) -> GateFile:
    """The release that is being looked at.

    Args:
        release: the one it has to be; empty for any.
        fresh: seconds since its last look within which it is.

    Raises:
        GateError: there is none.
    """
    directory = gate_directory(state_dir)
    names = GateFile(state_dir, release).path.name if release else "*" + SUFFIX
    looked_at = sorted((path.stat().st_mtime, path.name) for path in directory.glob(names))
    nobody = f"{f'release {release} is not' if release else 'no release is'} being watched here"
    if not looked_at:
        raise GateError(f"{nobody} ({directory} has no look); is this a host of the release?")
    last, name = looked_at[-1]
    found = GateFile(state_dir, name[: -len(SUFFIX)])
    if _has_ended(state_dir):
        raise GateError(f"{nobody} ({found.release}, the last one, has ended)")
    if now - last > fresh:
        raise GateError(
            f"{nobody} (the last look at {found.release} is {now - last:.0f} s old);"
            " deploy.yml goes on with a release that was interrupted, rollback.yml takes it back"
        )
    return found


def _has_ended(state_dir: t.Union[str, Path]) -> bool:
    """Whether the ledger knows releases, and none of them is under way. A proxy has no ledger."""
    ledger = Ledger(Files(state_dir))
    newest = [ledger.read(service)[:1] for service in ledger.services()]
    return any(newest) and not any(unfinished_record(records) for records in newest)


def ask_for(
    state_dir: t.Union[str, Path], wanted: Control, write: bool
) -> t.Tuple[t.Optional[Control], t.Optional[Control]]:
    """Ask something of a release; nothing is written unless ``write``.

    Returns:
        what was asked before and what is asked now; equal if that is nothing new.

    Raises:
        GateError: the release is aborted already.
    """
    before = read_control(state_dir, wanted.release)
    if before and before.action == ABORT and wanted.action != ABORT:
        raise GateError(
            f"release {before.release} was told to abort by {before.by}, and that is final;"
            " start another release"
        )
    if _is_nothing_new(before, wanted):
        return before, before
    if write:
        write_whole(_path(state_dir), json.dumps(wanted.as_data(), indent=2) + "\n")
    return before, wanted


def _is_nothing_new(before: t.Optional[Control], wanted: Control) -> bool:
    if wanted.action == RESUME:
        return before is None or before.action != PAUSE
    if before is None or before.action != wanted.action:
        return False
    return wanted.action != PROMOTE or before.step == wanted.step


def _path(state_dir: t.Union[str, Path]) -> Path:
    return gate_directory(state_dir) / "control.json"
