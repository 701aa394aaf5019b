#!/usr/bin/python
# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: release
version_added: 0.1.0
short_description: Write releases into the ledger of a host
description:
  - Records the intent of a release before its first step and its outcome after the last.
  - A record is a JSON file that is written whole or not at all; facts of later calls are merged into it.
extends_documentation_fragment:
  - tagadodo.deploy._deploy.CLUSTER
  - tagadodo.deploy._deploy.STATE
  - tagadodo.deploy._deploy.LOCK
  - tagadodo.deploy._deploy.CHANGES
options:
  records:
    description: One entry for each record to write.
    type: list
    elements: dict
    required: true
    suboptions:
      service: {description: Name of the service., type: str, required: true}
      release: {description: Name of the release; starts with its UTC time., type: str, required: true}
      facts: {description: What is to be known of it. Never the value of a secret., type: dict, default: {}}
  outcome:
    description: How the releases stand.
    type: str
    choices: [running, succeeded, failed, held, rolled_back]
  reason:
    description: Why, in one line.
    type: str
  verdicts:
    description: What M(tagadodo.deploy.release_gate) returned. Each service's are added to its records.
    type: list
    elements: dict
    default: []
  shares:
    description: Percent of traffic by service and slot from now on. Kept in each service's record with its time.
    type: dict
    default: {}
  keep:
    description: Records kept of each service; older ones are removed when a release has ended.
    type: int
    default: 50
author:
  - Taga Dodo deploy contributors (@tagadodo)
"""

EXAMPLES = r"""
---
- name: Record the intent
  tagadodo.deploy.release:
    state_dir: /var/lib/tagadodo
    outcome: running
    records:
      - service: backend
        release: 20261122-231530-1.1.0
        facts: {version: 1.1.0, slot: green}
"""

RETURN = r"""
written:
  description: Records that changed, as C(service/release).
  returned: success
  type: list
  elements: str
  sample: [backend/20261122-231530-1.1.0]
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.tagadodo.deploy.plugins.module_utils._cluster import ClusterError
from ansible_collections.tagadodo.deploy.plugins.module_utils._engine import EngineError
from ansible_collections.tagadodo.deploy.plugins.module_utils._entry import (
    KEEP,
    RECORDS,
    Entry,
    enter,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._ledger import (
    OUTCOMES,
    LedgerError,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._lock import LockError
from ansible_collections.tagadodo.deploy.plugins.module_utils._platform import at_work, ledger_of
from ansible_collections.tagadodo.deploy.plugins.module_utils._platforms import CLUSTER, platform_of


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "state_dir": {"type": "path", "required": True},
            "records": RECORDS,
            "outcome": {"type": "str", "choices": list(OUTCOMES)},
            "reason": {"type": "str"},
            "verdicts": {"type": "list", "elements": "dict", "default": []},
            "shares": {"type": "dict", "default": {}},
            "keep": {"type": "int", "default": KEEP},
            "lock": {"type": "str", "default": "", "no_log": False},
            **CLUSTER,
        },
        supports_check_mode=True,
    )
    params = module.params
    named = ("records", "outcome", "reason", "verdicts", "shares")
    entry = Entry(**{name: params[name] for name in named})
    try:
        platform = platform_of(params)
        with at_work(platform, params["lock"]):
            written = enter(ledger_of(platform), [entry], module.check_mode, keep=params["keep"])
            problem = not module.check_mode and platform.report_ended([entry], written)
            if problem:
                module.warn(problem)
    except (ClusterError, EngineError, LedgerError, LockError, OSError) as error:
        module.fail_json(msg=str(error), exception=error)
    module.exit_json(
        changed=bool(written), written=written, diff={"before": "", "after": "\n".join(written)}
    )


if __name__ == "__main__":
    main()
