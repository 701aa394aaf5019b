"""What an intruder meets: nothing listens that should not, containers can do little, secrets stay secret."""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import socket
import stat
import subprocess
import threading
import typing as t
from dataclasses import dataclass, field

import docker
import pytest
import yaml
from audit import compose_lint
from docker.types import LogConfig, Mount
from stack import SERVICES_FILE, Run, Stack

MIB = 2**20
DATA_PORTS = {"redis": 6379, "mongodb": 27017}
CAPABILITIES = {"CHOWN": 0, "DAC_OVERRIDE": 1, "SETGID": 6, "SETUID": 7, "NET_BIND_SERVICE": 10}
PEOPLE = stat.S_IROTH | stat.S_IWOTH
LISTEN = "0A"
NEW = 100  # looks in which a process is new
SELDOM = 100  # looks from which an old one gets one


@dataclass(frozen=True)
class Limits:
    user: str
    memory: int
    pids: int
    capabilities: frozenset[str] = frozenset()

    @property
    def mask(self) -> int:
        return sum(1 << CAPABILITIES[name] for name in self.capabilities)


SERVICE = Limits("1001:1001", 512 * MIB, 256)
LIMITS = {
    "nginx": Limits("", 512 * MIB, 256, frozenset(CAPABILITIES)),
    "redis": Limits("999:999", 512 * MIB, 128),
    "mongodb": Limits("999:999", 1024 * MIB, 512),
    **{f"backend-{slot}-{n}": SERVICE for slot in ("blue", "green") for n in (1, 2)},
    **{f"frontend-{slot}-1": SERVICE for slot in ("blue", "green")},
}


@dataclass
class Watcher:
    """Every command line that ``ps`` would have shown while it was at work."""

    lines: set[str] = field(default_factory=set)
    looks: int = 0

    @contextlib.contextmanager
    def watching(self) -> t.Iterator[None]:
        ended = threading.Event()
        thread = threading.Thread(target=self._watch, args=(ended,))
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()

    def _watch(self, ended: threading.Event) -> None:
        known: dict[str, int] = {}
        while not ended.wait(0.005):
            self.looks += 1
            known = {pid: known.get(pid, 0) + 1 for pid in filter(str.isdigit, os.listdir("/proc"))}
            for pid, looks in known.items():
                # A new one may become another program yet.
                if looks > NEW and looks % SELDOM:
                    continue
                # A process may end between the two looks.
                with contextlib.suppress(OSError), open(f"/proc/{pid}/cmdline", "rb") as arguments:
                    line = arguments.read().replace(b"\0", b" ")
                    self.lines.add(line.decode(errors="replace"))


@pytest.fixture(scope="module")
def watcher() -> Watcher:
    return Watcher()


@pytest.fixture(scope="module")
def runs(empty: Stack, watcher: Watcher) -> dict[str, Run]:
    """A life under watch, as talkative as can be: set up, a release, one that fails, a rollback."""
    services = yaml.safe_load(SERVICES_FILE.read_text())["services"]
    services["backend"]["health"] = {"ready_probe": {"period": 2, "failures": 3}}
    empty.extra["services"] = {
        name: {**service, "bake": 0, "drain": 1} for name, service in services.items()
    }
    with watcher.watching():
        runs = {
            "site": empty.play("site", "-vvv", "--diff"),
            "deploy": empty.play("deploy", "-vvv", "--diff", "-e", "version=1.1.0"),
            "failing deploy": empty.play(
                *("deploy", "-vvv", "--diff", "-e", "version=1.2.0-never-ready"),
                *("-e", "service=backend"),
            ),
            "rollback": empty.play("rollback", "-vvv", "--diff"),
        }
    codes = {name: run.code == 0 for name, run in runs.items()}
    expected = {"site": True, "deploy": True, "failing deploy": False, "rollback": True}
    assert codes == expected, "\n".join(run.reason for run in runs.values())
    return runs


@pytest.fixture(scope="module")
def stack(empty: Stack, runs: dict[str, Run]) -> Stack:
    return empty


