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
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from messages import GAP, can_be_told, told
from pages import Page, cell_codes, cell_text

from ansible_collections.tagadodo.deploy.plugins.module_utils._service import ServiceError
from ansible_collections.tagadodo.deploy.plugins.plugin_utils._command_line import NAMES
from ansible_collections.tagadodo.deploy.plugins.plugin_utils._services import (
    parse_services,
    service_options,
)

ROOT = pathlib.Path(__file__).resolve().parents[3]
OPTIONS = {"-i", "-e", "--limit", "--tags", "--check", "--diff", "--ask-vault-pass"}
# Files that readers write, or have.
THEIRS = {"hosts.yml", "main.yml", "vault.yml", "docker-compose.yml"}
MINE = "inventories/mine"  # which First deploy makes
LEAST = 6  # letters that a quoted message has; fewer could be said by anything
# What settings that are shown alone may stand beside.
MIGRATES = {"migrations": {"status": ["a"], "up": ["a"]}}

_USED = re.compile(r"\b([a-z]\w+) \| default\(")
_GROUPS = re.compile(r"(?m)^  hosts: \"?([\w:]+)|groups\['(\w+)'\]|'(\w+)' in group(?:s|_names)\b")
_FILE = re.compile(r"(?:[\w.-]+/)*[\w-]+\.ya?ml")
_SETTING = re.compile(r"[a-z_]+(\.[a-z_]+)*")
_PREFIXED = re.compile(r"(deploy|nginx|certbot|redis|mongodb|backup|docker|schedule)_[a-z_]+")
_ON_HOSTS = re.compile(r"/(?:var/lib|var/log|etc)/tagadodo(/\S+)")

Spec = t.Mapping[str, t.Any]


# --- what there is


@functools.lru_cache(maxsize=1)
def role_options() -> dict[str, Spec]:
    """Settings of all roles, by name."""
    options: dict[str, Spec] = {}
    for path in ROOT.glob("roles/*/meta/argument_specs.yml"):
        main = yaml.safe_load(path.read_text())["argument_specs"].get("main", {})
        options.update(main.get("options", {}))
    return options


def playbooks() -> t.Iterator[str]:
    """Their texts, with those of the tasks they share."""
    for pattern in ("playbooks/*.yml", "playbooks/*/*.yml"):
        yield from (path.read_text() for path in ROOT.glob(pattern))


@functools.lru_cache(maxsize=1)
def groups() -> set[str]:
    """Groups of inventories that playbooks speak of."""
    named = (one for text in playbooks() for found in _GROUPS.findall(text) for one in found)
    return {group for names in named for group in names.split(":") if group} - {"all"}


@functools.lru_cache(maxsize=1)
def typed_names() -> set[str]:
    """Variables that a command line may set: settings of roles, and what playbooks take."""
    used = {name for text in playbooks() for name in _USED.findall(text)}
    return {*NAMES, *role_options(), *used}


@functools.lru_cache(maxsize=1)
def inventory_names() -> set[str]:
    """Variables of the inventories that come with the collection."""
    files = ROOT.glob("inventories/*/group_vars/all/*.yml")
    shared = ROOT.glob("inventories/common/*.yml")
    return {name for path in (*files, *shared) for name in yaml.safe_load(path.read_text()) or {}}


@functools.lru_cache(maxsize=1)
def file_paths() -> tuple[str, ...]:
    """The YAML files of this repository, from its root."""
    folders = ("playbooks", "inventories", "roles", "examples", ".github", "meta", "molecule")
    paths = [*ROOT.glob("*.yml"), *(p for f in folders for p in (ROOT / f).rglob("*.yml"))]
    return tuple(str(path.relative_to(ROOT)) for path in paths)


# --- commands and variables


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
            yield from (f"{line}: {told}" for told in _variable(word.partition("=")[0]))
        elif former == "-i":
            if word not in (MINE, "…") and not (ROOT / word / "hosts.yml").exists():
                yield f"{line}: there is no {word}"
        elif word.startswith("-"):
            if word not in OPTIONS:
                yield f"{line}: {word} is not an option that these pages use"
        elif former in ("", *OPTIONS - {"--limit", "--tags"}) and not (ROOT / word).is_file():
            yield f"{line}: there is no {word}"
        former = word


def _variable(name: str) -> t.Iterator[str]:
    if name not in typed_names():
        yield f"nothing takes the variable {name}"


