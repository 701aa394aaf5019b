# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The demo's story: the stack comes up, clients use it, and releases come and go beneath them."""

from __future__ import annotations

import json
import os
import pathlib
import shutil
import socket
import subprocess
import sys
import time
import typing as t

import docker
from traffic import Target, Traffic, TrafficThread

ROOT = pathlib.Path(__file__).resolve().parents[2]
WORK = ROOT / "build/demo"
OVERLAY = WORK / "overlay.json"
PROJECT = "tagadodo-demo"
PORTS = {"deploy_https_port": 8443, "deploy_http_port": 8080, "deploy_control_port": 10080}
LOAD_SECONDS = 900  # the load is stopped when the story ends; this only bounds it


def first_free(port: int) -> int:
    """``port``, or the next one nobody listens on."""
    for candidate in range(port, port + 200):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if probe.connect_ex(("127.0.0.1", candidate)) != 0:
                return candidate
    raise SystemExit(f"error: no free port from {port} to {port + 199} on 127.0.0.1")


def settings() -> dict[str, t.Any]:
    """What the demo lays over inventories/dev; ports are chosen once and kept."""
    known = json.loads(OVERLAY.read_text()) if OVERLAY.exists() else {}
    if not known:
        known = {name: first_free(port) for name, port in PORTS.items()}
    known.update(
        deploy_project=PROJECT,
        deploy_registry=os.environ.get("REGISTRY", known.get("deploy_registry", "")),
        dev_secrets_dir=str(WORK / "secrets"),
        backup_repository="",  # a schedule would outlive the demo's end
    )
    WORK.mkdir(parents=True, exist_ok=True)
    OVERLAY.write_text(json.dumps(known, indent=2) + "\n")
    return known


def heading(text: str) -> None:
    print(f"\n\033[1m{text}\033[0m" if sys.stdout.isatty() else f"\n== {text}", flush=True)


