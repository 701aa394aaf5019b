# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is typed or answered is described once, and read where an empty value counts as none."""

from __future__ import annotations

import json
import pathlib
import re
import typing as t

import pytest
import yaml

from ansible_collections.tagadodo.deploy.plugins.plugin_utils._playbooks import (
    playbook_specs,
    variable_names,
)

PLAYBOOKS = pathlib.Path(__file__).resolve().parents[3] / "playbooks"
ASKED = yaml.safe_load((PLAYBOOKS / "vars/asked.yml").read_text())
# Asked for under a name of its own, or a role's.
ELSEWHERE = {"operator": "asked_by", "docker_upgrade": "docker_upgrade"}
TASKS = [*PLAYBOOKS.glob("*.yml"), *PLAYBOOKS.glob("tasks/*.yml")]


def test_each_variable_has_its_default_once() -> None:
    assert {ELSEWHERE.get(name, f"asked_{name}") for name in variable_names()} == {
        *ASKED,
        "docker_upgrade",
    }


@pytest.mark.parametrize("path", TASKS, ids=lambda path: path.stem)
def test_playbooks_read_it_from_there(path: pathlib.Path) -> None:
    names = [name for name in variable_names() if name != "docker_upgrade"]
    raw = re.compile(rf"(?<![\w.'])({'|'.join(names)}) *\|")
    assert not raw.findall(path.read_text())


@pytest.mark.parametrize("playbook", sorted(playbook_specs()))
def test_a_playbook_reads_what_it_is_described_to_take(playbook: str) -> None:
    told = "".join(path.read_text() for path in story(PLAYBOOKS / f"{playbook}.yml"))
    for name in playbook_specs()[playbook]["options"]:
        assert re.search(rf"\b{ELSEWHERE.get(name, f'asked_{name}')}\b", told), name


def story(path: pathlib.Path) -> set[pathlib.Path]:
    """A playbook with the files that it imports; their variables' home is not among them."""
    text = re.sub(r"(?m)^ *#.*$", "", path.read_text())
    names = re.findall(r"[\w/]+[.]yml", text.replace("{{ release_step.tasks }}", "step"))
    if "release_step.tasks" in text:  # the plan says which
        names += ["tasks/before.yml"]
    found = {base / name for name in names for base in (path.parent, PLAYBOOKS)}
    read = {one for one in found if one.exists() and one.name != "asked.yml" and one != path}
    return {path}.union(*map(story, read))


def test_an_answer_that_was_left_open_counts_as_none(
    command: t.Any, tmp_path: pathlib.Path
) -> None:
    play = {
        **{"hosts": "localhost", "gather_facts": False},
        "vars_files": [str(PLAYBOOKS / "vars/asked.yml")],
        "tasks": [{"ansible.builtin.debug": {"msg": {key: f"{{{{ {key} }}}}" for key in ASKED}}}],
    }
    (tmp_path / "play.yml").write_text(yaml.safe_dump([play]))

    def asked(*values: object) -> dict[str, object]:
        """Where all of them have that value, or none has any."""
        given = {name: value for name in variable_names() for value in values}
        (tmp_path / "extravars").write_text(json.dumps(given))
        done = command(
            *("ansible-playbook", tmp_path / "play.yml", "-e", f"@{tmp_path}/extravars"),
            ANSIBLE_CALLBACK_RESULT_FORMAT="json",
        )
        assert done.returncode == 0, done.stdout
        _before, found = done.stdout.split("ok: [localhost] => ")
        return t.cast("dict[str, object]", json.JSONDecoder().raw_decode(found)[0]["msg"])

    nothing_given = asked()
    for empty in ("", [], None):
        assert asked(empty) == nothing_given
    assert nothing_given["asked_lock_seconds"] == 600
    assert (nothing_given["asked_share"], asked(0)["asked_share"]) == (100, 0)
    assert asked("x") == dict.fromkeys(ASKED, "x")


def test_nobody_is_asked_anything_while_a_playbook_runs() -> None:
    """AWX has nobody who would answer."""
    roles = PLAYBOOKS.parent.glob("roles/*/*/*.yml")
    for path in (*TASKS, *roles):
        assert not re.search(r"vars_prompt|ansible\.builtin\.pause|prompt:", path.read_text()), path
