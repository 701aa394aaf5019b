# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Images that tests make of others."""

from __future__ import annotations

import io
import tarfile
import typing as t

import docker


def build_image(image: str, files: t.Mapping[str, str | bytes], mode: int = 0o644) -> None:
    """Build an image of files by their paths, ``Dockerfile`` among them."""
    context = io.BytesIO()
    with tarfile.open(fileobj=context, mode="w") as archive:
        for path, written in files.items():
            content = written.encode() if isinstance(written, str) else written
            entry = tarfile.TarInfo(path)
            entry.size, entry.mode = len(content), mode
            archive.addfile(entry, io.BytesIO(content))
    context.seek(0)
    docker.from_env().images.build(fileobj=context, custom_context=True, tag=image, rm=True)
