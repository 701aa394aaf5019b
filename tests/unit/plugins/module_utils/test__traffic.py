# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Shares are exact, grow monotonically, and move only when the proxy itself says so; instances too."""

from __future__ import annotations

import itertools
import os
import tempfile
import threading
import typing as t
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.tagadodo.deploy.plugins.module_utils._service import SLOTS
from ansible_collections.tagadodo.deploy.plugins.module_utils._split import (
    BUCKETS,
    GREEN,
    Split,
    TrafficError,
    describe,
    green_buckets,
    parse_instances,
    parse_shares,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._traffic import (
    MOST,
    Nginx,
    Shift,
    Shifter,
    TrafficDirectory,
    add_switches,
    read_shares,
    read_splits,
)

SERVERS = 4  # instances that the proxy knows of each slot


class Proxy(ThreadingHTTPServer):
    """Answers like the control server of nginx: looks at the same files for every request."""

    daemon_threads = True

    def __init__(self, state: Path, services: t.Sequence[str], stuck: bool, knows: str) -> None:
        self.state, self.services, self.stuck, self.knows = state, services, stuck, knows
        self.connections = 0
        self.seen: t.List[Split] = []
        super().__init__(("127.0.0.1", 0), Control)

    def process_request(self, request: t.Any, client_address: t.Any) -> None:
        self.connections += 1
        super().process_request(request, client_address)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def answer(self, what: str, service: str, about: str) -> str:
        """Text of an answer; empty where there is no such place."""
        if service not in self.services or what not in self.knows:
            return ""
        if what == "servers":
            return str(SERVERS)
        if what == "instances":
            return str(self.split(service).counts.get(about, "all"))
        if about == "0":
            self.seen.append(self.split(service))
        marker = self.state / "traffic" / service / GREEN / about
        return "green" if marker.is_file() and not self.stuck else "blue"

    def split(self, service: str) -> Split:
        return Split() if self.stuck else TrafficDirectory.of(self.state).split(service)


class Control(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Proxy

    def do_GET(self) -> None:
        text = self.server.answer(*self.path.split("/")[1:]).encode()
        self.send_response(200 if text else 404)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_args: t.Any) -> None:
        pass


class Clock:
    """Time that passes only when somebody sleeps."""

    def __init__(self) -> None:
        self.time = 0.0

    def __call__(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.time += seconds


@pytest.fixture
def serve() -> t.Iterator[t.Callable[..., Proxy]]:
    running: t.List[Proxy] = []

    def start(
        state: Path,
        services: t.Sequence[str] = ("backend", "frontend"),
        stuck: bool = False,
        knows: str = "traffic instances servers",
    ) -> Proxy:
        add_switches(state, services)
        proxy = Proxy(state, services, stuck, knows)
        threading.Thread(target=proxy.serve_forever, args=(0.01,), daemon=True).start()
        running.append(proxy)
        return proxy

    yield start
    for proxy in running:
        proxy.shutdown()
        proxy.server_close()


def shifter(state: Path, proxy: Proxy, timeout: float = 5) -> Shifter:
    clock = Clock()
    return Shifter(TrafficDirectory.of(state), Nginx(proxy.url), timeout, clock, clock.sleep)


def shift(
    state: Path,
    proxy: Proxy,
    shares: t.Mapping[str, int],
    instances: t.Optional[t.Mapping[str, t.Mapping[str, int]]] = None,
) -> Shift:
    return shifter(state, proxy).shift(shares, instances or {})


def distinct(splits: t.Sequence[Split]) -> t.List[Split]:
    return [split for split, _same in itertools.groupby(splits)]


def hidden(state: Path) -> t.List[str]:
    return sorted(name for name in os.listdir(state / "traffic") if name.startswith("."))


@pytest.mark.parametrize(
    ("raw", "wanted"),
    [
        ({"backend": {"green": 25}}, {"backend": 25}),
        ({"backend": {"blue": 25}}, {"backend": 75}),
        ({"backend": {"blue": 0, "green": 100}}, {"backend": 100}),
        ({"backend": {"green": "10"}, "frontend": {"blue": 100}}, {"backend": 10, "frontend": 0}),
    ],
)
def test_shares_are_read_as_percent_on_green(raw: t.Any, wanted: t.Any) -> None:
    assert parse_shares(raw) == wanted


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (
            {"backend": {"green": 101}},
            "shares.backend.green: 101 is not a whole number from 0 to 100",
        ),
        ({"backend": {"green": -1}}, "-1 is not a whole number"),
        ({"backend": {"green": 12.5}}, "12.5 is not a whole number"),
        ({"backend": {"green": True}}, "True is not a whole number"),
        ({"backend": {"green": "²"}}, "'²' is not a whole number"),
        ({"backend": {"red": 1}}, "shares.backend: unknown slot 'red'; slots are blue and green"),
        ({"backend": {"blue": 50, "green": 60}}, "blue 50 and green 60 do not make 100"),
        ({"backend": {}}, "expected percent by slot"),
        ({"backend": 25}, "expected percent by slot"),
    ],
)
def test_a_wrong_share_is_refused_in_one_line(raw: t.Any, message: str) -> None:
    with pytest.raises(TrafficError) as refused:
        parse_shares(raw)
    assert message in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (
            {"backend": {"red": 1}},
            "instances.backend: unknown slot 'red'; slots are blue and green",
        ),
        ({"backend": {"green": -1}}, "instances.backend.green: -1 is not a number of instances"),
        ({"backend": {"green": "-1"}}, "'-1' is not a number of instances"),
        ({"backend": {"green": 1.5}}, "1.5 is not a number of instances"),
        ({"backend": {"green": None}}, "None is not a number of instances; 0 means all"),
        ({"backend": 1}, "instances.backend: expected instances by slot"),
    ],
)
def test_a_wrong_number_of_instances_is_refused_in_one_line(raw: t.Any, message: str) -> None:
    with pytest.raises(TrafficError) as refused:
        parse_instances(raw)
    assert message in str(refused.value)
    assert "\n" not in str(refused.value)


