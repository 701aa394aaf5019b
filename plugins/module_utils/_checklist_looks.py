# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This module util is PRIVATE to the collection.
"""What a host finds for the checklist of a release: disks, clock, certificates, backups, monitoring. Changes nothing."""

from __future__ import annotations

import json
import os
import pathlib
import socket
import struct
import time
import typing as t
import urllib.parse

from ansible_collections.tagadodo.deploy.plugins.module_utils._backup import BackupError, Settings
from ansible_collections.tagadodo.deploy.plugins.module_utils._backup_age import HOUR, too_old
from ansible_collections.tagadodo.deploy.plugins.module_utils._certbot import CertificateError
from ansible_collections.tagadodo.deploy.plugins.module_utils._certificate_facts import (
    shown_facts,
    soon_ending,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._checklist import (
    FAIL,
    OPEN,
    PASS,
    Finding,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._engine import (
    EngineError,
    connect,
    engine_errors,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._http_probe import ask
from ansible_collections.tagadodo.deploy.plugins.module_utils._restic import Restic
from ansible_collections.tagadodo.deploy.plugins.module_utils._target import Answer, Request

TIMEOUT = 5.0  # seconds for one answer

# Source: RFC 4330, SNTP version 4.
NTP_PORT = 123
_NTP = struct.Struct("!BBbb11I")
_NTP_REQUEST = _NTP.pack(0x23, *[0] * 14)  # version 4, client
_NTP_SERVER, _UNSYNCHRONISED = 4, 3
_NTP_EPOCH = 2208988800  # seconds from 1900 to 1970

Params = t.Mapping[str, t.Any]


def finding(item: str, problems: t.Sequence[str], good: str) -> Finding:
    return Finding(item, FAIL, "; ".join(problems)) if problems else Finding(item, PASS, good)


def disk(params: Params) -> Finding:
    """Whether every file system that a release writes to has room: bytes and inodes.

    Args:
        params: ``paths``, ``minimum_percent`` (what is to be free), ``engine`` (whether to ask the engine for its own).
    """
    least = float(params["minimum_percent"])
    try:
        paths = [*([_engine_root()] if params["engine"] else []), *params["paths"]]
    except EngineError as error:
        return Finding("disk", FAIL, str(error))
    rooms: t.Dict[int, t.Tuple[str, float]] = {}
    for path in paths:
        there = _existing(pathlib.Path(path))
        rooms.setdefault(there.stat().st_dev, (path, _free_percent(there)))
    short = [
        f"{free:.0f} % of {path} is free, {least:g} are asked for"
        for path, free in rooms.values()
        if free < least
    ]
    good = ", ".join(f"{free:.0f} % of {path} is free" for path, free in rooms.values())
    return finding("disk", short, good)


def _engine_root() -> str:
    """
    Raises:
        EngineError: the engine does not answer.
    """
    client = connect()
    with engine_errors("asking the engine where it keeps images"):
        return str(client.info()["DockerRootDir"])


def _existing(path: pathlib.Path) -> pathlib.Path:
    """The path, or what it will be made in."""
    return next(one for one in (path, *path.parents) if one.exists())


def _free_percent(path: pathlib.Path) -> float:
    """Of bytes or inodes, whichever are fewer, for those who are not root."""
    room = os.statvfs(str(path))
    free = [room.f_bavail / room.f_blocks] if room.f_blocks else [1.0]
    free += [room.f_favail / room.f_files] if room.f_files else []
    return 100 * min(free)


def clock(params: Params) -> Finding:
    """Whether this host's clock agrees with a time server.

    Args:
        params: ``server`` (``host`` or ``host:port``), ``maximum_seconds``.
    """
    server, most = params["server"], float(params["maximum_seconds"])
    try:
        offset = ntp_offset(server)
    except (OSError, ValueError) as error:
        return Finding("clock", FAIL, f"time server {server}: {error}")
    return clock_finding(offset, most, server)


def clock_finding(offset: float, most: float, reference: str) -> Finding:
    """
    Args:
        offset: seconds that the clock is ahead of its reference.
    """
    way = "ahead of" if offset > 0 else "behind"
    told = f"{abs(offset):.1f} s {way} {reference}"
    return finding("clock", [f"{told}, {most:g} are allowed"] if abs(offset) > most else [], told)


def ntp_offset(server: str) -> float:
    """Seconds that this host's clock is ahead of a time server.

    Raises:
        OSError: it does not answer.
        ValueError: it answers something else, or has no time itself.
    """
    host, _colon, port = server.partition(":")
    family, kind, protocol, _name, address = socket.getaddrinfo(
        host, int(port or NTP_PORT), type=socket.SOCK_DGRAM
    )[0]
    with socket.socket(family, kind, protocol) as asking:
        asking.settimeout(TIMEOUT)
        asking.connect(address)
        sent = time.time()
        asking.send(_NTP_REQUEST)
        answer = asking.recv(_NTP.size)
        received = time.time()
    if len(answer) < _NTP.size:
        raise ValueError("it answers no time")
    flags, stratum, *_rest = fields = _NTP.unpack(answer)
    if flags & 7 != _NTP_SERVER or flags >> 6 == _UNSYNCHRONISED or not stratum:
        raise ValueError("it has no time itself")
    came, went = (_seconds(*fields[at : at + 2]) for at in (11, 13))
    return ((sent - came) + (received - went)) / 2


def _seconds(whole: int, fraction: int) -> float:
    return whole - _NTP_EPOCH + fraction / 2**32


def certificates(params: Params) -> Finding:
    """Whether what nginx shows is good for long enough.

    Args:
        params: ``names``, ``address``, ``port``, ``minimum_days``.
    """
    now = time.time()
    try:
        found = {
            name: shown_facts(params["address"], params["port"], name) for name in params["names"]
        }
    except CertificateError as error:
        return Finding("certificates", FAIL, str(error))
    problem = soon_ending(found, float(params["minimum_days"]), now)
    days = min((facts.days_left(now) for facts in found.values()), default=0.0)
    return finding("certificates", [problem] if problem else [], f"at least {days:.0f} days left")


def backup(params: Params) -> Finding:
    """Whether the newest backup is recent enough.

    Args:
        params: ``settings`` (file of the backups), ``max_age`` (hours).
    """
    if not os.path.exists(params["settings"]):
        return Finding("backup", OPEN)
    try:
        settings = Settings.read(params["settings"])
        found, now = Restic(settings).snapshots(), time.time()
    except BackupError as error:
        return Finding("backup", FAIL, str(error))
    problem = too_old(found, settings.backup_project, float(params["max_age"]), now)
    if problem:
        return Finding("backup", FAIL, problem)
    return Finding("backup", PASS, f"the newest is {(now - found[0].time) / HOUR:.1f} hours old")


def monitoring(params: Params) -> Finding:
    """Whether Prometheus and Alertmanager are ready, and no alert of the services fires.

    Args:
        params: ``prometheus`` and ``alertmanager`` (URLs, empty for none), ``services``, ``label`` (that names a service).
    """
    urls = {name: params[name].rstrip("/") for name in ("prometheus", "alertmanager")}
    there = {name: url for name, url in urls.items() if url}
    if not there:
        return Finding("monitoring", OPEN)
    problems = [
        f"{name} at {url} {why}"
        for name, url in there.items()
        for why in [_problem(_get(f"{url}/-/ready"))]
        if why
    ]
    if not problems and "alertmanager" in there:
        problems = _alerts(there["alertmanager"], params["services"], params["label"])
    quiet = ", no alert fires" if "alertmanager" in there else ""
    return finding("monitoring", problems, f"{' and '.join(there)} ready{quiet}")


def _alerts(url: str, services: t.Sequence[str], label: str) -> t.List[str]:
    """Alerts that fire, are not silenced and name one of the services."""
    query = urllib.parse.urlencode({"active": "true", "silenced": "false", "inhibited": "false"})
    answer = _get(f"{url}/api/v2/alerts?{query}")
    try:
        if _problem(answer):
            raise ValueError(_problem(answer))
        firing = [one["labels"] for one in json.loads(answer.body)]
        names = [
            f"{one['alertname']} of {one[label]} fires"
            for one in firing
            if one.get(label) in services
        ]
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        return [f"alertmanager at {url} does not say which alerts fire ({error})"]
    return sorted(set(names))


def _get(url: str) -> Answer:
    return ask(Request(url, TIMEOUT))


def _problem(answer: Answer) -> str:
    """What is wrong with an answer; empty where nothing is."""
    return answer.error or ("" if answer.status == 200 else f"answers {answer.status}")


LOOKS: t.Mapping[str, t.Callable[[Params], Finding]] = {
    "disk": disk,
    "clock": clock,
    "certificates": certificates,
    "backup": backup,
    "monitoring": monitoring,
}
