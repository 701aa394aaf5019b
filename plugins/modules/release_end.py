#!/usr/bin/python
# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: release_end
version_added: 0.1.0
short_description: Let go of the lock of a host
description:
  - Lets go of the lock that M(tagadodo.deploy.release_begin) took. Where another run has it by now, it is left alone.
extends_documentation_fragment:
  - tagadodo.deploy._deploy.CLUSTER
  - tagadodo.deploy._deploy.STATE
attributes:
  check_mode:
    support: full
    description: Can run in C(check_mode) and return changed status prediction without modifying target.
    details: The lock is no state of the host's services, so this module never returns C(changed).
  diff_mode:
    support: N/A
    description: Will return details on what has changed (or possibly needs changing in C(check_mode)), when in diff mode.
options:
  token:
    description: What M(tagadodo.deploy.release_begin) returned on this host.
    type: str
    required: true
author:
  - Taga Dodo deploy contributors (@tagadodo)
"""

EXAMPLES = r"""
---
- name: Let go of the lock
  tagadodo.deploy.release_end:
    state_dir: /var/lib/tagadodo
    token: "{{ host.token }}"
"""

RETURN = r"""
released:
  description: Whether this run had the lock.
  returned: success
  type: bool
  sample: true
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.tagadodo.deploy.plugins.module_utils._cluster import ClusterError
from ansible_collections.tagadodo.deploy.plugins.module_utils._engine import EngineError
from ansible_collections.tagadodo.deploy.plugins.module_utils._platforms import CLUSTER, platform_of


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "state_dir": {"type": "path", "required": True},
            "token": {"type": "str", "required": True, "no_log": False},
            **CLUSTER,
        },
        supports_check_mode=True,
    )
    params = module.params
    try:
        released = not module.check_mode and platform_of(params).lock.release(params["token"])
    except (ClusterError, EngineError, OSError) as error:
        module.fail_json(msg=f"the lock cannot be let go of: {error}", exception=error)
    module.exit_json(changed=False, released=released)


if __name__ == "__main__":
    main()
