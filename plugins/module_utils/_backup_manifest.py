# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This module util is PRIVATE to the collection.
"""What a backup holds, in its own words, and how what was restored differs from it."""

from __future__ import annotations

import json
import typing as t

from ansible_collections.tagadodo.deploy.plugins.module_utils import (
    _backup_mongodb,
    _backup_redis,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._backup import SCHEMA, BackupError

FILE = "manifest.json"

Facts = t.Dict[str, t.Any]


def parse(text: str) -> Facts:
    """The manifest of a snapshot.

    Raises:
        BackupError: it is not one.
    """
    try:
        manifest = json.loads(text)
        if manifest["schema"] == SCHEMA and manifest["sources"]:
            return dict(manifest)
    except (ValueError, KeyError, TypeError):
        pass
    raise BackupError(
        f"the snapshot has no {FILE} of schema {SCHEMA}; it was not made by this role"
    )


def chosen(manifest: Facts, only: t.Sequence[str]) -> t.List[str]:
    """The sources to restore. Settings are written by site.yml, so they come only when asked for.

    Raises:
        BackupError: one is not in the backup.
    """
    sources = manifest["sources"]
    for name in only:
        if name not in sources:
            raise BackupError(f"only: {name} is not in the backup; it has {', '.join(sources)}")
    return list(only) or [name for name in sources if name != "settings"]


def differences(name: str, stored: Facts, found: Facts) -> t.List[str]:
    """What is not as the manifest says, one line each."""
    if name == "mongodb":
        return _backup_mongodb.differences(stored, found)
    if name == "redis":
        return _backup_redis.differences(stored, found)
    return [
        f"{name}: {path} {'is missing' if path not in found['files'] else 'has other content'}"
        for path, mark in stored["files"].items()
        if found["files"].get(path) != mark
    ]


def told(name: str, facts: Facts) -> str:
    """One source in a few words: ``mongodb 120 documents in 3 collections (0.1 MB)``."""
    counts = {"mongodb": _backup_mongodb.told, "redis": _backup_redis.told}
    what = counts[name](facts) if name in counts else f"{len(facts['files'])} files"
    return f"{name} {what} ({size(facts['bytes'])})"


def size(count: int) -> str:
    """Bytes as people say them."""
    for unit, power in (("GB", 3), ("MB", 2), ("kB", 1)):
        if count >= 1000**power:
            return f"{count / 1000**power:.1f} {unit}"
    return f"{count} B"


def summary(manifest: Facts) -> Facts:
    """The sources for people: ``{name: {bytes, told}}``."""
    return {
        name: {"bytes": facts["bytes"], "holds": told(name, facts)}
        for name, facts in manifest["sources"].items()
    }
