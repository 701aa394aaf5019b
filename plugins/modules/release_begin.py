#!/usr/bin/python
# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: release_begin
version_added: 0.1.0
short_description: Take the lock of a host, and read what a release is planned from
description:
  - One run of a playbook at a time may release to a host. This module takes the lock for a run, and returns what
    M(tagadodo.deploy.release_info) returns, in one call.
  - Where another run has the lock, it fails and names that run, or waits for it. The lock of a run that was killed is
    taken over when O(lock_seconds) have passed since its last sign of life, or at once if it was started on this
    controller, whose process has ended. A module that is still at work on the host for it is waited for.
  - In check mode no lock is taken, and it is no error that another run has it.
extends_documentation_fragment:
  - tagadodo.deploy._deploy.CLUSTER
  - tagadodo.deploy._deploy.ENGINE
  - tagadodo.deploy._deploy.STATE
  - tagadodo.deploy._deploy.REPORT
attributes:
  check_mode:
    support: full
    description: Can run in C(check_mode) and return changed status prediction without modifying target.
    details: Taking the lock is no change of the host's state, so this module never returns C(changed).
  diff_mode:
    support: N/A
    description: Will return details on what has changed (or possibly needs changing in C(check_mode)), when in diff mode.
options:
  purpose:
    description: What the run does, for people to read.
    type: str
    required: true
  who:
    description: Who started it, for people to read.
    type: str
    required: true
  lock_wait:
    description: Seconds to wait for a run that has the lock.
    type: int
    default: 0
  lock_seconds:
    description: Seconds without a sign of life after which the run counts as dead.
    type: int
    default: 600
  token:
    description: Set by the action plugin of the same name.
    type: str
    default: ""
  process:
    description: Set by the action plugin of the same name. What only the controller understands.
    type: str
    default: ""
  dead:
    description: Set by the action plugin of the same name. Runs whose controller knows that they have ended.
    type: list
    elements: str
    default: []
author:
  - Taga Dodo deploy contributors (@tagadodo)
"""

EXAMPLES = r"""
---
- name: Take the lock, and read what is live
  tagadodo.deploy.release_begin:
    state_dir: /var/lib/tagadodo
    purpose: a release of backend
    who: ada
    lock_wait: 600
  register: host
"""

RETURN = r"""
token:
  description: What later modules show to be of this run; empty in check mode.
  returned: success
  type: str
  sample: 8d6b0c1e8f0e4c2f9d3b7a5c1e0f2d4b
taken_over:
  description: The dead run that had the lock, in words; empty where there was none.
  returned: success
  type: str
  sample: "a release of backend by ada@laptop, since 15:04:05 UTC, last sign of life 640 s ago"
holder:
  description: The run that has the lock.
  returned: when it is refused
  type: dict
  sample: {token: 8d6b0c1e8f0e4c2f9d3b7a5c1e0f2d4b, who: ada@laptop, purpose: a release of backend}
containers:
  description: As M(tagadodo.deploy.release_info) returns it, and everything else it returns; its releases without C(verdicts).
  returned: success
  type: list
  elements: dict
"""

import time
import typing as t

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.tagadodo.deploy.plugins.module_utils._cluster import ClusterError
from ansible_collections.tagadodo.deploy.plugins.module_utils._engine import EngineError
from ansible_collections.tagadodo.deploy.plugins.module_utils._lock import (
    SECONDS,
    Holder,
    LockError,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._platforms import CLUSTER, platform_of
from ansible_collections.tagadodo.deploy.plugins.module_utils._report import REPORT


def begin(params: t.Mapping[str, t.Any], dry: bool) -> dict[str, t.Any]:
    """Take the lock unless ``dry``, then read."""
    over, platform = None, platform_of(params)
    if params["token"] and not dry:
        wanted = Holder(
            params["token"],
            params["who"],
            params["purpose"],
            params["process"],
            seconds=params["lock_seconds"],
        )
        over = platform.lock.take(wanted, params["dead"])
    return {
        "token": "" if dry else params["token"],
        "taken_over": over.describe(time.time()) if over else "",
        **_for_a_plan(platform.report(params)),
    }


def _for_a_plan(report: dict[str, t.Any]) -> dict[str, t.Any]:
    """Without verdicts: their numbers are most of a record, no plan reads them, and there are many records."""
    releases = {
        service: [{key: one[key] for key in one if key != "verdicts"} for one in records]
        for service, records in report["releases"].items()
    }
    return {**report, "releases": releases}


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **REPORT,
            **CLUSTER,
            "purpose": {"type": "str", "required": True},
            "who": {"type": "str", "required": True},
            "lock_wait": {"type": "int", "default": 0},
            "lock_seconds": {"type": "int", "default": SECONDS},
            "token": {"type": "str", "default": "", "no_log": False},
            "process": {"type": "str", "default": ""},
            "dead": {"type": "list", "elements": "str", "default": []},
        },
        supports_check_mode=True,
    )
    try:
        module.exit_json(changed=False, **begin(module.params, module.check_mode))
    except LockError as error:
        module.fail_json(
            msg=str(error), exception=None, holder=error.holder.as_data() if error.holder else {}
        )
    except (ClusterError, EngineError, OSError) as error:
        # No exception: its text would be returned as it is, and secrets were given.
        module.fail_json(msg=str(error), exception=None)


if __name__ == "__main__":
    main()
