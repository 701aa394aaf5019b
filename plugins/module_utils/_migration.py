# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This module util is PRIVATE to the collection.
"""Migrations of one service: what its commands report, and what a release makes of it.

A service's ``status`` command prints one JSON object ``{"migrations": [{"name": ..., "applied":
...}]}``, oldest first. ``applied`` is a boolean, or the time it was applied and null. What ``up``
did is never taken from its exit code, but from the status before and after.
"""

from __future__ import annotations

import json
import re
import typing as t
from dataclasses import dataclass, field

LAST_LINES = 3
EXCERPT = 200
KILLED = 137  # not every engine tells that memory ran out

Data = t.Dict[str, t.Any]


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


class MigrationError(Exception):
    """Migrations failed, or nobody can tell; the text is one line, ``result`` what is known."""

    def __init__(self, message: str, result: Data | None = None) -> None:
        super().__init__(message)
        self.result = result or {}


@dataclass(frozen=True)
class Migration:
    """One migration, as the service's status command reports it."""

    name: str
    applied: bool


@dataclass(frozen=True)
class History:
    """All migrations an image knows or its database has, oldest first."""

    migrations: tuple[Migration, ...]

    @classmethod
    def parse(cls, text: str) -> History:
        """Read what a status command printed.

        Raises:
            MigrationError: it is not the one JSON object that was agreed on.
        """
        try:
            document = json.loads(text)
        except ValueError:
            raise MigrationError(f"prints no JSON object but {_first_line(text)}") from None
        rows = document.get("migrations") if isinstance(document, dict) else None
        if not isinstance(rows, list):
            raise MigrationError(f"prints JSON without a list of migrations: {_first_line(text)}")
        history = cls(tuple(_migration(row) for row in rows))
        twice = [name for name in history.names() if history.names().count(name) > 1]
        if twice:
            raise MigrationError(f"names migration {twice[0]} twice")
        return history

    def as_list(self) -> list[Data]:
        return [{"name": one.name, "applied": one.applied} for one in self.migrations]

    def names(self) -> tuple[str, ...]:
        return tuple(one.name for one in self.migrations)

    def applied(self) -> tuple[str, ...]:
        return tuple(one.name for one in self.migrations if one.applied)

    def pending(self) -> tuple[str, ...]:
        return tuple(one.name for one in self.migrations if not one.applied)


def own_set(before: History, after: History) -> tuple[str, ...]:
    """What was applied in between, in order: what reverting this release would revert."""
    return tuple(name for name in after.applied() if name not in before.applied())


def lost_set(before: History, after: History) -> tuple[str, ...]:
    """What was applied before and is no longer."""
    return tuple(name for name in before.applied() if name not in after.applied())


def _migration(row: t.Any) -> Migration:
    name = row.get("name") if isinstance(row, dict) else None
    if not isinstance(name, str) or not name or "applied" not in row:
        raise MigrationError(f"reports a migration without name and applied: {json.dumps(row)}")
    applied = row["applied"]
    if applied is not None and not isinstance(applied, (bool, str)):
        raise MigrationError(f"reports {name} as applied: {json.dumps(applied)}, not true or false")
    return Migration(name, bool(applied))


def _first_line(text: str) -> str:
    first = next((line.strip() for line in text.splitlines() if line.strip()), "")
    return repr(first[:EXCERPT]) if first else "nothing"


def last_words(run: Ran) -> str:
    """The end of what a command wrote to stderr, or else to stdout, in one line."""
    lines = [line.strip() for line in (run.stderr or run.stdout).splitlines() if line.strip()]
    return " | ".join(line[:EXCERPT] for line in lines[-LAST_LINES:]) or "it wrote nothing"


def ending(run: Ran) -> str:
    """How a command that did not end well ended."""
    if run.oom_killed:
        return "ran out of memory and was killed"
    if run.exit_code is None:
        return f"was stopped after {run.seconds:.0f} s, its time was over"
    if run.exit_code == KILLED:
        return "was killed, perhaps for want of memory"
    return f"failed with exit code {run.exit_code}"


