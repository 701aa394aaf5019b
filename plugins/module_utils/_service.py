# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This module util is PRIVATE to the collection.
"""One service as the inventory describes it, and everything that follows from it alone.

The types and defaults of a service's settings live in ``roles/app/meta/argument_specs.yml``
(entry point ``service``); this module takes settings that passed it, checks what a type cannot
say (ranges, order, uniqueness) and derives names and addresses.
"""

from __future__ import annotations

import ipaddress
import re
import typing as t
import zlib
from dataclasses import dataclass, field

from ansible_collections.tagadodo.deploy.plugins.module_utils._instance import (
    bytes_of,
    runtime_of,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._kubernetes_settings import (
    kubernetes_problems,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._migration_settings import (
    migration_problems,
)

SLOTS = ("blue", "green")
MAX_INSTANCES = 16
BLOCKS = 399
FIRST_PORT = 20000
FIRST_FIXED = 512  # offset in the subnet: below are the gateway and dynamic addresses

# What shapes the pods of a slot: what shapes containers, and what only a cluster asks.
POD_SETTINGS = (
    "port",
    "env",
    "resources",
    "security",
    "stop_timeout",
    "health",
    "min_ready",
    "drain",
    "hostnames",
    "kubernetes",
)

_NAME = re.compile(r"[a-z][a-z0-9-]{0,30}[a-z0-9]")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
_HOSTNAME = re.compile(
    r"(?=.{1,253}$)[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*"
)


class ServiceError(Exception):
    """A service's description is wrong; the text is one line and names the setting."""


def other_slot(slot: str) -> str:
    """The slot that is not ``slot``."""
    return SLOTS[1 - SLOTS.index(slot)]


def access_log(log_dir: str, service: str) -> str:
    """The file nginx logs the requests of a service in, by which releases are judged."""
    return f"{log_dir}/nginx/{service}.access.json"


def registry_of(image: str) -> str:
    """The registry that the first part of ``image`` names; empty where it names none."""
    first, slash, _rest = image.partition("/")
    named = slash and ("." in first or ":" in first or first == "localhost")
    return first if named else ""


def image_repository(image: str, registry: str) -> str:
    """``image`` with ``registry`` in front, unless it names one already."""
    return image if registry_of(image) or not registry else f"{registry}/{image}"


@dataclass(frozen=True)
class Place:
    """On which hosts a service runs, and how proxies reach it.

    Attributes:
        hosts: their names.
        addresses: of those hosts, where proxies reach published ports. Empty where every proxy is one of the
            hosts: each serves the instances beside it, and nothing is published.
    """

    hosts: t.Tuple[str, ...] = ()
    addresses: t.Tuple[str, ...] = ()

    @classmethod
    def parse(cls, raw: t.Mapping[str, t.Any]) -> Place:
        return cls(tuple(raw["hosts"]), tuple(raw["addresses"]))

    @property
    def servers(self) -> int:
        """How many servers a proxy has for each number of an instance."""
        return len(self.addresses) or 1


@dataclass(frozen=True)
class Installation:
    """What services of one installation share: names, network, registry, hosts.

    Attributes:
        places: by service; one that is not named runs beside every proxy.
        kubernetes: whether its one host is a cluster.
    """

    project: str = "tagadodo"
    registry: str = "docker.io"
    subnet: str = "10.213.0.0/16"
    places: t.Mapping[str, Place] = field(default_factory=dict)
    kubernetes: bool = False

    def address(self, offset: int) -> str:
        """The ``offset``-th address of the subnet."""
        return str(ipaddress.ip_network(self.subnet)[offset])

    def place(self, service: str) -> Place:
        return self.places.get(service, Place())


@dataclass(frozen=True)
class Service:
    """A service's name and its settings, defaults filled in (see ``argument_specs.yml``)."""

    name: str
    settings: t.Mapping[str, t.Any]

    @property
    def block(self) -> int:
        """Which block of addresses its instances use: 0 to 398, stable for a name."""
        chosen = self.settings.get("address_block")
        return zlib.crc32(self.name.encode()) % BLOCKS if chosen is None else int(chosen)

    @property
    def hostnames(self) -> t.Tuple[str, ...]:
        return tuple(self.settings["hostnames"])

    @property
    def secrets(self) -> t.Mapping[str, str]:
        return {key: str(value) for key, value in (self.settings.get("secrets") or {}).items()}

    @property
    def public_settings(self) -> t.Dict[str, t.Any]:
        """The settings without the values of secrets: what plans, ledgers and diffs may show."""
        shown = dict(self.settings)
        shown["secrets"] = sorted(self.settings.get("secrets") or {})
        return shown

    def runtime(self, installation: Installation) -> t.Dict[str, t.Any]:
        """What shapes its containers, whether their ports are published included; on a cluster, its pods."""
        if installation.kubernetes:
            return {key: self.settings.get(key) for key in POD_SETTINGS}
        published = bool(installation.place(self.name).addresses)
        return {**runtime_of(self.settings), **({"published": True} if published else {})}

    def repository(self, installation: Installation) -> str:
        return image_repository(self.settings["image"], installation.registry)

    def container(self, installation: Installation, slot: str, number: int) -> str:
        return f"{installation.project}-{self.name}-{slot}-{number}"

    def _place(self, slot: str, number: int) -> int:
        return self.block * 2 * MAX_INSTANCES + SLOTS.index(slot) * MAX_INSTANCES + number - 1

    def address(self, installation: Installation, slot: str, number: int) -> str:
        """The fixed address of instance ``number`` (from 1) in the container network."""
        return installation.address(FIRST_FIXED + self._place(slot, number))

    def published_port(self, slot: str, number: int) -> int:
        """The port of that instance on its host where proxies are on other hosts."""
        return FIRST_PORT + self._place(slot, number)

    def numbers(self, count: int = 0) -> range:
        """Numbers of the first ``count`` instances of a slot on one host (0: of as many as it is to have)."""
        return range(1, (count or self.settings["instances"]) + 1)

    def instance_address(self, installation: Installation, slot: str, number: int) -> str:
        """``host:port`` of an instance on its own host."""
        return f"{self.address(installation, slot, number)}:{self.settings['port']}"

    def upstreams(self, installation: Installation, slot: str, count: int = 0) -> t.List[str]:
        """``host:port`` of the first ``count`` instances of ``slot`` on every host (0: of as many as it is to
        have), for a proxy: the first of each host, then the second, and so on."""
        addresses = installation.place(self.name).addresses
        if not addresses:
            return [self.instance_address(installation, slot, n) for n in self.numbers(count)]
        return [
            f"{address}:{self.published_port(slot, n)}"
            for n in self.numbers(count)
            for address in addresses
        ]


def _between(value: int, low: int, high: int, what: str) -> t.List[str]:
    return [] if low <= value <= high else [f"{what}: {value} is not between {low} and {high}"]


def _resource_problems(resources: t.Mapping[str, t.Any]) -> t.Iterator[str]:
    for key in ("memory", "log_size"):
        try:
            bytes_of(resources[key])
        except ValueError as error:
            yield f"resources.{key}: {error}"


def _share_problems(shares: t.Sequence[int]) -> t.Iterator[str]:
    for share in shares:
        yield from _between(share, 1, 100, "canary.shares")
    if list(shares) != sorted(set(shares)):
        yield f"canary.shares: {list(shares)} does not ascend; write each step's percent once, smallest first"
    elif not shares or shares[-1] < 100:
        yield f"canary.shares: {list(shares)} does not end with 100; the last step is all traffic"


def _strategy_problems(settings: t.Mapping[str, t.Any]) -> t.Iterator[str]:
    canary, rolling = settings["canary"], settings["rolling"]
    yield from _share_problems(canary["shares"])
    yield from _between(rolling["batch"], 1, settings["instances"], "rolling.batch")
    for name, strategy in (("canary", canary), ("rolling", rolling)):
        yield from _between(strategy["minimum"], 0, 86400, f"{name}.minimum")
        yield from _between(strategy["maximum"], strategy["minimum"], 7 * 86400, f"{name}.maximum")
    for path in settings["gate"]["smoke"]:
        if not path.startswith("/"):
            yield f"gate.smoke: {path!r} must be a path that starts with /"


def _migration_problems(settings: t.Mapping[str, t.Any]) -> t.Iterator[str]:
    migrations = settings.get("migrations") or {}
    if migrations:
        yield from (f"migrations.{problem}" for problem in migration_problems(migrations))
    variable = (migrations.get("lease") or {}).get("uri")
    if variable and variable not in (*settings["env"], *settings["secrets"]):
        yield f"migrations.lease.uri: neither env nor secrets set {variable}"


def _problems(name: str, settings: t.Mapping[str, t.Any]) -> t.Iterator[str]:
    if not _NAME.fullmatch(name):
        yield "the name may have lower-case letters, digits and dashes, 2 to 32 of them, and starts with a letter"
    if not re.fullmatch(r"[^\s:@]+(:\d+/[^\s:@]+)?", settings["image"]):
        yield f"image: {settings['image']!r} must be a repository without tag or digest; the tag is `version`"
    if settings.get("version") is not None and not _TAG.fullmatch(settings["version"]):
        yield f"version: {settings['version']!r} is not a valid image tag"
    yield from _between(settings["port"], 1, 65535, "port")
    yield from _between(settings["instances"], 1, MAX_INSTANCES, "instances")
    if settings.get("address_block") is not None:
        yield from _between(settings["address_block"], 0, BLOCKS - 1, "address_block")
    if not settings["hostnames"]:
        yield "hostnames: at least one is needed, or nginx cannot serve it"
    if settings["hostnames"][:1] and settings["hostnames"][0].startswith("*."):
        yield (
            f"hostnames: {settings['hostnames'][0]!r} comes first, and the first is asked by probes and names the"
            " certificate; put one without * before it"
        )
    for hostname in settings["hostnames"]:
        if not _HOSTNAME.fullmatch(hostname[2:] if hostname.startswith("*.") else hostname):
            yield f"hostnames: {hostname!r} is not a host name (lower case, no scheme, no port, no path)"
    for key in ("startup", "ready", "live", "full"):
        if not settings["health"][key].startswith("/"):
            yield f"health.{key}: {settings['health'][key]!r} must be a path that starts with /"
    for key in ("min_ready", "bake", "drain", "stop_timeout"):
        yield from _between(settings[key], 0, 86400, key)
    if not re.fullmatch(
        r"client|cookie:[A-Za-z0-9_]+|header:[A-Za-z0-9-]+", settings["route"]["sticky"]
    ):
        yield f"route.sticky: {settings['route']['sticky']!r} is not client, cookie:NAME or header:NAME"
    broken = list(_resource_problems(settings["resources"]))
    yield from broken
    # They are compared with these.
    yield from () if broken else (f"kubernetes.{one}" for one in kubernetes_problems(settings))
    yield from _strategy_problems(settings)
    yield from _migration_problems(settings)
    yield from _between(settings["backup"]["max_age"], 0, 8760, "backup.max_age")
    if settings["backup"]["before_release"] == "migrations" and not settings.get("migrations"):
        yield "backup.before_release: migrations, but it has none; describe them, or say always"
    both = sorted(set(settings["env"]) & set(settings["secrets"]))
    if both:
        yield f"env and secrets both set {', '.join(both)}; keep one"


def check_services(services: t.Sequence[Service]) -> None:
    """Check ranges and what services must not share.

    Raises:
        ServiceError: names the first problem as ``services.<name>.<setting>: <what to change>``.
    """
    hostnames: t.Dict[str, str] = {}
    blocks: t.Dict[int, str] = {}
    for service in services:
        for problem in _problems(service.name, service.settings):
            raise ServiceError(f"services.{service.name}.{problem}")
        for hostname in service.hostnames:
            first = hostnames.setdefault(hostname, service.name)
            if first != service.name:
                raise ServiceError(
                    f"services.{service.name}.hostnames: {hostname} already belongs to services.{first};"
                    " a host name leads to one service"
                )
        first = blocks.setdefault(service.block, service.name)
        if first != service.name:
            raise ServiceError(
                f"services.{service.name}.address_block: same block ({service.block}) as services.{first};"
                f" set address_block of one of them to a free number below {BLOCKS}"
            )