def test_instances_are_read_as_numbers() -> None:
    assert parse_instances({"backend": {"green": "2", "blue": 0}, "frontend": {}}) == {
        "backend": {"green": 2, "blue": 0},
        "frontend": {},
    }


@given(st.integers(0, BUCKETS), st.integers(0, BUCKETS))
def test_shares_are_exact_and_who_is_in_stays_in(one: int, other: int) -> None:
    small, large = sorted((one, other))
    assert len(green_buckets(small)) == small
    assert green_buckets(small) <= green_buckets(large) <= frozenset(range(BUCKETS))


SPLITS = st.builds(
    Split,
    st.integers(0, BUCKETS).map(green_buckets),
    st.dictionaries(st.sampled_from(SLOTS), st.integers(1, MOST - 1)),
)


@settings(max_examples=20)  # each example writes real files
@given(st.lists(SPLITS, min_size=1, max_size=5))
def test_after_any_row_of_shifts_the_files_hold_the_last_split_and_no_leftovers(
    splits: t.List[Split],
) -> None:
    with tempfile.TemporaryDirectory() as directory:
        state = Path(directory)
        add_switches(state, ["backend"])
        switches = TrafficDirectory.of(state)
        for split in splits:
            switches.switch("backend", switches.prepare("backend", split))
            switches.sweep("backend")
            assert read_splits(state) == {"backend": split}
            assert read_shares(state) == {"backend": split.share(GREEN)}
        assert len(hidden(state)) == 1


def search(looks: t.Callable[[int, int], bool], servers: int) -> int:
    """How many of ``servers`` instances nginx finds; its n-th look, for file k, is ``looks(n, k)``."""
    half = 2 ** (servers - 1).bit_length() // 2
    found, limit, look = servers, half, 0
    while half:
        there = looks(look, limit)
        found = min(limit, servers) if there else found
        half //= 2
        limit += -half if there else half
        look += 1
    return found


