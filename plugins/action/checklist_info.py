# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Look at a host for the checklist, and compare its clock with this machine's."""

from __future__ import annotations

import time
import typing as t

from ansible_collections.tagadodo.deploy.plugins.module_utils._checklist_looks import clock_finding
from ansible_collections.tagadodo.deploy.plugins.plugin_utils._host_action import HostAction

Data = t.Dict[str, t.Any]


class ActionModule(HostAction):
    """See the documentation of the module of the same name."""

    _supports_check_mode = True
    _supports_diff = False

    def run(self, tmp: t.Optional[str] = None, task_vars: t.Optional[Data] = None) -> Data:
        result: Data = super().run(tmp, task_vars)
        asked = self._task.args.get("clock")
        sent = time.time()
        answer = self._execute_module(task_vars=task_vars)
        received = time.time()
        if "now" in answer and asked is not None and not asked.get("server"):
            offset = apart(float(answer["now"]), sent, received)
            most = float(asked.get("maximum_seconds", 2))
            found = clock_finding(offset, most, "the controller")
            answer["findings"] = [*answer["findings"], found.as_data()]
        return {**result, **answer}


def apart(there: float, sent: float, received: float) -> float:
    """Seconds that a clock is surely ahead, or behind (less than 0), which was read between two times of this one."""
    return there - received if there > received else min(0.0, there - sent)
