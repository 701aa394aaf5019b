# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Registries are asked over real HTTP, as anybody and as somebody."""

from __future__ import annotations

import base64
import http.server
import json
import pathlib
import typing as t
import urllib.parse

import pytest

from ansible_collections.tagadodo.deploy.plugins.module_utils._registry import (
    parted,
    resolve_tags,
)

DIGEST = "sha256:" + "0a" * 32
TOKEN = "a token"  # what it says is nobody's business
USER = "deploy:hush-hush"
BASIC = "Basic " + base64.b64encode(USER.encode()).decode()
HELPER = """#!/bin/sh
echo '{"ServerURL": "x", "Username": "deploy", "Secret": "hush-hush"}'
"""


class Registry(http.server.BaseHTTPRequestHandler):
    """Who may have an image is said by the first part of its name."""

    def do_HEAD(self) -> None:
        parts = self.path.split("/")
        kind, reference = parts[2], parts[-1]
        given = self.headers.get("Authorization", "")
        if kind in ("bearer", "private") and given != f"Bearer {TOKEN}":
            where = f"http://{self.headers['Host']}/token"
            scope = f"repository:{kind}/backend:pull"
            self._challenge(f'Bearer realm="{where}",service="registry",scope="{scope}"')
        elif kind == "basic" and given != BASIC:
            self._challenge('Basic realm="registry"')
        elif kind == "moved":
            self._answer(307, {"Location": f"/v2/public/backend/manifests/{reference}"})
        elif reference == "none":
            self._answer(404, {})
        else:
            assert "application/vnd.oci.image.index.v1+json" in self.headers["Accept"]
            silent = reference == "silent"
            self._answer(200, {} if silent else {"Docker-Content-Digest": DIGEST})

    def do_GET(self) -> None:
        asked = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(self.path).query))
        assert asked["service"] == "registry"
        private = asked["scope"].startswith("repository:private")
        if private and self.headers.get("Authorization") != BASIC:
            self._answer(401, {})
        else:
            self._answer(200, {}, json.dumps({"access_token": TOKEN}).encode())

    def _challenge(self, text: str) -> None:
        self._answer(401, {"WWW-Authenticate": text})

    def _answer(self, status: int, headers: t.Mapping[str, str], body: bytes = b"") -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture(scope="module")
def registry(serving: t.Callable[..., str]) -> str:
    return serving(Registry).removeprefix("http://")


@pytest.fixture(autouse=True)
def login(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> t.Callable[..., None]:
    """Write what ``docker login`` would; nobody is logged in before."""
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    (tmp_path / "config.json").write_text("{}")
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")

    def write(**config: t.Any) -> None:
        (tmp_path / "config.json").write_text(json.dumps(config))
        helper = tmp_path / "docker-credential-made-up"
        helper.write_text(HELPER)
        helper.chmod(0o755)

    return write


def asked(registry: str, name: str) -> dict[str, str]:
    tag = f"{registry}/{name}"
    return resolve_tags([tag])[tag]


@pytest.mark.parametrize("name", ["public/backend:1", "bearer/backend:1", "moved/backend:1"])
def test_anybody_is_told_what_a_public_tag_names(registry: str, name: str) -> None:
    assert asked(registry, name) == {"digest": DIGEST, "source": "registry"}


@pytest.mark.parametrize("name", ["private/backend:1", "basic/backend:1"])
@pytest.mark.parametrize("kept", ["file", "store", "helper"])
def test_somebody_is_told_more(
    registry: str, name: str, kept: str, login: t.Callable[..., None]
) -> None:
    auth = base64.b64encode(USER.encode()).decode()
    login(
        **{
            "file": {"auths": {registry: {"auth": auth}}},
            "store": {"credsStore": "made-up"},
            "helper": {"credHelpers": {registry: "made-up"}},
        }[kept]
    )
    assert asked(registry, name) == {"digest": DIGEST, "source": "registry"}


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("public/backend:none", "answers 404 for public/backend:none"),
        ("public/backend:silent", "does not say which digest public/backend:silent has"),
        ("private/backend:1", "gives no token (401); docker login {} first"),
        ("basic/backend:1", "refuses basic/backend:1 (401); docker login {} first"),
    ],
)
def test_what_is_not_known_is_told_in_one_line(registry: str, name: str, told: str) -> None:
    assert asked(registry, name) == {"error": f"{registry} {told.format(registry)}"}


def test_a_helper_that_is_not_there_is_told_in_one_line(
    registry: str, login: t.Callable[..., None]
) -> None:
    login(credsStore="nowhere")
    with pytest.warns(UserWarning, match="docker-credential-nowhere"):  # the SDK's own
        error = asked(registry, "basic/backend:1")["error"]
    assert "docker-credential-nowhere not installed" in error
    assert "\n" not in error


def test_one_that_is_silent_spoils_nothing_for_others(registry: str) -> None:
    good, silent = f"{registry}/public/backend:1", "127.0.0.1:1/backend:1"
    found = resolve_tags([silent, good])
    assert found[good] == {"digest": DIGEST, "source": "registry"}
    assert found[silent]["error"].startswith("127.0.0.1:1: ")
    assert "\n" not in found[silent]["error"]


@pytest.mark.parametrize(
    ("tag", "expected"),
    [
        ("redis:7", ("docker.io", "library/redis", "7")),
        ("tagadodo/backend:v1", ("docker.io", "tagadodo/backend", "v1")),
        ("docker.io/redis:7", ("docker.io", "library/redis", "7")),
        ("docker.io/tagadodo/backend:v1", ("docker.io", "tagadodo/backend", "v1")),
        ("ghcr.io/tagadodo/a/b:v1", ("ghcr.io", "tagadodo/a/b", "v1")),
        ("localhost/backend:v1", ("localhost", "backend", "v1")),
        ("registry:5000/backend:v1", ("registry:5000", "backend", "v1")),
        ("127.0.0.1:5000/tagadodo/backend:1.0", ("127.0.0.1:5000", "tagadodo/backend", "1.0")),
    ],
)
def test_parts_of_a_tag(tag: str, expected: tuple[str, str, str]) -> None:
    assert parted(tag) == expected
