# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbooks of a release, against what stands in for a cluster's API: our logic, not Kubernetes."""

from __future__ import annotations

import json
import os
import pathlib
import re
import signal
import time
import typing as t
from dataclasses import replace

import pytest
from conftest import REGISTRY
from counted import Gateway, prometheus
from kube_standin import (
    DOMAIN,
    Manifest,
    StandIn,
    does_nothing,
    running,
    says_its_version,
)
from migrated import MIGRATIONS, Database
from on_cluster import OnCluster

GATEWAY = {"name": "public", "namespace": "gateways"}
CANARY = {"strategy": "canary", "canary": {"shares": [10, 50, 100], "minimum": 1, "maximum": 60}}


@pytest.fixture(scope="module")
def standin() -> t.Iterator[StandIn]:
    with running(StandIn()) as made:
        yield made


@pytest.fixture(scope="module")
def cluster(standin: StandIn, tmp_path_factory: pytest.TempPathFactory) -> OnCluster:
    """One with version 1.0.0 live."""
    work = tmp_path_factory.mktemp("cluster")
    described = {"kubeconfig": standin.kubeconfig(work), "gateway": GATEWAY}
    secrets = {"JWT_SECRET": "hush-hush"}
    made = OnCluster(work, REGISTRY, described, {"secrets": secrets})
    first = made.deploy("1.0.0")
    assert first.code == 0, first.output
    assert "nothing is live" in first.output
    return made


@pytest.fixture(autouse=True)
def well(standin: StandIn) -> t.Iterator[None]:
    standin.written.clear()
    yield
    standin.application = says_its_version
    standin.command = does_nothing


def live(standin: StandIn) -> tuple[str, str]:
    """The slot that has all traffic, and the version of its pods."""
    (slot,) = [name for name, weight in weights(standin.of("httproutes")[0]).items() if weight]
    versions = {
        pod["metadata"]["annotations"][f"{DOMAIN}version"] for pod in standin.of("pods", slot=slot)
    }
    return slot, versions.pop() if len(versions) == 1 else str(versions)


def weights(route: Manifest) -> dict[str, int]:
    backends = route["spec"]["rules"][-1]["backendRefs"]
    return {one["name"].rpartition("-")[2]: one["weight"] for one in backends}


def weighed(standin: StandIn) -> list[dict[str, int]]:
    """The shares that users were given, one after the other."""
    found: list[dict[str, int]] = []
    for one in standin.written:
        if one["kind"] == "HTTPRoute" and weights(one) not in found[-1:]:
            found.append(weights(one))
    return found


def records(standin: StandIn) -> list[Manifest]:
    """The ledger of the service, oldest first."""
    documents = standin.of("configmaps", kind="document")
    texts = {
        one["metadata"]["annotations"][f"{DOMAIN}path"]: one["data"]["document"]
        for one in documents
    }
    return [json.loads(texts[path]) for path in sorted(texts) if "/backend/" in path]


def test_the_same_version_again_changes_nothing(cluster: OnCluster, standin: StandIn) -> None:
    cluster.deploy("1.0.0")
    standin.written.clear()
    again = cluster.deploy("1.0.0")
    assert (again.code, again.changed) == (0, 0), again.output
    assert {one["kind"] for one in standin.written} == {"Lease"}
    assert again.invocations <= 5


def test_a_check_says_what_the_run_does_and_does_nothing(
    cluster: OnCluster, standin: StandIn
) -> None:
    told = cluster.deploy("1.1.0", "--check", "--diff")
    assert told.code == 0, told.output
    assert "+backend: 1.0.0 (green) → 1.1.0 (blue)" in told.output
    assert standin.written == []
    done = cluster.deploy("1.1.0")
    assert done.code == 0, done.output
    assert live(standin) == ("blue", "1.1.0")
    assert standin.of("pods", slot="green") == []
    assert done.invocations <= 12
    back = cluster.play("rollback")
    assert back.code == 0, back.output
    assert live(standin) == ("green", "1.0.0")
    outcomes = [one["outcome"] for one in records(standin)]
    assert outcomes[-2:] == ["rolled_back", "succeeded"]


def test_a_canary_goes_share_by_share(cluster: OnCluster, standin: StandIn) -> None:
    done = cluster.deploy("1.1.0", **CANARY)
    assert done.code == 0, done.output
    assert [share["blue"] for share in weighed(standin)] == [0, 10, 50, 100]
    assert [step["share"] for step in records(standin)[-1]["shares"]] == [
        {"blue": 10},
        {"blue": 50},
        {"blue": 100},
    ]
    assert cluster.play("rollback").code == 0
    assert live(standin) == ("green", "1.0.0")


