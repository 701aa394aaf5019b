# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module as Ansible runs it: in a process of its own, with JSON on its standard input."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import typing as t
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from ansible_collections.tagadodo.deploy.plugins.module_utils._traffic import (
    TrafficDirectory,
    add_switches,
    read_shares,
)
from ansible_collections.tagadodo.deploy.plugins.modules import traffic_shift


@pytest.fixture
def control_url(tmp_path: Path) -> t.Iterator[str]:
    class Control(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            what, service, about = self.path.split("/")[1:]
            split = TrafficDirectory.of(tmp_path).split(service)
            answers = {
                "servers": "4",
                "instances": str(split.counts.get(about, "all")),
                "traffic": "green" if about in map(str, split.green) else "blue",
            }
            text = answers[what].encode()
            self.send_response(200 if service == "backend" else 404)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_args: t.Any) -> None:
            pass

    add_switches(tmp_path, ["backend"])
    server = ThreadingHTTPServer(("127.0.0.1", 0), Control)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


def run(**arguments: t.Any) -> t.Dict[str, t.Any]:
    """What the module answers."""
    given = json.dumps(
        {"ANSIBLE_MODULE_ARGS": {key: _text(value) for key, value in arguments.items()}}
    )
    done = subprocess.run(
        [sys.executable, "-m", traffic_shift.__name__, given],
        check=False,
        capture_output=True,
        text=True,
        timeout=30,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    return t.cast("t.Dict[str, t.Any]", json.loads(done.stdout))


def _text(value: t.Any) -> t.Any:
    return str(value) if isinstance(value, Path) else value


def test_it_shifts_once_and_shows_what_moved(tmp_path: Path, control_url: str) -> None:
    wanted = {"backend": {"green": 25}}
    arguments = {"state_dir": tmp_path, "control_url": control_url, "shares": wanted}

    planned = run(**arguments, _ansible_check_mode=True, _ansible_diff=True)
    assert planned["changed"]
    assert read_shares(tmp_path) == {"backend": 0}

    done = run(**arguments, _ansible_diff=True)
    assert {key: done[key] for key in ("changed", "before", "after", "diff")} == {
        "changed": True,
        "before": {"backend": {"blue": 100, "green": 0}},
        "after": {"backend": {"blue": 75, "green": 25}},
        "diff": {
            "before": "backend: blue 100 %, green 0 %\n",
            "after": "backend: blue 75 %, green 25 %\n",
        },
    }
    assert planned["diff"] == done["diff"]
    assert read_shares(tmp_path) == {"backend": 25}

    assert run(**arguments)["changed"] is False


def test_it_says_how_many_instances_had_and_have_traffic(tmp_path: Path, control_url: str) -> None:
    arguments = {"state_dir": tmp_path, "control_url": control_url, "_ansible_diff": True}
    canary = {"shares": {"backend": {"green": 25}}, "instances": {"backend": {"green": 1}}}

    planned = run(**arguments, **canary, _ansible_check_mode=True)
    done = run(**arguments, **canary)
    assert planned["diff"] == done["diff"]
    assert planned["instances_after"] == done["instances_after"] == {"backend": {"green": 1}}
    assert done["instances_before"] == {"backend": {}}
    assert done["diff"]["after"] == "backend: blue 75 %, green 25 % on 1 instance\n"
    assert run(**arguments, **canary)["changed"] is False

    grown = run(**arguments, instances={"backend": {"green": 2, "blue": 3}})
    assert grown["after"] == {"backend": {"blue": 75, "green": 25}}
    assert grown["instances_before"] == {"backend": {"green": 1}}
    assert grown["instances_after"] == {"backend": {"blue": 3, "green": 2}}

    ended = run(**arguments, shares={"backend": {"green": 100}})
    assert (ended["changed"], ended["instances_after"]) == (True, {"backend": {}})


def test_what_is_not_proven_gets_no_traffic(tmp_path: Path, control_url: str) -> None:
    """The first shift is made for the proof, and the other one after it. The control server is what is asked."""
    arguments: dict[str, t.Any] = {
        "state_dir": tmp_path,
        "control_url": control_url,
        "before": {"instances": {"backend": {"green": 1}}},
        "shares": {"backend": {"green": 25}},
        "record": [{"outcome": "running", "records": [{"service": "backend", "release": "r1"}]}],
        "_ansible_diff": True,
    }
    counted = {"name": "one", "url": control_url, "ready": "/instances/backend/green"}
    wrong = {
        **counted,
        "ready": "/instances/none/green",
        "ready_probe": {"failures": 1, "period": 0.2},
    }

    failed = run(**arguments, prove=[wrong])
    assert (failed["failed"], failed["changed"]) == (True, True)
    assert failed["msg"].startswith("one: not ready within 0.2 s: /instances/none/")
    assert read_shares(tmp_path) == {"backend": 0}
    assert not (tmp_path / "releases").exists()

    split = TrafficDirectory.of(tmp_path).split("backend")
    assert split.counts == {"green": 1}
    nothing_before = {**arguments, "before": {"shares": {}, "instances": {}}}
    assert run(**nothing_before, prove=[wrong])["changed"] is False
    planned = run(**arguments, prove=[wrong], _ansible_check_mode=True)
    assert planned["after"] == {"backend": {"blue": 75, "green": 25}}

    first = run(**arguments, prove=[counted], prove_first=[wrong])
    assert (first["failed"], first["changed"]) == (True, False)
    assert not (tmp_path / "releases").exists()

    done = run(**arguments, prove=[counted], prove_first=[counted], watch=0.1)
    assert done["proven"]["targets"][0]["ready"]
    assert (done["changed"], done["written"]) == (True, ["backend/r1"])
    assert read_shares(tmp_path) == {"backend": 25}


def test_a_proof_that_is_described_wrongly_moves_nothing(tmp_path: Path, control_url: str) -> None:
    failed = run(
        state_dir=tmp_path,
        control_url=control_url,
        before={"shares": {"backend": {"green": 1}}},
        shares={"backend": {"green": 25}},
        prove=[{"url": control_url}],
    )
    assert failed["msg"] == "missing required arguments: name found in prove"
    assert read_shares(tmp_path) == {"backend": 0}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            {"instances": {"backend": {"green": 5}}},
            "instances.backend.green: 5 asked for, but nginx knows 4; raise `instances` of the service"
            " and run site.yml first",
        ),
        (
            {"instances": {"backend": {"green": -1}}},
            "instances.backend.green: -1 is not a number of instances; 0 means all",
        ),
        (
            {"instances": {"other": {"green": 1}}},
            "other: nginx has no route for this service; run site.yml first",
        ),
        ({}, "one of the following is required: shares, instances"),
    ],
)
def test_wrong_instances_fail_in_one_line_and_move_nothing(
    tmp_path: Path, control_url: str, given: t.Any, message: str
) -> None:
    failed = run(state_dir=tmp_path, control_url=control_url, **given)
    assert failed["failed"]
    assert failed["msg"] == message
    assert TrafficDirectory.of(tmp_path).split("backend").counts == {}


@pytest.mark.parametrize(
    ("shares", "message"),
    [
        (
            {"backend": {"green": 101}},
            "shares.backend.green: 101 is not a whole number from 0 to 100",
        ),
        ({"backend": {"pink": 5}}, "shares.backend: unknown slot 'pink'; slots are blue and green"),
        (
            {"other": {"green": 5}},
            "other: nginx has no route for this service; run site.yml first",
        ),
    ],
)
def test_a_mistake_fails_in_one_line_and_moves_nothing(
    tmp_path: Path, control_url: str, shares: t.Any, message: str
) -> None:
    failed = run(state_dir=tmp_path, control_url=control_url, shares=shares)
    assert failed["failed"]
    assert failed["msg"] == message
    assert read_shares(tmp_path) == {"backend": 0}
