# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Show on one screen what every host reported."""

from __future__ import annotations

import typing as t

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

from ansible_collections.tagadodo.deploy.plugins.module_utils._plan import PlanError
from ansible_collections.tagadodo.deploy.plugins.module_utils._status import (
    known_services,
    screen,
)
from ansible_collections.tagadodo.deploy.plugins.plugin_utils._hosts import host_view
from ansible_collections.tagadodo.deploy.plugins.plugin_utils._services import as_names

ARGUMENTS = {"hosts": {"type": "dict", "required": True}, "only": {"type": "raw"}}


class ActionModule(ActionBase):
    """See the documentation of the module of the same name."""

    _requires_connection = False
    _supports_check_mode = True

    def run(
        self, tmp: t.Optional[str] = None, task_vars: t.Optional[dict[str, t.Any]] = None
    ) -> dict[str, t.Any]:
        result = super().run(tmp, task_vars)
        _validated, args = ActionBase.validate_argument_spec(self, ARGUMENTS)
        try:
            views = [host_view(name, report) for name, report in args["hosts"].items()]
        except PlanError as error:
            raise AnsibleActionFail(str(error)) from error
        only = as_names(args["only"])
        known = known_services(views)
        for name in only:
            if name not in known:
                told = f"known services: {', '.join(known)}" if known else "run site.yml first"
                raise AnsibleActionFail(f"service: no host knows {name}; {told}")
        lines = screen(views, only=only)
        for line in lines:
            Display().display(line)
        return {**result, "changed": False, "lines": lines}