@dataclass(frozen=True)
class Done:
    """What a release did to the migrations of a service."""

    before: History
    after: History
    seconds: float = 0.0
    output: tuple[str, ...] = ()

    def as_dict(self) -> Data:
        return {
            "migrations": self.after.as_list(),
            "pending_before": list(self.before.pending()),
            "applied": list(own_set(self.before, self.after)),
            "pending_after": list(self.after.pending()),
            "seconds": round(self.seconds, 3),
            "output": list(self.output),
        }


@dataclass(frozen=True)
class Migrator:
    """Runs the migration commands of one service.

    Args:
        service: its name, for messages.
        commands: argument vectors of ``status`` and ``up``.
        run: runs one of them; gets its name and its arguments.
    """

    service: str
    commands: t.Mapping[str, t.Sequence[str]]
    run: Run = field(repr=False)

    def status(self) -> History:
        """What is applied and what is pending.

        Raises:
            MigrationError: the command fails, or does not print what was agreed on.
        """
        ran = self._run("status")
        if ran.exit_code != 0:
            raise MigrationError(f"{self._named('status')} {ending(ran)}: {last_words(ran)}")
        try:
            return History.parse(ran.stdout)
        except MigrationError as error:
            raise MigrationError(f"{self._named('status')} {error}") from None

    def up(self) -> Done:
        """Apply everything that is pending, and see that it was.

        Raises:
            MigrationError: something pending is not applied; ``result`` says what was.
        """
        before = self.status()
        if not before.pending():
            return Done(before, before)
        ran = self._run("up")
        output = tuple(re.sub(r"\s+$", "", line) for line in (ran.stdout + ran.stderr).splitlines())
        try:
            after = self.status()
        except MigrationError as error:
            raise MigrationError(self._unknown(ran, error), _partly(before, ran, output)) from None
        done = Done(before, after, ran.seconds, output)
        problem = self._problem(ran, done)
        if problem:
            raise MigrationError(problem, done.as_dict())
        return done

    def _run(self, command: str) -> Ran:
        return self.run(command, self.commands[command])

    def _named(self, command: str) -> str:
        return f"{self.service}: migrations.{command} ({' '.join(self.commands[command])})"

    def _problem(self, ran: Ran, done: Done) -> str:
        applied = ", ".join(own_set(done.before, done.after)) or "nothing"
        pending = ", ".join(done.after.pending()) or "nothing"
        lost = ", ".join(lost_set(done.before, done.after))
        up = self._named("up")
        if ran.exit_code != 0:
            told = f"applied before that: {applied}; still pending: {pending}"
            return f"{up} {ending(ran)}: {last_words(ran)}; {told}"
        if done.after.pending():
            return f"{up} ended well but did not apply {pending}; applied: {applied}"
        if lost:
            return f"{up} ended well but {lost} is no longer applied"
        return ""

    def _unknown(self, ran: Ran, error: MigrationError) -> str:
        said = f"{ending(ran)}: {last_words(ran)}" if ran.exit_code != 0 else "ended well"
        return f"{self._named('up')} {said}; what it applied is not known, because {error}"


def report(service: str, done: Done) -> Data:
    """The result of having applied what was pending."""
    applied = own_set(done.before, done.after)
    return {
        "changed": bool(applied),
        "msg": f"{service}: applied {', '.join(applied) or 'nothing, all migrations were applied'}",
        **done.as_dict(),
        "diff": _diff(done.before.applied(), done.after.applied()),
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
        "diff": _diff(history.applied(), history.applied() + would),
    }


def _diff(before: t.Sequence[str], after: t.Sequence[str]) -> Data:
    before_text, after_text = ("".join(f"{name}\n" for name in names) for names in (before, after))
    return {"before": before_text, "after": after_text}


def _partly(before: History, ran: Ran, output: tuple[str, ...]) -> Data:
    return {
        "pending_before": list(before.pending()),
        "seconds": round(ran.seconds, 3),
        "output": list(output),
    }
