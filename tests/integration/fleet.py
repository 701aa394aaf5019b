# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The hosts of an inventory in containers of this machine, with what they need around them.

An environment of ``inventories/`` is deployed on it as it is: an inventory beside it says where hosts, registry, data
services and authority are, and nothing else.
"""

from __future__ import annotations

import contextlib
import ipaddress
import json
import os
import pathlib
import secrets
import shutil
import signal
import subprocess
import sys
import typing as t
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import docker
import yaml
from authority import Authority
from built import build_image
from host import DOCKER, REGISTRY_CONTAINER, SSH, Host, run, wait_until_emptied
from stack import ROOT, Stack, free_port
from testhost import IMAGE, IMAGE_13

REGISTRY_IMAGE = "tagadodo/registry:2"
HTTPS = 443
# Addresses in the network, from its first on.
REGISTRY_AT, MONGODB_AT, REDIS_AT, HOSTS_AT = 2, 3, 4, 11
# What an operator keeps in the vault, or gives in the environment.
SECRETS = (
    "redis_password",
    "jwt_secret",
    "jwt_refresh_secret",
    "admin_password",
    "backup_password",
)


@dataclass
class Fleet(Stack):
    """An environment of ``inventories/`` on hosts of its own.

    Attributes:
        inventory: its directory, from the root of the repository.
        names: of its hosts; the others of the inventory are not there.
        proxies: those of them that users come to.
    """

    inventory: str = "inventories/prod"
    names: t.Sequence[str] = ()
    proxies: t.Sequence[str] = ()
    ports: dict[str, int] = field(default_factory=dict)
    hosts: dict[str, Host] = field(default_factory=dict)
    authority: Authority | None = None
    secrets: dict[str, str] = field(default_factory=dict)

    def up(self) -> None:
        """Start everything. What is there already must have been removed before."""
        run(DOCKER, "network", "create", f"--subnet={self.subnet}", self.name)
        self.ports = {name: free_port() for name in self.proxies}
        self._make_hosts(self.names)
        self.authority = Authority(
            self.work / "authority",
            http_port=80,
            address=self.gateway,
            names=self.hosts[self.proxies[-1]].address,
        )
        self.authority.start()
        # All come by the gateway of the network: as behind a load balancer, which says whom it asks for.
        self.extra["nginx_trusted_proxies"] = [self.gateway]
        self.users = [f"198.51.100.{number}" for number in range(1, 7)]
        self._start_registry()
        self._start_data()
        start_all(self.hosts.values())
        self._write_overlay()

    def down(self) -> None:
        if self.authority:
            self.authority.stop()
        hosts = self.hosts.values()
        services = [f"{self.name}-{service}" for service in ("registry", "mongodb", "redis")]
        together = [DOCKER, "rm", "--force", "--volumes", *(one.name for one in hosts), *services]
        subprocess.run(together, capture_output=True, check=False)
        for host in hosts:
            host.remove()
        subprocess.run([DOCKER, "network", "rm", self.name], capture_output=True, check=False)

    @property
    def registry_at(self) -> str:
        """Its registry, as its hosts call it."""
        return f"{self._at(REGISTRY_AT)}:5000"

    @property
    def entrances(self) -> list[int]:
        return [self.ports[name] for name in self.proxies]

    @property
    def variables(self) -> dict[str, t.Any]:
        return dict(self.extra)

    @property
    def ca_file(self) -> pathlib.Path:
        """Who vouches for what the authority issues."""
        assert self.authority
        path = self.work / "roots.pem"
        if not path.exists():
            path.write_text(self.authority.root())
        return path

    def _inventories(self) -> list[str]:
        return ["-i", self.inventory, "-i", str(self.work / "overlay")]

    def _make_hosts(self, names: t.Iterable[str]) -> None:
        for number, name in enumerate(names, len(self.hosts)):
            self.hosts[name] = self._make_host(number, name, self._at(HOSTS_AT + number))

    def _make_host(self, number: int, name: str, address: str) -> Host:
        work = self.work / name
        work.mkdir()
        # Half of the hosts have Debian 13.
        return Host(
            f"{self.name}-{name}",
            work,
            shared=[self.work / "authority"],
            # The same after a restart: the overlay is written once.
            ports={
                SSH: free_port(),
                **({HTTPS: self.ports[name]} if name in self.ports else {}),
            },
            network=self.name,
            address=address,
            image=(IMAGE, IMAGE_13)[number % 2],
        )

    @property
    def gateway(self) -> str:
        """Where everything comes from that is not one of its hosts: operators, and users."""
        return self._at(1)

    def _at(self, offset: int) -> str:
        return str(ipaddress.ip_network(self.subnet)[offset])

    def _start_registry(self) -> None:
        """The registry of this machine once more, under an address and a certificate of its own."""
        folder, address = self.work / "registry", self._at(REGISTRY_AT)
        folder.mkdir()
        run(
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
            *("-nodes", "-days", "2", "-subj", "/CN=registry"),
            *("-addext", f"subjectAltName=IP:{address}"),
            *("-keyout", str(folder / "key.pem"), "-out", str(folder / "ca.pem")),
        )
        run(
            *(DOCKER, "run", "--detach", f"--name={self.name}-registry", f"--network={self.name}"),
            *(f"--ip={address}", f"--volume={REGISTRY_CONTAINER}:/var/lib/registry"),
            f"--volume={folder}:/tls:ro",
            "--env=REGISTRY_HTTP_TLS_CERTIFICATE=/tls/ca.pem",
            "--env=REGISTRY_HTTP_TLS_KEY=/tls/key.pem",
            REGISTRY_IMAGE,
        )

    def _start_data(self) -> None:
        """MongoDB and Redis, as managed services are: somewhere else."""
        self.secrets = {name: secrets.token_hex(20) for name in SECRETS}
        self.secrets["mongo_uri"] = f"mongodb://{self._at(MONGODB_AT)}:27017/tagadodo"
        for name, offset, image, *command in (
            ("mongodb", MONGODB_AT, "mongo:8.0", "mongod"),
            (
                *("redis", REDIS_AT, "redis:8.0", "redis-server", "--protected-mode", "no"),
                *("--requirepass", self.secrets["redis_password"]),
            ),
        ):
            run(
                *(DOCKER, "run", "--detach", f"--name={self.name}-{name}"),
                *(f"--network={self.name}", f"--ip={self._at(offset)}"),
                *(f"{self.registry}/{image}", *map(str, command)),
            )

    def _write_overlay(self) -> None:
        """All that is different about these hosts, and what operators know: the secrets."""
        folder = self.work / "overlay"
        (folder / "group_vars/all").mkdir(parents=True, exist_ok=True)
        described = yaml.safe_load((ROOT / self.inventory / "hosts.yml").read_text())
        hosts = {
            name: {
                **{k: v for k, v in host.variables.items() if k != "deploy_listen_address"},
                "deploy_address": host.address,
            }
            for name, host in self.hosts.items()
        }
        assert set(hosts) <= set(described["all"]["hosts"])
        registry = self.registry_at
        assert self.authority
        variables = {
            # addresses
            "deploy_registry": registry,
            "redis_host": self._at(REDIS_AT),
            # authorities
            "docker_registry_cas": {registry: (self.work / "registry/ca.pem").read_text()},
            "certbot_server": self.authority.directory,
            "certbot_ca_file": str(self.authority.server_ca),
            "deploy_ca_file": "{{ deploy_config_dir }}/nginx/tls/issuers.pem",
            # what production's checklist asks people, and of the disk of the machine that all of them share
            "attest": dict.fromkeys(("review", "tests", "staging"), "tests/integration"),
            "deploy_checks": {"disk": {"minimum_percent": 1}},
        }
        (folder / "hosts.json").write_text(json.dumps({"all": {"hosts": hosts}}, indent=1))
        # As those of the environment itself, which they come after.
        (folder / "group_vars/all/overlay.json").write_text(json.dumps(variables, indent=1))

    def seal_secrets(self) -> None:
        """Keep the secrets in an Ansible Vault file, as operators do."""
        password, vault = (
            self.work / "vault-password",
            self.work / "overlay/group_vars/all/vault.yml",
        )
        password.write_text(secrets.token_hex(20))
        vault.write_text(
            yaml.safe_dump({f"vault_{name}": value for name, value in self.secrets.items()})
        )
        program = pathlib.Path(sys.executable).parent / "ansible-vault"
        run(str(program), "encrypt", f"--vault-password-file={password}", str(vault))
        self.environment["ANSIBLE_VAULT_PASSWORD_FILE"] = str(password)

    def hand_over_secrets(self) -> None:
        """Give the secrets in the environment, as AWX and CI do."""
        self.environment.update({name.upper(): value for name, value in self.secrets.items()})

    def share(self, proxy: str, service: str = "backend") -> int:
        """Percent of traffic that goes to green by a proxy's files."""
        listed = self.hosts[proxy].do("ls", f"/var/lib/tagadodo/traffic/{service}/green")
        return len(listed.split())

    def running_on(self, host: str) -> list[str]:
        """Names of the instances that run there."""
        found = self.hosts[host].do("docker", "ps", "--format", "{{.Names}}")
        return sorted(name.removeprefix("tagadodo-") for name in found.split())

    def destroy(self) -> None:
        self.down()
        shutil.rmtree(self.work, ignore_errors=True)


