# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Render services as manifests for Kubernetes, on the controller and without a cluster."""

from __future__ import annotations

import pathlib
import typing as t

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

from ansible_collections.tagadodo.deploy.plugins.module_utils._cluster import (
    Cluster,
    ClusterError,
    check_fits,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._service import (
    SLOTS,
    Installation,
    ServiceError,
)
from ansible_collections.tagadodo.deploy.plugins.plugin_utils._render import Rendering, rendered
from ansible_collections.tagadodo.deploy.plugins.plugin_utils._rendered_files import (
    changed_files,
    check_ours,
    differences,
    found_files,
    stale_files,
    write_rendered,
)
from ansible_collections.tagadodo.deploy.plugins.plugin_utils._services import (
    parse_services,
    select_services,
)

ARGUMENTS = {
    "services": {"type": "dict", "required": True},
    "only": {"type": "raw"},
    "version": {"type": "raw"},
    "project": {"type": "str", "required": True},
    "registry": {"type": "str", "default": ""},
    "cluster": {"type": "dict", "default": {}},
    "directory": {"type": "str", "required": True},
    "slot": {"type": "str", "choices": list(SLOTS), "default": SLOTS[0]},
    "share": {"type": "int", "default": 100},
    "digest": {"type": "str", "default": ""},
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
        try:
            return {**result, **self._render(args)}
        except (ServiceError, ClusterError) as error:
            raise AnsibleActionFail(str(error)) from error
        except OSError as error:
            raise AnsibleActionFail(f"render_dir: {error}") from error

    def _render(self, args: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
        """
        Raises:
            ServiceError: a service is described wrongly, or is not there.
            ClusterError: the cluster is, or a service does not fit into one, or what is asked cannot be rendered.
            OSError: it cannot be written.
        """
        if not args["directory"]:
            raise ClusterError("render_dir: nothing says where to; give -e render_dir=manifests")
        services = parse_services(args["services"])
        chosen = select_services(services, args["only"], args["version"])
        check_fits(services, args["project"])
        directory = pathlib.Path(args["directory"]).expanduser().absolute()
        found = found_files(directory)
        rendering = Rendering(
            cluster=Cluster.parse(args["cluster"], args["project"]),
            installation=Installation(project=args["project"], registry=args["registry"]),
            found=found,
            **{key: args[key] for key in ("slot", "share", "digest")},
        )
        rendering.check(chosen)
        wanted = rendered(rendering, chosen, services)
        check_ours(directory, found, wanted)
        if not self._task.check_mode:
            write_rendered(directory, found, wanted)
        written, removed = sorted(changed_files(found, wanted)), stale_files(found, wanted)
        for service in chosen:
            told = f"{service.settings['version']} in {args['slot']}, {args['share']} %"
            Display().display(f"{service.name}: {told}: {directory / service.name}")
        return {
            "changed": bool(written or removed),
            "directory": str(directory),
            "written": written,
            "removed": removed,
            "diff": differences(directory, found, wanted),
        }
