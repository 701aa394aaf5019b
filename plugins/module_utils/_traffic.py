# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This module util is PRIVATE to the collection.
"""The traffic switch: which of 100 buckets of clients go to green, as files that nginx looks at.

``<state_dir>/traffic/<service>`` is a symlink to a hidden directory beside it. There, a file
``green/<bucket>`` sends that bucket to green; every other bucket goes to blue. A shift prepares a
new directory and replaces the symlink by one rename(2), so a request sees the old split or the
new one and nothing between, and nginx needs no reload.
"""

from __future__ import annotations

import contextlib
import fcntl
import http.client
import os
import secrets
import shutil
import typing as t
import urllib.parse
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.tagadodo.deploy.plugins.module_utils._service import SLOTS

BUCKETS = 100
BLUE, GREEN = SLOTS
POLL = 0.1  # seconds between two rounds of questions to nginx


class TrafficError(Exception):
    """Traffic cannot be shifted; the text is one line and says what to change."""


def green_buckets(share: int) -> t.FrozenSet[int]:
    """The buckets that go to green at ``share`` percent.

    Counted from 0, so who is in at 10 % is still in at 25 %; blue's share grows from 99 down.
    """
    return frozenset(range(share))


def parse_shares(raw: t.Mapping[str, t.Any]) -> t.Dict[str, int]:
    """``{service: {slot: percent}}`` as percent on green by service.

    Raises:
        TrafficError: a slot is not known, a share is not a whole percentage, or both do not make 100.
    """
    return {service: _green_share(service, shares) for service, shares in raw.items()}


def _green_share(service: str, shares: t.Any) -> int:
    if not isinstance(shares, dict) or not shares:
        raise TrafficError(f"shares.{service}: expected percent by slot, for example {{green: 25}}")
    for slot, share in shares.items():
        if slot not in SLOTS:
            raise TrafficError(
                f"shares.{service}: unknown slot {slot!r}; slots are {BLUE} and {GREEN}"
            )
        if not _is_percent(share):
            raise TrafficError(
                f"shares.{service}.{slot}: {share!r} is not a whole number from 0 to {BUCKETS}"
            )
    percents = {slot: int(share) for slot, share in shares.items()}
    if len(percents) == len(SLOTS) and sum(percents.values()) != BUCKETS:
        raise TrafficError(
            f"shares.{service}: {BLUE} {percents[BLUE]} and {GREEN} {percents[GREEN]}"
            f" do not make {BUCKETS}; name one slot, the other gets the rest"
        )
    return percents[GREEN] if GREEN in percents else BUCKETS - percents[BLUE]


def _is_percent(share: t.Any) -> bool:
    whole = (isinstance(share, int) and not isinstance(share, bool)) or (
        isinstance(share, str) and share.isascii() and share.isdigit()
    )
    return whole and 0 <= int(share) <= BUCKETS


def by_slot(shares: t.Mapping[str, int]) -> t.Dict[str, t.Dict[str, int]]:
    """Percent on green by service as percent by service and slot."""
    return {service: {BLUE: BUCKETS - share, GREEN: share} for service, share in shares.items()}


def describe(shares: t.Mapping[str, int]) -> str:
    """One line per service: ``backend: blue 75 %, green 25 %``."""
    return "".join(
        f"{service}: {BLUE} {BUCKETS - share} %, {GREEN} {share} %\n"
        for service, share in sorted(shares.items())
    )


