#!/usr/bin/python
# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: instances
version_added: 0.1.0
short_description: Pull, start, stop or remove the containers of slots
description:
  - Brings all given slots of a host to one state in one call.
  - With O(state=started) the given instances run in a slot, each at its fixed address. Containers that already run
    as described are left alone. Other instances of the slot are removed, except those that run for the same release.
    They may have traffic, and are stopped by name when they have none.
  - Every container is hardened. It runs as a user without privileges, with all capabilities dropped but those
    the service keeps, without a way to new privileges, with a read-only root file system unless the service
    says otherwise, and with limits on memory, processes and logs.
extends_documentation_fragment:
  - tagadodo.deploy._deploy.CLUSTER
  - tagadodo.deploy._deploy.ENGINE
  - tagadodo.deploy._deploy.STATE
  - tagadodo.deploy._deploy.LOCK
  - tagadodo.deploy._deploy.RECORD
  - tagadodo.deploy._deploy.PROVE
  - tagadodo.deploy._deploy.CHANGES
options:
  state:
    description:
      - V(pulled) makes the images of O(slots) present, by digest.
      - V(started) makes the instances run, and before that their images present.
      - V(stopped) waits until the connections of the instances have ended, O(slots[].drain) seconds at most,
        then stops them. The containers stay, ready to be started again.
      - V(absent) removes them.
    type: str
    choices: [pulled, started, stopped, absent]
    default: started
  slots:
    description: The slots, as the plan of a release describes them.
    type: list
    elements: dict
    required: true
    suboptions:
      service: {description: Name of the service., type: str, required: true}
      slot: {description: Which slot., type: str, required: true, choices: [blue, green]}
      release: {description: Release the slot is to hold., type: str, default: ""}
      version: {description: Version the slot is to hold., type: str, default: ""}
      image: {description: Image by digest (C(repository@sha256:…))., type: str, default: ""}
      runtime:
        description:
          - Settings that shape a container. They are C(port), C(env), C(resources), C(security) and C(stop_timeout).
          - Stopping reads C(port), to see open connections, and C(stop_timeout). Without C(port) the whole O(slots[].drain) time
            is waited.
        type: dict
      instances:
        description: The containers. O(state=stopped) leaves others of the slot alone, and stops all when none is given.
        type: list
        elements: dict
        default: []
        suboptions:
          name: {description: Name of the container., type: str, required: true}
          number: {description: 'Number in the slot, from 1.', type: int, required: true}
          address: {description: Fixed address in O(network)., type: str, required: true}
          published: {description: 'Port of O(address) at which it is published; 0 for none.', type: int, default: 0}
      drain: {description: Seconds that open connections are waited for when stopping., type: int, default: 0}
      of:
        description: >-
          How many instances the slot has when all are started. On a cluster that scales them, the slot gets as large a part
          of those that there are by now.
        type: int
        default: 0
  secrets:
    description: Secret environment of the containers, by service.
    type: dict
    default: {}
  network:
    description: Bridge network in which the instances have their addresses.
    type: str
    default: tagadodo
  address:
    description: Address of this host at which proxies on other hosts reach the instances that are published.
    type: str
    default: ""
  watch:
    description: Seconds to go on watching the targets of O(prove) after all of them were ready.
    type: float
    default: 0
  surplus:
    description:
      - Images to remove after everything else, C(repository@sha256:…). One that has other names too only loses this one.
      - An image that a container is of stays, as does one that cannot be removed for another reason. A warning says so, and the
        module goes on, since what it was called for is done.
    type: list
    elements: str
    default: []
  last:
    description:
      - Whether the run changes nothing more on this host. Its lock (O(lock)) is then let go of, as
        M(tagadodo.deploy.release_end) does, which saves that call.
    type: bool
    default: false
author:
  - Taga Dodo deploy contributors (@tagadodo)
"""

EXAMPLES = r"""
---
- name: Stop the old slot after its connections have ended
  tagadodo.deploy.instances:
    state: stopped
    state_dir: /var/lib/tagadodo
    slots:
      - {service: backend, slot: blue, drain: 30, runtime: {port: 3000, stop_timeout: 10}}
"""

RETURN = r"""
actions:
  description: What was done (in check mode, would be done) to which container or image.
  returned: success
  type: list
  elements: dict
  sample: [{what: tagadodo-backend-green-1, action: create, reason: missing}]
written:
  description: Records of the ledger that changed, as C(service/release).
  returned: success
  type: list
  elements: str
  sample: [backend/20261122-231530-1.1.0]
