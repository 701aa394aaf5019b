# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This module util is PRIVATE to the collection.
"""What a host knows by itself: its key for fingerprints, and what image tags name."""

from __future__ import annotations

import pathlib
import secrets
import typing as t

from ansible_collections.tagadodo.deploy.plugins.module_utils._containers import in_parallel
from ansible_collections.tagadodo.deploy.plugins.module_utils._ledger import write_whole


def _key_file(state_dir: str) -> pathlib.Path:
    return pathlib.Path(state_dir) / "fingerprint.key"


def read_key(state_dir: str) -> bytes:
    """The host's own key for fingerprints; empty where none was made yet."""
    path = _key_file(state_dir)
    return path.read_bytes() if path.exists() else b""


def ensure_key(state_dir: str) -> bytes:
    """The host's own key for fingerprints, made at first use, readable by root only."""
    if not read_key(state_dir):
        write_whole(_key_file(state_dir), secrets.token_hex(32), mode=0o600)
    return read_key(state_dir)


def resolve_tags(client: t.Any, tags: t.Sequence[str]) -> t.Dict[str, t.Dict[str, str]]:
    """What each tag names: asked of its registry, else of the images the host already has.

    Returns:
        ``{tag: {"digest": "sha256:…", "source": "registry" | "host"}}`` or ``{tag: {"error": …}}``.
    """
    return dict(zip(tags, in_parallel(lambda tag: _resolve(client, tag), tags)))


def _resolve(client: t.Any, tag: str) -> t.Dict[str, str]:
    import docker.errors

    try:
        return {"digest": client.images.get_registry_data(tag).id, "source": "registry"}
    except (docker.errors.DockerException, OSError) as error:
        refused = str(getattr(error, "explanation", "") or error)
    try:
        repository = tag.rpartition(":")[0]
        for name in client.images.get(tag).attrs.get("RepoDigests") or []:
            if name.startswith(repository + "@"):
                return {"digest": name.partition("@")[2], "source": "host"}
    except (docker.errors.DockerException, OSError):
        return {"error": refused}
    return {"error": refused}
