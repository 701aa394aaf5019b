# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This plugin util is PRIVATE to the collection.
"""Run our modules from a copy of our code that a host keeps, so that it is sent and compiled once.

Ansible packs a module anew in each run, and the host compiles all of it anew at each call: more than
half a second of each step of a release, in which nothing is released. Everything else stays Ansible's:
connection, become, environment, pipelining, arguments and results. Where the copy cannot be used, the
module is sent as any other.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import io
import json
import pathlib
import tarfile
import typing as t

import ansible.module_utils
from ansible.errors import AnsibleActionFail
from ansible.executor.module_common import _BuiltModule
from ansible.module_utils.common.json import Direction, get_module_encoder
from ansible.plugins.action import ActionBase
from ansible.release import __version__ as ansible_version
from ansible.utils.display import Display

from ansible_collections.tagadodo.deploy.plugins.plugin_utils import _launcher

OURS = "tagadodo.deploy."
PROFILE = "legacy"  # how Ansible writes arguments and results of modules
PLUGINS = pathlib.Path(__file__).resolve().parent.parent
PACKAGE = "ansible_collections/tagadodo/deploy/plugins"
FOLDERS = ("module_utils", "modules")
KUBERNETES = "kubernetes"
# Modules that work on a cluster as on a host.
ON_CLUSTERS = {
    "health_check",
    "instances",
    "ledger_info",
    "migration",
    "release",
    "release_begin",
    "release_control",
    "release_end",
    "release_evidence",
    "release_info",
    "traffic_shift",
}
# Modules that look from where they run, and not at what runs there.
LOOKERS = {"certificate_info", "checklist_info"}
# What no module of ours imports, and is much.
LEFT_OUT = {"facts", "powershell", "csharp"}

Data = t.Dict[str, t.Any]

display = Display()


class HostAction(ActionBase):
    """For actions that run our modules."""

    _archive = ""  # the code, where it is sent with the next call
    _as_any_other = False  # whether modules are sent as Ansible sends them

    def _execute_module(self, *args: t.Any, **kwargs: t.Any) -> Data:
        kwargs = self._for_platform(kwargs)
        answer: Data = super()._execute_module(*args, **kwargs)
        if _launcher.MISSING in answer:
            self._archive = _archive()
            answer = super()._execute_module(*args, **kwargs)
            self._archive = ""
        if _launcher.MISSING in answer:
            display.vv(f"no copy of our code is kept: {answer[_launcher.MISSING]}")
            self._as_any_other = True
            answer = super()._execute_module(*args, **kwargs)
        return answer

    def _for_platform(self, call: Data) -> Data:
        """A call with the cluster that it is for, where a host of the inventory stands for one.

        Raises:
            AnsibleActionFail: the module is for hosts alone.
        """
        variables = call.get("task_vars") or {}
        platform = self._templar.template(variables.get("deploy_platform") or "docker")
        name = str(call.get("module_name") or self._task.action)
        ours = name[len(OURS) :] if name.startswith(OURS) else ""
        if platform != KUBERNETES or not ours or ours in LOOKERS or self._task.delegate_to:
            return call
        if ours not in ON_CLUSTERS:
            host = variables["inventory_hostname"]
            raise AnsibleActionFail(
                f"{ours} works on hosts with an engine, and {host} is a cluster (deploy_platform)"
            )
        described = self._templar.template(variables.get("deploy_kubernetes") or {})
        project = self._templar.template(variables["deploy_project"])
        arguments = call.get("module_args") or self._task.args
        return {**call, "module_args": {**arguments, "cluster": {**described, "project": project}}}

    def _configure_module(
        self, module_name: str, module_args: Data, task_vars: Data
    ) -> t.Tuple[t.Any, str]:
        interpreter = "" if self._as_any_other else self._interpreter(task_vars)
        if not interpreter or not module_name.startswith(OURS) or self._task.async_val:
            built: t.Tuple[t.Any, str] = super()._configure_module(
                module_name, module_args, task_vars
            )
            return built
        name = module_name[len(OURS) :]
        encoder = get_module_encoder(PROFILE, Direction.CONTROLLER_TO_MODULE)
        call = {
            "key": _key(),
            "module": f"{PACKAGE.replace('/', '.')}.modules.{name}",
            "profile": PROFILE,
            "params": json.dumps({"ANSIBLE_MODULE_ARGS": module_args}, cls=encoder),
            "archive": self._archive,
        }
        program = f"#!{interpreter}\n{_launcher_text()}\n\nlaunch(**{call!r})\n"
        module = _BuiltModule(
            b_module_data=program.encode(),
            module_style="new",
            shebang=f"#!{interpreter}",
            serialization_profile=PROFILE,
        )
        return module, str(PLUGINS / "modules" / f"{name}.py")

    def _interpreter(self, task_vars: Data) -> str:
        """The host's Python; empty where it is not known yet, and is found by the first ordinary module."""
        host = task_vars
        if self._task.delegate_to:
            host = task_vars["ansible_delegated_vars"][self._task.delegate_to]
        told = str(self._templar.template(host.get("ansible_python_interpreter") or "auto"))
        if told.startswith("auto"):
            found = (host.get("ansible_facts") or {}).get("discovered_interpreter_python")
            return str(found or "")
        return told


class ModuleAction(HostAction):
    """Runs the module that the task names."""

    _supports_check_mode = True
    _supports_diff = True

    def run(self, tmp: t.Optional[str] = None, task_vars: t.Optional[Data] = None) -> Data:
        result: Data = super().run(tmp, task_vars)
        result.update(self._execute_module(task_vars=task_vars))
        return result


@functools.lru_cache(maxsize=1)
def _launcher_text() -> str:
    return pathlib.Path(str(_launcher.__file__)).read_text(encoding="utf-8")


@functools.lru_cache(maxsize=1)
def _key() -> str:
    """Another one for any other code: 16 hexadecimal digits, after Ansible's version."""
    digest = hashlib.sha256()
    for path in _our_files():
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return f"{ansible_version}-{digest.hexdigest()[:16]}"


def _our_files() -> t.List[pathlib.Path]:
    return [path for folder in FOLDERS for path in sorted((PLUGINS / folder).glob("*.py"))]


@functools.lru_cache(maxsize=1)
def _archive() -> str:
    """Our modules and what they import of Ansible."""
    ansible_utils = pathlib.Path(str(ansible.module_utils.__file__)).parent
    parts = PACKAGE.split("/")
    packages = ["/".join(parts[:level]) for level in range(1, len(parts) + 1)]
    packages += [f"{PACKAGE}/{folder}" for folder in FOLDERS]
    theirs = [path.relative_to(ansible_utils) for path in sorted(ansible_utils.rglob("*.py"))]
    return pack(
        {
            "ansible/__init__.py": f"__version__ = {ansible_version!r}\n".encode(),
            # Without these a collection that is installed on the host would be found instead.
            **{f"{package}/__init__.py": b"" for package in packages},
            **{
                f"ansible/module_utils/{path.as_posix()}": (ansible_utils / path).read_bytes()
                for path in theirs
                if not LEFT_OUT.intersection(path.parts)
            },
            **{
                f"{PACKAGE}/{path.parent.name}/{path.name}": path.read_bytes()
                for path in _our_files()
            },
        }
    )


def pack(files: t.Mapping[str, bytes]) -> str:
    """Files by their path, as the launcher takes them: base64 of a compressed tar."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz", compresslevel=6) as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return base64.b64encode(packed.getvalue()).decode()


# Here, in the process that each task is a fork of: no task reads all files again.
_key()
_launcher_text()
