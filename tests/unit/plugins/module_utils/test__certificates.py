# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""nginx is given what certbot has, under the lock of releases, or keeps what it had."""

from __future__ import annotations

import dataclasses
import pathlib
import typing as t

import pytest

from ansible_collections.tagadodo.deploy.plugins.module_utils._certbot import (
    CertificateError,
    Settings,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._certificates import (
    LOCK_POLL,
    Certificates,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._lock import Holder, Lock
from ansible_collections.tagadodo.deploy.plugins.module_utils._nginx import NginxError
from ansible_collections.tagadodo.deploy.plugins.module_utils._tls_store import Pair, Store

API, ADMIN = "api.example.com", "admin.example.com"


@dataclasses.dataclass
class Authority:
    """Issues certificates into certbot's tree, but for the names it refuses."""

    tree: pathlib.Path
    refuses: tuple[str, ...] = ()
    issued: int = 0

    def ensure(self, name: str, dry: bool = False, force: bool = False) -> None:
        if name in self.refuses:
            raise CertificateError(f"{name}: refused")
        directory = self.tree / "live" / name
        if dry or (directory.exists() and not force):
            return
        self.issued += 1
        directory.mkdir(parents=True, exist_ok=True)
        (directory / "fullchain.pem").write_bytes(f"chain {self.issued}".encode())
        (directory / "privkey.pem").write_bytes(f"key {self.issued}".encode())


class Nginx:
    """Reads the store when it is told to, unless it does not like it."""

    def __init__(self, state_dir: pathlib.Path) -> None:
        self.refuses = False
        self.loaded = 0
        self._state_dir = state_dir

    def load(self) -> None:
        holder = Lock(self._state_dir).holder()
        assert holder
        assert holder.purpose == "new certificates"
        self.loaded += 1
        if self.refuses:
            raise NginxError("no such key")


class Place(t.NamedTuple):
    certificates: Certificates
    authority: Authority
    nginx: Nginx
    waited: list[float]


@pytest.fixture
def place(tmp_path: pathlib.Path) -> Place:
    settings = Settings(
        project="shop",
        state_dir=str(tmp_path / "state"),
        config_dir=str(tmp_path / "etc"),
        image="",
        network="",
        ca_file="",
        timeout=1,
        lock_wait=10,
        request="",
        certificates={API: [API], ADMIN: [ADMIN]},
    )
    waited: list[float] = []
    authority, nginx = Authority(settings.tree), Nginx(tmp_path / "state")
    certificates = Certificates(
        settings,
        authority,
        Store(tmp_path / "tls"),
        nginx.load,
        clock=lambda: sum(waited),
        sleep=waited.append,
    )
    return Place(certificates, authority, nginx, waited)


def live(place: Place) -> list[bytes]:
    pairs = [Pair.read(place.certificates.store.live(name)) for name in (API, ADMIN)]
    return [pair.chain if pair else b"" for pair in pairs]


def test_new_ones_are_given_once_and_all_by_one_reload(place: Place) -> None:
    assert place.certificates.ensure() == [ADMIN, API]
    assert live(place) == [b"chain 1", b"chain 2"]
    assert place.nginx.loaded == 1
    assert place.certificates.ensure() == []
    assert place.nginx.loaded == 1
    assert Lock(place.certificates.settings.state_dir).holder() is None


def test_only_asking_changes_nothing(place: Place) -> None:
    assert place.certificates.ensure(dry=True) == []
    assert (live(place), place.nginx.loaded) == ([b"", b""], 0)


def test_one_that_is_refused_keeps_no_other_from_being_had(place: Place) -> None:
    place.authority.refuses = (API,)
    with pytest.raises(CertificateError, match=f"^{API}: refused$"):
        place.certificates.ensure()
    assert live(place) == [b"", b"chain 1"]


def test_what_nginx_refuses_is_taken_back(place: Place) -> None:
    place.certificates.ensure()
    before = live(place)
    place.nginx.refuses = True
    with pytest.raises(CertificateError, match="nginx does not take the new certificate of api"):
        place.certificates.ensure(force=True)
    assert live(place) == before
    place.nginx.refuses = False
    assert place.certificates.serve() == [ADMIN, API]
    assert live(place) != before


def test_a_release_is_waited_for_and_then_left_to_the_next_run(place: Place) -> None:
    lock = Lock(place.certificates.settings.state_dir)
    lock.take(Holder("of a release", "ada", "a release of backend"))
    with pytest.raises(
        CertificateError, match="not given the new certificates yet, locked: a release"
    ):
        place.certificates.ensure()
    assert sum(place.waited) == pytest.approx(10, abs=LOCK_POLL)
    assert live(place) == [b"", b""]
    lock.release("of a release")
    assert place.certificates.ensure() == [ADMIN, API]
