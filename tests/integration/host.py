"""A Debian host of its own: systemd, sshd and a container engine, in a container of this machine."""

from __future__ import annotations

import contextlib
import functools
import pathlib
import subprocess
import time
import typing as t
from dataclasses import dataclass, field

import docker
from testhost import IMAGE, INIT, RIGHTS

REGISTRY_CONTAINER = "tagadodo-registry"
REGISTRY = "127.0.0.1:5000"  # leads to that registry, inside
DOCKER = "/usr/bin/docker"
# The engine also listens where tests can ask it.
SOCKET_UNIT = "[Socket]\nListenStream={socket}\n"
# As the docker role sets it up.
DAEMON_FILE = "/etc/docker/daemon.json"
DAEMON = '{"live-restore": true}\n'
SSH = 22
START_TIMEOUT = 180  # seconds; several start at once
CUT = (("PREROUTING", "-i", "eth0", "-j", "DROP"), ("OUTPUT", "-o", "eth0", "-j", "DROP"))


# What removes the volumes of hosts that are gone, by host. They hold all files of all images: others go on meanwhile.
_emptying: dict[str, subprocess.Popen[bytes]] = {}


def wait_until_emptied() -> None:
    while _emptying:
        _emptying.popitem()[1].wait()


def run(*command: str, **options: t.Any) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False, **options)
    assert done.returncode == 0, (command, done.stdout, done.stderr)
    return str(done.stdout)


@dataclass
class Host:
    """One host, reached by ssh.

    Attributes:
        name: of its container, its volume and, where it is alone, its network.
        work: directory of its key; tests reach its engine by a socket in it.
        shared: directories that it has under the same path as this machine.
        ports: published on 127.0.0.1, by their number inside.
        network: one that it shares with other hosts, which somebody else makes and removes.
        address: its own in that network.
    """

    name: str
    work: pathlib.Path
    shared: t.Sequence[pathlib.Path] = ()
    ports: t.Mapping[int, int] = field(default_factory=dict)
    network: str = ""
    address: str = ""
    image: str = IMAGE

    def start(self) -> None:
        if self.name in _emptying:
            _emptying.pop(self.name).wait()
        run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(self._key))
        unit, daemon = self.work / "docker.socket.conf", self.work / "daemon.json"
        unit.write_text(SOCKET_UNIT.format(socket=self._socket))
        daemon.write_text(DAEMON)
        if not self.network:
            run(DOCKER, "network", "create", self.name)
            run(DOCKER, "network", "connect", self.name, REGISTRY_CONTAINER)
        folders = [f"--volume={folder}:{folder}" for folder in (self.work, *self.shared)]
        run(
            *(DOCKER, "run", "--detach", f"--name={self.name}", f"--hostname={self.name}"),
            f"--network={self.network or self.name}",
            *(() if SSH in self.ports else (f"--publish=127.0.0.1::{SSH}",)),
            *(f"--ip={address}" for address in [self.address] if address),
            *(f"--publish=127.0.0.1:{outside}:{inside}" for inside, outside in self.ports.items()),
            f"--env=REGISTRY_ADDRESS={REGISTRY_CONTAINER}:5000",
            *(*RIGHTS, f"--volume={self.name}:/var/lib/docker", *folders),
            f"--volume={unit}:/etc/systemd/system/docker.socket.d/tests.conf:ro",
            # In a fleet the docker role does that.
            *(f"--volume={daemon}:{path}:ro" for path in [DAEMON_FILE] if not self.network),
            *(self.image, *self._init),
        )
        run(
            *(DOCKER, "exec", "--interactive", self.name, "sh", "-c"),
            "cat > /root/.ssh/authorized_keys",
            input=self._key.with_suffix(".pub").read_text(),
        )
        self._wait()

    @property
    def variables(self) -> dict[str, t.Any]:
        """Of the inventory."""
        options = "-o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR"
        return {
            "ansible_connection": "ssh",
            "ansible_host": "127.0.0.1",
            "ansible_port": self._ssh_port(),
            "ansible_user": "root",
            "ansible_ssh_private_key_file": str(self._key),
            "ansible_ssh_common_args": f"{options} -o ConnectTimeout=5 -o ServerAliveInterval=5",
            "ansible_python_interpreter": "/usr/bin/python3",
            # nginx listens for the port that is published.
            "deploy_listen_address": "0.0.0.0",
        }

    @functools.cached_property
    def engine(self) -> t.Any:
        return docker.DockerClient(base_url=f"unix://{self._socket}", timeout=120)

    def restart_engine(self) -> None:
        run(DOCKER, "exec", self.name, "systemctl", "restart", "docker.service")
        self._wait()

    def lose(self) -> None:
        """As by a power cut."""
        run(DOCKER, "kill", self.name)

    def cut_off(self) -> None:
        """As by a switch that fails: nothing comes in and nothing goes out."""
        for rule in CUT:
            self.do("iptables", "-t", "raw", "-I", *rule)

    def reconnect(self) -> None:
        for rule in CUT:
            self.do("iptables", "-t", "raw", "-D", *rule)

    def do(self, *command: str) -> str:
        """Run a command on it, whether ssh reaches it or not."""
        return run(DOCKER, "exec", self.name, *command)

    def come_back(self) -> None:
        run(DOCKER, "start", self.name)
        self._wait()

    def remove(self) -> None:
        own: tuple[tuple[str, ...], ...] = (
            ("network", "disconnect", "--force", self.name, REGISTRY_CONTAINER),
            ("network", "rm", self.name),
        )
        for command in (
            ("rm", "--force", "--volumes", self.name),
            *(() if self.network else own),
        ):
            subprocess.run([DOCKER, *command], capture_output=True, check=False)
        volume = [DOCKER, "volume", "rm", "--force", self.name]
        _emptying[self.name] = subprocess.Popen(
            volume, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )

    @property
    def _init(self) -> t.Sequence[str]:
        """What runs on it first."""
        return INIT

    @property
    def _key(self) -> pathlib.Path:
        return self.work / "id"

    @property
    def _socket(self) -> pathlib.Path:
        return self.work / "docker.sock"

    def _ssh_port(self) -> int:
        # Another one each time the container starts.
        return int(run(DOCKER, "port", self.name, "22/tcp").splitlines()[0].rpartition(":")[2])

    def _wait(self) -> None:
        """Until systemd has started everything, and the engine answers."""
        deadline = time.monotonic() + START_TIMEOUT
        while not (self._is_up() and self._engine_answers()):
            assert time.monotonic() < deadline, f"{self.name} has not started"
            time.sleep(0.5)

    def _is_up(self) -> bool:
        command = [DOCKER, "exec", self.name, "systemctl", "is-system-running"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        return done.stdout.strip() in ("running", "degraded")

    def _engine_answers(self) -> bool:
        with contextlib.suppress(docker.errors.DockerException, OSError):
            return bool(docker.DockerClient(base_url=f"unix://{self._socket}", timeout=5).ping())
        return False
