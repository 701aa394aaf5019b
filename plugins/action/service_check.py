# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Check what was asked for on the controller, before any host is touched."""

from __future__ import annotations

import typing as t

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

from ansible_collections.tagadodo.deploy.plugins.module_utils._service import ServiceError
from ansible_collections.tagadodo.deploy.plugins.plugin_utils._services import (
    parse_services,
    select_services,
)

ARGUMENTS = {
    "services": {"type": "dict", "required": True},
    "only": {"type": "raw"},
    "version": {"type": "str"},
}


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
            chosen = select_services(
                parse_services(args["services"]), args["only"], args["version"]
            )
        except ServiceError as error:
            raise AnsibleActionFail(str(error)) from error
        return {**result, "changed": False, "names": [service.name for service in chosen]}
