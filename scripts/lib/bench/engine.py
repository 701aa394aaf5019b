# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Container engines: this machine's, and one in a container for what would change the machine's."""

from __future__ import annotations

import contextlib
import os
import time
import typing as t
from dataclasses import dataclass

from testhost import IMAGE, RIGHTS

from bench.shell import CommandFailed, run

START_TIMEOUT = 30  # seconds

# Its own networks keep clear of those it has to reach: the installation's and the registry's.
_NETWORKS = ("--bip=10.253.0.1/24", "--default-address-pool=base=10.252.0.0/16,size=24")


@dataclass(frozen=True)
class Engine:
    """A container engine.

    Attributes:
        registry: host and port of the registry as this engine reaches it.
        address: what DOCKER_HOST says, empty for the engine everybody uses.
    """

    registry: str
    address: str = ""

    def docker(self, *arguments: str) -> str:
        """Run ``docker`` and return what it printed; CommandFailed if that fails."""
        chosen = {"DOCKER_HOST": self.address} if self.address else {}
        return run("docker", *arguments, **chosen)

    def image(self, name: str) -> str:
        return f"{self.registry}/{name}"


@contextlib.contextmanager
def apart(name: str, *options: str, folder: str) -> t.Iterator[Engine]:
    """An engine in a container of that name, gone with everything in it at the end of the block.

    The images it has pulled stay in a volume of the same name.

    Args:
        options: of ``docker run``.
        folder: of the host, where its socket is; known to the container under the same path.
    """
    registry = os.environ["REGISTRY_FOR_CONTAINERS"]
    engine = Engine(registry, f"unix://{folder}/{name}.sock")
    daemon = ("dockerd", "--host", engine.address, "--insecure-registry", registry, *_NETWORKS)
    storage = (f"--volume={name}:/var/lib/docker", f"--volume={folder}:{folder}")
    try:
        run(
            "docker",
            "run",
            "--detach",
            "--name",
            name,
            *RIGHTS,
            *storage,
            *options,
            IMAGE,
            *daemon,
        )
        _wait_for(engine)
        yield engine
    finally:
        run("docker", "rm", "--force", name)


def _wait_for(engine: Engine) -> None:
    deadline = time.monotonic() + START_TIMEOUT
    while True:
        try:
            engine.docker("version")
            return
        except CommandFailed:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
