# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This module util is PRIVATE to the collection.
"""The restic repository: what is asked of it, and its errors in one line that says what to change."""

from __future__ import annotations

import json
import os
import pathlib
import re
import subprocess
import typing as t
from dataclasses import dataclass

from ansible_collections.tagadodo.deploy.plugins.module_utils._backup import (
    BackupError,
    Settings,
    no_space,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._timestamp import seconds_of

# What restic says (0.14 to 0.18), and what that means. {r} is the repository, {d} restic's own words.
PROBLEMS = (
    (r"wrong password or no key found", "{r}: the password is wrong; set backup_password to the one it was made with"),
    (r"unable to open config file|Is there a repository", "{r}: there is no repository; run site.yml, which makes one"),
    (
        r"already locked",
        "{r}: it is locked ({d}); wait until the other restic has ended, or run `restic unlock` if it is gone",
    ),
    (r"no space left on device", "{r}: no space left on device; make room, or keep fewer snapshots (backup_keep)"),
    (
        r"contains errors|ciphertext verification failed|does not exist|StreamPack|Pack ID does not match"
        r"|invalid data|[Hh]ash does not match|no such file or directory",
        "{r}: it is damaged ({d}); look with `restic check --read-data`, and take another snapshot or repository",
    ),
)  # fmt: skip
RESTIC = "restic"


def explain(said: str, repository: str) -> str:
    """One line for what restic wrote to its standard error."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    for pattern, meaning in PROBLEMS:
        for line in lines:
            if re.search(pattern, line):
                return meaning.format(r=f"backup repository {repository}", d=_words(line))
    last = next(
        (line for line in reversed(lines) if line.startswith("Fatal")),
        (lines or ["no reason given"])[-1],
    )
    return f"backup repository {repository}: {_words(last)}"


def _words(line: str) -> str:
    return re.sub(r"^(Fatal|ignoring error for \S+|error): ", "", line)


def shown(repository: str) -> str:
    """A repository without the password that its address may hold."""
    return re.sub(r"(://[^:/@]+):[^@/]+@", r"\1:***@", repository)


@dataclass(frozen=True)
class Snapshot:
    """One snapshot; ``time`` is in seconds since 1970."""

    id: str
    time: float
    host: str
    tags: t.Tuple[str, ...]


class Restic:
    """Runs restic with the settings of a host. The password is in a file, all else in its environment."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._name = shown(settings.repository)

    def version(self) -> str:
        found = re.search(r"[\d.]+", self._run("version").stdout)
        return found[0] if found else ""

    def exists(self) -> bool:
        """Whether there is a repository and the password opens it.

        Raises:
            BackupError: the password is wrong, or nobody answers there.
        """
        done = self._restic("cat", "config", "--no-lock")
        if done.returncode == 0:
            return True
        problem = explain(done.stderr, self._name)
        if "there is no repository" in problem:
            return False
        raise BackupError(self._settings.hide(problem))

    def create(self) -> None:
        self._run("init")

    def snapshots(self, project: str = "") -> t.List[Snapshot]:
        """Snapshots of a project, or of the one that is read, newest first."""
        rows = json.loads(
            self._run(
                "snapshots",
                "--json",
                # A look leaves nothing behind, on the repository or here.
                *("--no-lock", "--no-cache"),
                *("--tag", project or self._settings.backup_project),
            ).stdout
            or "[]"
        )
        found = [_snapshot(row) for row in rows or ()]
        return sorted(found, key=lambda one: one.time, reverse=True)

    def find(self, wanted: str, project: str = "") -> Snapshot:
        """A snapshot of a project by (the beginning of) its id, or the newest for ``latest``.

        Raises:
            BackupError: there is none.
        """
        found = self.snapshots(project)
        chosen = [one for one in found if wanted == "latest" or one.id.startswith(wanted)]
        if not chosen:
            project = project or self._settings.backup_project
            known = ", ".join(one.id[:8] for one in found[:5]) or "none"
            raise BackupError(
                f"backup repository {self._name}: no snapshot {wanted} of {project}; there are: {known}"
            )
        return chosen[0]

    def backup(self, folder: pathlib.Path, tags: t.Sequence[str]) -> str:
        """Store a directory.

        Returns:
            the id of the snapshot.
        """
        tagged = ",".join([self._settings.project, *tags])
        done = self._restic(
            *("backup", "--json", "--quiet", "--host", self._settings.host, "--tag", tagged, "."),
            cwd=str(folder),
        )
        stored = re.findall(r'"snapshot_id":"([0-9a-f]+)"', done.stdout)
        if done.returncode == 0 and stored:
            return str(stored[-1])
        if stored:  # what could not be read is missing in it
            self.drop(stored[-1])
        raise BackupError(self._settings.hide(explain(done.stderr, self._name)))

    def drop(self, snapshot: str) -> None:
        """Remove a snapshot that is not good."""
        self._run("forget", snapshot)

    def check(self) -> None:
        """Look whether everything that snapshots need is there."""
        self._run("check", "--no-lock")

    def restore(self, snapshot: Snapshot, target: pathlib.Path) -> None:
        """Get what was stored back into a directory."""
        done = self._restic("restore", snapshot.id, "--no-lock", "--target", str(target))
        if "no space left on device" in done.stderr:  # here, not there
            raise BackupError(no_space(self._settings))
        self._check(done)

    def read(self, snapshot: Snapshot, file: str) -> str:
        """The text of one file of a snapshot."""
        return self._run("dump", "--no-lock", snapshot.id, f"/{file}").stdout

    def forget(self, keep: t.Mapping[str, int]) -> None:
        """Remove this host's old snapshots of the project, and what only they needed."""
        rules = [part for name, count in keep.items() for part in (f"--keep-{name}", str(count))]
        mine = ("--tag", self._settings.project, "--host", self._settings.host)
        self._run("forget", "--quiet", "--prune", "--group-by", "host", *mine, *rules)

    def unlock(self) -> None:
        """Remove locks of processes that are gone."""
        self._run("unlock")

    def _run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return self._check(self._restic(*arguments))

    def _check(self, done: subprocess.CompletedProcess[str]) -> subprocess.CompletedProcess[str]:
        if done.returncode != 0:
            raise BackupError(self._settings.hide(explain(done.stderr, self._name)))
        return done

    def _restic(self, *arguments: str, cwd: str = "/") -> subprocess.CompletedProcess[str]:
        cache = self._settings.state / "cache"
        environment = {
            "PATH": os.environ.get("PATH", "/usr/sbin:/usr/bin:/sbin:/bin"),
            "HOME": "/root",
            **self._settings.environment,
            "RESTIC_REPOSITORY": self._settings.repository,
            "RESTIC_PASSWORD_FILE": self._settings.password_file,
            "RESTIC_CACHE_DIR": str(cache),
        }
        try:
            return subprocess.run(
                [RESTIC, *arguments],
                cwd=cwd,
                env=environment,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                check=False,
                timeout=self._settings.timeout,
            )
        except FileNotFoundError as error:
            raise BackupError(
                "restic is not installed on this host; run site.yml, which installs it"
            ) from error
        except subprocess.TimeoutExpired as error:
            raise BackupError(
                f"backup repository {self._name}: restic {arguments[0]} did not end within"
                f" {self._settings.timeout} s; is the repository reachable? (backup_timeout)"
            ) from error


def _snapshot(row: t.Mapping[str, t.Any]) -> Snapshot:
    return Snapshot(
        id=row["id"],
        time=seconds_of(row["time"]),
        host=row["hostname"],
        tags=tuple(row.get("tags") or ()),
    )
