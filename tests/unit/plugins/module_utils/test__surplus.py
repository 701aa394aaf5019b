# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Images of past releases go when no way back needs them, and no other image does."""

from __future__ import annotations

import typing as t

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.tagadodo.deploy.plugins.module_utils._ledger import (
    Record,
    good_before,
    live_record,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._plan import Fleet, HostView
from ansible_collections.tagadodo.deploy.plugins.module_utils._stock import Stock
from ansible_collections.tagadodo.deploy.plugins.module_utils._surplus import (
    by_host,
    described,
    surplus_of,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._undo import (
    leftovers,
    migrations_since,
    own_migrations,
)

REPOSITORY = "docker.io/tagadodo/backend"
NEXT = 99  # number of the release that comes


def image(number: int) -> str:
    return f"{REPOSITORY}@sha256:{number:02}"


def record(number: int, outcome: str = "succeeded", **more: t.Any) -> Record:
    facts = {"version": f"1.{number}.0", "image": image(number), "outcome": outcome}
    return {"release": f"r{number:02}", **facts, **more}


def back_to(number: int, target: int) -> Record:
    return record(number, restores=f"r{target:02}", image=image(target))


def host(records: t.Sequence[Record], *stock: Stock, name: str = "web1") -> HostView:
    return HostView(name, shares={"backend": 0}, releases={"backend": records}, stock=stock)


def all_images(records: t.Iterable[Record]) -> list[Stock]:
    return [Stock((name,)) for name in sorted({str(one["image"]) for one in records})]


def gone(records: t.Sequence[Record], keep: int, coming: t.Sequence[str] = ()) -> list[int]:
    """Numbers of the images that go of a host that has all of them."""
    view = host(records, *all_images(records))
    found = surplus_of(Fleet(app=(view,), proxy=(view,)), coming, keep)
    return [int(one.image.rpartition(":")[2]) for one in found]


FIVE = [record(number) for number in (5, 4, 3, 2, 1)]
DID = {"migrations": {"image": image(4), "applied": ["002-b"], "reverted": []}}
KEPT = {
    "none go before there are more": (FIVE[2:], 2, []),
    "the live one and two before it stay": (FIVE, 2, [1, 2]),
    "all stay where all are kept": (FIVE, 0, []),
    "the live one and the one before it stay in any case": (FIVE, 1, [1, 2, 3]),
    "one that failed goes, whatever its age": ([record(6, "failed"), *FIVE[:2]], 3, [6]),
    "one that was given up goes": ([back_to(7, 5), record(6, "rolled_back"), *FIVE], 9, [6]),
    "one that has not ended stays": ([record(6, "held"), *FIVE], 1, [1, 2, 3]),
    "so does what it replaces": (
        [record(6, "running", previous={"image": image(2)}), *FIVE],
        1,
        [1, 3],
    ),
    # After going far back, the next way back leads to the newest good one, and from here further back.
    "both ways lead back after a way to an old one": (
        [back_to(6, 2), *FIVE],
        1,
        [3, 4],
    ),
    "what would revert the migrations of one that failed stays": (
        [record(5, "failed"), record(4, "failed", **DID), *FIVE[2:]],
        9,
        [5],
    ),
    "where they were reverted, it goes": (
        [
            record(5, "failed", migrations={"image": image(5), "reverted": ["002-b"]}),
            record(4, "failed", **DID),
            *FIVE[2:],
        ],
        9,
        [4, 5],
    ),
    "nothing was ever good": ([record(1, "failed")], 1, [1]),
}


@pytest.mark.parametrize(("records", "keep", "expected"), KEPT.values(), ids=KEPT)
def test_what_goes(records: list[Record], keep: int, expected: list[int]) -> None:
    assert gone(records, keep) == expected


def test_an_old_version_that_is_released_again_stays() -> None:
    assert gone(FIVE, 1, coming=[image(2)]) == [1, 3]


@pytest.mark.parametrize(
    "stock",
    [
        Stock((image(1),), held="container cron is of it"),
        Stock((image(1), image(5))),  # the same image was released again
        Stock(("docker.io/tagadodo/other@sha256:01", image(5))),
    ],
)
def test_what_something_else_wants_stays(stock: Stock) -> None:
    view = host(FIVE, stock)
    assert surplus_of(Fleet(app=(view,), proxy=()), (), 1) == []


def test_hosts_know_together_what_is_needed_and_each_removes_what_it_has() -> None:
    """web2 was set up anew and knows of two releases; what it has of an older one is needed by web1."""
    one = host(FIVE, Stock((image(1),), 120_000_000), Stock((image(2),), 130_400_000))
    other = host(FIVE[:2], Stock((image(2),), 130_400_000), Stock((image(3),)), name="web2")
    found = surplus_of(Fleet(app=(one, other), proxy=(one,)), (), 2)
    assert by_host(found) == {"web1": [image(1), image(2)], "web2": [image(2)]}
    assert described(found) == [
        "images: no way back needs these any more",
        "  remove  backend 1.1.0 (120 MB at most) from web1",
        "  remove  backend 1.2.0 (130 MB at most) from web1, web2",
    ]
    assert described([]) == []


@st.composite
def ledgers(draw: t.Callable[..., t.Any]) -> list[Record]:
    """Releases as they may have gone, newest first: good ones, failures, and ways back from one to another."""
    records: list[Record] = []
    for number in range(draw(st.integers(1, 14))):
        live = live_record(records)
        targets = [one for one in records if one["outcome"] == "succeeded" and one is not live]
        targets = [one for one in targets if not one.get("restores")]
        if live and targets and draw(st.booleans()):
            target = draw(st.sampled_from(targets))
            live["outcome"] = "rolled_back"
            records.insert(0, back_to(number, int(str(target["release"])[1:])))
            continue
        outcome = draw(st.sampled_from(["succeeded", "succeeded", "failed"]))
        done = draw(st.lists(st.sampled_from("abc"), unique=True))
        migrations = {"migrations": {"image": image(number), "applied": done}}
        records.insert(0, record(number, outcome, **(migrations if draw(st.booleans()) else {})))
    if draw(st.booleans()):
        records.insert(0, record(50, draw(st.sampled_from(["running", "held"]))))
    return records


@given(records=ledgers(), keep=st.integers(1, 4))
def test_no_way_back_ever_misses_its_image(records: list[Record], keep: int) -> None:
    """Neither now, nor when the release that comes has failed, nor when it is live and is then given up."""
    removed = {image(number) for number in gone(records, keep, coming=[image(NEXT)])}
    live = live_record(records)
    failed = record(NEXT, "failed", migrations={"image": image(NEXT), "applied": []})
    for now in (records, [failed, *records], [record(NEXT), *records]):
        current = live_record(now)
        needed = [current, *_going_back(now, current, keep)]
        undos = [leftovers(now, current)]
        given_up = [str(one.get("restores") or one["release"]) for one in needed if one]
        undos += [own_migrations(now, release) for release in given_up]
        undos += [migrations_since(now, one) for one in needed if one]
        wanted = [one["image"] for one in needed if one]
        wanted += [undo.image for undo in undos if undo]
        assert removed.isdisjoint(wanted), (removed, wanted)
    if live and records[0]["outcome"] in ("running", "held"):
        assert records[0]["image"] not in removed


def _going_back(records: t.Sequence[Record], live: Record | None, times: int) -> t.Iterator[Record]:
    """Where ``rollback.yml`` comes to, each time it is typed."""
    for _time in range(times):
        target = good_before(records, live)
        if target is None:
            return
        yield target
        live = target
