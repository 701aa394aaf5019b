# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This module util is PRIVATE to the collection.
"""The Docker engine of this host: connect, look at containers, run a command once.

The Docker SDK is imported when the first call needs it: it takes longer than a probe.
"""

from __future__ import annotations

import contextlib
import re
import sys
import time
import typing as t
from dataclasses import dataclass, field

_CREATED_NEVER = "0001-01-01T00:00:00Z"


class EngineError(Exception):
    """The engine cannot be reached or refuses; the text is one line."""


@dataclass(frozen=True)
class ContainerState:
    """What the engine says about one container; ``exists`` is False if there is none.

    ``status`` is one of created, running, paused, restarting, removing, exited, dead.
    ``health`` is the verdict of the image's own HEALTHCHECK, empty without one. ``stuck`` says why it will not
    start by waiting, where that is known.
    """

    name: str
    exists: bool = False
    status: str = ""
    running: bool = False
    exit_code: int = 0
    oom_killed: bool = False
    restart_count: int = 0
    created_at: str = ""
    started_at: str = ""
    health: str = ""
    pid: int = 0
    labels: t.Mapping[str, str] = field(default_factory=dict)
    image: str = ""
    stuck: str = ""


@dataclass(frozen=True)
class RunSpec:
    """A command to run once in a container of its own, hardened, and removed whatever happens.

    ``command`` replaces the image's entry point, as ``command`` does in Kubernetes.
    ``binds`` maps paths of this host to paths in it. ``memory`` (bytes), ``pids`` (processes) and
    ``cpus`` (cores) are limits, 0 for none. A command
    that runs longer than ``timeout`` seconds is told to stop, and killed ``stop_timeout`` later.
    """

    name: str
    image: str
    command: tuple[str, ...]
    env: t.Mapping[str, str] = field(default_factory=dict, repr=False)
    labels: t.Mapping[str, str] = field(default_factory=dict)
    network: str = "none"
    user: str = ""
    memory: int = 0
    pids: int = 0
    cpus: float = 0.0
    read_only: bool = True
    tmpfs: tuple[str, ...] = ("/tmp",)
    binds: t.Mapping[str, str] = field(default_factory=dict)
    timeout: float = 600.0
    stop_timeout: int = 10


@dataclass(frozen=True)
class RunResult:
    """How a command ended. ``exit_code`` is None if it was stopped because its time was over."""

    exit_code: int | None
    stdout: str
    stderr: str
    seconds: float
    oom_killed: bool = False


@contextlib.contextmanager
def engine_errors(doing: str) -> t.Iterator[None]:
    """Turn what the SDK raises into an EngineError: ``<doing>: <the engine's own words>``."""
    import docker.errors
    import requests

    try:
        yield
    except docker.errors.APIError as error:
        raise EngineError(f"{doing}: {_one_line(error.explanation or error)}") from error
    except (docker.errors.DockerException, requests.RequestException, OSError) as error:
        raise EngineError(f"{doing}: {_one_line(error)}") from error


def _one_line(text: object) -> str:
    return re.sub(r"\s+", " ", str(text)).strip()


def connect(timeout: int = 60) -> t.Any:
    """A ``docker.DockerClient`` for the engine of this host (``DOCKER_HOST`` or the local socket).

    Args:
        timeout: seconds one call may take.

    Raises:
        EngineError: the SDK is missing, or the engine does not answer.
    """
    try:
        import docker
    except ImportError as error:
        raise EngineError(
            f"the Docker SDK for Python is missing for {sys.executable} ({error});"
            " install python3-docker, or docker from PyPI, on this host"
        ) from error
    with engine_errors("the Docker engine does not answer (is it running, may this user ask it?)"):
        return docker.from_env(timeout=timeout)


def container_state(client: t.Any, name: str) -> ContainerState:
    """How the container ``name`` is now.

    Raises:
        EngineError: the engine cannot say.
    """
    import docker.errors

    with engine_errors(f"looking at container {name}"):
        try:
            facts = client.api.inspect_container(name)
        except docker.errors.NotFound:
            return ContainerState(name)
    return _state_of(name, facts)


def _state_of(name: str, facts: t.Mapping[str, t.Any]) -> ContainerState:
    state = facts["State"]
    started = state.get("StartedAt") or ""
    return ContainerState(
        name=name,
        exists=True,
        status=state["Status"],
        running=state["Running"] and not state.get("Restarting"),
        exit_code=state["ExitCode"],
        oom_killed=state["OOMKilled"],
        restart_count=facts.get("RestartCount", 0),
        created_at=facts.get("Created") or "",
        started_at="" if started == _CREATED_NEVER else started,
        health=(state.get("Health") or {}).get("Status", ""),
        pid=state.get("Pid", 0),
        labels=facts["Config"].get("Labels") or {},
        image=facts["Config"]["Image"],
    )


def logs_tail(client: t.Any, name: str, lines: int) -> tuple[str, ...]:
    """The last lines a container wrote, both streams as it wrote them; empty if it is gone."""
    import docker.errors

    with engine_errors(f"reading the log of container {name}"):
        try:
            raw = client.api.logs(name, stdout=True, stderr=True, tail=lines)
        except docker.errors.NotFound:
            return ()
    return tuple(raw.decode("utf-8", "replace").splitlines()[-lines:])


def find_containers(client: t.Any, labels: t.Mapping[str, str]) -> tuple[ContainerState, ...]:
    """Every container, running or not, that carries all of ``labels``."""
    wanted = [f"{key}={value}" for key, value in labels.items()]
    with engine_errors("listing containers"):
        rows = client.api.containers(all=True, filters={"label": wanted})
    found = (container_state(client, row["Names"][0].lstrip("/")) for row in rows)
    return tuple(state for state in found if state.exists)


