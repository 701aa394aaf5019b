# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This module util is PRIVATE to the collection.
"""The certificates nginx serves: ``<tls_dir>/live/<name>/fullchain.pem`` and ``privkey.pem``.

``live/<name>`` is a symlink to a directory beside it, so that chain and key change together, by one rename,
and the ones before are there to go back to. Until an authority has issued one it points to a certificate of
the host's own, with which nginx can start and answer the authority's challenge. ``issuers.pem`` has who vouches for
the live ones, for who asks nginx on this host: an authority for tests is not among those the system trusts.
"""

from __future__ import annotations

import hashlib
import os
import pathlib
import re
import shutil
import typing as t
from dataclasses import dataclass

from ansible_collections.tagadodo.deploy.plugins.module_utils._documents import write_whole
from ansible_collections.tagadodo.deploy.plugins.module_utils._durable import sync_folder

CHAIN, KEY = "fullchain.pem", "privkey.pem"
OWN = "ca.pem"  # who vouches for certificates of the host's own
ISSUERS = "issuers.pem"
KEPT = 2  # pairs of each name: the live one and the one before


_CERTIFICATE = re.compile(rb"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)


@dataclass(frozen=True)
class Pair:
    """A chain of certificates and its key, as PEM."""

    chain: bytes
    key: bytes

    @classmethod
    def read(cls, directory: pathlib.Path) -> t.Optional[Pair]:
        """The pair in a directory; None where there is none."""
        try:
            return cls((directory / CHAIN).read_bytes(), (directory / KEY).read_bytes())
        except FileNotFoundError:
            return None

    @property
    def fingerprint(self) -> str:
        """16 hexadecimal digits over both."""
        return hashlib.sha256(self.chain + b"\0" + self.key).hexdigest()[:16]


@dataclass(frozen=True)
class Store:
    """The certificates of one proxy.

    Args:
        path: ``tls_dir``; nginx's container sees it under the same path.
    """

    path: pathlib.Path

    def live(self, name: str) -> pathlib.Path:
        return self.path / "live" / name

    def target(self, name: str) -> str:
        """What ``live/<name>`` points to; empty where it points nowhere."""
        link = self.live(name)
        return os.readlink(link) if link.is_symlink() else ""

    def serves(self, name: str, pair: Pair) -> bool:
        return Pair.read(self.live(name)) == pair

    def put(self, name: str, pair: Pair) -> str:
        """Keep a pair beside the live one; nginx does not see it yet.

        Returns:
            what ``point`` takes.
        """
        directory = self.path / "issued" / name / pair.fingerprint
        directory.mkdir(parents=True, exist_ok=True, mode=0o755)
        for file, content in ((CHAIN, pair.chain), (KEY, pair.key)):
            write_whole(directory / file, content.decode(), mode=0o600)
        return os.path.relpath(directory, self.live(name).parent)

    def point(self, name: str, target: str) -> None:
        """Make ``target`` the live pair, by one rename(2)."""
        link = self.live(name)
        link.parent.mkdir(parents=True, exist_ok=True, mode=0o755)
        beside = link.with_name(f".{name}.new")
        if beside.is_symlink():
            beside.unlink()
        os.symlink(target, beside)
        os.replace(beside, link)
        sync_folder(link.parent)
        self._write_issuers()

    def _write_issuers(self) -> None:
        """Every certificate of live chains that vouches for another, and the host's own authority."""
        own = self.path / OWN
        found = [own.read_bytes()] if own.exists() else []
        for link in sorted((self.path / "live").iterdir()):
            pair = Pair.read(link)
            found += _CERTIFICATE.findall(pair.chain)[1:] if pair else []
        text = b"\n".join(dict.fromkeys(one.strip() for one in found)) + b"\n"
        write_whole(self.path / ISSUERS, text.decode(), mode=0o644)

    def prune(self, name: str) -> None:
        """Remove all pairs of a name but the live one and the newest others, KEPT in all."""
        directory = self.path / "issued" / name
        if not directory.is_dir():
            return
        live = os.path.basename(self.target(name))
        others = sorted(
            (one for one in directory.iterdir() if one.name != live),
            key=lambda one: one.stat().st_mtime,
        )
        for old in others[: len(others) - (KEPT - 1)]:
            shutil.rmtree(old)
