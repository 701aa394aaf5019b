# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This module util is PRIVATE to the collection.
"""The engine's side of instances: find, pull, create, start, drain, stop and remove containers."""

from __future__ import annotations

import re
import secrets
import typing as t
from concurrent.futures import ThreadPoolExecutor

from ansible_collections.tagadodo.deploy.plugins.module_utils._engine import (
    container_state,
    engine_errors,
    has_image,
    pull,
    remove,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._instance import (
    LABEL,
    Found,
    Instance,
    Slot,
    bytes_of,
)

_ESTABLISHED = "01"


def established(table: str, port: int) -> int:
    """How many connections to ``port`` are established in the text of a ``/proc/net/tcp`` table.

    Source: Documentation/networking/proc_net_tcp.rst of the Linux kernel.
    """
    rows = (line.split() for line in table.splitlines()[1:])
    wanted = f":{port:04X}"
    return sum(
        1 for row in rows if len(row) > 3 and row[1].endswith(wanted) and row[3] == _ESTABLISHED
    )


class Containers:
    """Containers of one project in one engine.

    Args:
        client: a ``docker.DockerClient``.
        project: prefix and label of everything that is ours.
        network: name of the bridge instances have fixed addresses in.
        address: of this host, at which proxies on other hosts reach instances.
    """

    def __init__(self, client: t.Any, project: str, network: str, address: str = "") -> None:
        self._client = client
        self._api = client.api
        self._project = project
        self._network = network
        self._address = address

    def find(self, service: str = "", slot: str = "") -> t.List[Found]:
        """Our containers, running or not, optionally of one service and slot; sorted by name."""
        labels = [f"{LABEL}project={self._project}"]
        labels += [f"{LABEL}service={service}"] if service else [f"{LABEL}service"]
        labels += [f"{LABEL}slot={slot}"] if slot else []
        with engine_errors("listing containers"):
            rows = self._api.containers(all=True, filters={"label": labels})
        return sorted((self._found(row) for row in rows), key=lambda found: found.name)

    @staticmethod
    def _found(row: t.Mapping[str, t.Any]) -> Found:
        status = str(row.get("Status", ""))
        health = re.search(r"\((healthy|unhealthy|health: starting)\)", status)
        return Found(
            name=row["Names"][0].lstrip("/"),
            running=row.get("State") == "running",
            labels=row.get("Labels") or {},
            status=status,
            health=health.group(1).replace("health: ", "") if health else "",
            started_at=str(row.get("Created", "")),
        )

    def has_image(self, image: str) -> bool:
        return has_image(self._client, image)

    def pull(self, image: str) -> None:
        pull(self._client, image)

    def discard_image(self, image: str) -> None:
        """Take its name from an image, and remove what has no other; never one that a container is of."""
        with engine_errors(f"removing image {image}"):
            self._api.remove_image(image)

    def create(self, wanted: Slot, instance: Instance, mark: str) -> None:
        """Create and start one instance with its fixed address, limits and hardening."""
        with engine_errors(f"creating container {instance.name}"):
            made = self._create(wanted, instance, mark)
        with engine_errors(f"starting container {instance.name}"):
            self._api.start(made["Id"])

    def _create(self, wanted: Slot, instance: Instance, mark: str) -> t.Any:
        runtime, resources, security = (
            wanted.runtime,
            wanted.runtime["resources"],
            wanted.runtime["security"],
        )
        memory = bytes_of(resources["memory"])
        port = runtime["port"]
        published = {port: (self._address, instance.published)} if instance.published else {}
        host = self._api.create_host_config(
            network_mode=self._network,
            port_bindings=published,
            restart_policy={"Name": "unless-stopped"},
            cap_drop=["ALL"],
            cap_add=list(security["capabilities"]),
            security_opt=["no-new-privileges"],
            read_only=security["read_only"],
            tmpfs=dict.fromkeys(security["tmpfs"], "mode=1777"),
            mem_limit=memory,
            memswap_limit=memory,
            nano_cpus=int(resources["cpus"] * 1e9) or None,
            pids_limit=resources["pids"],
            log_config={
                "type": "json-file",
                "config": {
                    "max-size": resources["log_size"],
                    "max-file": str(resources["log_files"]),
                },
            },
        )
        endpoint = self._api.create_endpoint_config(ipv4_address=instance.address)
        environment = {
            **{key: str(value) for key, value in runtime["env"].items()},
            **wanted.secrets,
        }
        return self._api.create_container(
            image=wanted.image,
            name=instance.name,
            hostname=instance.name,
            user=security["user"],
            environment=environment,
            ports=list(published),
            labels=wanted.labels(self._project, instance, mark),
            host_config=host,
            networking_config=self._api.create_networking_config({self._network: endpoint}),
        )

    def start(self, name: str) -> None:
        with engine_errors(f"starting container {name}"):
            self._api.start(name)

    def stop(self, name: str, seconds: int) -> None:
        """Send the stop signal and wait up to ``seconds`` before the process is killed."""
        with engine_errors(f"stopping container {name}"):
            self._api.stop(name, timeout=seconds)

    def set_aside(self, name: str) -> str:
        """End a container at once and take its name and address from it.

        Returns:
            what it is called until it is removed; a later call that finds it there removes it.
        """
        aside = f"{name}-{secrets.token_hex(3)}"
        with engine_errors(f"setting container {name} aside"):
            self._api.stop(name, timeout=0)
            self._api.rename(name, aside)
        return aside

    def remove(self, name: str) -> None:
        remove(self._client, name)

    def open_connections(self, name: str, port: int) -> t.Optional[int]:
        """Established connections to ``port`` inside a running container.

        Returns:
            None where the host does not let us see (then the whole drain time is waited).
        """
        pid = container_state(self._client, name).pid
        try:
            tables = []
            for family in ("tcp", "tcp6"):
                with open(f"/proc/{pid}/net/{family}", encoding="ascii") as table:
                    tables.append(table.read())
        except OSError:
            return None
        return sum(established(table, port) for table in tables)


def in_parallel(work: t.Callable[[t.Any], t.Any], items: t.Sequence[t.Any]) -> t.List[t.Any]:
    """Do independent engine calls at once; the first error is raised after all have ended."""
    if not items:
        return []
    with ThreadPoolExecutor(max_workers=min(8, len(items))) as pool:
        return [future.result() for future in [pool.submit(work, item) for item in items]]
