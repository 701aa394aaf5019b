# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a request of a user says about the slots. The combinations are what nginx 1.30 logs."""

from __future__ import annotations

import json
import time
import typing as t
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.tagadodo.deploy.plugins.module_utils._access_log import Tally, recent
from ansible_collections.tagadodo.deploy.plugins.module_utils._evidence import (
    MOST_CLIENTS,
    MOST_ROUTES,
    OTHERS,
    SlotCounts,
    latency_bucket,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._log_tail import begin, read_new

BLUE, BLUE2, GREEN = "10.213.2.0:3000", "10.213.2.1:3000", "10.213.2.16:3000"
UPSTREAMS = {BLUE: "blue", BLUE2: "blue", GREEN: "green"}


def entry(address: str = BLUE, answer: str = "200", **other: t.Any) -> t.Dict[str, t.Any]:
    """A log line's content; times are as long as there are attempts."""
    seconds = ", ".join("0.010" if one != "-" else "-" for one in answer.split(", "))
    return {
        "time": 1795401442.217,
        "service": "backend",
        "slot": "blue",
        "bucket": "4",
        "client": "4.71",
        "upstream_addr": address,
        "upstream_status": answer,
        "upstream_response_time": seconds.replace("-", "0.010"),
        "upstream_header_time": seconds,
        "upstream_connect_time": seconds,
        "request_time": 0.012,
        "method": "GET",
        "path": "/users/17",
        "status": answer.split(", ")[-1].split(" : ")[-1],
        "bytes": 122,
        "request_id": "5f",
        "host": "api.localhost",
        "protocol": "HTTP/2.0",
        "limit": "PASSED",
        "probe": "",
        **other,
    }


def counted(*entries: t.Mapping[str, t.Any]) -> t.Dict[str, SlotCounts]:
    tally = Tally("backend", UPSTREAMS)
    tally.take([json.dumps(one) for one in entries])
    assert tally.strange == 0
    return tally.counts()


def numbers(counts: SlotCounts) -> t.Tuple[int, int, int, int]:
    return counts.attempts, counts.failed, counts.neutral, counts.missing


NOT_PROXIED = {
    "upstream_addr": "",
    "upstream_status": "",
    "upstream_response_time": "",
    "upstream_header_time": "",
}
LEFT = {"status": "499", "upstream_header_time": "-"}


@pytest.mark.parametrize(
    ("logged", "expected"),
    [
        # attempts, failed, neutral, missing
        (entry(), (1, 0, 0, 0)),
        (entry(answer="304"), (1, 0, 0, 0)),
        (entry(answer="422"), (1, 0, 0, 0)),
        (entry(answer="429"), (1, 0, 0, 0)),  # the application's own limit
        (entry(answer="401"), (1, 0, 0, 1)),
        (entry(answer="403"), (1, 0, 0, 1)),
        (entry(answer="404"), (1, 0, 0, 1)),
        (entry(answer="500"), (1, 1, 0, 0)),
        (entry(answer="503"), (1, 1, 0, 0)),
        (entry(answer="502", upstream_header_time="-"), (1, 1, 0, 0)),
        (entry(answer="504", upstream_header_time="-"), (1, 1, 0, 0)),
        (entry(answer="-", status="502", upstream_header_time="-"), (1, 1, 0, 0)),
        (entry(answer="-", **LEFT), (0, 0, 1, 0)),
        (entry(answer="-", **{**LEFT, "status": "000"}), (0, 0, 1, 0)),
        (entry(answer="-", **{**LEFT, "status": "400"}), (0, 0, 1, 0)),
        (entry(answer="101"), (0, 0, 1, 0)),
        (entry(status="429", limit="REJECTED", **NOT_PROXIED), (0, 0, 1, 0)),
        (entry(status="413", **NOT_PROXIED), (0, 0, 1, 0)),
        (entry(status="404", **NOT_PROXIED), (0, 0, 1, 0)),
        (entry(status="301", **{**NOT_PROXIED, "upstream_addr": "-"}), (0, 0, 1, 0)),
        # a retry that the user did not notice
        (entry(f"{BLUE}, {BLUE2}", "502, 200", upstream_header_time="-, 0.010"), (2, 1, 0, 0)),
        (entry(f"{BLUE}, {BLUE2}", "504, 502", upstream_header_time="-, -"), (2, 2, 0, 0)),
        (
            entry(f"{BLUE}, {BLUE2}", "502, -", **{**LEFT, "upstream_header_time": "-, -"}),
            (1, 1, 1, 0),
        ),
        # nobody left to ask
        (entry("backend_blue", "502", upstream_header_time="-"), (1, 1, 0, 0)),
        (entry("backend_blue_1", "502", upstream_header_time="-"), (1, 1, 0, 0)),
        # a page of a single-page application: the slot has no such file, and gives index.html
        (
            entry(
                f"{BLUE} : {BLUE}",
                "404 : 200",
                upstream_header_time="0.001 : 0.001",
                upstream_response_time="0.001 : 0.001",
            ),
            (2, 0, 0, 0),
        ),
        # an address that is not known belongs to the slot nginx chose
        (entry("10.213.9.9:3000", "500"), (1, 1, 0, 0)),
    ],
)
def test_what_a_request_says_about_its_slot(
    logged: t.Dict[str, t.Any], expected: t.Tuple[int, ...]
) -> None:
    counts = counted(logged)
    assert list(counts) == ["blue"]
    assert numbers(counts["blue"]) == expected
    assert counts["blue"].requests == 1
    assert counts["blue"].statuses == {logged["status"]: 1}


def test_an_attempt_belongs_to_the_slot_of_its_address() -> None:
    """The line is written when the request ends, which may be after traffic moved."""
    counts = counted(entry(GREEN, "500", slot="blue", status="500"))
    assert counts["blue"].requests == 1
    assert numbers(counts["green"]) == (0, 0, 1, 0)  # asked for a file of the other release
    counts = counted(entry(GREEN, "200", slot="blue"))
    assert numbers(counts["green"]) == (1, 0, 0, 0)


def test_a_slot_that_has_stopped_is_not_blamed_for_files_it_no_longer_has() -> None:
    counts = counted(
        entry(
            f"{GREEN} : {BLUE}",
            "404 : 502",
            slot="green",
            status="404",
            upstream_header_time="0.001 : -",
            upstream_response_time="0.001 : 0.000",
        )
    )
    assert numbers(counts["green"]) == (1, 0, 0, 1)
    assert numbers(counts["blue"]) == (0, 0, 1, 0)
    assert counts["blue"].requests == 0


def test_our_own_probes_are_nobody() -> None:
    assert counted(entry(GREEN, "500", slot="green", probe="green")) == {}


def test_who_failed() -> None:
    failing = [entry(answer="500", client=f"1.{n % 60}") for n in range(120)]
    counts = counted(*failing, entry(client="2.2"), entry(answer="500", client="3.3"))["blue"]
    assert len(counts.failed_clients) == MOST_CLIENTS + 1
    assert sum(counts.failed_clients.values()) == counts.failed == 121
    assert counts.failed_clients[OTHERS] == 21


def test_latency_is_the_time_to_the_header_of_good_answers() -> None:
    bucket = latency_bucket
    counts = counted(
        entry(upstream_header_time="0.020", upstream_response_time="9.000"),
        entry(upstream_header_time="", upstream_response_time="0.030"),
        entry(upstream_header_time="0.000", upstream_response_time="0.043"),
        entry(answer="500", upstream_header_time="0.040"),
        entry(answer="404", upstream_header_time="0.040"),
        entry(answer="101", upstream_header_time="0.040"),
        entry(method="POST", path="/", upstream_header_time="0.050"),
        entry(
            f"{BLUE}, {GREEN}",
            "502, 200",
            upstream_header_time="-, 0.060",
            upstream_response_time="0.001, 0.061",
        ),
    )
    assert counts["blue"].latency == {
        "GET /users": {bucket(0.02): 1, bucket(0.03): 1, bucket(0.0): 1},
        "POST /": {bucket(0.05): 1},
    }
    assert counts["green"].latency == {"GET /users": {bucket(0.06): 1}}


def test_who_gave_up_waiting_has_met_slowness() -> None:
    """Clients with a timeout of their own never see nginx's, and no answer is logged."""
    waits = ["0.200", "2.900", "10.001"]
    counts = counted(*(entry(answer="-", **LEFT, upstream_response_time=one) for one in waits))
    assert counts["blue"].latency == {"GET /users": {latency_bucket(10.001): 1}}
    assert numbers(counts["blue"]) == (0, 0, 3, 0)


def test_routes_are_bounded_and_the_same_for_both_slots() -> None:
    paths = [f"/{letter}/{n}" for letter in "abcdefghijklmnop" for n in range(20)] + ["/rare"]
    requests = [entry(path=path) for path in paths]
    requests += [entry(GREEN, slot="green", path=path) for path in ("/rare/1", "/a/1", "/b")]
    counts = counted(*requests)
    assert len(counts["blue"].latency) == MOST_ROUTES + 1
    assert sum(counts["blue"].latencies.values()) == len(paths)
    assert set(counts["green"].latency) == {"GET /a", "GET /b", OTHERS}
    long = counted(entry(path="/" + "x" * 500))
    assert [len(route) for route in long["blue"].latency] == [40]
    harmless = counted(entry(path="/\x1b[2Jä/x"))
    assert list(harmless["blue"].latency) == ["GET /?[2Jä"]


@pytest.mark.parametrize(
    "line",
    [
        "",
        "\0",
        "nonsense",
        '{"time":1}',
        "[]",
        "1",
        json.dumps(entry())[:-1],
        json.dumps(entry(slot="pink")),
        json.dumps(entry(slot="")),
        json.dumps(entry(time="yesterday")),
        json.dumps(entry(f"{BLUE}, {BLUE2}", "200")),
        json.dumps(entry(upstream_header_time="soon")),
        json.dumps(entry(upstream_status="²")),
        json.dumps(entry(upstream_addr=None)),
        json.dumps(entry(path=5)),
    ],
)
def test_a_broken_line_is_counted_and_changes_nothing(line: str) -> None:
    tally = Tally("backend", UPSTREAMS)
    tally.take([line, json.dumps(entry())])
    assert (tally.lines, tally.strange) == (2, 1)
    assert tally.counts() == counted(entry())


Requests = st.lists(
    st.builds(
        entry,
        address=st.sampled_from([BLUE, BLUE2, GREEN]),
        answer=st.sampled_from(["200", "404", "500", "101"]),
        slot=st.sampled_from(["blue", "green"]),
        path=st.sampled_from(["/", "/a", "/b/1"]),
        client=st.sampled_from(["1.1", "2.2", "ä\u2028"]),
        probe=st.sampled_from(["", "", "green"]),
    ),
    max_size=40,
)


@given(requests=Requests, cuts=st.lists(st.integers(0, 20000), max_size=8))
@settings(max_examples=80)
def test_any_split_of_the_bytes_into_looks_gives_the_same_sums(
    tmp_path_factory: pytest.TempPathFactory,
    requests: t.List[t.Dict[str, t.Any]],
    cuts: t.List[int],
) -> None:
    lines = [json.dumps(one, ensure_ascii=False) for one in requests] + ["broken"]
    content = "".join(line + "\n" for line in lines).encode()
    path = tmp_path_factory.mktemp("log") / "backend.access.json"
    path.touch()
    cursor = begin(str(path), time.time()).cursor
    total: t.Dict[str, SlotCounts] = {}
    strange = 0
    ends = sorted({min(cut, len(content)) for cut in cuts} | {len(content)})
    for start, end in zip([0, *ends], ends):
        with open(path, "ab") as file:
            file.write(content[start:end])
        tally = Tally("backend", UPSTREAMS)
        now = time.time()
        cursor = read_new(str(path), cursor, tally.take, now, now).cursor
        strange += tally.strange
        for slot, counts in tally.counts().items():
            total[slot] = total.get(slot, SlotCounts()) + counts
    assert strange == 1
    # Clients that got good answers are those of one look, so they are no sum.
    expected = counted(*requests)
    assert {*total} == {*expected}
    for slot, counts in total.items():
        same = {"clients": 0, "served_clients": {}}
        assert replace(counts, **same) == replace(expected[slot], **same)
        assert counts.clients <= expected[slot].clients
        # A look tells what a client was served if it failed in the same look.
        for client, served in counts.served_clients.items():
            assert served <= expected[slot].served_clients[client]


def write(path: Path, ages: t.Iterable[float], now: float, **other: t.Any) -> None:
    with open(path, "a", encoding="utf-8") as file:
        for age in ages:
            file.write(json.dumps(entry(time=now - age, **other)) + "\n")


def test_recent_is_what_happened_in_the_last_seconds(tmp_path: Path) -> None:
    path, now = tmp_path / "backend.access.json", time.time()
    write(tmp_path / "backend.access.json.1", (700, 500, 400), now)
    write(path, (300, 200), now, answer="500")
    write(path, (100, 50), now, answer="200")
    write(path, (10,), now, probe="green")
    found = recent(str(path), 600, now)
    total = found.total
    assert (total.requests, total.failed) == (6, 2)
    assert sum(total.latencies.values()) == 4
    assert found.seconds == pytest.approx(600)
    assert found.per_minute == pytest.approx(0.6)


def test_recent_is_not_longer_than_the_log(tmp_path: Path) -> None:
    path, now = tmp_path / "backend.access.json", time.time()
    write(path, (100, 50), now)
    found = recent(str(path), 600, now)
    assert found.seconds == pytest.approx(100)
    assert found.per_minute == pytest.approx(1.2)
    write(path, (), now)
    young = recent(str(path), 40, now)
    assert (young.total.requests, young.seconds, young.per_minute) == (0, 40, 0)


@pytest.mark.parametrize("make", [Path.touch, Path.mkdir, lambda path: None])
def test_recent_of_nothing(tmp_path: Path, make: t.Callable[[Path], None]) -> None:
    path = tmp_path / "backend.access.json"
    make(path)
    found = recent(str(path), 600, time.time())
    assert (found.counts, found.seconds, found.per_minute) == ({}, 0, 0)


def test_recent_of_much_traffic_reads_the_last_of_it(tmp_path: Path) -> None:
    path, now = tmp_path / "backend.access.json", time.time()
    write(path, (600 - second / 10 for second in range(6000)), now)
    size = path.stat().st_size
    found = recent(str(path), 600, now, most_bytes=size // 4)
    assert found.seconds == pytest.approx(150, rel=0.01)
    assert found.per_minute == pytest.approx(600, rel=0.01)


def test_recent_ends_where_the_cursor_is(tmp_path: Path) -> None:
    """What comes later is of the release's first look."""
    path, now = tmp_path / "backend.access.json", time.time()
    write(path, (100,), now)
    cursor = begin(str(path), now).cursor
    write(path, (50,), now)
    tally = Tally("backend", UPSTREAMS)
    assert recent(str(path), 600, now, tally, cursor).counts == {"blue": counted(entry())["blue"]}
