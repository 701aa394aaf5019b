# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every job template, run by ansible-runner with answers to its survey, as AWX runs it: no prompt, nothing written into the
project, questions that were left open, results for the next jobs of a workflow."""

from __future__ import annotations

import json
import pathlib
import threading
import time
import typing as t

import pytest
from awx_job import Ended, Jobs, exported, templates_of
from clients import live_version
from described import QUICK, services_with
from stack import Stack

ENVIRONMENT = "staging"
WAIT = 60  # seconds until a release is watched


def inventory_of(stack: Stack, services: object, work: pathlib.Path) -> dict[str, t.Any]:
    """That of ``inventories/dev``, and what is different here, as AWX has imported it."""
    repository = {"backup_repository": str(work / "repository"), "backup_password": "of-a-test"}
    own = work / "own.json"
    variables = {**stack.variables, **repository, "services": services}
    own.write_text(json.dumps({"all": {"hosts": {"dev": variables}}}))
    return exported("inventories/dev", str(own))


@pytest.fixture(scope="module")
def jobs(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Jobs:
    work = tmp_path_factory.mktemp("awx")
    templates = templates_of(ENVIRONMENT, list(QUICK))
    return Jobs(work, inventory_of(stack, QUICK, work), templates)


def left_open(jobs: Jobs, template: str, *but: str) -> dict[str, str]:
    """Each question of a survey with an empty text: what AWX hands over of a text that nobody wrote."""
    asked = [one["variable"] for one in jobs.templates[template]["survey"]["spec"]]
    return {name: "" for name in asked if name not in but}


def good(ended: Ended) -> dict[str, t.Any]:
    assert ended.code == 0, ended.output
    return ended.artifacts


def test_hosts_are_set_up_and_a_check_says_what_would_be(jobs: Jobs, stack: Stack) -> None:
    before = stack.snapshot()
    checked = jobs.run("set up, check", {"version": "1.0.0"})
    good(checked)
    assert checked.changed > 0
    assert stack.snapshot() == before
    results = good(jobs.run("set up", {"version": "1.0.0", "service": ["backend"]}))
    assert results["deployed_verdict"] == "unchanged"


def test_engines_that_are_somebody_elses_are_not_upgraded(jobs: Jobs) -> None:
    good(jobs.run("upgrade engines, check", {"version": ""}))


def test_a_backup_is_made_and_can_be_restored(jobs: Jobs, stack: Stack) -> None:
    good(jobs.run("backup"))
    good(jobs.run("restore drill", left_open(jobs, "restore drill")))
    assert list((stack.state_dir / "backup/drills").iterdir())


def test_a_check_of_a_release_plans_it_and_changes_nothing(jobs: Jobs, stack: Stack) -> None:
    before = stack.snapshot()
    blank = left_open(jobs, "deploy, check", "version")
    checked = jobs.run("deploy, check", {"version": "1.1.0"}, blank)
    results = good(checked)
    assert stack.snapshot() == before
    assert checked.changed == 1
    assert (results["deployed_verdict"], results["deployed_release"]) == ("planned", "")
    assert results["deployed_versions"] == {"backend": "1.1.0", "frontend": "1.1.0"}


def test_a_release_hands_over_what_users_get_and_a_rollback_too(jobs: Jobs, stack: Stack) -> None:
    results = good(jobs.run("deploy", {"version": "1.1.0", "service": ["backend"]}))
    assert live_version(stack) == "1.1.0"
    assert results["deployed_verdict"] == "succeeded"
    assert results["deployed_versions"] == {"backend": "1.1.0"}
    assert results["deployed_release"] == stack.records("backend")[-1]["release"]
    assert results["deployed_slots"] == {"backend": stack.records("backend")[-1]["slot"]}
    assert pathlib.Path(results["deployed_report"]).is_file()
    assert stack.records("backend")[-1]["by"] == "ada"
    good(jobs.run("rollback, check", {}, left_open(jobs, "rollback, check")))
    assert live_version(stack) == "1.1.0"
    back = good(jobs.run("rollback", left_open_texts(jobs, "rollback")))
    assert back["deployed_verdict"] == "rolled_back"
    assert back["deployed_versions"]["backend"] == "1.0.0"
    assert live_version(stack) == "1.0.0"


def left_open_texts(jobs: Jobs, template: str) -> dict[str, str]:
    """What is left open of a survey that a person answers: of questions with choices AWX hands over nothing."""
    asked = jobs.templates[template]["survey"]["spec"]
    return {one["variable"]: "" for one in asked if one["type"] == "text"}


def test_the_workflow_takes_back_what_it_has_released_and_nothing_else(
    jobs: Jobs, stack: Stack
) -> None:
    results = good(jobs.run("deploy", {"version": "1.1.0", "service": ["backend"]}))
    # AWX gives the answers of the workflow to each of its jobs.
    handed = {**results, "version": "1.1.0", "service": ["backend"]}
    given = {**jobs.templates["take back"]["variables"], **handed}
    back = good(jobs.run("take back", {}, given))
    assert back["deployed_verdict"] == "rolled_back"
    assert live_version(stack) == "1.0.0"
    # It is gone, as after a release that failed: what is live now is good.
    again = good(jobs.run("take back", {}, given))
    assert again["deployed_verdict"] == "unchanged"
    assert live_version(stack) == "1.0.0"


def test_the_workflow_ends_as_failed_and_says_what_users_get(jobs: Jobs) -> None:
    handed = {"deployed_verdict": "rolled_back", "deployed_versions": {"backend": "1.0.0"}}
    ended = jobs.run("failed", {}, handed)
    assert ended.code != 0
    assert ended.reason == (
        "The release was not kept (rolled_back); users get backend 1.0.0. The job that failed says why."
    )
    assert "what status.yml shows" in jobs.run("failed").reason


def test_nothing_is_left_to_revert(jobs: Jobs) -> None:
    good(jobs.run("revert, check", {}, left_open(jobs, "revert, check")))
    good(jobs.run("revert", left_open_texts(jobs, "revert")))


def test_the_status_is_shown(jobs: Jobs) -> None:
    shown = jobs.run("status", {}, left_open(jobs, "status"))
    good(shown)
    assert "1.0.0" in shown.output


@pytest.fixture
def watched(jobs: Jobs, stack: Stack) -> t.Iterator[t.Callable[[str], threading.Thread]]:
    """Start a release that is watched for long, beside the test, and wait until it is."""
    before, ended = jobs.inventory, []
    jobs.inventory = inventory_of(stack, services_with(bake=600, min_ready=1), jobs.folder)

    def started(version: str) -> threading.Thread:
        answers = {"version": version, "service": ["backend"]}
        known = set((stack.state_dir / "gate").glob("*.jsonl"))
        job = threading.Thread(target=lambda: ended.append(jobs.run("deploy", answers)))
        job.ended = ended  # type: ignore[attr-defined]
        job.start()
        deadline = time.monotonic() + WAIT
        while job.is_alive() and not any(
            '"100 %"' in one.read_text()
            for one in set((stack.state_dir / "gate").glob("*.jsonl")) - known
        ):
            assert time.monotonic() < deadline, "nobody watches it"
            time.sleep(0.2)
        return job

    yield started
    jobs.inventory = before


def test_a_release_that_is_watched_is_held_let_go_on_and_passed(
    jobs: Jobs, watched: t.Callable[[str], threading.Thread]
) -> None:
    job = watched("1.1.0")
    for template in ("pause", "resume", "promote"):
        results = good(jobs.run(template))
        assert results["deployed_verdict"] == f"told to {template}"
    job.join()
    (ended,) = job.ended  # type: ignore[attr-defined]
    assert good(ended)["deployed_verdict"] == "succeeded"
    assert results["deployed_release"] == ended.artifacts["deployed_release"]


def test_a_release_that_is_given_up_hands_over_why(
    jobs: Jobs, stack: Stack, watched: t.Callable[[str], threading.Thread]
) -> None:
    job = watched("1.0.0")
    good(jobs.run("abort"))
    job.join()
    (ended,) = job.ended  # type: ignore[attr-defined]
    assert ended.code != 0
    results = ended.artifacts
    assert results["deployed_verdict"] == "failed"
    assert "ada" in results["deployed_reason"]
    assert results["deployed_versions"] == {"backend": "1.1.0"}
    assert live_version(stack) == "1.1.0"
    assert pathlib.Path(results["deployed_report"]).is_file()


def test_a_version_that_is_none_is_refused_and_users_keep_what_they_have(jobs: Jobs) -> None:
    ended = jobs.run("deploy", {"version": "9.9.9", "service": ["backend"]})
    assert ended.code != 0
    assert ended.artifacts["deployed_verdict"] == "refused"
    assert "9.9.9" in ended.artifacts["deployed_reason"]
