# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plan a release from what every host reported, show the plan, and return its steps as data."""

from __future__ import annotations

import os
import re
import socket
import time
import typing as t
from dataclasses import replace

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

from ansible_collections.tagadodo.deploy.plugins.module_utils._join import plan_join
from ansible_collections.tagadodo.deploy.plugins.module_utils._plan import (
    Fleet,
    HostView,
    PlanError,
    ServicePlan,
    plan_deploy,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._report_words import LANGUAGES
from ansible_collections.tagadodo.deploy.plugins.module_utils._rollback import (
    plan_giving_up,
    plan_revert,
    plan_rollback,
    plan_rollbacks,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._service import (
    Installation,
    Place,
    ServiceError,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._steps import (
    Endpoint,
    current_text,
    planned_text,
    steps,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._surplus import (
    Surplus,
    by_host,
    described,
    surplus_of,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._timestamp import seconds_of
from ansible_collections.tagadodo.deploy.plugins.module_utils._undo import POLICIES
from ansible_collections.tagadodo.deploy.plugins.plugin_utils._hosts import host_view
from ansible_collections.tagadodo.deploy.plugins.plugin_utils._origin import origin_of
from ansible_collections.tagadodo.deploy.plugins.plugin_utils._services import (
    as_names,
    named_services,
    parse_services,
    select_services,
)

_ZONED = re.compile(r"(?:Z|[+-]\d\d:?\d\d)$")

ARGUMENTS = {
    "kind": {
        "type": "str",
        "choices": ["deploy", "first", "join", "rollback", "revert"],
        "default": "deploy",
    },
    "services": {"type": "dict", "required": True},
    "only": {"type": "raw"},
    "version": {"type": "str"},
    "given_up": {"type": "raw"},
    "who": {"type": "str", "default": ""},
    "language": {"type": "str", "choices": sorted(LANGUAGES), "default": "en"},
    "committed_at": {"type": "str", "default": ""},
    "migrations": {"type": "str", "choices": ["", *POLICIES], "default": ""},
    "images_kept": {"type": "int", "default": 0},
    "hosts": {"type": "dict", "required": True},
    "app": {"type": "list", "elements": "str", "required": True},
    "proxy": {"type": "list", "elements": "str", "required": True},
    "retired": {"type": "list", "elements": "str", "default": []},
    "installation": {
        "type": "dict",
        "required": True,
        "options": {
            "project": {"type": "str", "required": True},
            "registry": {"type": "str", "required": True},
            "subnet": {"type": "str", "required": True},
            "places": {"type": "dict", "default": {}},
            "kubernetes": {"type": "bool", "default": False},
        },
    },
    "endpoint": {
        "type": "dict",
        "required": True,
        "options": {
            "address": {"type": "str", "required": True},
            "https_port": {"type": "int", "required": True},
            "ca_file": {"type": "str", "default": ""},
            "token_file": {"type": "str", "default": ""},
            "log_dir": {"type": "str", "default": ""},
            "project": {"type": "str", "default": ""},
            "gateway": {"type": "bool", "default": False},
        },
    },
}


class ActionModule(ActionBase):
    """See the documentation of the module of the same name."""

    _requires_connection = False
    _supports_check_mode = True
    _supports_diff = True

    def run(
        self, tmp: t.Optional[str] = None, task_vars: t.Optional[dict[str, t.Any]] = None
    ) -> dict[str, t.Any]:
        result = super().run(tmp, task_vars)
        _validated, args = ActionBase.validate_argument_spec(self, ARGUMENTS)
        release = time.strftime("%Y%m%d-%H%M%S", time.gmtime())
        try:
            places = {
                name: Place.parse(place) for name, place in args["installation"]["places"].items()
            }
            installation = Installation(**{**args["installation"], "places": places})
            rehearsed = args["kind"] == "first" and bool(self._task.check_mode)
            fleet = replace(_fleet(args), rehearsed=rehearsed, places=places)
            plans = _plans(fleet, installation, args, release)
            surplus = _surplus(fleet, plans, args["images_kept"])
            planned = planned_text(fleet, plans) + described(surplus)
            given = steps(
                fleet,
                plans,
                installation,
                Endpoint(**args["endpoint"]),
                args["who"],
                args["migrations"],
                _notes(args, task_vars or {}),
            )
        except (PlanError, ServiceError, ValueError) as error:
            raise AnsibleActionFail(str(error)) from error
        changes = any(plan.changes for plan in plans)
        # A plan changes nothing; in check mode it stands for the steps that will not be taken.
        changed = changes and bool(self._task.check_mode)
        if planned and not (changed and self._task.diff):  # then it is shown as the diff
            _show(planned)
        return {
            **result,
            "changed": changed,
            "diff": {"before": current_text(plans), "after": "\n".join(planned) + "\n"},
            "release": release,
            "changes": changes,
            "began": time.time(),
            "surplus": by_host(surplus),
            **given,
        }


def _notes(args: t.Mapping[str, t.Any], variables: t.Mapping[str, t.Any]) -> dict[str, str]:
    """What the record of the release is to say for its report.

    Raises:
        ValueError: the time of the commit is none.
    """
    committed = args["committed_at"]
    if committed:
        _check_time(committed)
    return {
        "project": args["installation"]["project"],
        "language": args["language"],
        "origin": origin_of(variables, os.environ, socket.gethostname()),
        **({"committed_at": committed} if committed else {}),
    }


def _check_time(text: str) -> None:
    problem = f"committed_at: {text} is no time with a zone, such as 2026-11-24T15:14:20+01:00"
    try:
        seconds = seconds_of(text)
    except ValueError as error:
        raise ValueError(problem) from error
    if not _ZONED.search(text):
        raise ValueError(problem)
    if seconds > time.time() + 60:
        raise ValueError(f"committed_at: {text} is yet to come")


def _show(planned: t.Sequence[str]) -> None:
    """Show the plan under a heading of its own: that of the task may come after what it displays."""
    display = Display()
    display.banner("PLAN")
    for line in planned:
        display.display(line)


def _fleet(args: t.Mapping[str, t.Any]) -> Fleet:
    """
    Raises:
        PlanError: a host did not report, or none runs instances.
    """
    if not args["app"]:
        raise PlanError(
            "app: no host that runs instances takes part in this run; add one to the group, or to --limit"
        )
    app, proxy, retired = (_views(args, group) for group in ("app", "proxy", "retired"))
    return Fleet(app=app, proxy=proxy, retired=retired)


def _views(args: t.Mapping[str, t.Any], group: str) -> tuple[HostView, ...]:
    return tuple(host_view(name, args["hosts"].get(name, {})) for name in args[group])


def _surplus(fleet: Fleet, plans: t.Sequence[ServicePlan], keep: int) -> list[Surplus]:
    """The images that a release removes when it has ended; a way back and a repair remove none.

    Raises:
        PlanError: so many cannot be kept.
    """
    if keep < 0:
        raise PlanError(f"deploy_images_kept: {keep} is less than 0, which keeps all images")
    if not any(plan.action == "release" for plan in plans):
        return []
    return surplus_of(fleet, [plan.image for plan in plans], keep)


def _plans(
    fleet: Fleet, installation: Installation, args: t.Mapping[str, t.Any], release: str
) -> list[ServicePlan]:
    services = parse_services(args["services"])
    named = named_services(services, args["only"])
    data = args["migrations"]
    if args["kind"] == "join":
        joining = (plan_join(fleet, service) for service in named)
        return [plan for plan in joining if plan]
    if args["kind"] == "revert":
        return [plan_revert(fleet, service) for service in named]
    if args["kind"] == "rollback" and args["given_up"]:
        return plan_giving_up(fleet, named, release, as_names(args["given_up"]), data)
    if args["kind"] == "rollback":
        if not args["only"] and not args["version"]:
            return plan_rollbacks(fleet, named, release, data)
        version = args["version"] or None
        return [plan_rollback(fleet, service, release, version, data) for service in named]
    return [
        plan_deploy(
            fleet,
            service,
            installation,
            service.settings["version"],
            release,
            first_only=args["kind"] == "first",
            asked=bool(args["version"]),
        )
        for service in select_services(services, args["only"], args["version"])
    ]
