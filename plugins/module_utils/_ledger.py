# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This module util is PRIVATE to the collection.
"""The ledger: one JSON file per release and service on each host, written whole or not at all.

``<state>/releases/<service>/<release>.json``; a release's name starts with its UTC time, so names
sort by age. Outcomes: ``running`` → ``succeeded``, ``failed`` or ``held`` (it waits for a decision, and
goes on when it is deployed again); one that was left by a rollback is ``rolled_back``.
"""

from __future__ import annotations

import json
import os
import pathlib
import tempfile
import typing as t

SCHEMA = 1
OUTCOMES = ("running", "succeeded", "failed", "held", "rolled_back")
UNFINISHED = ("running", "held")

Record = t.Dict[str, t.Any]


class LedgerError(Exception):
    """A record cannot be read or written; one line, names the file."""


def write_whole(path: pathlib.Path, text: str, mode: int = 0o640) -> None:
    """Replace ``path`` by ``text`` so that a reader, a crash or a full disk never sees a part."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o750)
    handle, name = tempfile.mkstemp(dir=str(path.parent), prefix="." + path.name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        os.chmod(name, mode)
        os.replace(name, str(path))
    except BaseException:
        os.unlink(name)
        raise
    folder = os.open(str(path.parent), os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


class Ledger:
    """The releases this host knows of.

    Args:
        state_dir: ``deploy_state_dir`` of the host.
    """

    def __init__(self, state_dir: str) -> None:
        self._root = pathlib.Path(state_dir) / "releases"

    def _path(self, service: str, release: str) -> pathlib.Path:
        return self._root / service / f"{release}.json"

    def services(self) -> t.List[str]:
        return sorted(path.name for path in self._root.glob("*") if path.is_dir())

    def read(self, service: str) -> t.List[Record]:
        """All records of a service, newest first.

        Raises:
            LedgerError: a file is not one of our records.
        """
        paths = sorted((self._root / service).glob("[!.]*.json"), reverse=True)
        return [self._load(path) for path in paths]

    @staticmethod
    def _load(path: pathlib.Path) -> Record:
        try:
            record = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise LedgerError(
                f"{path}: not a readable release record ({error}); move it away to go on"
            ) from error
        if not isinstance(record, dict) or record.get("schema") != SCHEMA:
            raise LedgerError(
                f"{path}: not a release record of schema {SCHEMA}; move it away to go on"
            )
        return record

    def record(self, service: str, release: str) -> Record:
        """One record; empty where it is new."""
        path = self._path(service, release)
        return self._load(path) if path.exists() else {}

    def update(
        self,
        service: str,
        release: str,
        facts: t.Mapping[str, t.Any],
        write: bool,
        forget: t.Collection[str] = (),
    ) -> bool:
        """Merge ``facts`` into a record, which is made if it is new.

        Args:
            forget: facts of the record that do not hold any more.

        Returns:
            whether that changes the record; nothing is written unless ``write``.
        """
        before = self.record(service, release)
        kept = {key: value for key, value in before.items() if key not in forget}
        after = {"schema": SCHEMA, "release": release, "service": service, **kept, **facts}
        if after == before:
            return False
        if write:
            path = self._path(service, release)
            write_whole(path, json.dumps(after, indent=2, sort_keys=True) + "\n")
        return True

    def prune(self, services: t.Iterable[str], keep: int) -> None:
        """Remove all but the newest ``keep`` records of each service; never the live one's."""
        for service in services:
            records = self.read(service)
            live = live_record(records)
            for record in records[keep:]:
                if record is not live:
                    self._path(service, str(record["release"])).unlink()


def live_record(records: t.Sequence[Record]) -> t.Optional[Record]:
    """The record of what is live: the newest one that succeeded and was not rolled back."""
    return next((record for record in records if record.get("outcome") == "succeeded"), None)


def unfinished_record(records: t.Sequence[Record]) -> t.Optional[Record]:
    """The newest record, if its release has not ended."""
    newest = next(iter(records), None)
    return newest if newest and newest.get("outcome") in UNFINISHED else None


def good_before(records: t.Sequence[Record], live: t.Optional[Record]) -> t.Optional[Record]:
    """The release to go back to from ``live``: the newest older one that succeeded.

    A live rollback counts as the release it restored, so that going back twice goes further back.
    """
    newest_allowed = "~" if live is None else str(live.get("restores") or live["release"])
    return next(
        (
            record
            for record in records
            if record.get("outcome") == "succeeded"
            and not record.get("restores")
            and str(record["release"]) < newest_allowed
        ),
        None,
    )
