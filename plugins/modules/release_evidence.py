#!/usr/bin/python
# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: release_evidence
version_added: 0.1.0
short_description: Look once at what a release does to its users on this host
description:
  - Makes one look at the services of a release and returns it as counts. It reads what nginx has
    logged since the look before, asks every running instance of both slots itself, asks the engine
    about their containers, and Prometheus if there is one. It judges nothing.
  - Requests are counted by attempt, so an instance that fails is seen even when nginx asked the
    next one and the user noticed nothing. An attempt belongs to the slot of the address that was
    asked.
  - Every look is recorded with the place in the log it has read up to, in one line of
    C(<state_dir>/gate/<release>.jsonl), written as a whole or not at all. A gate that was killed
    goes on where its last recorded look ended. It neither counts twice nor forgets.
  - A log that was rotated is read to its end before the new one. One that was truncated, is
    missing or cannot be read is told in C(problems) of the look. It is no failure of the module.
attributes:
  check_mode:
    support: full
    description: Can run in C(check_mode) and return changed status prediction without modifying target.
    details: Looks, and records nothing. The look has the number and the counts it would have had.
  diff_mode:
    support: N/A
    description: Will return details on what has changed (or possibly needs changing in C(check_mode)), when in diff mode.
    details: Looking changes nothing but the module's own notes.
extends_documentation_fragment:
  - tagadodo.deploy._deploy.CLUSTER
  - tagadodo.deploy._deploy.STATE
  - tagadodo.deploy._deploy.LOCK
options:
  release:
    description: Name of the release. Its looks are kept under this name.
    type: str
    required: true
  step:
    description: Name of the step of the release that the look belongs to.
    type: str
    required: true
  begin:
    description:
      - Begin the release, before traffic moves. What the logs hold by now is not counted any more,
        and the first look, of the step V(baseline), holds what users did in the last
        O(baseline) seconds with the slot that is not O(services[].slot).
      - A release that has begun before goes on. Then nothing is looked at, and what users did
        meanwhile belongs to the next look.
    type: bool
    default: false
  baseline:
    description: Seconds before the beginning that the first look covers.
    type: int
    default: 600
  record:
    description: Whether the look is recorded. V(false) looks as in check mode.
    type: bool
    default: true
  since:
    description:
      - Number of the first look to return. V(0) returns all of the release, which a gate that is
        started again asks for.
    type: int
    default: 0
  budget:
    description: Seconds that asking instances, nginx and Prometheus may take, all together.
    type: float
    default: 4
  services:
    description: What to look at.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: Name of the service.
        type: str
        required: true
      slot:
        description: The slot that is released. The baseline is taken of the other one.
        type: str
        choices: [blue, green]
        required: true
      log:
        description: Access log of the service. Empty on a host without nginx.
        type: str
        default: ""
      upstreams:
        description:
          - Slot by address, as C(10.213.2.16:3000), of every instance that nginx on this host
            asks. An attempt at another address belongs to the slot that nginx chose.
        type: dict
        default: {}
      slots:
        description: The instances on this host.
        type: dict
        default: {}
        suboptions:
          blue: &slot
            description: The instances in this slot.
            type: dict
            suboptions:
              instances:
                description:
                  - The instances that should run, each as one of the targets of
                    M(tagadodo.deploy.health_check). Those whose container does not run are not
                    asked.
                type: list
                elements: dict
                default: []
          green: *slot
      smoke:
        description: Requests of our own through nginx, for services with few users.
        type: dict
        suboptions:
          target:
            description:
              - How nginx is reached, as a target of M(tagadodo.deploy.health_check) with the
                headers that force the slot.
            type: dict
            required: true
          slot:
            description: The slot they reach, by default O(services[].slot).
            type: str
            choices: [blue, green]
          paths:
            description: Paths that are asked in turn.
            type: list
            elements: str
            required: true
          count:
            description: How many requests. At most 50, and as many as the time allows.
            type: int
            default: 10
          slow:
            description: Seconds from which a good answer counts as slow. By default half the timeout.
            type: float
      metrics:
        description: Questions to Prometheus, each with one number as its answer.
        type: list
        elements: dict
        default: []
        suboptions:
          name: {description: Name of the metric., type: str, required: true}
          url: {description: "Where Prometheus is, as V(http://127.0.0.1:9090).", type: str, required: true}
          query: {description: "The query, whose value is a scalar or one series.", type: str, required: true}
          token_file: {description: File on this host with a bearer token., type: path}
          ca_file: {description: File on this host with the authorities to trust., type: path}
          validate_certs:
            description: Whether the certificate must be valid for the URL's host.
            type: bool
            default: true
