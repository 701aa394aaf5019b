# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where requests go, and how the version is read from an answer."""

from __future__ import annotations

import ipaddress
import itertools
import json
import re
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import urlsplit

from _traffic.wire import Answer

Use = Literal["get", "post", "websocket"]
UNKNOWN = "?"
_SCHEMES = {"http": 80, "https": 443, "ws": 80, "wss": 443}
_TLS = {"https", "wss"}


@dataclass(frozen=True)
class Target:
    """One URL and what is done with it.

    use: ``get``, ``post`` or ``websocket``
    name: how clients of it are called in the report; by default host and path
    connect: loopback ``address:port`` that is connected to in place of the URL's host
    version: ``json:FIELD`` (dots go deeper), ``header:NAME``, ``regex:PATTERN`` (first group) or
        ``none``; an answer below 400 in which it is not found counts for version "?"
    body: what is posted, or sent over a websocket; ``{id}`` becomes the request's unique id
    headers: sent with every request
    executions: JSON field of a POST's answer that says how often this id has been executed by now
    """

    use: Use
    url: str
    name: str = ""
    connect: str = ""
    version: str = "json:version"
    body: str = '{"id": "{id}"}'
    headers: Mapping[str, str] = field(default_factory=dict)
    executions: str = ""


@dataclass(frozen=True)
class Endpoint:
    """A target resolved: all that is needed to connect, on loopback only."""

    scheme: str
    hostname: str
    authority: str
    path: str
    address: str
    port: int

    @property
    def tls(self) -> bool:
        return self.scheme in _TLS

    @classmethod
    def of(cls, target: Target) -> Endpoint:
        """Raise ValueError for a URL that is not understood or leads off this machine."""
        url = urlsplit(target.url)
        if url.scheme not in _SCHEMES or not url.hostname:
            raise ValueError(f"{target.url}: want http(s)://host/path or ws(s)://host/path")
        if (target.use == "websocket") != url.scheme.startswith("ws"):
            raise ValueError(
                f"{target.url}: scheme {url.scheme} does not fit a {target.use} target"
            )
        port = url.port or _SCHEMES[url.scheme]
        address, port = _connect_address(target, url.hostname, port)
        path = (url.path or "/") + (f"?{url.query}" if url.query else "")
        return cls(url.scheme, url.hostname, url.netloc.rpartition("@")[2], path, address, port)


def _connect_address(target: Target, hostname: str, port: int) -> tuple[str, int]:
    if target.connect:
        given = urlsplit(f"//{target.connect}")
        hostname, port = given.hostname or "", given.port or port
    if hostname == "localhost" or hostname.endswith(".localhost"):
        hostname = "127.0.0.1"
    try:
        loopback = ipaddress.ip_address(hostname).is_loopback
    except ValueError:
        loopback = False
    if not loopback:
        raise ValueError(
            f"{target.url}: {hostname or target.connect} is no loopback address; load goes to this"
            " machine only, set connect to 127.0.0.1:PORT"
        )
    return hostname, port


def source_addresses(count: int) -> itertools.cycle[str]:
    """Loopback addresses that clients come from in turn: to a server they are `count` users."""
    return itertools.cycle([f"127.0.{n // 250}.{n % 250 + 1}" for n in range(count)])


def tls_context(ca: str | None, protocol: str) -> ssl.SSLContext:
    """Verifies against `ca` (else the system's authorities) and offers only `protocol` by ALPN."""
    context = ssl.create_default_context(cafile=ca)
    context.set_alpn_protocols([protocol])
    return context


def json_field(body: bytes | str, path: str) -> object:
    """The value at a dotted path, None if the body is no JSON or has no such field."""
    try:
        value = json.loads(body)
    except ValueError:
        return None
    for key in path.split("."):
        value = value.get(key) if isinstance(value, dict) else None
    result: object = value
    return result


def version_reader(spec: str) -> Callable[[Answer], str]:
    """From an answer to its version: UNKNOWN if it has none, "" if none is looked for."""
    how, _colon, argument = spec.partition(":")
    if how == "none" and not argument:
        return lambda answer: ""
    if how == "json" and argument:
        return lambda answer: _text(json_field(answer.body, argument))
    if how == "header" and argument:
        name = argument.lower()
        return lambda answer: answer.headers.get(name, UNKNOWN)
    if how == "regex" and argument:
        pattern = re.compile(argument.encode())
        if pattern.groups < 1:
            raise ValueError(f"version {spec!r}: the pattern needs a group around the version")
        return lambda answer: _first_group(pattern, answer.body)
    raise ValueError(f"version {spec!r}: want json:FIELD, header:NAME, regex:PATTERN or none")


def _text(value: object) -> str:
    return UNKNOWN if value is None else str(value)


def _first_group(pattern: re.Pattern[bytes], body: bytes) -> str:
    match = pattern.search(body)
    return match.group(1).decode("utf-8", "replace") if match else UNKNOWN
