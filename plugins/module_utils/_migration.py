# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This module util is PRIVATE to the collection.
"""Migrations of one service: apply what is pending, and see that it was.

What ``up`` did is never taken from its exit code, but from the status before and after.
"""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass, field

from ansible_collections.tagadodo.deploy.plugins.module_utils._migration_history import (
    EXCERPT,
    Data,
    History,
    MigrationError,
    Reader,
    lost_set,
    own_set,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._migration_record import (
    MigrationRecord,
)

LAST_LINES = 3
_STACK = re.compile(r"at .*[:(]")  # where it happened, as Node.js and Java write it
KILLED = 137  # not every engine tells that memory ran out


class Ran(t.Protocol):
    """How a command ended; ``exit_code`` is None if its time was over."""

    @property
    def exit_code(self) -> int | None: ...
    @property
    def stdout(self) -> str: ...
    @property
    def stderr(self) -> str: ...
    @property
    def seconds(self) -> float: ...
    @property
    def oom_killed(self) -> bool: ...


Run = t.Callable[[str, t.Sequence[str]], Ran]


def last_words(run: Ran) -> str:
    """The end of what a command wrote to stderr, or else to stdout, in one line."""
    lines = [line.strip() for line in (run.stderr or run.stdout).splitlines() if line.strip()]
    telling = [line for line in lines if not _STACK.match(line)] or lines
    return " | ".join(line[:EXCERPT] for line in telling[-LAST_LINES:]) or "it wrote nothing"


def ending(run: Ran) -> str:
    """How a command that did not end well ended."""
    if run.oom_killed:
        return "ran out of memory and was killed"
    if run.exit_code is None:
        return f"was stopped after {run.seconds:.0f} s, its time was over"
    if run.exit_code == KILLED:
        return "was killed, perhaps for want of memory"
    return f"failed with exit code {run.exit_code}"


def written(run: Ran) -> tuple[str, ...]:
    """Every line a command wrote, standard output first."""
    return tuple(re.sub(r"\s+$", "", line) for line in (run.stdout + run.stderr).splitlines())


@dataclass(frozen=True)
class Done:
    """What a release did to the migrations of a service.

    ``own`` is all that the release applied, in earlier attempts too; None where nobody keeps account.
    """

    before: History
    after: History
    seconds: float = 0.0
    output: tuple[str, ...] = ()
    own: tuple[str, ...] | None = None

    def as_dict(self) -> Data:
        return {
            "migrations": self.after.as_list(),
            "pending_before": list(self.before.pending()),
            "applied": list(own_set(self.before, self.after)),
            "pending_after": list(self.after.pending()),
            "seconds": round(self.seconds, 3),
            "output": list(self.output),
            **({} if self.own is None else {"own": list(self.own)}),
        }


@dataclass(frozen=True)
class Migrator:
    """Runs the migration commands of one service.

    Args:
        service: its name, for messages.
        commands: argument vectors of ``status`` and ``up``.
        run: runs one of them; gets its name and its arguments.
        reader: reads what ``status`` prints.
        record: keeps account of what the release applies.
    """

    service: str
    commands: t.Mapping[str, t.Sequence[str]]
    run: Run = field(repr=False)
    reader: Reader = Reader()
    record: MigrationRecord = MigrationRecord()

    def status(self) -> History:
        """What is applied and what is pending.

        Raises:
            MigrationError: the command fails, or does not print what was agreed on.
        """
        ran = self.run("status", self.commands["status"])
        if ran.exit_code != 0:
            raise MigrationError(self._status(f"{ending(ran)}: {last_words(ran)}"))
        try:
            return self.reader.read(ran.stdout)
        except MigrationError as error:
            raise MigrationError(self._status(str(error))) from None

    def up(self, old_version_runs: bool = False, reason: str = "") -> Done:
        """Apply everything that is pending, and see that it was.

        Args:
            old_version_runs: so that nothing it may not work with is applied without a ``reason``.

        Raises:
            MigrationError: something pending is not applied; ``result`` says what was.
        """
        before = self.status()
        self.refuse_contracts(before, old_version_runs, reason)
        base = self.record.base(before)
        if not before.pending():
            return Done(before, before, own=self.record.ended("applied", base, before))
        self.record.began(before, reason)
        try:
            ran = self.run("up", self.commands["up"])
        except MigrationError as error:
            self.record.ended("unknown", base)
            raise MigrationError(str(error), _before(before)) from None
        return self._seen(before, ran, base)

    def refuse_contracts(self, history: History, old_version_runs: bool, reason: str) -> None:
        """Refuse what the running version may not work with.

        Raises:
            MigrationError: names the first such migration.
        """
        contracts = history.pending_contracts()
        if contracts and old_version_runs and not reason:
            raise MigrationError(
                f"{self.service}: migration {contracts[0]} is labelled contract and the running"
                " version may not work with it; release it alone after the version that no longer"
                " needs what it removes, or give -e reason=...",
                _before(history),
            )

    def named(self, command: str, argv: t.Sequence[str] = ()) -> str:
        """A command as messages call it."""
        return f"migrations.{command} ({' '.join(argv or self.commands[command])})"

    def _status(self, problem: str) -> str:
        return f"{self.service}: {self.named('status')} {problem}"

    def _seen(self, before: History, ran: Ran, base: t.Sequence[str]) -> Done:
        try:
            after = self.status()
        except MigrationError as error:
            self.record.ended("unknown", base)
            known = {**_before(before), "seconds": round(ran.seconds, 3), "output": [*written(ran)]}
            raise MigrationError(self._unknown(ran, error), known) from None
        problem = self._problem(ran, before, after)
        whole = not after.pending() and not lost_set(before, after)
        own = self.record.ended("applied" if whole else "partial", base, after)
        done = Done(before, after, ran.seconds, written(ran), own)
        if problem:
            raise MigrationError(problem, done.as_dict())
        return done

    def _problem(self, ran: Ran, before: History, after: History) -> str:
        applied = ", ".join(own_set(before, after)) or "nothing"
        pending = ", ".join(after.pending()) or "nothing"
        lost = ", ".join(lost_set(before, after))
        up = f"{self.service}: {self.named('up')}"
        if ran.exit_code != 0:
            told = f"applied before that: {applied}; still pending: {pending}"
            return f"{up} {ending(ran)}: {last_words(ran)}; {told}"
        if after.pending():
            return f"{up} ended well but did not apply {pending}; applied: {applied}"
        if lost:
            return f"{up} ended well but {lost} is no longer applied"
        return ""

    def _unknown(self, ran: Ran, error: MigrationError) -> str:
        said = f"{ending(ran)}: {last_words(ran)}" if ran.exit_code != 0 else "ended well"
        up = f"{self.service}: {self.named('up')}"
        return f"{up} {said}; what it applied is not known, because {error}"


def _before(before: History) -> Data:
    return {"pending_before": list(before.pending())}


def report(service: str, done: Done) -> Data:
    """The result of having applied what was pending."""
    applied = own_set(done.before, done.after)
    return {
        "changed": bool(applied),
        "msg": f"{service}: applied {', '.join(applied) or 'nothing, all migrations were applied'}",
        **done.as_dict(),
        "diff": difference(done.before.applied(), done.after.applied()),
    }


def planned(service: str, history: History, apply: bool) -> Data:
    """The result of having only looked; with ``apply`` it says what applying would change."""
    pending = history.pending()
    would = pending if apply else ()
    return {
        "changed": bool(would),
        "msg": f"{service}: pending: {', '.join(pending) or 'nothing'}",
        **Done(history, history).as_dict(),
        "applied": list(would),
        "diff": difference(history.applied(), history.applied() + would),
    }


def difference(before: t.Sequence[str], after: t.Sequence[str]) -> Data:
    """What is applied before and after, as Ansible shows differences."""
    before_text, after_text = ("".join(f"{name}\n" for name in names) for names in (before, after))
    return {"before": before_text, "after": after_text}