requirements:
  - Docker SDK for Python (C(docker)) on the host, if a container is named
seealso:
  - module: tagadodo.deploy.health_check
  - module: tagadodo.deploy.release_control
author:
  - Taga Dodo deploy contributors (@tagadodo)
"""

EXAMPLES = r"""
---
- name: Note what users get before the release
  tagadodo.deploy.release_evidence:
    state_dir: /var/lib/tagadodo
    release: 20261122-231530-1.1.0
    step: baseline
    begin: true
    services:
      - {name: backend, slot: green, log: /var/log/tagadodo/nginx/backend.access.json}

- name: Look at the first step of a canary
  tagadodo.deploy.release_evidence:
    state_dir: /var/lib/tagadodo
    release: 20261122-231530-1.1.0
    step: 10 %
    since: 7
    services:
      - name: backend
        slot: green
        log: /var/log/tagadodo/nginx/backend.access.json
        upstreams: {"10.213.2.0:3000": blue, "10.213.2.16:3000": green}
        slots:
          blue:
            instances:
              - name: backend-blue-1
                url: http://10.213.2.0:3000
                container: tagadodo-backend-blue-1
                live: /health/live
                ready: /health/ready
          green:
            instances:
              - name: backend-green-1
                url: http://10.213.2.16:3000
                container: tagadodo-backend-green-1
                live: /health/live
                ready: /health/ready
                full: /health
                identity: {path: version, value: 1.1.0}
        smoke:
          count: 5
          paths: [/health, /users]
          target:
            name: backend through nginx
            url: https://api.localhost:8443
            address: 127.0.0.1:8443
            ca_file: /etc/tagadodo/nginx/tls/ca.pem
            header_files: {X-Probe-Token: /var/lib/tagadodo/nginx/probe_token}
            headers: {X-Probe-Slot: green}
        metrics:
          - name: queue length
            url: http://127.0.0.1:9090
            query: max(queue_length{service="backend"})
"""

RETURN = r"""
looks:
  description:
    - The looks of this release from number O(since) on, this one last. What is nothing is left out of C(counts).
    - A look has C(number) (the first one is 0), C(step), C(at) (time of day in seconds), C(seconds) (the time it
      covers) and C(services).
    - A service has C(slots), C(metrics) (V(null) where Prometheus has no value) and C(problems), one line for each
      thing that could not be seen.
    - A slot has C(counts) of the requests of users, C(probes) by C(live), C(ready), C(full) and C(smoke), and its
      C(containers). The keys of a latency's histogram are buckets, each ending 1.15 times later than the one before,
      the first (0) at 0.5 milliseconds. A good probe that took more than half of its timeout is C(slow) too.
  returned: success
  type: list
  elements: dict
  sample:
    - number: 7
      step: 10 %
      at: 1795401446.512
      seconds: 5.012
      services:
        backend:
          slots:
            green:
              counts:
                requests: 41
                attempts: 42
                failed: 1
                statuses: {"200": 41}
                failed_clients: {"4.71": 1}
                latency: {GET /users: {"16": 30, "17": 11}}
              probes:
                live: {good: 1, bad: 0, slow: 0, why: ""}
                full: {good: 0, bad: 1, slow: 0, why: "backend-green-1: /health answers 503"}
              containers:
                - name: tagadodo-backend-green-1
                  running: true
                  restarts: 0
                  oom_killed: false
                  exit_code: 0
                  created: 1795401420.73
                  started: 1795401421.02
          metrics: {queue length: 3.0}
          problems: []
recent:
  description: What users did before the release by service, from the look that began it. Empty otherwise.
  returned: success
  type: dict
  sample: {backend: {requests: 1190, per_minute: 119.0, failed: 0, seconds: 600.0}}
control:
  description:
    - What is asked of this release by M(tagadodo.deploy.release_control) on this host. Null if nothing is.
  returned: success
  type: dict
  sample: {release: 20261122-231530-1.1.0, step: 10 %, action: pause, by: dora, at: 1795401440.1}
seconds:
  description: How long the look took.
  returned: success
  type: float
  sample: 0.241
