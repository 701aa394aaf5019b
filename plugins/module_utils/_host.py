# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This module util is PRIVATE to the collection.
"""What a host knows by itself: its key for fingerprints, what image tags name, and which images of releases it has."""

from __future__ import annotations

import pathlib
import secrets
import typing as t

from ansible_collections.tagadodo.deploy.plugins.module_utils._containers import in_parallel
from ansible_collections.tagadodo.deploy.plugins.module_utils._documents import write_whole
from ansible_collections.tagadodo.deploy.plugins.module_utils._engine import engine_errors
from ansible_collections.tagadodo.deploy.plugins.module_utils._instance import LABEL
from ansible_collections.tagadodo.deploy.plugins.module_utils._ledger import Record
from ansible_collections.tagadodo.deploy.plugins.module_utils._stock import Stock

_NAMELESS = "<none>:<none>"  # how older engines list an image without a tag


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


def find_stock(
    client: t.Any, project: str, releases: t.Mapping[str, t.Sequence[Record]]
) -> t.List[Stock]:
    """The images here that releases of this ledger were made of; no other image is looked at.

    Raises:
        EngineError: the engine cannot say.
    """
    ours = {str(one["image"]) for records in releases.values() for one in records if "image" in one}
    if not ours:
        return []
    with engine_errors("looking at images"):
        images = client.api.images()
        containers = client.api.containers(all=True)
    return [
        Stock(names, image["Size"], _held(image, names, project, containers))
        for image in images
        for names in [tuple(sorted(ours.intersection(image.get("RepoDigests") or ())))]
        if names
    ]


def _held(
    image: t.Mapping[str, t.Any],
    ours: t.Sequence[str],
    project: str,
    containers: t.Sequence[t.Mapping[str, t.Any]],
) -> str:
    """What wants an image here besides our ledger; empty where nothing does."""
    names = [*(image.get("RepoTags") or ()), *(image.get("RepoDigests") or ())]
    others = sorted(set(names).difference(ours, [_NAMELESS]))
    if others:
        return f"it is {others[0]} too"
    repositories = {name.partition("@")[0] for name in ours}
    for one in containers:
        if one["ImageID"] == image["Id"]:
            return f"container {one['Names'][0].lstrip('/')} is of it"
        labels = one.get("Labels") or {}
        theirs = labels.get(LABEL + "project", project)
        if theirs != project and labels.get(LABEL + "image", "").partition("@")[0] in repositories:
            return f"installation {theirs} releases from the same repository"
    return ""