@given(st.data())
def test_who_looks_while_a_count_changes_finds_the_former_the_new_or_one_between(
    data: t.Any,
) -> None:
    servers = data.draw(st.integers(1, MOST), "servers")
    counts = st.integers(0, servers - 1)
    former, new = data.draw(counts, "former"), data.draw(counts, "new")
    change = data.draw(st.integers(0, 7), "looks before the change")

    def looks(look: int, limit: int) -> bool:
        count = former if look < change else new
        return 0 < count <= limit < MOST

    low, high = sorted(count or servers for count in (former, new))
    assert low <= search(looks, servers) <= high


def test_a_slot_that_loses_its_last_share_keeps_its_count_on_the_way() -> None:
    canary = Split(green_buckets(10), {"green": 1})
    assert canary.towards(Split()) == Split(frozenset(), {"green": 1})
    assert canary.towards(Split(green_buckets(25), {"green": 2})) == Split(
        green_buckets(25), {"green": 2}
    )
    rolling = Split(green_buckets(75), {"blue": 1, "green": 3})
    assert rolling.towards(Split(green_buckets(100))) == Split(green_buckets(100), {"blue": 1})
    assert Split(green_buckets(100)).towards(Split()) == Split()


def test_a_shift_moves_every_service_over_one_connection(tmp_path: Path, serve: t.Any) -> None:
    proxy = serve(tmp_path)
    done = shift(tmp_path, proxy, {"backend": 100, "frontend": 25})
    assert done == Shift(
        {"backend": Split(), "frontend": Split()},
        {"backend": Split(green_buckets(100)), "frontend": Split(green_buckets(25))},
        True,
    )
    assert read_shares(tmp_path) == {"backend": 100, "frontend": 25}
    assert proxy.connections == 1


def test_what_is_so_already_is_left_alone_but_still_confirmed(tmp_path: Path, serve: t.Any) -> None:
    proxy = serve(tmp_path)
    shift(tmp_path, proxy, {"backend": 25})
    before = hidden(tmp_path)
    assert not shift(tmp_path, proxy, {"backend": 25}).changed
    assert hidden(tmp_path) == before
    proxy.stuck = True
    with pytest.raises(TrafficError, match="nginx did not follow"):
        shift(tmp_path, proxy, {"backend": 25})


def test_a_dry_run_touches_nothing(tmp_path: Path, serve: t.Any) -> None:
    proxy = serve(tmp_path)
    before = hidden(tmp_path)
    done = shifter(tmp_path, proxy).shift({"backend": 25}, {"backend": {"green": 1}}, dry=True)
    after = Split(green_buckets(25), {"green": 1})
    assert done == Shift({"backend": Split()}, {"backend": after}, True)
    assert (hidden(tmp_path), read_splits(tmp_path)["backend"]) == (before, Split())


def test_shares_nginx_does_not_follow_are_put_back(tmp_path: Path, serve: t.Any) -> None:
    proxy = serve(tmp_path)
    shift(tmp_path, proxy, {"frontend": 100})
    links = {name: os.readlink(tmp_path / "traffic" / name) for name in ("backend", "frontend")}
    proxy.stuck = True
    with pytest.raises(TrafficError) as refused:
        shift(tmp_path, proxy, {"backend": 30, "frontend": 0})
    assert str(refused.value) == (
        "backend: nginx did not follow within 5 s: it sends 0 % to green instead of 30 %;"
        " the first wrong bucket is 0, on blue. The former split was put back"
    )
    assert read_shares(tmp_path) == {"backend": 0, "frontend": 100}
    assert {name: os.readlink(tmp_path / "traffic" / name) for name in links} == links
    assert hidden(tmp_path) == sorted(links.values())


def test_an_unknown_service_is_refused_before_anything_moves(tmp_path: Path, serve: t.Any) -> None:
    proxy = serve(tmp_path, ["backend"])
    with pytest.raises(TrafficError, match="nothing: nginx has no route for this service"):
        shift(tmp_path, proxy, {"backend": 100, "nothing": 100})
    assert read_shares(tmp_path) == {"backend": 0}