"""

import time
import typing as t

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.tagadodo.deploy.plugins.module_utils._cluster import ClusterError
from ansible_collections.tagadodo.deploy.plugins.module_utils._control import read_control
from ansible_collections.tagadodo.deploy.plugins.module_utils._engine import (
    EngineError,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._gate_file import GateError
from ansible_collections.tagadodo.deploy.plugins.module_utils._http_probe import (
    load_authorities,
    read_secrets,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._lock import LockError
from ansible_collections.tagadodo.deploy.plugins.module_utils._observe import Order, observe
from ansible_collections.tagadodo.deploy.plugins.module_utils._platform import Platform, at_work
from ansible_collections.tagadodo.deploy.plugins.module_utils._platforms import CLUSTER, platform_of
from ansible_collections.tagadodo.deploy.plugins.module_utils._questions import (
    Questions,
    Watched,
    inspecting,
    raw_targets,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._service import SLOTS
from ansible_collections.tagadodo.deploy.plugins.module_utils._target import TargetError

SLOT = {
    "type": "dict",
    "options": {"instances": {"type": "list", "elements": "dict", "default": []}},
}
SMOKE = {
    "target": {"type": "dict", "required": True},
    "slot": {"type": "str", "choices": list(SLOTS)},
    "paths": {"type": "list", "elements": "str", "required": True},
    "count": {"type": "int", "default": 10},
    "slow": {"type": "float"},
}
METRIC = {
    "name": {"type": "str", "required": True},
    "url": {"type": "str", "required": True},
    "query": {"type": "str", "required": True},
    "token_file": {"type": "path"},
    "ca_file": {"type": "path"},
    "validate_certs": {"type": "bool", "default": True},
}
SERVICE = {
    "name": {"type": "str", "required": True},
    "slot": {"type": "str", "choices": list(SLOTS), "required": True},
    "log": {"type": "str", "default": ""},
    "upstreams": {"type": "dict", "default": {}},
    "slots": {"type": "dict", "default": {}, "options": dict.fromkeys(SLOTS, SLOT)},
    "smoke": {"type": "dict", "options": SMOKE},
    "metrics": {"type": "list", "elements": "dict", "default": [], "options": METRIC},
}


def watched_services(module: AnsibleModule) -> t.List[Watched]:
    """What to look at; its secrets are shown nowhere.

    Raises:
        TargetError: a setting is wrong.
    """
    raws = module.params["services"]
    secrets = read_secrets(raw_targets(raws))
    services = [Watched.parse(raw, secrets) for raw in raws]
    tokens = (metric.token for one in services for metric in one.metrics if metric.token)
    module.no_log_values.update(secrets.values(), tokens)
    load_authorities(target for one in services for target in one.targets())
    return services


def look(
    module: AnsibleModule, platform: Platform, services: t.Sequence[Watched]
) -> t.Dict[str, t.Any]:
    """Look once."""
    params = module.params
    began = time.monotonic()
    order = Order(
        step=params["step"],
        begin=params["begin"],
        baseline=params["baseline"],
        record=params["record"] and not module.check_mode,
        since=params["since"],
    )

    def ask(asked: t.Sequence[Watched]) -> Questions:
        return Questions(asked, params["budget"], platform.ask, inspecting(platform.looking))

    gate = platform.gates.of(params["release"])
    seen = observe(gate, services, order, ask, requests=platform.requests())
    control = read_control(platform.documents, params["release"])
    return {
        **seen,
        "control": control.as_data() if control else None,
        "seconds": round(time.monotonic() - began, 3),
    }


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "state_dir": {"type": "path", "required": True},
            "release": {"type": "str", "required": True},
            "step": {"type": "str", "required": True},
            "begin": {"type": "bool", "default": False},
            "baseline": {"type": "int", "default": 600},
            "record": {"type": "bool", "default": True},
            "since": {"type": "int", "default": 0},
            "budget": {"type": "float", "default": 4},
            "lock": {"type": "str", "default": "", "no_log": False},
            **CLUSTER,
            "services": {"type": "list", "elements": "dict", "required": True, "options": SERVICE},
        },
        supports_check_mode=True,
    )
    try:
        platform = platform_of(module.params)
        with at_work(platform, module.params["lock"]):
            seen = look(module, platform, watched_services(module))
    except (ClusterError, EngineError, GateError, LockError, TargetError, OSError) as error:
        module.fail_json(msg=str(error), exception=error)
    module.exit_json(changed=False, **seen)


if __name__ == "__main__":
    main()
