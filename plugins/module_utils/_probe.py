# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This module util is PRIVATE to the collection.
"""From answers to a verdict: the life of one target, as Kubernetes' three probes tell it.

A pure state machine: it is given the time and what was seen, and returns what is so then.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field, replace

from ansible_collections.tagadodo.deploy.plugins.module_utils._engine import ContainerState
from ansible_collections.tagadodo.deploy.plugins.module_utils._target import (
    LIVE,
    READY,
    STARTUP,
    Outcome,
    Target,
)

INTERVAL = 0.05  # seconds after which a target that comes up is asked again at first
EAGERNESS = 0.05  # while a target comes up, it is asked again after this part of the time so far
ENDED = ("exited", "dead", "removing")


@dataclass(frozen=True)
class Streak:
    """How often in a row a probe went well or badly. ``since`` is when the bad row began."""

    good: int = 0
    bad: int = 0
    last: float | None = None
    since: float | None = None

    def after(self, now: float, ok: bool) -> Streak:
        if ok:
            return Streak(good=self.good + 1, last=now)
        since = self.since if self.bad else now
        return Streak(bad=self.bad + 1, last=now, since=since)


@dataclass(frozen=True)
class Observation:
    """One probe, judged (``kind`` and ``outcome``), or one look at the container."""

    kind: str = ""
    outcome: Outcome = field(default_factory=lambda: Outcome(True))
    container: ContainerState | None = None


@dataclass(frozen=True)
class ProbeState:
    """What is known of one target. Times are those of the clock the caller uses.

    ``failure`` is why the target failed for good, empty as long as there is hope.
    """

    target: Target
    began: float
    interval: float = INTERVAL
    streaks: t.Mapping[str, Streak] = field(
        default_factory=lambda: {kind: Streak() for kind in (STARTUP, READY, LIVE)}
    )
    attempts: int = 0
    first_ok: float | None = None
    started_at: float | None = None
    ready_at: float | None = None
    last_look: float | None = None
    last_status: int = 0
    last_error: str = ""
    identity: str = ""
    container: ContainerState | None = None
    seen_first: ContainerState | None = None
    failure: str = ""

    @classmethod
    def begin(cls, target: Target, now: float, interval: float = INTERVAL) -> ProbeState:
        """A target nobody has asked yet; without a startup path it counts as started."""
        started = None if target.has(STARTUP) else now
        return cls(target, began=now, interval=interval, started_at=started)

    def watch_until(self, end: float) -> ProbeState:
        """Ask every probe once more at ``end``, however long its period."""
        return replace(self, last_look=end)

    @property
    def well(self) -> bool:
        """Ready now, with no probe failing and its container seen."""
        return (
            not self.failure
            and self.ready_at is not None
            and (self.container is not None or not self.target.container)
            and not any(streak.bad for streak in self.streaks.values())
        )

    @property
    def looked_at_end(self) -> bool:
        """Whether every probe was made at or after the end of the watch."""
        end = self.last_look
        return end is None or all((self.streaks[kind].last or 0) >= end for kind in self.probes())

    def probes(self) -> tuple[str, ...]:
        """The probes that run now: nothing before startup has succeeded."""
        if self.started_at is None:
            return (STARTUP,)
        return (READY, LIVE) if self.target.has(LIVE) else (READY,)

    def next_probe(self) -> tuple[float, str]:
        """When the next probe is due, and which."""
        return min((self._due(kind), kind) for kind in self.probes())

    def container_failure(self) -> str:
        """Why the container will not get well by waiting, or nothing."""
        if self.container is None:
            return ""
        return container_failure(self.container, self.seen_first or self.container)

    def observe(self, now: float, seen: Observation) -> ProbeState:
        """The state after an observation.

        A failure stays one; but a container's end explains what its probes only suffer from.
        """
        if seen.container is not None:
            return self._after_look(seen.container)
        if self.failure:
            return self
        return self._after_probe(now, seen.kind, seen.outcome)

    def _first(self, kind: str) -> float:
        began = self.began + self.target.paces[kind].initial_delay
        return began if self.started_at is None else max(began, self.started_at)

    def _comes_up(self, kind: str) -> bool:
        return kind == STARTUP or (kind == READY and self.ready_at is None)

    def _failing_since(self, kind: str) -> float:
        since = self.streaks[kind].since
        return self._first(kind) if since is None else since

    def _due(self, kind: str) -> float:
        last = self.streaks[kind].last
        pace = self.target.paces[kind]
        if last is None:
            return self._first(kind)
        if self._comes_up(kind):
            patience = (last - self._first(kind)) * EAGERNESS
            due = last + min(pace.period, max(self.interval, patience))
            final = self._failing_since(kind) + pace.budget
        else:
            due = last + pace.period
            final = last if self.last_look is None else self.last_look
        return min(due, final) if last < final else due

    def _after_probe(self, now: float, kind: str, outcome: Outcome) -> ProbeState:
        streak = self.streaks[kind].after(now, outcome.ok)
        state = replace(
            self,
            streaks={**self.streaks, kind: streak},
            attempts=self.attempts + 1,
            last_status=outcome.status,
            last_error=outcome.error or self.last_error,
            identity=outcome.identity or self.identity,
        )
        if not outcome.ok:
            return replace(state, failure=state._verdict(now, kind, outcome))
        enough = streak.good >= self.target.paces[kind].successes
        if kind == STARTUP and enough:
            state = replace(state, started_at=now)
        if kind == READY and enough and self.ready_at is None:
            state = replace(state, ready_at=now)
        return replace(state, first_ok=now if self.first_ok is None else self.first_ok)

    def _verdict(self, now: float, kind: str, outcome: Outcome) -> str:
        """Why this failure is final, or nothing.

        While a target comes up it is asked more often than its period says, so failures are
        counted in time; later they are counted one by one.
        """
        pace = self.target.paces[kind]
        bad = self.streaks[kind].bad
        if self._comes_up(kind):
            final = now - self._failing_since(kind) >= pace.budget
            why = f"not {PARTICIPLE[kind]} within {pace.budget:g} s"
        else:
            final = bad >= pace.failures
            why = f"no longer {PARTICIPLE[kind]}, {bad} probes in a row failed"
        if not final:
            return ""
        return outcome.error if outcome.misnamed else f"{why}: {outcome.error}"

    def _after_look(self, container: ContainerState) -> ProbeState:
        first = self.seen_first or container
        state = replace(self, container=container, seen_first=first)
        return replace(state, failure=state.container_failure() or self.failure)


HINTS = {137: " (killed, perhaps for want of memory)"}
WORDS = {"dead": "died", "removing": "ended"}
PARTICIPLE = {STARTUP: "started", READY: "ready", LIVE: "alive"}


def container_failure(now: ContainerState, first: ContainerState) -> str:
    """Why a container will not get well by waiting, or nothing.

    Args:
        first: how it was at the first look: what happened to it before is not of this check.
    """
    name = f"container {now.name}"
    if not now.exists:
        return f"{name} disappeared" if first.exists else f"{name} does not exist on this host"
    if now.stuck:
        return f"{name} {now.stuck}"
    ended = now.status in ENDED or now.status == "restarting"
    if now.oom_killed and (ended or not first.oom_killed):
        return f"{name} ran out of memory and was killed"
    code = f"exit code {now.exit_code}{HINTS.get(now.exit_code, '')}"
    if now.status == "restarting":
        return f"{name} ended with {code} and is restarted again and again"
    if now.status == "created" and now.exit_code:
        return f"{name} could not be started ({code})"
    if ended:
        return f"{name} {WORDS.get(now.status, now.status)} with {code}"
    if now.restart_count > first.restart_count:
        return f"{name} ended by itself and was restarted by the engine"
    if first.started_at and now.started_at != first.started_at:
        return f"{name} was restarted"
    return ""
