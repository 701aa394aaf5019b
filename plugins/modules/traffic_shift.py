#!/usr/bin/python
# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: traffic_shift
version_added: 0.1.0
short_description: Move traffic between the blue and the green slot of services
description:
  - Sets which percentage of clients each slot of a service gets on this proxy, without a reload and without
    losing a request.
  - nginx looks the split up for every request in O(state_dir), where a shift is one rename. The module then asks
    nginx itself where each of the 100 buckets of clients goes, and fails if nginx does not follow.
  - All services of one call are shifted, or none. When nginx does not follow, the former split is put back.
  - Shares grow monotonically. A client that is on green at 10 % stays there at 25 %.
  - What is to be recorded is recorded before the shift. Where that cannot be done, because the disk is full for
    example, it is a warning. Traffic comes first.
  - A slot may have traffic on its first instances only, so that the others can be started, replaced or stopped
    meanwhile. Share and instances of a service change at the same instant.
extends_documentation_fragment:
  - tagadodo.deploy._deploy.CLUSTER
  - tagadodo.deploy._deploy.STATE
  - tagadodo.deploy._deploy.LOCK
  - tagadodo.deploy._deploy.RECORD
  - tagadodo.deploy._deploy.PROVE
  - tagadodo.deploy._deploy.CHANGES
options:
  shares:
    description:
      - Percent of traffic by service and slot. One slot is enough, the other gets the rest. When both are given
        they make 100. Required unless O(instances) is given.
    type: dict
  instances:
    description:
      - How many instances of a slot get its traffic, by service and slot. Those are the first ones of the slot.
      - V(0) means all, and so does a slot that is not named. A service that is named in O(shares) and not here has
        traffic on all instances of both slots.
      - A service that is named here and not in O(shares) keeps its share.
    type: dict
  before:
    description:
      - A shift that is made before the targets of O(prove) are checked, so that nginx knows the instances they ask.
      - It takes C(shares) and C(instances), like the module.
    type: dict
    suboptions:
      shares: {description: As O(shares)., type: dict}
      instances: {description: As O(instances)., type: dict}
  prove_first:
    description:
      - What has to be well before anything else is done, as O(prove). A host whose word is enough, because it is the
        only one, proves its new instances here and not in the call that starts them. What Ansible does between the
        two takes no time then, as the instances start meanwhile.
    type: list
    elements: dict
    default: []
  watch:
    description: Seconds to go on watching the targets of O(prove_first) after all of them were ready.
    type: float
    default: 0
  control_url:
    description: Where the control server of nginx listens.
    type: str
    default: http://127.0.0.1:10080
  timeout:
    description: Seconds nginx is given to agree.
    type: int
    default: 10
author:
  - Taga Dodo deploy contributors (@tagadodo)
"""

EXAMPLES = r"""
---
- name: Move all traffic of the backend to green
  tagadodo.deploy.traffic_shift:
    state_dir: /var/lib/tagadodo
    shares:
      backend:
        green: 100

- name: Let a tenth of the clients try the new slots
  tagadodo.deploy.traffic_shift:
    state_dir: /var/lib/tagadodo
    shares:
      backend: {blue: 90, green: 10}
      frontend: {green: 10}

- name: Let a tenth of the clients try the first instance of green
  tagadodo.deploy.traffic_shift:
    state_dir: /var/lib/tagadodo
    shares:
      backend: {green: 10}
    instances:
      backend: {green: 1}

- name: Take all but the first two instances of blue out of traffic
  tagadodo.deploy.traffic_shift:
    state_dir: /var/lib/tagadodo
    instances:
      backend: {blue: 2}
"""

RETURN = r"""
before:
  description: Percent of traffic by service and slot before the shift.
  returned: success
  type: dict
  sample: {backend: {blue: 100, green: 0}}
after:
  description: Percent of traffic by service and slot now (in check mode, as it would be).
  returned: success
  type: dict
  sample: {backend: {blue: 0, green: 100}}
instances_before:
  description: >-
    How many instances had traffic before the shift, by service, for each slot where that was said.
  returned: success
  type: dict
  sample: {backend: {blue: 2}}
instances_after:
  description: >-
    How many instances have traffic now (in check mode, would have), by service, for each slot where that was said.
  returned: success
  type: dict
  sample: {backend: {green: 1}}
proven:
  description: What was seen of the targets of O(prove), as M(tagadodo.deploy.health_check) returns it.
  returned: success
  type: dict
  sample: {msg: 2 targets are ready after 1.6 s, seconds: 1.612}
