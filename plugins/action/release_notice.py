# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tell people of a release, by whatever they have set; in nobody's way when that fails."""

from __future__ import annotations

import os
import socket
import time
import typing as t

from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

from ansible_collections.tagadodo.deploy.plugins.module_utils._notice import (
    EVENTS,
    STARTED,
    Notice,
    event_of,
    notice_of,
    one_line,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._report_words import LANGUAGES, Words
from ansible_collections.tagadodo.deploy.plugins.plugin_utils._channels import CHANNELS
from ansible_collections.tagadodo.deploy.plugins.plugin_utils._origin import origin_of

ARGUMENTS = {
    "began": {"type": "bool", "default": False},
    "plan": {"type": "dict", "default": {}},
    "done": {"type": "str", "default": ""},
    "reason": {"type": "str", "default": ""},
    "said": {"type": "bool", "default": False},
    "held": {"type": "bool", "default": False},
    "project": {"type": "str", "required": True},
    "who": {"type": "str", "default": ""},
    "language": {"type": "str", "choices": sorted(LANGUAGES), "default": "en"},
    "events": {"type": "list", "elements": "str", "choices": list(EVENTS), "default": list(EVENTS)},
    "channels": {"type": "dict", "required": True},
}


class ActionModule(ActionBase):
    """See the documentation of the module of the same name."""

    _supports_check_mode = True

    def run(
        self, tmp: t.Optional[str] = None, task_vars: t.Optional[dict[str, t.Any]] = None
    ) -> dict[str, t.Any]:
        result = super().run(tmp, task_vars)
        _validated, args = ActionBase.validate_argument_spec(self, ARGUMENTS)
        notice = _notice(args, task_vars or {})
        wanted = notice.event in args["events"]
        silent = not wanted or bool(self._task.check_mode)
        channels = {} if silent else args["channels"]
        told, problems = [], []
        for name in [name for name in CHANNELS if channels.get(name)]:
            problem = self._tell(name, notice, channels[name], task_vars or {})
            if problem:
                problems.append(f"{name}: {problem}")
                Display().warning(f"nobody was told by {name}: {problem}")
            else:
                told.append(name)
        if told:
            Display().display(f"Told by {', '.join(told)}: {notice.title}")
        event = notice.event
        return {**result, "changed": False, "event": event, "told": told, "problems": problems}

    def _tell(
        self,
        name: str,
        notice: Notice,
        settings: t.Mapping[str, t.Any],
        variables: dict[str, t.Any],
    ) -> str:
        """Why it could not be told; empty where it was. Whatever goes wrong, no release fails for it."""
        try:
            module, arguments = CHANNELS[name](notice, settings)
            answer = self._execute_module(
                module_name=module, module_args=arguments, task_vars=variables
            )
        except Exception as error:
            return one_line(str(error))
        if answer.get("failed"):
            return one_line(str(answer.get("msg", "no reason given")))
        return ""


def _notice(args: t.Mapping[str, t.Any], variables: dict[str, t.Any]) -> Notice:
    plan = args["plan"]
    event = (
        STARTED
        if args["began"]
        else event_of(plan, args["done"], args["reason"], args["said"], args["held"])
    )
    if not event:
        return Notice("", "")
    return notice_of(
        Words(args["language"]),
        event,
        plan,
        project=args["project"],
        who=args["who"],
        origin=origin_of(variables, os.environ, socket.gethostname()),
        reason=args["reason"],
        seconds=time.time() - float(plan["began"]) if plan.get("began") else 0.0,
    )
