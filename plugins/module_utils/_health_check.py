# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This module util is PRIVATE to the collection.
"""Probe many targets at once until all are ready, one fails for good, or time is over."""

from __future__ import annotations

import queue
import threading
import time
import typing as t
from dataclasses import dataclass, field

from ansible_collections.tagadodo.deploy.plugins.module_utils._engine import (
    ContainerState,
    EngineError,
    connect,
    container_state,
    logs_tail,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._http_probe import ask
from ansible_collections.tagadodo.deploy.plugins.module_utils._probe import (
    INTERVAL,
    Observation,
    ProbeState,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._target import (
    Answer,
    Request,
    Target,
    probe,
)

LOG_LINES = 20
LOG_LINES_IN_MESSAGE = 2
LONGEST_LOG_LINE_IN_MESSAGE = 200
LOOK = 0.25  # seconds between two looks at the containers

Data = t.Dict[str, t.Any]


class Looking(t.Protocol):
    """Tells how containers are, by their names. What it cannot tell is an ``EngineError``."""

    def state(self, container: str) -> ContainerState: ...

    def logs(self, container: str, lines: int) -> tuple[str, ...]: ...

    def close(self) -> None: ...


class EngineLook:
    """The engine of this host, as ``Looking``.

    Args:
        timeout: seconds one answer may take.
    """

    def __init__(self, timeout: float = 5.0) -> None:
        self._client = connect(timeout=max(1, int(timeout)))

    def state(self, container: str) -> ContainerState:
        return container_state(self._client, container)

    def logs(self, container: str, lines: int) -> tuple[str, ...]:
        return logs_tail(self._client, container, lines)

    def close(self) -> None:
        self._client.close()


_Seen = t.Tuple[int, t.Union[Observation, EngineError]]


@dataclass(frozen=True)
class Limits:
    """Seconds: how soon to ask again at first, how long all may take, how long to watch then."""

    interval: float = INTERVAL
    timeout: float = 600.0
    watch: float = 0.0


@dataclass(frozen=True)
class Report:
    """How a check ended. ``problem`` is one line, empty when every target is well."""

    states: tuple[ProbeState, ...]
    seconds: float
    problem: str = ""
    logs: t.Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def as_dict(self) -> Data:
        return {
            "msg": self.problem or self._success(),
            "seconds": round(self.seconds, 3),
            "targets": [_facts(state) for state in self.states],
            "logs": {name: list(lines) for name, lines in self.logs.items()},
        }

    def _success(self) -> str:
        ready = max((_after(state, state.ready_at) or 0.0 for state in self.states), default=0.0)
        count = len(self.states)
        who = f"{count} targets are" if count != 1 else f"{self.states[0].target.name} is"
        return f"{who} ready after {ready:.1f} s"


class HealthCheck:
    """One check of all targets.

    Every target has a thread that asks; this object alone holds their states and decides.

    Args:
        targets: what is asked.
        limits: the times of the check.
        ask: sends one request.
        clock: seconds, monotonic.
        looking: makes what looks at containers; where that cannot be, it says so at once.
    """

    def __init__(
        self,
        targets: t.Sequence[Target],
        limits: Limits,
        ask: t.Callable[[Request], Answer] = ask,
        clock: t.Callable[[], float] = time.monotonic,
        looking: t.Callable[[], Looking] = EngineLook,
    ) -> None:
        self._limits = limits
        self._clock = clock
        self._began = clock()
        self._states = [ProbeState.begin(one, self._began, limits.interval) for one in targets]
        self._seen: queue.Queue[_Seen] = queue.Queue()
        self._askers = [_Asker(n, one, ask, self._seen) for n, one in enumerate(targets)]
        self._all_ready_at: float | None = None
        containers = {n: one.container for n, one in enumerate(targets) if one.container}
        self._looker = _Looker(containers, self._seen, looking) if containers else None

    def run(self) -> Report:
        """Check until there is a verdict.

        Raises:
            EngineError: a container is named and the engine cannot be asked.
        """
        if self._looker:
            self._looker.start()
        try:
            problem = self._until_verdict()
        finally:
            for asker in self._askers:
                asker.end()
            if self._looker:
                self._looker.end()
        failed = [number for number, state in enumerate(self._states) if state.failure]
        self._look_again(failed)
        logs = self._logs(failed)
        return Report(
            states=tuple(self._states),
            seconds=self._clock() - self._began,
            problem=self._message(failed, logs) if failed else problem,
            logs=logs,
        )

    def _until_verdict(self) -> str:
        while True:
            now = self._clock()
            if any(state.failure for state in self._states):
                return ""
            if self._over(now):
                return ""
            if now >= self._deadline():
                return self._overtime()
            self._send_due(now)
            self._take(self._next_event(now) - now)

    def _over(self, now: float) -> bool:
        """All are ready, and were until the watch ended."""
        if not all(state.well for state in self._states):
            return False
        if self._all_ready_at is None:
            self._all_ready_at = now
            if self._limits.watch:
                end = now + self._limits.watch
                self._states = [state.watch_until(end) for state in self._states]
        if now < self._all_ready_at + self._limits.watch:
            return False
        return all(state.looked_at_end for state in self._states)

    def _deadline(self) -> float:
        """When there must be a verdict; during the watch only flapping probes come this far."""
        if self._all_ready_at is None:
            return self._began + self._limits.timeout
        return self._all_ready_at + self._limits.watch + self._limits.timeout

    def _overtime(self) -> str:
        late = next(state for state in self._states if not state.well or not state.looked_at_end)
        last = late.last_error or "it was not asked yet"
        return f"{late.target.name}: not ready within {self._limits.timeout:g} s: {last}"

    def _send_due(self, now: float) -> None:
        for asker, state in zip(self._askers, self._states):
            due, kind = state.next_probe()
            if due <= now and not asker.busy:
                asker.send(kind)

    def _next_event(self, now: float) -> float:
        due = [
            state.next_probe()[0]
            for asker, state in zip(self._askers, self._states)
            if not asker.busy
        ]
        if self._all_ready_at is not None:
            due.append(self._all_ready_at + self._limits.watch)
        return min([when for when in due if when > now] + [self._deadline()])

    def _take(self, seconds: float) -> None:
        """Wait for the next observation, ``seconds`` at most, and take in all there are."""
        try:
            self._observe(*self._seen.get(timeout=max(seconds, 0)))
            while True:
                self._observe(*self._seen.get_nowait())
        except queue.Empty:
            return

    def _observe(self, number: int, seen: Observation | EngineError) -> None:
        if isinstance(seen, EngineError):
            raise seen
        self._askers[number].busy &= seen.container is not None
        self._states[number] = self._states[number].observe(self._clock(), seen)

    def _look_again(self, failed: t.Sequence[int]) -> None:
        """A probe may notice the end of a container before the engine was asked about it."""
        if self._looker:
            for number, container in self._looker.look_now(failed):
                self._observe(number, Observation(container=container))

    def _logs(self, failed: t.Sequence[int]) -> dict[str, tuple[str, ...]]:
        looks = self._looker.looks if self._looker else None
        if looks is None:
            return {}
        logs = {}
        for target in (self._states[number].target for number in failed):
            if target.container:
                try:
                    logs[target.name] = looks.logs(target.container, LOG_LINES)
                except EngineError as error:
                    logs[target.name] = (str(error),)
        return logs

    def _message(self, failed: t.Sequence[int], logs: t.Mapping[str, tuple[str, ...]]) -> str:
        first = self._states[failed[0]]
        lines = logs.get(first.target.name, ()) if first.container_failure() else ()
        said = " | ".join(_last_lines(lines))
        others = ", ".join(self._states[number].target.name for number in failed[1:])
        return (
            f"{first.target.name}: {first.failure}"
            + (f"; its last words: {said}" if said else "")
            + (f" (failed too: {others})" if others else "")
        )


class _Asker(threading.Thread):
    """Makes the probes of one target, one at a time."""

    def __init__(
        self,
        number: int,
        target: Target,
        ask: t.Callable[[Request], Answer],
        seen: queue.Queue[_Seen],
    ) -> None:
        super().__init__(name=f"probe {target.name}", daemon=True)
        self.busy = False
        self._number = number
        self._target = target
        self._ask = ask
        self._seen = seen
        self._kinds: queue.Queue[str] = queue.Queue()

    def send(self, kind: str) -> None:
        if not self.is_alive():
            self.start()
        self.busy = True
        self._kinds.put(kind)

    def end(self) -> None:
        self._kinds.put("")

    def run(self) -> None:
        for kind in iter(self._kinds.get, ""):
            outcome = probe(self._target, kind, self._ask)
            self._seen.put((self._number, Observation(kind, outcome)))


class _Looker(threading.Thread):
    """Looks at the containers and tells when one changed.

    An engine that cannot be asked at first is an error; one that goes away later is not: it may
    be restarted while containers live on, and the probes go on.
    """

    def __init__(
        self,
        containers: t.Mapping[int, str],
        seen: queue.Queue[_Seen],
        looking: t.Callable[[], Looking],
    ) -> None:
        super().__init__(name="look at containers", daemon=True)
        self.looks: Looking | None = None
        self._looking = looking
        self._containers = containers
        self._seen = seen
        self._last: dict[int, ContainerState] = {}
        self._over = threading.Event()

    def end(self) -> None:
        self._over.set()
        self.join(timeout=5)

    def run(self) -> None:
        try:
            self.looks = self._looking()
            self._look(self.looks)
        except EngineError as error:
            self._seen.put((0, error))
            return
        while not self._over.wait(LOOK):
            try:
                self._look(self.looks)
            except EngineError:
                continue

    def look_now(self, numbers: t.Sequence[int]) -> list[tuple[int, ContainerState]]:
        """How these containers are; after ``end`` only, and as far as the engine answers."""
        named = [number for number in numbers if number in self._containers]
        if self.looks is None or self.is_alive():
            return []
        try:
            return [(n, self.looks.state(self._containers[n])) for n in named]
        except EngineError:
            return []

    def _look(self, looks: Looking) -> None:
        for number, name in self._containers.items():
            state = looks.state(name)
            if state != self._last.get(number):
                self._last[number] = state
                self._seen.put((number, Observation(container=state)))


def _last_lines(lines: t.Sequence[str]) -> list[str]:
    spoken = [line.strip() for line in lines if line.strip()][-LOG_LINES_IN_MESSAGE:]
    return [line[:LONGEST_LOG_LINE_IN_MESSAGE] for line in spoken]


def _after(state: ProbeState, when: float | None) -> float | None:
    return None if when is None else round(when - state.began, 3)


def _facts(state: ProbeState) -> Data:
    container = state.container
    return {
        "name": state.target.name,
        "ready": state.well,
        "attempts": state.attempts,
        "first_ok_seconds": _after(state, state.first_ok),
        "ready_seconds": _after(state, state.ready_at),
        "last_status": state.last_status,
        "last_error": state.failure or state.last_error,
        "identity": state.identity,
        "container": None if container is None else _container_facts(container),
    }


def _container_facts(container: ContainerState) -> Data:
    return {
        key: getattr(container, key)
        for key in (
            "name",
            "exists",
            "status",
            "exit_code",
            "oom_killed",
            "restart_count",
            "started_at",
            "health",
            "image",
        )
    }
