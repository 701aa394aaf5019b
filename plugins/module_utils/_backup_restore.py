# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This module util is PRIVATE to the collection.
"""Bring a snapshot back, in place or as a rehearsal, and say whether it is what was stored."""

from __future__ import annotations

import json
import pathlib
import time
import typing as t
from dataclasses import dataclass, field
from datetime import datetime, timezone

from ansible_collections.tagadodo.deploy.plugins.module_utils import (
    _backup_mongodb,
    _backup_redis,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._backup import (
    BackupError,
    Database,
    Settings,
    staging,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._backup_files import (
    facts_at,
    facts_of,
    occupied,
    put_back,
    sha256_of,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._backup_make import of_others
from ansible_collections.tagadodo.deploy.plugins.module_utils._backup_manifest import (
    FILE,
    chosen,
    differences,
    parse,
    summary,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._backup_tools import Tools
from ansible_collections.tagadodo.deploy.plugins.module_utils._documents import write_whole
from ansible_collections.tagadodo.deploy.plugins.module_utils._engine import EngineError
from ansible_collections.tagadodo.deploy.plugins.module_utils._restic import Restic, Snapshot

Facts = t.Dict[str, t.Any]


@dataclass(frozen=True)
class Restore:
    """Restores snapshots on a host.

    Args:
        clock: seconds that only grow.
        now: seconds since 1970.
    """

    settings: Settings
    tools: Tools
    restic: Restic
    clock: t.Callable[[], float] = field(default=time.monotonic)
    now: t.Callable[[], float] = field(default=time.time)

    def restore(self, wanted: str, only: t.Sequence[str], overwrite: bool, dry: bool) -> Facts:
        """Put a snapshot in place.

        Args:
            wanted: its id, or ``latest``.
            only: the sources to restore, or none for all but settings.
            overwrite: whether what is there may be replaced.

        Returns:
            ``{snapshot, made_at, sources, replaced, differences, seconds, msg}``.

        Raises:
            BackupError: nothing was changed, unless the text says so.
        """
        began = self.clock()
        with self._work() as place:
            snapshot, manifest = self._known(wanted)
            names = chosen(manifest, only)
            there = [line for name in names for line in self._occupied(name, place)]
            if there and not overwrite:
                raise BackupError(
                    f"not empty: {'; '.join(there)}. Restore into a fresh environment, or replace what is"
                    " there with -e overwrite=yes"
                )
            found: t.List[str] = []
            if not dry:
                content = self._fetch(snapshot, manifest, names, place)
                for name in names:
                    after = self._put_back(name, content, place)
                    found += differences(name, manifest["sources"][name], after)
            told = self._told(snapshot, manifest, names, there, self.clock() - began)
        verb = "would restore" if dry else "restored"
        same = "" if dry else "; counts and checksums are those of the manifest"
        if found:
            same = f"; NOT as stored: {'; '.join(found)}"
        return {**told, "differences": found, "msg": f"{verb} {told['msg']}{same}"}

    def rehearse(self, wanted: str, dry: bool) -> Facts:
        """Restore a snapshot where nobody uses it, and compare; with ``dry`` only tell which.

        Returns:
            the report, which is in the state directory as well: ``{ok, …}`` as ``restore`` has it.
        """
        began = self.clock()
        try:
            with self._work() as place:
                snapshot, manifest = self._known(wanted)
                names = list(manifest["sources"])
                if dry:
                    told = self._told(snapshot, manifest, names, [], self.clock() - began)
                    return {**told, "differences": [], "msg": f"would rehearse {told['msg']}"}
                content = self._fetch(snapshot, manifest, names, place)
                found = [
                    line
                    for name in names
                    for line in differences(
                        name, manifest["sources"][name], self._rehearse(name, content, place)
                    )
                ]
                told = self._told(snapshot, manifest, names, [], self.clock() - began)
        except (BackupError, EngineError) as error:
            self._note({"ok": False, "msg": str(error), "seconds": round(self.clock() - began, 1)})
            raise
        same = "; NOT as stored: " + "; ".join(found) if found else "; all of it is as stored"
        report = {
            "ok": not found,
            **told,
            "differences": found,
            "msg": f"rehearsed {told['msg']}{same}",
        }
        return {**report, "report": self._note(report)}

    def _work(self) -> t.ContextManager[pathlib.Path]:
        return staging(self.settings)

    def _known(self, wanted: str) -> t.Tuple[Snapshot, Facts]:
        snapshot = self.restic.find(wanted)
        self.restic.check()  # before anything is read: restic waits minutes for what is missing
        self.tools.clear()
        return snapshot, parse(self.restic.read(snapshot, FILE))

    def _fetch(
        self, snapshot: Snapshot, manifest: Facts, names: t.Sequence[str], place: pathlib.Path
    ) -> pathlib.Path:
        """Get the snapshot, and look whether all that is needed of it is what was stored."""
        content = place / "restored"
        self.restic.restore(snapshot, content)
        for name in names:
            stored = manifest["sources"][name]
            if "sha256" in stored:
                file = content / name / stored["file"]
                wrong = (
                    []
                    if file.exists() and sha256_of(file) == stored["sha256"]
                    else [f"{name}: {file.name}"]
                )
            else:
                wrong = differences(name, stored, facts_of(content / name))
            if wrong:
                raise BackupError(
                    f"snapshot {snapshot.id[:8]} is damaged: {wrong[0]}; take another one"
                )
        return content

    def _occupied(self, name: str, place: pathlib.Path) -> t.List[str]:
        if name == "mongodb":
            database = self._database("mongodb")
            held = _backup_mongodb.holds(self.tools, database, place / "before")
            return [f"mongodb has {', '.join(held[:3])}{' …' if held[3:] else ''}"] if held else []
        if name == "redis":
            databases = _backup_redis.holds(self.tools, self._database("redis"))
            keys = sum(one["keys"] for one in databases.values())
            return [f"redis has {keys} keys"] if keys else []
        return [f"{name} has {path}" for path in occupied(self._paths(name))][:1]

    def _database(self, name: str) -> Database:
        database = self.settings.mongodb if name == "mongodb" else self.settings.redis
        if database is None:
            raise BackupError(
                f"{name}: the backup has it, but this host has none to restore it to; set"
                f" backup_{name}_{'uri' if name == 'mongodb' else 'host'}, or choose others by -e only=…"
            )
        return database

    def _paths(self, name: str) -> t.Sequence[str]:
        if name not in self.settings.files:
            raise BackupError(
                f"{name}: the backup has it, but backup_files of this host do not name it"
            )
        return self.settings.files[name]

    def _put_back(self, name: str, content: pathlib.Path, place: pathlib.Path) -> Facts:
        folder, check = content / name, place / f"after-{name}"
        if name == "mongodb":
            return _backup_mongodb.restore(self.tools, self._database(name), folder, check)
        if name == "redis":
            return _backup_redis.restore(self.tools, self._database(name), folder, check)
        paths, others = self._paths(name), of_others(self.settings, name)
        put_back(folder, paths, others)
        return facts_at(paths, others)

    def _rehearse(self, name: str, content: pathlib.Path, place: pathlib.Path) -> Facts:
        folder, check = content / name, place / f"after-{name}"
        if name == "mongodb":
            return _backup_mongodb.rehearse(self.tools, self._database(name), folder, check)
        if name == "redis":
            return _backup_redis.rehearse(self.tools, self._database(name), folder)
        return facts_of(folder)

    def _told(
        self,
        snapshot: Snapshot,
        manifest: Facts,
        names: t.Sequence[str],
        there: t.Sequence[str],
        seconds: float,
    ) -> Facts:
        holds = {name: facts for name, facts in summary(manifest).items() if name in names}
        told = ", ".join(facts["holds"] for facts in holds.values())
        seconds = round(seconds, 1)
        return {
            "snapshot": snapshot.id[:8],
            "made_at": manifest["made_at"],
            "releases": manifest["releases"],
            "sources": holds,
            "replaced": list(there),
            "seconds": seconds,
            "msg": f"snapshot {snapshot.id[:8]} of {manifest['project']}, made {manifest['made_at']}, in {seconds} s: {told}",
        }

    def _note(self, report: Facts) -> str:
        at = datetime.fromtimestamp(self.now(), timezone.utc)
        path = self.settings.state / "drills" / f"{at:%Y%m%d-%H%M%S}.json"
        whole = {"at": f"{at:%Y-%m-%dT%H:%M:%SZ}", **report}
        write_whole(path, json.dumps(whole, indent=1, sort_keys=True) + "\n")
        return str(path)