def has_image(client: t.Any, image: str) -> bool:
    """Whether ``image`` (tag, digest or id) is on this host."""
    import docker.errors

    with engine_errors(f"looking for image {image}"):
        try:
            client.api.inspect_image(image)
        except docker.errors.ImageNotFound:
            return False
    return True


def remove(client: t.Any, name: str) -> None:
    """Remove a container with its anonymous volumes; one that is gone already is fine."""
    import docker.errors

    with engine_errors(f"removing container {name}"):
        try:
            client.api.remove_container(name, force=True, v=True)
        except docker.errors.NotFound:
            return


def stop(client: t.Any, name: str, patience: int) -> None:
    """Tell a container to end, and kill it ``patience`` seconds later; one that is gone is fine."""
    import docker.errors

    with engine_errors(f"stopping container {name}"):
        try:
            client.api.stop(name, timeout=patience)
        except docker.errors.NotFound:
            return


def wait_exit(client: t.Any, name: str, timeout: float) -> bool:
    """Wait until a container has ended; False if it still runs after ``timeout`` seconds."""
    import docker.errors
    import requests

    with engine_errors(f"waiting for container {name}"):
        try:
            client.api.wait(name, timeout=timeout)
        except docker.errors.NotFound:
            return True
        except (requests.exceptions.Timeout, requests.exceptions.ConnectionError):
            return not container_state(client, name).running
    return True


def create(client: t.Any, spec: RunSpec) -> None:
    """Make the container of a spec; it does not run yet.

    Raises:
        EngineError: the image is missing, for example.
    """
    with engine_errors(f"creating container {spec.name} from {spec.image}"):
        client.api.create_container(
            image=spec.image,
            name=spec.name,
            entrypoint=list(spec.command),
            command=[],
            user=spec.user or None,
            environment=dict(spec.env),
            labels=dict(spec.labels),
            # The image's own would run beside the command, and asks for a service that is not there.
            healthcheck={"test": ["NONE"]},
            host_config=_host_config(client, spec),
        )


def start(client: t.Any, spec: RunSpec) -> None:
    """Start a container that was made.

    Raises:
        EngineError: its command cannot be run.
    """
    with engine_errors(f"starting {spec.command[0]} in {spec.image}"):
        client.api.start(spec.name)


@contextlib.contextmanager
def running(client: t.Any, spec: RunSpec) -> t.Iterator[None]:
    """A container that runs while the block does, and is removed whatever happens.

    Raises:
        EngineError: the container cannot be made or started (the image is missing, for example).
    """
    create(client, spec)
    try:
        start(client, spec)
        yield
    finally:
        remove(client, spec.name)


def run_once(
    client: t.Any, spec: RunSpec, clock: t.Callable[[], float] = time.monotonic
) -> RunResult:
    """Run a command in a container of its own and remove the container, also when interrupted.

    Raises:
        EngineError: the container cannot be made or started (the image is missing, for example).
    """
    began = clock()
    with running(client, spec):
        ended = wait_exit(client, spec.name, spec.timeout)
        if not ended:
            stop(client, spec.name, spec.stop_timeout)
        return _result(client, spec.name, ended, clock() - began)


def _host_config(client: t.Any, spec: RunSpec) -> t.Any:
    return client.api.create_host_config(
        network_mode=spec.network,
        restart_policy={"Name": "no"},
        cap_drop=["ALL"],
        security_opt=["no-new-privileges"],
        read_only=spec.read_only,
        tmpfs=dict.fromkeys(spec.tmpfs, "mode=1777"),
        binds=[f"{outside}:{inside}" for outside, inside in spec.binds.items()],
        mem_limit=spec.memory or None,
        memswap_limit=spec.memory or None,
        nano_cpus=int(spec.cpus * 1e9) or None,
        pids_limit=spec.pids or None,
        log_config={"type": "json-file", "config": {"max-size": "10m", "max-file": "1"}},
    )


def _result(client: t.Any, name: str, ended: bool, seconds: float) -> RunResult:
    state = container_state(client, name)
    with engine_errors("reading what a command wrote"):
        stdout = client.api.logs(name, stdout=True, stderr=False)
        stderr = client.api.logs(name, stdout=False, stderr=True)
    return RunResult(
        exit_code=state.exit_code if ended else None,
        stdout=stdout.decode("utf-8", "replace"),
        stderr=stderr.decode("utf-8", "replace"),
        seconds=seconds,
        oom_killed=state.oom_killed,
    )


def execute(client: t.Any, name: str, argv: t.Sequence[str]) -> RunResult:
    """Run a command in a container that runs.

    Raises:
        EngineError: the container has ended, or lacks the command.
    """
    with engine_errors(f"running {argv[0]} in container {name}"):
        made = client.api.exec_create(name, list(argv))["Id"]
        stdout, stderr = client.api.exec_start(made, demux=True)
        exit_code = client.api.exec_inspect(made)["ExitCode"]
    texts = [(text or b"").decode("utf-8", "replace") for text in (stdout, stderr)]
    return RunResult(exit_code, texts[0], texts[1], seconds=0.0)


def ensure_image(client: t.Any, image: str) -> None:
    """Pull ``image`` where this host does not have it."""
    if not has_image(client, image):
        pull(client, image)


def pull(client: t.Any, image: str) -> None:
    """Fetch ``repository@digest``, or a tag, with the credentials this host's docker has."""
    with engine_errors(f"pulling {image}"):
        client.images.pull(image)
