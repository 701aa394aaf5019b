# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This module util is PRIVATE to the collection.
"""What an operator asks of the release that is being watched: ``gate/control.json``.

It belongs to one release, and stands until something else is asked. ``promote`` belongs to the step
that is watched when it is asked for, so that it can be asked for again in a later one.
"""

from __future__ import annotations

import json
import typing as t
from dataclasses import dataclass

from ansible_collections.tagadodo.deploy.plugins.module_utils._documents import Documents
from ansible_collections.tagadodo.deploy.plugins.module_utils._gate_file import (
    Gate,
    GateError,
    Gates,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._ledger import (
    Ledger,
    unfinished_record,
)

PATH = "gate/control.json"
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


def read_control(documents: Documents, release: str) -> t.Optional[Control]:
    """What is asked of a release, if anything.

    Raises:
        GateError: the document was damaged.
    """
    try:
        control = Control(**json.loads(documents.read(PATH)))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError) as error:
        raise GateError(
            f"{documents.where(PATH)} cannot be understood ({error}); remove it and ask for what you want again"
        ) from error
    return control if control.release == release else None


def watched_release(gates: Gates, ledger: Ledger, release: str, fresh: float, now: float) -> Gate:
    """The release that is being looked at.

    Args:
        release: the one it has to be; empty for any.
        fresh: seconds since its last look within which it is.

    Raises:
        GateError: there is none.
    """
    looked_at = gates.newest(release)
    nobody = f"{f'release {release} is not' if release else 'no release is'} being watched here"
    if looked_at is None:
        raise GateError(f"{nobody} ({gates.where} has no look); is this a host of the release?")
    name, last = looked_at
    found = gates.of(name)
    if _has_ended(ledger):
        raise GateError(f"{nobody} ({found.release}, the last one, has ended)")
    if now - last > fresh:
        raise GateError(
            f"{nobody} (the last look at {found.release} is {now - last:.0f} s old);"
            " deploy.yml goes on with a release that was interrupted, rollback.yml takes it back"
        )
    return found


def _has_ended(ledger: Ledger) -> bool:
    """Whether the ledger knows releases, and none of them is under way. A proxy has no ledger."""
    newest = [ledger.read(service)[:1] for service in ledger.services()]
    return any(newest) and not any(unfinished_record(records) for records in newest)


def ask_for(
    documents: Documents, wanted: Control, write: bool
) -> t.Tuple[t.Optional[Control], t.Optional[Control]]:
    """Ask something of a release; nothing is written unless ``write``.

    Returns:
        what was asked before and what is asked now; equal if that is nothing new.

    Raises:
        GateError: the release is aborted already.
    """
    before = read_control(documents, wanted.release)
    if before and before.action == ABORT and wanted.action != ABORT:
        raise GateError(
            f"release {before.release} was told to abort by {before.by}, and that is final;"
            " start another release"
        )
    if _is_nothing_new(before, wanted):
        return before, before
    if write:
        documents.write(PATH, json.dumps(wanted.as_data(), indent=2) + "\n")
    return before, wanted


def _is_nothing_new(before: t.Optional[Control], wanted: Control) -> bool:
    if wanted.action == RESUME:
        return before is None or before.action != PAUSE
    if before is None or before.action != wanted.action:
        return False
    return wanted.action != PROMOTE or before.step == wanted.step
