# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pathlib
import time
import typing as t

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

from ansible_collections.tagadodo.deploy.plugins.module_utils._documents import write_whole
from ansible_collections.tagadodo.deploy.plugins.module_utils._release_report import reports_of
from ansible_collections.tagadodo.deploy.plugins.module_utils._report_files import (
    Texts,
    report_files,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._report_parts import INDEX
from ansible_collections.tagadodo.deploy.plugins.module_utils._report_words import LANGUAGES
from ansible_collections.tagadodo.deploy.plugins.plugin_utils._ledgers import together

ARGUMENTS = {
    "ledgers": {"type": "list", "elements": "dict", "required": True},
    "directory": {"type": "str", "required": True},
    "language": {"type": "str", "choices": ["", *sorted(LANGUAGES)], "default": ""},
    "required": {"type": "bool", "default": True},
}
MODE = 0o644  # of this machine's user, who may want to show them


class ActionModule(ActionBase):
    """See the documentation of the module of the same name."""

    _requires_connection = False
    _supports_check_mode = True
    _supports_diff = True

    def run(
        self, tmp: t.Optional[str] = None, task_vars: t.Optional[dict[str, t.Any]] = None
    ) -> dict[str, t.Any]:
        result = super().run(tmp, task_vars)
        _validated, args = ActionBase.validate_argument_spec(self, ARGUMENTS)
        try:
            return {**result, **self._report(args)}
        # A report is told by nothing but itself: no release fails for it.
        except Exception as error:
            problem = f"reports: {_line(error)}"
            if args["required"]:
                raise AnsibleActionFail(problem) from error
            Display().warning(problem)
            return {**result, "changed": False, "index": "", "written": []}

    def _report(self, args: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
        """
        Raises:
            OSError: they cannot be written.
            ValueError: nothing says where to, or no host knows what was released.
        """
        if not args["directory"]:
            raise ValueError("nothing says where to; set deploy_report_dir, for example to reports")
        directory = pathlib.Path(args["directory"]).expanduser().absolute()
        reports = reports_of(together(args["ledgers"]))
        files = report_files(reports, time.time(), args["language"])
        changed = {name: text for name, text in files.items() if _text(directory / name) != text}
        if not self._task.check_mode:
            _write(directory, changed)
        index = str(directory / f"{INDEX}.html")
        Display().display(f"Reports of all releases ({len(reports)}): {index}")
        return {
            "changed": bool(changed),
            "index": index,
            "written": sorted(changed),
            "diff": {"before": "", "after": "".join(f"{name}\n" for name in sorted(changed))},
        }


def _text(path: pathlib.Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return ""


def _write(directory: pathlib.Path, files: Texts) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        write_whole(directory / name, text, MODE, lasting=False)


def _line(error: Exception) -> str:
    told = str(error) if isinstance(error, (OSError, ValueError)) else repr(error)
    return " ".join(told.split())
