# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Take the lock of a host for this run: wait for another run, or know that it has ended."""

from __future__ import annotations

import os
import socket
import time
import typing as t
import uuid

from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

from ansible_collections.tagadodo.deploy.plugins.plugin_utils._process import (
    has_ended,
    name_process,
)

POLL = 2.0  # seconds between two tries
TELL = 15.0  # seconds between two lines about waiting

Data = t.Dict[str, t.Any]


class ActionModule(ActionBase):
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
        result.update(self._take(arguments, host, variables))
        if result.get("taken_over"):
            Display().warning(f"{host}: took over the lock of a dead run: {result['taken_over']}")
        for problem in result.get("damaged", ()):
            Display().warning(f"{host}: {problem}")
        return result

    def _take(self, arguments: Data, host: str, variables: Data) -> Data:
        deadline = time.monotonic() + int(arguments.get("lock_wait") or 0)
        told = float("-inf")
        while True:
            answer = self._execute_module(module_args=arguments, task_vars=variables)
            holder = answer.get("holder") or {}
            if not (answer.get("failed") and holder):
                return t.cast(Data, answer)
            if has_ended(holder["process"]) and holder["token"] not in arguments.get("dead", ()):
                arguments["dead"] = [*arguments.get("dead", ()), holder["token"]]
                continue
            # Nobody need be asked for more time to see the last work of a dead run end.
            grace = 0 if holder["token"] not in arguments.get("dead", ()) else 60
            if time.monotonic() >= deadline + grace:
                return t.cast(Data, answer)
            if time.monotonic() - told >= TELL:
                Display().display(f"{host}: waiting: {answer['msg'].partition(';')[0]}")
                told = time.monotonic()
            time.sleep(POLL)
