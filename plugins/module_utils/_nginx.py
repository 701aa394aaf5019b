# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This module util is PRIVATE to the collection.
"""The configuration of nginx: from a rendered text to a running nginx that provably uses it.

``nginx -s reload`` succeeds before the new configuration is tried, and nginx keeps the old one when
it cannot use it. So each configuration carries a revision, and only nginx's own answer counts.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import secrets
import typing as t
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.tagadodo.deploy.plugins.module_utils._engine import (
    EngineError,
    engine_errors,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._traffic import Nginx, TrafficError

REVISION = "@REVISION@"
TOKEN = "@PROBE_TOKEN@"
TOKEN_BYTES = 32
_MADE_TOKEN = re.compile(rf"\b[0-9a-f]{{{2 * TOKEN_BYTES}}}\b")
STEADY = 2.0  # seconds in which nginx reads a file again that it was told to
IN_A_ROW = 3  # answers of the new revision: workers that are leaving may still take a connection
POLL = 0.1  # seconds
ENDED = frozenset({"exited", "dead", "restarting", "removing"})


class NginxError(Exception):
    """nginx cannot be configured; the text is one line and carries nginx's own reason."""


@dataclass(frozen=True)
class Versions:
    """What an image's nginx is made of; empty where it does not say."""

    nginx: str = ""
    openssl: str = ""

    @classmethod
    def parse(cls, text: str) -> Versions:
        """Read the output of ``nginx -V``. The library it runs with counts, not the one it was built with."""
        nginx = re.search(r"nginx version: \S+/(\d+\.\d+\.\d+)", text)
        built = re.search(r"built with OpenSSL (\d+\.\d+\.\d+)", text)
        running = re.search(r"running with OpenSSL (\d+\.\d+\.\d+)", text)
        library = running or built
        return cls(nginx.group(1) if nginx else "", library.group(1) if library else "")


def complaint(text: str) -> str:
    """The first thing nginx could not do, without time and process; else its last line."""
    match = re.search(r"\[emerg\] (?:\d+#\d+: )?(.+)", text)
    if match:
        return match.group(1).strip()
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "it says nothing"


def last_complaint(text: str) -> str:
    """The latest thing nginx could not do; empty when there is none."""
    found = re.findall(r"\[emerg\] (?!\d+#\d+: still could not bind)(?:\d+#\d+: )?(.+)", text)
    return found[-1].strip() if found else ""


def with_line(message: str, content: str) -> str:
    """``message`` with the line of ``content`` it points at, since the file is not kept."""
    match = re.search(r":(\d+)$", message)
    lines = content.splitlines()
    if not match or not 1 <= int(match.group(1)) <= len(lines):
        return message
    return f"{message} ({lines[int(match.group(1)) - 1].strip()})"


