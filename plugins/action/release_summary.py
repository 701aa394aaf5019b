# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sum up a release that succeeded: what became live, how long it took, and by which verdicts."""

from __future__ import annotations

import time
import typing as t

from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

from ansible_collections.tagadodo.deploy.plugins.module_utils._describe import summary


class ActionModule(ActionBase):
    """See the documentation of the module of the same name."""

    _requires_connection = False
    _supports_check_mode = True

    def run(
        self, tmp: t.Optional[str] = None, task_vars: t.Optional[dict[str, t.Any]] = None
    ) -> dict[str, t.Any]:
        result = super().run(tmp, task_vars)
        plan = self._task.args["plan"]
        lines = summary(
            plan["services"],
            self._task.args.get("verdicts", []),
            time.time() - float(plan["began"]),
        )
        for line in lines:
            Display().display(line)
        return {**result, "changed": False, "lines": lines, "release": plan["release"]}
