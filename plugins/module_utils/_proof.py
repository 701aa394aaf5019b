# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This module util is PRIVATE to the collection.
"""A check of targets, as the arguments of modules describe it."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ansible_collections.tagadodo.deploy.plugins.module_utils._health_check import (
    HealthCheck,
    Limits,
    Report,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._http_probe import (
    load_authorities,
    read_secrets,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._platform import Platform
from ansible_collections.tagadodo.deploy.plugins.module_utils._target import (
    Target,
    TargetError,
    parse_targets,
)

Spec = t.Dict[str, t.Any]

PROBE: Spec = {
    "type": "dict",
    "options": {
        "initial_delay": {"type": "float"},
        "period": {"type": "float"},
        "timeout": {"type": "float"},
        "failures": {"type": "int"},
        "successes": {"type": "int"},
    },
}
IDENTITY: Spec = {
    "type": "dict",
    "options": {
        "path": {"type": "str", "default": "version"},
        "value": {"type": "str", "required": True},
    },
}
TARGET: Spec = {
    "name": {"type": "str", "required": True},
    "url": {"type": "str", "required": True},
    "address": {"type": "str"},
    "startup": {"type": "str"},
    "ready": {"type": "str"},
    "live": {"type": "str"},
    "full": {"type": "str"},
    "identity": IDENTITY,
    "json": {"type": "dict"},
    "status": {"type": "list", "elements": "int", "default": [200]},
    "method": {"type": "str", "choices": ["GET", "HEAD"], "default": "GET"},
    "headers": {"type": "dict"},
    "header_files": {"type": "dict"},
    "ca_file": {"type": "path"},
    "validate_certs": {"type": "bool", "default": True},
    "container": {"type": "str"},
    "service": {"type": "str"},
    "startup_probe": PROBE,
    "ready_probe": PROBE,
    "live_probe": PROBE,
}
TARGETS: Spec = {"type": "list", "elements": "dict", "options": TARGET}
# For modules that prove what they did, and need no call of health_check for it.
PROVE: Spec = {"type": "list", "elements": "dict", "default": []}


class NotProven(Exception):
    """A target is not well; one line."""

    def __init__(self, report: Report) -> None:
        super().__init__(report.problem)
        self.report = report


@dataclass(frozen=True)
class Proof:
    """Targets that can be checked: their settings are right, and files that they name were read.

    Attributes:
        secrets: texts of those files, which are never shown.
        platform: where instances are.
    """

    platform: Platform
    targets: t.Tuple[Target, ...]
    limits: Limits
    secrets: t.FrozenSet[str]

    @classmethod
    def of(
        cls, platform: Platform, targets: t.Sequence[t.Mapping[str, t.Any]], limits: Limits
    ) -> Proof:
        """Of ``targets`` as Ansible has read them for a module.

        Raises:
            TargetError: names the first setting that is wrong.
        """
        secrets = read_secrets(targets)
        parsed = parse_targets(targets, secrets)
        load_authorities(parsed)
        return cls(platform, parsed, limits, frozenset(secrets.values()))

    @classmethod
    def given(
        cls, platform: Platform, prove: t.Sequence[t.Mapping[str, t.Any]], watch: float = 0.0
    ) -> Proof:
        """Of the ``prove`` of a module, which Ansible reads as dictionaries of anything.

        Raises:
            TargetError: names the first setting that is wrong.
        """
        read = ArgumentSpecValidator({"prove": TARGETS}).validate({"prove": list(prove)})
        if read.error_messages:
            raise TargetError(read.error_messages[0])
        return cls.of(platform, read.validated_parameters["prove"], Limits(watch=watch))

    def run(self) -> Report:
        """Check until there is a verdict.

        Raises:
            EngineError: a container is named and the engine cannot be asked.
        """
        return HealthCheck(
            self.targets, self.limits, self.platform.ask, looking=self.platform.looking
        ).run()

    def demand(self) -> t.Dict[str, t.Any]:
        """Check, and return what was seen.

        Raises:
            NotProven: a target is not well.
            EngineError: a container is named and the engine cannot be asked.
        """
        if not self.targets:
            return {}
        report = self.run()
        if report.problem:
            raise NotProven(report)
        return report.as_dict()
