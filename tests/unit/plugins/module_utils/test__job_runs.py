# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Migration commands as Jobs: what they come to, what they leave, and that none is cut."""

from __future__ import annotations

import pathlib
import threading
import typing as t

import kubernetes_services as k
import pytest
from kube_standin import DOMAIN, Came, Manifest, StandIn

from ansible_collections.tagadodo.deploy.plugins.module_utils import _job_runs
from ansible_collections.tagadodo.deploy.plugins.module_utils._cluster import Cluster
from ansible_collections.tagadodo.deploy.plugins.module_utils._deployments import Deployments
from ansible_collections.tagadodo.deploy.plugins.module_utils._instance import Slot
from ansible_collections.tagadodo.deploy.plugins.module_utils._job_runs import JobRuns, _answer
from ansible_collections.tagadodo.deploy.plugins.module_utils._kube_api import (
    Api,
    KubeError,
    connect,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._lease import Lease
from ansible_collections.tagadodo.deploy.plugins.module_utils._migration import ending, last_words
from ansible_collections.tagadodo.deploy.plugins.module_utils._migration_history import (
    MigrationError,
)

SLOT = Slot(
    service="backend",
    slot="blue",
    release="20260101-000001",
    version="1.0.0",
    image="registry.example.com/tagadodo/backend@sha256:1",
    runtime=k.services()["backend"].settings,
    instances=(),
    secrets={"MONGO_URI": "hush-hush"},
)
STATUS = '{"migrations": [{"name": "1-users", "applied": true}]}'
RUNS = Came(code=None)


def ended_by_a_signal(*_given: object) -> t.NoReturn:
    raise SystemExit(143)


@pytest.fixture
def api(standin: StandIn, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> Api:
    monkeypatch.setattr(_job_runs, "POLL", 0.01)
    return connect(Cluster("tagadodo", kubeconfig=standin.kubeconfig(tmp_path)))


def runs(api: Api, timeout: float = 60.0, passing: bool = False) -> JobRuns:
    cluster = Cluster("tagadodo")
    deployments = Deployments(api, cluster, "tagadodo", b"a key of the environment", passing)
    return JobRuns(api, cluster, "tagadodo", deployments, SLOT, timeout, passing)


def after(looks: int, came: Came) -> t.Callable[[Manifest], Came]:
    """A command that runs while it is looked at so often."""
    left = [RUNS] * looks
    return lambda _job: left.pop() if left else came


def left_behind(api: Api, standin: StandIn, command: t.Callable[[Manifest], Came]) -> str:
    """A Job whose controller was killed; its name."""
    standin.command = command
    killed = runs(api)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(killed, "_ended", ended_by_a_signal)
        with pytest.raises(SystemExit):
            killed.run("up", ["up"])
    (job,) = standin.of("jobs")
    return str(job["metadata"]["name"])


def test_a_command_runs_in_a_job_that_is_gone_afterwards(api: Api, standin: StandIn) -> None:
    standin.command = after(3, Came(0, "applied 1-users\n"))
    ran = runs(api, timeout=42.5).run("up", ["node", "cli.js", "run"])
    assert (ran.exit_code, ran.stdout, ran.stderr) == (0, "applied 1-users\n", "")
    assert not ran.oom_killed
    (job,) = [one for one in standin.written if one["kind"] == "Job"]
    pod = job["spec"]["template"]["spec"]
    assert job["spec"]["activeDeadlineSeconds"] == 42 + _job_runs.PULLING
    assert pod["containers"][0]["command"] == ["node", "cli.js", "run"]
    assert pod["containers"][0]["image"] == SLOT.image
    assert f"{DOMAIN}slot" not in job["spec"]["template"]["metadata"]["labels"]
    assert standin.of("jobs") == standin.of("pods") == []


def test_two_runs_of_one_command_are_two_jobs(api: Api, standin: StandIn) -> None:
    for _time in range(2):
        runs(api).run("status", ["status"])
    names = {one["metadata"]["name"] for one in standin.written if one["kind"] == "Job"}
    assert len(names) == 2


def test_secrets_are_in_a_secret_that_the_release_uses_too(api: Api, standin: StandIn) -> None:
    runs(api).run("status", ["status"])
    assert "hush-hush" not in str([one for one in standin.written if one["kind"] != "Secret"])
    (secret,) = standin.of("secrets")
    assert "hush-hush" in str(secret)
    (job,) = [one for one in standin.written if one["kind"] == "Job"]
    sources = job["spec"]["template"]["spec"]["containers"][0]["envFrom"]
    assert {"secretRef": {"name": secret["metadata"]["name"]}} in sources


@pytest.mark.parametrize("came", [Came(0, STATUS), Came(1, "no database")])
def test_a_look_leaves_no_secret(api: Api, standin: StandIn, came: Came) -> None:
    standin.command = lambda _job: came
    assert runs(api, passing=True).run("status", ["status"]).exit_code == came.code
    assert standin.of("secrets") == []


@pytest.mark.parametrize(
    ("came", "ended", "words"),
    [
        (Came(3, "one\ntwo\n"), "failed with exit code 3", "one | two"),
        (
            Came(137, "x", terminated={"reason": "OOMKilled"}),
            "ran out of memory and was killed",
            "x",
        ),
        (
            Came(128, terminated={"reason": "StartError", "message": "exec: nope:\n not found"}),
            "failed with exit code 128",
            "exec: nope: not found",
        ),
        (Came(1), "failed with exit code 1", "Job has reached the specified backoff limit"),
    ],
)
def test_a_failure_is_told_in_one_line(
    api: Api, standin: StandIn, came: Came, ended: str, words: str
) -> None:
    standin.command = lambda _job: came
    ran = runs(api).run("up", ["up"])
    assert (ending(ran), last_words(ran)) == (ended, words)
    assert standin.of("jobs") == []


def test_one_whose_time_is_over_has_no_exit_code(api: Api, standin: StandIn) -> None:
    standin.command = after(2, Came(late=True))
    ran = runs(api).run("up", ["up"])
    assert ran.exit_code is None
    assert last_words(ran) == "Job was active longer than specified deadline"
    assert standin.of("jobs") == []


def test_an_image_that_cannot_be_pulled_is_said_at_once(api: Api, standin: StandIn) -> None:
    waiting = {"reason": "ImagePullBackOff", "message": "manifest unknown"}
    standin.command = lambda _job: Came(waiting=waiting)
    with pytest.raises(MigrationError) as error:
        runs(api).run("status", ["status"])
    assert "cannot have its image (manifest unknown)" in str(error.value)
    assert str(error.value).startswith("backend: Job tagadodo-backend-migrate-")
    assert standin.of("jobs") == []


def test_an_api_that_is_silent_for_a_while_cuts_no_migration(api: Api, standin: StandIn) -> None:
    seen = threading.Event()

    def command(job: Manifest) -> Came:
        path = f"/apis/batch/v1/namespaces/tagadodo/jobs/{job['metadata']['name']}"
        if not seen.is_set():
            seen.set()
            standin.refused[path] = 503
            threading.Timer(0.2, standin.refused.clear).start()
            return RUNS
        return Came(0, "done")

    standin.command = command
    assert runs(api).run("up", ["up"]).stdout == "done"


def test_a_migration_whose_end_nobody_knows_goes_on(
    api: Api, standin: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_job_runs, "AWAY", 0.05)

    def command(job: Manifest) -> Came:
        standin.refused[f"/apis/batch/v1/namespaces/tagadodo/jobs/{job['metadata']['name']}"] = 503
        return RUNS

    standin.command = command
    with pytest.raises(MigrationError, match=r"^backend: Job \S+ may still run \(looking at Job"):
        runs(api).run("up", ["up"])
    assert len(standin.of("jobs")) == 1
    assert not [one for one in standin.requests if one.startswith("DELETE")]


def test_one_that_somebody_removes_is_missed(api: Api, standin: StandIn) -> None:
    def command(job: Manifest) -> Came:
        gone = ("jobs", job["metadata"]["name"])
        threading.Timer(0.1, standin.objects.pop, [gone, None]).start()
        return RUNS

    standin.command = command
    with pytest.raises(MigrationError, match="was removed before it ended"):
        runs(api).run("up", ["up"])


def test_what_cannot_be_made_is_said(api: Api, standin: StandIn) -> None:
    standin.refused["/apis/batch/v1/namespaces/tagadodo/jobs"] = 422
    with pytest.raises(KubeError, match=r"^creating Job tagadodo-backend-migrate-\w+: refused"):
        runs(api).run("up", ["up"])


def test_what_a_killed_run_left_is_waited_for_and_removed(api: Api, standin: StandIn) -> None:
    name = left_behind(api, standin, lambda _job: RUNS)
    with pytest.raises(MigrationError, match=f"still runs in Job {name} after 0.1 s"):
        runs(api, timeout=0.1).clear()
    assert len(standin.of("jobs")) == 1
    standin.command = after(3, Came())
    runs(api).clear()
    assert standin.of("jobs") == standin.of("pods") == []


def test_a_killed_run_that_never_started_is_not_waited_for(api: Api, standin: StandIn) -> None:
    waiting = {"reason": "ErrImageNeverPull"}
    left_behind(api, standin, lambda _job: Came(waiting=waiting))
    runs(api, timeout=0.1).clear()
    assert standin.of("jobs") == []


def test_jobs_of_others_stay(api: Api, standin: StandIn) -> None:
    left_behind(api, standin, lambda _job: Came())
    (job,) = standin.of("jobs")
    job["metadata"]["labels"][f"{DOMAIN}service"] = "shop"
    runs(api).clear()
    assert standin.of("jobs") == [job]


def test_the_lock_of_the_release_is_lease_enough(api: Api, standin: StandIn) -> None:
    standin.command = lambda _job: Came(0, "done")
    with runs(api).under(Lease("MONGO_URI", 30, 60, "a test")) as held:
        assert held.taken_over_from is None
        assert held.run("up", ["up"]).stdout == "done"


@pytest.mark.parametrize(
    ("log", "answer"),
    [
        (STATUS, STATUS),
        (f"(node:1) Warning\n{STATUS}\n(node:1) more\n", STATUS),
        (f'{{"level": 30, "msg": "connected"}}\n{STATUS}\n{{"level": 30}}\n', STATUS),
        (f"Warning: {{\n{STATUS}", STATUS),
        ('{"old": {"migrations": []}}\n' + STATUS, STATUS),
        ('{\n  "migrations": [\n    {"name": "1"}\n  ]\n}\n', '{\n  "migrations": [\n    {"name": "1"}\n  ]\n}'),
        ('{"level": 30}\n[x] 1-users\n', '{"level": 30}\n[x] 1-users\n'),
        ("", ""),
    ],
)  # fmt: skip
def test_an_answer_is_found_among_warnings(log: str, answer: str) -> None:
    assert _answer(log) == answer
