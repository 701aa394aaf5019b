# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This module util is PRIVATE to the collection.
"""Bring the slots of a host to a state: pulled, started, stopped or absent."""

from __future__ import annotations

import functools
import time
import typing as t

from ansible_collections.tagadodo.deploy.plugins.module_utils._containers import (
    Containers,
    in_parallel,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._engine import EngineError
from ansible_collections.tagadodo.deploy.plugins.module_utils._instance import (
    Found,
    Slot,
    Step,
    fingerprint,
    steps_to_run,
)

Result = t.Dict[str, t.Any]
DRAIN_POLL = 0.1  # seconds between two looks at a slot's open connections
DEFAULT_STOP_TIMEOUT = 10


class Changes:
    """The changes one call makes, or in check mode would make.

    Args:
        key: the host's key for fingerprints.
        dry: only say what would be done.
        clock, sleep: seconds, monotonic; replaced in tests.
    """

    def __init__(
        self,
        containers: Containers,
        project: str,
        key: bytes,
        dry: bool,
        clock: t.Callable[[], float] = time.monotonic,
        sleep: t.Callable[[float], None] = time.sleep,
    ) -> None:
        self.containers = containers
        self.project = project
        self.dry = dry
        self._key = key
        self._clock = clock
        self._sleep = sleep

    def mark(self, slot: Slot) -> str:
        return fingerprint(self._key, slot.runtime, slot.secrets)

    def _connections(self, found: Found, port: t.Optional[int]) -> t.Optional[int]:
        """Open connections to an instance; None where they cannot be seen."""
        return self.containers.open_connections(found.name, port) if port else None

    def drain(self, slot: Slot, running: t.Sequence[Found], port: t.Optional[int]) -> int:
        """Wait until no connection to the slot's instances is open.

        Args:
            port: the port they listen on; without it the slot's whole drain time is waited.

        Returns:
            connections still open when the slot's drain time was over.
        """
        deadline = self._clock() + slot.drain
        while True:
            counts = [self._connections(found, port) for found in running]
            left = sum(count for count in counts if count is not None)
            waited = self._clock() >= deadline
            if waited or (left == 0 and None not in counts):
                return left
            self._sleep(DRAIN_POLL)


def report(actions: t.Sequence[t.Mapping[str, str]], **more: t.Any) -> Result:
    """What a module returns of what was done."""
    lines = [f"{one['action']} {one['what']} ({one['reason']})\n" for one in actions]
    return {
        "changed": bool(actions),
        "actions": list(actions),
        "diff": {"before": "", "after": "".join(lines)},
        **more,
    }


def action(what: str, done: str, reason: str) -> t.Dict[str, str]:
    """One thing that was done, or in check mode would be."""
    return {"what": what, "action": done, "reason": reason}


def pull(changes: Changes, slots: t.Sequence[Slot]) -> Result:
    """Make every slot's image present."""
    return report(_pull(changes, slots))


def _pull(changes: Changes, slots: t.Sequence[Slot]) -> t.List[t.Dict[str, str]]:
    images = sorted({slot.image for slot in slots})
    missing = [image for image in images if not changes.containers.has_image(image)]
    if not changes.dry:
        in_parallel(changes.containers.pull, missing)
    return [action(image, "pull", "not on this host") for image in missing]


def start(changes: Changes, slots: t.Sequence[Slot]) -> Result:
    """Make exactly the described instances run, after their images are present."""
    planned = [(slot, step) for slot in slots for step in _steps(changes, slot)]
    creating = {
        slot.image: slot for slot, step in planned if step.action not in ("remove", "start")
    }
    pulled = _pull(changes, list(creating.values()))
    if not changes.dry:
        removals = [step.name for _slot, step in planned if step.action == "remove"]
        # Removing takes as long as creating, which need not wait for it.
        aside = in_parallel(changes.containers.set_aside, removals)
        in_parallel(
            lambda do: do(),
            [
                functools.partial(_run, changes, slot, step)
                for slot, step in planned
                if step.action != "remove"
            ]
            + [functools.partial(changes.containers.remove, name) for name in aside],
        )
    return report(pulled + [action(step.name, step.action, step.reason) for _slot, step in planned])


def _steps(changes: Changes, slot: Slot) -> t.List[Step]:
    found = changes.containers.find(slot.service, slot.slot)
    return list(steps_to_run(slot, changes.mark(slot), changes.project, found))


def _run(changes: Changes, slot: Slot, step: Step) -> None:
    if step.action == "start":
        changes.containers.start(step.name)
        return
    instance = next(one for one in slot.instances if one.name == step.name)
    changes.containers.create(slot, instance, changes.mark(slot))


def stop(changes: Changes, slots: t.Sequence[Slot]) -> Result:
    """Stop the given instances after their connections have ended; they stay on the host.

    Args:
        slots: one without instances means all of them.
    """
    pairs = [(slot, _running(changes, slot)) for slot in slots]
    busy = [(slot, running) for slot, running in pairs if running]
    left = [] if changes.dry else in_parallel(lambda pair: _stop(changes, *pair), busy)
    drained = dict(zip([slot.service for slot, _running in busy], left))
    actions = [action(one.name, "stop", "its slot is left") for _slot, all_ in busy for one in all_]
    return report(actions, drained=drained)


def _running(changes: Changes, slot: Slot) -> t.List[Found]:
    given = {instance.name for instance in slot.instances}
    found = changes.containers.find(slot.service, slot.slot)
    return [one for one in found if one.running and (not given or one.name in given)]


def _stop(changes: Changes, slot: Slot, running: t.Sequence[Found]) -> int:
    left = changes.drain(slot, running, slot.runtime.get("port"))
    seconds = slot.runtime.get("stop_timeout", DEFAULT_STOP_TIMEOUT)
    in_parallel(lambda found: changes.containers.stop(found.name, seconds), running)
    return left


def remove(changes: Changes, slots: t.Sequence[Slot]) -> Result:
    """Remove the slots' containers."""
    found = [one for slot in slots for one in changes.containers.find(slot.service, slot.slot)]
    if not changes.dry:
        in_parallel(lambda one: changes.containers.remove(one.name), found)
    return report([action(one.name, "remove", "not wanted") for one in found])


def discard(
    changes: Changes, images: t.Sequence[str]
) -> t.Tuple[t.List[t.Dict[str, str]], t.List[str]]:
    """Remove images that nobody needs.

    Returns:
        what was done, and a line for each image that stays. No error is raised: no release fails for it.
    """
    actions, problems = [], []
    for image in images:
        try:
            if changes.containers.has_image(image):
                if not changes.dry:
                    changes.containers.discard_image(image)
                actions.append(action(image, "remove", "no way back needs it"))
        except EngineError as error:
            problems.append(f"an image that no way back needs stays on this host: {error}")
    return actions, problems


def joined(result: Result, actions: t.Sequence[t.Mapping[str, str]]) -> Result:
    """A result with what was done after it."""
    return {**result, **report([*result["actions"], *actions])}


BRINGS_TO: t.Dict[str, t.Callable[[Changes, t.Sequence[Slot]], Result]] = {
    "pulled": pull,
    "started": start,
    "stopped": stop,
    "absent": remove,
}
