# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Watch a step of a release on all hosts until there is a verdict, and show what is seen meanwhile."""

from __future__ import annotations

import itertools
import time
import typing as t

from ansible.errors import AnsibleActionFail
from ansible.utils.display import Display

from ansible_collections.tagadodo.deploy.plugins.module_utils._evidence import Look, one_round
from ansible_collections.tagadodo.deploy.plugins.module_utils._judging import (
    FIRST_INTERVALS,
    INTERVAL,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._watch import Watch
from ansible_collections.tagadodo.deploy.plugins.plugin_utils._host_action import HostAction
from ansible_collections.tagadodo.deploy.plugins.plugin_utils._hosts import looks_of_host
from ansible_collections.tagadodo.deploy.plugins.plugin_utils._remote import RemoteHosts

EVIDENCE = "tagadodo.deploy.release_evidence"
LOST_AFTER = 3  # rounds in a row in which a host did not answer


class ActionModule(HostAction):
    """See the documentation of the module of the same name."""

    _supports_check_mode = False
    _supports_diff = False

    def run(
        self, tmp: t.Optional[str] = None, task_vars: t.Optional[dict[str, t.Any]] = None
    ) -> dict[str, t.Any]:
        result = super().run(tmp, task_vars)
        variables = task_vars or {}
        hosts = RemoteHosts(self, variables, self._task.args["hosts"])
        try:
            watch = self._watch(_Looker(hosts, self._task.args, variables["groups"]))
        finally:
            hosts.close()
        return {
            **result,
            "changed": False,
            "problem": watch.problem,
            "held": watch.held,
            "verdicts": watch.as_data(),
            "rounds": watch.rounds,
        }

    def _watch(self, looker: _Looker) -> Watch:
        try:
            watch = Watch.of(self._task.args["services"])
        except ValueError as error:
            raise AnsibleActionFail(str(error)) from error
        for interval in itertools.chain(FIRST_INTERVALS, itertools.repeat(INTERVAL)):
            began = time.monotonic()
            look, control = looker.look()
            watch.take(look, control, looker.lost, time.time())
            for line in watch.progress():
                Display().display(line)
            if watch.over:
                break
            time.sleep(max(0.0, interval - (time.monotonic() - began)))
        return watch


class _Looker:
    """Looks on all hosts at once; each host knows which of its looks were taken already."""

    def __init__(
        self,
        hosts: RemoteHosts,
        args: t.Mapping[str, t.Any],
        groups: t.Mapping[str, t.Sequence[str]],
    ) -> None:
        self._hosts = hosts
        self._args = args
        self._groups = groups
        self._taken = dict.fromkeys(args["hosts"], 0)
        self._missed = dict.fromkeys(args["hosts"], 0)
        self._why: dict[str, str] = {}

    @property
    def lost(self) -> str:
        """A host that does not answer any more, with the reason; empty when all do."""
        names = [name for name, missed in self._missed.items() if missed >= LOST_AFTER]
        return f"{names[0]}: {self._why[names[0]]}" if names else ""

    def look(self) -> tuple[list[Look], dict[str, t.Any] | None]:
        """The rounds since the last call, and what an operator asks for.

        The first time there may be many: a run that was ended has made them.
        """
        answers = self._hosts.run(EVIDENCE, {name: self._arguments(name) for name in self._taken})
        by_number: dict[int, list[Look]] = {}
        control = None
        for name, answer in answers.items():
            if answer.get("failed"):
                self._missed[name] += 1
                self._why[name] = str(answer.get("msg", "does not answer"))
                continue
            self._missed[name] = 0
            control = answer.get("control") or control
            for look in map(Look.from_data, answer["looks"]):
                by_number.setdefault(look.number, []).append(look)
                self._taken[name] = look.number + 1
        return [one_round(by_number[number]) for number in sorted(by_number)], control

    def _arguments(self, name: str) -> dict[str, t.Any]:
        services = self._args["services"]
        return {
            "release": self._args["release"],
            "step": services[0]["step"]["name"],
            "state_dir": self._args["state_dir"],
            "since": self._taken[name],
            "lock": (self._args.get("locks") or {}).get(name, ""),
            "services": looks_of_host(
                [one["look"] for one in services],
                name,
                proxy=name in self._groups["proxy"],
                app=name in self._groups["app"],
            ),
        }
