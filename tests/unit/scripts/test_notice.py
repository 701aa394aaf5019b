# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is told after a job of a pipeline, and what is asked of users' addresses: neither to be trusted blindly."""

from __future__ import annotations

import http.server
import json
import os
import pathlib
import subprocess
import sys
import threading
import typing as t

import pytest
from webhook import listening

ROOT = pathlib.Path(__file__).resolve().parents[3]
ENDED = {
    **{"STATUS": "failure", "REASON": "a <b> & c", "PLAYBOOK": "deploy", "ENVIRONMENT": "staging"},
    **{"VERSION": "v1.1.0", "SERVICE": "backend", "GITHUB_ACTOR": "octocat"},
    **{"GITHUB_SERVER_URL": "https://github.com", "GITHUB_REPOSITORY": "tagadodo/app"},
    "GITHUB_RUN_ID": "1",
}
RUN = "by octocat: https://github.com/tagadodo/app/actions/runs/1"


def told(**environment: str) -> subprocess.CompletedProcess[str]:
    return _run([sys.executable, "scripts/ci/notice.py"], {**ENDED, **environment})


def _run(
    words: t.Sequence[str], environment: t.Mapping[str, str]
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        list(words),
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "no_proxy": "*", **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("ended", "text"),
    [
        (
            {},
            f":x: deploy backend v1.1.0 on staging: failure (a &lt;b&gt; &amp; c), {RUN}",
        ),
        (
            {"STATUS": "success", "REASON": "", "SERVICE": ""},
            f":white_check_mark: deploy v1.1.0 on staging: success, {RUN}",
        ),
        (
            {"STATUS": "cancelled", "REASON": "", "PLAYBOOK": "rollback", "VERSION": ""},
            f":warning: rollback backend on staging: cancelled, {RUN}",
        ),
    ],
)
def test_how_it_ended_is_told_in_one_line(ended: dict[str, str], text: str) -> None:
    with listening() as slack:
        done = told(SLACK_WEBHOOK=slack.url, **ended)
        assert done.returncode == 0, done.stdout
        assert slack.texts == [text]
        assert "s3cret" not in done.stdout


@pytest.mark.parametrize("status", [404, 500])
def test_a_notice_that_is_not_taken_is_a_warning(status: int) -> None:
    with listening() as slack:
        slack.status = status
        done = told(SLACK_WEBHOOK=slack.url)
    assert done.returncode == 0
    assert f"::warning::the notice was not delivered: HTTP Error {status}" in done.stdout
    assert "s3cret" not in done.stdout


@pytest.mark.parametrize(
    "webhook", ["http://127.0.0.1:9/s3cret", "no address s3cret", "file:///s3cret"]
)
def test_nobody_there_is_a_warning(webhook: str) -> None:
    done = told(SLACK_WEBHOOK=webhook)
    assert done.returncode == 0
    assert "::warning::the notice was not delivered: " in done.stdout
    assert "s3cret" not in done.stdout


def test_without_an_address_nobody_is_told() -> None:
    done = told(SLACK_WEBHOOK="")
    assert done.returncode == 0
    assert done.stdout.endswith("the secret SLACK_WEBHOOK is not set: nobody is told\n")


class Answers(http.server.BaseHTTPRequestHandler):
    """Health answers by path."""

    known: t.ClassVar[dict[str, tuple[int, str]]] = {
        "/good": (200, json.dumps({"status": "ok", "version": "v1.1.0"})),
        "/old": (200, json.dumps({"status": "ok", "version": "v1.0.0"})),
        "/page": (200, "<html>"),
        "/ill": (503, json.dumps({"status": "error", "version": "v1.1.0"})),
    }

    asked: t.ClassVar[list[str]] = []

    def do_GET(self) -> None:
        self.asked.append(self.path)
        # The first answer there is of a proxy whose instance is gone.
        slow = self.path == "/slow" and self.asked.count("/slow") == 1
        status, body = (502, "<html>") if slow else self.known[self.path.replace("slow", "good")]
        self.send_response(status)
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_arguments: object) -> None:
        """Nothing."""


@pytest.fixture(scope="module")
def users() -> t.Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize(
    ("asked", "version", "code", "told"),
    [
        ("api {0}/good\nadmin {0}/good\n", "v1.1.0", 0, "admin answers at {0}/good with v1.1.0"),
        ("api {0}/old\n", "", 0, "api answers at {0}/old with v1.0.0"),
        (
            "api {0}/good\nadmin {0}/old",
            "v1.1.0",
            1,
            "{0}/old answers with v1.0.0, not with v1.1.0",
        ),
        ("api {0}/page", "v1.1.0", 1, "api answers no JSON at {0}/page"),
    ],
)
def test_users_must_be_answered_by_the_version(
    users: str, asked: str, version: str, code: int, told: str, tmp_path: pathlib.Path
) -> None:
    output = tmp_path / "output"
    given = {"HEALTH": asked.format(users), "VERSION": version, "GITHUB_OUTPUT": str(output)}
    done = _run(["scripts/ci/health"], given)
    assert done.returncode == code, done.stdout
    line = told.format(users)
    assert done.stdout.splitlines()[-1] == (f"::error::{line}" if code else line)
    if code:
        assert output.read_text() == f"reason={line}\n"


def test_other_services_have_other_versions(users: str) -> None:
    asked = {"HEALTH": f"api {users}/good\nadmin {users}/old", "VERSION": "v1.1.0"}
    done = _run(["scripts/ci/health"], {**asked, "SERVICE": "api"})
    assert (done.returncode, done.stdout.count("answers")) == (0, 1)


def test_an_answer_may_take_a_second_question(users: str) -> None:
    done = _run(["scripts/ci/health"], {"HEALTH": f"api {users}/slow", "VERSION": "v1.1.0"})
    assert (done.returncode, Answers.asked.count("/slow")) == (0, 2), done.stdout
    assert done.stdout.endswith(f"api answers at {users}/slow with v1.1.0\n")


def test_who_is_ill_is_asked_again_and_named(users: str) -> None:
    done = _run(["scripts/ci/health"], {"HEALTH": f"api {users}/ill", "VERSION": "v1.1.0"})
    assert done.returncode == 1
    assert f"::error::api does not answer at {users}/ill: curl: (22)" in done.stdout
