# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Light hosts: sshd and an engine of their own without systemd, and a service of two megabytes for them."""

from __future__ import annotations

import json
import pathlib
import typing as t
from dataclasses import dataclass

from built import build_image
from host import Host

IMAGE = "tagadodo/light"
_BUSYBOX = pathlib.Path("/bin/busybox")  # of the package busybox-static
_PORT = 8080
# The shell, unlike the server, ends when it is told to.
_SERVE = f"trap 'kill $!' TERM; /busybox httpd -f -p {_PORT} -h /srv & wait"
_INIT = """
ssh-keygen -A >/dev/null && mkdir -p /run/sshd && /usr/sbin/sshd
exec dockerd --host unix:///var/run/docker.sock --host unix://{socket} --insecure-registry {registry} --log-level error
"""


@dataclass
class LightHost(Host):
    """One of many.

    Attributes:
        registry: that its engine pulls from, ``host:port``.
    """

    registry: str = ""

    @property
    def variables(self) -> dict[str, t.Any]:
        return {**super().variables, "docker_source": "none"}

    @property
    def _init(self) -> t.Sequence[str]:
        return ("sh", "-c", _INIT.format(socket=self._socket, registry=self.registry))

    def _is_up(self) -> bool:
        return True  # its engine is the last that starts


def service() -> dict[str, t.Any]:
    """What runs there, as inventories describe it."""
    health = dict.fromkeys(("startup", "ready", "live", "full"), "/health")
    return {"image": IMAGE, "port": _PORT, "hostnames": ["{{ api_hostname }}"], "health": health}


def build(image: str, version: str) -> None:
    """A web server that tells its version at /health."""
    files: dict[str, str | bytes] = {
        "Dockerfile": "FROM scratch\nCOPY busybox /busybox\nCOPY health /srv/health\n"
        f"ENTRYPOINT {json.dumps(['/busybox', 'sh', '-c', _SERVE])}\n",
        "health": json.dumps({"status": "ok", "version": version}),
        "busybox": _BUSYBOX.read_bytes(),
    }
    build_image(image, files, mode=0o755)
