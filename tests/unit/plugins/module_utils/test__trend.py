# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The trend that is kept of a step: nothing that was counted is lost by making it short."""

from __future__ import annotations

from gate_looks import NEW, OLD, SERVICE, look, slot, users
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.tagadodo.deploy.plugins.module_utils._evidence import Probes
from ansible_collections.tagadodo.deploy.plugins.module_utils._trend import POINTS, trend_of


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50)), max_size=3 * POINTS))
def test_many_looks_become_few_points_that_add_up_to_the_same(
    counts: list[tuple[int, int]],
) -> None:
    looks = [look(number, users(good, bad)) for number, (good, bad) in enumerate(counts, 1)]
    trend = trend_of(looks, SERVICE, (NEW, OLD))
    new = trend["slots"][NEW]
    assert len(trend["at"]) <= POINTS
    assert {len(column) for column in new.values()} == {len(trend["at"])}
    assert trend["at"] == sorted(trend["at"])
    assert sum(new["answers"]) == sum(good + bad for good, bad in counts)
    assert sum(new["failed"]) == sum(bad for _good, bad in counts)
    assert sum(trend["slots"][OLD]["answers"]) == 0


def test_a_point_has_when_it_ends_what_failed_and_how_slow_it_was() -> None:
    seen = users(8, 2, latency={"GET /": {10: 7, 40: 1}})
    trend = trend_of([look(1, seen), look(2)], SERVICE, [NEW])
    assert trend["at"] == [5.0, 10.0]
    new = trend["slots"][NEW]
    assert (new["answers"], new["failed"]) == ([10, 0], [2, 0])
    assert (new["p50"], new["p95"]) == ([0.002, None], [0.1339, None])


def test_requests_of_our_own_count_as_well() -> None:
    seen = slot(users(1, 1), {"smoke": Probes(good=3, bad=2), "live": Probes(good=9)})
    new = trend_of([look(1, seen)], SERVICE, [NEW])["slots"][NEW]
    assert (new["answers"], new["failed"]) == ([7], [3])
