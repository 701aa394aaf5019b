# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This module util is PRIVATE to the collection.
"""How a service's traffic is split: a share for each slot, and how many of its instances get it."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field

from ansible_collections.tagadodo.deploy.plugins.module_utils._service import SLOTS

BUCKETS = 100
BLUE, GREEN = SLOTS

Counts = t.Mapping[str, int]  # by slot: only the first so many instances; 0 or missing: all
Splits = t.Mapping[str, "Split"]  # by service


class TrafficError(Exception):
    """Traffic cannot be shifted; the text is one line and says what to change."""


def green_buckets(share: int) -> t.FrozenSet[int]:
    """The buckets that go to green at ``share`` percent.

    Counted from 0, so who is in at 10 % is still in at 25 %; blue's share grows from 99 down.
    """
    return frozenset(range(share))


@dataclass(frozen=True)
class Split:
    """What nginx is told about one service.

    Args:
        green: the buckets of clients that go to green; all others go to blue.
        counts: for each slot of which only the first instances get traffic, how many.
    """

    green: t.FrozenSet[int] = frozenset()
    counts: Counts = field(default_factory=dict)

    def share(self, slot: str) -> int:
        """Percent of traffic."""
        return len(self.green) if slot == GREEN else BUCKETS - len(self.green)

    @property
    def shares(self) -> t.Dict[str, int]:
        return {slot: self.share(slot) for slot in SLOTS}

    def towards(self, then: Split) -> Split:
        """The split to pass through on the way to ``then``.

        A request finds its slot first and its instances after that. So a slot that loses its last
        share keeps its count until no request is underway to it, and none meets a stopped instance.
        """
        left = {slot for slot in SLOTS if self.share(slot) and not then.share(slot)}
        sources = {slot: self.counts if slot in left else then.counts for slot in SLOTS}
        counts = {slot: source[slot] for slot, source in sources.items() if slot in source}
        return Split(then.green, counts)


def parse_shares(raw: t.Mapping[str, t.Any]) -> t.Dict[str, int]:
    """``{service: {slot: percent}}`` as percent on green by service.

    Raises:
        TrafficError: a slot is not known, a share is not a whole percentage, or both do not make 100.
    """
    return {service: _green_share(service, shares) for service, shares in raw.items()}


def _green_share(service: str, shares: t.Any) -> int:
    if not isinstance(shares, dict) or not shares:
        raise TrafficError(f"shares.{service}: expected percent by slot, for example {{green: 25}}")
    _check_slots(f"shares.{service}", shares)
    for slot, share in shares.items():
        if not _is_whole(share) or int(share) > BUCKETS:
            raise TrafficError(
                f"shares.{service}.{slot}: {share!r} is not a whole number from 0 to {BUCKETS}"
            )
    percents = {slot: int(share) for slot, share in shares.items()}
    if len(percents) == len(SLOTS) and sum(percents.values()) != BUCKETS:
        raise TrafficError(
            f"shares.{service}: {BLUE} {percents[BLUE]} and {GREEN} {percents[GREEN]}"
            f" do not make {BUCKETS}; name one slot, the other gets the rest"
        )
    return percents[GREEN] if GREEN in percents else BUCKETS - percents[BLUE]


def parse_instances(raw: t.Mapping[str, t.Any]) -> t.Dict[str, t.Dict[str, int]]:
    """``{service: {slot: k}}`` with every k as a number.

    Raises:
        TrafficError: a slot is not known, or a count is not a whole number.
    """
    return {service: _counts(service, counts) for service, counts in raw.items()}


def _counts(service: str, counts: t.Any) -> t.Dict[str, int]:
    if not isinstance(counts, dict):
        raise TrafficError(
            f"instances.{service}: expected instances by slot, for example {{green: 1}}"
        )
    _check_slots(f"instances.{service}", counts)
    for slot, count in counts.items():
        if not _is_whole(count):
            raise TrafficError(
                f"instances.{service}.{slot}: {count!r} is not a number of instances; 0 means all"
            )
    return {slot: int(count) for slot, count in counts.items()}


def _check_slots(where: str, slots: t.Iterable[t.Any]) -> None:
    for slot in slots:
        if slot not in SLOTS:
            raise TrafficError(f"{where}: unknown slot {slot!r}; slots are {BLUE} and {GREEN}")


def _is_whole(value: t.Any) -> bool:
    """Whether it is a whole number, not negative; Ansible hands some over as text."""
    number = isinstance(value, int) and not isinstance(value, bool)
    text = isinstance(value, str) and value.isascii() and value.isdigit()
    return (number or text) and int(value) >= 0


def instances_text(count: int) -> str:
    """``all its instances``, ``its first instance`` or ``its first 2 instances``."""
    if not count:
        return "all its instances"
    return "its first instance" if count == 1 else f"its first {count} instances"


def describe(splits: Splits) -> str:
    """One line per service: ``backend: blue 75 % on 4 instances, green 25 % on 1 instance``."""
    return "".join(
        f"{service}: {', '.join(_slot_text(split, slot) for slot in SLOTS)}\n"
        for service, split in sorted(splits.items())
    )


def _slot_text(split: Split, slot: str) -> str:
    count = split.counts.get(slot, 0)
    on = f" on {count} instance{'s' if count > 1 else ''}" if count else ""
    return f"{slot} {split.share(slot)} %{on}"
