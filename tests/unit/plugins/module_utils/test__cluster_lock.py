# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One run has the Lease; a dead one loses it, one that is at work does not."""

from __future__ import annotations

import json
import pathlib
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from kube_standin import StandIn

from ansible_collections.tagadodo.deploy.plugins.module_utils._cluster import Cluster
from ansible_collections.tagadodo.deploy.plugins.module_utils._cluster_lock import (
    BUSY,
    HOLDER,
    SILENT,
    ClusterLock,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._kube_api import Api, connect
from ansible_collections.tagadodo.deploy.plugins.module_utils._lock import Holder, LockError

ADA = Holder("a", "ada@laptop", "a release of backend", seconds=60)
BOB = Holder("b", "bob@ci", "a rollback", seconds=60)


@pytest.fixture
def api(standin: StandIn, tmp_path: pathlib.Path) -> Api:
    return connect(Cluster("tagadodo", kubeconfig=standin.kubeconfig(tmp_path)))


@pytest.fixture
def lock(api: Api) -> ClusterLock:
    return ClusterLock(api, "tagadodo", every=0.05)


def _age(standin: StandIn, seconds: float) -> None:
    """Let the last sign of life be so long ago."""
    (lease,) = standin.of("leases")
    noted = lease["metadata"]["annotations"]
    known = json.loads(noted[HOLDER])
    noted[HOLDER] = json.dumps({**known, "beat": known["beat"] - seconds})


def test_a_second_run_is_refused_and_told_who_has_it(lock: ClusterLock) -> None:
    assert lock.holder() is None
    assert lock.take(ADA) is None
    with pytest.raises(LockError, match="locked: a release of backend by ada@laptop") as refused:
        lock.take(BOB)
    assert refused.value.holder is not None
    assert refused.value.holder.token == "a"
    assert lock.take(ADA) is None
    assert lock.release("b") is False
    assert lock.release("a") is True
    assert lock.release("a") is False
    assert lock.holder() is None
    assert lock.take(BOB) is None


def test_people_see_in_the_lease_who_has_it(lock: ClusterLock, standin: StandIn) -> None:
    lock.take(ADA)
    (lease,) = standin.of("leases", project="tagadodo")
    assert lease["spec"]["holderIdentity"] == "ada@laptop"
    assert lease["spec"]["leaseDurationSeconds"] == 60
    assert lease["spec"]["renewTime"].endswith("Z")


def test_a_run_that_gives_no_sign_of_life_loses_it(lock: ClusterLock, standin: StandIn) -> None:
    lock.take(ADA)
    _age(standin, 61)
    over = lock.take(BOB)
    assert over is not None
    assert over.token == "a"
    said = "this run has lost the lock .a rollback by bob@ci"
    with pytest.raises(LockError, match=said), lock.working("a"):
        pass


def test_a_run_whose_controller_says_that_it_ended_loses_it_at_once(lock: ClusterLock) -> None:
    lock.take(ADA)
    over = lock.take(BOB, dead=["a"])
    assert over is not None
    assert over.token == "a"


def test_while_a_module_is_at_work_the_lock_is_its_own_whoever_is_said_to_be_dead(
    lock: ClusterLock, standin: StandIn
) -> None:
    lock.take(ADA)
    with lock.working("a"), pytest.raises(LockError, match="locked: a release of backend"):
        lock.take(BOB, dead=["a"])
    assert standin.of("leases")[0]["metadata"]["annotations"][BUSY] == "false"
    assert lock.take(BOB, dead=["a"]) is not None


def test_a_module_that_died_at_work_is_waited_for_no_longer_than_it_would_be_silent(
    lock: ClusterLock, standin: StandIn
) -> None:
    lock.take(ADA)
    standin.of("leases")[0]["metadata"]["annotations"][BUSY] = "true"
    _age(standin, SILENT + 1)
    assert lock.take(BOB, dead=["a"]) is not None


def test_a_module_at_work_goes_on_giving_signs_of_life(lock: ClusterLock, standin: StandIn) -> None:
    lock.take(ADA)
    with lock.working("a"):
        _age(standin, 1000)
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            holder = lock.holder()
            assert holder is not None
            if holder.remaining(lock._api.now()) > 0:
                break
            time.sleep(0.05)
        else:
            pytest.fail("nothing was renewed while it was at work")


def test_of_many_that_want_it_at_once_one_gets_it(api: Api) -> None:
    def take(number: int) -> bool:
        try:
            ClusterLock(api, "tagadodo").take(Holder(str(number), f"run {number}", "a release"))
        except LockError:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(take, range(8))) == 1


def test_what_somebody_else_has_written_into_the_lease_is_nobodys(
    lock: ClusterLock, standin: StandIn
) -> None:
    lock.take(ADA)
    standin.of("leases")[0]["metadata"]["annotations"][HOLDER] = "not ours"
    assert lock.holder() is None
    assert lock.take(BOB) is None
