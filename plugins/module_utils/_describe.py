# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This module util is PRIVATE to the collection.
"""The plan of a release in plain words, one line a step: what is shown before anything is done."""

from __future__ import annotations

import typing as t

from ansible_collections.tagadodo.deploy.plugins.module_utils._judging import Judging
from ansible_collections.tagadodo.deploy.plugins.module_utils._plan import ServicePlan
from ansible_collections.tagadodo.deploy.plugins.module_utils._service import SLOTS, other_slot
from ansible_collections.tagadodo.deploy.plugins.module_utils._strategy import Step
from ansible_collections.tagadodo.deploy.plugins.module_utils._undo import ASK


def duration(seconds: int) -> str:
    """Seconds as people say them: ``45 s``, ``2 min``, ``2.5 min``."""
    return f"{seconds} s" if seconds < 120 else f"{seconds / 60:.3g} min"


def describe(
    plan: ServicePlan, judging: t.Sequence[Judging] = (), warm: bool = False
) -> t.List[str]:
    """The plan of one service.

    Args:
        judging: by what each step is judged.
        warm: whether the slot to restore still runs.
    """
    head, *words = _lines(plan, judging, warm)
    return [head, *_gathering(plan), *words]


def _lines(plan: ServicePlan, judging: t.Sequence[Judging], warm: bool) -> t.List[str]:
    name = plan.service.name
    live = f"{name}: {plan.version} is live in {plan.live}"
    if plan.action == "keep" and plan.undo:
        stays = f"{plan.version} stays" if plan.before else "nothing is live"
        return [f"{name}: {stays}", *_undoing(plan)]
    if plan.action == "keep" and plan.reasons:
        stays = f"{plan.version} stays" if plan.before else "nothing is live"
        return [f"{name}: {stays}; {'; '.join(plan.reasons)}"]
    if plan.action == "keep":
        return [live if plan.misled else f"{live}; nothing to do"]
    if plan.action in _KEEPING:
        return [f"{live}; {'; '.join(plan.reasons)}", *_KEEPING[plan.action](plan)]
    was = plan.before["version"] if plan.before else "nothing"
    head = f"{name}: {was} ({plan.live}) → {plan.version} ({plan.slot}); {'; '.join(plan.reasons)}"
    words = _restoring(plan, warm) if plan.action == "restore" else _releasing(plan, judging)
    return [head, *words, _stopping(plan), *_undoing(plan)]


def _instances(count: int, of: int) -> str:
    if count < of:
        return f"{count} of {of} instances"
    return f"{count} instance{'s' if count > 1 else ''}"


def _repairing(plan: ServicePlan) -> t.Iterator[str]:
    wanted = plan.service.settings["instances"]
    yield f"  start   what is missing of {_instances(wanted, wanted)} in {plan.slot}"
    yield f"  shift   traffic to {'it alone' if wanted == 1 else f'all {wanted}'}"
    if plan.left > wanted:
        surplus = plan.left - wanted
        yield _stopping_what(plan, f"{surplus} instance{'s' if surplus > 1 else ''} of {plan.slot}")


def _joining(plan: ServicePlan) -> t.Iterator[str]:
    count = plan.service.settings["instances"]
    yield f"  start   {_instances(count, count)} in {plan.slot} on {', '.join(plan.joining)}"
    yield _proving(plan)


def _tidying(plan: ServicePlan) -> t.Iterator[str]:
    yield _stopping(plan)


def _leaving(plan: ServicePlan) -> t.Iterator[str]:
    yield _stopping_what(plan, "it there")


# What is done about a release that stays live.
_KEEPING: t.Mapping[str, t.Callable[[ServicePlan], t.Iterator[str]]] = {
    "repair": _repairing,
    "join": _joining,
    "tidy": _tidying,
    "leave": _leaving,
}


def _gathering(plan: ServicePlan) -> t.Iterator[str]:
    """Proxies that are told again what is live."""
    green = 100 * SLOTS.index(plan.live)
    for name, share in sorted(plan.misled.items()):
        yield f"  shift   {name}, which sends {share} % to {SLOTS[1]}, to {green} % as the release has it"