def test_nginx_that_is_down_is_named(tmp_path: Path, serve: t.Any) -> None:
    proxy = serve(tmp_path)
    url = proxy.url
    proxy.shutdown()
    proxy.server_close()
    with pytest.raises(TrafficError, match=f"nginx does not answer at {url}/traffic/backend/0"):
        shift(tmp_path, proxy, {"backend": 100})


def test_leftovers_of_a_killed_run_are_swept(tmp_path: Path, serve: t.Any) -> None:
    proxy = serve(tmp_path)
    switches = TrafficDirectory.of(tmp_path)
    name = switches.prepare("backend", Split(green_buckets(40)))
    os.symlink(name, tmp_path / "traffic" / f"{name}.link")
    assert not shift(tmp_path, proxy, {"backend": 0}).changed
    assert len(hidden(tmp_path)) == 2


def test_two_shifts_at_once_are_refused(tmp_path: Path, serve: t.Any) -> None:
    proxy = serve(tmp_path)
    with TrafficDirectory.of(tmp_path).locked(), pytest.raises(
        TrafficError, match="another shift is at work"
    ):
        shift(tmp_path, proxy, {"backend": 100})
    assert read_shares(tmp_path)["backend"] == 0


def test_a_service_whose_name_begins_like_another_keeps_its_split(tmp_path: Path) -> None:
    add_switches(tmp_path, ["back", "back-end"])
    TrafficDirectory.of(tmp_path).sweep("back")
    assert read_shares(tmp_path) == {"back": 0, "back-end": 0}
    assert len(hidden(tmp_path)) == 2


def test_an_existing_switch_is_never_touched(tmp_path: Path, serve: t.Any) -> None:
    shift(tmp_path, serve(tmp_path), {"backend": 60})
    add_switches(tmp_path, ["backend", "third"])
    assert read_shares(tmp_path) == {"backend": 60, "frontend": 0, "third": 0}


def test_a_host_without_switches_has_no_shares(tmp_path: Path) -> None:
    assert read_shares(tmp_path) == {}


def test_splits_are_described_one_service_a_line() -> None:
    splits = {
        "b": Split(green_buckets(100), {"blue": 2}),
        "a": Split(green_buckets(25), {"green": 1}),
    }
    assert describe(splits) == (
        "a: blue 75 %, green 25 % on 1 instance\nb: blue 0 % on 2 instances, green 100 %\n"
    )


def test_share_and_instances_change_in_one_rename(tmp_path: Path, serve: t.Any) -> None:
    proxy = serve(tmp_path)
    steps = [(10, 1), (25, 2), (50, 3)]
    for share, count in steps:
        assert shift(tmp_path, proxy, {"backend": share}, {"backend": {"green": count}}).changed
    assert distinct(proxy.seen) == [
        Split(),
        *(Split(green_buckets(share), {"green": count}) for share, count in steps),
    ]
    assert not shift(tmp_path, proxy, {"backend": 50}, {"backend": {"green": 3}}).changed


def test_a_slot_is_without_traffic_before_its_count_is_given_up(
    tmp_path: Path, serve: t.Any
) -> None:
    proxy = serve(tmp_path)
    shift(tmp_path, proxy, {"backend": 10}, {"backend": {"green": 1}})
    proxy.seen.clear()
    shift(tmp_path, proxy, {"backend": 0})
    assert distinct(proxy.seen) == [
        Split(green_buckets(10), {"green": 1}),
        Split(frozenset(), {"green": 1}),
        Split(),
    ]
    assert len(hidden(tmp_path)) == 2


def test_a_service_whose_instances_alone_are_named_keeps_its_share(
    tmp_path: Path, serve: t.Any
) -> None:
    proxy = serve(tmp_path)
    shift(tmp_path, proxy, {"backend": 60, "frontend": 10}, {"backend": {"blue": 2}})
    done = shift(tmp_path, proxy, {"frontend": 20}, {"backend": {"blue": 1, "green": 3}})
    assert done.after["backend"] == Split(green_buckets(60), {"blue": 1, "green": 3})
    assert read_splits(tmp_path) == done.after


