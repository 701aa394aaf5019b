# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This module util is PRIVATE to the collection.
"""The cluster that services are released to (``deploy_kubernetes``), and what a service has to be to fit into one."""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass

from ansible_collections.tagadodo.deploy.plugins.module_utils._near import not_known
from ansible_collections.tagadodo.deploy.plugins.module_utils._service import Service

OLDEST = (1, 20)
DEFAULT_VERSION = "1.29"
LONGEST = 63  # RFC 1123: names of Services, and values of labels
# What the longest of our names adds to project and service: ``-``, ``-migrate-`` and 8 digits.
LONGEST_ADDED = len("--migrate-") + 8

_PROJECT = re.compile(r"[a-z]([a-z0-9-]*[a-z0-9])?")
_NAMESPACE = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?")
_NAME = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?")
_VERSION = re.compile(r"v?(\d+)\.(\d+)([.+-]\S*)?")
_VARIABLE = re.compile(r"[A-Za-z_.-][A-Za-z0-9_.-]*")
_USER = re.compile(r"(\d+(:\d+)?)?")
_KNOWN = ("namespace", "kubeconfig", "context", "version", "gateway", "pull_secrets", "requests")
_KNOWN_OF_COUNTERS = ("url", "codes", "seconds", "token_file", "ca_file", "validate_certs")
_KNOWN_OF_GATEWAY = ("name", "namespace", "section", "address")


class ClusterError(Exception):
    """The cluster is described wrongly, or a service does not fit into one; one line that names the setting."""


@dataclass(frozen=True)
class Gateway:
    """The Gateway that users come in by.

    Attributes:
        section: its listener; all where it is empty.
        address: where the controller reaches it; empty where it does not.
    """

    name: str
    namespace: str
    section: str = ""
    address: str = ""


@dataclass(frozen=True)
class Counters:
    """Queries for what users were answered (``deploy_kubernetes.requests``).

    Attributes:
        codes: of requests that were answered, by status; its series have a label ``code``.
        seconds: of a histogram of how long that took; its series have a label ``le``.
        source: how Prometheus is asked: url, token_file, ca_file, validate_certs.
    """

    codes: str
    seconds: str
    source: t.Mapping[str, t.Any]

    def query(self, kind: str, known: t.Mapping[str, str]) -> str:
        """
        Args:
            kind: requests or latency.
            known: what is put in the place of ``<namespace>``, ``<project>``, ``<service>`` and ``<slot>``.
        """
        text = {"requests": self.codes, "latency": self.seconds}[kind]
        for name, value in known.items():
            text = text.replace(f"<{name}>", value)
        return text


@dataclass(frozen=True)
class Cluster:
    """Where manifests are for.

    Attributes:
        version: the oldest API that they are written for, as (major, minor).
        gateway: none where Services lead to pods alone.
        pull_secrets: names of Secrets by which images are pulled.
        counters: of what users are answered; a release is judged by probes alone without them.
        kubeconfig: a file; what the environment says where it is empty.
        context: in that file; its current one where it is empty.
    """

    namespace: str
    version: t.Tuple[int, int] = (1, 29)
    gateway: t.Optional[Gateway] = None
    pull_secrets: t.Tuple[str, ...] = ()
    kubeconfig: str = ""
    context: str = ""
    counters: t.Optional[Counters] = None

    @classmethod
    def parse(cls, raw: t.Mapping[str, t.Any], project: str) -> Cluster:
        """
        Args:
            raw: ``deploy_kubernetes``.
            project: its name is the namespace's where there is no other.

        Raises:
            ClusterError: the first mistake.
        """
        _check_known(raw, _KNOWN, "deploy_kubernetes")
        namespace = _namespace(raw.get("namespace") or project, "deploy_kubernetes.namespace")
        pull_secrets = raw.get("pull_secrets") or []
        if not isinstance(pull_secrets, (list, tuple)):
            raise ClusterError(
                f"deploy_kubernetes.pull_secrets: {pull_secrets!r} is no list of names"
            )
        return cls(
            namespace=namespace,
            version=_version(raw.get("version") or DEFAULT_VERSION),
            gateway=_gateway(raw.get("gateway"), namespace),
            pull_secrets=tuple(
                _name(one, "deploy_kubernetes.pull_secrets") for one in pull_secrets
            ),
            kubeconfig=str(raw.get("kubeconfig") or ""),
            context=str(raw.get("context") or ""),
            counters=_counters(raw.get("requests")),
        )


def check_fits(services: t.Iterable[Service], project: str) -> None:
    """
    Raises:
        ClusterError: a service cannot be on Kubernetes as it is described; the first reason.
    """
    if not _PROJECT.fullmatch(project):
        raise ClusterError(
            f"deploy_project: {project!r} may have lower-case letters, digits and dashes, and starts with a letter,"
            " as names on Kubernetes do"
        )
    for service in services:
        for problem in _problems(service, project):
            raise ClusterError(f"services.{service.name}{problem}")


