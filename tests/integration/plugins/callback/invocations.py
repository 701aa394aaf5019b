# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Write what a run did as JSON: remote module invocations per host, tasks in order, changes, failures, seconds."""

from __future__ import annotations

DOCUMENTATION = r"""
name: invocations
type: aggregate
short_description: Count remote module invocations
description: Writes a JSON report of a run to the file that E(INVOCATIONS_FILE) names.
"""

import json
import os
import time
import typing as t

from ansible.plugins.callback import CallbackBase

CONTROLLER_ONLY = {
    "debug",
    "fail",
    "assert",
    "meta",
    "set_fact",
    "include_role",
    "import_role",
    "include_tasks",
    "include_vars",
    "validate_argument_spec",
    "service_check",
    "release_checklist",
    "release_drift",
    "release_plan",
    "release_report",
    "release_status",
    "release_summary",
    # Its looks are remote, one every five seconds of watching; the budget counts what a deploy costs besides.
    "release_gate",
    "set_stats",
    "add_host",
    "group_by",
    "pause",
}


class CallbackModule(CallbackBase):
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "invocations"

    def __init__(self, *args: t.Any, **kwargs: t.Any) -> None:
        super().__init__(*args, **kwargs)
        self.report: dict[str, t.Any] = {"hosts": {}, "tasks": [], "failures": [], "seconds": {}}
        self._step, self._since = "", time.monotonic()

    def _count(self, result: t.Any) -> None:
        name = result.task.action.rpartition(".")[2]
        if name in CONTROLLER_ONLY:
            return
        host = self.report["hosts"].setdefault(
            result.host.get_name(), {"invocations": 0, "changed": 0}
        )
        host["invocations"] += 1
        host["changed"] += bool(result.result.get("changed"))
        self.report["tasks"].append(
            {
                "host": result.host.get_name(),
                "module": name,
                "task": result.task.get_name(),
                "changed": bool(result.result.get("changed")),
            }
        )

    def _next_step(self, name: str) -> None:
        """Steps of one name, as one in a loop has it, are added up."""
        now = time.monotonic()
        took = self.report["seconds"].get(self._step, 0.0) + now - self._since
        self.report["seconds"][self._step] = took
        self._step, self._since = name, now

    def v2_playbook_on_task_start(self, task: t.Any, is_conditional: bool) -> None:
        self._next_step(task.get_name().rpartition(" : ")[2])

    def v2_runner_on_ok(self, result: t.Any) -> None:
        if not result.task.loop or "results" not in result.result:
            self._count(result)

    def v2_runner_item_on_ok(self, result: t.Any) -> None:
        self._count(result)

    def v2_runner_on_failed(self, result: t.Any, ignore_errors: bool = False) -> None:
        self._count(result)
        self.report["failures"].append(
            {"task": result.task.get_name(), "msg": str(result.result.get("msg", ""))}
        )

    def v2_playbook_on_stats(self, stats: t.Any) -> None:
        self._next_step("")
        hosts = {host: stats.summarize(host) for host in stats.processed}
        self.report["recap"] = hosts
        with open(os.environ["INVOCATIONS_FILE"], "w", encoding="utf-8") as out:
            json.dump(self.report, out, indent=2)