def codes(page: Page) -> t.Iterator[str]:
    """Files, variables and settings that are named in the text."""
    for code in page.codes:
        if code.startswith("-e "):
            yield from (f"{code}: {told}" for told in _variable(code[3:].partition("=")[0]))
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
            yield from (f"{code}: {told}" for told in _said(code))


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
        yield from _document(value)


# --- links


def links(page: Page, pages: t.Callable[[pathlib.Path], Page] = Page.read) -> t.Iterator[str]:
    """Relative links lead to files, and to headings of these."""
    for link in page.links:
        target, _hash, anchor = link.partition("#")
        if "://" in target or target.startswith("mailto:"):
            continue
        path = (page.path.parent / target).resolve() if target else page.path
        if not path.exists() and path != page.path:
            yield f"{link}: there is no such file"
        elif anchor and anchor not in (page if path == page.path else pages(path)).anchors:
            yield f"{link}: {path.name} has no such heading"


# --- messages


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


# --- paths on hosts


def paths(page: Page) -> t.Iterator[str]:
    """Each part of a path on a host is a name that the collection uses; a service's name may be any."""
    typed = (word for line in page.typed for word in line.split())
    for path in (*page.codes, *typed):
        found = _ON_HOSTS.match(path)
        for part in found[1].strip("/").split("/") if found else ():
            wanted = part.replace("backend", GAP)
            if wanted not in (GAP, "green") and not re.search(r"[<*]", part) and not _used(wanted):
                yield f"{path}: nothing is called {part}"


def _used(name: str) -> bool:
    return bool(re.search(rf"(?<!\w){re.escape(name)}(?!\w)", _everything()))


@functools.lru_cache(maxsize=1)
def _everything() -> str:
    files = (
        path.read_text(encoding="utf-8") for path in ROOT.glob("roles/*/*/*") if path.is_file()
    )
    return "\n".join([*told(), *files])


# --- YAML


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
        yield from _document(document)


def _document(document: t.Any) -> t.Iterator[str]:
    if not isinstance(document, dict):
        yield f"{document!r} is not a dictionary"
    elif "all" in document:
        yield from _inventory(document["all"])
    elif not document.keys() - service_options().keys():
        yield from _services({"one": {**_least(), **MIGRATES, **document}})
    else:
        if "services" in document:
            yield from _services(document["services"])
        yield from _variables({k: v for k, v in document.items() if k != "services"})


def _least() -> dict[str, t.Any]:
    return {"image": "tagadodo/one", "port": 3000, "hostnames": ["one.example.com"]}


def _services(described: dict[str, t.Any]) -> t.Iterator[str]:
    """By what a release checks them with; examples may leave out what is not their matter."""
    try:
        parse_services({name: {**_least_of(name), **one} for name, one in described.items()})
    except ServiceError as error:
        yield str(error)


def _least_of(name: str) -> dict[str, t.Any]:
    return {**_least(), "hostnames": [f"{name}.example.com"]}


def _variables(named: t.Mapping[str, t.Any]) -> t.Iterator[str]:
    for name, value in named.items():
        if name in role_options():
            spec = {name: {**role_options()[name], "required": False}}
            done = ArgumentSpecValidator(_without_types(spec)).validate({name: value})
            yield from (f"{name}: {told}" for told in done.error_messages)
        elif name not in inventory_names() and not name.startswith("vault_"):
            yield f"{name}: nothing takes this variable"


def _without_types(options: t.Mapping[str, Spec]) -> dict[str, t.Any]:
    """Only what an argument spec of a module knows of it."""
    known = ("type", "elements", "choices", "required")
    return {
        name: {
            **{key: spec[key] for key in known if key in spec},
            **({"options": _without_types(spec["options"])} if "options" in spec else {}),
        }
        for name, spec in options.items()
    }


def _inventory(described: t.Mapping[str, t.Any]) -> t.Iterator[str]:
    hosts = described.get("hosts", {})
    services = yaml.safe_load((ROOT / "inventories/common/services.yml").read_text())["services"]
    for group, one in described.get("children", {}).items():
        if group not in groups() | set(services):
            yield f"{group}: no group of this name means anything"
        for name in one["hosts"]:
            if name not in hosts:
                yield f"{group}: {name} is no host of it"
    variables = [described.get("vars", {}), *(one or {} for one in hosts.values())]
    for name in {name for one in variables for name in one}:
        if not name.startswith("ansible_") and name not in role_options():
            yield f"{name}: nothing takes this variable"


CHECKS = (commands, codes, links, messages, paths, blocks)
