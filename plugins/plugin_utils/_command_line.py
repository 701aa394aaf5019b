# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This plugin util is PRIVATE to the collection.
"""What was typed after ``-e``: a misspelt name or an empty value would release something else."""

from __future__ import annotations

import difflib
import typing as t

import yaml
from ansible.parsing.splitter import parse_kv

from ansible_collections.tagadodo.deploy.plugins.plugin_utils._playbooks import variable_names

FOR_EXAMPLE = {"version": "1.2.0", "service": "backend", "snapshot": "latest"}
NAMES = variable_names()
OTHERS = ("services",)  # near one of them, and known
NEAR = 0.85  # one letter too many or too few, even in a short name


class CommandLineError(Exception):
    """What was typed is refused; the text is one line and names the variable."""


def check_command_line(options: t.Sequence[str], variables: t.Mapping[str, object]) -> None:
    """Check the variables of the command line.

    An empty value in a file is none: AWX writes one for each question of a survey that was left open.

    Args:
        options: what was given to each ``-e``.
        variables: what all of them set, files included.

    Raises:
        CommandLineError: a name is nearly one of ours or missing, or a value is empty.
    """
    # So Ansible calls what has no =, and takes no notice of it.
    nameless = variables.get("_raw_params")
    if nameless:
        raise CommandLineError(f"{nameless}: it has no name; write for example version=1.2.0")
    for name in map(str, variables):
        near = _meant(name)
        if near:
            raise CommandLineError(f"{name}: not known; did you mean {near}?")
    typed = {name for option in options for name in _names_in(option)}
    for name, example in FOR_EXAMPLE.items():
        if name in typed and not str(variables[name] or "").strip():
            raise CommandLineError(
                f"{name}: it is empty; write one, for example {example}, or leave it out"
            )


def _meant(name: str) -> str:
    """The variable of ours whose name was misspelt; empty when none was."""
    if name in NAMES or name in OTHERS:
        return ""
    typed = name.lower()
    moved = [known for known in NAMES if sorted(known) == sorted(typed)]
    near = moved or difflib.get_close_matches(typed, NAMES, n=1, cutoff=NEAR)
    return near[0] if near else ""


def _names_in(option: str) -> t.Iterable[str]:
    """The variables that one ``-e`` sets by itself, not by a file."""
    if option.startswith("@"):
        return ()
    set_by = yaml.safe_load if option.startswith("{") else parse_kv
    return tuple(set_by(option))
