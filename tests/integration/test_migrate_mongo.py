"""migrate-mongo as the example describes it: read, applied once, reverted exactly, whatever is killed."""

from __future__ import annotations

import os
import pathlib
import typing as t
import uuid

import docker
import pytest
from frozen import pause
from migrate_mongo import SLOW, Migrating, build, build_from, ended

REGISTRY = os.environ.get("REGISTRY", "")
EMAIL = "20260901090000-add-email-index.js"
LATE = "20260910090000-merged-late.js"
STATUS = "20260915090000-add-status.js"
NAME = "20261001090000-add-display-name.js"
DROP = "20261101090000-drop-legacy.js"
SLOWLY = "20261101090000-slowly.js"
NOTHING = "export const up = async () => {};\nexport const down = async () => {};\n"


@pytest.fixture(scope="module")
def prefix() -> str:
    return f"tdt{os.getpid()}mig"


@pytest.fixture(scope="module")
def images(prefix: str, tmp_path_factory: pytest.TempPathFactory) -> t.Iterator[dict[str, str]]:
    """The example's image, and others that differ in one migration."""
    if not REGISTRY:
        pytest.fail("REGISTRY is not set: run these tests with ./scripts/test")
    tags = {name: f"{prefix}:{name}" for name in ("base", "old", "late", "drop", "slow")}
    build(tags["base"], REGISTRY, tmp_path_factory.mktemp("context"))
    build_from(tags["base"], tags["old"], {}, without=NAME)
    build_from(tags["base"], tags["late"], {LATE: NOTHING})
    build_from(tags["base"], tags["drop"], {DROP: NOTHING})
    build_from(tags["base"], tags["slow"], {SLOWLY: SLOW})
    yield tags
    for tag in tags.values():
        docker.from_env().images.remove(tag, force=True)


@pytest.fixture(scope="module")
def mongo(prefix: str) -> t.Iterator[str]:
    """A server in a network of its own; the name of both."""
    client = docker.from_env()
    network = client.networks.create(prefix)
    image = f"{REGISTRY}/mongo:8.0"
    server = client.containers.create(image, name=f"{prefix}-mongo", detach=True)
    network.connect(server, aliases=["mongo"])
    try:
        server.start()
        yield prefix
    finally:
        for left in client.containers.list(all=True, filters={"name": f"^/?{prefix}"}):
            left.remove(force=True, v=True)
        network.remove()


@pytest.fixture
def service(mongo: str, prefix: str, tmp_path: pathlib.Path) -> Migrating:
    database = f"d{uuid.uuid4().hex[:8]}"
    return Migrating(f"{prefix}-{database}", mongo, f"{mongo}-mongo", database, tmp_path)


def test_a_status_is_read_in_colours_and_beside_warnings(
    service: Migrating, images: dict[str, str]
) -> None:
    noisy = "echo '(node:7) Warning: │ old.js'; exec node_modules/.bin/migrate-mongo status"
    coloured = service.with_env({"FORCE_COLOR": "1", "COLUMNS": "20"})
    told = coloured.run(images["base"], state="status", commands={"status": ["sh", "-c", noisy]})
    assert told["pending_after"] == [EMAIL, STATUS, NAME], told
    nothing = "exec node_modules/.bin/migrate-mongo status --migrations-dir $(mktemp -d)"
    told = service.run(images["base"], state="status", commands={"status": ["sh", "-c", nothing]})
    assert told["migrations"] == [], told


def test_a_release_of_two_attempts_is_reverted_as_one(
    service: Migrating, images: dict[str, str]
) -> None:
    broken = service.with_env({"FAULT_MIGRATION": "1"})
    failed = broken.run(images["base"])
    assert "FAULT_MIGRATION is set" in failed["msg"]
    assert failed["msg"].endswith(f"applied before that: {EMAIL}; still pending: {STATUS}, {NAME}")
    assert (failed["applied"], service.record()["state"]) == ([EMAIL], "partial")

    done = service.run(images["base"])
    assert (done["applied"], done["own"]) == ([STATUS, NAME], [EMAIL, STATUS, NAME])
    expected = {"state": "applied", "before": [], "applied": done["own"], "image": images["base"]}
    assert service.record() == expected

    release = {"state": "reverted", "names": done["own"], "before": []}
    refused = service.run(images["old"], **release, _ansible_check_mode=True)
    assert refused["msg"] == (
        f"api: nothing was reverted: the image does not hold {NAME}; give the image that applied it"
    )
    assert len(service.documents("changelog")) == 3

    reverted = service.run(images["base"], **release)
    assert reverted["reverted"] == [NAME, STATUS, EMAIL], reverted["msg"]
    assert service.documents("changelog") == service.documents("deploy_lease") == []
    assert service.record() == {
        **expected,
        "state": "reverted",
        "reverted": [NAME, STATUS, EMAIL],
    }


