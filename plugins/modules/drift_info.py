#!/usr/bin/python
# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: drift_info
version_added: 0.2.0
short_description: Look at what the containers of an installation are really made of
description:
  - Asks the engine for image, environment, limits, rights, address and ports of each container of a slot, whatever its labels say.
  - Never returns the value of a secret. It only says whether it is the one that is given.
  - What differs from ledger and inventory is told by M(tagadodo.deploy.release_drift).
extends_documentation_fragment:
  - tagadodo.deploy._deploy.ENGINE
  - tagadodo.deploy._deploy.INFO
options:
  network:
    description: Bridge network in which the instances have their addresses.
    type: str
    default: tagadodo
  variables:
    description: Names of variables whose values may be returned, by service.
    type: dict
    default: {}
  secrets:
    description: What the secrets of services are to be, by service.
    type: dict
    default: {}
author:
  - Taga Dodo deploy contributors (@tagadodo)
"""

EXAMPLES = r"""
---
- name: Look at the containers
  tagadodo.deploy.drift_info:
    variables: {backend: [PORT]}
    secrets: {backend: {JWT_SECRET: "{{ vault_jwt_secret }}"}}
"""

RETURN = r"""
observed:
  description: Every container of a slot, by its name.
  returned: success
  type: dict
  contains:
    digests: {description: Digests of its image., type: list, elements: str, returned: success}
    settings: {description: "Limits, rights, address and ports.", type: dict, returned: success}
    env: {description: Those of O(variables) that it has., type: dict, returned: success}
    secrets: {description: "V(same), V(other) or V(missing) for each secret.", type: dict, returned: success}
    strangers: {description: Names of other variables that its image does not have so., type: list, elements: str, returned: success}
  sample: {tagadodo-backend-blue-1: {digests: ["sha256:01"], env: {PORT: "3000"}, secrets: {JWT_SECRET: same}, strangers: []}}
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.tagadodo.deploy.plugins.module_utils._engine import EngineError, connect
from ansible_collections.tagadodo.deploy.plugins.module_utils._observed import observed


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "project": {"type": "str", "default": "tagadodo"},
            "network": {"type": "str", "default": "tagadodo"},
            "variables": {"type": "dict", "default": {}},
            "secrets": {"type": "dict", "default": {}, "no_log": True},
        },
        supports_check_mode=True,
    )
    params = module.params
    try:
        found = observed(
            connect(), params["project"], params["network"], params["variables"], params["secrets"]
        )
    except EngineError as error:
        # No exception: its text would be returned as it is, and secrets were given.
        module.fail_json(msg=str(error), exception=None)
    module.exit_json(changed=False, observed=found)


if __name__ == "__main__":
    main()
