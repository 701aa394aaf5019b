# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module's arguments and answers; what it sees is tested with its module utils."""

from __future__ import annotations

import http.server
import json
import time
import typing as t
from pathlib import Path

import pytest
from ansible.module_utils.testing import patch_module_args

from ansible_collections.tagadodo.deploy.plugins.modules import release_control, release_evidence

RELEASE = "20261122-231530-1.1.0"
TOKEN = "hush-hush"


class Backend(http.server.BaseHTTPRequestHandler):
    """An instance, nginx and Prometheus in one; it repeats the token to who asks for /leak."""

    def do_GET(self) -> None:
        documents = {
            "/health": {"version": "1.1.0"},
            "/leak": self.headers["X-Probe-Token"],
            "/api/v1/query": {
                "status": "success",
                "data": {"resultType": "scalar", "result": [1, "7"]},
            },
        }
        path = self.path.partition("?")[0]
        self.send_response(500 if path == "/leak" else 200)
        self.end_headers()
        self.wfile.write(json.dumps(documents.get(path, {})).encode())


@pytest.fixture(scope="module")
def url(serving: t.Callable[..., str]) -> str:
    return serving(Backend)


class Host:
    """A host with a log, an instance and nginx; the module is run on it."""

    def __init__(self, folder: Path, url: str, read: t.Callable[[], str]) -> None:
        self.folder = folder
        self._read = read
        self.log = folder / "backend.access.json"
        self.log.touch()
        (folder / "token").write_text(TOKEN)
        self.service: t.Dict[str, t.Any] = {
            "name": "backend",
            "slot": "green",
            "log": str(self.log),
            "upstreams": {"10.213.2.0:3000": "blue", "10.213.2.16:3000": "green"},
            "slots": {
                "green": {
                    "instances": [
                        {
                            "name": "backend-green-1",
                            "url": url,
                            "live": "/live",
                            "full": "/health",
                            "identity": {"path": "version", "value": "1.1.0"},
                        }
                    ]
                }
            },
            "smoke": {
                "paths": ["/health", "/leak"],
                "count": 2,
                "target": {
                    "name": "backend through nginx",
                    "url": url,
                    "headers": {"X-Probe-Slot": "green"},
                    "header_files": {"X-Probe-Token": str(folder / "token")},
                },
            },
            "metrics": [{"name": "queue", "url": url, "query": "q"}],
        }

    def users(self, address: str, status: str, count: int) -> None:
        line = {
            "time": round(time.time(), 3),
            "slot": "green" if address.endswith("16:3000") else "blue",
            "client": "4.71",
            "upstream_addr": address,
            "upstream_status": status,
            "upstream_response_time": "0.010",
            "upstream_header_time": "0.010",
            "method": "GET",
            "path": "/users",
            "status": status,
            "probe": "",
        }
        with open(self.log, "a", encoding="utf-8") as file:
            file.write((json.dumps(line) + "\n") * count)

    def run(self, step: str = "10 %", **other: t.Any) -> t.Dict[str, t.Any]:
        """What the module answers."""
        arguments = {"release": RELEASE, "step": step, "services": [self.service], **other}
        return self.answer(release_evidence, arguments)

    def answer(self, module: t.Any, arguments: t.Dict[str, t.Any]) -> t.Dict[str, t.Any]:
        given = {"state_dir": str(self.folder), **arguments}
        with patch_module_args(given), pytest.raises(SystemExit):
            module.main()
        return dict(json.loads(self._read()))


@pytest.fixture
def host(tmp_path: Path, url: str, capsys: pytest.CaptureFixture[str]) -> Host:
    return Host(tmp_path, url, lambda: capsys.readouterr().out)


def test_a_release_is_begun_and_looked_at(host: Host) -> None:
    host.users("10.213.2.0:3000", "200", 12)
    begun = host.run("baseline", begin=True)
    assert (begun["changed"], begun["control"]) == (False, None)
    assert begun["recent"]["backend"]["requests"] == 12
    (baseline,) = begun["looks"]
    assert (baseline["number"], baseline["step"]) == (0, "baseline")
    assert baseline["services"]["backend"]["slots"]["blue"]["counts"]["attempts"] == 12

    host.users("10.213.2.16:3000", "500", 2)
    result = host.run(since=1)
    (look,) = result["looks"]
    seen = look["services"]["backend"]
    assert (look["number"], look["step"], seen["problems"]) == (1, "10 %", [])
    assert seen["metrics"] == {"queue": 7.0}
    green = seen["slots"]["green"]
    assert (green["counts"]["failed"], green["counts"]["statuses"]) == (2, {"500": 2})
    one = {"good": 1, "bad": 0, "slow": 0, "why": ""}
    assert green["probes"]["live"] == green["probes"]["full"] == one
    assert (green["probes"]["smoke"]["good"], green["probes"]["smoke"]["bad"]) == (1, 1)
    assert result["seconds"] < 4
    assert [one["number"] for one in host.run()["looks"]] == [0, 1, 2]


def test_the_secret_is_shown_nowhere(host: Host) -> None:
    result = host.run("baseline", begin=True)
    why = result["looks"][0]["services"]["backend"]["slots"]["green"]["probes"]["smoke"]["why"]
    assert "/leak answers 500" in why
    assert TOKEN not in json.dumps(result)


@pytest.mark.parametrize("only_look", [{"_ansible_check_mode": True}, {"record": False}])
def test_a_look_that_is_not_recorded(host: Host, only_look: t.Dict[str, bool]) -> None:
    host.users("10.213.2.0:3000", "200", 3)
    tried = host.run("baseline", begin=True, **only_look)
    assert tried["recent"]["backend"]["requests"] == 3
    assert not (host.folder / "gate").exists()


def test_what_an_operator_asks_for_is_found_at_the_next_look(host: Host) -> None:
    host.run("baseline", begin=True)
    host.run("10 %")
    asked = host.answer(release_control, {"action": "pause", "by": "dora"})
    assert asked["changed"]
    control = host.run("10 %")["control"]
    assert control == asked["control"]
    assert (control["release"], control["step"], control["action"], control["by"]) == (
        RELEASE,
        "10 %",
        "pause",
        "dora",
    )
    assert time.time() - control["at"] < 30
    other = host.run("baseline", begin=True, release="20261123-000000-1.2.0")
    assert other["control"] is None


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({}, f"release {RELEASE} has not begun on this host"),
        ({"release": "../x"}, "release: '../x' is no name of a release"),
        (
            {"begin": True, "services": [{"name": "backend", "slot": "pink"}]},
            "value of slot must be one of: blue, green",
        ),
        (
            {"begin": True, "state_dir": "/dev/null"},
            "/dev/null/gate",
        ),
    ],
)
def test_a_mistake_fails_in_one_line(host: Host, wrong: t.Dict[str, t.Any], message: str) -> None:
    failed = host.run(**wrong)
    assert failed["failed"]
    assert message in failed["msg"]
    assert "\n" not in failed["msg"]


def test_a_token_that_is_missing_is_named(host: Host) -> None:
    (host.folder / "token").unlink()
    failed = host.run("baseline", begin=True)
    assert failed["msg"].startswith("targets.backend through nginx.header_files.X-Probe-Token: "), (
        failed
    )


def test_services_that_a_host_sees_nothing_of(host: Host) -> None:
    host.service = {"name": "backend", "slot": "green", "log": "", "slots": {}, "smoke": None}
    host.run("baseline", begin=True)
    look = host.run(since=1)["looks"][0]
    assert look["services"]["backend"] == {"slots": {}, "metrics": {}, "problems": []}
