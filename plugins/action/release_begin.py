# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Take the lock of a host for this run: wait for another run, or know that it has ended."""

from __future__ import annotations

import os
import pathlib
import socket
import time
import typing as t
import uuid

from ansible import constants as C
from ansible.utils.display import Display

from ansible_collections.tagadodo.deploy.plugins.plugin_utils._host_action import HostAction
from ansible_collections.tagadodo.deploy.plugins.plugin_utils._process import (
    has_ended,
    name_process,
)
from ansible_collections.tagadodo.deploy.plugins.plugin_utils._turn import Turn

POLL = 2.0  # seconds between two tries
TELL = 15.0  # seconds between two lines about waiting
GRACE = 60  # seconds in which the last work of a dead run ends
MARGIN = 120  # seconds that asking a host may take

Data = t.Dict[str, t.Any]


class ActionModule(HostAction):
    """See the documentation of the module of the same name."""

    _supports_check_mode = True
    _supports_diff = False

    def run(self, tmp: t.Optional[str] = None, task_vars: t.Optional[Data] = None) -> Data:
        result = super().run(tmp, task_vars)
        variables = task_vars or {}
        host = variables["inventory_hostname"]
        arguments = {
            **self._task.args,
            "who": f"{self._task.args['who']}@{socket.gethostname()}",
            "token": uuid.uuid4().hex,
            # This is a fork of the program that was typed, made for this task.
            "process": name_process(os.getppid()),
        }
        result.update(self._take_in_turn(arguments, host, variables))
        if result.get("taken_over"):
            Display().warning(f"{host}: took over the lock of a dead run: {result['taken_over']}")
        for problem in result.get("damaged", ()):
            Display().warning(f"{host}: {problem}")
        return result

    def _take_in_turn(self, arguments: Data, host: str, variables: Data) -> Data:
        """Take the lock of the first host before those of the others; a check takes none."""
        if self._task.check_mode:
            return self._take(arguments, host, variables)
        hosts = variables.get("ansible_play_hosts_all") or [host]
        turn = Turn(pathlib.Path(vars(C)["DEFAULT_LOCAL_TMP"]), self._task._uuid, host, hosts)
        problem = turn.wait(int(arguments.get("lock_wait") or 0) + GRACE + MARGIN)
        if problem:
            return {"failed": True, "msg": f"not asked, as the first host refused; {problem}"}
        answer: Data = {"failed": True, "msg": "the host cannot be reached"}
        try:
            answer = self._take(arguments, host, variables)
        finally:
            turn.done(str(answer.get("msg", "")) if answer.get("failed") else "")
        return answer

    def _take(self, arguments: Data, host: str, variables: Data) -> Data:
        deadline = time.monotonic() + int(arguments.get("lock_wait") or 0)
        told = float("-inf")
        while True:
            answer = self._execute_module(module_args=arguments, task_vars=variables)
            holder = answer.get("holder") or {}
            if not (answer.get("failed") and holder):
                return answer
            if has_ended(holder["process"]) and holder["token"] not in arguments.get("dead", ()):
                arguments["dead"] = [*arguments.get("dead", ()), holder["token"]]
                continue
            # Nobody need be asked for more time to see the last work of a dead run end.
            grace = 0 if holder["token"] not in arguments.get("dead", ()) else GRACE
            if time.monotonic() >= deadline + grace:
                return answer
            if time.monotonic() - told >= TELL:
                Display().display(f"{host}: waiting: {answer['msg'].partition(';')[0]}")
                told = time.monotonic()
            time.sleep(POLL)