@pytest.mark.parametrize(("then", "ends"), [("deploy", "blue"), ("rollback", "green")])
def test_what_a_killed_run_has_begun_is_ended_or_taken_back(
    cluster: OnCluster, standin: StandIn, then: str, ends: str
) -> None:
    settings = {**CANARY, "canary": {"shares": [10, 50, 100], "minimum": 20, "maximum": 60}}
    with cluster.started("deploy", "-e", "version=1.1.0", **settings) as process:
        deadline = time.monotonic() + 120
        while not any(share["blue"] == 10 for share in weighed(standin)):
            assert time.monotonic() < deadline
            assert process.poll() is None, process.communicate()[0]
            time.sleep(0.2)
        os.killpg(process.pid, signal.SIGKILL)
    assert records(standin)[-1]["outcome"] == "running"
    standin.written.clear()
    again = cluster.deploy("1.1.0", **CANARY) if then == "deploy" else cluster.play(then)
    assert again.code == 0, again.output
    assert "took over the lock of a dead run" in again.output
    shares = [share["blue"] for share in weighed(standin)]
    assert shares == ([10, 50, 100] if then == "deploy" else [0])
    assert live(standin)[0] == ends
    assert {one["outcome"] for one in records(standin)} <= {"succeeded", "failed", "rolled_back"}
    if then == "deploy":
        assert cluster.play("rollback").code == 0


def test_a_version_that_says_it_is_another_never_has_users(
    cluster: OnCluster, standin: StandIn
) -> None:
    standin.application = lambda _pod, _path: (200, {"version": "1.0.0"})
    failed = cluster.deploy("1.1.0")
    assert failed.code != 0
    assert "says version 1.0.0, expected 1.1.0" in failed.reason
    assert "users get what was live before" in failed.reason
    assert all(share["blue"] == 0 for share in weighed(standin))
    assert standin.of("pods", slot="blue") == []
    assert records(standin)[-1]["outcome"] == "failed"
    assert live(standin) == ("green", "1.0.0")


def test_a_canary_that_breaks_under_its_users_is_taken_back(
    cluster: OnCluster, standin: StandIn
) -> None:
    def breaks(pod: Manifest, path: str) -> tuple[int, t.Any]:
        told = says_its_version(pod, path)
        has_users = any(weights(one)["blue"] for one in standin.of("httproutes"))
        new = pod["metadata"]["labels"][f"{DOMAIN}slot"] == "blue"
        return (500, {"message": "no database"}) if new and has_users else told

    standin.application = breaks
    failed = cluster.deploy("1.1.0", **CANARY)
    assert failed.code != 0
    assert [share["blue"] for share in weighed(standin)] == [0, 10, 0]
    assert "users get what was live before" in failed.reason
    assert records(standin)[-1]["outcome"] == "failed"
    assert standin.of("pods", slot="blue") == []


def test_the_machine_that_ansible_runs_on_is_no_host_to_set_up(cluster: OnCluster) -> None:
    """Checked only: otherwise it would be set up here where this fails."""
    told = cluster.play("site", "--check")
    assert (told.code, told.changed) == (0, 0), told.output
    done = {task["task"] for task in told.report["tasks"]}
    assert done == {
        "Take the lock, and read what is live",
        "Take the lock, and read what runs where",
    }


def test_going_back_to_pods_that_still_run_starts_nothing(
    cluster: OnCluster, standin: StandIn
) -> None:
    done = cluster.deploy("1.1.0", keep_warm=True)
    assert done.code == 0, done.output
    assert live(standin) == ("blue", "1.1.0")
    warm = {pod["metadata"]["name"] for pod in standin.of("pods", slot="green")}
    assert len(warm) == 2
    standin.written.clear()
    back = cluster.play("rollback", keep_warm=True)
    assert back.code == 0, back.output
    assert live(standin) == ("green", "1.0.0")
    assert {pod["metadata"]["name"] for pod in standin.of("pods", slot="green")} == warm
    scaled = [one["metadata"]["name"] for one in standin.written if one["kind"] == "Deployment"]
    assert scaled == ["tagadodo-backend-blue"], "the pods that were left end; none is started"


def test_instances_are_replaced_one_by_one(cluster: OnCluster, standin: StandIn) -> None:
    rolling = {"strategy": "rolling", "rolling": {"batch": 1, "minimum": 0, "maximum": 60}}
    done = cluster.deploy("1.1.0", instances=3, **rolling)
    assert done.code == 0, done.output
    replicas = [
        (one["metadata"]["labels"][f"{DOMAIN}slot"], one["spec"]["replicas"])
        for one in standin.written
        if one["kind"] == "Deployment"
    ]
    assert replicas == [("blue", 1), ("green", 1), ("blue", 2), ("blue", 3), ("green", 0)]
    assert live(standin) == ("blue", "1.1.0")
    assert cluster.play("rollback").code == 0


