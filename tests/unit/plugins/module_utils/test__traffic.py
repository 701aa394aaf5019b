# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Shares are exact, grow monotonically, and move only when the proxy itself says so."""

from __future__ import annotations

import os
import tempfile
import threading
import typing as t
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.tagadodo.deploy.plugins.module_utils._traffic import (
    BUCKETS,
    Nginx,
    Shifter,
    TrafficDirectory,
    TrafficError,
    add_switches,
    describe,
    green_buckets,
    parse_shares,
    read_shares,
)


class Proxy(ThreadingHTTPServer):
    """Answers like the control server of nginx: looks at the same files for every request."""

    daemon_threads = True

    def __init__(self, state: Path, services: t.Sequence[str], stuck: bool = False) -> None:
        self.state, self.services, self.stuck = state, services, stuck
        self.connections = 0
        super().__init__(("127.0.0.1", 0), Control)

    def process_request(self, request: t.Any, client_address: t.Any) -> None:
        self.connections += 1
        super().process_request(request, client_address)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class Control(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Proxy

    def do_GET(self) -> None:
        service, bucket = self.path.split("/")[2:]
        green = self.server.state / "traffic" / service / "green" / bucket
        text = b"green\n" if green.is_file() and not self.server.stuck else b"blue\n"
        self.send_response(200 if service in self.server.services else 404)
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
        state: Path, services: t.Sequence[str] = ("backend", "frontend"), stuck: bool = False
    ) -> Proxy:
        add_switches(state, services)
        proxy = Proxy(state, services, stuck)
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


@given(st.integers(0, BUCKETS), st.integers(0, BUCKETS))
def test_shares_are_exact_and_who_is_in_stays_in(one: int, other: int) -> None:
    small, large = sorted((one, other))
    assert len(green_buckets(small)) == small
    assert green_buckets(small) <= green_buckets(large) <= frozenset(range(BUCKETS))


@settings(max_examples=20, deadline=None)  # each example writes real files
@given(st.lists(st.integers(0, BUCKETS), min_size=1, max_size=5))
def test_after_any_row_of_shifts_the_files_hold_the_last_share_and_no_leftovers(
    shares: t.List[int],
) -> None:
    with tempfile.TemporaryDirectory() as directory:
        state = Path(directory)
        add_switches(state, ["backend"])
        switches = TrafficDirectory.of(state)
        for share in shares:
            switches.switch("backend", switches.prepare("backend", green_buckets(share)))
            switches.sweep("backend")
            assert read_shares(state) == {"backend": share}
        assert len(hidden(state)) == 1


def test_a_shift_moves_every_service_over_one_connection(tmp_path: Path, serve: t.Any) -> None:
    proxy = serve(tmp_path)
    done = shifter(tmp_path, proxy).shift({"backend": 100, "frontend": 25})
    assert (done.before, done.after, done.changed) == (
        {"backend": 0, "frontend": 0},
        {"backend": 100, "frontend": 25},
        True,
    )
    assert read_shares(tmp_path) == {"backend": 100, "frontend": 25}
    assert proxy.connections == 1


def test_what_is_so_already_is_left_alone_but_still_confirmed(tmp_path: Path, serve: t.Any) -> None:
    proxy = serve(tmp_path)
    shifter(tmp_path, proxy).shift({"backend": 25})
    before = hidden(tmp_path)
    assert not shifter(tmp_path, proxy).shift({"backend": 25}).changed
    assert hidden(tmp_path) == before
    proxy.stuck = True
    with pytest.raises(TrafficError, match="nginx did not follow"):
        shifter(tmp_path, proxy).shift({"backend": 25})


def test_a_dry_run_touches_nothing(tmp_path: Path, serve: t.Any) -> None:
    proxy = serve(tmp_path)
    before = hidden(tmp_path)
    done = shifter(tmp_path, proxy).shift({"backend": 25}, dry=True)
    assert (done.before, done.after, done.changed) == ({"backend": 0}, {"backend": 25}, True)
    assert (hidden(tmp_path), read_shares(tmp_path)["backend"]) == (before, 0)


def test_shares_nginx_does_not_follow_are_put_back(tmp_path: Path, serve: t.Any) -> None:
    proxy = serve(tmp_path)
    shifter(tmp_path, proxy).shift({"frontend": 100})
    links = {name: os.readlink(tmp_path / "traffic" / name) for name in ("backend", "frontend")}
    proxy.stuck = True
    with pytest.raises(TrafficError) as refused:
        shifter(tmp_path, proxy).shift({"backend": 30, "frontend": 0})
    assert str(refused.value) == (
        "backend: nginx did not follow within 5 s: it sends 0 % to green instead of 30 %;"
        " the first wrong bucket is 0, on blue. The shares were put back"
    )
    assert read_shares(tmp_path) == {"backend": 0, "frontend": 100}
    assert {name: os.readlink(tmp_path / "traffic" / name) for name in links} == links
    assert hidden(tmp_path) == sorted(links.values())


def test_an_unknown_service_is_refused_before_anything_moves(tmp_path: Path, serve: t.Any) -> None:
    proxy = serve(tmp_path, ["backend"])
    with pytest.raises(TrafficError, match="shares.nothing: nginx has no route for this service"):
        shifter(tmp_path, proxy).shift({"backend": 100, "nothing": 100})
    assert read_shares(tmp_path) == {"backend": 0}


def test_nginx_that_is_down_is_named(tmp_path: Path, serve: t.Any) -> None:
    proxy = serve(tmp_path)
    url = proxy.url
    proxy.shutdown()
    proxy.server_close()
    with pytest.raises(TrafficError, match=f"nginx does not answer at {url}/traffic/backend/0"):
        shifter(tmp_path, proxy).shift({"backend": 100})


def test_leftovers_of_a_killed_run_are_swept(tmp_path: Path, serve: t.Any) -> None:
    proxy = serve(tmp_path)
    switches = TrafficDirectory.of(tmp_path)
    name = switches.prepare("backend", green_buckets(40))
    os.symlink(name, tmp_path / "traffic" / f"{name}.link")
    assert not shifter(tmp_path, proxy).shift({"backend": 0}).changed
    assert len(hidden(tmp_path)) == 2


def test_two_shifts_at_once_are_refused(tmp_path: Path, serve: t.Any) -> None:
    proxy = serve(tmp_path)
    with TrafficDirectory.of(tmp_path).locked(), pytest.raises(
        TrafficError, match="another shift is at work"
    ):
        shifter(tmp_path, proxy).shift({"backend": 100})
    assert read_shares(tmp_path)["backend"] == 0


def test_a_service_whose_name_begins_like_another_keeps_its_split(tmp_path: Path) -> None:
    add_switches(tmp_path, ["back", "back-end"])
    TrafficDirectory.of(tmp_path).sweep("back")
    assert read_shares(tmp_path) == {"back": 0, "back-end": 0}
    assert len(hidden(tmp_path)) == 2


def test_an_existing_switch_is_never_touched(tmp_path: Path, serve: t.Any) -> None:
    shifter(tmp_path, serve(tmp_path)).shift({"backend": 60})
    add_switches(tmp_path, ["backend", "third"])
    assert read_shares(tmp_path) == {"backend": 60, "frontend": 0, "third": 0}


def test_a_host_without_switches_has_no_shares(tmp_path: Path) -> None:
    assert read_shares(tmp_path) == {}


def test_shares_are_described_one_service_a_line() -> None:
    assert describe({"b": 100, "a": 25}) == "a: blue 75 %, green 25 %\nb: blue 0 %, green 100 %\n"
