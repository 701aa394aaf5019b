# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This module util is PRIVATE to the collection.
"""One release at a time in a namespace: the lock as a Lease, which the API lets one writer have.

Modules run where the controller is, not where the lock is. While one is at work it renews the Lease every few
seconds; a dead controller renews nothing. All times are those of the API: no two controllers compare their clocks.

Source: https://kubernetes.io/docs/concepts/architecture/leases/
"""

from __future__ import annotations

import contextlib
import json
import threading
import time
import typing as t
from dataclasses import replace

from ansible_collections.tagadodo.deploy.plugins.module_utils._kube_api import (
    Api,
    KubeError,
    document,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._lock import (
    Holder,
    LockError,
    lost,
    refusal,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._workload import (
    DOMAIN,
    Manifest,
    owned_labels,
)

LEASE = ("coordination.k8s.io/v1", "Lease")
HOLDER = f"{DOMAIN}holder"
BUSY = f"{DOMAIN}at-work"  # whether a module of the holder is at work
EVERY = 5.0  # seconds between two signs of life of a module at work
SILENT = 3 * EVERY  # seconds after which such a module is no more
TRIES = 5  # to write, where others write at the same time


class ClusterLock:
    """The lock of an installation in its namespace. Its methods are those of ``Lock``.

    Args:
        every: seconds between two signs of life of a module at work.
    """

    def __init__(self, api: Api, project: str, every: float = EVERY) -> None:
        self._api = api
        self._name = project
        self._project = project
        self._every = every

    def holder(self) -> t.Optional[Holder]:
        return _holder(self._api.find(*LEASE, self._name))

    def take(self, wanted: Holder, dead: t.Collection[str] = ()) -> t.Optional[Holder]:
        """See ``Lock.take``."""

        def taken(found: t.Optional[Holder], busy: bool, now: float) -> Holder:
            if found and found.token != wanted.token and not _is_dead(found, dead, busy, now):
                raise LockError(refusal(found, now), found)
            since = found.since if found and found.token == wanted.token else now
            return replace(wanted, since=since, beat=now)

        before = self._change(taken, busy=False)
        return before if before and before.token != wanted.token else None

    def release(self, token: str) -> bool:
        """See ``Lock.release``."""
        lease = self._api.find(*LEASE, self._name)
        found = _holder(lease)
        if lease is None or found is None or found.token != token:
            return False
        with _unless_changed():
            self._api.replace(self._manifest(lease, None, False))
            return True
        return self.release(token)

    @contextlib.contextmanager
    def working(self, token: str) -> t.Iterator[None]:
        """See ``Lock.working``."""
        self._renew(token, busy=True)
        over = threading.Event()
        beating = threading.Thread(target=self._beat, args=(token, over), daemon=True)
        beating.start()
        try:
            yield
        finally:
            over.set()
            beating.join()
            with contextlib.suppress(LockError, KubeError):
                self._renew(token, busy=False)

    def _beat(self, token: str, over: threading.Event) -> None:
        while not over.wait(self._every):
            # One that cannot be renewed may be renewed the next time; one that is lost ends the next module.
            with contextlib.suppress(LockError, KubeError):
                self._renew(token, busy=True)

    def _renew(self, token: str, busy: bool) -> None:
        def renewed(found: t.Optional[Holder], _busy: bool, now: float) -> Holder:
            if found is None or found.token != token:
                raise lost(found, now)
            return replace(found, beat=now)

        self._change(renewed, busy)

    def _change(
        self, change: t.Callable[[t.Optional[Holder], bool, float], Holder], busy: bool
    ) -> t.Optional[Holder]:
        """Write what ``change`` makes of the holder, unless somebody else has written meanwhile: then again.

        Returns:
            the holder before.
        """
        for _try in range(TRIES):
            reply = self._api.ask("GET", self._api.path(*LEASE, self._name))
            lease = None if reply.status == 404 else document(reply, "looking at the lock")
            found = _holder(lease)
            wanted = self._manifest(lease, change(found, _busy(lease), reply.at), busy)
            with _unless_changed():
                (self._api.replace if lease else self._api.create)(wanted)
                return found
            time.sleep(0.05)
        raise LockError("the lock is being written by others all the time; run it again", found)

    def _manifest(
        self, before: t.Optional[Manifest], holder: t.Optional[Holder], busy: bool
    ) -> Manifest:
        """A Lease with a holder, or with none; of a version that others have not changed since."""
        known = (before or {}).get("metadata") or {}
        noted = {HOLDER: json.dumps(holder.as_data()), BUSY: str(busy).lower()} if holder else {}
        same = {"resourceVersion": known["resourceVersion"]} if known else {}
        return {
            "apiVersion": LEASE[0],
            "kind": LEASE[1],
            "metadata": {
                "name": self._name,
                "namespace": self._api.namespace,
                "labels": owned_labels(self._project),
                "annotations": noted,
                **same,
            },
            "spec": {
                "holderIdentity": holder.who,
                "leaseDurationSeconds": holder.seconds,
                "acquireTime": _stamp(holder.since),
                "renewTime": _stamp(holder.beat),
            }
            if holder
            else {},
        }


def _holder(lease: t.Optional[Manifest]) -> t.Optional[Holder]:
    """Who has it. What cannot be understood is nobody's: it is replaced by the next run."""
    try:
        return Holder(**json.loads(_noted(lease)[HOLDER]))
    except (LookupError, ValueError, TypeError):
        return None


def _busy(lease: t.Optional[Manifest]) -> bool:
    return _noted(lease).get(BUSY) == "true"


def _noted(lease: t.Optional[Manifest]) -> t.Mapping[str, str]:
    return ((lease or {}).get("metadata") or {}).get("annotations") or {}


def _is_dead(found: Holder, dead: t.Collection[str], busy: bool, now: float) -> bool:
    """Whether it gives no sign of life any more, or its controller knows that it has ended."""
    if busy and now - found.beat < SILENT:
        return False
    return found.token in dead or found.remaining(now) <= 0


def _stamp(seconds: float) -> str:
    """As Kubernetes writes a MicroTime."""
    whole, part = divmod(seconds, 1)
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(whole))}.{int(part * 1e6):06d}Z"


@contextlib.contextmanager
def _unless_changed() -> t.Iterator[None]:
    """Go on behind the block where somebody else has written in between."""
    try:
        yield
    except KubeError as error:
        if error.status not in (404, 409):
            raise
