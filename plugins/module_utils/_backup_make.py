# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This module util is PRIVATE to the collection.
"""Make one backup: every source is dumped and checked, then all of it becomes one snapshot, or none does."""

from __future__ import annotations

import json
import os
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
    SCHEMA,
    BackupError,
    Settings,
    staging,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._backup_files import stage
from ansible_collections.tagadodo.deploy.plugins.module_utils._backup_manifest import (
    FILE,
    parse,
    summary,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._backup_tools import Tools
from ansible_collections.tagadodo.deploy.plugins.module_utils._documents import Files, write_whole
from ansible_collections.tagadodo.deploy.plugins.module_utils._engine import EngineError
from ansible_collections.tagadodo.deploy.plugins.module_utils._ledger import (
    Ledger,
    LedgerError,
    live_record,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._restic import Restic, Snapshot

Facts = t.Dict[str, t.Any]
LAST = "last.json"  # how the newest backup went, for monitoring


@dataclass(frozen=True)
class Backup:
    """Makes backups of a host.

    Args:
        clock: seconds that only grow.
        now: seconds since 1970.
    """

    settings: Settings
    tools: Tools
    restic: Restic
    clock: t.Callable[[], float] = field(default=time.monotonic)
    now: t.Callable[[], float] = field(default=time.time)

    def make(self, tags: t.Sequence[str] = ()) -> Facts:
        """Make one backup, then remove old ones. How it went is in ``last.json`` as well.

        Returns:
            ``{snapshot, seconds, bytes, sources, msg, problem}``; ``problem`` says why old ones stay.

        Raises:
            BackupError: no snapshot was made; what is backed up is as it was.
        """
        began = self.clock()
        try:
            with staging(self.settings) as place:
                done = self._make(place, tags, began)
        except (BackupError, EngineError) as error:
            self._note(ok=False, msg=str(error))
            raise BackupError(str(error)) from error
        done["problem"] = self._forget_old()
        self._note(
            ok=True,
            **{key: done[key] for key in ("snapshot", "seconds", "bytes", "msg", "problem")},
        )
        return done

    def _make(self, place: pathlib.Path, tags: t.Sequence[str], began: float) -> Facts:
        self.restic.unlock()  # a killed run's; and whether the repository is there and opens
        self.tools.clear()
        content = place / "content"
        content.mkdir(mode=0o700)
        manifest = self._manifest({name: dump(content / name) for name, dump in self._sources()})
        (content / FILE).write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")
        snapshot = self._stored(content, tags)
        size = sum(source["bytes"] for source in manifest["sources"].values())
        seconds = round(self.clock() - began, 1)
        holds = summary(manifest)
        held = ", ".join(source["holds"] for source in holds.values())
        return {
            "snapshot": snapshot.id[:8],
            "seconds": seconds,
            "bytes": size,
            "sources": holds,
            "msg": f"snapshot {snapshot.id[:8]} of {self.settings.project} in {seconds} s: {held}",
        }

    def _stored(self, content: pathlib.Path, tags: t.Sequence[str]) -> Snapshot:
        """The snapshot, whose manifest was read back; there is none if it cannot be."""
        made = self.restic.backup(content, tags)
        try:
            snapshot = self.restic.find(made, self.settings.project)
            parse(self.restic.read(snapshot, FILE))
        except BackupError:
            self.restic.drop(made)
            raise
        return snapshot

    def _sources(self) -> t.Iterator[t.Tuple[str, t.Callable[[pathlib.Path], Facts]]]:
        mongodb, redis = self.settings.mongodb, self.settings.redis
        if mongodb:
            yield "mongodb", lambda folder: _backup_mongodb.dump(self.tools, mongodb, folder)
        if redis:
            yield "redis", lambda folder: _backup_redis.dump(self.tools, redis, folder)
        for name, paths in self.settings.files.items():
            yield name, self._staged(paths, self._of_others(name))

    @staticmethod
    def _staged(
        paths: t.Sequence[str], without: t.Sequence[str]
    ) -> t.Callable[[pathlib.Path], Facts]:
        return lambda folder: stage(paths, folder, without)

    def _of_others(self, name: str) -> t.List[str]:
        return of_others(self.settings, name)

    def _manifest(self, sources: t.Mapping[str, Facts]) -> Facts:
        now = datetime.fromtimestamp(self.now(), timezone.utc)
        return {
            "schema": SCHEMA,
            "project": self.settings.project,
            "host": self.settings.host,
            "made_at": now.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "restic": self.restic.version(),
            "releases": self._live(),
            "sources": dict(sources),
        }

    def _live(self) -> t.Dict[str, t.Dict[str, str]]:
        ledger = Ledger(Files(self.settings.state_dir))
        try:
            live = {name: live_record(ledger.read(name)) for name in ledger.services()}
        except LedgerError as error:
            raise BackupError(str(error)) from error
        return {
            name: {"release": str(record["release"]), "version": str(record.get("version", ""))}
            for name, record in live.items()
            if record
        }

    def _forget_old(self) -> str:
        """Why old snapshots stay; the new one is good in any case."""
        try:
            self.restic.forget(self.settings.keep)
        except BackupError as error:
            return str(error)
        return ""

    def _note(self, **facts: object) -> None:
        at = datetime.fromtimestamp(self.now(), timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
        try:
            write_whole(
                self.settings.state / LAST, json.dumps({"at": at, **facts}, indent=1) + "\n"
            )
        except OSError:
            return  # it reports; it decides nothing


def of_others(settings: Settings, name: str) -> t.List[str]:
    """Paths that another source has, and those of backups themselves: who can read a backup needs no
    password, and who cannot would not find it there."""
    others = [path for other, paths in settings.files.items() if other != name for path in paths]
    return [*others, os.path.dirname(settings.password_file), str(settings.state)]
