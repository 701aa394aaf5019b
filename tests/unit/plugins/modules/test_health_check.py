# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module's arguments and answers; what it decides is tested with its module utils."""

from __future__ import annotations

import http.server
import json
import pathlib
import typing as t

import pytest
from ansible.module_utils.testing import patch_module_args

from ansible_collections.tagadodo.deploy.plugins.modules import health_check

TOKEN = "hush-hush"


class Backend(http.server.BaseHTTPRequestHandler):
    """Says its version to who has the token, and repeats the token to who asks for /leak."""

    def do_GET(self) -> None:
        token = self.headers["X-Probe-Token"]
        document = {"version": "1.1.0", "slot": self.headers["X-Probe-Slot"]}
        body = token if self.path == "/leak" else json.dumps(document)
        self.send_response(200 if token == TOKEN and self.path != "/leak" else 403)
        self.end_headers()
        self.wfile.write(str(body).encode())


@pytest.fixture(scope="module")
def url(serving: t.Callable[..., str]) -> str:
    return serving(Backend)


Run = t.Callable[..., t.Dict[str, t.Any]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], tmp_path: pathlib.Path, url: str) -> Run:
    """Run the module with one target, whose settings are given; what it answers."""
    (tmp_path / "token").write_text(TOKEN)

    def run_with(check_mode: bool = False, **settings: t.Any) -> dict[str, t.Any]:
        target = {
            "name": "backend-green-1",
            "url": url,
            "headers": {"X-Probe-Slot": "green"},
            "header_files": {"X-Probe-Token": str(tmp_path / "token")},
            **settings,
        }
        arguments = {"targets": [target], "_ansible_check_mode": check_mode}
        with patch_module_args(arguments), pytest.raises(SystemExit):
            health_check.main()
        return dict(json.loads(capsys.readouterr().out))

    return run_with


@pytest.mark.parametrize("check_mode", [False, True])
def test_a_healthy_target(check_mode: bool, run: Run) -> None:
    result = run(check_mode, full="/health", identity={"value": "1.1.0"}, json={"slot": "green"})
    assert result["changed"] is False
    assert result["msg"].startswith("backend-green-1 is ready after ")
    assert result["targets"][0]["identity"] == "1.1.0"


def test_a_failure_says_who_and_why_in_one_line(run: Run) -> None:
    quick = {"period": 0.01, "failures": 1}
    result = run(full="/health", identity={"value": "1.2.0"}, ready_probe=quick)
    assert result["failed"]
    assert result["msg"] == ("backend-green-1: answers 200 but says version 1.1.0, expected 1.2.0")
    assert [one["ready"] for one in result["targets"]] == [False]


def test_the_secret_is_shown_nowhere(run: Run) -> None:
    result = run(ready="/leak", ready_probe={"period": 0.01, "failures": 1})
    assert "/leak answers 403" in result["msg"]
    assert TOKEN not in json.dumps(result)


def test_a_wrong_setting_is_named(run: Run) -> None:
    result = run(ready="health")
    assert result["msg"].startswith("targets.backend-green-1.ready: 'health' must be a path")
