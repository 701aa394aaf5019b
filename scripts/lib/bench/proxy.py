# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The nginx that a peer has in front: the same image and certificate as ours, and no more than it needs."""

from __future__ import annotations

import contextlib
import pathlib
import typing as t

from stack import free_port

from bench.engine import Engine
from bench.site import Site

TEMPLATE = pathlib.Path(__file__).with_name("nginx.conf")

# Asks the engine's name server each second, so that new containers are found without a reload, and
# never gives an address up for its 10 seconds: else compose's outage would be longer than its own.
BY_NAME = """
    resolver 127.0.0.11 valid=1s ipv6=off;
    upstream instances {
        zone instances 64k;
        least_conn;
        server @NAME@:3000 resolve max_fails=0;
        keepalive 32;
    }
"""


@contextlib.contextmanager
def on_host(site: Site, owner: str, upstreams: str, chosen: str, folder: str) -> t.Iterator[int]:
    """On the host's network, as ours is. Yields its port.

    Args:
        upstreams: what goes into the http block.
        chosen: what goes into the server block and sets ``$upstream``.
        folder: mounted at the same path.
    """
    port = free_port()
    config = {"LISTEN": f"127.0.0.1:{port}", "UPSTREAMS": upstreams, "CHOSEN": chosen}
    options = ("--network", "host", "--volume", f"{folder}:{folder}:ro")
    with _running(site, site.engine, owner, config, *options):
        yield port


@contextlib.contextmanager
def on_network(
    site: Site, engine: Engine, owner: str, network: str, name: str, published: str
) -> t.Iterator[None]:
    """In a container network, finding its instances by name.

    Args:
        published: where, as ``docker run --publish`` has it before the container's port.
    """
    upstreams = BY_NAME.replace("@NAME@", name)
    config = {"LISTEN": "443", "UPSTREAMS": upstreams, "CHOSEN": "set $upstream instances;"}
    options = ("--network", network, "--publish", f"{published}:443")
    with _running(site, engine, owner, config, *options):
        yield


@contextlib.contextmanager
def _running(
    site: Site, engine: Engine, owner: str, config: t.Mapping[str, str], *options: str
) -> t.Iterator[None]:
    text = TEMPLATE.read_text()
    for word, value in config.items():
        text = text.replace(f"@{word}@", value)
    path = site.stack.work / f"{owner}.conf"
    path.write_text(text)
    name = site.named(f"{owner}-nginx")
    mounts = [
        f"--volume={path}:/etc/nginx/nginx.conf:ro",
        f"--volume={site.stack.ca_file.parent}:/tls:ro",
    ]
    image = engine.image("nginx:1.30")
    try:
        engine.docker("run", "--detach", "--name", name, "--tmpfs=/tmp", *mounts, *options, image)
        yield
    finally:
        engine.docker("rm", "--force", name)
