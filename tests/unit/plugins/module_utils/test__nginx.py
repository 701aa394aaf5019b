# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What nginx says is understood, and a configuration is replaced whole or not at all."""

from __future__ import annotations

import typing as t
from pathlib import Path

import pytest

from ansible_collections.tagadodo.deploy.plugins.module_utils._nginx import (
    Configuration,
    NginxError,
    Versions,
    Waiter,
    complaint,
    ensure_token,
    last_complaint,
    read_token,
    with_line,
)


@pytest.mark.parametrize(
    ("text", "versions"),
    [
        (
            "nginx version: nginx/1.22.1\nbuilt with OpenSSL 3.0.20 7 Apr 2026\nTLS SNI support enabled\n",
            Versions("1.22.1", "3.0.20"),
        ),
        (
            "nginx version: nginx/1.30.6 (Debian)\nbuilt by gcc 16.2.0\n"
            "built with OpenSSL 3.0.15 (running with OpenSSL 3.6.5 29 Sep 2026)\n",
            Versions("1.30.6", "3.6.5"),
        ),
        ("nginx version: openresty/1.27.1\nbuilt with BoringSSL\n", Versions("1.27.1", "")),
        ("sh: nginx: not found", Versions("", "")),
    ],
)
def test_versions_are_read(text: str, versions: Versions) -> None:
    assert Versions.parse(text) == versions


BIND = """2026/11/22 23:43:11 [emerg] 1#1: bind() to 127.0.0.1:443 failed (98: Address already in use)
2026/11/22 23:43:11 [emerg] 1#1: still could not bind()
"""


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (
            'nginx: [emerg] unknown directive "x" in /c:3\nnginx: test failed\n',
            'unknown directive "x" in /c:3',
        ),
        (BIND, "bind() to 127.0.0.1:443 failed (98: Address already in use)"),
        ("exec: nginx: not found\n", "exec: nginx: not found"),
        ("", "it says nothing"),
    ],
)
def test_the_reason_is_one_line(text: str, reason: str) -> None:
    assert complaint(text) == reason


def test_the_last_reason_is_the_one_that_says_what_happened() -> None:
    assert last_complaint("[emerg] 1#1: first\n" + BIND).startswith("bind() to")
    assert last_complaint("[notice] 1#1: fine\n") == ""


def test_a_reason_shows_the_line_it_means() -> None:
    assert with_line("bad in /c:2", "one\n  two;\n") == "bad in /c:2 (two;)"
    assert with_line("bad in /c:9", "one\n") == "bad in /c:9"
    assert with_line("bad", "one\n") == "bad"


def configuration(tmp_path: Path, content: str = "@REVISION@ @PROBE_TOKEN@") -> Configuration:
    return Configuration(tmp_path / "nginx.conf", content, "s3cret", (tmp_path / "tls.pem",))


def test_the_revision_follows_everything_nginx_reads(tmp_path: Path) -> None:
    (tmp_path / "tls.pem").write_text("one", encoding="ascii")
    first = configuration(tmp_path).revision
    assert configuration(tmp_path).revision == first
    assert configuration(tmp_path, "@REVISION@").revision != first
    (tmp_path / "tls.pem").write_text("two", encoding="ascii")
    assert configuration(tmp_path).revision != first


def test_a_configuration_is_staged_beside_and_readable_by_root_alone(tmp_path: Path) -> None:
    wanted = configuration(tmp_path)
    wanted.stage()
    assert wanted.live() == ""
    wanted.swap()
    assert wanted.live() == wanted.text == f"{wanted.revision} s3cret"
    assert wanted.path.stat().st_mode & 0o777 == 0o600
    assert wanted.without_secret(wanted.live()) == f"{wanted.revision} @PROBE_TOKEN@"
    wanted.restore("before")
    assert wanted.live() == "before"
    wanted.restore("")
    assert not wanted.path.exists()
    assert not wanted.staged.exists()


def test_what_could_not_be_verified_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NginxError, match="tls.pem: this certificate does not exist on the host"):
        configuration(tmp_path).check()
    with pytest.raises(NginxError, match="the template has no @REVISION@"):
        configuration(tmp_path, "events {}").check()


def test_the_token_is_made_once_and_readable_by_root_alone(tmp_path: Path) -> None:
    path = tmp_path / "nginx" / "probe_token"
    assert read_token(path) == ""
    token = ensure_token(path)
    assert len(token) == 64
    assert ensure_token(path) == read_token(path) == token
    assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o600, 0o700)


class Answering:
    """Stands for nginx and its container in a second that is counted: what it answers from when on."""

    def __init__(self, answers: dict[float, str]) -> None:
        self.now = 0.0
        self._answers = answers

    def status(self) -> str:
        return "running"

    def log(self, since: int) -> str:
        return ""

    def served(self) -> str:
        return next(
            a for when, a in sorted(self._answers.items(), reverse=True) if when <= self.now
        )

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.mark.parametrize(
    ("steady", "answers", "seconds"),
    [
        (0.0, {0: "new"}, 0.0),
        (0.0, {0: "old", 1: "new"}, 1.0),
        (2.0, {0: "new"}, 2.0),
        (2.0, {0: "new", 1: "other", 3: "new"}, 5.0),
        (2.0, {0: "new", 1: "other"}, None),
    ],
)
def test_nginx_is_waited_for_until_its_answer_is_to_be_believed(
    steady: float,
    answers: dict[float, str],
    seconds: float | None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    nginx = Answering(answers)
    monkeypatch.setattr(Waiter, "served", lambda _self: nginx.served())
    waiter = Waiter(t.cast(t.Any, nginx), "", 10, lambda: nginx.now, nginx.sleep, lambda: 0.0)
    if seconds is None:
        with pytest.raises(NginxError, match="did not take revision new, it answers other"):
            waiter.wait("new", waiter.mark(), steady)
    else:
        waiter.wait("new", waiter.mark(), steady)
        assert nginx.now == pytest.approx(seconds, abs=0.25)