def start_all(hosts: t.Iterable[Host]) -> None:
    """Start hosts, a few at a time."""
    with ThreadPoolExecutor(max_workers=4) as pool:
        list(pool.map(lambda host: host.start(), hosts))


@contextlib.contextmanager
def tagged(registry: str, tags: t.Mapping[str, str]) -> t.Iterator[None]:
    """Both parts of the example under tags of their own, as a pipeline pushes them; removed afterwards.

    Args:
        tags: the version that each is made of.
    """
    client = docker.from_env()
    made = []
    try:
        for tag, version in tags.items():
            for part in ("backend", "frontend"):
                repository = f"{registry}/tagadodo/{part}"
                build_image(f"{repository}:{tag}", _files(part, f"{repository}:{version}", tag))
                made.append(f"{repository}:{tag}")
                client.images.push(repository, tag)
        yield
    finally:
        for image in made:
            with contextlib.suppress(docker.errors.ImageNotFound):
                client.images.remove(image, force=True)


def _files(part: str, base: str, tag: str) -> dict[str, str]:
    if part == "backend":
        return {"Dockerfile": f"FROM {base}\nENV APP_VERSION={tag}\n"}
    return {
        "Dockerfile": f"FROM {base}\nCOPY health.json /srv/health.json\n",
        "health.json": json.dumps({"status": "ok", "version": tag}),
    }


