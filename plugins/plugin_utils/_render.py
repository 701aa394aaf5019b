# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This plugin util is PRIVATE to the collection.
"""Manifests of services as files that kustomize builds, for who applies them by other means than ours.

``<directory>/<service>/`` has a file for each slot, and what is of one version alone is in the slot's: a version that is
rendered to one slot leaves the other one's files as they are. No file holds the value of a secret.
"""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass, field

from ansible_collections.tagadodo.deploy.plugins.module_utils._cluster import Cluster, ClusterError
from ansible_collections.tagadodo.deploy.plugins.module_utils._manifest_pods import migration_job
from ansible_collections.tagadodo.deploy.plugins.module_utils._manifest_routes import (
    http_route,
    shares,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._manifest_settings import (
    config_map,
    config_map_name,
    given_secret_name,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._manifests import (
    shared_manifests,
    slot_manifests,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._service import (
    SLOTS,
    Installation,
    Service,
    other_slot,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._workload import (
    Manifest,
    Workload,
    job_name,
)
from ansible_collections.tagadodo.deploy.plugins.plugin_utils._render_before import (
    Files,
    config_maps,
    files_below,
    mark,
    settings_file,
    share_before,
    slot_file,
)
from ansible_collections.tagadodo.deploy.plugins.plugin_utils._render_words import readme
from ansible_collections.tagadodo.deploy.plugins.plugin_utils._yaml_text import yaml_text

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


@dataclass(frozen=True)
class Rendering:
    """What is asked of a render.

    Attributes:
        slot: to which the version goes.
        share: percent of requests that it gets.
        digest: of its image; its tag where it is empty.
        found: what earlier renders have left in the directory.
    """

    cluster: Cluster
    installation: Installation
    slot: str = SLOTS[0]
    share: int = 100
    digest: str = ""
    found: Files = field(default_factory=dict)

    def check(self, services: t.Sequence[Service]) -> None:
        """
        Raises:
            ClusterError: what is asked cannot be rendered for these services.
        """
        if self.digest and not _DIGEST.fullmatch(self.digest):
            raise ClusterError(f"digest: {self.digest!r} is not sha256: and 64 hexadecimal digits")
        if self.digest and len(services) > 1:
            names = ", ".join(service.name for service in services)
            raise ClusterError(
                f"digest: it is of one image, and {names} are rendered; name one with -e service=…"
            )
        if not 0 <= self.share <= 100:
            raise ClusterError(f"share: {self.share} is not between 0 and 100")
        if self.cluster.gateway is None and self.share not in (0, 100):
            raise ClusterError(
                f"share: {self.share} needs deploy_kubernetes.gateway; a Service leads to one slot alone"
            )
        other = other_slot(self.slot)
        for service in services:
            if self.share < 100 and slot_file(service.name, other) not in self.found:
                raise ClusterError(
                    f"share: {100 - self.share} % would be left to {other} of {service.name}, which is not rendered;"
                    f" render what is live now with -e slot={other} first, or leave share out"
                )
            if self.share > 0 and self._comes_cold(service):
                raise ClusterError(
                    f"share: {self.slot} of {service.name} is another version or has other settings now, and would get"
                    f" {self.share} % before its pods are there; render it with -e share=0 first"
                )

    def _comes_cold(self, service: Service) -> bool:
        """Whether its pods are made anew, and requests go to the other slot until then."""
        path, other = (
            slot_file(service.name, self.slot),
            slot_file(service.name, other_slot(self.slot)),
        )
        made = _slot_files(self, service, self.workload(service))[path]
        return (
            other in self.found
            and self.found.get(path) != made
            and share_before(self.found, service.name, self.slot) == 0
        )

    def image(self, service: Service) -> str:
        repository = service.repository(self.installation)
        if self.digest:
            return f"{repository}@{self.digest}"
        return f"{repository}:{service.settings['version']}"

    def workload(self, service: Service) -> Workload:
        project, settings = self.installation.project, service.settings
        return Workload.of(
            service,
            self.installation,
            self.slot,
            self.image(service),
            config_map=config_map_name(project, service.name, settings["env"]),
            secret=given_secret_name(project, service.name) if settings["secrets"] else "",
        )

    @property
    def live(self) -> str:
        """The slot of all that has no share: it has proved itself, or is the only one."""
        return self.slot if self.share == 100 else other_slot(self.slot)


def rendered(
    rendering: Rendering, chosen: t.Sequence[Service], described: t.Sequence[Service]
) -> Files:
    """Every file that is to be in the directory afterwards; others that earlier renders have left are stale.

    Args:
        chosen: the services that are rendered.
        described: all there are. What earlier renders have left of those that are not chosen stays.
    """
    asked = {service.name: service for service in chosen}
    shown = [
        one
        for one in described
        if one.name in asked or f"{one.name}/kustomization.yaml" in rendering.found
    ]
    files: Files = {}
    for service in shown:
        if service.name in asked:
            files.update(_service_files(rendering, asked[service.name]))
        else:
            files.update(files_below(rendering.found, f"{service.name}/"))
    files.update(_kustomization("", [service.name for service in shown]))
    files["README.md"] = readme(rendering.cluster, rendering.installation.project, shown)
    return files


def _service_files(rendering: Rendering, service: Service) -> Files:
    workload = rendering.workload(service)
    applied = {
        **_kept_of_other_slot(rendering, service),
        **_slot_files(rendering, service, workload),
        **_shared_files(rendering, service),
    }
    names = sorted(path.partition("/")[2] for path in applied)
    return {
        **applied,
        **_migration_file(rendering, service, workload),
        **_kustomization(f"{service.name}/", names),
    }


def _file(path: str, *documents: Manifest, told: t.Sequence[str] = ()) -> Files:
    return {path: yaml_text(*documents, first=[mark(path), *told])}


def _kustomization(folder: str, resources: t.Sequence[str]) -> Files:
    built = {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "resources": list(resources),
    }
    return _file(f"{folder}kustomization.yaml", built)


def _slot_files(rendering: Rendering, service: Service, workload: Workload) -> Files:
    project, env = rendering.installation.project, service.settings["env"]
    settings = config_map(rendering.cluster, project, service.name, env)
    return {
        **_file(
            slot_file(service.name, rendering.slot), *slot_manifests(rendering.cluster, workload)
        ),
        **(_file(settings_file(service.name, workload.config_map), settings) if settings else {}),
    }


def _shared_files(rendering: Rendering, service: Service) -> Files:
    cluster, project, name = rendering.cluster, rendering.installation.project, service.name
    shared = shared_manifests(cluster, project, name, service.settings, rendering.live)
    files = _file(f"{name}/shared.yaml", *shared)
    if cluster.gateway:
        both = shares(rendering.slot, rendering.share)
        there = {
            rendering.slot,
            *(slot for slot in SLOTS if slot_file(name, slot) in rendering.found),
        }
        weights = {slot: both[slot] for slot in SLOTS if slot in there}
        route = http_route(cluster, project, name, service.settings, weights)
        files.update(_file(f"{name}/route.yaml", route))
    return files


def _kept_of_other_slot(rendering: Rendering, service: Service) -> Files:
    """The other slot as it was rendered, with the settings that its pods are given."""
    path = slot_file(service.name, other_slot(rendering.slot))
    text = rendering.found.get(path)
    if text is None:
        return {}
    paths = [path, *(settings_file(service.name, name) for name in config_maps(text))]
    return {one: rendering.found[one] for one in paths if one in rendering.found}


def _migration_file(rendering: Rendering, service: Service, workload: Workload) -> Files:
    """A Job that no kustomization names: it comes before the pods that need it, and only once."""
    migrations = service.settings.get("migrations")
    if not migrations:
        return {}
    name = job_name(workload.project, service.name, workload.image, "up")
    limit = migrations["timeout"]
    job = migration_job(rendering.cluster, workload, name, migrations["up"], limit)
    path = f"{service.name}/migrations.yaml"
    settings = settings_file(service.name, workload.config_map) if workload.config_map else ""
    applied = "".join(f" -f {one}" for one in (settings, path) if one)
    namespace = f"--namespace {rendering.cluster.namespace}"
    told = [
        "",
        "It is not in kustomization.yaml: its migrations are applied once, before the version gets requests.",
        f"  kubectl apply{applied}",
        f"  kubectl wait {namespace} --for=condition=complete --timeout={limit}s job/{name}",
        "It runs `up` and nothing else: no lease keeps two of them apart, and nobody notes what was applied.",
    ]
    return _file(path, job, told=told)
