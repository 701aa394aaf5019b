# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This module util is PRIVATE to the collection.
"""The ledger: one JSON document per release and service on each host, written whole or not at all.

``releases/<service>/<release>.json``, below ``deploy_state_dir``; a release's name starts with its UTC time, so names
sort by age. Outcomes: ``running`` → ``succeeded``, ``failed`` or ``held`` (it waits for a decision, and
goes on when it is deployed again); one that was left by a rollback is ``rolled_back``.

What the releases of all services did to the environment is kept beside them, as service ``ENVIRONMENT``.
A document that is not a record (cut short, edited, of another program) is told and left out, never followed.
"""

from __future__ import annotations

import json
import typing as t

from ansible_collections.tagadodo.deploy.plugins.module_utils._documents import Documents

ROOT, SUFFIX = "releases", ".json"  # where the documents are
SCHEMA = 1
OUTCOMES = ("running", "succeeded", "failed", "held", "rolled_back")
HELD = "held"
UNFINISHED = ("running", HELD)
ENVIRONMENT = "_environment"  # no service's name: those begin with a letter

# What is followed, and so has to be of its type where it is there.
_TEXT = (
    "release",
    "service",
    "version",
    "image",
    "slot",
    "reason",
    "restores",
    "kind",
    "started_at",
)
_SHAPE: t.Dict[str, t.Tuple[type, ...]] = {
    **dict.fromkeys(_TEXT, (str,)),
    "settings": (dict,),
    "previous": (dict, type(None)),
    "verdicts": (list,),
    "migrations": (dict,),
    "shares": (list,),
}

Record = t.Dict[str, t.Any]


class LedgerError(Exception):
    """A record cannot be read or written; one line, names the document."""


class Ledger:
    """The releases this host knows of.

    Args:
        documents: of the host.
    """

    def __init__(self, documents: Documents) -> None:
        self._documents = documents

    def services(self) -> t.List[str]:
        """Services that were released here; not ``ENVIRONMENT``."""
        names = self._documents.names(ROOT)
        return [
            name for name in names if name != ENVIRONMENT and self._documents.names(_folder(name))
        ]

    def read(self, service: str) -> t.List[Record]:
        """All records of a service that can be understood, newest first."""
        return [record for record, _problem in self._all(service) if record]

    def damaged(self) -> t.List[str]:
        """A line for each document of any service that is left out, and why."""
        names = [*self.services(), ENVIRONMENT]
        return [problem for name in names for _record, problem in self._all(name) if problem]

    def _all(self, service: str) -> t.Iterator[t.Tuple[Record, str]]:
        """Each document as record, or as what is wrong with it."""
        for name in reversed(self._documents.names(_folder(service))):
            if not name.endswith(SUFFIX):
                continue
            try:
                yield self._load(service, name[: -len(SUFFIX)]), ""
            except LedgerError as error:
                yield {}, str(error)

    def _load(self, service: str, release: str) -> Record:
        path = _path(service, release)
        where = self._documents.where(path)
        try:
            record = json.loads(self._documents.read(path))
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, RecursionError) as error:
            raise LedgerError(
                f"{where}: not a readable release record ({error}); it is left out"
            ) from error
        problem = _misshapen(record, service, release)
        if problem:
            raise LedgerError(f"{where}: {problem}; it is left out")
        return t.cast(Record, record)

    def record(self, service: str, release: str) -> Record:
        """One record; empty where it is new.

        Raises:
            LedgerError: the document is not that record.
        """
        return self._load(service, release)

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
        before = self._known(service, release, write)
        kept = {key: value for key, value in before.items() if key not in forget}
        after = {"schema": SCHEMA, "release": release, "service": service, **kept, **facts}
        if after == before:
            return False
        if write:
            text = json.dumps(after, indent=2, sort_keys=True) + "\n"
            self._documents.write(_path(service, release), text)
        return True

    def _known(self, service: str, release: str, write: bool) -> Record:
        """The record to add to. A damaged one is put aside, so that nothing of it is lost."""
        try:
            return self.record(service, release)
        except LedgerError:
            if write:
                path = _path(service, release)
                self._documents.move(path, path + ".damaged")
            return {}

    def prune(self, services: t.Iterable[str], keep: int) -> None:
        """Remove the records of each service that are not among the newest ``keep``, and that no way back needs."""
        for service in services:
            records = self.read(service)
            kept = worth_keeping(records, keep)
            for record in records:
                if record not in kept:
                    self._documents.remove(_path(service, str(record["release"])))


def _folder(service: str) -> str:
    return f"{ROOT}/{service}"


def _path(service: str, release: str) -> str:
    return f"{_folder(service)}/{release}{SUFFIX}"


def _misshapen(record: t.Any, service: str, release: str) -> str:
    """Why a document is not the record of a release; empty where it is."""
    if not isinstance(record, dict) or record.get("schema") != SCHEMA:
        return f"not a release record of schema {SCHEMA}"
    if (record.get("service"), record.get("release")) != (service, release):
        return "not the record that its name says"
    if record.get("outcome", OUTCOMES[0]) not in OUTCOMES:
        return f"outcome {record['outcome']!r} is not known"
    for key, types in _SHAPE.items():
        if key in record and not isinstance(record[key], types):
            return f"{key} is not {types[0].__name__}"
    return ""


def whole_of(plan: t.Mapping[str, t.Any]) -> t.Mapping[str, t.Any]:
    """Of a plan's ``records``, that of the environment as a whole; empty where nothing is to be recorded."""
    records = plan.get("records") or ()
    return next((one for one in records if one.get("service") == ENVIRONMENT), {})


def live_record(records: t.Sequence[Record]) -> t.Optional[Record]:
    """The record of what is live: the newest one that succeeded and was not rolled back."""
    return next((record for record in records if record.get("outcome") == "succeeded"), None)


def worth_keeping(records: t.Sequence[Record], count: int) -> t.List[Record]:
    """The newest ``count`` records, and those that a way back from what is live needs, however old they are.

    These are the live one's own, the one to go back to from there, and those that a rollback among all of them
    has restored: where the same release is tried and taken back again and again, that is one of long ago.
    """
    live = live_record(records)
    needed = [one for one in (live, good_before(records, live)) if one]
    kept = {str(one["release"]) for one in (*records[:count], *needed)}
    kept |= {
        str(one["restores"]) for one in records if one["release"] in kept and "restores" in one
    }
    return [one for one in records if one["release"] in kept]


def unfinished_record(records: t.Sequence[Record]) -> t.Optional[Record]:
    """The newest record, if its release has not ended."""
    newest = next(iter(records), None)
    return newest if newest and newest.get("outcome") in UNFINISHED else None


def good_before(records: t.Sequence[Record], live: t.Optional[Record]) -> t.Optional[Record]:
    """The release to go back to from ``live``: the newest older one that succeeded."""
    return next(iter(good_ones_before(records, live)), None)


def good_ones_before(records: t.Sequence[Record], live: t.Optional[Record]) -> t.List[Record]:
    """Where going back from ``live`` again and again comes to: the older ones that succeeded, newest first.

    A live rollback counts as the release it restored, so that going back twice goes further back.
    """
    newest_allowed = "~" if live is None else str(live.get("restores") or live["release"])
    return [
        record
        for record in records
        if record.get("outcome") == "succeeded"
        and not record.get("restores")
        and str(record["release"]) < newest_allowed
    ]
