# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This module util is PRIVATE to the collection.
"""Certificates from the authority to the handshake: certbot has them, nginx is given them and confirms it.

nginx is given a new one as it is given a new configuration: tested, loaded, asked for the revision that
counts it in. That is done under the lock of releases. Asking the authority is not, since it may take minutes.
"""

from __future__ import annotations

import contextlib
import json
import pathlib
import secrets
import socket
import time
import typing as t
from dataclasses import dataclass

from ansible_collections.tagadodo.deploy.plugins.module_utils._certbot import (
    Certbot,
    CertificateError,
    Settings,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._engine import EngineError
from ansible_collections.tagadodo.deploy.plugins.module_utils._lock import Holder, Lock, LockError
from ansible_collections.tagadodo.deploy.plugins.module_utils._nginx import NginxError
from ansible_collections.tagadodo.deploy.plugins.module_utils._nginx_install import installer
from ansible_collections.tagadodo.deploy.plugins.module_utils._tls_store import Pair, Store

LOCK_POLL = 2.0  # seconds
LOCK_SECONDS = 120  # nginx is given 15 s, twice where it refuses


class Asks(t.Protocol):
    """What has certificates: ``Certbot``."""

    def ensure(self, name: str, dry: bool = ..., force: bool = ...) -> None: ...


@dataclass(frozen=True)
class Certificates:
    """
    Args:
        load: lets nginx read what the store has by now, and confirms it.
    """

    settings: Settings
    certbot: Asks
    store: Store
    load: t.Callable[[], object]
    clock: t.Callable[[], float] = time.monotonic
    sleep: t.Callable[[float], None] = time.sleep

    def ensure(self, dry: bool = False, force: bool = False) -> t.List[str]:
        """Have every certificate, and let nginx serve it. One that fails keeps no other from being had.

        Args:
            dry: only ask the authority whether it would give them.
            force: new ones although they are not due.

        Returns:
            names of the certificates nginx has been given.

        Raises:
            CertificateError: some are not to be had, or nginx does not take them.
        """
        problems = []
        for name in self.settings.certificates:
            try:
                self.certbot.ensure(name, dry, force)
            except (CertificateError, EngineError) as error:
                problems.append(str(error))
        given = [] if dry else self.serve()
        if problems:
            raise CertificateError("; ".join(problems))
        return given

    def waiting(self) -> t.Dict[str, Pair]:
        """Certificates that certbot has and nginx does not serve."""
        found = {
            name: Pair.read(self.settings.tree / "live" / name)
            for name in self.settings.certificates
        }
        return {
            name: pair
            for name, pair in found.items()
            if pair is not None and not self.store.serves(name, pair)
        }

    def serve(self) -> t.List[str]:
        """Give nginx what it does not serve yet.

        Raises:
            CertificateError: nginx refuses, and serves the ones before; or a release takes too long.
        """
        fresh = self.waiting()
        if fresh:
            with self._locked():
                self._swap(fresh)
            for name in fresh:
                self.store.prune(name)
        return sorted(fresh)

    def _swap(self, fresh: t.Mapping[str, Pair]) -> None:
        before = {name: self.store.target(name) for name in fresh}
        for name, pair in fresh.items():
            self.store.point(name, self.store.put(name, pair))
        try:
            self.load()
        except (NginxError, EngineError) as error:
            for name, target in before.items():
                self.store.point(name, target)
            with contextlib.suppress(NginxError, EngineError):
                self.load()
            raise CertificateError(
                f"nginx does not take the new certificate of {', '.join(fresh)}: {error}"
            ) from error

    @contextlib.contextmanager
    def _locked(self) -> t.Iterator[None]:
        lock, token = Lock(self.settings.state_dir), secrets.token_hex(16)
        holder = Holder(
            token, f"certbot on {socket.gethostname()}", "new certificates", seconds=LOCK_SECONDS
        )
        deadline = self.clock() + self.settings.lock_wait
        while not _taken(lock, holder, last=self.clock() >= deadline):
            self.sleep(LOCK_POLL)
        try:
            with lock.working(token):
                yield
        finally:
            lock.release(token)


def _taken(lock: Lock, holder: Holder, last: bool) -> bool:
    """Whether the lock was to be had; with ``last`` it has to be."""
    try:
        lock.take(holder)
    except LockError as error:
        if last:
            raise CertificateError(
                f"nginx is not given the new certificates yet, {error}; the next run of the schedule does it"
            ) from error
        return False
    return True


def certificates_by(
    path: str, client: t.Any, planned: t.Optional[t.Mapping[str, t.Any]] = None
) -> Certificates:
    """What has certificates by a settings file.

    Args:
        planned: what the file is going to say, for a check before it is written.

    Raises:
        CertificateError: the file is not right.
    """
    settings = Settings(**planned) if planned else Settings.read(path)
    return Certificates(
        settings=settings,
        certbot=Certbot(client, settings),
        store=Store(pathlib.Path(settings.config_dir) / "nginx/tls"),
        load=lambda: _load(settings.request, client),
    )


def _load(path: str, client: t.Any) -> None:
    """Let nginx read again what it was told last."""
    try:
        told = json.loads(pathlib.Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise NginxError(
            f"{path}: it does not say what nginx was told; run site.yml again"
        ) from error
    installer(told, client).run(dry=False)
