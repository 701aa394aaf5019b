# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What can be wrong about a page. Each check says so in a line for each mistake."""

from __future__ import annotations

import functools
import pathlib
import re
import shlex
import typing as t

import yaml
from documents import document_problems
from known import (
    ROOT,
    file_paths,
    inventory_names,
    rendered_names,
    role_options,
    typed_names,
)
from messages import GAP, can_be_told, told
from pages import Page, cell_codes, cell_text

from ansible_collections.tagadodo.deploy.plugins.plugin_utils._services import service_options

OPTIONS = {"-i", "-e", "--limit", "--tags", "--check", "--diff", "--ask-vault-pass"}
# Files that readers write, or have; and those that render.yml writes for them.
THEIRS = {"hosts.yml", "main.yml", "vault.yml", "docker-compose.yml", *rendered_names()}
MINE = "inventories/mine"  # which First deploy makes
LEAST = 6  # letters that a quoted message has; fewer could be said by anything

_FILE = re.compile(r"(?:[\w.-]+/)*[\w-]+\.ya?ml")
_SETTING = re.compile(r"[a-z_]+(\.[a-z_]+)*")
_PREFIXED = re.compile(r"(deploy|nginx|certbot|redis|mongodb|backup|docker|schedule)_[a-z_]+")
_ON_HOSTS = re.compile(r"/(?:var/lib|var/log|etc)/tagadodo(/\S+)")


def commands(page: Page) -> t.Iterator[str]:
    """Playbooks, inventories, options and variables of what is to be typed, in sessions and in lines of text."""
    in_lines = (code for code in page.codes if code.startswith("ansible-playbook "))
    for line in (*page.typed, *in_lines):
        words = shlex.split(line.replace("[", "").replace("]", ""))
        if words[0] == "ansible-playbook":
            yield from _played(line, words[1:])
        if words[0].startswith("./scripts/") and not (ROOT / words[0]).is_file():
            yield f"{line}: there is no {words[0]}"


def _played(line: str, words: t.Sequence[str]) -> t.Iterator[str]:
    former = ""
    for word in words:
        if former == "-e" and not word.startswith("@"):
            yield from (f"{line}: {problem}" for problem in _variables(word))
        elif former == "-i":
            if word not in (MINE, "…") and not (ROOT / word / "hosts.yml").exists():
                yield f"{line}: there is no {word}"
        elif word.startswith("-"):
            if word not in OPTIONS:
                yield f"{line}: {word} is not an option that these pages use"
        elif former in ("", *OPTIONS - {"--limit", "--tags"}) and not (ROOT / word).is_file():
            yield f"{line}: there is no {word}"
        former = word


def _variables(word: str) -> t.Iterator[str]:
    """Of ``name=value``, or of JSON with one name at its beginning."""
    name = re.match(r"\{?\"?(\w+)", word)
    if not name or name[1] not in typed_names():
        yield f"nothing takes the variable {name[1] if name else word}"


def codes(page: Page) -> t.Iterator[str]:
    """Files, variables and settings that are named in the text."""
    for code in page.codes:
        if code.startswith("-e "):
            yield from (f"{code}: {problem}" for problem in _variables(code[3:].strip("'")))
        elif _FILE.fullmatch(code):
            ours = any(f"/{path}".endswith(f"/{code}") for path in file_paths())
            if not ours and pathlib.Path(code).name not in THEIRS:
                yield f"{code}: there is no such file"
        elif _PREFIXED.fullmatch(code):
            if code not in typed_names() | inventory_names():
                yield f"{code}: no role has this setting"
        elif _SETTING.fullmatch(code) and code.partition(".")[0] in service_options():
            if not _is_setting(code.split(".")):
                yield f"{code}: a service has no such setting"
        else:
            yield from (f"{code}: {problem}" for problem in _said(code))


def _is_setting(path: t.Sequence[str]) -> bool:
    options: t.Mapping[str, t.Any] = service_options()
    for name in path:
        if name not in options:
            return False
        options = options[name].get("options", {})
    return True


def _said(code: str) -> t.Iterator[str]:
    """A setting with its value, such as ``strategy: canary``."""
    try:
        value = yaml.safe_load(code) if re.match(r"[a-z_]+: ", code) and "…" not in code else None
    except yaml.YAMLError:
        return
    if isinstance(value, dict) and not value.keys() - {*service_options(), *role_options()}:
        yield from document_problems(value)


def links(page: Page) -> t.Iterator[str]:
    """Relative links lead to files, and to headings of these."""
    for link in page.links:
        target, _hash, anchor = link.partition("#")
        if "://" in target or target.startswith("mailto:"):
            continue
        path = (page.path.parent / target).resolve() if target else page.path
        if not path.exists() and path != page.path:
            yield f"{link}: there is no such file"
        elif anchor and anchor not in (page if path == page.path else Page.read(path)).anchors:
            yield f"{link}: {path.name} has no such heading"


def messages(page: Page) -> t.Iterator[str]:
    """What tables of messages quote is said by something."""
    for head, *rows in page.tables:
        if cell_text(head[0]) != "message":
            continue
        for row in rows:
            quoted = cell_codes(row[0])
            if not quoted:
                yield f"{cell_text(row[0])}: quotes no message"
            for message in quoted:
                if sum(map(str.isalpha, message)) < LEAST or not can_be_told(message):
                    yield f"{message}: nothing says so"


def paths(page: Page) -> t.Iterator[str]:
    """Each part of a path on a host is a name that the collection uses; a service's name may be any."""
    typed = (word for line in page.typed for word in line.split())
    for path in (*page.codes, *typed):
        found = _ON_HOSTS.match(path)
        for part in found[1].strip("/").split("/") if found else ():
            if not _is_used(part.replace("backend", GAP)):
                yield f"{path}: nothing is called {part}"


def _is_used(name: str) -> bool:
    if name in (GAP, "green") or re.search(r"[<*]", name):
        return True
    return bool(re.search(rf"(?<!\w){re.escape(name)}(?!\w)", _everything()))


@functools.lru_cache(maxsize=1)
def _everything() -> str:
    files = (
        path.read_text(encoding="utf-8") for path in ROOT.glob("roles/*/*/*") if path.is_file()
    )
    return "\n".join([*told(), *files])


def blocks(page: Page) -> t.Iterator[str]:
    """Blocks of YAML can be read, and mean something to the collection."""
    for block in page.blocks:
        if block.language not in ("yaml", "yml"):
            continue
        try:
            document = yaml.safe_load(block.text)
        except yaml.YAMLError as error:
            yield f"a block is no YAML: {' '.join(str(error).split())}"
            continue
        yield from document_problems(document)


CHECKS = (commands, codes, links, messages, paths, blocks)