let_go:
  description: The lock that was let go of. Empty where none was.
  returned: success
  type: str
  sample: 5b2c9c1f0e
proven:
  description: What was seen of the targets of O(prove), as M(tagadodo.deploy.health_check) returns it.
  returned: success
  type: dict
  sample: {msg: 2 targets are ready after 1.6 s, seconds: 1.612}
drained:
  description: Connections still open when a slot's containers were told to stop, by service.
  returned: O(state=stopped)
  type: dict
  sample: {backend: 0}
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.tagadodo.deploy.plugins.module_utils._cluster import ClusterError
from ansible_collections.tagadodo.deploy.plugins.module_utils._engine import EngineError
from ansible_collections.tagadodo.deploy.plugins.module_utils._entry import RECORD, Entry, enter
from ansible_collections.tagadodo.deploy.plugins.module_utils._instance import (
    Slot,
    SlotError,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._instances import joined
from ansible_collections.tagadodo.deploy.plugins.module_utils._ledger import LedgerError
from ansible_collections.tagadodo.deploy.plugins.module_utils._lock import LockError
from ansible_collections.tagadodo.deploy.plugins.module_utils._platform import at_work, ledger_of
from ansible_collections.tagadodo.deploy.plugins.module_utils._platforms import CLUSTER, platform_of
from ansible_collections.tagadodo.deploy.plugins.module_utils._proof import PROVE, NotProven, Proof
from ansible_collections.tagadodo.deploy.plugins.module_utils._target import TargetError

INSTANCE = {
    "name": {"type": "str", "required": True},
    "number": {"type": "int", "required": True},
    "address": {"type": "str", "required": True},
    "published": {"type": "int", "default": 0},
}
SLOT = {
    "service": {"type": "str", "required": True},
    "slot": {"type": "str", "required": True, "choices": ["blue", "green"]},
    "release": {"type": "str", "default": ""},
    "version": {"type": "str", "default": ""},
    "image": {"type": "str", "default": ""},
    "runtime": {"type": "dict"},
    "instances": {"type": "list", "elements": "dict", "default": [], "options": INSTANCE},
    "drain": {"type": "int", "default": 0},
    "of": {"type": "int", "default": 0},
}


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "state": {
                "type": "str",
                "default": "started",
                "choices": ["pulled", "started", "stopped", "absent"],
            },
            "project": {"type": "str", "default": "tagadodo"},
            "state_dir": {"type": "path", "required": True},
            "slots": {"type": "list", "elements": "dict", "required": True, "options": SLOT},
            "secrets": {"type": "dict", "default": {}, "no_log": True},
            "network": {"type": "str", "default": "tagadodo"},
            "address": {"type": "str", "default": ""},
            "record": RECORD,
            "prove": PROVE,
            "watch": {"type": "float", "default": 0},
            "surplus": {"type": "list", "elements": "str", "default": []},
            "last": {"type": "bool", "default": False},
            "lock": {"type": "str", "default": "", "no_log": False},
            **CLUSTER,
        },
        supports_check_mode=True,
    )
    params = module.params
    slots = [Slot.parse(raw, params["secrets"].get(raw["service"], {})) for raw in params["slots"]]
    try:
        platform = platform_of(params)
        proof = Proof.given(platform, params["prove"], params["watch"])
        module.no_log_values.update(proof.secrets)
        for slot in slots:
            slot.check(params["state"], params["address"])
        with at_work(platform, params["lock"]):
            entries = [Entry(**one) for one in params["record"]]
            written = enter(ledger_of(platform), entries, module.check_mode)
            unreported = not module.check_mode and platform.report_ended(entries, written)
            if unreported:
                module.warn(unreported)
            instances = platform.instances(params, module.check_mode)
            result = instances.bring(params["state"], slots)
            removed, problems = instances.discard(params["surplus"])
        proven = {} if module.check_mode else proof.demand()
        lets_go = params["last"] and not module.check_mode
        let_go = lets_go and platform.lock.release(params["lock"])
    except NotProven as error:
        module.fail_json(changed=True, **error.report.as_dict())
    except (
        ClusterError,
        EngineError,
        LedgerError,
        LockError,
        OSError,
        SlotError,
        TargetError,
    ) as error:
        # No exception: its text would be returned as it is, and secrets were given.
        module.fail_json(msg=str(error), exception=None)
    for problem in problems:
        module.warn(problem)
    result = joined(result, removed)
    changed = bool(written) or result["changed"]
    module.exit_json(
        **{**result, "changed": changed},
        written=written,
        proven=proven,
        let_go=params["lock"] if let_go else "",
    )


if __name__ == "__main__":
    main()