@dataclass(frozen=True)
class TrafficDirectory:
    """The directory of switches on one proxy."""

    path: Path

    @classmethod
    def of(cls, state_dir: t.Union[str, Path]) -> TrafficDirectory:
        return cls(Path(state_dir) / "traffic")

    def services(self) -> t.List[str]:
        """Services that have a switch, sorted."""
        if not self.path.is_dir():
            return []
        return sorted(
            e.name for e in self.path.iterdir() if not e.name.startswith(".") and e.is_symlink()
        )

    def on_green(self, service: str) -> t.FrozenSet[int]:
        """The buckets nginx sends to green; none where the switch is missing, as nginx sees it too."""
        markers = self.path / service / GREEN
        return frozenset(bucket for bucket in range(BUCKETS) if (markers / str(bucket)).is_file())

    @contextlib.contextmanager
    def locked(self) -> t.Iterator[None]:
        """Keep other writers out.

        Raises:
            TrafficError: another shift is at work.
        """
        try:
            descriptor = os.open(self.path, os.O_RDONLY)
        except FileNotFoundError:
            raise TrafficError(
                f"{self.path} is missing, so nginx is not set up here; run site.yml first"
            ) from None
        try:
            _lock(descriptor, self.path)
            yield
        finally:
            os.close(descriptor)

    def prepare(self, service: str, buckets: t.AbstractSet[int]) -> str:
        """Write a split beside the live one and return its name; nginx does not see it yet."""
        name = f".{service}.{secrets.token_hex(6)}"
        markers = self.path / name / GREEN
        markers.mkdir(parents=True)
        for directory in (markers.parent, markers):
            directory.chmod(0o755)
        for bucket in sorted(buckets):
            (markers / str(bucket)).touch(mode=0o644)
        _sync(markers)
        _sync(markers.parent)
        return name

    def target(self, service: str) -> str:
        """Name of the live split; empty where there is none."""
        link = self.path / service
        return os.readlink(link) if link.is_symlink() else ""

    def switch(self, service: str, name: str) -> None:
        """Make a prepared split the live one, by one rename(2)."""
        beside = self.path / f"{name}.link"
        os.symlink(name, beside)
        os.rename(beside, self.path / service)
        _sync(self.path)

    def remove(self, service: str) -> None:
        """Take the switch away: all traffic goes to blue."""
        with contextlib.suppress(FileNotFoundError):
            (self.path / service).unlink()

    def sweep(self, service: str) -> None:
        """Remove every split of ``service`` but the live one: what a killed run left, and old ones."""
        live = self.target(service)
        for entry in self.path.glob(f".{service}.*"):
            if entry.name == live:
                continue
            if entry.is_symlink():
                entry.unlink()
            else:
                shutil.rmtree(entry)


def _lock(descriptor: int, path: Path) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise TrafficError(f"another shift is at work in {path}; wait for it to end") from None


