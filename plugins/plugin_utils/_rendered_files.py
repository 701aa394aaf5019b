# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This plugin util is PRIVATE to the collection.
"""The directory that manifests are rendered to: what of it is ours, and how it comes to be as it is to be."""

from __future__ import annotations

import pathlib
import typing as t

from ansible_collections.tagadodo.deploy.plugins.module_utils._cluster import ClusterError
from ansible_collections.tagadodo.deploy.plugins.module_utils._documents import write_whole
from ansible_collections.tagadodo.deploy.plugins.plugin_utils._render_before import Files, mark

MODE = 0o644  # they hold no secrets, and people put them into a repository
ENDINGS = (".yaml", ".md")


def found_files(directory: pathlib.Path) -> Files:
    """What renders have written there, by path below the directory. Files of others are not among them."""
    paths = sorted({*directory.glob("*.*"), *directory.glob("*/*.*")})
    texts = {
        str(path.relative_to(directory)): _text(path) for path in paths if path.suffix in ENDINGS
    }
    return {name: text for name, text in texts.items() if mark(name) in text.partition("\n")[0]}


def _text(path: pathlib.Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return ""


def check_ours(directory: pathlib.Path, found: Files, wanted: Files) -> None:
    """
    Raises:
        ClusterError: a file that would be written is there, and nobody of us has written it.
    """
    for name in wanted:
        if name not in found and (directory / name).exists():
            raise ClusterError(
                f"render_dir: {directory / name} is not one that render.yml has written; move it, or choose another directory"
            )


def write_rendered(directory: pathlib.Path, found: Files, wanted: Files) -> None:
    """Write what has changed, and remove what is stale and ours.

    Raises:
        OSError: it cannot be written.
    """
    for name, text in changed_files(found, wanted).items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, text, MODE, lasting=False)
    for name in stale_files(found, wanted):
        path = directory / name
        path.unlink()
        if path.parent != directory and not any(path.parent.iterdir()):
            path.parent.rmdir()


def changed_files(found: Files, wanted: Files) -> Files:
    return {name: text for name, text in sorted(wanted.items()) if found.get(name) != text}


def stale_files(found: Files, wanted: Files) -> t.List[str]:
    return sorted(set(found) - set(wanted))


def differences(directory: pathlib.Path, found: Files, wanted: Files) -> t.List[t.Dict[str, str]]:
    """A diff for each file that is written or removed."""
    names = sorted([*changed_files(found, wanted), *stale_files(found, wanted)])
    return [
        {
            "before_header": str(directory / name),
            "after_header": str(directory / name),
            "before": found.get(name, ""),
            "after": wanted.get(name, ""),
        }
        for name in names
    ]
