# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The workflows of this repository: each ``run:`` of checks.yml and release.yml, from a tag to a server like Galaxy."""

from __future__ import annotations

import contextlib
import email
import email.message
import hashlib
import http.server
import json
import os
import pathlib
import re
import shutil
import subprocess
import tarfile
import threading
import typing as t
from dataclasses import dataclass, field

import pytest
import yaml
from stand_ins import StandIns, copy_project
from workflows import GitHub, Job, Machine, load

ROOT = pathlib.Path(__file__).resolve().parents[3]
VERSION = str(yaml.safe_load((ROOT / "galaxy.yml").read_text())["version"])
TOKEN = "t0ken-of-galaxy"
# The runner of GitHub is no root, and has it.
SUDO = '#!/bin/sh\nexec "$@"\n'


@dataclass
class Galaxy:
    """What ansible-galaxy says to a server of version 3, and hears: what is there, take this, is it imported?"""

    url: str = ""
    tokens: set[str] = field(default_factory=set)
    taken: list[list[bytes]] = field(default_factory=list)


@contextlib.contextmanager
def galaxy() -> t.Iterator[Galaxy]:
    server_state = Galaxy()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answers = {
                "/api": {"available_versions": {"v3": "v3/"}},
                "/api/v3/imports/collections/1": {
                    "state": "completed",
                    "finished_at": "now",
                    "messages": [],
                },
            }
            known = answers.get(self.path.rstrip("/"))
            self.answer(200 if known else 404, known or {})

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            server_state.tokens.add(self.headers["Authorization"])
            head = f"Content-Type: {self.headers['Content-Type']}\r\n\r\n".encode()
            parts = t.cast(
                t.List[email.message.Message], email.message_from_bytes(head + body).get_payload()
            )
            server_state.taken.append([bytes(part.get_payload(decode=True)) for part in parts])
            self.answer(202, {"task": "/api/v3/imports/collections/1/"})

        def answer(self, status: int, content: dict[str, t.Any]) -> None:
            body = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_arguments: object) -> None:
            """Nothing."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server_state.url = f"http://127.0.0.1:{server.server_port}/"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server_state
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def pushed(tag: str, work: pathlib.Path, **variables: str) -> dict[str, Job]:
    """What happens when a tag is pushed. Its tests are those that this one is among."""
    event = {"ref": f"refs/tags/{tag}", "ref_name": tag, "ref_type": "tag", "event_name": "push"}
    stand_ins = StandIns(None, "", event, work / "kept")

    def checkout(machine: Machine, given: t.Mapping[str, str]) -> t.Mapping[str, str]:
        stand_ins.checkout(machine, given)
        # As antsibull-changelog release leaves them.
        for fragment in (machine.workspace / "changelogs/fragments").glob("*.yml"):
            fragment.unlink()
        return {}

    github = GitHub(
        work,
        event,
        {**stand_ins.actions, "actions/checkout": checkout},
        {},
        environments={"galaxy": {"GALAXY_TOKEN": TOKEN}},
        variables=variables,
        shell={"no_proxy": "*"},
        known={"checks": Job("success")},
    )
    return github.run(ROOT / ".github/workflows/release.yml")


def test_a_tag_becomes_a_release_on_galaxy(tmp_path: pathlib.Path) -> None:
    with galaxy() as server:
        jobs = pushed(f"v{VERSION}", tmp_path, GALAXY_URL=server.url)
    printed = "".join(job.output for job in jobs.values())
    assert {job.result for job in jobs.values()} == {"success"}, printed
    (built,) = (tmp_path / "kept/collection").iterdir()
    assert built.name == f"tagadodo-deploy-{VERSION}.tar.gz"
    content = built.read_bytes()
    ((first, second),) = server.taken
    assert {first, second} == {content, hashlib.sha256(content).hexdigest().encode()}
    assert server.tokens == {f"Token {TOKEN}"}
    assert TOKEN not in printed


def test_what_is_published_is_the_collection_and_nothing_around_it(tmp_path: pathlib.Path) -> None:
    with galaxy() as server:
        pushed(f"v{VERSION}", tmp_path, GALAXY_URL=server.url)
    (built,) = (tmp_path / "kept/collection").iterdir()
    with tarfile.open(built) as archive:
        top = {name.partition("/")[0] for name in archive.getnames()}
    assert {"plugins", "roles", "playbooks", "MANIFEST.json"} <= top
    assert not top & {".github", "tests", "scripts", "examples", "build", ".venv", "collections"}


def test_a_tag_that_is_not_the_version_is_refused_before_anything_is_built(
    tmp_path: pathlib.Path,
) -> None:
    jobs = pushed("v99.0.0", tmp_path)
    assert jobs["build"].step("Check that the tag is the version").output == (
        f"error: the tag is v99.0.0, and the version in galaxy.yml {VERSION}: one of them is wrong\n"
    )
    assert jobs["build"].step("Build the collection").outcome == "skipped"
    assert not (tmp_path / "kept").exists()


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (
            lambda project: (project / "changelogs/fragments/new.yml").write_text("---\n"),
            "changelogs/fragments is not empty: run antsibull-changelog release",
        ),
        (
            lambda project: (project / "changelogs/changelog.yaml").write_text("releases:\n"),
            f"changelogs/changelog.yaml has no {VERSION}: run antsibull-changelog release",
        ),
    ],
)
def test_a_version_that_nobody_described_is_refused(
    tmp_path: pathlib.Path, change: t.Callable[[pathlib.Path], object], told: str
) -> None:
    copy_project(tmp_path)
    shutil.rmtree(tmp_path / "changelogs/fragments")
    (tmp_path / "changelogs/fragments").mkdir()
    change(tmp_path)
    done = typed(tmp_path / "scripts/ci/collection", "check", f"v{VERSION}")
    assert (done.returncode, done.stdout) == (1, f"error: {told}\n")


@pytest.mark.parametrize("words", [(), ("check",), ("release", "v1")])
def test_what_is_not_understood_is_refused_in_one_line(words: tuple[str, ...]) -> None:
    done = typed(ROOT / "scripts/ci/collection", *words)
    told = f"error: unknown: {' '.join(words)}; there are check TAG, build and publish\n"
    assert (done.returncode, done.stdout) == (2, told)


def test_without_a_token_nothing_is_published() -> None:
    done = typed(ROOT / "scripts/ci/collection", "publish")
    assert (done.returncode, done.stdout) == (
        1,
        "error: GALAXY_TOKEN is not set; it is a secret of the GitHub environment galaxy\n",
    )


def typed(*words: str | pathlib.Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(word) for word in words],
        env={"PATH": os.environ["PATH"]},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )


def test_a_stage_is_handed_to_scripts_test(tmp_path: pathlib.Path) -> None:
    """All that the step does, with a word in the stage's place that starts none: each is run by this very test's run."""
    (step,) = [
        step
        for step in load(ROOT / ".github/workflows/checks.yml")["jobs"]["test"]["steps"]
        if "run" in step
    ]
    assert step["env"] == {"STAGE": "${{ matrix.stage }}"}
    (tmp_path / "sudo").write_text(SUDO)
    (tmp_path / "sudo").chmod(0o755)
    for stage, code, told in (
        ("--help", 0, "Every test there is"),
        ("lint units", 2, "unknown: lint units"),
    ):
        done = subprocess.run(
            ["bash", "-e", "-c", step["run"]],
            cwd=ROOT,
            env={"PATH": f"{tmp_path}:{os.environ['PATH']}", "STAGE": stage},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert (done.returncode, told in done.stdout) == (code, True), done.stdout


def test_no_workflow_puts_an_expression_into_its_shell() -> None:
    """What comes from outside comes in the environment."""
    for folder in (".github/workflows", "examples/tagadodo/.github/workflows"):
        for path in (ROOT / folder).glob("*.yml"):
            for job in load(path)["jobs"].values():
                for step in job.get("steps", []):
                    assert not re.search(r"\$\{\{", step.get("run", "")), (path.name, step["name"])