def _restoring(plan: ServicePlan, warm: bool) -> t.Iterator[str]:
    settings = plan.service.settings
    count = _instances(settings["instances"], settings["instances"])
    yield f"  {'keep ' if warm else 'start'}   {count} in {plan.slot}" + (
        ", still warm" if warm else ""
    )
    yield _proving(plan)
    yield f"  shift   100 % of traffic to {plan.slot}"


def _undoing(plan: ServicePlan) -> t.Iterator[str]:
    """What becomes of the migrations of what is given up."""
    if plan.undo is None:
        return
    newest_first = ", ".join(reversed(plan.undo.names))
    if plan.reverts:
        yield f"  revert  {newest_first}, from {plan.undo.image}"
    elif plan.data == ASK:
        yield f"  leave   {newest_first} in the database until you decide: revert.yml takes it back"
    else:
        yield f"  leave   {newest_first} in the database; -e migrations=revert takes it back"


def _releasing(plan: ServicePlan, judging: t.Sequence[Judging]) -> t.Iterator[str]:
    settings, steps = plan.service.settings, plan.steps
    yield f"  pull    {plan.image}"
    if settings["backup"]["before_release"] != "never":
        hours = settings["backup"]["max_age"]
        yield f"  backup  the data{f', unless that was done in the last {hours} h' if hours else ''}"
    if settings.get("migrations"):
        yield "  migrate what is pending, once, from the new image"
    yield f"  start   {_instances(steps[0].new, settings['instances'])} in {plan.slot}"
    yield _proving(plan)
    running = steps[0].new
    for index, step in enumerate(steps):
        if step.new > running:
            yield f"  start   {_instances(step.new, settings['instances'])} in {plan.slot}"
            running = step.new
        yield f"  shift   {step.share} % of traffic to {plan.slot}"
        if step.maximum:
            yield f"  watch   {_watching(plan, step, judging[index] if judging else None)}"


def _watching(plan: ServicePlan, step: Step, judging: t.Optional[Judging]) -> str:
    time = f"for {duration(step.minimum)}"
    if step.maximum > step.minimum:
        time = f"for {duration(step.minimum)} to {duration(step.maximum)}"
    warm = f"{plan.live} warm" if plan.before else "nothing was live before"
    return "; ".join(part for part in (f"{time}, {warm}", judging and judging.sentence) if part)


def _proving(plan: ServicePlan) -> str:
    settings = plan.service.settings
    health = settings["health"]
    lasting = f", for {settings['min_ready']} s" if plan.action == "release" else ""
    return f"  prove   {health['ready']} and {health['full']} say ready and {plan.version}{lasting}"


def _stopping(plan: ServicePlan) -> str:
    left = other_slot(plan.slot)
    if plan.stays_warm:
        return f"  keep    {left} warm until the next release"
    return _stopping_what(plan, left)


def _stopping_what(plan: ServicePlan, what: str) -> str:
    drain = plan.service.settings["drain"]
    return f"  stop    {what} once its connections have ended, after {drain} s at most"


def summary(
    services: t.Mapping[str, t.Mapping[str, t.Any]],
    verdicts: t.Sequence[t.Mapping[str, t.Any]],
    seconds: float,
) -> t.List[str]:
    """What a release that succeeded did: one line a service, one line a verdict.

    Args:
        services: ``services`` of the plan.
        verdicts: as ``release_gate`` returned them, oldest first.
        seconds: from the plan to the end.
    """
    lines = []
    for name, done in services.items():
        if done["action"] == "keep":
            continue
        lines.append(
            f"{name}: {done['version']} is live in {done['slot']} after {duration(round(seconds))}"
        )
        lines += [
            f"  {one['step']:<8} {duration(round(one['seconds'])):>8}  {one['kind']}: {one['sentence']}"
            for one in verdicts
            if one["service"] == name
        ]
    return lines
