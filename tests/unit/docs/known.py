# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What pages may speak of: settings, variables, groups and files that the collection has."""

from __future__ import annotations

import functools
import pathlib
import re
import typing as t

import yaml

from ansible_collections.tagadodo.deploy.plugins.module_utils._cluster import Cluster
from ansible_collections.tagadodo.deploy.plugins.module_utils._service import (
    SLOTS,
    Installation,
)
from ansible_collections.tagadodo.deploy.plugins.plugin_utils._command_line import NAMES
from ansible_collections.tagadodo.deploy.plugins.plugin_utils._render import Rendering, rendered
from ansible_collections.tagadodo.deploy.plugins.plugin_utils._services import parse_services

ROOT = pathlib.Path(__file__).resolve().parents[3]

_USED = re.compile(r"\b([a-z]\w+) \| default\(")
_GROUPS = re.compile(r"(?m)^  hosts: \"?([\w:]+)|groups\['(\w+)'\]|'(\w+)' in group(?:s|_names)\b")

Spec = t.Mapping[str, t.Any]


@functools.lru_cache(maxsize=1)
def role_options() -> dict[str, Spec]:
    """Settings of all roles, by name."""
    options: dict[str, Spec] = {}
    for path in ROOT.glob("roles/*/meta/argument_specs.yml"):
        main = yaml.safe_load(path.read_text())["argument_specs"].get("main", {})
        options.update(main.get("options", {}))
    return options


def playbooks() -> t.Iterator[str]:
    """Their texts, with those of the tasks they share."""
    for pattern in ("playbooks/*.yml", "playbooks/*/*.yml"):
        yield from (path.read_text() for path in ROOT.glob(pattern))


@functools.lru_cache(maxsize=1)
def groups() -> set[str]:
    """Groups of inventories that playbooks speak of."""
    named = (one for text in playbooks() for found in _GROUPS.findall(text) for one in found)
    return {group for names in named for group in names.split(":") if group} - {"all"}


@functools.lru_cache(maxsize=1)
def typed_names() -> set[str]:
    """Variables that a command line may set: settings of roles, and what playbooks take."""
    used = {name for text in playbooks() for name in _USED.findall(text)}
    return {*NAMES, *role_options(), *used}


@functools.lru_cache(maxsize=1)
def inventory_names() -> set[str]:
    """Variables of the inventories that come with the collection."""
    files = ROOT.glob("inventories/*/group_vars/all/*.yml")
    shared = ROOT.glob("inventories/common/*.yml")
    return {name for path in (*files, *shared) for name in yaml.safe_load(path.read_text()) or {}}


@functools.lru_cache(maxsize=1)
def file_paths() -> tuple[str, ...]:
    """The YAML files of this repository, from its root."""
    folders = ("playbooks", "inventories", "roles", "examples", ".github", "meta", "molecule")
    paths = [*ROOT.glob("*.yml"), *(p for f in folders for p in (ROOT / f).rglob("*.yml"))]
    return tuple(str(path.relative_to(ROOT)) for path in paths)


@functools.lru_cache(maxsize=1)
def rendered_names() -> set[str]:
    """Files that render.yml writes for the services of ``inventories/dev``, without their directories."""
    path = ROOT / "inventories/dev/group_vars/all/main.yml"
    services = parse_services(yaml.safe_load(path.read_text())["services"])
    cluster = Cluster.parse({"gateway": {"name": "public"}}, "tagadodo")
    files = [
        name
        for slot in SLOTS
        for name in rendered(Rendering(cluster, Installation(), slot), services, services)
    ]
    return {pathlib.Path(name).name for name in files}
