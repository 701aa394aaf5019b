# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""preflight.yml on a machine where each item of the checklist fails in turn; deploy.yml, which refuses for the same."""

from __future__ import annotations

import contextlib
import itertools
import json
import pathlib
import typing as t

import pytest
import yaml
from checklist import DECLARED, Around, around, git
from clients import live_version
from described import QUICK, services_with
from stack import ROOT, Run, Stack
from test_release import BUDGET_UNCHANGED
from webhook import Webhook, listening

from ansible_collections.tagadodo.deploy.plugins.module_utils._checklist import BEFORE, QUESTIONS

VERSION = "1.1.0"
ITEMS = [one.name for one in QUESTIONS if one.phase == BEFORE]
PRODUCTION = yaml.safe_load((ROOT / "inventories/prod/group_vars/all/main.yml").read_text())[
    "deploy_checklist"
]
ALL_BLOCK = dict.fromkeys(ITEMS, "block")
ASKED = ("-e", f"version={VERSION}", "-e", "operator=bo")


@pytest.fixture(scope="module")
def told() -> t.Iterator[Webhook]:
    with listening() as webhook:
        yield webhook


@pytest.fixture(scope="module")
def there(
    stack: Stack, told: Webhook, tmp_path_factory: pytest.TempPathFactory
) -> t.Iterator[Around]:
    """1.0.0 is live, and everything is good for 1.1.0."""
    with (
        around(stack, tmp_path_factory.mktemp("around"), VERSION) as one,
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setattr(stack, "_inventories", lambda: ["-i", str(one.inventory)])
        stack.extra["services"] = QUICK
        stack.extra["deploy_notices"] = {"webhook": {"url": told.url}}
        yield one


def preflight(there: Around, attest: str = "review: ada", **extra: t.Any) -> Run:
    given = {"deploy_checklist": ALL_BLOCK, "deploy_checks": there.checks, **extra}
    attests = ("-e", json.dumps({"attest": attest}))
    return there.stack.play("preflight", *ASKED, *attests, **given)


def kept(stack: Stack) -> dict[str, t.Any]:
    """What nobody may have changed. What restic remembers of a repository is no state of the host."""
    whole, cache = stack.snapshot(), str(stack.state_dir / "backup")
    files = {path: facts for path, facts in whole["files"].items() if not path.startswith(cache)}
    return {**whole, "files": files}


def states(run: Run) -> dict[str, str]:
    """State of each item as it was printed, one line for each."""
    _before, _heading, shown = run.output.partition("EVIDENCE\n")
    rows = (line.split(maxsplit=2) for line in shown.splitlines())
    listed = itertools.takewhile(lambda row: row[:1] and row[0] in ("pass", "FAIL", "OPEN"), rows)
    return {row[1]: row[0] for row in listed}


def test_where_all_is_good_it_says_so_and_changes_nothing(there: Around) -> None:
    before = kept(there.stack)
    run = preflight(there)
    assert run.code == 0, run.output
    assert (states(run), run.changed) == (dict.fromkeys(ITEMS, "pass"), 0)
    assert "pass   review         blocks  attested by ada, typed by bo" in run.output
    assert f"run 7 of {VERSION}" in run.output
    assert kept(there.stack) == before
    assert live_version(there.stack) == "1.0.0"


@contextlib.contextmanager
def changed(path: pathlib.Path, text: str) -> t.Iterator[None]:
    before = path.read_text()
    path.write_text(text)
    yield
    path.write_text(before)


@contextlib.contextmanager
def tagged_elsewhere(there: Around) -> t.Iterator[None]:
    git(there.clone, "checkout", "--quiet", "-b", "feature")
    there.declare(DECLARED + "# of a feature\n")
    yield
    git(there.clone, "checkout", "--quiet", "main")
    there.declare(DECLARED)


@contextlib.contextmanager
def declared(there: Around) -> t.Iterator[None]:
    there.declare(DECLARED + "STRIPE_KEY=\n")
    yield
    there.declare(DECLARED)


@contextlib.contextmanager
def failed_in_staging(there: Around) -> t.Iterator[None]:
    there.staging("failed")
    yield
    there.staging("succeeded")


@contextlib.contextmanager
def old_backup(there: Around) -> t.Iterator[None]:
    there.back_up(hours=30)
    yield
    there.back_up(hours=1)


@contextlib.contextmanager
def alert(there: Around) -> t.Iterator[None]:
    there.alerts.append({"labels": {"alertname": "ErrorsHigh", "service": "backend"}})
    yield
    there.alerts.clear()


@contextlib.contextmanager
def wrong_clock(there: Around) -> t.Iterator[None]:
    there.ahead = 3600.0
    yield
    there.ahead = 0.0


def fails(there: Around, item: str, **settings: t.Any) -> dict[str, t.Any]:
    return {"deploy_checks": {**there.checks, item: {**there.checks.get(item, {}), **settings}}}


BROKEN_STATUS = {**QUICK["backend"]["migrations"], "status": ["node", "-e", "process.exit(3)"]}
Caused = t.Callable[[Around], "contextlib.AbstractContextManager[t.Any]"]
Extra = t.Callable[[Around], t.Dict[str, t.Any]]


def failing(item: str) -> Extra:
    """Its own check fails."""
    return lambda there: fails(there, item, command=["sh", "-c", "echo 3 of 400 fail; exit 1"])


def nothing(_there: Around) -> contextlib.AbstractContextManager[t.Any]:
    return contextlib.nullcontext()


def as_it_is(_there: Around) -> dict[str, t.Any]:
    return {}


IN_TURN: dict[str, tuple[Caused, Extra, str]] = {
    "review": (nothing, lambda _there: {"attest": ""}, "somebody has to attest it"),
    **{item: (nothing, failing(item), "3 of 400 fail") for item in ("tests", "linter", "security_scan")},
    "git": (tagged_elsewhere, as_it_is, ") is not on main"),
    "staging": (failed_in_staging, as_it_is, f"backend {VERSION}: r1 failed"),
    "migrations": (
        nothing,
        lambda _there: {"services": services_with(bake=0, min_ready=1, migrations=BROKEN_STATUS)},
        "exit code 3",
    ),
    "variables": (declared, as_it_is, "backend lacks STRIPE_KEY, which .env.example declares"),
    "monitoring": (alert, as_it_is, "ErrorsHigh of backend fires"),
    "team_told": (nothing, lambda _there: {"deploy_notices": {}}, "deploy_notices tells nobody"),
    "backup": (old_backup, as_it_is, "is 30.0 hours old; 24 are allowed"),
    "disk": (lambda there: there.filled(), as_it_is, "is free, 5 are asked for"),
    "certificates": (
        nothing,
        lambda there: fails(there, "certificates", minimum_days=4000),
        "days left of certificates, 4000 are asked for",
    ),
    "clock": (wrong_clock, as_it_is, "3600.0 s behind 127.0.0.1:"),
}  # fmt: skip


def test_every_item_that_can_fail_does_so_here() -> None:
    """The way back is the plan's: a release without one is refused before."""
    assert set(ITEMS) - set(IN_TURN) == {"way_back"}


@pytest.fixture(scope="module")
def pulled(stack: Stack) -> None:
    """What migrates is on the host, so that it can be asked."""
    stack.engine.images.pull(f"{stack.registry}/tagadodo/backend", VERSION)


@pytest.mark.usefixtures("pulled")
@pytest.mark.parametrize("item", IN_TURN)
def test_each_item_that_fails_is_named_alone_and_ends_it(there: Around, item: str) -> None:
    cause, extra, evidence = IN_TURN[item]
    with cause(there):
        run = preflight(there, **{"attest": "review: ada", **extra(there)})
    assert run.code != 0, run.output
    bad = {name for name, state in states(run).items() if state != "pass"}
    assert bad == {item}, run.output
    assert run.reason.startswith(f"the checklist refuses: {item}: "), run.reason
    assert evidence in run.reason
    assert "\n" not in run.reason
    assert run.changed == 0


def test_an_inventory_that_is_not_committed_is_told(there: Around) -> None:
    with changed(there.inventory / "hosts.yml", (there.inventory / "hosts.yml").read_text() + "\n"):
        run = preflight(there)
    assert "has changes that are not committed: hosts.yml" in run.reason


def test_deploy_refuses_by_the_same_before_anything_is_touched(
    there: Around, told: Webhook
) -> None:
    stack, before = there.stack, kept(there.stack)
    given = {
        "deploy_checks": there.checks,
        "deploy_checklist": {"disk": "block", "review": "block"},
    }
    told.bodies.clear()
    with there.filled():
        check = stack.play("deploy", *ASKED, "--check", **given)
        run = stack.play("deploy", *ASKED, **given)
    for one in (check, run):
        assert one.code != 0
        assert one.reason.startswith("the checklist refuses: review: somebody has to attest it")
        assert f" % of {there.disk} is free, 5 are asked for" in one.reason
    assert kept(stack) == before
    assert live_version(stack) == "1.0.0"
    assert [body["event"] for body in told.bodies] == ["refused"]
    assert told.bodies[0]["reason"] == run.reason


def test_a_release_keeps_who_and_when_and_goes_on_to_be_attested(there: Around) -> None:
    """By the policy of production, but for a clock that is wrong, which it is only warned of."""
    stack = there.stack
    given = {"deploy_checks": there.checks, "deploy_checklist": {**PRODUCTION, "clock": "warn"}}
    there.ahead = 3600.0
    run = stack.play("deploy", *ASKED, "-e", "attest=review:ada", **given)
    there.ahead = 0.0
    assert run.code == 0, run.output
    items = checklist_of(stack)
    assert list(items) == [one.name for one in QUESTIONS]
    bad = {name: item["state"] for name, item in items.items() if item["state"] != "pass"}
    assert bad.pop("clock") == "fail"
    # Nobody watches it: its bake is 0.
    unwatched = (
        "smoke",
        "logs",
        "metrics",
        "smoke_after",
        "watched",
        "error_rates",
        "response_times",
    )
    assert bad == dict.fromkeys((*unwatched, "documentation", "tickets"), "open")
    assert (items["review"]["by"], items["review"]["evidence"]) == ("ada", "typed by bo")
    assert items["review"]["at"].startswith("20")

    again = stack.play("deploy", *ASKED, **given)
    assert (again.code, again.changed) == (0, 0), again.output
    assert again.invocations <= BUDGET_UNCHANGED, again.tasks

    refused = stack.play("checklist", "-e", "attest=tickts:eve", **given)
    assert refused.reason == "attest.tickts: not known; did you mean tickets?"
    late = stack.play(
        "checklist", "-e", "attest=tickets:eve,clock:eve", "-e", "operator=eve", **given
    )
    assert late.code == 0, late.output
    items = checklist_of(stack)
    assert (items["tickets"]["state"], items["tickets"]["by"]) == ("pass", "eve")
    assert (items["clock"]["state"], items["clock"]["by"]) == ("fail", "")
    page = (stack.state_dir / f"reports/{newest(stack)['release']}.html").read_text()
    assert "Tickets closed" in page
    assert "attested by eve" in page
    nothing = stack.play("checklist", "-e", "attest=tickets:eve", **given)
    assert (nothing.code, nothing.changed) == (0, 0), nothing.output


def newest(stack: Stack) -> dict[str, t.Any]:
    return stack.records("_environment")[-1]


def checklist_of(stack: Stack) -> dict[str, dict[str, t.Any]]:
    return {item["name"]: item for item in newest(stack)["checklist"]}
