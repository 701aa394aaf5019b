# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the collection can say: the texts in its Python, its playbooks and its roles."""

from __future__ import annotations

import ast
import functools
import pathlib
import re
import typing as t

import yaml

ROOT = pathlib.Path(__file__).resolve().parents[3]
GAP = "\0"  # where a value is put in
LEFT_OUT = "…"  # where a page leaves it out


def normalised(text: str) -> str:
    return " ".join(text.split())


def gapped(text: str) -> str:
    """Normalised, with a gap where a format puts a value in, or the text itself leaves one out (``-e version=…``)."""
    return re.sub(r"\{\w+\}", GAP, normalised(text)).replace(LEFT_OUT, GAP)


@functools.lru_cache(maxsize=1)
def told() -> tuple[str, ...]:
    """Every text, with a gap for each value."""
    python = (path for path in (ROOT / "plugins").rglob("*.py"))
    yamls = (path for folder in ("playbooks", "roles") for path in (ROOT / folder).rglob("*.yml"))
    found = [text for path in python for text in _in_python(path)]
    found += [
        text
        for path in yamls
        if path.parent.name in ("playbooks", "tasks", "handlers", "vars")
        for text in _in_yaml(yaml.safe_load(path.read_text(encoding="utf-8")))
    ]
    return tuple(dict.fromkeys(map(gapped, found)))


def _in_python(path: pathlib.Path) -> t.Iterator[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    parts = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            parts.update(id(value) for value in node.values)
            yield "".join(
                str(value.value) if isinstance(value, ast.Constant) else GAP
                for value in node.values
            )
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in parts:
            yield node.value


def _in_yaml(value: t.Any) -> t.Iterator[str]:
    """Its texts as they are: what a template says stands in quotes inside it."""
    if isinstance(value, str):
        yield re.sub(r"\{\{ [^']*? \}\}", GAP, normalised(value))
    elif isinstance(value, dict):
        for one in value.values():
            yield from _in_yaml(one)
    elif isinstance(value, list):
        for one in value:
            yield from _in_yaml(one)


def can_be_told(quoted: str) -> bool:
    """Whether one text has all parts of what is quoted, in their order, and a value wherever one is left out.

    What is left out at an end may be anything.
    """
    inside = normalised(quoted).strip(f"{LEFT_OUT} ")
    parts = [re.escape(part) for part in inside.split(LEFT_OUT)]
    pattern = re.compile(f".*?{GAP}.*".join(parts))
    return bool(inside) and any(pattern.search(text) for text in told())
