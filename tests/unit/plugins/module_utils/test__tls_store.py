# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Chain and key change together, and the ones before stay to go back to."""

from __future__ import annotations

import pathlib

import pytest

from ansible_collections.tagadodo.deploy.plugins.module_utils._tls_store import KEPT, Pair, Store

NAME = "api.example.com"


@pytest.fixture
def store(tmp_path: pathlib.Path) -> Store:
    return Store(tmp_path / "tls")


def pair(number: int) -> Pair:
    return Pair(f"chain {number}".encode(), f"key {number}".encode())


def test_nothing_is_live_at_first(store: Store) -> None:
    assert (store.target(NAME), store.serves(NAME, pair(1))) == ("", False)
    assert Pair.read(store.live(NAME)) is None


def test_what_is_put_is_live_when_it_is_pointed_at(store: Store) -> None:
    first, second = store.put(NAME, pair(1)), store.put(NAME, pair(2))
    assert not store.serves(NAME, pair(1))
    store.point(NAME, first)
    assert store.serves(NAME, pair(1))
    assert not store.serves(NAME, Pair(b"chain 1", b"key 2"))
    store.point(NAME, second)
    assert (store.serves(NAME, pair(2)), store.target(NAME)) == (True, second)
    store.point(NAME, first)
    assert store.serves(NAME, pair(1))


def test_a_place_in_the_container_is_the_same(store: Store) -> None:
    """The links lead nowhere outside."""
    assert not store.put(NAME, pair(1)).startswith("/")


def test_only_root_reads_them(store: Store) -> None:
    store.point(NAME, store.put(NAME, pair(1)))
    assert {path.stat().st_mode & 0o777 for path in store.live(NAME).iterdir()} == {0o600}


def test_a_link_that_a_killed_run_left_is_no_obstacle(store: Store) -> None:
    target = store.put(NAME, pair(1))
    store.live(NAME).parent.mkdir(parents=True)
    (store.live(NAME).parent / f".{NAME}.new").symlink_to("nowhere")
    store.point(NAME, target)
    assert store.serves(NAME, pair(1))


def certificate(text: str) -> bytes:
    return f"-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----\n".encode()


def test_who_vouches_for_the_live_ones_is_known(store: Store) -> None:
    store.path.mkdir()
    (store.path / "ca.pem").write_bytes(certificate("own"))
    chain = certificate("leaf") + certificate("issuer")
    store.point(NAME, store.put(NAME, Pair(chain, b"key")))
    store.point("other", store.put("other", Pair(chain, b"key")))
    assert (store.path / "issuers.pem").read_bytes() == certificate("own") + certificate("issuer")


def test_old_ones_are_removed_and_the_live_one_never(store: Store) -> None:
    targets = [store.put(NAME, pair(number)) for number in range(5)]
    store.point(NAME, targets[0])
    store.prune(NAME)
    left = list((store.path / "issued" / NAME).iterdir())
    assert len(left) == KEPT
    assert store.serves(NAME, pair(0))
    store.prune("of.nobody")
