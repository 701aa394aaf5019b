# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A stand-in for the API server of Kubernetes, behind real HTTP on 127.0.0.1.

It tests our logic, not Kubernetes: nothing is validated, and its controllers are toys that act at once. Deployments
have their pods, Jobs end, and Services know the addresses of the pods that they select. What runs on a real cluster
is shown on one, by ``scripts/test kubernetes``.
"""

from __future__ import annotations

import contextlib
import copy
import http.server
import itertools
import json
import pathlib
import threading
import time
import typing as t
import urllib.parse
from dataclasses import dataclass, field

import yaml

Manifest = dict[str, t.Any]
Key = tuple[str, str]  # plural, name
# Of a pod and a path: the status and the document that its process answers with.
Application = t.Callable[[Manifest, str], tuple[int, t.Any]]


@dataclass(frozen=True)
class Came:
    """What the command of a Job has come to.

    Attributes:
        code: its exit code; None while it runs.
        waiting: why its container does not start, as a kubelet says it.
        terminated: what a kubelet says of its end besides.
        late: its time was over, and the cluster has ended it: its pod is gone.
    """

    code: int | None = 0
    log: str = ""
    waiting: Manifest = field(default_factory=dict)
    terminated: Manifest = field(default_factory=dict)
    late: bool = False

    def conditions(self) -> list[Manifest]:
        """Of the Job."""
        if self.late:
            told = "Job was active longer than specified deadline"
            why = {"reason": "DeadlineExceeded", "message": told}
            return [{"type": "Failed", "status": "True", **why}]
        if self.waiting or self.code is None:
            return []
        if not self.code:
            return [{"type": "Complete", "status": "True"}]
        told = "Job has reached the specified backoff limit"
        why = {"reason": "BackoffLimitExceeded", "message": told}
        return [{"type": "Failed", "status": "True", **why}]

    def state(self) -> Manifest:
        """Of the container."""
        if self.waiting:
            return {"waiting": self.waiting}
        if self.code is None:
            return {"running": {"startedAt": _new("creationTimestamp", 0)}}
        reason = "Error" if self.code else "Completed"
        return {"terminated": {"exitCode": self.code, "reason": reason, **self.terminated}}


# Asked of a Job again and again, until it has ended.
Command = t.Callable[[Manifest], Came]

NAMESPACE = "tagadodo"
DOMAIN = "deploy.tagadodo.com/"


def says_its_version(pod: Manifest, path: str) -> tuple[int, t.Any]:
    """What the example answers at ``/health``, everywhere."""
    return 200, {"status": "ok", "version": pod["metadata"]["annotations"][f"{DOMAIN}version"]}


def does_nothing(_job: Manifest) -> Came:
    return Came()


@dataclass
class StandIn:
    """One namespace of a cluster.

    Attributes:
        application: what pods answer.
        command: what Jobs come to.
        written: objects that were written, as they were then.
        requests: methods and paths that were asked, in their order.
        refused: paths that are answered with a status: of a cluster that is not well.
        gateway: what the gateway says of routes otherwise than that it has taken them.
        ready: whether new pods become ready.
    """

    application: Application = says_its_version
    command: Command = does_nothing
    written: list[Manifest] = field(default_factory=list)
    objects: dict[Key, Manifest] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)
    refused: dict[str, int] = field(default_factory=dict)
    gateway: Manifest = field(default_factory=dict)
    ready: bool = True
    lock: threading.RLock = field(default_factory=threading.RLock)
    numbers: t.Iterator[int] = field(default_factory=lambda: itertools.count(1))
    url: str = ""

    def of(self, plural: str, **labels: str) -> list[Manifest]:
        """Objects of a kind that have these labels (of our domain)."""
        wanted = {DOMAIN + name: value for name, value in labels.items()}
        return [
            one
            for (kind, _name), one in sorted(self.objects.items())
            if kind == plural and wanted.items() <= (one["metadata"].get("labels") or {}).items()
        ]

    def kubeconfig(self, folder: pathlib.Path) -> str:
        """A file by which clients find it."""
        path = folder / "kubeconfig"
        document = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "standin",
            "clusters": [{"name": "standin", "cluster": {"server": self.url}}],
            "users": [{"name": "standin", "user": {"token": "made-up"}}],
            "contexts": [{"name": "standin", "context": {"cluster": "standin", "user": "standin"}}],
        }
        path.write_text(yaml.safe_dump(document), encoding="utf-8")
        return str(path)

    def answer(
        self, method: str, path: str, query: t.Mapping[str, str], kind: str, body: t.Any
    ) -> tuple[int, t.Any]:
        """Status and document for a request.

        Args:
            kind: media type of the body.
        """
        with self.lock:
            self.requests.append(f"{method} {path}")
            if path in self.refused:
                return self.refused[path], _status(f"refused: {path}")
            if path == "/version":
                return 200, {"major": "1", "minor": "37"}
            before, _slash, rest = path.partition(f"/namespaces/{NAMESPACE}/")
            plural, name, below, more = [*rest.split("/", 3), "", "", ""][:4]
            if below == "proxy":
                return self._proxied(plural, name, "/" + more)
            if below == "log":
                pod = self.objects.get((plural, name))
                return (200, pod.get("log", "")) if pod else (404, _status(f"no {name}"))
            dry = query.get("dryRun") == "All"
            if method == "GET":
                if plural in ("jobs", "pods"):
                    self.settle()
                return self._read(plural, name, query.get("labelSelector", ""))
            if method == "DELETE":
                return self._delete(plural, name)
            return self._write(method, plural, name or body["metadata"]["name"], kind, body, dry)

    def _read(self, plural: str, name: str, chosen: str) -> tuple[int, t.Any]:
        if name:
            found = self.objects.get((plural, name))
            return (200, found) if found else (404, _status(f'{plural} "{name}" not found'))
        wanted = dict(one.split("=", 1) for one in chosen.split(",") if one)
        return 200, {
            "items": [
                one
                for one in self.of(plural)
                if wanted.items() <= (one["metadata"].get("labels") or {}).items()
            ]
        }

    def _write(
        self, method: str, plural: str, name: str, kind: str, body: Manifest, dry: bool
    ) -> tuple[int, t.Any]:
        before = self.objects.get((plural, name))
        applies = "apply" in kind
        if method == "POST" and before:
            return 409, _status(f'{plural} "{name}" already exists')
        if method != "POST" and not applies and not before:
            return 404, _status(f'{plural} "{name}" not found')
        after = copy.deepcopy(body) if method != "PATCH" else _merged(before or {}, body)
        known = (before or {}).get("metadata", {})
        asked = body["metadata"].get("resourceVersion") if "metadata" in body else None
        if asked and asked != known.get("resourceVersion"):
            return 409, _status("the object has been modified")
        for key in ("uid", "creationTimestamp", "resourceVersion"):
            after["metadata"][key] = known.get(key) or _new(key, next(self.numbers))
        if after != before:
            after["metadata"]["resourceVersion"] = str(next(self.numbers))
        changed = after.get("spec") != (before or {}).get("spec")
        after["metadata"]["generation"] = known.get("generation", 0) + int(changed)
        if not dry:
            self.objects[plural, name] = after
            self.written.append(copy.deepcopy(after))
            self.settle()
        return 200, after

    def _delete(self, plural: str, name: str) -> tuple[int, t.Any]:
        if (plural, name) not in self.objects:
            return 404, _status(f'{plural} "{name}" not found')
        gone = self.objects.pop((plural, name))
        self.settle()
        return 200, gone

    def _proxied(self, plural: str, name: str, path: str) -> tuple[int, t.Any]:
        """What a process answers, by its pod or by a Service."""
        known = name.split(":")[1] if ":" in name else name
        if (plural, known) not in self.objects:
            return 404, _status(f'{plural} "{known}" not found')
        if plural == "services":
            selector = self.objects[plural, known]["spec"]["selector"]
            pods = [one for one in self.of("pods") if _selects(selector, one) and is_ready(one)]
        else:
            pods = [one for one in self.of("pods") if one["metadata"]["name"] == known]
        if not pods:
            return 503, _status(f'no endpoints available for "{known}"')
        return self.application(pods[0], path)

    def settle(self) -> None:
        """What controllers and kubelets would come to."""
        wanted: dict[str, Manifest] = {}
        for one in self.of("deployments"):
            for number in range(int(one["spec"].get("replicas", 1))):
                wanted.update([self._pod_of(one, number)])
        kept = {
            name: self.objects["pods", name] for name in wanted if ("pods", name) in self.objects
        }
        for one in self.of("jobs"):
            if not (one.get("status") or {}).get("conditions"):
                self._work(one, wanted)
            elif ("pods", one["metadata"]["name"]) in self.objects:
                kept[one["metadata"]["name"]] = self.objects["pods", one["metadata"]["name"]]
        for one in self.of("pods"):
            del self.objects["pods", one["metadata"]["name"]]
        for name, pod in {**wanted, **kept}.items():
            self.objects["pods", name] = pod
        for one in self.of("services"):
            name = one["metadata"]["name"]
            addresses = [
                {"targetRef": {"kind": "Pod", "name": pod["metadata"]["name"]}}
                for pod in self.of("pods")
                if _selects(one["spec"]["selector"], pod) and is_ready(pod)
            ]
            self.objects["endpointslices", name] = {
                "metadata": {"name": name, "labels": {"kubernetes.io/service-name": name}},
                "endpoints": [{**one, "conditions": {"ready": True}} for one in addresses],
            }
        for route in self.of("httproutes"):
            seen = {"type": "Accepted", "status": "True", **self.gateway}
            seen.setdefault("observedGeneration", route["metadata"]["generation"])
            route["status"] = {"parents": [{"conditions": [seen]}]}

    def _work(self, job: Manifest, pods: dict[str, Manifest]) -> None:
        """Let a Job come to what it comes to."""
        came = self.command(job)
        job["status"] = {"conditions": came.conditions()}
        template, name = job["spec"]["template"], job["metadata"]["name"]
        if came.late:
            return
        status: Manifest = {"containerStatuses": [{"name": "job", "state": came.state()}]}
        pods[name] = {
            "metadata": {
                "name": name,
                "labels": {**template["metadata"]["labels"], "job-name": name},
                "creationTimestamp": _new("creationTimestamp", 0),
            },
            "spec": template["spec"],
            "log": came.log,
            "status": status,
        }

    def _pod_of(self, deployment: Manifest, number: int) -> tuple[str, Manifest]:
        """The ``number``-th pod of a template; another template has other names."""
        template = copy.deepcopy(deployment["spec"]["template"])
        told = abs(hash(json.dumps(template, sort_keys=True))) % 0xFFFFFF
        name = f"{deployment['metadata']['name']}-{told:06x}-{number}"
        now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        running = {"running": {"startedAt": now}}
        container = template["spec"]["containers"][0]["name"]
        pod = {
            "metadata": {**template["metadata"], "name": name, "creationTimestamp": now},
            "spec": template["spec"],
            "status": {
                "phase": "Running",
                "podIP": "127.0.0.1",
                "conditions": [{"type": "Ready", "status": str(self.ready)}],
                "containerStatuses": [
                    {"name": container, "ready": True, "restartCount": 0, "state": running}
                ],
            },
        }
        return name, pod


def is_ready(pod: Manifest) -> bool:
    conditions = pod["status"].get("conditions", ())
    return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)


def _selects(selector: t.Mapping[str, str], pod: Manifest) -> bool:
    labels: t.Mapping[str, str] = pod["metadata"].get("labels", {})
    return selector.items() <= labels.items()


def _merged(before: Manifest, change: Manifest) -> Manifest:
    """RFC 7386."""
    after = copy.deepcopy(before)
    for key, value in change.items():
        if value is None:
            after.pop(key, None)
        elif isinstance(value, dict) and isinstance(after.get(key), dict):
            after[key] = _merged(after[key], value)
        else:
            after[key] = copy.deepcopy(value)
    return after


def _new(key: str, number: int) -> str:
    if key == "creationTimestamp":
        return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    return str(number)


def _status(message: str) -> Manifest:
    return {"kind": "Status", "status": "Failure", "message": message}


@contextlib.contextmanager
def running(standin: StandIn) -> t.Iterator[StandIn]:
    """Serve it until the block ends."""

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _serve(self) -> None:
            parts = urllib.parse.urlsplit(self.path)
            length = int(self.headers.get("Content-Length") or 0)
            raw = self.rfile.read(length)
            query = dict(urllib.parse.parse_qsl(parts.query))
            media = self.headers.get("Content-Type", "")
            status, document = standin.answer(
                self.command, parts.path, query, media, json.loads(raw) if raw else None
            )
            text = document if isinstance(document, str) else json.dumps(document)
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(text.encode())))
            self.end_headers()
            self.wfile.write(text.encode())

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _serve

        def log_message(self, *_given: t.Any) -> None:
            """Nothing is said."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    serving = threading.Thread(target=server.serve_forever, daemon=True)
    serving.start()
    standin.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield standin
    finally:
        server.shutdown()
        server.server_close()
        serving.join()
