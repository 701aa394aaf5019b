# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a release applied is known over all its attempts, and exactly that is reverted."""

from __future__ import annotations

import json
import pathlib
import typing as t

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.tagadodo.deploy.plugins.module_utils._documents import Files
from ansible_collections.tagadodo.deploy.plugins.module_utils._engine import RunResult
from ansible_collections.tagadodo.deploy.plugins.module_utils._ledger import Ledger
from ansible_collections.tagadodo.deploy.plugins.module_utils._migration import Migrator
from ansible_collections.tagadodo.deploy.plugins.module_utils._migration_history import (
    MigrationError,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._migration_record import (
    MigrationRecord,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._migration_revert import Reverter

RELEASE = "20261122-231530-1"
NO_LEDGER = MigrationRecord()


class Killed(BaseException):
    """The module is gone."""


class Tool:
    """A migration tool and its database: ``up``, ``down`` of the last one or of a name, ``status``.

    Attributes:
        holds: what its image has files for, in their order.
        applied: what the database has, in the order it was applied.
        before: called before a command does its work; may change the database, fail it or kill the module.
    """

    def __init__(self, *holds: str, applied: t.Iterable[str] = (), **labels: t.Any) -> None:
        self.holds = list(holds)
        self.applied = list(applied)
        self.labels = labels
        self.ran: list[str] = []
        self.before: t.Callable[[str], None] = lambda command: None

    def run(self, command: str, argv: t.Sequence[str]) -> RunResult:
        self.ran.append(" ".join(argv))
        try:
            self.before(command)
            output = getattr(self, f"_{command}")(*argv[1:])
        except RuntimeError as error:
            return RunResult(1, "", f"{error}\n", 0.1)
        return RunResult(0, output or "", "", 0.1)

    def _status(self) -> str:
        others = [name for name in self.applied if name not in self.holds]
        rows = [
            {"name": name, "applied": name in self.applied, **self.labels.get(name, {})}
            for name in self.holds
        ]
        rows += [{"name": name, "applied": True, "missing": True} for name in others]
        return json.dumps({"migrations": rows})

    def _up(self) -> None:
        for name in self.holds:
            if name == "broken":
                raise RuntimeError("no room")
            if name not in self.applied:
                self.applied.append(name)

    def _down(self, name: str = "") -> None:
        last = [one for one in self.holds if one in self.applied]
        self.applied.remove(name or last[-1])


def migrator(
    tool: Tool, down: str = "down {name}", record: MigrationRecord = NO_LEDGER
) -> Migrator:
    commands = {"status": ["status"], "up": ["up"], "down": down.split()}
    return Migrator("backend", commands, tool.run, record=record)


class Host:
    """Where the ledger is."""

    def __init__(self, folder: pathlib.Path) -> None:
        self.ledger = Ledger(Files(folder))

    def migrator(self, tool: Tool, down: str = "down {name}", image: str = "i") -> Migrator:
        return migrator(tool, down, MigrationRecord(self.ledger, "backend", RELEASE, image))

    def record(self) -> dict[str, t.Any]:
        return dict(self.ledger.record("backend", RELEASE)["migrations"])


@pytest.fixture
def host(tmp_path: pathlib.Path) -> Host:
    return Host(tmp_path)


# --- what a release applied


def test_attempts_of_a_release_add_up(host: Host) -> None:
    tool = Tool("a", "b", "broken", "d", applied=["a"])
    with pytest.raises(MigrationError, match="no room"):
        host.migrator(tool, image="first").up()
    assert host.record() == {
        "image": "first",
        "state": "partial",
        "before": ["a"],
        "applied": ["b"],
    }
    fixed = Tool("a", "b", "c", "d", applied=tool.applied)
    done = host.migrator(fixed, image="second").up()
    assert (done.as_dict()["applied"], done.own) == (["c", "d"], ("b", "c", "d"))
    expected = {"image": "second", "state": "applied", "before": ["a"], "applied": ["b", "c", "d"]}
    assert host.record() == expected
    assert host.migrator(fixed, image="second").up().own == ("b", "c", "d")
    assert host.record() == expected


def test_it_is_recorded_before_it_runs_and_found_after_a_kill(host: Host) -> None:
    tool = Tool("a", "b", "c", applied=["a"])

    def kill(command: str) -> None:
        if command == "up":
            assert host.record()["state"] == "running"
            raise Killed

    tool.before = kill
    with pytest.raises(Killed):
        host.migrator(tool).up()
    tool.before = lambda command: None
    tool._up()  # goes on without its module
    done = host.migrator(tool).up()
    assert (done.as_dict()["applied"], done.own) == ([], ("b", "c"))
    assert host.record()["state"] == "applied"


def test_what_nobody_saw_is_unknown_until_somebody_looks(host: Host) -> None:
    tool = Tool("a", "b")

    def lose(command: str) -> None:
        if command == "status" and tool.applied:
            raise RuntimeError("no database")

    tool.before = lose
    with pytest.raises(MigrationError, match="what it applied is not known"):
        host.migrator(tool).up()
    assert host.record()["state"] == "unknown"
    tool.before = lambda command: None
    assert host.migrator(tool).up().own == ("a", "b")


def test_others_migrations_are_not_the_releases_own(host: Host) -> None:
    tool = Tool("a", "broken", "c")
    with pytest.raises(MigrationError):
        host.migrator(tool).up()
    tool.applied.append("of-another-release")
    fixed = Tool("a", "b", "c", applied=tool.applied)
    assert host.migrator(fixed).up().own == ("a", "b", "c")


def test_a_contract_waits_until_no_old_version_runs(host: Host) -> None:
    tool = Tool("a", "b", b={"kind": "contract"})
    with pytest.raises(MigrationError, match="migration b is labelled contract and the running"):
        host.migrator(tool).up(old_version_runs=True)
    assert tool.ran == ["status"]
    host.migrator(tool).up(old_version_runs=True, reason="nobody is here at night")
    assert (tool.applied, host.record()["reason"]) == (["a", "b"], "nobody is here at night")
    alone = Tool("a", a={"kind": "contract"})
    assert migrator(alone).up().as_dict()["applied"] == ["a"]


# --- reverting it


def reverter(migrator: Migrator, *names: str, before: str = "", reason: str = "") -> Reverter:
    return Reverter(migrator, names, tuple(before.split()), reason)


@pytest.mark.parametrize("down", ["down", "down {name}"])
def test_exactly_the_set_is_reverted_newest_first(host: Host, down: str) -> None:
    tool = Tool("a", "b", "c", applied=["a", "b", "c"])
    result = reverter(host.migrator(tool, down), "b", "c", before="a").revert()
    assert (result["reverted"], result["not_reverted"]) == (["c", "b"], [])
    assert (tool.applied, result["changed"]) == (["a"], True)
    assert result["diff"] == {"before": "a\nb\nc\n", "after": "a\n"}
    record = host.record()
    assert (record["state"], record["reverted"]) == ("reverted", ["c", "b"])
    again = reverter(host.migrator(tool, down), "b", "c", before="a").revert()
    assert (again["changed"], again["reverted"]) == (False, [])
    assert again["msg"] == "backend: reverted nothing, none of it is applied any more"
    assert host.record() == record


def test_one_that_sorts_before_older_ones_needs_its_name(host: Host) -> None:
    tool = Tool("a", "late", "b", applied=["a", "b", "late"])
    with pytest.raises(MigrationError, match="and b would be reverted too; describe a down with"):
        reverter(host.migrator(tool, "down"), "late", before="a b").revert()
    reverter(host.migrator(tool), "late", before="a b").revert()
    assert tool.applied == ["a", "b"]


@pytest.mark.parametrize(
    ("tool", "names", "told"),
    [
        (
            Tool("a", applied=["a", "b"]),
            ["b"],
            "the image does not hold b; give the image that applied it",
        ),
        (Tool("a", applied=["a"]), ["gone"], "the image does not hold gone; give"),
        (
            Tool("a", "b", applied=["a", "b", "c"]),
            ["b"],
            "c is applied, but it was neither before this release nor is it one of its own",
        ),
        (
            Tool("a", "b", "c", applied=["a", "b", "c"], b={"reversible": False}),
            ["b", "c"],
            "b is labelled irreversible; restore a backup, or give -e reason=...",
        ),
        (
            Tool("a", "../b", applied=["a", "../b"]),
            ["../b"],
            "'../b' cannot be put into migrations.down as a name",
        ),
        (Tool("a", "-rf", applied=["a", "-rf"]), ["-rf"], "'-rf' cannot be put into"),
    ],
)
def test_nothing_is_touched_where_it_cannot_be_exact(
    host: Host, tool: Tool, names: list[str], told: str
) -> None:
    with pytest.raises(MigrationError) as error:
        reverter(host.migrator(tool), *names, before="a").revert()
    assert str(error.value).startswith(f"backend: nothing was reverted: {told}")
    assert error.value.result["reverted"] == []
    assert tool.ran == ["status"]
    assert host.ledger.record("backend", RELEASE) == {}


def test_without_a_command_nothing_is_reverted(host: Host) -> None:
    tool = Tool("a", applied=["a"])
    with pytest.raises(MigrationError, match=r"a needs a command that reverts it; describe migra"):
        reverter(host.migrator(tool, ""), "a").revert()


def test_a_reason_reverts_what_is_labelled_irreversible(host: Host) -> None:
    tool = Tool("a", applied=["a"], a={"reversible": False})
    reverter(host.migrator(tool), "a", reason="restored from backup after").revert()
    assert (tool.applied, host.record()["reason"]) == ([], "restored from backup after")


def fails(tool: Tool) -> None:
    raise RuntimeError("index is in use")


def takes_another(tool: Tool) -> None:
    tool.applied.remove("a")


def brings_another(tool: Tool) -> None:
    tool.applied.append("d")


@pytest.mark.parametrize(
    ("surprise", "told"),
    [
        (
            fails,
            "migrations.down (down b) failed with exit code 1: index is in use; b is still applied;"
            " reverted: c; not reverted: b",
        ),
        (
            takes_another,
            "migrations.down (down b) ended well but reverted a, b instead of b; reverted: c, b, a;"
            " not reverted: nothing",
        ),
        (
            brings_another,
            "migrations.down (down b) ended well but reverted b, d newly applied instead of b;"
            " reverted: c, b; not reverted: nothing",
        ),
    ],
)
def test_it_stops_at_the_first_surprise(
    host: Host, surprise: t.Callable[[Tool], None], told: str
) -> None:
    tool = Tool("a", "b", "c", applied=["a", "b", "c"])
    tool.before = lambda command: surprise(tool) if tool.ran[-1] == "down b" else None
    with pytest.raises(MigrationError) as error:
        reverter(host.migrator(tool), "b", "c", before="a").revert()
    assert str(error.value) == f"backend: {told}"
    assert host.record()["state"] == "revert_failed"


def test_a_revert_that_was_killed_is_gone_on_with(host: Host) -> None:
    tool = Tool("a", "b", "c", applied=["a", "b", "c"])

    def kill(command: str) -> None:
        if command == "status" and "c" not in tool.applied:
            raise Killed

    tool.before = kill
    with pytest.raises(Killed):
        reverter(host.migrator(tool), "b", "c", before="a").revert()
    assert host.record()["state"] == "reverting"
    tool.before = lambda command: None
    result = reverter(host.migrator(tool), "b", "c", before="a").revert()
    assert (result["reverted"], host.record()["reverted"]) == (["b"], ["c", "b"])


NAMES = [f"{number:02}" for number in range(7)]


@given(
    st.permutations(NAMES),
    st.sets(st.sampled_from(NAMES)),
    st.sets(st.sampled_from(NAMES)),
    st.data(),
)
def test_reverting_undoes_a_release_or_touches_nothing(
    order: list[str],
    before: set[str],
    others: set[str],
    data: st.DataObject,
) -> None:
    """Whatever was applied before, in whatever order, and whatever others applied later."""
    down = data.draw(st.sampled_from(["down", "down {name}"]))
    first = [name for name in order if name in before]
    tool = Tool(*NAMES, applied=first)
    own = [name for name in NAMES if name not in first and name not in others]
    tool.applied += own + [name for name in NAMES if name in others and name not in first]
    given_up = list(tool.applied)
    try:
        reverter(migrator(tool, down), *own, before=" ".join(first)).revert()
    except MigrationError:
        assert tool.applied == given_up
    else:
        assert tool.applied == first
