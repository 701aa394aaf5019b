# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This module util is PRIVATE to the collection.
"""The API of a Kubernetes cluster, as far as releases ask it: objects of one namespace as plain dictionaries.

The client is that of the Kubernetes project. It is imported when the first call needs it. It finds the cluster as
the modules of kubernetes.core do: by a kubeconfig, by ``K8S_AUTH_*`` in the environment, or from inside a pod.
"""

from __future__ import annotations

import base64
import contextlib
import email.utils
import json
import os
import re
import sys
import typing as t
import urllib.parse
from dataclasses import dataclass

from ansible_collections.tagadodo.deploy.plugins.module_utils._cluster import Cluster
from ansible_collections.tagadodo.deploy.plugins.module_utils._engine import EngineError
from ansible_collections.tagadodo.deploy.plugins.module_utils._workload import MANAGER, Manifest

TIMEOUT = 30.0  # seconds a call may take
_APPLY = "application/apply-patch+yaml"
_MERGE = "application/merge-patch+json"
_PLURALS = {"NetworkPolicy": "networkpolicies", "Endpoints": "endpoints"}
_ENVIRONMENT = "K8S_AUTH_"


class KubeError(EngineError):
    """The cluster cannot be reached or refuses; the text is one line.

    Attributes:
        status: of the answer; 0 where there was none.
    """

    def __init__(self, message: str, status: int = 0) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True)
class Reply:
    """An answer of the API, whatever its status. ``at`` is the time of day there, in seconds."""

    status: int
    body: bytes
    at: float

    @property
    def document(self) -> Manifest:
        return t.cast(Manifest, json.loads(self.body or b"{}"))


class Api:
    """The objects of one namespace.

    Args:
        client: a ``kubernetes.dynamic.DynamicClient``.
    """

    def __init__(self, client: t.Any, namespace: str) -> None:
        self._client = client
        self.namespace = namespace

    def find(self, version: str, kind: str, name: str) -> t.Optional[Manifest]:
        """One object; None where there is none."""
        reply = self.ask("GET", self.path(version, kind, name))
        if reply.status == 404:
            return None
        return document(reply, f"looking at {kind} {name}")

    def list(self, version: str, kind: str, labels: t.Mapping[str, str]) -> t.List[Manifest]:
        """All objects with these labels, sorted by name."""
        chosen = ",".join(f"{key}={value}" for key, value in labels.items())
        reply = self.ask("GET", self.path(version, kind), [("labelSelector", chosen)])
        found = document(reply, f"listing {kind}")["items"]
        return sorted(found, key=lambda one: str(one["metadata"]["name"]))

    def apply(self, wanted: Manifest) -> Manifest:
        """Bring an object to what is wanted of it, by server-side apply: fields of others stay.

        Returns:
            the object as it is now.

        Source: https://kubernetes.io/docs/reference/using-api/server-side-apply/
        """
        kind, name = wanted["kind"], wanted["metadata"]["name"]
        query = [("fieldManager", MANAGER), ("force", "true")]
        path = self.path(wanted["apiVersion"], kind, name)
        reply = self.ask("PATCH", path, query, json.dumps(wanted), _APPLY)
        return document(reply, f"applying {kind} {name}")

    def create(self, wanted: Manifest) -> Manifest:
        """
        Raises:
            KubeError: with status 409 where it is there already.
        """
        kind = wanted["kind"]
        reply = self.ask("POST", self.path(wanted["apiVersion"], kind), (), wanted)
        return document(reply, f"creating {kind} {wanted['metadata']['name']}")

    def replace(self, wanted: Manifest) -> Manifest:
        """
        Raises:
            KubeError: with status 409 where it has ``resourceVersion``, and somebody was faster.
        """
        kind, name = wanted["kind"], wanted["metadata"]["name"]
        reply = self.ask("PUT", self.path(wanted["apiVersion"], kind, name), (), wanted)
        return document(reply, f"writing {kind} {name}")

    def patch(self, version: str, kind: str, name: str, change: Manifest) -> Manifest:
        """Merge a change into an object; what is None in it goes."""
        path = self.path(version, kind, name)
        reply = self.ask("PATCH", path, [("fieldManager", MANAGER)], change, _MERGE)
        return document(reply, f"changing {kind} {name}")

    def delete(self, version: str, kind: str, name: str) -> bool:
        """Remove an object and what belongs to it; whether it was there."""
        query = [("propagationPolicy", "Background")]
        reply = self.ask("DELETE", self.path(version, kind, name), query)
        if reply.status != 404:
            document(reply, f"removing {kind} {name}")
        return reply.status != 404

    def log(self, pod: Manifest, **query: str) -> t.Optional[str]:
        """What the one container of a pod has written; None where that is not known.

        Args:
            query: which part of it, as the API takes it.
        """
        path = self.path("v1", "Pod", pod["metadata"]["name"], "log")
        reply = self.ask("GET", path, list(query.items()))
        return reply.body.decode("utf-8", "replace") if reply.status == 200 else None

    def path(self, version: str, kind: str, name: str = "", *more: str) -> str:
        """Of a kind's objects in the namespace, of one of them, or of what is below that."""
        group = f"apis/{version}" if "/" in version else f"api/{version}"
        plural = _PLURALS.get(kind, kind.lower() + "s")
        parts = [part for part in (name, *more) if part]
        return "/".join(["", group, "namespaces", self.namespace, plural, *parts])

    def ask(
        self,
        method: str,
        path: str,
        query: t.Sequence[t.Tuple[str, str]] = (),
        body: t.Any = None,
        content_type: str = "application/json",
        timeout: float = TIMEOUT,
        headers: t.Optional[t.Mapping[str, str]] = None,
    ) -> Reply:
        """One request.

        Raises:
            KubeError: there is no answer, or it is that we may not ask this.
        """
        doing = f"{method} {path}"
        with _no_answer(doing):
            found = _request(
                self._client, method, path, list(query), body, content_type, timeout, headers or {}
            )
        if found.status in (401, 403) and "/proxy/" not in path:
            raise KubeError(f"the cluster refuses {doing}: {_said(found.body)}", found.status)
        return found

    def version(self) -> t.Tuple[int, int]:
        """Of the API, as (major, minor)."""
        told = document(self.ask("GET", "/version"), "asking for the version")
        numbers = (re.match(r"\d+", str(told.get(part, ""))) for part in ("major", "minor"))
        major, minor = (int(found.group()) if found else 0 for found in numbers)
        return major, minor

    def now(self) -> float:
        """The time of day there, seconds: what one run writes and another reads is by one clock."""
        return self.ask("GET", "/version").at


