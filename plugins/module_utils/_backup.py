# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This module util is PRIVATE to the collection.
"""What is backed up and where to: the settings file the role writes, and the place for dumps.

A backup is a directory (``manifest.json`` and one directory for each source) that becomes one
snapshot of a restic repository. The file is root's alone, because it holds credentials.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import pathlib
import shutil
import typing as t
from dataclasses import dataclass, field

SCHEMA = 1
# Owner of what a one-off container writes. Only root enters the directory above.
TOOL_USER = 65534

Facts = t.Dict[str, t.Any]


class BackupError(Exception):
    """A backup or restore cannot be made; the text is one line and says what to change."""


@dataclass(frozen=True)
class Database:
    """One database server as the tools reach it: ``{uri}`` or ``{host, port, password}``."""

    image: str
    uri: str = field(default="", repr=False)
    host: str = ""
    port: int = 0
    password: str = field(default="", repr=False)


@dataclass(frozen=True)
class Settings:
    """What ``settings.json`` says.

    Attributes:
        backup_project: project whose snapshots are read; another one's when its data moves here.
        mongodb, redis: None where they are not backed up.
        files: paths by name of the source.
        keep: snapshots kept, by ``last``, ``daily``, ``weekly``, ``monthly``.
        timeout: seconds one tool may take.
    """

    project: str
    backup_project: str
    host: str
    network: str
    config_dir: str
    state_dir: str
    staging_dir: str
    repository: str = field(repr=False)
    password_file: str
    environment: t.Mapping[str, str] = field(repr=False)
    files: t.Mapping[str, t.Sequence[str]]
    keep: t.Mapping[str, int]
    timeout: int
    mongodb: t.Optional[Database] = None
    redis: t.Optional[Database] = None

    @classmethod
    def read(cls, path: str) -> Settings:
        """Read the file.

        Raises:
            BackupError: it is missing or not what the role writes.
        """
        try:
            raw = json.loads(pathlib.Path(path).read_text(encoding="utf-8"))
            databases = {
                name: Database(**raw.pop(name)) for name in ("mongodb", "redis") if raw.get(name)
            }
            raw.update(dict.fromkeys(("mongodb", "redis"), None), **databases)
            return cls(**raw)
        except FileNotFoundError as error:
            raise BackupError(
                f"{path}: missing; is backup_repository set, and has site.yml run since?"
            ) from error
        except (OSError, ValueError, TypeError, AttributeError) as error:
            raise BackupError(f"{path}: not the settings of backups; run site.yml again") from error

    @property
    def sources(self) -> t.Tuple[str, ...]:
        """Names of what is backed up, in the order in which it is."""
        databases = (("mongodb", self.mongodb), ("redis", self.redis))
        return (*(name for name, database in databases if database), *self.files)

    @property
    def secrets(self) -> t.Tuple[str, ...]:
        """What no message may show."""
        uri = self.mongodb.uri if self.mongodb else ""
        redis = self.redis.password if self.redis else ""
        inside = [_password_in(address) for address in (uri, self.repository)]
        hidden = (uri if inside[0] else "", *inside, redis, *map(str, self.environment.values()))
        return tuple(secret for secret in hidden if len(secret) > 3)

    def hide(self, text: str) -> str:
        """``text`` in one line, without secrets."""
        for secret in self.secrets:
            text = text.replace(secret, "***")
        return " ".join(text.split())

    @property
    def state(self) -> pathlib.Path:
        return pathlib.Path(self.state_dir) / "backup"


def _password_in(address: str) -> str:
    """The password of ``scheme://user:password@host``."""
    return address.partition("://")[2].rpartition("@")[0].partition(":")[2]


@contextlib.contextmanager
def staging(settings: Settings) -> t.Iterator[pathlib.Path]:
    """An empty directory that only root enters, removed whatever happens; one backup at a time.

    Raises:
        BackupError: another backup or restore is at work, or the file system is full.
    """
    place = pathlib.Path(settings.staging_dir)
    try:
        settings.state.mkdir(parents=True, exist_ok=True, mode=0o700)
        with (settings.state / "lock").open("w", encoding="ascii") as lock:
            _claim(lock, settings)
            shutil.rmtree(place, ignore_errors=True)
            place.mkdir(parents=True, mode=0o700)
            try:
                yield place
            finally:
                shutil.rmtree(place, ignore_errors=True)
    except OSError as error:
        raise BackupError(_os_problem(error, settings)) from error


def _claim(lock: t.IO[str], settings: Settings) -> None:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise BackupError(
            f"another backup or restore of {settings.project} is at work on this host; wait until it ends"
        ) from None


def _os_problem(error: OSError, settings: Settings) -> str:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return no_space(settings)
    return f"{error.filename or settings.staging_dir}: {error.strerror or error}"


def no_space(settings: Settings) -> str:
    return (
        f"no space left for dumps in {settings.staging_dir}; make room there, or set"
        " backup_staging_dir to a directory that has more"
    )


def folder_for_tools(path: pathlib.Path) -> pathlib.Path:
    """A new directory that a one-off container may write to."""
    path.mkdir(mode=0o700)
    os.chown(path, TOOL_USER, TOOL_USER)
    return path
