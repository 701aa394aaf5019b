# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This plugin util is PRIVATE to the collection.
"""What a render finds in its directory: files of earlier renders, and what these say."""

from __future__ import annotations

import typing as t

import yaml

from ansible_collections.tagadodo.deploy.plugins.module_utils._workload import DOMAIN

Files = t.Dict[str, str]  # text by path below the directory


def mark(path: str) -> str:
    """First line of what a render writes. A copy that somebody keeps elsewhere does not count as a render's."""
    return f"Written as {path} by render.yml of tagadodo.deploy; the next render replaces it."


def slot_file(service: str, slot: str) -> str:
    return f"{service}/{slot}.yaml"


def settings_file(service: str, name: str) -> str:
    return f"{service}/env-{name.rpartition('-')[2]}.yaml"


def files_below(found: Files, folder: str) -> Files:
    return {path: text for path, text in found.items() if path.startswith(folder)}


def config_maps(text: str) -> t.List[str]:
    """Names of the ConfigMaps that pods of these manifests are given."""
    return [
        source["configMapRef"]["name"]
        for one in yaml.safe_load_all(text)
        if one["kind"] == "Deployment"
        for container in one["spec"]["template"]["spec"]["containers"]
        for source in container.get("envFrom") or ()
        if "configMapRef" in source
    ]


def share_before(found: Files, service: str, slot: str) -> int:
    """Percent of requests that the slot got by the render before."""
    for route in yaml.safe_load_all(found.get(f"{service}/route.yaml", "")):
        weights = [one for rule in route["spec"]["rules"] for one in rule["backendRefs"]]
        return sum(one["weight"] for one in weights if one["name"].endswith(f"-{slot}"))
    for one in yaml.safe_load_all(found.get(f"{service}/shared.yaml", "")):
        if one["kind"] == "Service":
            return 100 if one["spec"]["selector"][f"{DOMAIN}slot"] == slot else 0
    return 0
