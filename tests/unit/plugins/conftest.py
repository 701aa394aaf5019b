# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Servers that answer as a test says, and no hurry; for tests marked so, this machine's engine and an image that needs no registry."""

from __future__ import annotations

import contextlib
import http.server
import io
import pathlib
import subprocess
import tarfile
import threading
import typing as t
import uuid

import pytest
from hypothesis import settings
from kube_standin import StandIn, running

from ansible_collections.tagadodo.deploy.plugins.module_utils._engine import EngineError, connect

# An example takes as long as it takes: the machine may be busy, and some write real files.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")

Serve = t.Callable[[t.Type[http.server.BaseHTTPRequestHandler]], str]


@pytest.fixture(scope="module")
def serving() -> t.Iterator[Serve]:
    """Start a server of a handler, which need not keep quiet itself; its URL. All end with the module."""
    with contextlib.ExitStack() as servers:

        def serve(handler: t.Type[http.server.BaseHTTPRequestHandler]) -> str:
            quiet = type(handler.__name__, (handler,), {"log_message": lambda *_said: None})
            server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), quiet)
            servers.enter_context(server)
            threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
            servers.callback(server.shutdown)
            return f"http://127.0.0.1:{server.server_port}"

        yield serve


@pytest.fixture(scope="session")
def engine() -> t.Any:
    """A ``docker.DockerClient``; without an engine the test is skipped."""
    try:
        return connect()
    except EngineError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def shell_image(engine: t.Any) -> t.Iterator[str]:
    """An image of nothing but this machine's shell, with an entry point that fails."""
    shell = "/bin/sh"
    needed = subprocess.run(["ldd", shell], check=True, capture_output=True, text=True).stdout
    files = [shell, *(word for word in needed.split() if word.startswith("/"))]
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w", dereference=True) as tar:
        for file in files:
            tar.add(pathlib.Path(file), arcname=file)
    repository, tag = "tagadodo-unit-test", uuid.uuid4().hex[:8]
    entry = 'ENTRYPOINT ["/bin/sh", "-c", "exit 9"]'
    engine.api.import_image_from_data(archive.getvalue(), repository, tag, changes=[entry])
    yield f"{repository}:{tag}"
    engine.api.remove_image(f"{repository}:{tag}", force=True)


@pytest.fixture
def standin() -> t.Iterator[StandIn]:
    """What answers in place of a cluster."""
    with running(StandIn()) as made:
        yield made