def test_secrets_are_nowhere_but_in_a_secret(cluster: OnCluster, standin: StandIn) -> None:
    told = cluster.deploy("1.1.0", "--check", "--diff", "-vvv")
    assert "hush-hush" not in told.output
    kept = [one for (kind, _n), one in standin.objects.items() if kind != "secrets"]
    assert "hush-hush" not in json.dumps(kept)


def test_migrations_are_jobs_of_the_new_image_before_traffic_moves(
    cluster: OnCluster, standin: StandIn
) -> None:
    database = Database(lambda: weights(standin.of("httproutes")[0])["blue"])
    standin.command = database.command
    database.files = ["1-users", "2-orders", "3-carts"]
    before = standin.of("secrets")
    told = cluster.deploy("1.1.0", "--check", "--diff", migrations=MIGRATIONS)
    assert told.code == 0, told.output
    assert {one["kind"] for one in standin.written} <= {"Job", "ConfigMap", "Secret"}
    assert standin.of("secrets") == before
    assert database.applied == ["1-users"]

    standin.written.clear()
    database.ran.clear()
    done = cluster.deploy("1.1.0", migrations=MIGRATIONS)
    assert done.code == 0, done.output
    assert database.ran == [("status", 0), ("up", 0), ("status", 0)]
    jobs = [one for one in standin.written if one["kind"] == "Job"]
    (blue,) = {pod["spec"]["containers"][0]["image"] for pod in standin.of("pods", slot="blue")}
    assert {one["spec"]["template"]["spec"]["containers"][0]["image"] for one in jobs} == {blue}
    assert records(standin)[-1]["migrations"]["applied"] == ["2-orders", "3-carts"]
    assert standin.of("jobs") == []
    assert "hush-hush" not in json.dumps(jobs)

    back = cluster.play("rollback", "-e", "migrations=revert", migrations=MIGRATIONS)
    assert back.code == 0, back.output
    assert database.applied == ["1-users"]
    assert [one for one, _share in database.ran if one == "down"] == ["down", "down"]
    assert live(standin) == ("green", "1.0.0")

    # A controller was killed while its Job ran.
    left = {**jobs[-1], "metadata": {**jobs[-1]["metadata"], "name": "tagadodo-backend-migrate-0"}}
    database.old = (left["metadata"]["name"], 5)
    database.ran.clear()
    standin.objects["jobs", left["metadata"]["name"]] = left
    database.broken = "MongoServerError: E11000 duplicate key"
    standin.written.clear()
    failed = cluster.deploy("1.1.0", migrations=MIGRATIONS)
    assert failed.code != 0
    assert [one for one, _share in database.ran] == ["status", "up", "status"]
    assert "migrations.up (migrate up) failed with exit code 1" in failed.reason
    assert database.broken in failed.reason
    assert "\n" not in failed.reason
    assert all(share["blue"] == 0 for share in weighed(standin))
    assert records(standin)[-1]["outcome"] == "failed"
    assert live(standin) == ("green", "1.0.0")
    assert standin.of("jobs") == []


def test_a_canary_that_answers_its_users_with_errors_is_taken_back_though_all_probes_are_fine(
    cluster: OnCluster, standin: StandIn
) -> None:
    gateway = Gateway(lambda: weights(standin.of("httproutes")[0]))
    with prometheus(gateway) as url:
        counters = {"url": url, "codes": "requests_<slot>"}
        judged = replace(cluster, kubernetes={**cluster.kubernetes, "requests": counters})
        failed = judged.deploy("1.1.0", **CANARY)
    assert failed.code != 0
    assert re.search(r"needs \d+ requests, users send about [1-9]", failed.output), failed.output
    (verdict,) = records(standin)[-1]["verdicts"]
    assert (verdict["rule"], verdict["kind"]) == ("critical errors", "fail"), failed.output
    assert verdict["sentence"] in failed.reason
    assert re.search(r"blue \d+ requests, [1-9]\d* failed, \d+ probes, 0 bad", failed.output)
    assert weighed(standin)[-1]["blue"] == 0
    assert max(share["blue"] for share in weighed(standin)) < 100
    assert records(standin)[-1]["outcome"] == "failed"
    assert live(standin) == ("green", "1.0.0")


def test_a_cluster_that_is_not_there_is_said_in_one_line(
    cluster: OnCluster, tmp_path: pathlib.Path
) -> None:
    gone = OnCluster(tmp_path, REGISTRY, {"kubeconfig": str(tmp_path / "none")}, cluster.backend)
    failed = gone.deploy("1.0.0")
    assert failed.code != 0
    assert "no cluster is known" in failed.reason
    assert "\n" not in failed.reason
