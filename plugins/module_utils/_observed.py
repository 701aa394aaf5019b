# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This module util is PRIVATE to the collection.
"""What containers are made of, as the engine says, whatever their labels say. No value of a secret leaves the host."""

from __future__ import annotations

import typing as t

from ansible_collections.tagadodo.deploy.plugins.module_utils._containers import (
    Containers,
    in_parallel,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._engine import engine_errors

SAME, OTHER, MISSING = "same", "other", "missing"

Data = t.Dict[str, t.Any]


def observed(
    client: t.Any,
    project: str,
    network: str,
    names: t.Mapping[str, t.Collection[str]],
    secrets: t.Mapping[str, t.Mapping[str, str]],
) -> t.Dict[str, Data]:
    """Every container of a slot by its name: ``digests``, ``settings``, ``env``, ``secrets``, ``strangers``.

    Args:
        network: in which instances have their addresses.
        names: of variables whose values may be told, by service.
        secrets: what secrets are to be, by service. Only whether they are is told.

    Raises:
        EngineError: the engine cannot say.
    """
    found = Containers(client, project, network).find()
    services = [one.fact("service") for one in found]

    def look(index: int) -> Data:
        service = services[index]
        return _look(
            client, found[index].name, network, names.get(service, ()), secrets.get(service, {})
        )

    looks = in_parallel(look, range(len(found)))
    return {one.name: facts for one, facts in zip(found, looks) if facts}


def _look(
    client: t.Any,
    name: str,
    network: str,
    names: t.Collection[str],
    secrets: t.Mapping[str, str],
) -> Data:
    import docker.errors

    with engine_errors(f"looking at container {name}"):
        try:
            container = client.api.inspect_container(name)
            image = client.api.inspect_image(container["Image"])
        except docker.errors.NotFound:  # it has gone meanwhile
            return {}
    env = _variables(container["Config"].get("Env"))
    built_in = _variables(image["Config"].get("Env"))
    known = {*names, *secrets}
    return {
        "digests": sorted(
            name.partition("@")[2] for name in image.get("RepoDigests") or ()
        ),
        "settings": _settings(container, network),
        "image_user": image["Config"].get("User") or "",
        "env": {name: env[name] for name in names if name in env},
        "secrets": {name: _compared(env.get(name), value) for name, value in secrets.items()},
        "strangers": sorted(
            name for name, value in env.items() if name not in known and built_in.get(name) != value
        ),
    }  # fmt: skip


def _compared(there: t.Optional[str], wanted: str) -> str:
    if there is None:
        return MISSING
    return SAME if there == str(wanted) else OTHER


def _variables(lines: t.Optional[t.Sequence[str]]) -> t.Dict[str, str]:
    return {name: value for name, _equals, value in (line.partition("=") for line in lines or ())}


def _settings(container: Data, network: str) -> Data:
    """In the words of ``_drift.wanted_settings``."""
    host, config = container["HostConfig"], container["Config"]
    connected = (container["NetworkSettings"].get("Networks") or {}).get(network) or {}
    given = (connected.get("IPAMConfig") or {}).get("IPv4Address")
    published = [
        f"{one['HostIp']}:{one['HostPort']}"
        for bindings in (host.get("PortBindings") or {}).values()
        for one in bindings or ()
    ]
    log = (host.get("LogConfig") or {}).get("Config") or {}
    return {
        "memory": host.get("Memory") or 0,
        "swap": (host.get("MemorySwap") or 0) - (host.get("Memory") or 0),
        "cpus": (host.get("NanoCpus") or 0) / 1e9,
        "pids": host.get("PidsLimit") or 0,
        "user": config.get("User") or "",
        "read_only": bool(host.get("ReadonlyRootfs")),
        "capabilities": sorted(_plain(one) for one in host.get("CapAdd") or ()),
        "dropped": sorted(_plain(one) for one in host.get("CapDrop") or ()),
        "privileged": bool(host.get("Privileged")),
        "no_new_privileges": "no-new-privileges" in (host.get("SecurityOpt") or ()),
        "restart": (host.get("RestartPolicy") or {}).get("Name") or "",
        "log_size": log.get("max-size", ""),
        "log_files": log.get("max-file", ""),
        "address": given or "",
        "published": published,
    }


def _plain(capability: str) -> str:
    """Engines write them with and without what they all begin with."""
    return capability[4:] if capability.startswith("CAP_") else capability
