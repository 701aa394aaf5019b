# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the benchmark makes of its samples: rows, ratios to the raw limit, a page."""

from __future__ import annotations

import typing as t

import pytest
from bench.measure import Measured
from bench.report import Failure, Sample, Spread, markdown, summarise
from hypothesis import given
from hypothesis import strategies as some

ABOUT = {"raw": "a bare script", "ours": "deploy.yml", "swarm": "docker service update"}


def sample(
    contender: str, wall: float, operation: str = "deploy", number: int = 1, **more: t.Any
) -> Sample:
    facts = {"last_old": wall, "first_new": wall, "sent": 100, "lost": 0, **more}
    return Sample(contender, operation, number, Measured(wall=wall, **facts))


def page(samples: t.Sequence[Sample], *failures: Failure) -> str:
    return markdown(summarise(samples, "raw"), failures, ABOUT, "On two cores.")


@given(some.lists(some.floats(0, 1000), min_size=1))
def test_the_median_lies_between_the_smallest_and_the_largest(values: list[float]) -> None:
    spread = Spread.of(values)
    assert (spread.low, spread.high) == (min(values), max(values))
    assert spread.low <= spread.median <= spread.high


def test_the_ratio_is_that_of_medians_to_raw_of_the_same_operation() -> None:
    walls = {("raw", "deploy"): (2.0, 1.0, 9.0), ("raw", "rollback"): (4.0, 4.0, 4.0)}
    walls |= {("ours", "deploy"): (3.0, 5.0, 4.0), ("ours", "rollback"): (1.0, 2.0, 90.0)}
    samples = [
        sample(contender, wall, operation)
        for (contender, operation), measured in walls.items()
        for wall in measured
    ]
    ratios = {(row.contender, row.operation): row.ratio for row in summarise(samples, "raw")}
    assert ratios == {
        ("raw", "deploy"): 1.0,
        ("ours", "deploy"): 2.0,
        ("raw", "rollback"): 1.0,
        ("ours", "rollback"): 0.5,
    }


def test_without_the_raw_limit_there_is_no_ratio() -> None:
    assert [row.ratio for row in summarise([sample("ours", 3)], "raw")] == [None]
    assert "| ours | 1 | 3.00 (3.00-3.00) | - |" in page([sample("ours", 3)])


def test_losses_are_added_up_and_spread() -> None:
    lost = [sample("swarm", 2, lost=lost, sent=200) for lost in (0, 3, 7)]
    (row,) = summarise(lost, "raw")
    assert (row.sent, row.lost, row.lost_each) == (600, 10, Spread(3, 0, 7))


@pytest.mark.parametrize(
    ("counts", "shown"), [((None, None), None), ((10, 10), 10), ((10, 12), 12), ((0, 0), 0)]
)
def test_of_remote_modules_the_most_are_shown(
    counts: tuple[int | None, ...], shown: int | None
) -> None:
    samples = [sample("ours", 2, invocations=count) for count in counts]
    assert summarise(samples, "raw")[0].invocations == shown


def test_the_page_has_a_table_for_each_operation_in_a_fixed_order() -> None:
    measured = [
        sample(contender, wall, operation)
        for contender, wall in (("swarm", 9), ("ours", 4), ("raw", 2))
        for operation in ("rollback", "deploy")
    ]
    lines = page(measured).splitlines()
    assert lines[0] == "On two cores."
    assert [line for line in lines if line.startswith("### ")] == ["### Deploy", "### Rollback"]
    first_cells = [line.split()[1] for line in lines if line.startswith("| ")]
    table = ["contender", "---", "raw", "ours", "swarm"]
    assert first_cells == table + table
    assert lines[-3:] == [f"- {name}: {about}" for name, about in ABOUT.items()]


def test_every_row_has_as_many_cells_as_the_head() -> None:
    rows = [line for line in page([sample("raw", 2)]).splitlines() if line.startswith("| ")]
    assert len({line.count("|") for line in rows}) == 1


def test_what_went_wrong_is_on_the_page() -> None:
    problems = page(
        [sample("raw", 2), sample("ours", 3, settled=False), sample("ours", 3)],
        Failure("ours", 3, "deploy.yml failed: no such image"),
        Failure("swarm", 0, "no engine"),
    ).splitlines()[-3:]
    assert problems == [
        "- **ours: after 1 of 2 deploys users still got no calm service**",
        "- **ours: round 3: deploy.yml failed: no such image**",
        "- **swarm: left out: no engine**",
    ]
