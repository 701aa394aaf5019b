# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every job template, run by ansible-runner with answers to its survey, as AWX runs it: no prompt, nothing written into the
project, questions that were left open, results for the next jobs of a workflow."""

from __future__ import annotations

import json
import pathlib
import time
import typing as t
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import pytest
from awx_job import Ended, Jobs, exported, templates_of
from clients import live_version
from described import QUICK, services_with
from stack import Stack

ENVIRONMENT = "staging"
WAIT = 60  # seconds until a release is watched


def inventory_of(stack: Stack, services: object, work: pathlib.Path) -> dict[str, t.Any]:
    """That of ``inventories/dev``, and what is different here, as AWX has imported it."""
    repository = {
        "backup_repository": str(work / "repository"),
        "backup_password": "of-a-test-and-of-nothing-else",
    }
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


def test_the_checklist_is_gone_through_before_a_release(jobs: Jobs, stack: Stack) -> None:
    before = stack.snapshot()
    blank = left_open(jobs, "preflight", "version")
    good(jobs.run("preflight", {"version": "1.1.0"}, blank))
    assert stack.snapshot() == before


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


def test_what_is_attested_after_a_release_is_kept_and_nothing_has_drifted(jobs: Jobs) -> None:
    # Another test may have left a service with a version that this inventory does not describe.
    good(jobs.run("deploy", {"version": "1.0.0"}))
    good(jobs.run("checklist", {"attest": "documentation:ada"}))
    good(jobs.run("checklist", left_open_texts(jobs, "checklist")))
    good(jobs.run("drift", {}, left_open(jobs, "drift")))


@dataclass
class Watched:
    """A release that is under way beside the test, and watched for long."""

    jobs: Jobs
    stack: Stack
    results: Future[Ended] | None = None

    def start(self, version: str) -> None:
        gate, answers = self.stack.state_dir / "gate", {"version": version, "service": ["backend"]}
        known = set(gate.glob("*.jsonl"))
        self.results = ThreadPoolExecutor().submit(self.jobs.run, "deploy", answers)
        deadline = time.monotonic() + WAIT
        while not any('"100 %"' in one.read_text() for one in {*gate.glob("*.jsonl")} - known):
            assert not self.results.done(), self.ended.output
            assert time.monotonic() < deadline, "nobody watches it"
            time.sleep(0.2)

    @property
    def ended(self) -> Ended:
        """What it has come to, as soon as it has."""
        assert self.results
        return self.results.result()


@pytest.fixture
def watched(jobs: Jobs, stack: Stack) -> t.Iterator[Watched]:
    before = jobs.inventory
    jobs.inventory = inventory_of(stack, services_with(bake=600, min_ready=1), jobs.folder)
    yield Watched(jobs, stack)
    jobs.inventory = before


def test_a_release_that_is_watched_is_held_let_go_on_and_passed(
    jobs: Jobs, watched: Watched
) -> None:
    watched.start("1.1.0")
    for template in ("pause", "resume", "promote"):
        results = good(jobs.run(template))
        assert results["deployed_verdict"] == f"told to {template}"
    ended = good(watched.ended)
    assert ended["deployed_verdict"] == "succeeded"
    assert results["deployed_release"] == ended["deployed_release"]


def test_a_release_that_is_given_up_hands_over_why(
    jobs: Jobs, stack: Stack, watched: Watched
) -> None:
    watched.start("1.0.0")
    good(jobs.run("abort"))
    assert watched.ended.code != 0
    results = watched.ended.artifacts
    assert results["deployed_verdict"] == "failed"
    assert "ada" in results["deployed_reason"]
    assert results["deployed_versions"] == {"backend": "1.1.0"}
    assert live_version(stack) == "1.1.0"
    assert pathlib.Path(results["deployed_report"]).is_file()


@pytest.mark.parametrize("template", ["deploy", "deploy, check"])
def test_a_version_that_is_none_is_refused_by_a_check_too(jobs: Jobs, template: str) -> None:
    ended = jobs.run(template, {"version": "9.9.9", "service": ["backend"]})
    assert ended.code != 0
    assert ended.artifacts["deployed_verdict"] == "refused"
    assert "9.9.9" in ended.artifacts["deployed_reason"]


def test_every_template_has_been_run(jobs: Jobs) -> None:
    """The last of all here. Certificates of an authority: test_pipeline."""
    left = set(jobs.templates) - set(jobs.ran)
    assert left == {"certificates", "certificates, dry run", "upgrade engines"}