def play(playbook: str, *arguments: str, brief: bool = False) -> tuple[int, float]:
    """Type the playbook's command; its output is shown, or only its steps when ``brief``.

    Returns:
        exit code and seconds.
    """
    command = ["ansible-playbook", f"{playbook}.yml", "-i", "inventories/dev", *arguments]
    command += ["-e", f"@{OVERLAY.relative_to(ROOT)}"]
    print(f"$ {' '.join(command)}", flush=True)
    environment = {**os.environ, "ANSIBLE_STDOUT_CALLBACK": "community.general.unixy"}
    began = time.monotonic()
    with subprocess.Popen(
        command,
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as run:
        log = (WORK / f"{playbook}.log").open("w")
        for line in t.cast(t.IO[str], run.stdout):
            log.write(line)
            if worth_showing(line, brief):
                print(f"  {line.rstrip()}", flush=True)
    return run.wait(), time.monotonic() - began


def worth_showing(line: str, brief: bool) -> bool:
    if not line.strip() or "Validating arguments" in line or "arg spec validation" in line:
        return False
    return not brief or (line.startswith("- ") and " on hosts: " in line) or "fatal" in line


def must(outcome: tuple[int, float], what: str) -> float:
    """The seconds of a run that has to succeed."""
    if outcome[0] != 0:
        raise SystemExit(f"error: {what} failed; its output is in {WORK}/")
    return outcome[1]


class Site:
    """The demo's endpoints as a client sees them."""

    def __init__(self, known: dict[str, t.Any]) -> None:
        self.port = known["deploy_https_port"]
        self.api = f"https://api.localhost:{self.port}"
        self.admin = f"https://admin.localhost:{self.port}"
        self.ca = f"/etc/{PROJECT}/nginx/tls/ca.pem"

    def targets(self) -> list[Target]:
        api, here = self.api, f"127.0.0.1:{self.port}"
        websocket = api.replace("https", "wss") + "/ws"
        return [
            Target("get", f"{api}/version", "api", here),
            Target("post", f"{api}/visits", "api", here, executions="executions"),
            Target("websocket", websocket, "api", here),
            Target("get", f"{self.admin}/health", "admin", here, version="none"),
        ]


def crossing(report: dict[str, t.Any]) -> int:
    """Websocket messages that met the close of their connection, after its drain time."""
    return int(report["reasons"].get("cut", 0))


def lost_in(report: dict[str, t.Any]) -> int:
    """Requests without their answer."""
    return int(report["totals"]["lost"]) - crossing(report)


# Requests that are neither answered well nor lost, as scripts/lib/traffic.py counts them.
OTHERS = {
    "refused_streams": "were refused unread as nginx closed their HTTP/2 connection; browsers repeat them unseen",
    "limited": "were over nginx's limit for one address (429)",
    "wrong": "were answered with another 4xx",
    "unfinished": "were still open at the end",
}


def requests_told(report: dict[str, t.Any]) -> list[str]:
    """What became of the requests that were sent; the numbers after the first line add up to its own."""
    totals = report["totals"]
    parts = [(totals["ok"], "were answered"), (lost_in(report), "were lost")]
    parts += [(totals[name], told) for name, told in OTHERS.items() if totals[name]]
    if crossing(report):
        told = "were websocket messages that met the close of their connection after its drain time"
        parts.append((crossing(report), told))
    width = len(str(totals["sent"]))
    return [
        f"{totals['sent']} sent, of which",
        *(f"{count:>{width}} {told}" for count, told in parts),
    ]


def summary(report: dict[str, t.Any], took: dict[str, float], outcome: dict[str, str]) -> None:
    heading("What was measured")
    first, *parts = requests_told(report)
    print(f"  requests    {first}")
    for part in parts:
        print(f"              {part}")
    for version, seen in sorted(report["versions"].items()):
        named = "no version" if version == "?" else f"version {version}"
        print(f"              {seen['answers']} answers named {named}")
    cuts = report["websockets"]["cuts"]
    opened = report["websockets"]["opened"]
    print(f"  websockets  {opened} opened, {len(cuts)} closed after their drain time")
    gap = report["largest_gap"]["seconds"]
    latency = report["latency_ms"]
    print(
        f"  answers     p50 {latency['p50']:.0f} ms, p99 {latency['p99']:.0f} ms, longest silence {gap:.2f} s"
    )
    for name, seconds in took.items():
        print(f"  {name:<22} {seconds:5.1f} s   {outcome[name]}")


def up() -> None:
    known = settings()
    site = Site(known)
    took: dict[str, float] = {}
    outcome: dict[str, str] = {}

    heading("1. From an empty machine to a running stack, version 1.0.0")
    took["site.yml"] = must(play("site", brief=True), "setting up the stack")
    outcome["site.yml"] = "set up, or found as it should be"
    took["1.0.0"] = must(play("deploy", "-e", "version=1.0.0", brief=True), "releasing 1.0.0")
    outcome["1.0.0"] = "live before the clients came"

    heading("2. Clients: HTTP/1.1 keep-alive GET and POST, HTTP/2, new connections, websockets")
    load = Traffic(site.targets(), ca=site.ca, seconds=LOAD_SECONDS)
    with TrafficThread(load) as clients:
        time.sleep(3)

        heading("3. Release 1.1.0 beneath them: first what would happen, then the same for real")
        must(play("deploy", "-e", "version=1.1.0", "--check"), "the check")
        clients.mark("release 1.1.0")
        took["1.1.0"] = must(play("deploy", "-e", "version=1.1.0"), "releasing 1.1.0")
        outcome["1.1.0"] = "released"

        heading("4. Release 1.2.0, which never becomes ready")
        clients.mark("release 1.2.0")
        code, took["1.2.0"] = play("deploy", "-e", "version=1.2.0")
        if code == 0:
            raise SystemExit("error: 1.2.0 never becomes ready, but its release succeeded")
        outcome["1.2.0"] = "refused; users stayed on 1.1.0"

        heading("5. Roll back to 1.0.0")
        clients.mark("rollback")
        took["rollback"] = must(play("rollback"), "the rollback")
        outcome["rollback"] = "1.0.0 is live again"
        time.sleep(2)
    report = clients.report

    heading("6. Status")
    must(play("status"), "the status")
    summary(report, took, outcome)
    (WORK / "traffic.json").write_text(json.dumps(report, indent=2))
    password = (WORK / "secrets/admin_password").read_text().strip()
    heading("Look at it yourself")
    print(f"  {site.admin}   admin@tagadodo.com / {password}")
    print(f"  curl --cacert {site.ca} {site.api}/health")
    print(f"  /var/lib/{PROJECT}/reports/index.html   what became of each release")
    print("  source .venv/bin/activate    before you type one of the lines above that begin with $")
    print("  ./scripts/demo --down    takes everything down")
    lost = lost_in(report)
    if lost:
        raise SystemExit(f"error: {lost} requests were lost: {report['reasons']}")


def down() -> None:
    """Remove what the playbooks made under the demo's name."""
    client = docker.from_env()
    for container in client.containers.list(all=True, filters={"name": f"^/?{PROJECT}-"}):
        container.remove(force=True, v=True)
    for volume in client.volumes.list(filters={"name": PROJECT}):
        volume.remove(force=True)
    for network in client.networks.list(names=[f"^{PROJECT}$"]):
        network.remove()
    for folder in ("/etc", "/var/lib", "/var/log"):
        shutil.rmtree(pathlib.Path(folder) / PROJECT, ignore_errors=True)
    for rotation in pathlib.Path("/etc/logrotate.d").glob(f"{PROJECT}-*"):
        rotation.unlink()
    shutil.rmtree(WORK, ignore_errors=True)


if __name__ == "__main__":
    {"up": up, "down": down}[sys.argv[1]]()
