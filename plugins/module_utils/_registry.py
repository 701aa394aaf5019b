# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This module util is PRIVATE to the collection.
"""What image tags name, asked of their registries where no engine is there to ask.

Credentials are those of ``docker login`` (``~/.docker/config.json``, helpers included), read by the Docker SDK.

Source: https://github.com/opencontainers/distribution-spec/blob/main/spec.md
"""

from __future__ import annotations

import re
import typing as t

from ansible_collections.tagadodo.deploy.plugins.module_utils._containers import in_parallel
from ansible_collections.tagadodo.deploy.plugins.module_utils._service import registry_of

TIMEOUT = 20  # seconds an answer may take
# The index of an image of several architectures comes first, as engines ask.
ACCEPT = (
    "application/vnd.oci.image.index.v1+json, application/vnd.docker.distribution.manifest.list.v2+json,"
    " application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.v2+json"
)
_LOCAL = re.compile(r"(localhost|127(\.\d+){3})(:\d+)?")
_HUB = "registry-1.docker.io"


class _Refused(Exception):
    """A registry does not say; one line."""


def resolve_tags(tags: t.Sequence[str]) -> t.Dict[str, t.Dict[str, str]]:
    """What each ``repository:tag`` names.

    Returns:
        ``{tag: {"digest": "sha256:…", "source": "registry"}}`` or ``{tag: {"error": …}}``.
    """
    return dict(zip(tags, in_parallel(_resolve, tags)))


def _resolve(tag: str) -> t.Dict[str, str]:
    import docker.errors
    import requests

    try:
        return {"digest": _digest(tag), "source": "registry"}
    except _Refused as error:
        return {"error": str(error)}
    except (docker.errors.DockerException, requests.RequestException, OSError) as error:
        return {"error": f"{parted(tag)[0]}: " + re.sub(r"\s+", " ", str(error)).strip()}


def _digest(tag: str) -> str:
    """
    Raises:
        _Refused: the registry does not know it, or does not let us ask.
        requests.RequestException: it does not answer.
    """
    import requests

    host, repository, reference = parted(tag)
    # As engines do: one on this machine need not have a certificate.
    schemes = ("https", "http") if _LOCAL.fullmatch(host) else ("https",)
    url = f"{{}}://{_HUB if host == 'docker.io' else host}/v2/{repository}/manifests/{reference}"
    with requests.Session() as session:
        session.headers["Accept"] = ACCEPT
        answer = _head(session, [url.format(scheme) for scheme in schemes])
        if answer.status_code == 401:
            _log_in(session, answer.headers.get("WWW-Authenticate", ""), host)
            answer = _head(session, [answer.url])
    named = f"{repository}:{reference}"
    if answer.status_code in (401, 403):
        told = f"refuses {named} ({answer.status_code}); docker login {host} first"
        raise _Refused(f"{host} {told}")
    if answer.status_code != 200:
        raise _Refused(f"{host} answers {answer.status_code} for {named}")
    digest = str(answer.headers.get("Docker-Content-Digest", ""))
    if not re.fullmatch(r"sha256:[0-9a-f]{64}", digest):
        raise _Refused(f"{host} does not say which digest {named} has")
    return digest


def _head(session: t.Any, urls: t.Sequence[str]) -> t.Any:
    import requests

    try:
        return session.head(urls[0], timeout=TIMEOUT, allow_redirects=True)
    except requests.ConnectionError:
        if len(urls) == 1:
            raise
        return session.head(urls[1], timeout=TIMEOUT, allow_redirects=True)


def _log_in(session: t.Any, challenge: str, host: str) -> None:
    """Answer a challenge (RFC 7235) for the requests that follow."""
    user, password = _credentials(host)
    scheme, _space, rest = challenge.partition(" ")
    asked = dict(re.findall(r'(\w+)="([^"]*)"', rest))
    if scheme.lower() != "bearer":
        session.auth = (user, password) if user else None
        return
    realm = asked.pop("realm", "")
    given = {"auth": (user, password)} if user else {}
    answer = session.get(realm, params=asked, timeout=TIMEOUT, **given)
    token = _token(answer)
    if not token:
        raise _Refused(f"{host} gives no token ({answer.status_code}); docker login {host} first")
    session.headers["Authorization"] = f"Bearer {token}"


def _token(answer: t.Any) -> str:
    try:
        document = answer.json() if answer.ok else {}
        return str(document.get("token") or document.get("access_token") or "")
    except (ValueError, AttributeError):
        return ""


def _credentials(host: str) -> t.Tuple[str, str]:
    import docker.auth

    found = docker.auth.load_config().resolve_authconfig(host) or {}
    # What helpers give is written with capitals, what stands in the file without.
    known = {key.lower(): value for key, value in found.items()}
    return str(known.get("username") or ""), str(known.get("password") or "")


def parted(tag: str) -> t.Tuple[str, str, str]:
    """Registry, repository and tag of ``registry/repository:tag``; the registry is Docker Hub's where none is named."""
    name, _colon, reference = tag.rpartition(":")
    named = registry_of(name)
    host, repository = named or "docker.io", name[len(named) :].lstrip("/")
    if host == "docker.io" and "/" not in repository:
        repository = f"library/{repository}"
    return host, repository, reference
