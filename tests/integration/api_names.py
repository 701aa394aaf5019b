# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A server that says which kinds there are, as far as kubectl asks before it knows how to write a manifest.

No object is there and none is kept: with ``--dry-run=client`` kubectl sends nothing. It is no test of a cluster.
"""

from __future__ import annotations

import contextlib
import http.server
import json
import threading
import typing as t

CORE = {"Service": "services", "ConfigMap": "configmaps"}
GROUPS = {
    "apps/v1": {"Deployment": "deployments"},
    "autoscaling/v2": {"HorizontalPodAutoscaler": "horizontalpodautoscalers"},
    "batch/v1": {"Job": "jobs"},
    "gateway.networking.k8s.io/v1": {"HTTPRoute": "httproutes"},
    "networking.k8s.io/v1": {"NetworkPolicy": "networkpolicies"},
    "policy/v1": {"PodDisruptionBudget": "poddisruptionbudgets"},
}


def _resources(version: str, kinds: t.Mapping[str, str]) -> dict[str, t.Any]:
    verbs = ["create", "get", "patch"]
    named = [
        {
            "name": name,
            "singularName": kind.lower(),
            "kind": kind,
            "namespaced": True,
            "verbs": verbs,
        }
        for kind, name in kinds.items()
    ]
    return {"kind": "APIResourceList", "groupVersion": version, "resources": named}


def _group(version: str) -> dict[str, t.Any]:
    known = {"groupVersion": version, "version": version.partition("/")[2]}
    return {"name": version.partition("/")[0], "versions": [known], "preferredVersion": known}


ANSWERS = {
    "/version": {"major": "1", "minor": "29", "gitVersion": "v1.29.0"},
    "/api": {"kind": "APIVersions", "versions": ["v1"]},
    "/apis": {
        "kind": "APIGroupList",
        "apiVersion": "v1",
        "groups": [_group(one) for one in GROUPS],
    },
    "/api/v1": _resources("v1", CORE),
    **{f"/apis/{version}": _resources(version, kinds) for version, kinds in GROUPS.items()},
}
NOT_FOUND = {
    "kind": "Status",
    "apiVersion": "v1",
    "status": "Failure",
    "reason": "NotFound",
    "code": 404,
}


class _Handler(http.server.BaseHTTPRequestHandler):
    asked: t.ClassVar[list[str]]

    def do_GET(self) -> None:
        answer = ANSWERS.get(self.path.partition("?")[0])
        body = json.dumps(answer or NOT_FOUND).encode()
        self.send_response(200 if answer else 404)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self) -> None:
        self.asked.append(f"{self.command} {self.path}")
        self.send_error(405)

    do_PATCH = do_PUT = do_DELETE = do_POST

    def log_message(self, *_said: object) -> None:
        pass


@contextlib.contextmanager
def api_of_names() -> t.Iterator[tuple[str, list[str]]]:
    """Its URL, and what it was asked to change."""
    asked: list[str] = []
    handler = type("Handler", (_Handler,), {"asked": asked})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", asked
        server.shutdown()