def state_of(host: Host) -> list[str]:
    """Containers of a host, and when its files were written. Locks, and what a look at the backups leaves, are no
    state of it; directories count by their name alone."""
    folders = "/etc/tagadodo /etc/docker /etc/logrotate.d /etc/systemd/system /var/lib/tagadodo"
    no_state = r"\( -path '*/lock*' -o -path '/var/lib/tagadodo/backup*' \)"
    shown = r"\( -type d -printf '%p\n' -o -printf '%p %s %T@\n' \)"
    find = f"find {folders} -not {no_state} {shown} 2>/dev/null | sort"
    return host.do("sh", "-c", f"docker ps --all --no-trunc --quiet; {find}").splitlines()


BY_HAND = ROOT / "build/fleet"
TELL = """
{hosts} run production (inventories/prod), with registry, authority, MongoDB and Redis beside them.

  export ANSIBLE_VAULT_PASSWORD_FILE={password}
  ansible-playbook site.yml -i inventories/prod -i {overlay} -e version=v1.0.0
  ansible-playbook deploy.yml -i inventories/prod -i {overlay} -e version=v1.1.0

Users come in at {urls}
(--cacert {roots}, with the first for the names api.tagadodo.com and admin.tagadodo.com).
./scripts/fleet down removes everything.
"""


def production(name: str, registry: str, work: pathlib.Path) -> Fleet:
    """Two proxies before four hosts, as ``inventories/prod`` has them."""
    proxies = ("proxy-1", "proxy-2")
    return Fleet(
        name=name,
        registry=registry,
        work=work,
        api="api.tagadodo.com",
        admin="admin.tagadodo.com",
        names=(*proxies, "app-1", "app-2", "app-3", "app-4"),
        proxies=proxies,
    )


def staging(name: str, registry: str, work: pathlib.Path) -> Fleet:
    """Everything on one host, as ``inventories/staging`` has it."""
    return Fleet(
        name=name,
        registry=registry,
        work=work,
        inventory="inventories/staging",
        api="staging-api.tagadodo.com",
        admin="staging-admin.tagadodo.com",
        names=("staging",),
        proxies=("staging",),
    )


def main(arguments: t.Sequence[str]) -> None:
    """``up REGISTRY`` and ``down``, for use by hand."""
    pids = BY_HAND / "pids"
    fleet = production("tagadodo-fleet", "".join(arguments[1:]), BY_HAND)
    if pids.exists():
        for pid in pids.read_text().split():
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(pid), signal.SIGTERM)
    for name in fleet.names:
        fleet.hosts[name] = Host(f"{fleet.name}-{name}", BY_HAND / name, network=fleet.name)
    fleet.destroy()
    wait_until_emptied()
    if arguments[0] == "down":
        return
    BY_HAND.mkdir(parents=True)
    with tagged(fleet.registry, {"v1.0.0": "1.0.0", "v1.1.0": "1.1.0"}):
        fleet.up()
    assert fleet.authority
    pids.write_text("\n".join(map(str, fleet.authority.pids)))
    fleet.seal_secrets()
    sys.stdout.write(
        TELL.format(
            hosts=", ".join(fleet.names),
            password=fleet.environment["ANSIBLE_VAULT_PASSWORD_FILE"],
            overlay=BY_HAND / "overlay",
            urls=", ".join(f"https://127.0.0.1:{port}" for port in fleet.entrances),
            roots=fleet.ca_file,
        )
    )


if __name__ == "__main__":
    main(sys.argv[1:])
