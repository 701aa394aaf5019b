# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What happens to hosts over the years: a newer engine, images that pile up, a registry that is away."""

from __future__ import annotations

import contextlib
import json
import typing as t

from host import DOCKER, Host, run

SUFFIX = "+newer1"
# The distribution's own package under a higher version, in a repository on the host: apt and the package's scripts do
# all they do for a new version.
OFFER_NEWER = r"""
set -eu
mkdir -p /srv/newer /tmp/newer && cd /tmp/newer
apt-get -q update >/dev/null && apt-get -q download docker.io >/dev/null
dpkg-deb -R docker.io_*.deb unpacked && sed -i 's/^Version: .*/&SUFFIX/' unpacked/DEBIAN/control
dpkg-deb -Zgzip -z1 -b unpacked /srv/newer/docker.io.deb >/dev/null && cd /srv/newer
{ dpkg-deb -f docker.io.deb; echo "Filename: ./docker.io.deb"; echo "Size: $(stat -c %s docker.io.deb)";
  echo "SHA256: $(sha256sum docker.io.deb | cut -d ' ' -f 1)"; } >Packages
echo 'deb [trusted=yes] file:/srv/newer ./' >/etc/apt/sources.list.d/newer.list
rm -r /tmp/newer
"""


def offer_newer_engine(host: Host) -> str:
    """Have apt on a host offer a newer engine than it has; returns its version."""
    host.do("sh", "-c", OFFER_NEWER.replace("SUFFIX", SUFFIX))
    return engine_version(host) + SUFFIX


def engine_version(host: Host) -> str:
    """Of the package."""
    return host.do("dpkg-query", "--show", "--showformat=${Version}", "docker.io")


def engine_process(host: Host) -> str:
    return host.do("systemctl", "show", "--property=MainPID", "--value", "docker.service").strip()


def engine_program(host: Host) -> str:
    return host.do("readlink", f"/proc/{engine_process(host)}/exe").strip()


def started(host: Host) -> dict[str, str]:
    """When each container that runs on a host was started."""
    found = host.engine.containers.list()
    return {one.name: one.attrs["State"]["StartedAt"] for one in found}


READ = "import glob, json, sys; print(json.dumps([json.load(open(p)) for p in sorted(glob.glob(sys.argv[1]))]))"


def released(host: Host, service: str) -> list[str]:
    """The images of a service's releases by a host's ledger, oldest first."""
    records = json.loads(
        host.do("python3", "-c", READ, f"/var/lib/tagadodo/releases/{service}/*.json")
    )
    return [one["image"] for one in records]


def digests(host: Host, repository: str) -> set[str]:
    """The images of a repository that a host has, as ``repository@digest``."""
    images = host.engine.images.list(name=repository)
    return {name for one in images for name in one.attrs["RepoDigests"]}


def pull_by_digest(host: Host, tag: str) -> str:
    """An image that no release has brought; ``repository@digest``."""
    found = host.engine.images.get_registry_data(tag).id
    image = f"{tag.rpartition(':')[0]}@{found}"
    host.engine.images.pull(image)
    return image


@contextlib.contextmanager
def stopped(container: str) -> t.Iterator[None]:
    """Without a container of this machine."""
    run(DOCKER, "stop", "--time=1", container)
    try:
        yield
    finally:
        run(DOCKER, "start", container)
