#!/usr/bin/python
# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: ledger_info
version_added: 0.2.0
short_description: Read everything that the ledger of a host says
description:
  - Returns all records with all that is in them. M(tagadodo.deploy.release_info) is what a release is planned from.
extends_documentation_fragment:
  - tagadodo.deploy._deploy.CLUSTER
  - tagadodo.deploy._deploy.STATE
  - tagadodo.deploy._deploy.INFO
author:
  - Taga Dodo deploy contributors (@tagadodo)
"""

EXAMPLES = r"""
---
- name: Read what was released
  tagadodo.deploy.ledger_info:
    state_dir: /var/lib/tagadodo
  register: ledger
"""

RETURN = r"""
records:
  description: Records by service, newest first. Those of C(_environment) say what each release did to all services.
  returned: success
  type: dict
  sample: {backend: [{release: 20261122-231530, version: 1.0.0, outcome: succeeded}]}
damaged:
  description: A line for each file that is not a record, and is left out.
  returned: success
  type: list
  elements: str
  sample: ["/var/lib/tagadodo/releases/backend/r1.json: not a readable release record; it is left out"]
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.tagadodo.deploy.plugins.module_utils._cluster import ClusterError
from ansible_collections.tagadodo.deploy.plugins.module_utils._engine import EngineError
from ansible_collections.tagadodo.deploy.plugins.module_utils._platform import ledger_of
from ansible_collections.tagadodo.deploy.plugins.module_utils._platforms import CLUSTER, platform_of
from ansible_collections.tagadodo.deploy.plugins.module_utils._report_files import whole_ledger


def main() -> None:
    module = AnsibleModule(
        argument_spec={"state_dir": {"type": "path", "required": True}, **CLUSTER},
        supports_check_mode=True,
    )
    try:
        ledger = ledger_of(platform_of(module.params))
        module.exit_json(changed=False, records=whole_ledger(ledger), damaged=ledger.damaged())
    except (ClusterError, EngineError, OSError) as error:
        module.fail_json(msg=f"the ledger cannot be read: {error}", exception=error)


if __name__ == "__main__":
    main()
