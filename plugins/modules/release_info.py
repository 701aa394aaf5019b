#!/usr/bin/python
# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: release_info
version_added: 0.1.0
short_description: Read what is live, and what has been released, on a host
description:
  - Reads in one call what a release is planned from. The containers of both slots, the traffic share of
    each service, the ledger, the digests that tags name, and the fingerprint the wanted settings would have.
extends_documentation_fragment:
  - tagadodo.deploy._deploy.CLUSTER
  - tagadodo.deploy._deploy.ENGINE
  - tagadodo.deploy._deploy.STATE
  - tagadodo.deploy._deploy.REPORT
  - tagadodo.deploy._deploy.INFO
author:
  - Taga Dodo deploy contributors (@tagadodo)
"""

EXAMPLES = r"""
---
- name: Read what is live
  tagadodo.deploy.release_info:
    state_dir: /var/lib/tagadodo
  register: host
"""

RETURN = r"""
containers:
  description: Every container of every slot.
  returned: success
  type: list
  elements: dict
  sample:
    - {name: tagadodo-backend-blue-1, service: backend, slot: blue, running: true, version: 1.0.0,
       release: 20261122-231530-1.0.0, image: "tagadodo/backend@sha256:0123", fingerprint: 0123456789abcdef,
       status: Up 2 minutes (healthy), health: healthy, started_at: "1795389330"}
shares:
  description: Percent of traffic on green for each service that nginx on this host serves.
  returned: success
  type: dict
  sample: {backend: 100}
instances_in_traffic:
  description: >-
    How many instances of a slot get its traffic, by service, for each slot where a release said so. They are its
    first; where nothing was said all get some.
  returned: success
  type: dict
  sample: {backend: {green: 1}}
damaged:
  description: A line for each file in the ledger that is not a record, and is left out.
  returned: success
  type: list
  elements: str
  sample: ["/var/lib/tagadodo/releases/backend/r1.json: not a readable release record; it is left out"]
lock:
  description: Who may change this host now, and for how many seconds at least. Empty where nobody has the lock.
  returned: success
  type: dict
  sample: {told: "a release of backend by ada@laptop, since 15:04:05 UTC, last sign of life 3 s ago", remaining: 597}
releases:
  description: Records of the ledger by service, newest first.
  returned: success
  type: dict
  sample: {backend: [{release: 20261122-231530-1.0.0, version: 1.0.0, outcome: succeeded}]}
fingerprints:
  description: Fingerprint that containers with the wanted settings would have, by service.
  returned: success
  type: dict
  sample: {backend: 0123456789abcdef}
requests:
  description: What users sent in the last hour, or as much of it as the log tells about, by service.
  returned: success
  type: dict
  sample: {backend: {requests: 5400, failed: 3, per_minute: 90.0, seconds: 3600.0}}
servers:
  description: How many instances of a slot nginx can reach, by service, where O(control_url) was given and answers.
  returned: success
  type: dict
  sample: {backend: 2}
stock:
  description: >-
    Images on this host that releases of its ledger were made of, where O(stock) asks for them. What C(held) says, if
    anything, wants an image there besides.
  returned: success
  type: list
  elements: dict
  sample: [{images: ["tagadodo/backend@sha256:0123"], size: 87000000, held: container tagadodo-backend-blue-1 is of it}]
addresses:
  description: >-
    Addresses of the hosts that nginx leads to, by service, where O(control_url) was given and answers. None where it
    leads to the instances beside it.
  returned: success
  type: dict
  sample: {backend: [10.20.0.21, 10.20.0.22]}
images:
  description: What each of O(tags) names. The C(digest) is missing where C(error) says why.
  returned: success
  type: dict
  sample: {"tagadodo/backend:1.1.0": {digest: "sha256:0123", source: registry}}
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.tagadodo.deploy.plugins.module_utils._cluster import ClusterError
from ansible_collections.tagadodo.deploy.plugins.module_utils._engine import EngineError
from ansible_collections.tagadodo.deploy.plugins.module_utils._ledger import LedgerError
from ansible_collections.tagadodo.deploy.plugins.module_utils._platforms import CLUSTER, platform_of
from ansible_collections.tagadodo.deploy.plugins.module_utils._report import REPORT


def main() -> None:
    module = AnsibleModule(argument_spec={**REPORT, **CLUSTER}, supports_check_mode=True)
    try:
        module.exit_json(changed=False, **platform_of(module.params).report(module.params))
    except (ClusterError, EngineError, LedgerError) as error:
        # No exception: its text would be returned as it is, and secrets were given.
        module.fail_json(msg=str(error), exception=None)


if __name__ == "__main__":
    main()
