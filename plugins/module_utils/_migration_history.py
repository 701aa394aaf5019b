# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This module util is PRIVATE to the collection.
"""What a service's migration tool reports: its history, and how to read it.

By default a ``status`` command prints one JSON object ``{"migrations": [{"name": ..., "applied":
...}]}``, oldest first. ``applied`` is a boolean, or the time it was applied and null. A row may also
have ``missing`` (applied, but the image has no file for it), ``kind`` (expand or contract) and
``reversible``. What other tools print is read line by line, as the service describes it.
"""

from __future__ import annotations

import json
import re
import typing as t
from dataclasses import dataclass

EXCERPT = 200
KINDS = ("expand", "contract")

Data = t.Dict[str, t.Any]
# Colours and other commands to a terminal: CSI and OSC sequences of ECMA-48.
_TERMINAL = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])")


class MigrationError(Exception):
    """Migrations failed, or nobody can tell; the text is one line, ``result`` what is known."""

    def __init__(self, message: str, result: Data | None = None) -> None:
        super().__init__(message)
        self.result = result or {}


@dataclass(frozen=True)
class Migration:
    """One migration, as the service's status command reports it.

    Attributes:
        missing: it is applied, and the image has no file for it.
        contract: versions from before it may not work with it.
        reversible: reverting it loses nothing that its own ``down`` cannot restore.
    """

    name: str
    applied: bool
    missing: bool = False
    contract: bool = False
    reversible: bool = True

    def as_dict(self) -> Data:
        """What is usual is left out."""
        return {
            "name": self.name,
            "applied": self.applied,
            **({"missing": True} if self.missing else {}),
            **({"kind": "contract"} if self.contract else {}),
            **({} if self.reversible else {"reversible": False}),
        }


@dataclass(frozen=True)
class History:
    """All migrations an image knows or its database has, oldest first."""

    migrations: tuple[Migration, ...]

    @classmethod
    def parse(cls, text: str) -> History:
        """Read the JSON object that a status command printed.

        Raises:
            MigrationError: it is not the one that was agreed on.
        """
        try:
            document = json.loads(text)
        except ValueError:
            raise MigrationError(f"prints no JSON object but {_first_line(text)}") from None
        rows = document.get("migrations") if isinstance(document, dict) else None
        if not isinstance(rows, list):
            raise MigrationError(f"prints JSON without a list of migrations: {_first_line(text)}")
        return cls.of(_migration(row) for row in rows)

    @classmethod
    def of(cls, migrations: t.Iterable[Migration]) -> History:
        """The history of these.

        Raises:
            MigrationError: two of them have one name.
        """
        history = cls(tuple(migrations))
        names = history.names()
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice:
            raise MigrationError(f"names migration {twice} twice")
        return history

    def find(self, name: str) -> Migration | None:
        return next((one for one in self.migrations if one.name == name), None)

    def as_list(self) -> list[Data]:
        return [one.as_dict() for one in self.migrations]

    def names(self) -> tuple[str, ...]:
        return tuple(one.name for one in self.migrations)

    def applied(self) -> tuple[str, ...]:
        return tuple(one.name for one in self.migrations if one.applied)

    def pending(self) -> tuple[str, ...]:
        return tuple(one.name for one in self.migrations if not one.applied)

    def pending_contracts(self) -> tuple[str, ...]:
        return tuple(
            one.name for one in self.migrations if one.contract and one.name in self.pending()
        )

    def known_applied(self) -> tuple[str, ...]:
        """What is applied and in the image: all that a tool of the image can revert."""
        return tuple(one.name for one in self.migrations if one.applied and not one.missing)


def own_set(before: History, after: History) -> tuple[str, ...]:
    """What was applied in between, in order: what reverting this release would revert."""
    return tuple(name for name in after.applied() if name not in before.applied())


def lost_set(before: History, after: History) -> tuple[str, ...]:
    """What was applied before and is no longer."""
    return tuple(name for name in before.applied() if name not in after.applied())


@dataclass(frozen=True)
class Reader:
    """Reads what a status command prints, and adds labels that the tool cannot report.

    Attributes:
        line: finds ``name`` and ``applied`` in a line; None where JSON is printed.
        pending: what ``applied`` is, as a whole, where a migration is not.
        empty: found in what is printed where there are no migrations.
        contract: found in names of migrations that older versions may not work with.
        irreversible: found in names of those that cannot be reverted.
    """

    line: t.Pattern[str] | None = None
    pending: str = ""
    empty: str = ""
    contract: tuple[t.Pattern[str], ...] = ()
    irreversible: tuple[t.Pattern[str], ...] = ()

    @classmethod
    def of(cls, described: t.Mapping[str, t.Any]) -> Reader:
        """How ``migrations`` of a service says that its status is to be read."""
        parse, labels = described.get("parse") or {}, described.get("labels") or {}
        contract, irreversible = (
            tuple(re.compile(pattern) for pattern in labels.get(label) or ())
            for label in ("contract", "irreversible")
        )
        line = re.compile(parse["line"]) if parse else None
        pending, empty = parse.get("pending") or "", parse.get("empty") or ""
        return cls(line, pending, empty, contract, irreversible)

    def read(self, text: str) -> History:
        """The history that was printed.

        Raises:
            MigrationError: it cannot be read.
        """
        history = History.parse(text) if self.line is None else self._lines(text)
        return History(tuple(self._labelled(one) for one in history.migrations))

    def _lines(self, text: str) -> History:
        plain = _TERMINAL.sub("", text)
        found = [self.line.search(line) for line in plain.splitlines()] if self.line else []
        rows = [match for match in found if match]
        if not rows and not (self.empty and re.search(self.empty, plain)):
            raise MigrationError(f"prints no line that parse.line finds but {_first_line(plain)}")
        return History.of(
            Migration(row["name"].strip(), not self._is_pending(row["applied"])) for row in rows
        )

    def _is_pending(self, applied: str | None) -> bool:
        said = (applied or "").strip()
        return said == self.pending.strip() or bool(re.fullmatch(self.pending, said))

    def _labelled(self, one: Migration) -> Migration:
        return Migration(
            one.name,
            one.applied,
            one.missing,
            contract=one.contract or any(label.search(one.name) for label in self.contract),
            reversible=one.reversible
            and not any(label.search(one.name) for label in self.irreversible),
        )


def _migration(row: t.Any) -> Migration:
    name = row.get("name") if isinstance(row, dict) else None
    if not isinstance(name, str) or not name or "applied" not in row:
        raise MigrationError(f"reports a migration without name and applied: {json.dumps(row)}")
    applied = row["applied"]
    if applied is not None and not isinstance(applied, (bool, str)):
        raise MigrationError(f"reports {name} as applied: {json.dumps(applied)}, not true or false")
    kind = row.get("kind") or "expand"
    if kind not in KINDS:
        raise MigrationError(f"reports {name} as kind: {json.dumps(kind)}, not expand or contract")
    return Migration(
        name,
        bool(applied),
        missing=_truth(row, "missing", False),
        contract=kind == "contract",
        reversible=_truth(row, "reversible", True),
    )


def _truth(row: Data, key: str, usual: bool) -> bool:
    value = row.get(key)
    if value is not None and not isinstance(value, bool):
        told = f"reports {row['name']} as {key}: {json.dumps(value)}, not true or false"
        raise MigrationError(told)
    return usual if value is None else value


def _first_line(text: str) -> str:
    first = next((line.strip() for line in text.splitlines() if line.strip()), "")
    return repr(first[:EXCERPT]) if first else "nothing"
