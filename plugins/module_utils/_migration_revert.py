# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This module util is PRIVATE to the collection.
"""Revert exactly the migrations of one release, newest first, and stop at the first surprise.

A tool reverts what it takes for the last one, among the files it finds. So each step is checked
before and after, and nothing is touched where something is applied that nobody accounted for.
"""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass

from ansible_collections.tagadodo.deploy.plugins.module_utils._migration import (
    Migrator,
    difference,
    ending,
    last_words,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._migration_history import (
    Data,
    History,
    MigrationError,
    lost_set,
    own_set,
)

PLACE = "{name}"
# A name becomes a part of a command line, and often of a path.
_UNSAFE = re.compile(r"^-|[/\\\x00-\x1f\x7f]|^\.{1,2}$")


@dataclass(frozen=True)
class Reverter:
    """Reverts the own set of a release.

    Args:
        migrator: runs the commands, from the image that holds the migrations.
        names: the set, oldest first.
        before: what was applied before the release.
        reason: why migrations that are labelled irreversible are reverted nevertheless.
    """

    migrator: Migrator
    names: tuple[str, ...]
    before: tuple[str, ...]
    reason: str = ""

    def plan(self, history: History) -> tuple[str, ...]:
        """What is to be reverted, newest first; what is not applied any more is left out.

        Raises:
            MigrationError: it cannot be reverted exactly; nothing was touched.
        """
        todo = tuple(name for name in reversed(self.names) if name in history.applied())
        for problem in self._problems(history, todo):
            raise MigrationError(
                f"{self.migrator.service}: nothing was reverted: {problem}",
                self._result(history, history),
            )
        return todo

    def planned(self, history: History) -> Data:
        """The result of having only looked.

        Raises:
            MigrationError: it cannot be reverted exactly.
        """
        todo = self.plan(history)
        left = [name for name in history.applied() if name not in todo]
        return {
            "changed": bool(todo),
            "msg": f"{self.migrator.service}: would revert {', '.join(todo) or 'nothing'}",
            **self._result(history, history),
            "reverted": list(todo),
            "diff": difference(history.applied(), left),
        }

    def revert(self) -> Data:
        """Revert the set; the result of having done so.

        Raises:
            MigrationError: refused, or something unexpected happened; ``result`` says what was reverted.
        """
        first = now = self.migrator.status()
        todo = self.plan(first)
        self._record("reverting" if todo else "reverted", now)
        for name in todo:
            try:
                now, problem = self._step(name, now)
            except MigrationError as error:
                problem = str(error)
            if problem:
                self._record("revert_failed", now)
                raise MigrationError(self._told(first, now, problem), self._result(first, now))
            self._record("reverted" if name == todo[-1] else "reverting", now)
        reverted = ", ".join(todo) or "nothing, none of it is applied any more"
        return {
            "changed": bool(todo),
            "msg": f"{self.migrator.service}: reverted {reverted}",
            **self._result(first, now),
            "diff": difference(first.applied(), now.applied()),
        }

    def _step(self, name: str, before: History) -> tuple[History, str]:
        """Revert one; the history after it, and what was unexpected."""
        argv = self._down(name)
        if not self._names_it and before.known_applied()[-1] != name:
            return before, f"the last one applied is {before.known_applied()[-1]}, not {name}"
        ran = self.migrator.run("down", argv)
        down = self.migrator.named("down", argv)
        try:
            after = self.migrator.status()
        except MigrationError as error:
            return before, f"whether {down} reverted {name} is not known, because {error}"
        gone, new = lost_set(before, after), own_set(before, after)
        if ran.exit_code != 0:
            done = f"{', '.join(gone)} is reverted" if gone else f"{name} is still applied"
            return after, f"{down} {ending(ran)}: {last_words(ran)}; {done}"
        if gone != (name,) or new:
            what = ", ".join([*gone, *(f"{one} newly applied" for one in new)]) or "nothing"
            return after, f"{down} ended well but reverted {what} instead of {name}"
        return after, ""

    def _problems(self, history: History, todo: tuple[str, ...]) -> t.Iterator[str]:
        """Why the set cannot be reverted exactly; each in a line without its end."""
        for name in self.names:
            found = history.find(name)
            if not found or found.missing:
                yield f"the image does not hold {name}; give the image that applied it"
        for name in history.applied():
            if name not in (*self.before, *self.names):
                yield (
                    f"{name} is applied, but it was neither before this release nor is it one of its own;"
                    " revert the release that applied it first"
                )
        if todo and not self.migrator.commands.get("down"):
            yield f"{todo[0]} needs a command that reverts it; describe migrations.down"
        for name in todo:
            row = history.find(name)
            if row and not row.reversible and not self.reason:
                yield f"{name} is labelled irreversible; restore a backup, or give -e reason=..."
            if self._names_it and _UNSAFE.search(name):
                yield f"{name!r} cannot be put into migrations.down as a name; revert it by hand"
        last = tuple(reversed(history.known_applied()))[: len(todo)]
        if not self._names_it and last != todo:
            other = next((have for have, want in zip(last, todo) if have != want), "another")
            yield (
                f"migrations.down reverts the last one applied, and {other} would be reverted too;"
                f" describe a down with {PLACE}"
            )

    @property
    def _names_it(self) -> bool:
        return any(PLACE in word for word in self.migrator.commands.get("down") or ())

    def _down(self, name: str) -> list[str]:
        return [word.replace(PLACE, name) for word in self.migrator.commands["down"]]

    def _record(self, state: str, now: History) -> None:
        self.migrator.record.reverting(self.names, self.before, state, now, self.reason)

    def _result(self, first: History, now: History) -> Data:
        return {
            "migrations": now.as_list(),
            "reverted": self._gone(first, now),
            "not_reverted": [name for name in self.names if name in now.applied()],
        }

    def _gone(self, first: History, now: History) -> list[str]:
        """What is no longer applied, in the order it was to be; what was not to be comes last."""
        gone = lost_set(first, now)
        wanted = [name for name in reversed(self.names) if name in gone]
        return wanted + [name for name in gone if name not in wanted]

    def _told(self, first: History, now: History, problem: str) -> str:
        result = self._result(first, now)
        reverted, left = (", ".join(result[key]) for key in ("reverted", "not_reverted"))
        named = f"{self.migrator.service}: "
        said = problem if problem.startswith(named) else named + problem
        return f"{said}; reverted: {reverted or 'nothing'}; not reverted: {left or 'nothing'}"
