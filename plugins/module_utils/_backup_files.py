# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This module util is PRIVATE to the collection.
"""Directories and files of a host: copied into a backup with their checksums, and put back.

``source/0/…`` holds the first path of a source, ``source/1/…`` the second. Owner and mode are kept.
"""

from __future__ import annotations

import hashlib
import os
import pathlib
import shutil
import typing as t

Facts = t.Dict[str, t.Any]


def stage(paths: t.Sequence[str], folder: pathlib.Path, without: t.Collection[str] = ()) -> Facts:
    """Copy paths into a new directory; what does not exist is left out.

    Args:
        without: paths below them that belong to other sources.

    Returns:
        facts of the source, as ``facts_of``.
    """
    folder.mkdir(mode=0o700)
    for number, path in enumerate(paths):
        if os.path.lexists(path):
            _copy(pathlib.Path(path), folder / str(number), frozenset(without))
    return {"paths": list(paths), **facts_of(folder)}


def _copy(source: pathlib.Path, target: pathlib.Path, without: t.FrozenSet[str]) -> None:
    if source.is_dir() and not source.is_symlink():
        target.mkdir(mode=0o700)
        for entry in sorted(source.iterdir()):
            if str(entry) not in without:
                _copy(entry, target / entry.name, without)
    elif source.is_file() or source.is_symlink():
        shutil.copy2(source, target, follow_symlinks=False)
    else:
        return  # sockets and pipes hold nothing
    _adopt(source, target)


def _adopt(source: pathlib.Path, target: pathlib.Path) -> None:
    """Give ``target`` the owner, mode and times of ``source``."""
    known = source.lstat()
    os.chown(target, known.st_uid, known.st_gid, follow_symlinks=False)
    if not source.is_symlink():
        shutil.copystat(source, target)


def facts_of(folder: pathlib.Path) -> Facts:
    """``{"files": {path: sha256, or "-> target" of a link}, "bytes": int}`` below a directory."""
    found = {
        str(path.relative_to(folder)): _mark(path)
        for path in sorted(folder.rglob("*"))
        if path.is_symlink() or path.is_file()
    }
    size = sum((folder / name).lstat().st_size for name in found)
    return {"files": found, "bytes": size}


def facts_at(paths: t.Sequence[str], without: t.Collection[str] = ()) -> Facts:
    """The same of paths where they are, named as in a staged source."""
    found: t.Dict[str, str] = {}
    for number, path in enumerate(paths):
        for entry in _entries(pathlib.Path(path), frozenset(without)):
            below = os.path.relpath(entry, path)
            found[str(number) if below == "." else f"{number}/{below}"] = _mark(entry)
    return {"files": found}


def _entries(path: pathlib.Path, without: t.FrozenSet[str]) -> t.Iterator[pathlib.Path]:
    if path.is_dir() and not path.is_symlink():
        for entry in path.iterdir():
            if str(entry) not in without:
                yield from _entries(entry, without)
    elif path.is_symlink() or path.is_file():
        yield path


def _mark(path: pathlib.Path) -> str:
    return f"-> {os.readlink(path)}" if path.is_symlink() else sha256_of(path)


def sha256_of(path: pathlib.Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        for part in iter(lambda: stream.read(1 << 20), b""):
            digest.update(part)
    return digest.hexdigest()


def occupied(paths: t.Iterable[str]) -> t.List[str]:
    """Those of the paths that hold something."""
    return [path for path in paths if _holds_something(pathlib.Path(path))]


def _holds_something(path: pathlib.Path) -> bool:
    if path.is_dir() and not path.is_symlink():
        return any(_holds_something(entry) for entry in path.iterdir())
    return os.path.lexists(path)


def put_back(folder: pathlib.Path, paths: t.Sequence[str], keep: t.Collection[str] = ()) -> None:
    """Make paths hold what a staged source holds, and nothing else.

    Directories stay the same ones, because containers have them mounted; each file is replaced in one step.

    Args:
        keep: paths below them that belong to other sources and stay as they are.
    """
    for number, path in enumerate(paths):
        staged = folder / str(number)
        if os.path.lexists(staged):
            pathlib.Path(path).parent.mkdir(parents=True, exist_ok=True, mode=0o755)
            _replace(staged, pathlib.Path(path), frozenset(keep))


def _replace(source: pathlib.Path, target: pathlib.Path, keep: t.FrozenSet[str]) -> None:
    if source.is_dir() and not source.is_symlink():
        if os.path.lexists(target) and (target.is_symlink() or not target.is_dir()):
            target.unlink()
        target.mkdir(mode=0o700, exist_ok=True)
        names = {entry.name for entry in source.iterdir()}
        for entry in target.iterdir():
            if entry.name not in names and str(entry) not in keep:
                shutil.rmtree(
                    entry
                ) if entry.is_dir() and not entry.is_symlink() else entry.unlink()
        for entry in sorted(source.iterdir()):
            _replace(entry, target / entry.name, keep)
        _adopt(source, target)
        return
    if target.is_dir() and not target.is_symlink():
        shutil.rmtree(target)
    beside = target.with_name(f".{target.name}.restored")
    shutil.copy2(source, beside, follow_symlinks=False)
    _adopt(source, beside)
    os.replace(beside, target)
