#!/usr/bin/python
# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: scheduled_program
version_added: 0.2.0
short_description: Put a program on a host that its schedule runs
description:
  - Writes the code that a module of this collection runs into a directory that Python can run, so that what the
    schedule does is what a playbook does. It came to the host with this module.
extends_documentation_fragment:
  - tagadodo.deploy._deploy.CHANGES
options:
  program:
    description:
      - V(backup) makes a backup, as M(tagadodo.deploy.backup) does.
      - V(certificates) renews the certificates that are due, as M(tagadodo.deploy.certificates) does.
      - V(facts) writes what Prometheus is to know of the host, for P(tagadodo.deploy.monitoring#role).
    type: str
    choices: [backup, certificates, facts]
    required: true
  path:
    description: Directory of the program. It is run as C(python3 DIRECTORY SETTINGS.json).
    type: path
    required: true
author:
  - Taga Dodo deploy contributors (@tagadodo)
"""

EXAMPLES = r"""
---
- name: Put the program there
  tagadodo.deploy.scheduled_program:
    program: backup
    path: /usr/local/lib/tagadodo-backup
"""

RETURN = r"""
written:
  description: Files that changed, below O(path).
  returned: success
  type: list
  elements: str
  sample: [__main__.py]
"""

import ast
import importlib
import os
import pathlib
import typing as t

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.tagadodo.deploy.plugins.module_utils import (
    _backup_program,
    _certificates_program,
    _facts_program,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._documents import write_whole

PROGRAMS = {
    "backup": _backup_program.__name__,
    "certificates": _certificates_program.__name__,
    "facts": _facts_program.__name__,
}
PACKAGE = _backup_program.__name__.rpartition(".")[0]
START = '''"""What the schedule runs: ``python3 DIRECTORY SETTINGS.json``. What does it is below this directory."""

import sys

from {module} import main

raise SystemExit(main(sys.argv[1:]))
'''


def program(name: str) -> dict[str, str]:
    """Every file by its path: what starts it, and all it imports of ours, whatever this process has imported."""
    sources = {"__main__.py": START.format(module=PROGRAMS[name])}
    wanted = [PROGRAMS[name]]
    while wanted:
        module = wanted.pop()
        path = f"{module.replace('.', '/')}.py"
        if path not in sources:
            sources[path] = _source(module)
            wanted += _imports(sources[path])
    return sources


def _source(name: str) -> str:
    loader: t.Any = importlib.import_module(name).__loader__
    text: str = loader.get_source(name)
    return text


def _imports(text: str) -> t.Iterator[str]:
    """Names of our module utils that a source imports, at its head or later."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ImportFrom) and node.module == PACKAGE:
            yield from (f"{PACKAGE}.{imported.name}" for imported in node.names)
        elif isinstance(node, ast.ImportFrom) and str(node.module).startswith(f"{PACKAGE}."):
            yield str(node.module)


def put(wanted: str, path: str, dry: bool) -> list[str]:
    """Write the files of a program that differ, readable by all; returns them."""
    root, changed = pathlib.Path(path), []
    for name, text in sorted(program(wanted).items()):
        file = root / name
        if file.exists() and file.read_text(encoding="utf-8") == text:
            continue
        changed.append(name)
        if not dry:
            os.makedirs(file.parent, mode=0o755, exist_ok=True)
            write_whole(file, text, mode=0o644)
    return changed


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "program": {"type": "str", "choices": sorted(PROGRAMS), "required": True},
            "path": {"type": "path", "required": True},
        },
        supports_check_mode=True,
    )
    os.umask(0o022)
    try:
        written = put(module.params["program"], module.params["path"], module.check_mode)
    except OSError as error:
        module.fail_json(msg=f"{error.filename}: {error.strerror}", exception=None)
    module.exit_json(
        changed=bool(written), written=written, diff={"before": "", "after": "\n".join(written)}
    )


if __name__ == "__main__":
    main()
