# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This module util is PRIVATE to the collection.
"""What is remembered of the looks at a release where there are no files: a document for every so many looks.

The lock of the release keeps others from looking at the same time; a document grows until it is full.
"""

from __future__ import annotations

import contextlib
import json
import typing as t

from ansible_collections.tagadodo.deploy.plugins.module_utils._documents import Documents
from ansible_collections.tagadodo.deploy.plugins.module_utils._gate_file import (
    KEPT,
    Data,
    GateError,
    check_name,
)

FOLDER = "gate"
PER_DOCUMENT = 100  # looks; a few kilobytes each, and a document may have a mebibyte


class ClusterGates:
    """The releases that were looked at. Its methods are those of ``GateFiles``."""

    def __init__(self, documents: Documents) -> None:
        self._documents = documents
        self.where = documents.where(FOLDER)

    def of(self, release: str) -> ClusterGate:
        return ClusterGate(self._documents, release)

    def newest(self, release: str = "") -> t.Optional[t.Tuple[str, float]]:
        names = [release] if release else _releases(self._documents)[-1:]
        looks = [(name, self.of(name).last()) for name in names]
        return next(((name, float(look["at"])) for name, look in looks if look), None)


class ClusterGate:
    """The looks of one release. Its methods are those of ``GateFile``.

    Raises:
        GateError: that can be no release's name.
    """

    def __init__(self, documents: Documents, release: str) -> None:
        check_name(release)
        self._documents = documents
        self._folder = f"{FOLDER}/{release}"
        self.release = release
        self.where = documents.where(self._path(0))

    def records(self, since: int) -> t.List[Data]:
        looks = [
            look for part in self._parts()[since // PER_DOCUMENT :] for look in self._read(part)
        ]
        return [look for look in looks if look["number"] >= since]

    def last(self) -> t.Optional[Data]:
        parts = self._parts()
        looks = self._read(parts[-1]) if parts else []
        return looks[-1] if looks else None

    def append(self, record: t.Mapping[str, t.Any]) -> None:
        path = self._path(int(record["number"]) // PER_DOCUMENT)
        new = path.rpartition("/")[2] not in self._documents.names(self._folder)
        known = [] if new else self._read(path)
        lines = [json.dumps(look, separators=(",", ":")) for look in (*known, record)]
        self._documents.write(path, "\n".join(lines) + "\n")
        if new and not record["number"]:
            self._forget_old()

    def locked(self) -> t.ContextManager[None]:
        return contextlib.nullcontext()

    def _forget_old(self) -> None:
        """Remove what nobody will ask for."""
        for name in _releases(self._documents)[:-KEPT]:
            for part in self._documents.names(f"{FOLDER}/{name}"):
                self._documents.remove(f"{FOLDER}/{name}/{part}")

    def _path(self, part: int) -> str:
        return f"{self._folder}/{part:04d}.jsonl"

    def _parts(self) -> t.List[str]:
        return [f"{self._folder}/{name}" for name in self._documents.names(self._folder)]

    def _read(self, path: str) -> t.List[Data]:
        try:
            return [json.loads(line) for line in self._documents.read(path).splitlines()]
        except ValueError as error:
            where = self._documents.where(path)
            raise GateError(f"{where} cannot be understood ({error}); remove it") from error


def _releases(documents: Documents) -> t.List[str]:
    """Those that have looks, oldest first; what else is in the folder is no folder."""
    names = documents.names(FOLDER)
    return [name for name in names if documents.names(f"{FOLDER}/{name}")]