@pytest.fixture(scope="module")
def secrets(stack: Stack) -> dict[str, str]:
    """Every secret of the installation by name."""
    found = {path.name: path.read_text().split()[0] for path in (stack.work / "secrets").iterdir()}
    assert set(found) >= {"redis_password", "jwt_secret", "jwt_refresh_secret", "admin_password"}
    found["probe token"] = (stack.state_dir / "nginx/probe_token").read_text().strip()
    for name in ("nginx/tls/server.key", "ca/ca.key"):
        found[name] = (stack.config_dir / name).read_text().splitlines()[1]
    assert min(len(value) for value in found.values()) >= 24
    return found


def leaks(text: str, secrets: dict[str, str]) -> list[str]:
    """The names of the secrets in a text, never the secrets."""
    return sorted(name for name, value in secrets.items() if value in text)


def installed_files(stack: Stack) -> list[pathlib.Path]:
    places = (stack.config_dir, stack.state_dir, stack.log_dir)
    files = [path for place in places for path in place.rglob("*") if path.is_file()]
    return [*files, *pathlib.Path("/etc/logrotate.d").glob(f"{stack.name}-*")]


# --- who can be reached


def listening(pid: int) -> set[tuple[str, int]]:
    """IPv4 and IPv6 addresses and ports on which a process of the host's network listens."""
    inodes = set()
    for descriptor in pathlib.Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(OSError):
            inodes.add(str(descriptor.readlink()))
    found = set()
    for table in ("tcp", "tcp6"):
        for line in pathlib.Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]:
            row = line.split()
            if row[3] == LISTEN and f"socket:[{row[9]}]" in inodes:
                address, port = row[1].split(":")
                raw = bytes.fromhex(address)
                text = socket.inet_ntoa(raw[::-1]) if len(raw) == 4 else address
                found.add((text, int(port, 16)))
    return found


def outer_addresses() -> list[str]:
    """The addresses of this machine that others can use."""
    told = json.loads(subprocess.check_output(["ip", "-json", "-4", "address"]))
    infos = [info for link in told for info in link["addr_info"]]
    return [info["local"] for info in infos if not info["local"].startswith("127.")]


def test_only_nginx_listens_on_the_host_and_only_where_it_was_told_to(stack: Stack) -> None:
    containers = stack.containers()
    on_host = [n for n, c in containers.items() if c.attrs["HostConfig"]["NetworkMode"] == "host"]
    assert on_host == ["nginx"]
    for name, container in containers.items():
        assert not container.attrs["HostConfig"]["PortBindings"], name
        assert not container.attrs["HostConfig"]["PublishAllPorts"], name
        assert not any(container.attrs["NetworkSettings"]["Ports"].values()), name
    ports = (stack.http_port, stack.https_port, stack.control_port)
    expected = {("127.0.0.1", port) for port in ports}
    assert listening(containers["nginx"].attrs["State"]["Pid"]) == expected


def test_no_address_of_the_host_leads_in(stack: Stack) -> None:
    ports = (*DATA_PORTS.values(), 3000, stack.http_port, stack.https_port, stack.control_port)
    addresses = outer_addresses()
    assert addresses
    for address in addresses:
        for port in ports:
            with pytest.raises(ConnectionRefusedError):
                socket.create_connection((address, port), timeout=2).close()
    print(f"{len(addresses)} addresses of the host refuse {ports}")


CONNECT = """
const net = require('node:net');
for (const target of process.argv.slice(1)) {
  const [host, port] = target.split(':');
  const socket = net.connect({ host, port: Number(port) });
  const end = (how) => { console.log(target, how); socket.destroy(); };
  socket.setTimeout(2000, () => end('silence'));
  socket.on('connect', () => end('connected')).on('error', () => end('refused'));
}
"""


def connections(stack: Stack, network: str, targets: list[str]) -> dict[str, str]:
    """What becomes of connections that a container on a network tries."""
    told = docker.from_env().containers.run(
        f"{stack.registry}/node:24", ["node", "-e", CONNECT, *targets], network=network, remove=True
    )
    return dict(line.split() for line in told.decode().splitlines())


