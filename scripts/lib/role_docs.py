# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Write each role's README.md from its meta/argument_specs.yml.

What stands below the line "<!-- by hand -->" of a README is kept. With --check nothing is written:
ends with 1 where a README is not what would be written, or where defaults/main.yml and the
argument specs do not say the same.
"""

from __future__ import annotations

import argparse
import json
import pathlib
import re
import sys
import typing as t

import yaml

ROLES = pathlib.Path(__file__).resolve().parents[2] / "roles"
BY_HAND = "<!-- by hand -->"
Spec = t.Mapping[str, t.Any]

_MACRO = re.compile(r"\b([BICVOMPE]|RV|U)\(((?:[^()\\]|\\.)*)\)")
_ROLE = re.compile(r"tagadodo\.deploy\.(\w+)#role")


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--check", action="store_true", help="write nothing, tell what is stale")
    arguments.add_argument("roles", nargs="*", help="names of roles, all if none is given")
    wanted = arguments.parse_args()
    complaints: t.List[str] = []
    for role in [ROLES / name for name in wanted.roles] or sorted(ROLES.iterdir()):
        if not (role / "meta" / "argument_specs.yml").exists():
            complaints.append(f"roles/{role.name} has no meta/argument_specs.yml")
            continue
        complaints += differing_defaults(role)
        readme = role / "README.md"
        text = render(role)
        if readme.exists() and readme.read_text() == text:
            continue
        if wanted.check:
            complaints.append(f"roles/{role.name}/README.md is stale: run scripts/lib/role_docs.py")
        else:
            readme.write_text(text)
    print("\n".join(complaints), end="\n" if complaints else "")
    return 1 if complaints else 0


def differing_defaults(role: pathlib.Path) -> t.List[str]:
    """What defaults/main.yml and the argument specs say differently."""
    defaults = _defaults(role)
    options = _specs(role).get("main", {}).get("options", {})
    specified = {name: _known(spec, name, defaults) for name, spec in options.items()}
    specified = {name: default for name, default in specified.items() if default is not None}
    return [
        f"roles/{role.name}: default of {name} is {_of(defaults, name)} in defaults/main.yml and "
        f"{_of(specified, name)} in meta/argument_specs.yml"
        for name in sorted({*defaults, *specified})
        if _of(defaults, name) != _of(specified, name)
    ]


def _defaults(role: pathlib.Path) -> Spec:
    file = role / "defaults" / "main.yml"
    return (yaml.safe_load(file.read_text()) or {}) if file.exists() else {}


def _known(spec: Spec, name: str, defaults: Spec) -> t.Any:
    """The default in the argument specs. They cannot have a template in place of a number."""
    if "default" in spec or spec.get("type", "str") not in ("int", "float"):
        return spec.get("default")
    default = defaults.get(name)
    return default if isinstance(default, str) and default.startswith("{{") else None


def _of(settings: Spec, name: str) -> str:
    return json.dumps(settings[name], sort_keys=True) if name in settings else "missing"


def render(role: pathlib.Path) -> str:
    """The README of a role."""
    lines = [
        f"# Role `tagadodo.deploy.{role.name}`",
        "",
        "<!-- Written by scripts/lib/role_docs.py from meta/argument_specs.yml: change it there. -->",
    ]
    for entry, spec in _specs(role).items():
        if entry != "main":
            lines += ["", f"## `{entry}`"]
        lines += ["", f"{prose(spec['short_description'])}.", ""]
        lines += [f"- {prose(text)}" for text in texts(spec.get("description"))]
        if spec.get("options"):
            lines += ["", "| Variable | Type | Default | What it is |", "| --- | --- | --- | --- |"]
            known = _defaults(role) if entry == "main" else {}
            options = {
                name: {**option, "default": default}
                if (default := _known(option, name, known)) is not None
                else option
                for name, option in spec["options"].items()
            }
            lines += rows(options)
    return "\n".join(lines) + "\n" + _by_hand(role / "README.md")


def _by_hand(readme: pathlib.Path) -> str:
    present = readme.read_text() if readme.exists() else ""
    _written, mark, kept = present.partition(f"\n{BY_HAND}\n")
    return f"\n{BY_HAND}\n{kept}" if mark else ""


def _specs(role: pathlib.Path) -> t.Mapping[str, Spec]:
    file = role / "meta" / "argument_specs.yml"
    return t.cast(t.Mapping[str, Spec], yaml.safe_load(file.read_text())["argument_specs"])


def rows(options: t.Mapping[str, Spec], above: str = "", roles: str = "..") -> t.Iterator[str]:
    """A row of Markdown for each option, those of groups after their group.

    Args:
        roles: where the directory of roles is, from the page.
    """
    for name, spec in options.items():
        what = " ".join(prose(text, roles) for text in texts(spec.get("description")))
        if spec.get("choices"):
            what += " One of " + ", ".join(_code(choice) for choice in spec["choices"]) + "."
        cells = (f"`{above}{name}`", _type(spec), _default(spec), what.replace("|", r"\|"))
        yield f"| {' | '.join(cells)} |"
        yield from rows(spec.get("options") or {}, f"{above}{name}.", roles)


def _type(spec: Spec) -> str:
    kind = str(spec.get("type", "str"))
    return f"{kind} of {spec['elements']}" if "elements" in spec else kind


def _default(spec: Spec) -> str:
    if spec.get("required"):
        return "**required**"
    return _code(spec["default"]) if "default" in spec else ""


def _code(value: t.Any) -> str:
    text = value if isinstance(value, str) and value else json.dumps(value, ensure_ascii=False)
    return f"`{text}`".replace("|", r"\|")


def texts(description: t.Any) -> t.List[str]:
    """A description's paragraphs."""
    return [description] if isinstance(description, str) else list(description or [])


def prose(text: str, roles: str = "..") -> str:
    """A paragraph in Markdown."""
    return _MACRO.sub(lambda found: _marked(found, roles), " ".join(text.split()))


def _marked(found: re.Match[str], roles: str) -> str:
    macro, content = found[1], re.sub(r"\\(.)", r"\1", found[2])
    role = _ROLE.fullmatch(content)
    if macro == "P" and role:
        return f"[`{role[1]}`]({roles}/{role[1]}/README.md)"
    if macro == "P":
        return f"`{content.partition('#')[0]}`"
    if macro in "BI":
        return f"*{content}*"
    return content if macro == "U" else f"`{content}`"


if __name__ == "__main__":
    sys.exit(main())
