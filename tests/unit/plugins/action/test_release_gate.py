# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The gate looks on hosts until there is a verdict, and says what it sees; verdicts are tested with ``_gate``."""

from __future__ import annotations

import http.server
import json
import pathlib
import sys
import typing as t

import pytest

SLOTS = {"green": "10.213.2.16:3000", "blue": "10.213.2.0:3000"}


class Backend(http.server.BaseHTTPRequestHandler):
    """An instance and nginx in one, healthy but for what is asked below /sick."""

    def do_GET(self) -> None:
        self.send_response(500 if self.path.startswith("/sick") else 200)
        self.end_headers()
        self.wfile.write(json.dumps({"version": "1.1.0"}).encode())


@pytest.fixture(scope="module")
def url(serving: t.Callable[..., str]) -> str:
    return serving(Backend)


class Gates:
    """Tasks that watch a release of the backend on this host, each in a state of its own."""

    def __init__(self, folder: pathlib.Path, url: str) -> None:
        self._folder = folder
        self._url = url

    def _look(self, path: str) -> dict[str, t.Any]:
        log = self._folder / "backend.access.json"
        log.touch()
        instances = {
            slot: {"instances": [{"name": f"backend-{slot}-1", "url": self._url, "live": "/live"}]}
            for slot in SLOTS
        }
        return {
            "name": "backend",
            "slot": "green",
            "log": str(log),
            "upstreams": {address: slot for slot, address in SLOTS.items()},
            "slots": instances,
            "smoke": {
                "paths": [path],
                "count": 50,
                "target": {"name": "backend through nginx", "url": self._url},
            },
            "metrics": [],
        }

    def begin(self, release: str) -> dict[str, t.Any]:
        arguments = {"release": release, "step": "baseline", "begin": True}
        known = {"state_dir": str(self._folder), "services": [{**self._look("/"), "smoke": None}]}
        return {"tagadodo.deploy.release_evidence": {**arguments, **known}}

    def watch(
        self, release: str, path: str = "/", host: str = "localhost", **gate: t.Any
    ) -> dict[str, t.Any]:
        step = {
            "name": "100 %",
            "share": 100,
            "old": "blue",
            "new": "green",
            "minimum": 2,
            "maximum": 60,
            "needs": "probes",
        }
        watched = {"name": "backend", "version": "1.1.0", "step": step, "gate": gate}
        return {
            "tagadodo.deploy.release_gate": {
                "release": release,
                "services": [{**watched, "look": self._look(path)}],
                "hosts": [host],
                "state_dir": str(self._folder),
            }
        }


@pytest.fixture(scope="module")
def answers(play: t.Any, url: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, t.Any]:
    gates = Gates(tmp_path_factory.mktemp("state"), url)
    tasks = {
        "groups": {"ansible.builtin.group_by": {"key": "app", "parents": "proxy"}},
        "away": {
            "ansible.builtin.add_host": {
                "name": "away",
                "groups": ["app", "proxy"],
                "ansible_connection": "ssh",
                "ansible_host": "127.0.0.1",
                "ansible_port": 1,
                "ansible_ssh_retries": 0,
            }
        },
        "begin": gates.begin("good"),
        "good": gates.watch("good"),
        "good again": gates.watch("good"),
        "begin another": gates.begin("sick"),
        "sick": gates.watch("sick", path="/sick"),
        "not begun": gates.watch("unknown"),
        "out of reach": gates.watch("good", host="away"),
        "wrong limits": gates.watch("good", slow={"factor": 0}),
        "check mode": {**gates.watch("good"), "check_mode": True},
    }
    variables = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
    return dict(play(tasks, variables))


def test_a_good_step_passes_by_its_evidence(answers: dict[str, t.Any]) -> None:
    result = answers["good"].result
    assert (result["problem"], result["held"], result["changed"]) == ("", False, False)
    (verdict,) = result["verdicts"]
    assert (verdict["service"], verdict["step"], verdict["kind"]) == ("backend", "100 %", "pass")
    assert verdict["seconds"] >= 2
    assert result["rounds"] >= 2
    assert "backend 100 % 0:00" in answers["good"].shown  # the first look
    assert "| pass: " in answers["good"].shown


def test_a_gate_that_is_run_again_knows_what_was_seen_before(answers: dict[str, t.Any]) -> None:
    result = answers["good again"].result
    assert result["verdicts"][0]["kind"] == "pass"
    assert result["rounds"] == answers["good"].result["rounds"] + 1


def test_a_sick_slot_fails_the_step_and_not_the_task(answers: dict[str, t.Any]) -> None:
    result = answers["sick"].result
    assert not result.get("failed")
    assert result["held"] is False
    assert result["problem"].startswith("backend 1.1.0: green answered 50 of 50 requests with")
    assert result["verdicts"][0]["kind"] == "fail"
    assert "50 bad" in answers["sick"].shown


@pytest.mark.parametrize(
    ("case", "told"),
    [
        ("not begun", "localhost: release unknown has not begun on this host"),
        ("out of reach", "away: "),
    ],
)
def test_a_host_that_says_nothing_three_times_is_lost(
    answers: dict[str, t.Any], case: str, told: str
) -> None:
    result = answers[case].result
    assert result["problem"].startswith(told), result
    assert result["held"] is False
    assert result["rounds"] == 0


def test_wrong_limits_are_named_in_one_line(answers: dict[str, t.Any]) -> None:
    result = answers["wrong limits"].result
    assert result["failed"]
    assert "slow.factor" in result["msg"]
    assert "\n" not in result["msg"]


def test_there_is_nothing_to_watch_in_check_mode(answers: dict[str, t.Any]) -> None:
    assert "does not support check mode" in answers["check mode"].result["msg"]
    assert "skipping: [localhost]" in answers["check mode"].shown