def test_containers_of_others_reach_no_container_of_ours(stack: Stack) -> None:
    targets = []
    for name, container in stack.containers().items():
        network = container.attrs["NetworkSettings"]["Networks"].get(stack.name)
        if network and container.status == "running":
            port = DATA_PORTS.get(name, 8080 if name.startswith("frontend") else 3000)
            targets.append(f"{network['IPAddress']}:{port}")
    assert len(targets) == 5
    assert set(connections(stack, stack.name, targets).values()) == {"connected"}
    assert set(connections(stack, "bridge", targets).values()) == {"silence"}


# --- what containers can do


def test_containers_are_limited_as_they_should_be(stack: Stack) -> None:
    containers = stack.containers()
    assert set(containers) == set(LIMITS)
    own = [str(place) for place in (stack.config_dir, stack.state_dir, stack.log_dir)]
    for name, container in containers.items():
        host, wanted = container.attrs["HostConfig"], LIMITS[name]
        told = {
            "user": container.attrs["Config"]["User"],
            "dropped": host["CapDrop"],
            "capabilities": frozenset(host["CapAdd"] or ()),
            "no new privileges": [o.partition(":")[0] for o in host["SecurityOpt"]],
            "read-only": host["ReadonlyRootfs"],
            "privileged": host["Privileged"],
            "devices": host["Devices"] or [],
            "namespaces of the host": (host["PidMode"], host["UsernsMode"], host["UTSMode"]),
            "memory": host["Memory"],
            "memory and swap": host["MemorySwap"],
            "pids": host["PidsLimit"],
            "log": host["LogConfig"],
        }
        assert told == {
            "user": wanted.user,
            "dropped": ["ALL"],
            "capabilities": wanted.capabilities,
            "no new privileges": ["no-new-privileges"],
            "read-only": True,
            "privileged": False,
            "devices": [],
            "namespaces of the host": ("", "", ""),
            "memory": wanted.memory,
            "memory and swap": wanted.memory,
            "pids": wanted.pids,
            "log": {"Type": "json-file", "Config": {"max-size": "10m", "max-file": "3"}},
        }, name
        for mount in container.attrs["Mounts"]:
            if mount["Type"] == "bind":
                assert any(mount["Source"].startswith(f"{place}/") for place in own), name
                assert not mount["RW"] or mount["Source"].startswith(str(stack.log_dir)), name


# What compose-lint, which nobody here has written, has to say of our containers, and why that stays.
SPOKEN_OF = {
    # Who stays within its memory may use processors that nobody else does: both slots start side by side.
    "CL-0026": "no limit of CPU",
    # Those of services; what comes of that is in docs/security.md.
    "CL-0020": "secrets in the environment",
    # Services have the digest that was released. These have the tag that the inventory names.
    "CL-0019": "an image by its tag",
    # The files it is there for, in a directory that nothing else is in, to be read only.
    "CL-0013": "a directory below /etc",
    # It reads the addresses of clients, and reaches instances by theirs.
    "CL-0008": "the host's network",
}
DATA_SERVER = {"CL-0026", "CL-0019"}
FINDINGS = {
    "nginx": {"CL-0026", "CL-0019", "CL-0013", "CL-0008"},
    "redis": {*DATA_SERVER, "CL-0013"},
    "mongodb": DATA_SERVER,
    **{name: {"CL-0026", "CL-0020"} for name in LIMITS if name.startswith("backend-")},
    **{name: {"CL-0026"} for name in LIMITS if name.startswith("frontend-")},
}


def test_a_linter_of_containers_finds_what_is_meant_and_no_more(
    stack: Stack, tmp_path: pathlib.Path
) -> None:
    assert compose_lint(stack.containers(), tmp_path) == FINDINGS
    assert set().union(*FINDINGS.values()) == set(SPOKEN_OF)


