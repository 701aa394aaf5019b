# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter of the docker role."""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.tagadodo.deploy.plugins.module_utils._docker_daemon import (
    DaemonOptionsError,
    plan_daemon,
)

DOCUMENTATION = r"""
name: docker_daemon_plan
short_description: Lay options over those in daemon.json and say what the engine has to do
version_added: "0.1.0"
author: Taga Dodo deploy contributors (@tagadodo)
description:
  - Used by the role P(tagadodo.deploy.docker#role).
positional: wanted, path
options:
  _input:
    description: Text of the present file, empty if there is none.
    type: str
    required: true
  wanted:
    description: Options by name. A null takes one out of the file.
    type: dict
    required: true
  path:
    description: Path of the file, for messages.
    type: str
    default: /etc/docker/daemon.json
"""

EXAMPLES = r"""
---
- name: Show what would happen
  ansible.builtin.debug:
    msg: "{{ '{}' | tagadodo.deploy.docker_daemon_plan({'live-restore': true}) }}"
"""

RETURN = r"""
_value:
  description: What to write and what follows from it.
  type: dict
  contains:
    content:
      description: Text of the file. The present text where nothing changes.
      type: str
    changed:
      description: Names of the options that change.
      type: list
      elements: str
    action:
      description: One of V(none), V(reload), V(reload_then_restart) and V(restart).
      type: str
    error:
      description: Why nothing can be written, else empty.
      type: str
"""


def docker_daemon_plan(
    present: str, wanted: t.Mapping[str, t.Any], path: str = "/etc/docker/daemon.json"
) -> t.Dict[str, t.Any]:
    try:
        plan = plan_daemon(present, wanted, path)
    except DaemonOptionsError as error:
        return {"content": present, "changed": [], "action": "none", "error": str(error)}
    return {**dataclasses.asdict(plan), "changed": list(plan.changed), "error": ""}


class FilterModule:
    """Filters of this file."""

    def filters(self) -> t.Dict[str, t.Callable[..., t.Any]]:
        return {"docker_daemon_plan": docker_daemon_plan}
