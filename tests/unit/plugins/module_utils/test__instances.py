"""Draining: a slot is stopped when its connections have ended, or when its time is over."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.tagadodo.deploy.plugins.module_utils._instance import Found, Slot
from ansible_collections.tagadodo.deploy.plugins.module_utils._instances import Changes

SLOT = Slot("backend", "blue", "r1", "1.0.0", "image", {"port": 3000}, (), drain=10)
RUNNING = [Found("one", True, {}), Found("two", True, {})]


class Connections:
    """Open connections of every instance as time goes on; the last value stays."""

    def __init__(self, *counts: t.Optional[int]) -> None:
        self.counts = list(counts)
        self.now = 0.0

    def open_connections(self, _name: str, _port: int) -> t.Optional[int]:
        return self.counts[0]

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        if len(self.counts) > 1:
            self.counts.pop(0)


def drain(connections: Connections) -> int:
    changes = Changes(
        t.cast(t.Any, connections), "t", b"", False, connections.clock, connections.sleep
    )
    return changes.drain(SLOT, RUNNING, 3000)


@pytest.mark.parametrize(
    ("counts", "left", "seconds"),
    [
        ((0,), 0, 0),  # nothing open: no wait
        ((3, 2, 0), 0, 0.4),  # the wait ends with the last connection
        ((1,), 2, 10),  # one websocket on each of two instances stays: the whole time
        ((None,), 0, 10),  # it cannot be seen: the whole time
    ],
)
def test_draining(counts: tuple[t.Optional[int], ...], left: int, seconds: float) -> None:
    connections = Connections(*counts)
    assert drain(connections) == left
    assert connections.now == pytest.approx(seconds, abs=0.21)


def test_without_a_port_nobody_can_see_connections() -> None:
    connections = Connections(0)
    changes = Changes(
        t.cast(t.Any, connections), "t", b"", False, connections.clock, connections.sleep
    )
    assert changes.drain(SLOT, RUNNING, None) == 0
    assert connections.now == pytest.approx(SLOT.drain, abs=0.21)
