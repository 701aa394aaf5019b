# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What YAML in pages means to the collection, by the code that a release checks it with."""

from __future__ import annotations

import typing as t

import kubernetes_validate
import yaml
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from known import ROOT, Spec, groups, inventory_names, role_options

from ansible_collections.tagadodo.deploy.plugins.module_utils._service import ServiceError
from ansible_collections.tagadodo.deploy.plugins.plugin_utils._services import (
    parse_services,
    service_options,
)

# What settings that are shown alone may stand beside.
MIGRATES = {"migrations": {"status": ["a"], "up": ["a"]}}


def document_problems(document: t.Any) -> t.Iterator[str]:
    """What is wrong with an inventory, settings of a service, or variables of an environment, whole or in part."""
    if not isinstance(document, dict):
        yield f"{document!r} is not a dictionary"
    elif {"apiVersion", "kind"} <= document.keys():
        yield from _manifest(document)
    elif "all" in document:
        yield from _inventory(document["all"])
    elif all(isinstance(one, dict) and "hosts" in one for one in document.values()):
        yield from _groups(document)
    elif not document.keys() - service_options().keys():
        yield from _services({"one": {**_least(), **MIGRATES, **document}})
    else:
        if "services" in document:
            yield from _services(document["services"])
        yield from _variables({k: v for k, v in document.items() if k != "services"})


def _manifest(document: dict[str, t.Any]) -> t.Iterator[str]:
    """By the newest API of Kubernetes that is known."""
    try:
        kubernetes_validate.validate(document, kubernetes_validate.latest_version(), strict=True)
    except kubernetes_validate.ValidationError as error:
        yield f"{document['kind']}: {error.message}"


def _least() -> dict[str, t.Any]:
    return {"image": "tagadodo/one", "port": 3000, "hostnames": ["one.example.com"]}


def _services(described: dict[str, t.Any]) -> t.Iterator[str]:
    """By what a release checks them with; examples may leave out what is not their matter."""
    try:
        parse_services({name: {**_least_of(name), **one} for name, one in described.items()})
    except ServiceError as error:
        yield str(error)


def _least_of(name: str) -> dict[str, t.Any]:
    return {**_least(), "hostnames": [f"{name}.example.com"]}


def _variables(named: t.Mapping[str, t.Any]) -> t.Iterator[str]:
    for name, value in named.items():
        if name in role_options():
            spec = {name: {**role_options()[name], "required": False}}
            done = ArgumentSpecValidator(_without_types(spec)).validate({name: value})
            yield from (f"{name}: {told}" for told in done.error_messages)
        elif name not in inventory_names() and not name.startswith("vault_"):
            yield f"{name}: nothing takes this variable"


def _without_types(options: t.Mapping[str, Spec]) -> dict[str, t.Any]:
    """Only what an argument spec of a module knows of it."""
    known = ("type", "elements", "choices", "required")
    return {
        name: {
            **{key: spec[key] for key in known if key in spec},
            **({"options": _without_types(spec["options"])} if "options" in spec else {}),
        }
        for name, spec in options.items()
    }


def _inventory(described: t.Mapping[str, t.Any]) -> t.Iterator[str]:
    hosts, children = described.get("hosts", {}), described.get("children", {})
    yield from _groups(children)
    for group, one in children.items():
        for name in one["hosts"]:
            if name not in hosts:
                yield f"{group}: {name} is no host of it"
    variables = [described.get("vars", {}), *(one or {} for one in hosts.values())]
    for name in {name for one in variables for name in one}:
        if not name.startswith("ansible_") and name not in role_options():
            yield f"{name}: nothing takes this variable"


def _groups(named: t.Iterable[str]) -> t.Iterator[str]:
    services = yaml.safe_load((ROOT / "inventories/common/services.yml").read_text())["services"]
    for group in named:
        if group not in groups() | set(services):
            yield f"{group}: no group of this name means anything"
