# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This plugin util is PRIVATE to the collection.
"""Run a module on several hosts of the play from one task, at the same time and again and again.

A task runs on each host for itself; a gate needs all hosts' answers in one place every few seconds.
So one action plugin opens a connection to each host, with that host's own settings, and keeps it.
"""

from __future__ import annotations

import contextvars
import os
import typing as t
from concurrent.futures import ThreadPoolExecutor

from ansible import constants as C
from ansible.errors import AnsibleError
from ansible.module_utils.parsing.convert_bool import boolean
from ansible.plugins.action import ActionBase
from ansible.plugins.loader import become_loader, connection_loader

PER_THREAD = "AnsibleAccessContext"
OF_PLATFORM = ("deploy_platform", "deploy_kubernetes")  # of the inventory alone
AT_ONCE = 16  # hosts asked at the same time

Answer = t.Dict[str, t.Any]


class RemoteHosts:
    """The hosts of a play, each with a connection that is opened at its first use.

    Args:
        action: the plugin that runs, whose task gives become, timeout and the like.
        variables: its ``task_vars``.
        names: hosts of the inventory.
    """

    def __init__(
        self, action: ActionBase, variables: t.Mapping[str, t.Any], names: t.Sequence[str]
    ) -> None:
        self._hosts = {name: _RemoteHost(action, variables, name) for name in names}

    def run(
        self, module: str, arguments: t.Mapping[str, t.Mapping[str, t.Any]]
    ) -> t.Dict[str, Answer]:
        """Run a module on each host with the arguments of that host.

        Returns:
            the module's result by host; ``failed`` and ``msg`` where a host cannot be reached.
        """
        contexts = [context_of_thread() for _name in arguments]
        with ThreadPoolExecutor(max_workers=AT_ONCE) as pool:
            futures = [
                pool.submit(context.run, self._hosts[name].run, module, given)
                for context, (name, given) in zip(contexts, arguments.items())
            ]
            return {name: future.result() for name, future in zip(arguments, futures)}

    def close(self) -> None:
        for host in self._hosts.values():
            host.close()


def context_of_thread() -> contextvars.Context:
    """Ansible's context of the task for another thread.

    It is a copy but for the stack of those who want to know what is read: Ansible makes one for each thread
    that has none, and breaks where two threads use the same.
    """
    context = contextvars.Context()
    for variable, value in contextvars.copy_context().items():
        if variable.name != PER_THREAD:
            context.run(variable.set, value)
    return context


class _RemoteHost:
    def __init__(self, action: ActionBase, variables: t.Mapping[str, t.Any], name: str) -> None:
        self._action = action
        self._variables = variables
        self._name = name
        self._opened: t.Optional[t.Tuple[ActionBase, dict[str, t.Any]]] = None

    def run(self, module: str, arguments: t.Mapping[str, t.Any]) -> Answer:
        try:
            if self._opened is None:
                self._opened = self._open()
            action, variables = self._opened
            return t.cast(
                Answer,
                action._execute_module(
                    module_name=module, module_args=dict(arguments), task_vars=variables
                ),
            )
        except AnsibleError as error:
            self.close()
            self._opened = None
            return {"failed": True, "unreachable": True, "msg": str(error)}

    def close(self) -> None:
        if self._opened is not None and self._opened[0] is not self._action:
            self._opened[0]._connection.close()

    def _open(self) -> t.Tuple[ActionBase, dict[str, t.Any]]:
        """A plugin like the running one, bound to a connection to this host."""
        if self._name == self._variables["inventory_hostname"]:
            return self._action, dict(self._variables)
        known = self._variables["hostvars"][self._name]
        task = self._action._task
        context = self._action._play_context.copy()
        context.remote_addr = known.get("ansible_host", self._name)
        name = known.get("ansible_connection") or task.connection
        connection = connection_loader.get(
            name, context, task_uuid=task._uuid, ansible_playbook_pid=str(os.getppid())
        )
        if connection is None:
            raise AnsibleError(f"{self._name}: the connection plugin {name} was not found")
        keys = {**task.dump_attrs(), "timeout": context.timeout, "password": context.password}
        del keys["retries"]
        connection.set_options(
            task_keys=keys, var_options=_options("connection", connection, known)
        )
        connection._shell.set_options(
            task_keys=keys, var_options=_options("shell", connection._shell, known)
        )
        if boolean(known.get("ansible_become", task.become) or False):
            become = become_loader.get(known.get("ansible_become_method") or task.become_method)
            keys["become_pass"] = context.become_pass
            become.set_options(task_keys=keys, var_options=_options("become", become, known))
            connection.set_become_plugin(become)
        # No other is read: one may need what only a play of that host has, such as a role's defaults.
        names = [name for name in known if name.startswith(("ansible_", "inventory_"))]
        names += [name for name in OF_PLATFORM if name in known]
        variables = {name: known[name] for name in names}
        variables["deploy_project"] = self._variables.get("deploy_project", "")
        action = type(self._action)(
            task,
            connection,
            context,
            self._action._loader,
            self._action._templar,
            self._action._shared_loader_obj,
        )
        return action, variables


def _options(kind: str, plugin: t.Any, variables: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    """The host's variables that set options of a plugin."""
    names = C.config.get_plugin_vars(kind, plugin._load_name)
    return {name: variables[name] for name in names if name in variables}
