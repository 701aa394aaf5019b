# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This module util is PRIVATE to the collection.
"""Small texts by path, each written whole or not at all: what releases leave behind is kept in these.

On a host they are files below ``deploy_state_dir``. What keeps them elsewhere has the methods of ``Documents``.
"""

from __future__ import annotations

import os
import pathlib
import tempfile
import typing as t

from ansible_collections.tagadodo.deploy.plugins.module_utils._durable import sync_folder


class Documents(t.Protocol):
    """Texts by path; parts of a path are separated by ``/``. What goes wrong is an ``OSError``."""

    def where(self, path: str) -> str:
        """The text for people to find, such as a file's name."""

    def read(self, path: str) -> str:
        """
        Raises:
            FileNotFoundError: there is no such text.
        """

    def write(self, path: str, text: str) -> None:
        """Replace a text, or make it: a reader, a crash or a full disk never sees a part."""

    def move(self, path: str, to: str) -> None:
        """Give a text another path."""

    def remove(self, path: str) -> None:
        """
        Raises:
            FileNotFoundError: there is no such text.
        """

    def names(self, folder: str) -> t.List[str]:
        """What is directly in a folder, texts and folders, sorted; nothing where there is none."""


class Files:
    """Texts in files.

    Args:
        root: the directory that paths begin at.
    """

    def __init__(self, root: t.Union[str, pathlib.Path]) -> None:
        self._root = pathlib.Path(root)

    def where(self, path: str) -> str:
        return str(self._root / path)

    def read(self, path: str) -> str:
        return (self._root / path).read_text(encoding="utf-8")

    def write(self, path: str, text: str) -> None:
        write_whole(self._root / path, text)

    def move(self, path: str, to: str) -> None:
        (self._root / path).rename(self._root / to)

    def remove(self, path: str) -> None:
        (self._root / path).unlink()

    def names(self, folder: str) -> t.List[str]:
        # One that is being written begins with a dot.
        return sorted(path.name for path in (self._root / folder).glob("[!.]*"))


def write_whole(path: pathlib.Path, text: str, mode: int = 0o640, lasting: bool = True) -> None:
    """Replace ``path`` by ``text`` so that a reader, a crash or a full disk never sees a part.

    Args:
        lasting: whether a loss of power may not undo it, which is waited for.
    """
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o750)
    handle, name = tempfile.mkstemp(dir=str(path.parent), prefix="." + path.name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write(text)
            stream.flush()
            if lasting:
                os.fsync(stream.fileno())
        os.chmod(name, mode)
        os.replace(name, str(path))
    except BaseException:
        os.unlink(name)
        raise
    if lasting:
        sync_folder(path.parent)
