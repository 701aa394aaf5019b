# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Modules run in this process, and a registry that holds one small image to pull and run."""

from __future__ import annotations

import hashlib
import io
import json
import pathlib
import platform
import subprocess
import tarfile
import threading
import time
import typing as t
import uuid
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import ModuleType

import pytest
from ansible.module_utils import _internal
from ansible.module_utils.common import warnings
from ansible.module_utils.testing import patch_module_args

# Waits without a program to wait with, and ends at once when it is told to.
WAIT = "trap 'exit 0' TERM; /bin/sh -c 'kill -STOP $$' & wait"
MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}

Answer = t.Dict[str, t.Any]
RunModule = t.Callable[..., Answer]


@pytest.fixture(autouse=True)
def process(monkeypatch: pytest.MonkeyPatch) -> t.Callable[[], None]:
    """Modules warn as in a process of their own, whatever other tests have imported; called, as in another one."""
    # A controller shows warnings, and does not return them.
    monkeypatch.setattr(_internal, "is_controller", False)

    def begin() -> None:
        monkeypatch.setattr(warnings, "_global_warnings", {})

    begin()
    return begin


@pytest.fixture
def run_module(capsys: pytest.CaptureFixture[str], process: t.Callable[[], None]) -> RunModule:
    """Run a module's ``main``; what it answers without its invocation."""

    def run(module: ModuleType, check_mode: bool = False, **arguments: t.Any) -> Answer:
        given = {**arguments, "_ansible_check_mode": check_mode, "_ansible_diff": True}
        process()
        with patch_module_args(given), pytest.raises(SystemExit):
            module.main()
        answer = dict(json.loads(capsys.readouterr().out))
        assert "\n" not in answer.get("msg", "")
        return answer

    return run


def shell_with(files: t.Mapping[str, str]) -> bytes:
    """The archive of this machine's shell, what it needs, and some programs of text."""
    needed = subprocess.run(["ldd", "/bin/sh"], check=True, capture_output=True, text=True).stdout
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w", dereference=True) as tar:
        for file in ["/bin/sh", *(word for word in needed.split() if word.startswith("/"))]:
            tar.add(pathlib.Path(file), arcname=file)
        for path, text in files.items():
            entry = tarfile.TarInfo(path)
            entry.size, entry.mode = len(text.encode()), 0o755
            tar.addfile(entry, io.BytesIO(text.encode()))
    return archive.getvalue()


# An nginx of few words. It reads a configuration of the lines `revision TEXT;`, tests it, says what it
# cannot do, and serves the revision as a file, which it reads again at HUP. `late` is found out too late.
NGINX = f"""#!/bin/sh
read_configuration() {{
    number=0
    while read -r word text; do
        number=$((number + 1))
        case $word in
        "") ;;
        revision) revision=${{text%;}} ;;
        token) ;;
        late) [ "$testing" ] || {{ echo "2026/11/22 23:43:11 [emerg] 1#1: bind() to $text failed" >&2; return 1; }} ;;
        *) echo "nginx: [emerg] unknown directive \\"$word $text\\" in $file:$number" >&2; return 1 ;;
        esac
    done <"$file"
}}
serve() {{
    read_configuration && echo "$revision" >/served/revision
}}
testing=
for word in "$@"; do
    case $word in
    -V) echo "nginx version: nginx/1.30.6"; echo "built with OpenSSL 3.0.15 (running with OpenSSL 3.6.5 29 Sep 2026)"; exit 0 ;;
    -t) testing=yes ;;
    esac
    file=$word
done
if [ "$testing" ]; then read_configuration; exit $?; fi
trap serve HUP
serve || exit 1
{WAIT}
while :; do wait; done
"""


def _digest(content: bytes) -> str:
    return "sha256:" + hashlib.sha256(content).hexdigest()


@dataclass(frozen=True)
class Pushed:
    """An image in the registry: its tag, and the same by digest."""

    tag: str
    digest: str

    @property
    def by_digest(self) -> str:
        return f"{self.tag.rpartition(':')[0]}@{self.digest}"


