# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This module util is PRIVATE to the collection.
"""The pods of one slot of a service as they are to be, and what everything that belongs to them is called."""

from __future__ import annotations

import hashlib
import re
import typing as t
from dataclasses import dataclass

from ansible_collections.tagadodo.deploy.plugins.module_utils._cluster import LONGEST, Cluster
from ansible_collections.tagadodo.deploy.plugins.module_utils._service import (
    POD_SETTINGS,
    Installation,
    Service,
)

Manifest = t.Dict[str, t.Any]

DOMAIN = "deploy.tagadodo.com/"
MANAGER = "tagadodo.deploy"
PORT = "http"  # name of the one port of a pod
_VALUE = re.compile(r"[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?")


@dataclass(frozen=True)
class Workload:
    """One slot of a service, as its pods are to be.

    Attributes:
        image: by digest, or by tag.
        settings: of the service, those of ``POD_SETTINGS`` at least.
        instances: how many pods; at least so many where they scale themselves.
        drain: seconds that a pod goes on answering after traffic was told to leave it.
        release: empty where manifests are written without one.
        config_map: name of the ConfigMap with its plain settings; none where it is empty.
        secret: name of the Secret with the others.
        fingerprint: by which it is seen that settings have changed, secret ones included (keyed).
        surge: how many pods more there may be while they are replaced.
    """

    project: str
    service: str
    slot: str
    version: str
    image: str
    settings: t.Mapping[str, t.Any]
    instances: int
    drain: int = 0
    release: str = ""
    config_map: str = ""
    secret: str = ""
    fingerprint: str = ""
    surge: int = 1

    @classmethod
    def of(
        cls, service: Service, installation: Installation, slot: str, image: str, **more: t.Any
    ) -> Workload:
        """A whole slot of a service.

        Args:
            more: of the attributes, what the service does not say by itself.
        """
        settings = service.settings
        return cls(
            project=installation.project,
            service=service.name,
            slot=slot,
            image=image,
            settings={key: settings.get(key) for key in POD_SETTINGS},
            **{
                "version": str(settings["version"]),
                "instances": settings["instances"],
                "drain": settings["drain"],
                **more,
            },
        )

    @property
    def base(self) -> str:
        return base_name(self.project, self.service)

    @property
    def name(self) -> str:
        """Of its Deployment, its Service and all that is the slot's alone."""
        return slot_name(self.project, self.service, self.slot)

    @property
    def selector(self) -> t.Dict[str, str]:
        """Labels by which its pods are found, and which a Deployment never changes."""
        return selector(self.project, self.service, self.slot)

    @property
    def labels(self) -> t.Dict[str, str]:
        released = {f"{DOMAIN}release": label_value(self.release)} if self.release else {}
        return {
            **service_labels(self.project, self.service),
            "app.kubernetes.io/component": self.slot,
            "app.kubernetes.io/version": label_value(self.version),
            f"{DOMAIN}slot": self.slot,
            **released,
        }

    @property
    def annotations(self) -> t.Dict[str, str]:
        """What labels cannot hold, and what is not looked for."""
        facts = {"version": self.version, "image": self.image, "fingerprint": self.fingerprint}
        return {DOMAIN + key: value for key, value in facts.items() if value}

    @property
    def cluster_settings(self) -> t.Mapping[str, t.Any]:
        """``services.NAME.kubernetes``."""
        return self.settings.get("kubernetes") or {}

    @property
    def most(self) -> int:
        """How many pods it may come to by itself; 0 where it does not scale."""
        return int((self.cluster_settings.get("autoscale") or {}).get("most") or 0)


def base_name(project: str, service: str) -> str:
    """Of what both slots share, and what the names of all else begin with."""
    return f"{project}-{service}"


def slot_name(project: str, service: str, slot: str) -> str:
    return f"{base_name(project, service)}-{slot}"


def job_name(project: str, service: str, *parts: str) -> str:
    """Of a Job that runs a migration's command: the same for the same parts, and short enough for any service.

    Args:
        parts: what tells it from others, for example the release and the command.
    """
    told = hashlib.sha256("\0".join(parts).encode()).hexdigest()
    return f"{base_name(project, service)}-migrate-{told[:8]}"


def owned_labels(project: str) -> t.Dict[str, str]:
    """Of what belongs to an installation and to none of its services."""
    return {"app.kubernetes.io/managed-by": MANAGER, f"{DOMAIN}project": project}


def service_labels(project: str, service: str) -> t.Dict[str, str]:
    return {
        "app.kubernetes.io/name": service,
        "app.kubernetes.io/instance": project,
        **owned_labels(project),
        **selector(project, service),
    }


def selector(project: str, service: str, slot: str = "") -> t.Dict[str, str]:
    """Labels of the pods of a slot, or of all that are the service's."""
    of_slot = {f"{DOMAIN}slot": slot} if slot else {}
    return {f"{DOMAIN}project": project, f"{DOMAIN}service": service, **of_slot}


def label_value(text: str) -> str:
    """The text where a label may have it, else what of it a label may have, with a digest that tells it from others."""
    if _VALUE.fullmatch(text):
        return text
    told = hashlib.sha256(text.encode()).hexdigest()[:8]
    kept = re.sub(r"[^A-Za-z0-9_.-]", "-", text).strip("_.-")[: LONGEST - 9].rstrip("_.-")
    return f"{kept}-{told}" if kept else told


def metadata(
    cluster: Cluster,
    name: str,
    labels: t.Mapping[str, str],
    annotations: t.Optional[t.Mapping[str, str]] = None,
) -> Manifest:
    noted = {"annotations": dict(annotations)} if annotations else {}
    return {"name": name, "namespace": cluster.namespace, "labels": dict(labels), **noted}