# Every rule of its but the ones about images without a tag (CL-0004) and single capabilities.
FOUND_IN_BAD_ONES = {
    *("CL-0001", "CL-0002", "CL-0003", "CL-0005", "CL-0006", "CL-0007", "CL-0008", "CL-0009"),
    *("CL-0010", "CL-0011", "CL-0013", "CL-0014", "CL-0016", "CL-0017", "CL-0018", "CL-0019"),
    *("CL-0020", "CL-0021", "CL-0022", "CL-0025", "CL-0026"),
}


def test_the_linter_would_find_it(stack: Stack, tmp_path: pathlib.Path) -> None:
    """Nothing of a container is lost on the way to it. These are made, and never started."""
    image = f"{stack.registry}/nginx:1.30"
    shared = Mount("/shared", "/root", type="bind", propagation="shared", read_only=True)
    bad: dict[str, dict[str, t.Any]] = {
        "careless": {
            "ports": {"80/tcp": 20000},
            "tmpfs": {"/tmp": "exec,suid"},
            "log_config": LogConfig(type=LogConfig.types.NONE),
            "environment": {"DB_PASSWORD": "hunter2!", "DB": "mongodb://root:hunter2!@db/all"},
        },
        "mighty": {
            **{"privileged": True, "network_mode": "host", "pid_mode": "host", "user": "root"},
            **{"cap_add": ["NET_ADMIN"], "devices": ["/dev/sda"], "mounts": [shared]},
            "security_opt": ["seccomp=unconfined"],
            "volumes": ["/run/docker.sock:/run/docker.sock", "/etc:/etc-of-host"],
        },
    }
    create = stack.engine.containers.create
    made = {name: create(image, name=f"{stack.name}-{name}", **bad[name]) for name in bad}
    try:
        for container in made.values():
            container.reload()
        found = compose_lint(made, tmp_path)
    finally:
        for container in made.values():
            container.remove(v=True)
    assert set().union(*found.values()) == FOUND_IN_BAD_ONES


INSIDE = """
grep -hE '^(Uid|CapEff|CapPrm|CapBnd|NoNewPrivs|Seccomp):' /proc/1/status
for group in memory.max memory/memory.limit_in_bytes; do
    [ ! -r /sys/fs/cgroup/$group ] || printf 'memory: %s\\n' "$(cat /sys/fs/cgroup/$group)"
done
for group in pids.max pids/pids.max; do
    [ ! -r /sys/fs/cgroup/$group ] || printf 'pids: %s\\n' "$(cat /sys/fs/cgroup/$group)"
done
for place in /etc /usr /var/lib /app /srv; do
    if [ -d $place ] && (: > $place/intruder) 2> /dev/null; then printf 'writable: %s\\n' $place; fi
done
while read -r _ place _ options _; do
    [ "$place" != /tmp ] || printf 'tmp: %s\\n' "$options"
done < /proc/mounts
"""


def test_the_limits_hold_inside(stack: Stack) -> None:
    running = {n: c for n, c in stack.containers().items() if c.status == "running"}
    assert len(running) == 6
    for name, container in running.items():
        wanted = LIMITS[name]
        code, output = container.exec_run(["sh", "-c", INSIDE], user=wanted.user or "0:0")
        seen = dict(line.split(None, 1) for line in output.decode().splitlines())
        assert code == 0, output
        user = (wanted.user or "0").partition(":")[0]
        assert seen["Uid:"].split() == [user] * 4, name
        for kind in ("CapEff:", "CapPrm:"):
            assert int(seen[kind], 16) == wanted.mask, (name, kind)
        assert int(seen["CapBnd:"], 16) == wanted.mask, name
        assert (seen["NoNewPrivs:"], seen["Seccomp:"]) == ("1", "2"), name
        assert (seen["memory:"], seen["pids:"]) == (str(wanted.memory), str(wanted.pids)), name
        assert "writable:" not in seen, (name, seen["writable:"])
        if "tmp:" in seen:
            assert {"nosuid", "nodev", "noexec"} <= set(seen["tmp:"].split(",")), name