@pytest.fixture(scope="module")
def pushed(engine: t.Any) -> t.Iterator[Pushed]:
    """An image whose container waits until it is stopped; the engine does not have it yet."""
    layer = shell_with({})
    machine = platform.machine()
    config = {
        "architecture": ARCHITECTURES.get(machine, machine),
        "os": "linux",
        # The label makes it another image than that of tests that run at the same time.
        "config": {
            "Entrypoint": ["/bin/sh", "-c", WAIT],
            "Labels": {"test": uuid.uuid4().hex},
        },
        "rootfs": {"type": "layers", "diff_ids": [_digest(layer)]},
    }
    contents = {"config": json.dumps(config).encode(), "layer": layer}
    kinds = {
        "config": "application/vnd.docker.container.image.v1+json",
        "layer": "application/vnd.docker.image.rootfs.diff.tar",
    }
    parts = {
        key: {"mediaType": kinds[key], "size": len(content), "digest": _digest(content)}
        for key, content in contents.items()
    }
    manifest = json.dumps(
        {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": parts["config"],
            "layers": [parts["layer"]],
        }
    ).encode()
    blobs = {_digest(content): content for content in contents.values()}
    with ThreadingHTTPServer(("127.0.0.1", 0), _registry_of(manifest, blobs)) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        repository = f"127.0.0.1:{server.server_port}/tagadodo/backend"
        yield Pushed(f"{repository}:1.0.0", _digest(manifest))
        server.shutdown()
    for image in engine.api.images(repository):
        engine.api.remove_image(image["Id"], force=True)


def _registry_of(manifest: bytes, blobs: t.Mapping[str, bytes]) -> t.Type[BaseHTTPRequestHandler]:
    """The part of the registry's protocol that an engine pulls one image with."""

    class Registry(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            name = self.path.rpartition("/")[2]
            if "/manifests/" in self.path:
                found = name in ("1.0.0", _digest(manifest))
                self._answer(200 if found else 404, manifest if found else b"{}", MANIFEST)
            else:
                self._answer(200, blobs.get(name, b"{}"), "application/octet-stream")

        do_HEAD = do_GET

        def _answer(self, status: int, content: bytes, kind: str) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(content)))
            self.send_header("Docker-Content-Digest", _digest(content))
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(content)

        def log_message(self, *_args: t.Any) -> None:
            pass

    return Registry


class Nginx:
    """An nginx of few words in a container of the real engine, with its configuration on this machine."""

    def __init__(self, client: t.Any, image: str, folder: pathlib.Path) -> None:
        self.client = client
        self.image = image
        self.name = f"unit-nginx-{uuid.uuid4().hex[:8]}"
        self.path = folder / "etc" / "nginx.conf"
        self.served = folder / "served"
        self.url = ""
        for directory in (self.path.parent, self.served):
            directory.mkdir()

    @property
    def volumes(self) -> list[str]:
        return [f"{self.path.parent}:{self.path.parent}:ro", f"{self.served}:/served"]

    def start(self, text: str, ends: bool = False) -> None:
        """Run it with a configuration until it serves it, or until it ends."""
        self.path.write_text(text, "ascii")
        command = ["nginx", "-c", str(self.path)]
        self.client.containers.run(
            self.image, entrypoint=command, name=self.name, volumes=self.volumes, detach=True
        )
        if ends:
            self.client.api.wait(self.name, timeout=20)
        else:
            assert self.serves(text.split()[1].rstrip(";"))

    def revision(self) -> str:
        """What it serves; empty where it does not."""
        file = self.served / "revision"
        return file.read_text("ascii").strip() if file.exists() else ""

    def serves(self, revision: str) -> bool:
        """Whether it does so within some seconds: a shell does not write a file at once."""
        deadline = time.monotonic() + 10
        while self.revision() != revision and time.monotonic() < deadline:
            time.sleep(0.02)
        return self.revision() == revision

    def stop(self) -> None:
        for container in self.client.containers.list(all=True, filters={"name": self.name}):
            container.remove(force=True, v=True)


@pytest.fixture(scope="session")
def nginx_image(engine: t.Any) -> t.Iterator[str]:
    repository, tag = "tagadodo-unit-nginx", uuid.uuid4().hex[:8]
    programs = {"usr/bin/nginx": NGINX}
    engine.api.import_image_from_data(shell_with(programs), repository, tag)
    yield f"{repository}:{tag}"
    engine.api.remove_image(f"{repository}:{tag}", force=True)


@pytest.fixture
def nginx(engine: t.Any, nginx_image: str, tmp_path: pathlib.Path) -> t.Iterator[Nginx]:
    """It does not run yet; its control server answers with what it serves."""
    made = Nginx(engine, nginx_image, tmp_path)

    class Control(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            revision = made.revision() if self.path == "/revision" else ""
            self.send_response(200 if revision else 404)
            self.end_headers()
            self.wfile.write(revision.encode())

        def log_message(self, *_args: t.Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Control) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        made.url = f"http://127.0.0.1:{server.server_port}"
        yield made
        made.stop()
        server.shutdown()
