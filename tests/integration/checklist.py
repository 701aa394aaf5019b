# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a checklist looks at beside an installation: a clone, an inventory in git, staging's reports, monitoring, a time
server, backups and a small disk. All of it is good until something is done to it."""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import shutil
import socket
import struct
import sys
import threading
import time
import typing as t
from dataclasses import dataclass, field

from serving import Quiet, serving
from stack import ROOT, Stack
from stand_ins import run

PERSON = {"NAME": "somebody", "EMAIL": "somebody@example.com"}
WHO = {
    f"GIT_{role}_{key}": text for role in ("AUTHOR", "COMMITTER") for key, text in PERSON.items()
}
DECLARED = "PORT=3000\nJWT_SECRET=\n"
NTP_EPOCH = 2208988800
HOUR = 3600
ROOM = 1024 * 1024  # bytes of the small disk


def git(folder: pathlib.Path, *words: str) -> str:
    return run("git", "-C", folder, *words, env={**os.environ, **WHO}).strip()


@dataclass
class Around:
    """Where all of it is.

    Attributes:
        alerts: that fire.
        ahead: seconds that the time server is.
        images: digests of a version, by service.
    """

    stack: Stack
    work: pathlib.Path
    version: str
    images: dict[str, str]
    monitoring: str = ""
    time_server: str = ""
    alerts: list[dict[str, t.Any]] = field(default_factory=list)
    ahead: float = 0.0

    @property
    def clone(self) -> pathlib.Path:
        return self.work / "app"

    @property
    def inventory(self) -> pathlib.Path:
        return self.work / "inventory"

    @property
    def disk(self) -> pathlib.Path:
        return self.work / "disk"

    @property
    def checks(self) -> dict[str, t.Any]:
        """``deploy_checks``, by which every item is good."""
        passes = {"command": [sys.executable, "-c", "print('run 7 of {version}')"]}
        return {
            **dict.fromkeys(("tests", "linter", "security_scan"), passes),
            "git": {"repository": str(self.clone)},
            "staging": {"reports": str(self.work / "staging")},
            "variables": {"declared": {"backend": ".env.example"}},
            "monitoring": {"prometheus": self.monitoring, "alertmanager": self.monitoring},
            "disk": {"paths": [str(self.disk)], "minimum_percent": 5},
            "clock": {"server": self.time_server, "maximum_seconds": 30},
        }

    def make(self) -> None:
        self._make_clone()
        self._make_inventory()
        self.staging("succeeded")
        self._make_backups()
        self.disk.mkdir()
        run("mount", "-t", "tmpfs", "-o", f"size={ROOM}", "tmpfs", self.disk)

    def remove(self) -> None:
        run("umount", self.disk)
        shutil.rmtree(self.stack.config_dir / "backup", ignore_errors=True)

    def _make_clone(self) -> None:
        self.clone.mkdir()
        git(self.clone, "init", "--quiet", "--initial-branch=main")
        self.declare(DECLARED)

    def declare(self, text: str) -> None:
        """Another version of the application, on main, that declares these variables."""
        (self.clone / ".env.example").write_text(text)
        git(self.clone, "add", "--all")
        git(self.clone, "commit", "--quiet", "--allow-empty", "--message=a version")
        git(self.clone, "tag", "--force", self.version)

    def _make_inventory(self) -> None:
        left_out = shutil.ignore_patterns(".secrets")
        shutil.copytree(ROOT / "inventories/dev", self.inventory, ignore=left_out)
        git(self.inventory, "init", "--quiet")
        git(self.inventory, "add", "--all")
        git(self.inventory, "commit", "--quiet", "--message=hosts")

    def staging(self, outcome: str) -> None:
        """Staging has released this version, and this is how it ended."""
        folder = self.work / "staging"
        folder.mkdir(exist_ok=True)
        services = [
            {"name": name, "image": f"registry/{name}@{digest}", "outcome": outcome}
            for name, digest in self.images.items()
        ]
        (folder / "index.json").write_text(json.dumps({"releases": [{"release": "r1"}]}))
        (folder / "r1.json").write_text(json.dumps({"release": "r1", "services": services}))

    def _make_backups(self) -> None:
        name, folder = self.stack.name, self.stack.config_dir / "backup"
        folder.mkdir(mode=0o700)
        (folder / "password").write_text("for tests")
        settings = {
            **{"project": name, "backup_project": name, "host": "dev", "network": name},
            "config_dir": str(self.stack.config_dir),
            "state_dir": str(self.stack.state_dir),
            "staging_dir": str(self.work / "dumps"),
            "repository": str(self.work / "repository"),
            "password_file": str(folder / "password"),
            **{"environment": {}, "files": {}, "keep": {}, "timeout": 60},
        }
        (folder / "settings.json").write_text(json.dumps(settings))
        self._restic("init")
        self.back_up(hours=1)

    def back_up(self, hours: float) -> None:
        """There is one snapshot, so many hours old."""
        made = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(time.time() - hours * HOUR))
        for snapshot in (self.work / "repository/snapshots").iterdir():
            snapshot.unlink()
        self._restic("backup", "--tag", self.stack.name, "--time", made, str(self.clone))

    def _restic(self, *words: str) -> None:
        settings = {
            "RESTIC_REPOSITORY": str(self.work / "repository"),
            "RESTIC_PASSWORD_FILE": str(self.stack.config_dir / "backup/password"),
        }
        run("restic", "--no-cache", *words, env={**os.environ, **settings})

    @contextlib.contextmanager
    def filled(self) -> t.Iterator[None]:
        """Its small disk is full."""
        path = self.disk / "filled"
        path.write_bytes(bytes(ROOM * 98 // 100))
        yield
        path.unlink()


@contextlib.contextmanager
def around(stack: Stack, work: pathlib.Path, version: str) -> t.Iterator[Around]:
    """All of it, for the time of a block."""
    images = {
        name: stack.engine.images.get_registry_data(
            f"{stack.registry}/tagadodo/{name}:{version}"
        ).id
        for name in ("backend", "frontend")
    }
    one = Around(stack, work, version, images)
    with _monitoring(one), _time_server(one):
        one.make()
        try:
            yield one
        finally:
            one.remove()


@contextlib.contextmanager
def _monitoring(one: Around) -> t.Iterator[None]:
    """Prometheus and Alertmanager, as far as they are asked."""

    class Handler(Quiet):
        def do_GET(self) -> None:
            known = self.path == "/-/ready" or self.path.startswith("/api/v2/alerts?active=true")
            self.send_response(200 if known else 404)
            self.end_headers()
            self.wfile.write(json.dumps(one.alerts).encode())

    with serving(Handler) as address:
        one.monitoring = address
        yield


@contextlib.contextmanager
def _time_server(one: Around) -> t.Iterator[None]:
    """One that speaks NTP, and is wrong as it is told to be."""
    listening = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    listening.bind(("127.0.0.1", 0))
    one.time_server = f"127.0.0.1:{listening.getsockname()[1]}"
    over = threading.Event()

    def answer() -> None:
        while True:
            _request, client = listening.recvfrom(64)
            if over.is_set():
                return
            now = time.time() + one.ahead + NTP_EPOCH
            stamp = struct.pack("!II", int(now), int(now % 1 * 2**32))
            head = struct.pack("!BBbb", 4 << 3 | 4, 2, 6, -20)
            listening.sendto(head + bytes(12) + stamp + bytes(8) + stamp + stamp, client)

    thread = threading.Thread(target=answer)
    thread.start()
    try:
        yield
    finally:
        over.set()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ending:
            ending.sendto(b"", listening.getsockname())
        thread.join()
        listening.close()
