# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This module util is PRIVATE to the collection.
"""Ask one HTTP question and never raise: no redirects, no proxies, a new connection each time."""

from __future__ import annotations

import functools
import http.client
import socket
import time
import typing as t
import urllib.parse

from ansible_collections.tagadodo.deploy.plugins.module_utils._target import (
    Answer,
    Request,
    Target,
    TargetError,
)

BODY_LIMIT = 1024 * 1024
_CHUNK = 65536
_PORTS = {"http": 80, "https": 443}


def ask(request: Request) -> Answer:
    """Send a request; whatever goes wrong is in ``Answer.error``, in a few words."""
    try:
        return _ask(request)
    except socket.timeout:
        return Answer(error=f"does not answer within {request.timeout:g} s")
    except OSError as error:
        return Answer(error=_words(error))
    except http.client.HTTPException as error:
        return Answer(error=f"does not speak HTTP ({type(error).__name__}: {error})")


def _words(error: OSError) -> str:
    certificate = getattr(error, "verify_message", "")
    if certificate:
        return f"shows a certificate that does not verify ({certificate})"
    if isinstance(error, ConnectionRefusedError):
        return "refuses connections"
    if isinstance(error, (ConnectionResetError, BrokenPipeError)):
        return "cuts the connection"
    if isinstance(error, socket.gaierror):
        return f"has a host name that does not resolve ({error.strerror})"
    return f"cannot be reached ({error.strerror or error})"


def _ask(request: Request) -> Answer:
    deadline = time.monotonic() + request.timeout
    parts = urllib.parse.urlsplit(request.url)
    host = parts.hostname or ""
    where = request.connect or (host, parts.port or _PORTS[parts.scheme])
    sock = socket.create_connection(where, request.timeout)
    connection = http.client.HTTPConnection(host)
    try:
        if parts.scheme == "https":
            sock.settimeout(_left(deadline))
            context = _tls_context(request.ca_file, request.validate_certs)
            sock = context.wrap_socket(sock, server_hostname=host)
        sock.settimeout(_left(deadline))
        connection.sock = sock
        authority = parts.netloc.rpartition("@")[2]
        headers = {"Host": authority, "User-Agent": "tagadodo-deploy", "Connection": "close"}
        path = urllib.parse.urlunsplit(("", "", parts.path or "/", parts.query, ""))
        connection.request(request.method, path, headers={**headers, **request.headers})
        # Not the connection's own answer: that closes the socket when it is read, which newer Pythons do at its
        # last byte, and a closed socket takes no timeout.
        with http.client.HTTPResponse(sock, method=request.method) as response:
            response.begin()
            return Answer(response.status, _body(response, sock, deadline))
    finally:
        connection.close()
        sock.close()


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise socket.timeout
    return left


def _body(response: http.client.HTTPResponse, sock: socket.socket, deadline: float) -> bytes:
    body = b""
    while len(body) < BODY_LIMIT:
        sock.settimeout(_left(deadline))
        chunk = response.read1(_CHUNK)
        if not chunk:
            break
        body += chunk
    return body


def read_secrets(raws: t.Sequence[t.Mapping[str, t.Any]]) -> dict[str, str]:
    """Texts of the files that ``header_files`` of targets name, by path.

    Raises:
        TargetError: a file cannot be read, or holds what no header can.
    """
    secrets: dict[str, str] = {}
    for raw in raws:
        for header, path in (raw.get("header_files") or {}).items():
            where = f"targets.{raw['name']}.header_files.{header}"
            try:
                with open(path, encoding="ascii") as file:
                    secrets[path] = file.read().strip()
            except (OSError, UnicodeError) as error:
                raise TargetError(f"{where}: {path} cannot be read ({error})") from error
            if not secrets[path] or "\n" in secrets[path]:
                raise TargetError(f"{where}: {path} must hold one line")
    return secrets


def load_authorities(targets: t.Iterable[Target]) -> None:
    """Read every ``ca_file`` that will be needed, so that a wrong one is noticed at once.

    Raises:
        TargetError: names the target whose file is no good.
    """
    for target in targets:
        if target.url.startswith("https:"):
            try:
                _tls_context(target.ca_file, target.validate_certs)
            except OSError as error:
                raise TargetError(
                    f"targets.{target.name}.ca_file: {target.ca_file} cannot be loaded"
                    f" ({error.strerror or error})"
                ) from error


@functools.lru_cache(maxsize=None)
def _tls_context(ca_file: str, validate: bool) -> t.Any:
    """A client's TLS settings; made once, because reading the system's authorities is slow."""
    import ssl

    context = ssl.create_default_context(cafile=ca_file or None)
    if ca_file:
        # Whoever is in the file is trusted, though another may vouch for it.
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    if not validate:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
