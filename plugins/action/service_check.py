# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Check what was asked for on the controller, before any host is touched."""

from __future__ import annotations

import gc
import io
import sys
import typing as t

from ansible import context
from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible.utils.vars import load_extra_vars

from ansible_collections.tagadodo.deploy.plugins.filter import services as _filters
from ansible_collections.tagadodo.deploy.plugins.module_utils._checklist import (
    AFTER,
    BEFORE,
    DURING,
    ChecklistError,
    asked,
    attested,
    policy_of,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._cluster import (
    Cluster,
    ClusterError,
    check_fits,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._service import (
    Installation,
    Place,
    Service,
    ServiceError,
    access_log,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._strategy import is_watched
from ansible_collections.tagadodo.deploy.plugins.plugin_utils._checklist_here import checks_of
from ansible_collections.tagadodo.deploy.plugins.plugin_utils._command_line import (
    CommandLineError,
    check_command_line,
)
from ansible_collections.tagadodo.deploy.plugins.plugin_utils._services import (
    check_version_is_text,
    check_versions,
    named_services,
    parse_services,
    select_services,
    service_options,
)

# The process that imports this is the one that prints, and that each task is a fork of. What is loaded here is
# not loaded again by each of them.
PRELOADED = (_filters, service_options())
# Neither it nor its forks look again at what is there by now, and a page that nobody writes to is shared.
gc.freeze()
# Ansible does not flush. In a pipe, as in the log of a pipeline, progress would be seen when 8 kB of it are full.
if isinstance(sys.stdout, io.TextIOWrapper):
    sys.stdout.reconfigure(line_buffering=True)

ARGUMENTS = {
    "services": {"type": "dict"},
    "only": {"type": "raw"},
    "version": {"type": "raw"},
    "release": {"type": "bool", "default": True},
    "allowed_versions": {"type": "dict", "default": {}},
    "project": {"type": "str", "default": ""},
    "platform": {"type": "str", "choices": ["docker", "kubernetes"], "default": "docker"},
    "cluster": {"type": "dict", "default": {}},
    "registry": {"type": "str", "default": ""},
    "places": {"type": "dict", "default": {}},
    "log_dir": {"type": "str", "default": ""},
    "secret_problems": {"type": "list", "elements": "str", "default": []},
    "checklist": {
        "type": "dict",
        "options": {
            "policy": {"type": "raw"},
            "checks": {"type": "raw"},
            "attest": {"type": "raw"},
            "whole": {"type": "bool", "default": False},
        },
    },
}
# Nodes of a cluster are no hosts of the inventory, and are not asked for these.
OF_NODES = ("disk", "clock")
# Checks that hosts are asked for; what the others hold may be a secret, and is for the controller.
OF_HOSTS = ("disk", "clock", "certificates", "backup", "monitoring")


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
            check_command_line(context.CLIARGS.get("extra_vars", ()), load_extra_vars(self._loader))
            checklist = _checklist(args["checklist"], args["platform"])
            described, chosen = _services(args)
        except (CommandLineError, ServiceError, ClusterError, ChecklistError) as error:
            raise AnsibleActionFail(str(error)) from error
        names = [service.name for service in chosen]
        return {
            **result,
            "changed": False,
            "names": names,
            "asked": _asked(args, described, chosen),
            "checklist": checklist,
        }


def _checklist(args: t.Mapping[str, t.Any] | None, platform: str) -> dict[str, t.Any]:
    """The items that are asked before a release and from then on, and what hosts are to look at for them.

    Raises:
        ChecklistError: the first mistake in the policy, in the checks, or in what is attested.
    """
    if args is None:
        return {"before": [], "after": [], "looks": {}}
    policy, checks = policy_of(args["policy"]), checks_of(args["checks"])
    attested(args["attest"])
    left_out = OF_NODES if platform == "kubernetes" else ()
    before = asked(policy, [BEFORE], args["whole"])
    return {
        "before": [name for name in before if name not in left_out],
        "after": asked(policy, [DURING, AFTER], args["whole"]),
        "looks": {name: dict(checks[name]) for name in OF_HOSTS},
    }


def _asked(
    args: t.Mapping[str, t.Any], described: t.Sequence[Service], chosen: t.Sequence[Service]
) -> dict[str, t.Any]:
    """What every host is asked about them before a release is planned."""
    places = {name: Place.parse(place) for name, place in args["places"].items()}
    installation = Installation(
        registry=args["registry"], places=places, kubernetes=args["platform"] == "kubernetes"
    )
    return {
        "runtimes": {service.name: service.runtime(installation) for service in described},
        "tags": [
            f"{service.repository(installation)}:{service.settings['version']}"
            for service in chosen
            if service.settings["version"]
        ],
        "logs": {
            service.name: access_log(args["log_dir"], service.name)
            for service in described
            if is_watched(service)
        },
    }


def _services(
    args: t.Mapping[str, t.Any],
) -> tuple[tuple[Service, ...], tuple[Service, ...]]:
    """The services that are described, and those of them that are asked for.

    Raises:
        ServiceError: the first mistake in a description or in what is asked for.
        ClusterError: the cluster is described wrongly, or a service does not fit into one.
    """
    check_version_is_text(args["version"], "version")
    if args["services"] is None:
        return (), ()
    services = parse_services(args["services"])
    chosen = named_services(services, args["only"])
    if args["release"]:
        chosen = select_services(services, args["only"], args["version"])
        check_versions(chosen, args["allowed_versions"])
    if args["platform"] == "kubernetes":
        Cluster.parse(args["cluster"], args["project"])
        check_fits(services, args["project"])
    for problem in args["secret_problems"]:
        raise ServiceError(problem)
    return services, chosen