@dataclass(frozen=True)
class Configuration:
    """A configuration as the role renders it, with places for its revision and the probe token.

    Args:
        path: where nginx reads it.
        content: its text; ``@REVISION@`` and ``@PROBE_TOKEN@`` are filled in on the host.
        token: secret that lets a probe choose its slot.
        watched: certificates whose change needs a reload too.
    """

    path: Path
    content: str
    token: str
    watched: t.Tuple[Path, ...] = ()

    @property
    def revision(self) -> str:
        """16 hexadecimal digits over everything nginx reads."""
        digest = hashlib.sha256()
        for part in (self.content.encode(), self.token.encode(), *map(_read_bytes, self.watched)):
            digest.update(hashlib.sha256(part).digest())
        return digest.hexdigest()[:16]

    @property
    def text(self) -> str:
        return self.content.replace(REVISION, self.revision).replace(TOKEN, self.token or TOKEN)

    def live(self) -> str:
        """What nginx would read now; empty where there is nothing."""
        return _read_bytes(self.path).decode("utf-8", "replace")

    def without_secret(self, text: str) -> str:
        """``text`` without the token, and without one that this host had before and has lost."""
        shown = text.replace(self.token, TOKEN) if self.token else text
        return _MADE_TOKEN.sub(TOKEN, shown)

    def check(self, dry: bool = False) -> None:
        """
        Args:
            dry: a certificate may still be made before the real run.

        Raises:
            NginxError: the template forgot the revision, or a certificate is missing.
        """
        if REVISION not in self.content:
            raise NginxError(
                f"{self.path}: the template has no {REVISION}, so nobody could tell whether nginx uses it;"
                " keep the block `control`"
            )
        for path in self.watched:
            if not dry and not path.is_file():
                raise NginxError(f"{path}: this certificate does not exist on the host")

    @property
    def staged(self) -> Path:
        """The place beside the live file where a new one is tried: relative paths mean the same there."""
        return self.path.with_name(f".{self.path.name}.new")

    def stage(self) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        _write(self.staged, self.text)

    def unstage(self) -> None:
        with contextlib.suppress(FileNotFoundError):
            self.staged.unlink()

    def swap(self) -> None:
        """Make the staged file the live one."""
        os.replace(self.staged, self.path)

    def restore(self, text: str) -> None:
        """Bring back what :meth:`live` returned before."""
        if not text:
            self.path.unlink()
            return
        _write(self.staged, text)
        self.swap()


def _read_bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return b""


def _write(path: Path, text: str) -> None:
    """Write a file only root can read, durably."""
    with contextlib.suppress(FileNotFoundError):
        path.unlink()
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def read_token(path: Path) -> str:
    """The probe token of this host; empty where it has none yet."""
    return _read_bytes(path).decode("ascii", "ignore").strip()


def ensure_token(path: Path) -> str:
    """The probe token of this host, made when missing, in a file only root can read."""
    token = read_token(path)
    if not token:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        token = secrets.token_hex(TOKEN_BYTES)
        _write(path, token)
    return token


class NginxContainer:
    """The container nginx runs in, and containers like it that only try something.

    Args:
        client: a ``docker.DockerClient``.
        name: name of the container.
        image: image it is to run.
    """

    def __init__(self, client: t.Any, name: str, image: str) -> None:
        self._client = client
        self._name = name
        self._image = image

    @engine_errors("looking for the image of nginx")
    def image_id(self) -> str:
        """Identity of the image; empty where it is not here."""
        import docker.errors

        try:
            return str(self._client.images.get(self._image).id)
        except docker.errors.ImageNotFound:
            return ""

    @engine_errors("looking at the container of nginx")
    def _container(self) -> t.Any:
        import docker.errors

        try:
            return self._client.containers.get(self._name)
        except docker.errors.NotFound:
            return None

    def status(self) -> str:
        """Status of the container; ``absent`` where there is none."""
        container = self._container()
        return str(container.status) if container else "absent"

    def runs_image(self) -> bool:
        """Whether it runs, and runs the image it is to run."""
        container = self._container()
        return bool(
            container
            and container.status == "running"
            and container.attrs["Image"] == self.image_id()
        )

    @engine_errors("asking nginx for its version")
    def versions(self) -> Versions:
        """Versions of the image; asks the running container where it has the same image."""
        if self.runs_image():
            _code, output = self._container().exec_run(["nginx", "-V"])
        else:
            _code, output = self._try(["-V"])
        return Versions.parse(output.decode("utf-8", "replace"))

    def test(self, path: Path, volumes: t.Sequence[str], capabilities: t.Sequence[str]) -> str:
        """Let the image's own nginx read a configuration: empty when it can, else what it says."""
        code, output = self._try(
            ["-e", "stderr", "-t", "-q", "-c", str(path)],
            volumes=list(volumes),
            cap_drop=["ALL"],
            cap_add=list(capabilities),
            network_mode="host",
            tmpfs={"/tmp": "rw,nosuid,nodev,noexec,mode=1777,size=16m"},
        )
        return (
            "" if code == 0 else output.decode("utf-8", "replace") or f"nginx -t ended with {code}"
        )

    @engine_errors("running nginx once")
    def _try(self, arguments: t.Sequence[str], **settings: t.Any) -> t.Tuple[int, bytes]:
        """Exit code and output of nginx in a container of its own, which is removed."""
        container = self._client.containers.create(
            self._image,
            entrypoint=["nginx"],
            command=list(arguments),
            read_only=True,
            security_opt=["no-new-privileges"],
            log_config={"type": "json-file", "config": {}},
            **{"network_mode": "none", **settings},
        )
        try:
            container.start()
            code = int(container.wait(timeout=60)["StatusCode"])
            return code, container.logs(stdout=True, stderr=True)
        finally:
            container.remove(force=True, v=True)

    @engine_errors("reloading nginx")
    def reload(self) -> None:
        # Not by the engine's own signal: it takes every one for a stop by hand, and does not start the container when
        # the host starts anew.
        code, said = self._container().exec_run(["sh", "-c", "kill -HUP 1"])
        if code != 0:
            raise EngineError(f"reloading nginx: {said.decode('utf-8', 'replace').strip()}")

    @engine_errors("reading the log of nginx")
    def log(self, since: int) -> str:
        """What nginx said since a time in seconds."""
        container = self._container()
        return container.logs(since=since).decode("utf-8", "replace") if container else ""


