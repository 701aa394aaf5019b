# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This module util is PRIVATE to the collection.
"""The traffic switch: which of 100 buckets of clients go to green, as files that nginx looks at.

``<state_dir>/traffic/<service>`` is a symlink to a hidden directory beside it. There, a file
``green/<bucket>`` sends that bucket to green; every other bucket goes to blue. A file
``instances/<slot>/<k>`` says that at most the first k instances of that slot get traffic; without
one all do. Where there is one, all from the wanted number up are there, whatever the number of
instances, so that nginx finds it by halving, also after that number has changed. A shift prepares a
new directory and replaces the symlink by one rename(2), so that share and instances change at once,
and nginx needs no reload.
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

from ansible_collections.tagadodo.deploy.plugins.module_utils._durable import sync_folder
from ansible_collections.tagadodo.deploy.plugins.module_utils._service import SLOTS
from ansible_collections.tagadodo.deploy.plugins.module_utils._split import (
    BLUE,
    BUCKETS,
    GREEN,
    Counts,
    Split,
    Splits,
    TrafficError,
    green_buckets,
    instances_text,
)

__all__ = ["Nginx", "Shift", "Shifter", "TrafficDirectory", "TrafficError"]

INSTANCES = "instances"
MOST = 64  # instances of a slot that nginx can tell apart
POLL = 0.1  # seconds between two rounds of questions to nginx


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

    def split(self, service: str) -> Split:
        """What nginx is told; all on blue where the switch is missing, as nginx sees it too."""
        live = self.path / service
        green = (bucket for bucket in range(BUCKETS) if (live / GREEN / str(bucket)).is_file())
        counts = {slot: _lowest(live / INSTANCES / slot) for slot in SLOTS}
        return Split(frozenset(green), {slot: count for slot, count in counts.items() if count})

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

    def prepare(self, service: str, split: Split) -> str:
        """Write a split beside the live one and return its name; nginx does not see it yet."""
        name = f".{service}.{secrets.token_hex(6)}"
        files = {GREEN: [str(bucket) for bucket in sorted(split.green)]}
        for slot, count in split.counts.items():
            files[f"{INSTANCES}/{slot}"] = [str(limit) for limit in range(count, MOST)]
        for folder, names in files.items():
            markers = self.path / name / folder
            markers.mkdir(parents=True)
            for marker in names:
                (markers / marker).touch(mode=0o644)
        for directory, _folders, _files in os.walk(self.path / name, topdown=False):
            os.chmod(directory, 0o755)
            sync_folder(Path(directory))
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
        sync_folder(self.path)

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


def _lowest(limits: Path) -> int:
    """The lowest number that a file is called by; 0 without any."""
    return min((int(file.name) for file in limits.glob("[1-9]*")), default=0)


def _lock(descriptor: int, path: Path) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise TrafficError(f"another shift is at work in {path}; wait for it to end") from None


def read_splits(state_dir: t.Union[str, Path]) -> t.Dict[str, Split]:
    """How the traffic of each service nginx serves is split, read from the files alone."""
    directory = TrafficDirectory.of(state_dir)
    return {service: directory.split(service) for service in directory.services()}


def read_shares(state_dir: t.Union[str, Path]) -> t.Dict[str, int]:
    """Percent of traffic on green for each service nginx serves, read from the files alone."""
    return {service: split.share(GREEN) for service, split in read_splits(state_dir).items()}


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
            directory.switch(service, directory.prepare(service, Split()))


class Nginx:
    """Asks the control server of a running nginx, over one connection as long as it lasts.

    Args:
        url: where the control server listens, for example ``http://127.0.0.1:10080``.
        timeout: seconds one answer may take.
    """

    def __init__(self, url: str, timeout: float = 2.0) -> None:
        self._url = url.rstrip("/")
        parts = urllib.parse.urlsplit(self._url)
        try:
            port = parts.port or 80
        except ValueError:
            port = 0
        if parts.scheme != "http" or not parts.hostname or not port:
            raise TrafficError(f"control_url: {url!r} is not a URL such as http://127.0.0.1:10080")
        self._connection = http.client.HTTPConnection(parts.hostname, port, timeout=timeout)

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
        status, text = self.get(f"/traffic/{_quoted(service)}/{bucket}")
        if status == 404:
            raise TrafficError(
                f"{service}: nginx has no route for this service; run site.yml first"
            )
        if status != 200 or text not in SLOTS:
            raise TrafficError(
                f"{service}: nginx answers {status} {text!r} instead of a slot for bucket {bucket}"
            )
        return text

    def on_green(self, service: str) -> t.FrozenSet[int]:
        """The buckets it sends to green now."""
        return frozenset(b for b in range(BUCKETS) if self.slot(service, b) == GREEN)

    def count(self, service: str, slot: str) -> int:
        """How many instances it uses of a slot; 0: all. A configuration that knows no counts uses all."""
        text = self._about(INSTANCES, service, slot, unknown="all")
        return 0 if text == "all" else int(text)

    def servers(self, service: str, slot: str) -> int:
        """How many instances it knows of a slot; 0 where its configuration is too old to say."""
        return int(self._about("servers", service, slot, unknown="0"))

    def addresses(self, service: str) -> t.Optional[t.List[str]]:
        """The addresses of hosts that it leads to; none where it leads to instances beside it, and None where its
        configuration is too old to say."""
        status, text = self.get(f"/addresses/{_quoted(service)}")
        return text.split() if status == 200 else None

    def _about(self, what: str, service: str, slot: str, unknown: str) -> str:
        status, text = self.get(f"/{what}/{_quoted(service)}/{slot}")
        if status == 404:
            return unknown
        if status != 200 or not (text == "all" or (text.isascii() and text.isdigit())):
            raise TrafficError(
                f"{service}: nginx answers {status} {text!r} when it is asked for the {what} of {slot}"
            )
        return text


def _quoted(service: str) -> str:
    return urllib.parse.quote(service, safe="")


@dataclass(frozen=True)
class Shift:
    """What was shifted, by service."""

    before: Splits
    after: Splits
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

    def shift(
        self,
        shares: t.Mapping[str, int],
        instances: t.Mapping[str, Counts],
        dry: bool = False,
    ) -> Shift:
        """Bring services to their percent on green and their instances, all or none of them.

        Args:
            shares: percent on green by service; a service named in ``instances`` alone keeps its share.
            instances: by service and slot, how many of its instances get traffic; 0 or missing: all.
            dry: only say what would be done.

        Raises:
            TrafficError: nginx does not serve a service or has fewer instances (nothing is touched),
                or does not follow (the former split is put back).
        """
        for service in _named(shares, instances):
            self.nginx.slot(service, 0)
        if dry:
            return self._plan(shares, instances)[0]
        with self.directory.locked():
            done, ways = self._plan(shares, instances)
            self._move(done, ways)
        return done

    def _plan(
        self, shares: t.Mapping[str, int], instances: t.Mapping[str, Counts]
    ) -> t.Tuple[Shift, t.Dict[str, Split]]:
        """What changes, and for each service the split it passes through."""
        before, after, ways = {}, {}, {}
        for service in _named(shares, instances):
            servers = {slot: self.nginx.servers(service, slot) for slot in SLOTS}
            counts = instances.get(service, {})
            _check_counts(service, counts, servers)
            now = self.directory.split(service)
            green = green_buckets(shares[service]) if service in shares else now.green
            said = {slot: count for slot, count in counts.items() if count}
            before[service], after[service] = now, Split(green, said)
            ways[service] = now.towards(after[service])
        return Shift(before, after, before != after), ways

    def _move(self, shift: Shift, ways: Splits) -> None:
        moving = [name for name, split in shift.before.items() if split != shift.after[name]]
        for service in shift.after:
            self.directory.sweep(service)
        former = {service: self.directory.target(service) for service in moving}
        try:
            passing = {name: ways[name] for name in moving if ways[name] != shift.after[name]}
            if passing:
                self._bring(passing)
                self._confirm(passing)
            self._bring({name: shift.after[name] for name in moving})
            self._confirm(shift.after)
        except BaseException:
            self._put_back(former, shift.before)
            raise
        finally:
            for service in moving:
                self.directory.sweep(service)

    def _bring(self, splits: Splits) -> None:
        prepared = {name: self.directory.prepare(name, split) for name, split in splits.items()}
        for service, name in prepared.items():
            self.directory.switch(service, name)

    def _put_back(self, former: t.Mapping[str, str], before: Splits) -> None:
        with contextlib.suppress(OSError):
            self._leave(before)
        for service, name in former.items():
            if not name:
                self.directory.remove(service)
            elif self.directory.target(service) != name:
                self.directory.switch(service, name)

    def _leave(self, before: Splits) -> None:
        """Take the last share from slots that had none before, while they still have their counts."""
        now = {service: self.directory.split(service) for service in before}
        ways = {name: now[name].towards(split) for name, split in before.items()}
        passing = {n: way for n, way in ways.items() if way not in (now[n], before[n])}
        if passing:
            self._bring(passing)
            self.sleep(POLL)

    def _confirm(self, splits: Splits) -> None:
        deadline = self.clock() + self.timeout
        waiting = dict(splits)
        while True:
            said = {name: self._disagreement(name, split) for name, split in waiting.items()}
            waiting = {name: split for name, split in waiting.items() if said[name]}
            if not waiting:
                return
            if self.clock() >= deadline:
                service = next(iter(waiting))
                raise TrafficError(
                    f"{service}: nginx did not follow within {self.timeout:g} s: {said[service]}."
                    " The former split was put back"
                )
            self.sleep(POLL)

    def _disagreement(self, service: str, wanted: Split) -> str:
        """What nginx does otherwise; empty when it does as wanted."""
        try:
            green = self.nginx.on_green(service)
            counts = {slot: self.nginx.count(service, slot) for slot in SLOTS}
            servers = {slot: self.nginx.servers(service, slot) for slot in SLOTS}
        except TrafficError as error:
            return str(error)
        if green != wanted.green:
            wrong = min(wanted.green ^ green)
            return (
                f"it sends {len(green)} % to {GREEN} instead of {len(wanted.green)} %; the first wrong"
                f" bucket is {wrong}, on {GREEN if wrong in green else BLUE}"
            )
        for slot, count in counts.items():
            asked, count = (
                number if number < servers[slot] else 0
                for number in (wanted.counts.get(slot, 0), count)
            )
            if count != asked:
                return f"{slot} has {instances_text(count)} in traffic instead of {instances_text(asked)}"
        return ""


def _named(shares: t.Iterable[str], instances: t.Iterable[str]) -> t.List[str]:
    return list(dict.fromkeys([*shares, *instances]))


def _check_counts(service: str, counts: Counts, servers: t.Mapping[str, int]) -> None:
    for slot, count in counts.items():
        where = f"instances.{service}.{slot}"
        if count and not servers[slot]:
            raise TrafficError(
                f"{where}: the configuration of nginx knows no counts yet; run site.yml first"
            )
        if count > servers[slot]:
            raise TrafficError(
                f"{where}: {count} asked for, but nginx knows {servers[slot]}; raise `instances` of the"
                " service and run site.yml first"
            )
