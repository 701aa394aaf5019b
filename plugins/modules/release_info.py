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
  - tagadodo.deploy._deploy.ENGINE
  - tagadodo.deploy._deploy.STATE
  - tagadodo.deploy._deploy.INFO
options:
  runtimes:
    description: The wanted settings of each service that shape its containers, by service.
    type: dict
    default: {}
  secrets:
    description: Their secret settings, by service. Only a keyed hash of them is made.
    type: dict
    default: {}
  tags:
    description: C(repository:tag) names to resolve to digests, in the registry, else in the host's own images.
    type: list
    elements: str
    default: []
  logs:
    description: Access logs to read how many requests users sent lately, by service. A missing one is left out.
    type: dict
    default: {}
  control_url:
    description: Where the control server of nginx listens on this host. Without it nginx is not asked.
    type: str
    default: ""
  limit:
    description: Releases of each service that are returned, newest first.
    type: int
    default: 20
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
images:
  description: What each of O(tags) names. The C(digest) is missing where C(error) says why.
  returned: success
  type: dict
  sample: {"tagadodo/backend:1.1.0": {digest: "sha256:0123", source: registry}}
"""

import os
import time
import typing as t

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.tagadodo.deploy.plugins.module_utils._access_log import recent
from ansible_collections.tagadodo.deploy.plugins.module_utils._containers import Containers
from ansible_collections.tagadodo.deploy.plugins.module_utils._engine import EngineError, connect
from ansible_collections.tagadodo.deploy.plugins.module_utils._host import read_key, resolve_tags
from ansible_collections.tagadodo.deploy.plugins.module_utils._instance import fingerprint
from ansible_collections.tagadodo.deploy.plugins.module_utils._ledger import Ledger, LedgerError
from ansible_collections.tagadodo.deploy.plugins.module_utils._service import SLOTS
from ansible_collections.tagadodo.deploy.plugins.module_utils._split import GREEN, TrafficError
from ansible_collections.tagadodo.deploy.plugins.module_utils._traffic import Nginx, read_splits

LATELY = 3600  # seconds


def sent_lately(path: str) -> dict[str, float]:
    """What users sent, by the end of a log and the one that was rotated before it."""
    seen = recent(path, LATELY, time.time())
    return {
        "requests": seen.total.requests,
        "failed": seen.total.failed,
        "per_minute": round(seen.per_minute, 1),
        "seconds": round(seen.seconds, 1),
    }


def known_servers(control_url: str, services: t.Iterable[str]) -> dict[str, int]:
    """How many instances of a slot nginx can reach; nothing where it does not answer."""
    nginx = Nginx(control_url)
    known = {}
    try:
        for service in services:
            known[service] = min(nginx.servers(service, slot) for slot in SLOTS)
    except TrafficError:
        return {}
    finally:
        nginx.close()
    return known


def read_host(params: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    """Everything this host can say, without changing it."""
    client = connect()
    ledger = Ledger(params["state_dir"])
    key = read_key(params["state_dir"])
    splits = read_splits(params["state_dir"])
    return {
        "containers": [
            found.summary() for found in Containers(client, params["project"], "").find()
        ],
        "shares": {name: split.share(GREEN) for name, split in splits.items()},
        "instances_in_traffic": {name: split.counts for name, split in splits.items()},
        "releases": {name: ledger.read(name)[: params["limit"]] for name in ledger.services()},
        "fingerprints": {
            name: fingerprint(key, runtime, params["secrets"].get(name, {}))
            for name, runtime in params["runtimes"].items()
        },
        "requests": {
            name: sent_lately(path) for name, path in params["logs"].items() if os.path.exists(path)
        },
        "images": resolve_tags(client, params["tags"]),
        "servers": known_servers(params["control_url"], splits) if params["control_url"] else {},
    }


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "project": {"type": "str", "default": "tagadodo"},
            "state_dir": {"type": "path", "required": True},
            "runtimes": {"type": "dict", "default": {}},
            "secrets": {"type": "dict", "default": {}, "no_log": True},
            "tags": {"type": "list", "elements": "str", "default": []},
            "logs": {"type": "dict", "default": {}},
            "control_url": {"type": "str", "default": ""},
            "limit": {"type": "int", "default": 20},
        },
        supports_check_mode=True,
    )
    try:
        module.exit_json(changed=False, **read_host(module.params))
    except (EngineError, LedgerError) as error:
        # No exception: its text would be returned as it is, and secrets were given.
        module.fail_json(msg=str(error), exception=None)


if __name__ == "__main__":
    main()
