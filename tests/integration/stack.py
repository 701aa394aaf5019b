"""A whole installation of its own on this machine, driven by the commands a user types."""

from __future__ import annotations

import ipaddress
import json
import os
import pathlib
import random
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import typing as t
from dataclasses import dataclass, field

import docker

ROOT = pathlib.Path(__file__).resolve().parents[2]
SERVICES_FILE = ROOT / "inventories/dev/group_vars/all/main.yml"


def free_port() -> int:
    """A port nobody has, below those the kernel gives to clients: a load must not take it meanwhile."""
    while True:
        port = random.randrange(20000, 32000)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


_claims: list[socket.socket] = []


def free_subnet() -> str:
    """A /16 that no network of this engine has, and no other test, until this process ends."""
    networks = docker.from_env().networks.list()
    configs = [config for one in networks for config in one.attrs["IPAM"]["Config"] or ()]
    taken = [ipaddress.ip_network(config["Subnet"]) for config in configs]
    for second in range(214, 251):
        subnet = ipaddress.ip_network(f"10.{second}.0.0/16")
        claim = socket.socket(socket.AF_UNIX)
        try:
            claim.bind(f"\0tagadodo-test-{subnet}")
        except OSError:
            claim.close()
            continue
        _claims.append(claim)
        if not any(subnet.overlaps(other) for other in taken if other.version == subnet.version):
            return str(subnet)
    raise RuntimeError("every /16 from 10.214 to 10.250 is taken")


@dataclass(frozen=True)
class Run:
    """One run of a playbook: how it ended, what it printed and what it did."""

    code: int
    output: str
    report: dict[str, t.Any]

    @property
    def changed(self) -> int:
        return sum(host["changed"] for host in self.report["hosts"].values())

    @property
    def invocations(self) -> int:
        """Remote module invocations of the host that had most."""
        return max((host["invocations"] for host in self.report["hosts"].values()), default=0)

    @property
    def tasks(self) -> list[str]:
        return [task["task"] for task in self.report["tasks"]]

    @property
    def changes(self) -> set[tuple[str, str]]:
        """Host and task of everything that changed."""
        tasks = self.report["tasks"]
        return {(task["host"], task["task"]) for task in tasks if task["changed"]}

    @property
    def reason(self) -> str:
        """The last failure's message: what the operator reads last."""
        return str(self.report["failures"][-1]["msg"]) if self.report["failures"] else ""