def test_one_that_was_merged_late_is_reverted_alone(
    service: Migrating, images: dict[str, str]
) -> None:
    service.apply(images["base"])
    done = service.run(images["late"])
    assert done["own"] == [LATE]
    release = {"state": "reverted", "names": [LATE], "before": [EMAIL, STATUS, NAME]}
    last = {"down": ["node_modules/.bin/migrate-mongo", "down"]}
    refused = service.run(images["late"], **release, commands=last, _ansible_check_mode=True)
    assert f"and {NAME} would be reverted too" in refused["msg"]
    assert service.run(images["late"], **release)["reverted"] == [LATE]
    assert {one["fileName"] for one in service.documents("changelog")} == {EMAIL, STATUS, NAME}


def test_labels_are_taken_from_names(service: Migrating, images: dict[str, str]) -> None:
    labels = {"labels": {"contract": ["-drop-"], "irreversible": ["-drop-"]}}
    refused = service.run(images["drop"], commands=labels, old_version_runs=True)
    assert refused["msg"].startswith(f"api: migration {DROP} is labelled contract and the running")
    assert service.documents("changelog") == []


def test_two_at_once_run_each_migration_once(service: Migrating, images: dict[str, str]) -> None:
    slow = service.with_env({"SLOW_SECONDS": "1"})
    answers = [
        ended(process)
        for process in [slow.on(host).started(images["slow"]) for host in ("one", "two")]
    ]
    applied = sorted(len(answer["applied"]) for answer in answers)
    assert applied == [0, 4], [answer["msg"] for answer in answers]
    assert service.runs() == ["began", "ended"]


def test_a_play_over_three_hosts_one_after_the_other_runs_each_migration_once(
    service: Migrating, images: dict[str, str], tmp_path: pathlib.Path
) -> None:
    hosts = ("one", "two", "three")
    service.play(images["slow"], hosts, tmp_path)
    assert service.runs() == ["began", "ended"]
    applied = {host: len(service.on(host).record()["applied"]) for host in hosts}
    assert applied == {"one": 4, "two": 0, "three": 0}


def test_a_lease_whose_holder_was_killed_is_taken_over(
    service: Migrating, images: dict[str, str]
) -> None:
    slow = service.with_env({"SLOW_SECONDS": "300"})
    service.apply(images["base"])
    process = slow.started(images["slow"])
    holder = slow.wait_for_up(process)
    slow.wait_for("began")
    holder.kill()
    failed = ended(process)
    assert failed["msg"] == (
        "api: migrations.up was cut with its container: lease its holder ended with exit code 137;"
        " look at the status of the migrations before the next release"
    )
    assert service.record()["state"] == "unknown"
    done = service.run(images["slow"])
    assert done["lease"]["taken_over_from"]["owner"].startswith(f"release {service.release} on ")
    assert done["own"] == [SLOWLY]
    assert service.runs() == ["began", "began", "ended"]


def test_a_holder_that_stood_still_does_not_go_on(
    service: Migrating, images: dict[str, str]
) -> None:
    slow = service.with_env({"SLOW_SECONDS": "300", "WHO": "slow"}).on("slow")
    service.apply(images["base"])
    process = slow.started(images["slow"])
    holder = slow.wait_for_up(process)
    slow.wait_for("slow began")
    quick = service.on("quick")
    refused = quick.run(images["slow"], wait=1)
    assert f"release {slow.release} on " in refused["msg"]
    assert refused["msg"].endswith("and did not end within 1 s")
    pause(holder)
    done = quick.run(images["slow"])
    assert done["lease"]["taken_over_from"] is not None, done["msg"]
    holder.unpause()
    failed = ended(process)
    assert "was cut with its container: lease lost: not renewed for" in failed["msg"]
    assert slow.runs() == ["slow began", "began", "ended"]


def test_a_migration_outlives_its_module_and_runs_once(
    service: Migrating, images: dict[str, str]
) -> None:
    slow = service.with_env({"SLOW_SECONDS": "3"})
    service.apply(images["base"])
    process = slow.started(images["slow"])
    slow.wait_for_up(process)
    process.kill()
    process.communicate()
    assert service.record()["state"] == "running"
    done = service.run(images["slow"])
    assert service.runs() == ["began", "ended"]
    assert (done["applied"], done["own"]) == ([], [SLOWLY])
    assert done["lease"]["taken_over_from"] is None
    assert service.record()["state"] == "applied"