def connect(cluster: Cluster) -> Api:
    """
    Raises:
        KubeError: the client is missing, or nothing says where the cluster is.
    """
    try:
        from kubernetes import client
        from kubernetes.dynamic import DynamicClient
    except ImportError as error:
        raise KubeError(
            f"the Kubernetes client for Python is missing for {sys.executable} ({error});"
            " pip install --requirement requirements/kubernetes.txt"
        ) from error
    settings = _configuration(cluster)
    # Nothing is discovered: what is asked for is known.
    dynamic = DynamicClient(client.ApiClient(settings), discoverer=lambda *_given: None)
    return Api(dynamic, cluster.namespace)


def _configuration(cluster: Cluster) -> t.Any:
    from kubernetes import client, config

    settings = client.Configuration()
    host = _given("host")
    try:
        if host and not cluster.kubeconfig:
            settings.host = host
            settings.api_key["authorization"] = f"Bearer {_given('api_key')}"
            settings.verify_ssl = _given("verify_ssl").lower() not in ("no", "false", "0")
            settings.ssl_ca_cert = _given("ssl_ca_cert") or None
            settings.cert_file = _given("cert_file") or None
            settings.key_file = _given("key_file") or None
        elif os.environ.get("KUBERNETES_SERVICE_HOST") and not (
            cluster.kubeconfig or cluster.context
        ):
            config.load_incluster_config(client_configuration=settings)
        else:
            config.load_kube_config(
                config_file=cluster.kubeconfig or _given("kubeconfig") or None,
                context=cluster.context or _given("context") or None,
                client_configuration=settings,
            )
    except (config.ConfigException, OSError) as error:
        raise KubeError(
            f"deploy_kubernetes: no cluster is known ({_one_line(error)}); set kubeconfig, or K8S_AUTH_KUBECONFIG in"
            " the environment"
        ) from error
    return settings


def _given(name: str) -> str:
    return os.environ.get(_ENVIRONMENT + name.upper(), "")


def _request(
    client: t.Any,
    method: str,
    path: str,
    query: t.List[t.Tuple[str, str]],
    body: t.Any,
    content_type: str,
    timeout: float,
    headers: t.Mapping[str, str],
) -> Reply:
    from kubernetes.client import ApiException

    try:
        found = client.request(
            method,
            urllib.parse.quote(path, safe="/:?=&%"),
            body=body,
            query_params=query,
            header_params=dict(headers),
            content_type=content_type,
            serialize=False,
            _request_timeout=timeout,
        )
    except ApiException as error:
        if not error.status:
            raise
        text = error.body if error.body is not None else ""
        raw = text.encode() if isinstance(text, str) else bytes(text)
        return Reply(int(error.status), raw, _time_of(error.headers))
    return Reply(int(found.status), bytes(found.data), _time_of(found.headers))


def _time_of(headers: t.Any) -> float:
    text = (headers or {}).get("Date", "")
    try:
        return email.utils.parsedate_to_datetime(text).timestamp()
    except (TypeError, ValueError):
        return 0.0


@contextlib.contextmanager
def _no_answer(doing: str) -> t.Iterator[None]:
    import urllib3.exceptions
    from kubernetes.client import ApiException

    try:
        yield
    except (urllib3.exceptions.HTTPError, ApiException, OSError) as error:
        raise KubeError(f"the cluster does not answer {doing}: {_one_line(error)}") from error


def document(reply: Reply, doing: str) -> Manifest:
    """What a good answer holds.

    Raises:
        KubeError: it is no good one.
    """
    if not 200 <= reply.status < 300:
        raise KubeError(f"{doing}: {_said(reply.body)}", reply.status)
    try:
        return reply.document
    except ValueError as error:
        raise KubeError(f"{doing}: the answer is no JSON ({error})", reply.status) from error


def secret_text(secret: Manifest, key: str) -> str:
    """A value of a Secret."""
    encoded = (secret.get("data") or {}).get(key, "")
    return base64.b64decode(encoded).decode()


def _said(body: bytes) -> str:
    """What the API says of itself, or the beginning of what it says."""
    try:
        return _one_line(json.loads(body)["message"])
    except (ValueError, LookupError, TypeError):
        return _one_line(body.decode("utf-8", "replace"))[:200]


def _one_line(text: object) -> str:
    return re.sub(r"\s+", " ", str(text)).strip()