def test_who_answers_users_has_no_privileges(stack: Stack) -> None:
    """The master of nginx is root with five capabilities; its workers, who read requests, have nothing."""
    titles = stack.containers()["nginx"].top(ps_args="-o pid,args")["Processes"]
    workers = [pid for pid, title in titles if "worker process" in title]
    assert workers
    for pid in workers:
        lines = pathlib.Path(f"/proc/{pid}/status").read_text().splitlines()
        status = {line.partition(":")[0]: line.split()[1:] for line in lines}
        assert "0" not in status["Uid"]
        assert int(status["CapEff"][0], 16) == int(status["CapPrm"][0], 16) == 0


# --- secrets


def test_no_process_list_shows_a_secret(
    stack: Stack, watcher: Watcher, secrets: dict[str, str]
) -> None:
    print(f"{watcher.looks} looks at /proc, {len(watcher.lines)} different command lines")
    # What was certainly there was seen: the playbooks, and what ran for a second in a container.
    for known in ("site.yml", "deploy.yml", "rollback.yml", "dist/migrations/cli.js"):
        assert any(known in line for line in watcher.lines), known
    assert leaks("\n".join(watcher.lines), secrets) == []


@pytest.mark.parametrize("name", ["site", "deploy", "failing deploy", "rollback"])
def test_no_output_shows_a_secret(runs: dict[str, Run], secrets: dict[str, str], name: str) -> None:
    assert "module_args" in runs[name].output
    assert leaks(runs[name].output, secrets) == []


def test_containers_tell_secrets_in_their_environment_alone(
    stack: Stack, secrets: dict[str, str]
) -> None:
    client = docker.from_env()
    in_environment = set()
    for name, container in stack.containers().items():
        facts = client.api.inspect_container(container.id)
        in_environment |= set(leaks(json.dumps(facts["Config"].pop("Env")), secrets))
        assert leaks(json.dumps(facts), secrets) == [], name
        assert leaks(container.logs().decode(errors="replace"), secrets) == [], name
        image = client.images.get(facts["Image"])
        assert leaks(json.dumps([image.attrs, image.history()]), secrets) == [], name
    assert in_environment == {
        "redis_password",
        "jwt_secret",
        "jwt_refresh_secret",
        "admin_password",
    }


def test_files_with_secrets_are_few_and_closed(stack: Stack, secrets: dict[str, str]) -> None:
    """Ledger, logs, traffic switch and certificates hold none; what holds one is root's or its server's."""
    holding = {}
    for path in installed_files(stack):
        found = leaks(path.read_text(errors="replace"), secrets)
        if found:
            holding[str(path)] = found
            assert not path.stat().st_mode & PEOPLE, f"others can read {found} in {path}"
    assert holding == {
        f"{stack.config_dir}/ca/ca.key": ["ca/ca.key"],
        f"{stack.config_dir}/nginx/tls/server.key": ["nginx/tls/server.key"],
        f"{stack.config_dir}/nginx/nginx.conf": ["probe token"],
        f"{stack.config_dir}/redis/mounted/password.conf": ["redis_password"],
        f"{stack.state_dir}/nginx/probe_token": ["probe token"],
    }
    assert any(path.name.endswith(".access.json") for path in installed_files(stack))
    assert stack.records("backend")
    key = stack.state_dir / "fingerprint.key"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600


def test_nothing_of_ours_can_be_changed_by_others(stack: Stack) -> None:
    places = (stack.config_dir, stack.state_dir, stack.log_dir)
    for path in (*places, *(path for place in places for path in place.rglob("*"))):
        if not path.is_symlink():
            assert not path.stat().st_mode & stat.S_IWOTH, path


def test_runs_leave_no_secret_behind(stack: Stack, secrets: dict[str, str]) -> None:
    """A module's arguments are in a file below here while it runs."""
    for path in (pathlib.Path.home() / ".ansible/tmp").rglob("*"):
        with contextlib.suppress(FileNotFoundError):
            if path.is_file():
                assert leaks(path.read_text(errors="replace"), secrets) == [], path
