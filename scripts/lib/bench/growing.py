# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Production's inventory with one proxy and ever more hosts of the application."""

from __future__ import annotations

import contextlib
import pathlib
import typing as t
from dataclasses import dataclass

import docker
import yaml
from fleet import Fleet, start_all, tagged
from host import Host, wait_until_emptied
from stack import ROOT
from traffic import Target, Traffic

from bench import light
from bench.light import LightHost

PROXY = "proxy-1"
RATE = 20.0
OLD, NEW = TAGS = ("v1.0.0", "v1.1.0")
_MADE_OF = dict(zip(TAGS, ("1.0.0", "1.1.0"), strict=True))
_GROUP_VARS = ROOT / "inventories/prod/group_vars"
_SERVICES = ROOT / "inventories/common/services.yml"
# Nothing watched: what is measured is what a release does, not how long it looks.
_QUICK = {"strategy": "blue_green", "instances": 1, "bake": 0, "min_ready": 0, "drain": 1}


@dataclass
class Growing(Fleet):
    """A fleet whose inventory gains hosts.

    Attributes:
        light: whether those it gains are light ones.
        rate: requests a second to its proxy.
    """

    light: bool = False
    rate: float = RATE

    @property
    def app(self) -> list[str]:
        return [name for name in self.hosts if name != PROXY]

    def up(self) -> None:
        self._write_inventory()
        super().up()

    def grow(self, hosts: int) -> None:
        """Have that many hosts of the application; nothing is on the new ones."""
        before = set(self.hosts)
        self._make_hosts(f"app-{number}" for number in range(len(before), hosts + 1))
        start_all(host for name, host in self.hosts.items() if name not in before)
        self._write_inventory()
        self._write_overlay()

    def load(self, seconds: float, on_second: t.Any = None) -> Traffic:
        """Requests to the proxy, whose answers tell their version."""
        (port,) = self.entrances
        url, here = f"https://{self.api}:{port}/health", f"127.0.0.1:{port}"
        target = Target("get", url, "health", here, headers={"X-Forwarded-For": self.users[0]})
        ca = str(self.ca_file)
        return Traffic([target], seconds=seconds, rate=self.rate, ca=ca, on_second=on_second)

    def _make_host(self, number: int, name: str, address: str) -> Host:
        if not self.light or name == PROXY:
            return super()._make_host(number, name, address)
        work = self.work / name
        work.mkdir()
        return LightHost(
            f"{self.name}-{name}",
            work,
            network=self.name,
            address=address,
            registry=self.registry_at,
        )

    def _write_inventory(self) -> None:
        groups = {"proxy": [PROXY], "app": self.app}
        children = {name: {"hosts": dict.fromkeys(hosts)} for name, hosts in groups.items()}
        hosts = dict.fromkeys([PROXY, *self.app])
        folder = pathlib.Path(self.inventory)
        folder.mkdir(exist_ok=True)
        described = {"all": {"hosts": hosts, "children": children}}
        (folder / "hosts.yml").write_text(yaml.safe_dump(described))
        if not (folder / "group_vars").exists():
            (folder / "group_vars").symlink_to(_GROUP_VARS)


@dataclass(frozen=True)
class Kind:
    """A kind of hosts that a fleet may gain.

    Attributes:
        service: what runs on them, as inventories describe it.
        images: have its versions in a registry, for the time of a block.
    """

    name: str
    light: bool
    service: t.Callable[[], dict[str, t.Any]]
    images: t.Callable[[str], contextlib.AbstractContextManager[None]]


@contextlib.contextmanager
def fleet_of(kind: Kind, name: str, registry: str, work: pathlib.Path) -> t.Iterator[Growing]:
    """A fleet with no host of the application yet, removed at the end of the block."""
    work.mkdir()
    fleet = Growing(
        name=name,
        registry=registry,
        work=work,
        api="api.tagadodo.com",
        names=(PROXY,),
        proxies=(PROXY,),
        inventory=str(work / "inventory"),
        light=kind.light,
    )
    fleet.extra["deploy_checklist"] = {}  # nobody compared with has one
    fleet.extra["services"] = {"backend": {**kind.service(), **_QUICK}}
    with kind.images(registry):
        try:
            fleet.up()
            fleet.hand_over_secrets()
            yield fleet
        finally:
            fleet.destroy()
            wait_until_emptied()


def _backend() -> dict[str, t.Any]:
    """The backend as production has it, but for migrations: they would run once, whatever the number of hosts."""
    described = dict(yaml.safe_load(_SERVICES.read_text())["services"]["backend"])
    del described["migrations"], described["backup"]
    return described


@contextlib.contextmanager
def _light_images(registry: str) -> t.Iterator[None]:
    client, repository = docker.from_env(), f"{registry}/{light.IMAGE}"
    try:
        for tag in TAGS:
            light.build(f"{repository}:{tag}", tag)
            client.images.push(repository, tag)
        yield
    finally:
        for tag in TAGS:
            with contextlib.suppress(docker.errors.ImageNotFound):
                client.images.remove(f"{repository}:{tag}", force=True)


KINDS = (
    Kind("real", False, _backend, lambda registry: tagged(registry, _MADE_OF)),
    Kind("light", True, light.service, _light_images),
)
