# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Write docs/plugins.md: every module and filter, as ansible-doc knows it.

With --check nothing is written: ends with 1 where the page is not what would be written.
"""

from __future__ import annotations

import argparse
import functools
import json
import pathlib
import subprocess
import sys
import typing as t

import role_docs

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs/plugins.md"
COLLECTION = "tagadodo.deploy"
ROLES = "../roles"  # from the page
HEAD = f"""# Modules and filters

<!-- Written by scripts/lib/plugin_docs.py from the plugins' own documentation: change it there. -->

The playbooks call them; you need this page for playbooks of your own, where each name has `{COLLECTION}.` before it.
`ansible-doc {COLLECTION}.NAME` has examples too.
"""

Doc = t.Mapping[str, t.Any]


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--check", action="store_true", help="write nothing, tell what is stale")
    wanted = arguments.parse_args()
    text = render()
    if PAGE.exists() and PAGE.read_text(encoding="utf-8") == text:
        return 0
    if wanted.check:
        print("docs/plugins.md is stale: run scripts/lib/plugin_docs.py")
        return 1
    PAGE.write_text(text, encoding="utf-8")
    return 0


def render() -> str:
    """The page."""
    kinds = {"module": "Modules", "filter": "Filters"}
    found = {kind: _documented(kind) for kind in kinds}
    lines = [HEAD]
    for kind, title in kinds.items():
        lines += [f"## {title}", "", "| | |", "| --- | --- |"]
        lines += [
            f"| [`{name}`](#{name}) | {_prose(one['doc']['short_description'])} |"
            for name, one in found[kind].items()
        ]
        lines.append("")
    for name, one in (pair for kind in kinds for pair in found[kind].items()):
        lines += [f"## {name}", "", *_section(one), ""]
    return "\n".join(lines).rstrip() + "\n"


@functools.lru_cache(maxsize=None)
def _documented(kind: str) -> t.Dict[str, Doc]:
    """What ansible-doc says of all plugins of a kind, by their short names."""
    folder = ROOT / "plugins" / ("modules" if kind == "module" else kind)
    names = sorted(path.stem for path in folder.iterdir() if path.suffix in (".py", ".yml"))
    if kind == "filter":  # a file of Python may hold several, and others document them
        names = [name for name in names if _documents(folder, name)]
    program = pathlib.Path(sys.executable).parent / "ansible-doc"
    wanted = [f"{COLLECTION}.{name}" for name in names]
    done = subprocess.run(
        [str(program), "--type", kind, "--json", *wanted],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    told = t.cast(t.Mapping[str, Doc], json.loads(done.stdout))
    return {name: told[f"{COLLECTION}.{name}"] for name in names}


def _documents(folder: pathlib.Path, name: str) -> bool:
    source = folder / f"{name}.py"
    return not source.exists() or "DOCUMENTATION" in source.read_text(encoding="utf-8")


def _section(one: Doc) -> t.Iterator[str]:
    doc = one["doc"]
    yield f"{_prose(doc['short_description'])}."
    yield ""
    for text in role_docs.texts(doc.get("description")):
        yield f"- {_prose(text)}"
    check = doc.get("attributes", {}).get("check_mode")
    if check:
        told = " ".join(map(_prose, role_docs.texts(check.get("details"))))
        yield f"- Check mode: {check['support']}.{told and ' ' + told}"
    for title, options in (
        ("Option", _options(doc.get("options"))),
        ("Returned", _options(one.get("return"))),
    ):
        if options:
            last = "Default" if title == "Option" else ""
            yield from (
                "",
                f"| {title} | Type | {last} | What it is |",
                "| --- | --- | --- | --- |",
            )
            yield from role_docs.rows(options, roles=ROLES)


def _options(described: t.Optional[Doc]) -> t.Dict[str, Doc]:
    """As argument specs of roles have them."""
    return {
        name.lstrip("_"): {
            **spec,
            "options": _options(spec.get("suboptions") or spec.get("contains")),
        }
        for name, spec in (described or {}).items()
    }


def _prose(text: str) -> str:
    return role_docs.prose(text, ROLES)


if __name__ == "__main__":
    sys.exit(main())