@dataclass(frozen=True)
class Mark:
    """A place in nginx's log: a time of day in seconds, and how much was said in that second already."""

    since: int
    length: int = 0


@dataclass(frozen=True)
class Waiter:
    """Waits until nginx answers with a revision.

    Args:
        container: where it runs, for the reason when it does not.
        url: its control server.
        timeout: seconds it is given.
        clock, sleep, now: monotonic time, waiting, and the time of day.
    """

    container: NginxContainer
    url: str
    timeout: float
    clock: t.Callable[[], float]
    sleep: t.Callable[[float], None]
    now: t.Callable[[], float]

    def check(self) -> None:
        """
        Raises:
            TrafficError: the address of the control server is none.
        """
        Nginx(self.url).close()

    def served(self) -> str:
        """The revision nginx answers with; empty when it does not answer."""
        nginx = Nginx(self.url)
        try:
            status, text = nginx.get("/revision")
        except TrafficError:
            return ""
        finally:
            nginx.close()
        return text if status == 200 else ""

    def mark(self) -> Mark:
        """This moment in nginx's log: what it says later is about what comes now."""
        since = int(self.now())
        return Mark(since, len(self.container.log(since)))

    def wait(self, revision: str, mark: Mark, steady: float = 0.0) -> None:
        """
        Args:
            steady: seconds for which it has to answer with nothing else; for a revision that it may have
                answered with before it was told to read it again.

        Raises:
            NginxError: it complained, ended or kept another revision; with nginx's own reason.
        """
        deadline = self.clock() + self.timeout
        in_a_row, since = 0, self.clock()
        while in_a_row < IN_A_ROW or self.clock() < since + steady:
            served = self.served()
            in_a_row = in_a_row + 1 if served == revision else 0
            if not in_a_row:
                self._fail_if_hopeless(mark, revision, served, self.clock() >= deadline)
                since = self.clock()
            if not in_a_row or steady:
                self.sleep(POLL)

    def _fail_if_hopeless(self, mark: Mark, revision: str, served: str, late: bool) -> None:
        status = self.container.status()
        said = self.container.log(mark.since)[mark.length :]
        reason = last_complaint(said)
        if status in ENDED:
            raise NginxError(
                f"nginx does not run (its container is {status}): {reason or complaint(said)}"
            )
        if late or (reason and served):
            raise NginxError(
                f"nginx did not take revision {revision}, it answers {served or 'nothing'}:"
                f" {reason or complaint(said)}"
            )
