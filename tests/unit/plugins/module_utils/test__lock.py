# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One run has the lock; a dead one loses it, a slow one does not."""

from __future__ import annotations

import pathlib
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from ansible_collections.tagadodo.deploy.plugins.module_utils._docker_host import DockerHost
from ansible_collections.tagadodo.deploy.plugins.module_utils._lock import (
    Holder,
    Lock,
    LockError,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._platform import at_work

ADA = Holder("a", "ada@laptop", "a release of backend", seconds=60)
BOB = Holder("b", "bob@ci", "a rollback", seconds=60)


class Clock:
    now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def lock(tmp_path: pathlib.Path, clock: Clock) -> Lock:
    return Lock(tmp_path, clock)


def test_a_second_run_is_refused_and_told_who_has_it(lock: Lock, clock: Clock) -> None:
    assert lock.take(ADA) is None
    clock.now += 20
    with pytest.raises(LockError) as refused:
        lock.take(BOB)
    assert str(refused.value) == (
        "locked: a release of backend by ada@laptop, since 13:46:40 UTC, last sign of life 20 s ago;"
        " it counts as dead after 40 s more; wait for it with -e lock_wait=SECONDS, or run again when it has ended"
    )
    assert refused.value.holder is not None
    assert refused.value.holder.token == "a"
    assert lock.release("b") is False
    assert lock.release("a") is True
    assert lock.release("a") is False
    assert lock.take(BOB) is None


def test_its_own_run_may_take_it_again(lock: Lock, clock: Clock) -> None:
    lock.take(ADA)
    clock.now += 50
    assert lock.take(ADA) is None
    found = lock.holder()
    assert found is not None
    assert (found.since, found.beat) == (1_000_000.0, 1_000_050.0)


def test_work_is_a_sign_of_life(lock: Lock, clock: Clock) -> None:
    lock.take(ADA)
    for _time in range(3):
        clock.now += 50
        with lock.working("a"):
            clock.now += 5
    with pytest.raises(LockError, match="last sign of life 0 s ago"):
        lock.take(BOB)


def test_a_dead_run_is_taken_over_after_its_time(lock: Lock, clock: Clock) -> None:
    lock.take(ADA)
    clock.now += 60
    over = lock.take(BOB)
    assert over is not None
    assert over.who == "ada@laptop"
    told = "lost the lock .a rollback by bob@ci, since .* has it now"
    with pytest.raises(LockError, match=told), lock.working("a"):
        raise AssertionError("it must not work")
    lock.release("b")
    with pytest.raises(LockError, match="nobody has it now"), lock.working("a"):
        raise AssertionError("it must not work")


def test_one_known_to_be_dead_is_taken_over_at_once(lock: Lock) -> None:
    lock.take(ADA)
    over = lock.take(BOB, dead={"a"})
    assert over is not None
    assert over.token == "a"


WORK = """
import sys, time
from ansible_collections.tagadodo.deploy.plugins.module_utils._lock import Lock
with Lock(sys.argv[1]).working("a"):
    print("at work", flush=True)
    time.sleep(600)
"""


def test_who_is_at_work_is_not_dead_until_the_process_ends(tmp_path: pathlib.Path) -> None:
    lock = Lock(tmp_path, lambda: time.time() + 3600)
    Lock(tmp_path).take(ADA)
    with subprocess.Popen([sys.executable, "-c", WORK, str(tmp_path)], stdout=-1) as worker:
        assert worker.stdout is not None
        worker.stdout.readline()
        with pytest.raises(LockError, match="it is at work here"):
            lock.take(BOB, dead={"a"})
        worker.kill()
        worker.wait()
    assert lock.take(BOB) is not None


def test_of_many_at_once_one_gets_it(tmp_path: pathlib.Path) -> None:
    def take(number: int) -> bool:
        try:
            Lock(tmp_path).take(Holder(f"t{number}", "somebody", "a release"))
        except LockError:
            return False
        return True

    with ThreadPoolExecutor(16) as pool:
        assert sum(pool.map(take, range(64))) == 1


@pytest.mark.parametrize("text", ["", "{", "[]", '{"token": 1}', '{"a": "b"}', "null", "\x00\xff"])
def test_a_damaged_file_is_nobodys(lock: Lock, tmp_path: pathlib.Path, text: str) -> None:
    lock.take(ADA)
    (tmp_path / "lock/holder.json").write_text(text, encoding="latin-1")
    assert lock.holder() is None
    assert lock.take(BOB) is None


def test_an_installation_that_was_removed_meanwhile_is_not_made_again(
    lock: Lock, tmp_path: pathlib.Path
) -> None:
    """As where a module outlives its run, and everything is taken down."""
    lock.take(ADA)
    shutil.rmtree(tmp_path)
    with pytest.raises(LockError, match="is gone, and nobody has the lock now"), lock.working("a"):
        raise AssertionError("it works on")
    assert not tmp_path.exists()


def test_a_module_run_by_hand_needs_no_lock(tmp_path: pathlib.Path) -> None:
    with at_work(DockerHost(str(tmp_path)), ""):
        assert list(tmp_path.iterdir()) == []
