# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This module util is PRIVATE to the collection.
"""Instances: the containers of one slot, as wanted and as found, and the steps between the two."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import typing as t
from dataclasses import dataclass, field

LABEL = "com.tagadodo.deploy."
RUNTIME_SETTINGS = ("port", "env", "resources", "security", "stop_timeout")
_UNITS = {"": 1, "b": 1, "k": 2**10, "m": 2**20, "g": 2**30}


def bytes_of(size: str) -> int:
    """``512m`` as a number of bytes, in powers of 1024 as the engine counts."""
    match = re.fullmatch(r"(\d+)([bkmg]?)b?", size.lower())
    if match is None:
        raise ValueError(f"{size!r} is not a size such as 512m or 1g")
    return int(match.group(1)) * _UNITS[match.group(2)]


def runtime_of(settings: t.Mapping[str, t.Any]) -> t.Dict[str, t.Any]:
    """The part of a service's settings that shapes its containers."""
    return {key: settings[key] for key in RUNTIME_SETTINGS}


def fingerprint(key: bytes, runtime: t.Mapping[str, t.Any], secrets: t.Mapping[str, str]) -> str:
    """Which settings, secrets included, a container was made with.

    Keyed with a secret of the host, so that the label that carries it gives nothing away.

    Returns:
        16 hexadecimal digits; equal for equal settings in any order.
    """
    known = json.dumps([runtime, secrets], sort_keys=True, separators=(",", ":"), default=str)
    return hmac.new(key, known.encode(), hashlib.sha256).hexdigest()[:16]


class SlotError(Exception):
    """A slot is not described well enough; the text is one line and says what to change."""


_NEEDED = {"pulled": ("image",), "started": ("release", "version", "image", "runtime")}


@dataclass(frozen=True)
class Instance:
    """One container as it should be."""

    name: str
    number: int
    address: str
    published: int = 0  # port on the host; 0 for none


@dataclass(frozen=True)
class Slot:
    """The instances of one service in one slot, as they should be on this host.

    Attributes:
        of: how many there are when all are started; 0 where that is not said.
    """

    service: str
    slot: str
    release: str
    version: str
    image: str
    runtime: t.Mapping[str, t.Any]
    instances: t.Tuple[Instance, ...]
    drain: int = 0
    secrets: t.Mapping[str, str] = field(default_factory=dict, repr=False)
    of: int = 0

    @classmethod
    def parse(cls, raw: t.Mapping[str, t.Any], secrets: t.Mapping[str, str]) -> Slot:
        return cls(
            service=raw["service"],
            slot=raw["slot"],
            release=raw["release"],
            version=raw["version"],
            image=raw["image"],
            runtime=raw.get("runtime") or {},
            instances=tuple(
                Instance(one["name"], one["number"], one["address"], one.get("published") or 0)
                for one in raw["instances"]
            ),
            drain=raw.get("drain", 0),
            secrets=secrets,
            of=raw.get("of") or 0,
        )

    def check(self, state: str, address: str = "") -> None:
        """
        Args:
            address: of the host, where instances are published.

        Raises:
            SlotError: it cannot be brought to ``state`` as it is described.
        """
        where = f"slots.{self.service}.{self.slot}"
        for name in _NEEDED.get(state, ()):
            if not getattr(self, name):
                raise SlotError(f"{where}.{name}: missing; state={state} needs it")
        if state == "started":
            if not address and any(instance.published for instance in self.instances):
                raise SlotError(f"{where}: it is published, and the host has no address")
            try:
                bytes_of(self.runtime["resources"]["memory"])
            except ValueError as error:
                raise SlotError(f"{where}.runtime.resources.memory: {error}") from None

    def labels(self, project: str, instance: Instance, mark: str) -> t.Dict[str, str]:
        facts = {
            "project": project,
            "service": self.service,
            "slot": self.slot,
            "instance": str(instance.number),
            "release": self.release,
            "version": self.version,
            "image": self.image,
            "fingerprint": mark,
        }
        return {LABEL + key: value for key, value in facts.items()}


@dataclass(frozen=True)
class Found:
    """One container as it is."""

    name: str
    running: bool
    labels: t.Mapping[str, str]
    status: str = ""
    health: str = ""
    started_at: str = ""

    def fact(self, key: str) -> str:
        return self.labels.get(LABEL + key, "")

    def summary(self) -> t.Dict[str, t.Any]:
        """What plans and status pages need of it."""
        return {
            "name": self.name,
            "running": self.running,
            "status": self.status,
            "health": self.health,
            "started_at": self.started_at,
            "number": int(self.fact("instance") or 0),
            **{
                key: self.fact(key)
                for key in ("service", "slot", "release", "version", "image", "fingerprint")
            },
        }


@dataclass(frozen=True)
class Step:
    """One thing to do to one container: ``create``, ``start`` or ``remove``."""

    action: str
    name: str
    reason: str


_COMPARED = ("release", "image", "fingerprint")


def steps_to_run(
    wanted: Slot, mark: str, project: str, found: t.Sequence[Found]
) -> t.Iterator[Step]:
    """What makes exactly the wanted instances run; removals come first, nothing when all is so.

    Args:
        mark: fingerprint of the wanted settings on this host.
        found: every container of this service and slot on this host.
    """
    by_name = {container.name: container for container in found}
    names = {instance.name for instance in wanted.instances}
    for name in sorted(set(by_name) - names):
        surplus = by_name[name]
        # One that runs for the same release may have traffic: it is stopped by name, when it has none.
        if not surplus.running or surplus.fact("release") != wanted.release:
            yield Step("remove", name, "no longer one of the slot's instances")
    for instance in wanted.instances:
        existing = by_name.get(instance.name)
        if existing is None:
            yield Step("create", instance.name, "missing")
            continue
        labels = wanted.labels(project, instance, mark)
        differs = [key for key in _COMPARED if existing.fact(key) != labels[LABEL + key]]
        if differs:
            yield Step("remove", instance.name, "other " + ", ".join(differs))
            yield Step("create", instance.name, "other " + ", ".join(differs))
        elif not existing.running:
            yield Step("start", instance.name, existing.status or "stopped")
