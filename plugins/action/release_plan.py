# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plan a release from what every host reported, show the plan, and return its steps as data."""

from __future__ import annotations

import time
import typing as t

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

from ansible_collections.tagadodo.deploy.plugins.module_utils._plan import (
    Fleet,
    PlanError,
    ServicePlan,
    plan_deploy,
    plan_rollback,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._service import (
    Platform,
    ServiceError,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._steps import (
    Endpoint,
    current_text,
    planned_text,
    steps,
)
from ansible_collections.tagadodo.deploy.plugins.plugin_utils._hosts import host_view
from ansible_collections.tagadodo.deploy.plugins.plugin_utils._services import (
    named_services,
    parse_services,
    select_services,
)


class ActionModule(ActionBase):
    """See the documentation of the module of the same name."""

    _requires_connection = False
    _supports_check_mode = True
    _supports_diff = True

    def run(
        self, tmp: t.Optional[str] = None, task_vars: t.Optional[dict[str, t.Any]] = None
    ) -> dict[str, t.Any]:
        result = super().run(tmp, task_vars)
        args = self._task.args
        release = time.strftime("%Y%m%d-%H%M%S", time.gmtime())
        try:
            fleet = Fleet(
                app=tuple(host_view(name, args["hosts"][name]) for name in args["app"]),
                proxy=tuple(host_view(name, args["hosts"][name]) for name in args["proxy"]),
            )
            plans = self._plans(fleet, release)
        except (PlanError, ServiceError) as error:
            raise AnsibleActionFail(str(error)) from error
        planned = planned_text(fleet, plans)
        for line in planned:
            Display().display(line)
        changes = any(plan.changes for plan in plans)
        return {
            **result,
            # A plan changes nothing; in check mode it stands for the steps that will not be taken.
            "changed": changes and bool(self._task.check_mode),
            "diff": {"before": current_text(plans), "after": "\n".join(planned) + "\n"},
            "release": release,
            "changes": changes,
            **steps(fleet, plans, self._platform(), Endpoint(**args["endpoint"])),
        }

    def _platform(self) -> Platform:
        return Platform(**self._task.args["platform"])

    def _plans(self, fleet: Fleet, release: str) -> list[ServicePlan]:
        args = self._task.args
        described = parse_services(args["services"])
        if args["kind"] == "rollback":
            return [
                plan_rollback(fleet, service, release, args.get("version") or None)
                for service in named_services(described, args.get("only"))
            ]
        chosen = select_services(described, args.get("only"), args.get("version"))
        return [
            plan_deploy(
                fleet,
                service,
                self._platform(),
                service.settings["version"],
                release,
                first_only=args["kind"] == "first",
            )
            for service in chosen
        ]
