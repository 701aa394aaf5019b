# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This module util is PRIVATE to the collection.
"""What a plan, and a release that has come to its end, say to items of the checklist."""

from __future__ import annotations

import typing as t

from ansible_collections.tagadodo.deploy.plugins.module_utils._checklist import (
    FAIL,
    OPEN,
    PASS,
    Finding,
)

Data = t.Mapping[str, t.Any]

ALL = 100  # percent of traffic


def released(plan: Data) -> t.Dict[str, Data]:
    """The services that get another release by a plan, by name."""
    return {name: one for name, one in plan["services"].items() if one["action"] == "release"}


def found_by_plan(plan: Data) -> t.List[Finding]:
    """What a plan says itself: where going back leads to, and whether it makes a backup first."""
    moves: t.Dict[str, Data] = {}
    for one in plan["records"]:
        moves.update(one["facts"].get("of_services", {}))
    return [
        Finding("way_back", PASS, _way_back(name, moves.get(name, {}), plan["data"]))
        for name in released(plan)
    ]


def _way_back(name: str, move: Data, data: t.Sequence[Data]) -> str:
    if not move.get("from"):
        return f"{name} is released for the first time"
    policies = [one["policy"] for one in data if one["service"] == name]
    kept = {
        "leave": "its migrations stay",
        "revert": "its migrations are taken back",
        "ask": "its migrations wait",
    }
    told = "".join(f", {kept[one]}" for one in policies)
    return f"{name} goes back to {move['from']}, which stays beside it{told}"


def backup_made(plan: Data, found: Finding) -> Finding:
    """A backup that is too old is no problem where the release makes one before anything else."""
    hours = plan.get("backup_hours")
    if found.state != FAIL or hours is None:
        return found
    return Finding(found.item, PASS, f"{found.evidence}; the release makes one first")


def found_of_migrations(plan: Data, read: t.Sequence[Data], reason: str = "") -> t.List[Finding]:
    """Whether migrations of the services may be applied now.

    Args:
        read: what module ``migration`` says of each, with ``service``; without ``migrations`` where it could not say.
            ``changed`` tells then that it would change something, as it does while the image is not there.
        reason: why those that are labelled are run nevertheless.
    """
    by_service = {str(one["service"]): one for one in read}
    without = [
        name for name in released(plan) if name not in {one["service"] for one in plan["migrate"]}
    ]
    found = [Finding("migrations", PASS, f"{name} has none") for name in without]
    return found + [
        _migrations(one, by_service.get(one["service"], {}), plan["data"], reason)
        for one in plan["migrate"]
    ]


def _migrations(wanted: Data, said: Data, data: t.Sequence[Data], reason: str) -> Finding:
    name = str(wanted["service"])
    if "migrations" not in said and said.get("msg") and not said.get("changed"):
        return Finding("migrations", FAIL, str(said["msg"]))  # it names the service
    if "migrations" not in said:  # what would change is not known: the image is not there yet
        told = f"{name}: read from its image when that is pulled, before anything else; contracting ones are refused then"
        return Finding("migrations", PASS, told)
    pending = [one for one in said["migrations"] if not one["applied"]]
    contracts = [one["name"] for one in pending if one.get("kind") == "contract"]
    lasting = [one["name"] for one in pending if one.get("reversible") is False]
    if contracts and wanted["old_version_runs"] and not reason:
        return Finding(
            "migrations",
            FAIL,
            f"{name}: {', '.join(contracts)} is labelled contract, and the version before runs",
        )
    reverts = any(one["policy"] == "revert" for one in data if one["service"] == name)
    if lasting and reverts and not reason:
        return Finding(
            "migrations",
            FAIL,
            f"{name}: {', '.join(lasting)} is labelled irreversible, and on_rollback is revert",
        )
    told = ", ".join(str(one["name"]) for one in pending) or "none"
    overruled = f", overruled: {reason}" if reason and (contracts or lasting) else ""
    return Finding("migrations", PASS, f"{name}: {told} pending{overruled}")


def told_people(item: str, channels: t.Collection[str], told: bool) -> Finding:
    """Whether people are told of it.

    Args:
        told: whether they are told this, where there is a way to tell them.
    """
    if channels and told:
        return Finding(item, PASS, f"by {', '.join(sorted(channels))}")
    return Finding(item, OPEN)


def found_by_release(plan: Data, verdicts: t.Sequence[Data], minutes: float) -> t.List[Finding]:
    """What a release that has come to its end says of itself.

    Args:
        verdicts: of its gates.
        minutes: that users' answers are to be watched for with all traffic on it.
    """
    return [
        one
        for name, service in released(plan).items()
        for one in _of_service(
            name, service, plan, [one for one in verdicts if one["service"] == name], minutes
        )
    ]


def _of_service(
    name: str, service: Data, plan: Data, verdicts: t.Sequence[Data], minutes: float
) -> t.Iterator[Finding]:
    unwatched = f"{name} was not watched (bake: 0)"
    passed = [one for one in verdicts if one["kind"] == "pass"]
    whole = [one for one in passed if one["share"] == ALL]
    counts = [_counts(one, service["slot"]) for one in passed]
    proved = f"{name} {service['version']} proved itself at each instance and through nginx"
    yield Finding("health", PASS, proved)
    steps = f"{name}: {len(passed)} step{'s' if len(passed) > 1 else ''} passed"
    yield Finding("smoke", PASS, steps) if passed else Finding("smoke", OPEN, unwatched)
    answers = sum(int(one.get("attempts") or 0) for one in counts)
    lines = f"{name}: {answers} answers in nginx's log"
    yield Finding("logs", PASS, lines) if passed else Finding("logs", OPEN, unwatched)
    metrics = sorted(_metrics(plan, name))
    named = f"{name}: {', '.join(metrics)}" if metrics else f"{name} names none (gate.metrics)"
    yield Finding("metrics", PASS if metrics and passed else OPEN, named)
    yield from _with_all_traffic(name, whole, service["slot"], minutes)


def _with_all_traffic(
    name: str, whole: t.Sequence[Data], slot: str, minutes: float
) -> t.Iterator[Finding]:
    if not whole:
        told = f"{name} was not watched with all traffic (bake: 0)"
        for item in ("smoke_after", "watched", "error_rates", "response_times"):
            yield Finding(item, OPEN, told)
        return
    seconds = sum(float(one["seconds"]) for one in whole)
    counts = _counts(whole[-1], slot)
    enough = seconds >= 60 * minutes
    watched = f"{name}: {seconds / 60:.1f} min with all traffic"
    asked = "" if enough else f", {minutes:g} are asked for"
    yield Finding("smoke_after", PASS, f"{name}: requests of our own were answered well")
    yield Finding("watched", PASS if enough else OPEN, watched + asked)
    failed, attempts = int(counts.get("failed") or 0), int(counts.get("attempts") or 0)
    yield Finding("error_rates", PASS, f"{name}: {failed} of {attempts} answers failed")
    slowest = counts.get("p95")
    if slowest is None:
        yield Finding("response_times", OPEN, f"{name}: no answers of users to measure")
    else:
        yield Finding(
            "response_times", PASS, f"{name}: {1000 * float(slowest):.0f} ms, 95th percentile"
        )


def _counts(verdict: Data, slot: str) -> Data:
    slots = (verdict.get("numbers") or {}).get("slots", {})
    return dict((slots.get(slot) or {}).get("step") or {})


def _metrics(plan: Data, name: str) -> t.Set[str]:
    return {
        str(metric["name"])
        for step in plan["steps"]
        for watched in step["watch"]
        if watched["name"] == name
        for metric in watched["look"]["metrics"]
    }