written:
  description: Records of the ledger that changed, as C(service/release).
  returned: success
  type: list
  elements: str
  sample: [backend/20261122-231530-1.1.0]
seconds:
  description: How long it took until nginx confirmed the shift.
  returned: success
  type: float
  sample: 0.021
"""

import time
import typing as t

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.tagadodo.deploy.plugins.module_utils._cluster import ClusterError
from ansible_collections.tagadodo.deploy.plugins.module_utils._engine import EngineError
from ansible_collections.tagadodo.deploy.plugins.module_utils._entry import RECORD, Entry, enter
from ansible_collections.tagadodo.deploy.plugins.module_utils._lock import LockError
from ansible_collections.tagadodo.deploy.plugins.module_utils._platform import (
    Platform,
    at_work,
    ledger_of,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._platforms import CLUSTER, platform_of
from ansible_collections.tagadodo.deploy.plugins.module_utils._proof import PROVE, NotProven, Proof
from ansible_collections.tagadodo.deploy.plugins.module_utils._split import (
    Counts,
    Splits,
    TrafficError,
    describe,
    parse_instances,
    parse_shares,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._target import TargetError


def shift(module: AnsibleModule, platform: Platform, proof: Proof) -> dict[str, t.Any]:
    """Move the traffic and say what moved."""
    params, dry = module.params, module.check_mode
    wanted, first = _parsed(params), _parsed(params["before"] or {})
    with platform.shifting(params) as shifter:
        before = shifter.shift(*first, dry)
        proven = demand(module, proof, changed=before.changed)
        start = time.monotonic()
        written = record(module, platform)
        done = shifter.shift(*wanted, dry)
    was = {**done.before, **before.before}
    return {
        "changed": was != {**before.after, **done.after} or bool(written),
        "written": written,
        "proven": proven,
        **_told("before", was),
        **_told("after", done.after),
        "seconds": round(time.monotonic() - start, 3),
        "diff": {"before": describe(was), "after": describe(done.after)},
    }


def demand(module: AnsibleModule, proof: Proof, changed: bool) -> dict[str, t.Any]:
    """What was seen of targets that are all well; else the module fails, having ``changed`` something or not."""
    try:
        return {} if module.check_mode else proof.demand()
    except NotProven as failure:
        module.fail_json(changed=changed, **failure.report.as_dict())


def _parsed(raw: dict[str, t.Any]) -> tuple[t.Mapping[str, int], t.Mapping[str, Counts]]:
    return parse_shares(raw.get("shares") or {}), parse_instances(raw.get("instances") or {})


def record(module: AnsibleModule, platform: Platform) -> list[str]:
    """Write what is to be known before the shift, or warn."""
    entries = [Entry(**one) for one in module.params["record"]]
    try:
        return enter(ledger_of(platform), entries, module.check_mode)
    except OSError as error:
        module.warn(f"the shift is not in the ledger: {error}")
        return []


def _told(when: str, splits: Splits) -> dict[str, t.Any]:
    return {
        when: {service: split.shares for service, split in splits.items()},
        f"instances_{when}": {service: split.counts for service, split in splits.items()},
    }


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "state_dir": {"type": "path", "required": True},
            "shares": {"type": "dict"},
            "instances": {"type": "dict"},
            "before": {
                "type": "dict",
                "options": {"shares": {"type": "dict"}, "instances": {"type": "dict"}},
            },
            "prove": PROVE,
            "prove_first": PROVE,
            "watch": {"type": "float", "default": 0},
            "control_url": {"type": "str", "default": "http://127.0.0.1:10080"},
            "timeout": {"type": "int", "default": 10},
            "record": RECORD,
            "lock": {"type": "str", "default": "", "no_log": False},
            **CLUSTER,
        },
        required_one_of=[["shares", "instances"]],
        supports_check_mode=True,
    )
    try:
        params = module.params
        platform = platform_of(params)
        first = Proof.given(platform, params["prove_first"], params["watch"])
        proof = Proof.given(platform, params["prove"])
        module.no_log_values.update(first.secrets | proof.secrets)
        demand(module, first, changed=False)
        with at_work(platform, params["lock"]):
            result = shift(module, platform, proof)
    except (ClusterError, EngineError, LockError, OSError, TargetError, TrafficError) as error:
        module.fail_json(msg=str(error), exception=error)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
