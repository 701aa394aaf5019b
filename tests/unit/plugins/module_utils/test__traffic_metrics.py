# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What users did, by counters that are asked over real HTTP: nothing is lost, and nothing counted twice."""

from __future__ import annotations

import http.server
import json
import typing as t
import urllib.parse

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.tagadodo.deploy.plugins.module_utils._cluster import Cluster
from ansible_collections.tagadodo.deploy.plugins.module_utils._evidence import (
    ServiceLook,
    SlotCounts,
    latency_bucket,
    quantile,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._observe import Data, Heard
from ansible_collections.tagadodo.deploy.plugins.module_utils._questions import Watched
from ansible_collections.tagadodo.deploy.plugins.module_utils._target import TargetError
from ansible_collections.tagadodo.deploy.plugins.module_utils._traffic_metrics import (
    WHERE,
    TrafficMetrics,
    _counted,
    _histogram,
)

CODES = 'requests{namespace="<namespace>",service="<project>-<service>-<slot>"}'
SECONDS = 'seconds_bucket{service="<project>-<service>-<slot>"}'
BEGINNING = 10_000.0
BACKEND = Watched("backend", "green")

Series = t.List[t.Tuple[t.Dict[str, str], float]]


class Prometheus:
    """Answers with the series it is given, by the query and from a time of day on."""

    def __init__(self) -> None:
        self.known: t.List[t.Tuple[float, t.Dict[str, Series]]] = []
        self.asked: t.List[str] = []
        self.broken = b""

    def say(self, at: float, **slots: t.Mapping[str, float]) -> None:
        """Requests that slots have answered by then, by code."""
        self.say_series(at, {slot: [({"code": c}, n) for c, n in of.items()] for slot, of in slots.items()})  # fmt: skip

    def say_series(
        self,
        at: float,
        requests: t.Mapping[str, Series],
        seconds: t.Optional[t.Mapping[str, Series]] = None,
    ) -> None:
        queries = {
            query.replace("<namespace>", "shop").replace("<project>", "tagadodo").replace("<service>", "backend").replace("<slot>", slot): series
            for query, by_slot in ((CODES, requests), (SECONDS, seconds or {}))
            for slot, series in by_slot.items()
        }  # fmt: skip
        self.known.append((at, queries))

    def answer(self, query: str, at: float) -> bytes:
        self.asked.append(query)
        series: Series = []
        for since, queries in self.known:
            if since <= at:
                series = queries.get(query, [])
        result = [{"metric": labels, "value": [at, str(count)]} for labels, count in series]
        document = {"status": "success", "data": {"resultType": "vector", "result": result}}
        return self.broken or json.dumps(document).encode()


@pytest.fixture
def prometheus() -> Prometheus:
    return Prometheus()


@pytest.fixture
def url(serving: t.Callable[..., str], prometheus: Prometheus) -> str:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked = urllib.parse.parse_qs(urllib.parse.urlsplit(self.path).query)
            body = prometheus.answer(asked["query"][0], float(asked["time"][0]))
            self.send_response(200)
            self.end_headers()
            self.wfile.write(body)

    return serving(Handler)


class Release:
    """Looks at one release of the service."""

    def __init__(self, url: str, seconds: str = "") -> None:
        described = {"url": url, "codes": CODES, "seconds": seconds}
        raw = {"namespace": "shop", "requests": described}
        self.metrics = TrafficMetrics(Cluster.parse(raw, "tagadodo"), "tagadodo")
        self.last: Data = {"cursors": {}, "at": BEGINNING}

    def begin(self) -> Heard:
        return self._noted(self.metrics.begin([BACKEND], 600.0, BEGINNING), BEGINNING)

    def look(self, at: float) -> ServiceLook:
        return self._noted(self.metrics.go_on([BACKEND], self.last, at), at).seen["backend"]

    def _noted(self, heard: Heard, at: float) -> Heard:
        # As a look is recorded, which others go on from.
        cursors = {**self.last["cursors"], **heard.cursors}
        self.last = json.loads(json.dumps({"cursors": cursors, "at": at}))
        return heard


@pytest.fixture
def release(url: str) -> Release:
    return Release(url)


def test_without_counters_nothing_is_heard() -> None:
    metrics = TrafficMetrics(Cluster("shop"), "tagadodo")
    assert metrics.begin([BACKEND], 600.0, BEGINNING) == Heard({}, {}, {}, 0.0)
    assert metrics.go_on([BACKEND], {"cursors": {}, "at": 1.0}, 3.0) == Heard({}, {}, {}, 2.0)


def test_the_baseline_is_the_time_before_the_release(
    prometheus: Prometheus, release: Release
) -> None:
    prometheus.say(0, blue={"200": 1_000_000, "500": 5})
    prometheus.say(BEGINNING - 300, blue={"200": 1_000_100, "500": 6, "404": 2})
    heard = release.begin()
    assert heard.seconds == 600
    assert set(heard.seen["backend"].slots) == {"blue"}
    assert heard.seen["backend"].slot("blue").counts == SlotCounts(
        requests=103,
        attempts=103,
        failed=1,
        missing=2,
        statuses={"200": 100, "500": 1, "404": 2},
    )
    assert heard.recent["backend"].per_minute == pytest.approx(10.3)


def test_a_prometheus_that_is_younger_than_the_baseline_tells_of_none(
    prometheus: Prometheus, release: Release
) -> None:
    prometheus.say(BEGINNING - 60, blue={"200": 1_000_000})
    heard = release.begin()
    assert heard.seen["backend"].slot("blue").counts == SlotCounts()
    assert heard.recent["backend"].per_minute == 0
    prometheus.say(BEGINNING + 5, blue={"200": 1_000_007})
    assert release.look(BEGINNING + 10).slot("blue").counts.requests == 7


def test_what_is_answered_between_two_looks_is_counted_once(
    prometheus: Prometheus, release: Release
) -> None:
    prometheus.say(0, blue={"200": 50})
    release.begin()
    prometheus.say(BEGINNING + 5, blue={"200": 60}, green={"200": 4, "503": 1})
    first = release.look(BEGINNING + 10)
    assert first.problems == ()
    assert first.slot("blue").counts.statuses == {"200": 10}
    assert first.slot("green").counts == SlotCounts(
        requests=5, attempts=5, failed=1, statuses={"200": 4, "503": 1}
    )
    assert release.look(BEGINNING + 20).slot("green").counts == SlotCounts()


def test_who_left_and_who_was_upgraded_says_nothing(
    prometheus: Prometheus, release: Release
) -> None:
    release.begin()
    codes = {"200": 1, "101": 2, "499": 4, "0": 8, "401": 16, "403": 32, "404": 64, "502": 128}
    prometheus.say(BEGINNING + 5, green=codes)
    counts = release.look(BEGINNING + 10).slot("green").counts
    assert (counts.requests, counts.neutral, counts.missing) == (255, 14, 112)
    assert (counts.attempts, counts.failed) == (241, 128)


def test_a_counter_that_is_set_back_begins_again(prometheus: Prometheus, release: Release) -> None:
    prometheus.say(0, green={"200": 1000})
    release.begin()
    prometheus.say(BEGINNING + 5, green={"200": 3})
    assert release.look(BEGINNING + 10).slot("green").counts.requests == 3


def test_one_of_two_gateways_that_begins_again_is_not_the_other(
    prometheus: Prometheus, release: Release
) -> None:
    def series(first: float, second: float) -> t.Dict[str, Series]:
        counts = {"a": first, "b": second}
        return {"green": [({"code": "200", "pod": pod}, n) for pod, n in counts.items()]}

    prometheus.say_series(0, series(1000, 1000))
    release.begin()
    prometheus.say_series(BEGINNING + 5, series(2, 1001))
    assert release.look(BEGINNING + 10).slot("green").counts.statuses == {"200": 3}


def test_a_series_that_is_not_there_for_a_look_goes_on_from_where_it_was(
    prometheus: Prometheus, release: Release
) -> None:
    prometheus.say(0, green={"200": 1000, "500": 10})
    release.begin()
    prometheus.say(BEGINNING + 5, green={"500": 11})
    assert release.look(BEGINNING + 10).slot("green").counts.statuses == {"500": 1}
    prometheus.say(BEGINNING + 15, green={"200": 1002, "500": 11})
    assert release.look(BEGINNING + 20).slot("green").counts.statuses == {"200": 2}


@pytest.mark.parametrize("broken", [b'{"status":"error","error":"overloaded"}', b"<html>"])
def test_a_silence_loses_nothing(prometheus: Prometheus, release: Release, broken: bytes) -> None:
    prometheus.say(0, green={"200": 1000})
    release.begin()
    prometheus.broken = broken
    prometheus.say(BEGINNING + 5, green={"200": 1004})
    silent = release.look(BEGINNING + 10)
    assert silent.slots == {}
    (problem,) = silent.problems
    assert problem.startswith(f"{WHERE}: Prometheus answers 200")
    prometheus.broken = b""
    assert release.look(BEGINNING + 20).slot("green").counts.requests == 4


def test_what_was_counted_before_a_silent_beginning_is_not_the_release_s(
    prometheus: Prometheus, release: Release
) -> None:
    prometheus.say(0, green={"200": 1000})
    prometheus.broken = b"<html>"
    begun = release.begin()
    assert begun.seen["backend"].slot("blue").counts == SlotCounts()
    assert len(begun.seen["backend"].problems) == 1
    assert len(prometheus.asked) == 1
    prometheus.broken = b""
    late = release.look(BEGINNING + 10)
    assert late.slots == {}
    assert late.problems == (
        f"{WHERE}: requests are counted from here on, the release began without them",
    )
    prometheus.say(BEGINNING + 15, green={"200": 1006})
    assert release.look(BEGINNING + 20).slot("green").counts.requests == 6


def test_a_series_that_does_not_say_what_it_counts_is_a_problem(
    prometheus: Prometheus, url: str
) -> None:
    prometheus.say_series(0, {"green": [({"status": "200"}, 7.0)]})
    assert Release(url).begin().seen["backend"].problems == (
        f"{WHERE}.codes: a series has no label code that can be read: {{'status': '200'}}",
    )
    prometheus.say_series(0, {}, {"green": [({"le": "quick"}, 7.0)]})
    assert Release(url, SECONDS).begin().seen["backend"].problems == (
        f"{WHERE}.seconds: a series has no label le that can be read: {{'le': 'quick'}}",
    )


def test_latencies_are_those_of_the_buckets(prometheus: Prometheus, url: str) -> None:
    def buckets(*counts: float) -> t.Dict[str, Series]:
        return {"green": [({"le": le}, n) for le, n in zip(("0.1", "0.5", "+Inf"), counts)]}

    release = Release(url, SECONDS)
    prometheus.say_series(0, {}, buckets(100, 100, 100))
    release.begin()
    prometheus.say_series(BEGINNING + 5, {}, buckets(107, 110, 111))
    latency = release.look(BEGINNING + 10).slot("green").counts.latencies
    assert latency == {latency_bucket(0.1): 7, latency_bucket(0.5): 3, latency_bucket(1.0): 1}
    prometheus.say_series(BEGINNING + 15, {}, buckets(107, 110, 120))
    # All of them were slower than the last bound.
    assert release.look(BEGINNING + 20).slot("green").counts.latencies == {latency_bucket(1.0): 9}


def test_a_token_that_cannot_be_read_is_told_by_its_setting(url: str) -> None:
    described = {"url": url, "codes": CODES, "token_file": "/nowhere"}
    metrics = TrafficMetrics(Cluster.parse({"requests": described}, "tagadodo"), "tagadodo")
    with pytest.raises(TargetError, match=f"^{WHERE}.token_file: /nowhere cannot be read"):
        metrics.begin([BACKEND], 600.0, BEGINNING)


STEPS = st.lists(
    st.dictionaries(st.sampled_from(["200", "404", "500"]), st.integers(0, 50), max_size=3),
    max_size=8,
)


@given(STEPS, st.sets(st.integers(0, 7)))
def test_looks_add_up_to_what_was_answered(
    steps: t.List[t.Dict[str, int]], resets: t.Set[int]
) -> None:
    standing: t.Dict[str, float] = {}
    answered: t.Dict[str, int] = {}
    counts = SlotCounts()
    for number, more in enumerate(steps):
        before = {"green": {"requests": dict(standing)}}
        # A counter that is set back is seen where it has not overtaken its old self.
        if number in resets and all(more.get(code, 0) < n for code, n in standing.items()):
            standing = dict.fromkeys(standing, 0.0)
        for code, count in more.items():
            standing[code] = standing.get(code, 0.0) + count
            answered[code] = answered.get(code, 0) + count
        counts += _counted(before, {"green": {"requests": dict(standing)}}, "green")
    assert counts.statuses == {code: count for code, count in answered.items() if count}
    assert counts.requests == sum(answered.values())


@given(st.lists(st.floats(0.001, 20.0), min_size=1), st.floats(0.1, 1.0))
def test_no_latency_is_told_quicker_than_it_was(times: t.List[float], share: float) -> None:
    bounds = [0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0]
    cumulative = {str(bound): sum(1 for one in times if one <= bound) for bound in bounds}
    histogram = _histogram({**cumulative, "+Inf": len(times)})
    assert sum(histogram.values()) == len(times)
    told = quantile(histogram, share)
    rank = next(n for n in range(1, len(times) + 1) if n >= share * len(times))
    assert told is not None
    assert told >= sorted(times)[rank - 1] * 0.999