def _problems(service: Service, project: str) -> t.Iterator[str]:
    most = LONGEST - LONGEST_ADDED
    if len(project) + len(service.name) > most:
        yield (
            f": its name and deploy_project ({project}) have {len(project) + len(service.name)} characters together,"
            f" and names on Kubernetes leave {most}; shorten one"
        )
    settings = service.settings
    for kind in ("env", "secrets"):
        for variable in settings[kind]:
            if not _VARIABLE.fullmatch(variable):
                yield f".{kind}: {variable!r} is no name of a variable on Kubernetes"
    if not _USER.fullmatch(settings["security"]["user"]):
        yield (
            f".security.user: {settings['security']['user']!r} is a name, and Kubernetes takes numbers; write its UID"
            " or UID:GID"
        )
    for which in ("startup", "ready", "live"):
        yield from _probe_problems(f".health.{which}_probe", settings["health"][f"{which}_probe"])
    for which in ("startup", "live"):
        if settings["health"][f"{which}_probe"]["successes"] != 1:
            yield f".health.{which}_probe.successes: Kubernetes takes 1 and no other"


def _probe_problems(path: str, probe: t.Mapping[str, int]) -> t.Iterator[str]:
    for key, least in {
        "initial_delay": 0,
        "period": 1,
        "timeout": 1,
        "failures": 1,
        "successes": 1,
    }.items():
        if probe[key] < least:
            yield f"{path}.{key}: {probe[key]} is below {least}"


def _check_known(raw: object, known: t.Sequence[str], path: str) -> None:
    if not isinstance(raw, dict):
        raise ClusterError(f"{path}: {raw!r} is no dictionary of {', '.join(known)}")
    for key in raw:
        if key not in known:
            raise ClusterError(not_known(path, str(key), known))


def _gateway(raw: object, namespace: str) -> t.Optional[Gateway]:
    if not raw:
        return None
    path = "deploy_kubernetes.gateway"
    _check_known(raw, _KNOWN_OF_GATEWAY, path)
    known = t.cast("t.Mapping[str, t.Any]", raw)
    if not known.get("name"):
        raise ClusterError(f"{path}.name: missing; name the Gateway that users come in by")
    section = known.get("section")
    return Gateway(
        name=_name(known["name"], f"{path}.name"),
        namespace=_namespace(known.get("namespace") or namespace, f"{path}.namespace"),
        section=_name(section, f"{path}.section") if section else "",
        address=_address(known.get("address") or "", f"{path}.address"),
    )


def _address(raw: object, path: str) -> str:
    text = str(raw)
    if text and not re.fullmatch(r"[A-Za-z0-9.-]+", text):
        raise ClusterError(
            f"{path}: {text!r} is not an address or a host name; the port is deploy_https_port"
        )
    return text


def _counters(raw: object) -> t.Optional[Counters]:
    if not raw:
        return None
    path = "deploy_kubernetes.requests"
    _check_known(raw, _KNOWN_OF_COUNTERS, path)
    known = t.cast("t.Mapping[str, t.Any]", raw)
    for key in ("url", "codes"):
        if not known.get(key):
            raise ClusterError(f"{path}.{key}: missing; both url and codes are needed")
    for key in ("url", "codes", "seconds", "token_file", "ca_file"):
        if not isinstance(known.get(key) or "", str):
            raise ClusterError(f"{path}.{key}: {known[key]!r} is no text")
    if not re.match(r"https?://.", known["url"]):
        raise ClusterError(
            f"{path}.url: {known['url']!r} is not a URL such as http://127.0.0.1:9090"
        )
    for key in ("codes", "seconds"):
        if known.get(key) and "<slot>" not in known[key]:
            raise ClusterError(f"{path}.{key}: write <slot> where the query names a slot")
    if not isinstance(known.get("validate_certs", True), bool):
        raise ClusterError(
            f"{path}.validate_certs: {known['validate_certs']!r} is neither true nor false"
        )
    source = {key: known[key] for key in known if key not in ("codes", "seconds")}
    return Counters(known["codes"], known.get("seconds") or "", source)


def _version(raw: object) -> t.Tuple[int, int]:
    # YAML has made 1.3 of a 1.30 without quotes.
    if not isinstance(raw, str):
        raise ClusterError(f"deploy_kubernetes.version: {raw} is a number; put it in quotes")
    match = _VERSION.fullmatch(raw)
    if match is None:
        raise ClusterError(
            f"deploy_kubernetes.version: {raw!r} is not a version such as '{DEFAULT_VERSION}'"
        )
    version = (int(match.group(1)), int(match.group(2)))
    if version < OLDEST:
        raise ClusterError(
            f"deploy_kubernetes.version: {raw} is too old; {OLDEST[0]}.{OLDEST[1]} is the oldest"
        )
    return version


def _namespace(raw: object, path: str) -> str:
    if not isinstance(raw, str) or not _NAMESPACE.fullmatch(raw) or len(raw) > LONGEST:
        raise ClusterError(
            f"{path}: {raw!r} may have lower-case letters, digits and dashes, {LONGEST} of them at most"
        )
    return raw


def _name(raw: object, path: str) -> str:
    if not isinstance(raw, str) or not _NAME.fullmatch(raw) or len(raw) > 253:
        raise ClusterError(f"{path}: {raw!r} is no name of an object on Kubernetes")
    return raw