def test_who_names_shares_only_gets_all_instances(tmp_path: Path, serve: t.Any) -> None:
    proxy = serve(tmp_path)
    shift(tmp_path, proxy, {"backend": 25}, {"backend": {"green": 1, "blue": 3}})
    assert shift(tmp_path, proxy, {"backend": 25}).changed
    assert read_splits(tmp_path)["backend"] == Split(green_buckets(25))


def test_none_means_all(tmp_path: Path, serve: t.Any) -> None:
    proxy = serve(tmp_path)
    shift(tmp_path, proxy, {"backend": 10}, {"backend": {"green": 1}})
    shift(tmp_path, proxy, {}, {"backend": {"green": 0}})
    assert read_splits(tmp_path)["backend"] == Split(green_buckets(10))


def test_every_instance_is_said_so_that_one_that_is_added_later_has_no_traffic_yet(
    tmp_path: Path, serve: t.Any
) -> None:
    proxy = serve(tmp_path)
    shift(tmp_path, proxy, {"backend": 10}, {"backend": {"green": SERVERS}})
    assert read_splits(tmp_path)["backend"] == Split(green_buckets(10), {"green": SERVERS})


def test_more_instances_than_nginx_knows_are_refused(tmp_path: Path, serve: t.Any) -> None:
    proxy = serve(tmp_path)
    with pytest.raises(TrafficError) as refused:
        shift(tmp_path, proxy, {"backend": 100}, {"backend": {"green": SERVERS + 1}})
    assert str(refused.value) == (
        "instances.backend.green: 5 asked for, but nginx knows 4; raise `instances` of the service"
        " and run site.yml first"
    )
    assert read_shares(tmp_path)["backend"] == 0


def test_a_configuration_that_knows_no_counts_yet_still_takes_shares(
    tmp_path: Path, serve: t.Any
) -> None:
    proxy = serve(tmp_path, knows="traffic")
    assert shift(tmp_path, proxy, {"backend": 100}, {"backend": {"green": 0}}).changed
    with pytest.raises(TrafficError, match="knows no counts yet; run site.yml first"):
        shift(tmp_path, proxy, {"backend": 50}, {"backend": {"green": 1}})
    assert read_shares(tmp_path)["backend"] == 100


def test_what_is_put_back_keeps_its_count_until_it_is_without_traffic(
    tmp_path: Path, serve: t.Any
) -> None:
    class Interrupted(Shifter):
        def _confirm(self, splits: t.Mapping[str, Split]) -> None:
            raise KeyboardInterrupt

    directory, clock = TrafficDirectory.of(tmp_path), Clock()
    paused: t.List[Split] = []
    interrupted = Interrupted(
        directory,
        Nginx(serve(tmp_path).url),
        5,
        clock,
        lambda _seconds: paused.append(directory.split("backend")),
    )
    with pytest.raises(KeyboardInterrupt):
        interrupted.shift({"backend": 10}, {"backend": {"green": 1}})
    assert paused == [Split(frozenset(), {"green": 1})]
    assert read_splits(tmp_path)["backend"] == Split()
    assert len(hidden(tmp_path)) == 2


def test_instances_nginx_does_not_follow_are_put_back(tmp_path: Path, serve: t.Any) -> None:
    proxy = serve(tmp_path)
    proxy.stuck = True
    with pytest.raises(TrafficError) as refused:
        shift(tmp_path, proxy, {}, {"backend": {"blue": 2}})
    assert str(refused.value) == (
        "backend: nginx did not follow within 5 s: blue has all its instances in traffic instead of"
        " its first 2 instances. The former split was put back"
    )
    assert read_splits(tmp_path)["backend"] == Split()
    assert len(hidden(tmp_path)) == 2