@dataclass
class Stack:
    """An installation under its own project name, ports, network and secrets.

    Attributes:
        name: prefix of everything it makes; all of it is gone after ``destroy``.
        registry: where the example's images and the stand-ins are, ``host:port``.
        engine: the container engine of its host.
        api, admin: host names of the services.
        environment: more of it, for what is typed.
        users: addresses that clients come from, where a proxy before it says so; their own otherwise.
        host_variables: of the inventory, where its host is another than this machine.
    """

    name: str
    registry: str
    work: pathlib.Path
    subnet: str = field(default_factory=free_subnet)
    https_port: int = field(default_factory=free_port)
    http_port: int = field(default_factory=free_port)
    control_port: int = field(default_factory=free_port)
    extra: dict[str, t.Any] = field(default_factory=dict)
    engine: t.Any = field(default_factory=docker.from_env)
    api: str = "api.localhost"
    admin: str = "admin.localhost"
    environment: dict[str, str] = field(default_factory=dict)
    users: list[str] = field(default_factory=list)
    host_variables: t.Callable[[], dict[str, t.Any]] = dict

    @property
    def variables(self) -> dict[str, t.Any]:
        return {
            "deploy_project": self.name,
            "deploy_registry": self.registry,
            "deploy_subnet": self.subnet,
            "deploy_https_port": self.https_port,
            "deploy_http_port": self.http_port,
            "deploy_control_port": self.control_port,
            "dev_secrets_dir": str(self.work / "secrets"),
            "backup_repository": "",
            **self.extra,
        }

    @property
    def entrances(self) -> list[int]:
        """Ports of 127.0.0.1 at which its proxies serve https."""
        return [self.https_port]

    @property
    def state_dir(self) -> pathlib.Path:
        return pathlib.Path("/var/lib") / self.name

    @property
    def config_dir(self) -> pathlib.Path:
        return pathlib.Path("/etc") / self.name

    @property
    def log_dir(self) -> pathlib.Path:
        return pathlib.Path("/var/log") / self.name

    @property
    def ca_file(self) -> pathlib.Path:
        """Who vouches for what nginx shows."""
        return pathlib.Path(self.extra.get("deploy_ca_file", self.config_dir / "nginx/tls/ca.pem"))

    def play(self, playbook: str, *arguments: str, **extra: t.Any) -> Run:
        """Type ``ansible-playbook <playbook>.yml -i inventories/dev …`` at the repository's root."""
        report = self._report(playbook)
        report.unlink(missing_ok=True)
        with self.started(playbook, *arguments, **extra) as process:
            output, _nothing = process.communicate()
        return self.ended(process.returncode, playbook, output)

    def ended(self, code: int, playbook: str, output: str) -> Run:
        """What a run that has ended did."""
        report = self._report(playbook)
        empty: dict[str, t.Any] = {"hosts": {}, "tasks": [], "failures": [], "recap": {}}
        known = json.loads(report.read_text()) if report.exists() else empty
        report.with_suffix(".log").write_text(output)
        return Run(code, output, known)

    def _report(self, playbook: str) -> pathlib.Path:
        return self.work / f"report-{playbook.replace('/', '-')}.json"

    def started(self, playbook: str, *arguments: str, **extra: t.Any) -> subprocess.Popen[str]:
        """The same, still running, in a session of its own; its output is one stream, as in any pipe."""
        environment = {
            **{name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"},
            "ANSIBLE_CALLBACK_PLUGINS": str(ROOT / "tests/integration/plugins/callback"),
            "ANSIBLE_CALLBACKS_ENABLED": "invocations",
            "ANSIBLE_NOCOLOR": "1",
            "INVOCATIONS_FILE": str(self._report(playbook)),
            **self.environment,
        }
        return subprocess.Popen(
            self._command("ansible-playbook", f"{playbook}.yml", *arguments, **extra),
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def play_until(
        self, seen: str, playbook: str, *arguments: str, after: float = 0.0, **extra: t.Any
    ) -> str:
        """Start a playbook and end it by SIGKILL, forks and all, as soon as it prints ``seen``.

        Args:
            after: seconds later.

        Returns:
            what it printed.
        """
        printed = ""
        with self.started(playbook, *arguments, **extra) as process:
            for line in t.cast(t.IO[str], process.stdout):
                printed += line
                if seen in line:
                    time.sleep(after)
                    os.killpg(process.pid, signal.SIGKILL)
                    break
            else:
                raise AssertionError(f"{seen!r} was never printed:\n{printed}")
        return printed

    def play_and(
        self, act: t.Callable[[], object], seen: str, playbook: str, *arguments: str, **extra: t.Any
    ) -> Run:
        """Type it, and do something beside it as soon as it prints ``seen``, which it has to."""
        printed = ""
        acting: threading.Thread | None = None
        with self.started(playbook, *arguments, **extra) as process:
            for line in t.cast(t.IO[str], process.stdout):
                printed += line
                if acting is None and seen in line:
                    acting = threading.Thread(target=act)
                    acting.start()
        assert acting is not None, printed
        acting.join()
        return self.ended(process.returncode, playbook, printed)

    def ask(self, module: str, **arguments: t.Any) -> str:
        """Run one module by hand (``ansible dev -m …``) and return what it printed."""
        name = f"tagadodo.deploy.{module}"
        command = self._command("ansible", "dev", "-m", name, "-a", json.dumps(arguments))
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def _command(self, program: str, *arguments: str, **extra: t.Any) -> list[str]:
        overlay = self.work / "overlay.json"
        overlay.write_text(json.dumps({**self.variables, **extra}))
        path = pathlib.Path(sys.executable).parent / program
        return [str(path), *self._inventories(), "-e", f"@{overlay}", *arguments]

    def _inventories(self) -> list[str]:
        return ["-i", "inventories/dev", *self._other_host()]

    def _other_host(self) -> list[str]:
        """An inventory that says what is different about the host of ``inventories/dev``."""
        variables = self.host_variables()
        if not variables:
            return []
        inventory = self.work / "host.json"
        inventory.write_text(json.dumps({"all": {"hosts": {"dev": variables}}}))
        return ["-i", str(inventory)]

    def containers(self) -> dict[str, t.Any]:
        """Every container of this installation by its name without the prefix."""
        prefix = f"{self.name}-"
        named = {"name": f"^/?{prefix}"}
        # One may be gone before it is looked at.
        found = self.engine.containers.list(all=True, filters=named, ignore_removed=True)
        return {c.name.removeprefix(prefix): c for c in found}

    def running(self, service: str, slot: str) -> list[str]:
        return sorted(
            name
            for name, c in self.containers().items()
            if name.startswith(f"{service}-{slot}-") and c.status == "running"
        )

    def green_share(self, service: str) -> int:
        return len(list((self.state_dir / "traffic" / service / "green").glob("*")))

    def records(self, service: str) -> list[dict[str, t.Any]]:
        """The ledger, oldest first."""
        return [
            json.loads(path.read_text())
            for path in sorted((self.state_dir / "releases" / service).glob("[!.]*.json"))
        ]

    def looks(self) -> list[dict[str, t.Any]]:
        """What was seen of the backend's last release; nothing where it was not watched yet."""
        path = self.state_dir / "gate" / f"{self.records('backend')[-1]['release']}.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def snapshot(self) -> dict[str, t.Any]:
        """What a check must not change: containers, files, ledger. Where the engine is its own, images too:
        on the one that tests share, others pull meanwhile."""
        client = self.engine
        tags = f"{self.registry}/tagadodo/*" if self.host_variables() else ""
        files = {
            str(path): (path.lstat().st_mtime_ns, path.lstat().st_size, path.lstat().st_mode)
            for base in (self.state_dir, self.config_dir)
            for path in sorted(base.rglob("*"))
            # Who may change the host is no state of it.
            if path != self.state_dir / "lock" and path.parent != self.state_dir / "lock"
        }
        containers = {
            name: (c.id, c.status, c.attrs["State"]["StartedAt"])
            for name, c in self.containers().items()
        }
        return {
            "containers": containers,
            "files": files,
            "images": sorted(i.id for i in client.images.list(name=tags)) if tags else [],
            "volumes": sorted(v.name for v in client.volumes.list(filters={"name": self.name})),
        }

    def destroy(self) -> None:
        """Remove every container, volume, network, directory of this installation."""
        client = self.engine
        for container in self.containers().values():
            container.remove(force=True, v=True)
        for volume in client.volumes.list(filters={"name": self.name}):
            volume.remove(force=True)
        for network in client.networks.list(names=[f"^{self.name}$"]):
            network.remove()
        programs = [f"{self.name}-{purpose}" for purpose in ("backup", "certificates", "facts")]
        folders = [pathlib.Path("/usr/local/lib") / name for name in programs]
        for folder in (self.state_dir, self.config_dir, self.log_dir, *folders):
            shutil.rmtree(folder, ignore_errors=True)
        for name in programs:
            pathlib.Path("/etc/cron.d", name).unlink(missing_ok=True)
        for rotation in pathlib.Path("/etc/logrotate.d").glob(f"{self.name}-*"):
            rotation.unlink()