def _sync(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def read_shares(state_dir: t.Union[str, Path]) -> t.Dict[str, int]:
    """Percent of traffic on green for each service nginx serves, read from the files alone."""
    directory = TrafficDirectory.of(state_dir)
    return {service: len(directory.on_green(service)) for service in directory.services()}


def missing_switches(state_dir: t.Union[str, Path], services: t.Iterable[str]) -> t.List[str]:
    """The services that have no switch yet."""
    known = TrafficDirectory.of(state_dir).services()
    return [service for service in services if service not in known]


def add_switches(state_dir: t.Union[str, Path], services: t.Iterable[str]) -> None:
    """Give services their switch, all traffic on blue; a switch that exists is never touched."""
    directory = TrafficDirectory.of(state_dir)
    directory.path.mkdir(parents=True, exist_ok=True)
    directory.path.chmod(0o755)
    with directory.locked():
        for service in missing_switches(state_dir, services):
            directory.switch(service, directory.prepare(service, frozenset()))


class Nginx:
    """Asks the control server of a running nginx, over one connection as long as it lasts.

    Args:
        url: where the control server listens, for example ``http://127.0.0.1:10080``.
        timeout: seconds one answer may take.
    """

    def __init__(self, url: str, timeout: float = 2.0) -> None:
        self._url = url.rstrip("/")
        parts = urllib.parse.urlsplit(self._url)
        if parts.scheme != "http" or not parts.hostname:
            raise TrafficError(f"control_url: {url!r} is not a URL such as http://127.0.0.1:10080")
        self._connection = http.client.HTTPConnection(
            parts.hostname, parts.port or 80, timeout=timeout
        )

    def close(self) -> None:
        self._connection.close()

    def get(self, path: str) -> t.Tuple[int, str]:
        """Status and text of an answer. A reused connection that nginx closed is opened again once.

        Raises:
            TrafficError: nginx does not answer.
        """
        reused = self._connection.sock is not None
        try:
            self._connection.request("GET", path)
            response = self._connection.getresponse()
            return response.status, response.read(4096).decode("ascii", "replace").strip()
        except (OSError, http.client.HTTPException) as error:
            self._connection.close()
            if reused:
                return self.get(path)
            raise TrafficError(
                f"nginx does not answer at {self._url}{path} ({error or type(error).__name__});"
                " is its container running?"
            ) from error

    def slot(self, service: str, bucket: int) -> str:
        """Where nginx sends a bucket.

        Raises:
            TrafficError: nginx does not answer, or does not know the service.
        """
        status, text = self.get(f"/traffic/{urllib.parse.quote(service, safe='')}/{bucket}")
        if status == 404:
            raise TrafficError(
                f"shares.{service}: nginx has no route for this service; run site.yml first"
            )
        if status != 200 or text not in SLOTS:
            raise TrafficError(
                f"{service}: nginx answers {status} {text!r} instead of a slot for bucket {bucket}"
            )
        return text

    def on_green(self, service: str) -> t.FrozenSet[int]:
        """The buckets it sends to green now."""
        return frozenset(b for b in range(BUCKETS) if self.slot(service, b) == GREEN)


@dataclass(frozen=True)
class Shift:
    """What was shifted: percent on green by service, before and after."""

    before: t.Mapping[str, int]
    after: t.Mapping[str, int]
    changed: bool


@dataclass(frozen=True)
class Shifter:
    """Moves traffic and believes it only when nginx says so.

    Args:
        directory: the switches of this proxy.
        nginx: its control server.
        timeout: seconds nginx is given to agree.
        clock, sleep: monotonic time and waiting.
    """

    directory: TrafficDirectory
    nginx: Nginx
    timeout: float
    clock: t.Callable[[], float]
    sleep: t.Callable[[float], None]

    def shift(self, wanted: t.Mapping[str, int], dry: bool = False) -> Shift:
        """Bring every service to its percent on green, all or none of them.

        Raises:
            TrafficError: nginx does not serve a service (nothing is touched), or does not follow
                (the shares are put back).
        """
        for service in wanted:
            self.nginx.slot(service, 0)
        buckets = {service: green_buckets(share) for service, share in wanted.items()}
        before = {service: self.directory.on_green(service) for service in wanted}
        moving = [service for service in wanted if before[service] != buckets[service]]
        done = Shift(
            {name: len(green) for name, green in before.items()}, dict(wanted), bool(moving)
        )
        if dry:
            return done
        with self.directory.locked():
            self._move(moving, buckets)
        return done

    def _move(self, moving: t.Sequence[str], buckets: t.Mapping[str, t.FrozenSet[int]]) -> None:
        for service in buckets:
            self.directory.sweep(service)
        former = {service: self.directory.target(service) for service in moving}
        prepared = {
            service: self.directory.prepare(service, buckets[service]) for service in moving
        }
        try:
            for service, name in prepared.items():
                self.directory.switch(service, name)
            self._confirm(buckets)
        except BaseException:
            self._put_back(former)
            raise
        finally:
            for service in moving:
                self.directory.sweep(service)

    def _put_back(self, former: t.Mapping[str, str]) -> None:
        for service, name in former.items():
            if not name:
                self.directory.remove(service)
            elif self.directory.target(service) != name:
                self.directory.switch(service, name)

    def _confirm(self, buckets: t.Mapping[str, t.FrozenSet[int]]) -> None:
        deadline = self.clock() + self.timeout
        waiting = dict(buckets)
        while True:
            answers: t.Dict[str, t.Union[t.FrozenSet[int], TrafficError]] = {}
            for service in list(waiting):
                try:
                    answers[service] = self.nginx.on_green(service)
                except TrafficError as error:
                    answers[service] = error
                if answers[service] == waiting[service]:
                    del waiting[service]
            if not waiting:
                return
            if self.clock() >= deadline:
                service = next(iter(waiting))
                raise TrafficError(
                    _disagreement(service, waiting[service], answers[service], self.timeout)
                )
            self.sleep(POLL)


def _disagreement(
    service: str,
    wanted: t.FrozenSet[int],
    answer: t.Union[t.FrozenSet[int], TrafficError],
    timeout: float,
) -> str:
    said = str(answer)
    if not isinstance(answer, TrafficError):
        wrong = sorted(wanted ^ answer)
        said = (
            f"it sends {len(answer)} % to {GREEN} instead of {len(wanted)} %; the first wrong bucket is"
            f" {wrong[0]}, on {GREEN if wrong[0] in answer else BLUE}"
        )
    return f"{service}: nginx did not follow within {timeout:g} s: {said}. The shares were put back"
