# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tell what runs otherwise than ledger and inventory say."""

from __future__ import annotations

import typing as t

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

from ansible_collections.tagadodo.deploy.plugins.module_utils._drift import (
    HEADINGS,
    Seen,
    drift,
    under_way,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._plan import Fleet, PlanError
from ansible_collections.tagadodo.deploy.plugins.module_utils._service import (
    Installation,
    Place,
    ServiceError,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._status import table
from ansible_collections.tagadodo.deploy.plugins.plugin_utils._hosts import host_view
from ansible_collections.tagadodo.deploy.plugins.plugin_utils._services import (
    named_services,
    parse_services,
)

ARGUMENTS = {
    "services": {"type": "dict", "required": True},
    "only": {"type": "raw"},
    "hosts": {"type": "dict", "required": True},
    "containers": {"type": "dict", "default": {}},
    "routes": {"type": "dict", "default": {}},
    "app": {"type": "list", "elements": "str", "required": True},
    "proxy": {"type": "list", "elements": "str", "required": True},
    "installation": {"type": "dict", "required": True},
    "fails": {"type": "bool", "default": False},
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
        places = {name: Place.parse(one) for name, one in args["installation"]["places"].items()}
        try:
            seen = _seen(args, places)
            services = parse_services(args["services"])
            named = named_services(services, args["only"])
        except (PlanError, ServiceError) as error:
            raise AnsibleActionFail(str(error)) from error
        only = {one.name for one in named} if args["only"] else ()
        installation = Installation(**{**args["installation"], "places": places})
        found = drift(seen, services, installation, only)
        lines = table(HEADINGS, [one.row for one in found]) if found else ["Nothing has drifted."]
        lines += under_way(seen.fleet, named)
        for line in lines:
            Display().display(line)
        told = [f"{one.where}: {one.told}" for one in found]
        if args["fails"] and told:
            raise AnsibleActionFail(f"it has drifted: {'; '.join(told)}")
        return {**result, "changed": False, "lines": lines, "differences": told}


def _seen(args: t.Mapping[str, t.Any], places: t.Mapping[str, Place]) -> Seen:
    """
    Raises:
        PlanError: a host did not report.
    """
    app, proxy = (
        tuple(host_view(name, args["hosts"].get(name, {})) for name in args[group])
        for group in ("app", "proxy")
    )
    containers = {name: one.get("observed", {}) for name, one in args["containers"].items()}
    return Seen(Fleet(app=app, proxy=proxy, places=places), containers, args["routes"])
