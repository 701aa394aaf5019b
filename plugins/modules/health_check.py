#!/usr/bin/python
# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: health_check
version_added: 0.1.0
short_description: Wait until many targets are healthy, and are who they should be
description:
  - Probes all targets at the same time, until every one is ready, or one fails for good, or time
    is over. Then it can go on watching them for a while.
  - The three probes mean what they mean in Kubernetes. Readiness and liveness are not asked before
    startup has succeeded; successes and failures count in a row; a startup probe that used up its
    failures is final, and so is a liveness probe.
  - Unlike in Kubernetes, a target that has started and then is not ready for the readiness probe's
    failures times its period fails too. A release does not wait for it; for a service that needs
    long to warm up, let O(targets[].startup) ask for readiness.
  - A target that comes up is asked much more often than the period of its probe says, O(interval)
    at first, then after every twentieth part of the time that has passed, up to the period. So
    while it comes up, failures are counted in time; a startup probe with 30 failures and a period
    of 10 has 300 seconds. Once a target is ready its probes keep their periods, and failures are
    counted one by one.
  - A status of 200 proves nothing, because an old process may give it. O(targets[].identity) names
    what the answer has to say about the version.
  - With O(targets[].container) the engine is asked too. A container that exits, is killed for want
    of memory, is restarted or disappears fails the check at once, and its last log lines are in
    the result.
extends_documentation_fragment:
  - tagadodo.deploy._deploy.CLUSTER
  - tagadodo.deploy._deploy.INFO
options:
  targets:
    description: What to probe.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: Name of the target in messages and results.
        type: str
        required: true
      url:
        description:
          - Where it answers. The paths below are put behind it. Without O(targets[].ready) and
            O(targets[].full) the URL itself is asked whether it is ready.
        type: str
        required: true
      address:
        description:
          - C(host:port) to connect to instead of the URL's own. The URL's host is still what is
            asked for, in the C(Host) header and in the TLS handshake.
        type: str
      startup:
        description: Path that answers once the process runs. Without it a target counts as started.
        type: str
      ready:
        description: Path that answers while the target can be given traffic.
        type: str
      live:
        description: Path that answers while the target need not be restarted.
        type: str
      full:
        description:
          - Path that checks everything and names the version. It is asked whenever
            O(targets[].ready) answers well, and belongs to readiness.
        type: str
      identity:
        description:
          - What the target has to say it is, in the JSON answer of O(targets[].full), or of
            O(targets[].ready) if there is no such path.
          - A wrong identity is a failure of the readiness probe like any other, and not final at
            once, because an old process may still answer for a moment.
        type: dict
        suboptions:
          path: {description: Dotted path in the answer., type: str, default: version}
          value: {description: What must be there., type: str, required: true}
      json:
        description:
          - Expected values by dotted path, in the same answer as O(targets[].identity). Numbers in
            a path count into lists, from 0.
        type: dict
      status:
        description: Statuses that count as success, for every path.
        type: list
        elements: int
        default: [200]
      method:
        description: HTTP method.
        type: str
        choices: [GET, HEAD]
        default: GET
      headers:
        description:
          - Headers of every request. Verbose output shows them; a secret goes into
            O(targets[].header_files).
        type: dict
      header_files:
        description:
          - Files with the values of headers on the host of this task, by name of the header. A
            file holds one line. Like this a secret is neither sent to the host nor shown.
        type: dict
      ca_file:
        description:
          - File on the host of this task with the authorities to trust. The system's by default.
        type: path
      validate_certs:
        description: Whether the certificate must be valid for the URL's host.
        type: bool
        default: true
      container:
        description: >-
          Name of the container behind the target. Its state is watched. On a cluster the pod with that number of its slot is
          asked, in place of O(targets[].url)'s host.
        type: str
      service:
        description: Name of the Service behind the target, on a cluster, that is asked in place of O(targets[].url)'s host.
        type: str
      startup_probe:
        description:
          - Pace of the probe of O(targets[].startup). By default up to 30 failures, 10 seconds
            apart.
        type: dict
        suboptions: &probe
          initial_delay:
            description: Seconds from the start of the check to the first probe. By default V(0).
            type: float
          period:
            description: Seconds between probes. By default V(10), for readiness V(5).
            type: float
          timeout:
            description: Seconds one answer may take. By default V(3), for liveness V(5).
            type: float
          failures:
            description: Failures in a row that are final. By default V(3), for startup V(30).
            type: int
          successes:
            description: Successes in a row that count. By default V(1).
            type: int
      ready_probe:
        description:
          - Pace of the probe of O(targets[].ready) and O(targets[].full). By default up to 3
            failures, 5 seconds apart.
        type: dict
        suboptions: *probe
      live_probe:
        description:
          - Pace of the probe of O(targets[].live). By default up to 3 failures, 10 seconds apart.
        type: dict
        suboptions: *probe
  interval:
    description: Seconds after which a target that comes up is asked again at first.
    type: float
    default: 0.05
  timeout:
    description: Seconds all targets together have to become ready, whatever their probes allow.
    type: float
    default: 600
  watch:
    description:
      - Seconds to go on watching after all targets were ready. Every probe is made at least once
        more when this time is over, and the watch does not end while a probe is failing.
    type: float
    default: 0
requirements:
  - Docker SDK for Python (C(docker)) on the host, if a container is named
seealso:
  - name: Kubernetes probes
    description: What startup, readiness and liveness probes mean.
    link: https://kubernetes.io/docs/concepts/configuration/liveness-readiness-startup-probes/
author:
  - Taga Dodo deploy contributors (@tagadodo)
"""

EXAMPLES = r"""
---
- name: Wait for one URL
  tagadodo.deploy.health_check:
    targets:
      - {name: backend, url: "http://127.0.0.1:3000/health"}

- name: Prove both instances of the new slot
  tagadodo.deploy.health_check:
    targets:
      - name: backend-green-1
        url: http://10.213.2.16:3000
        container: tagadodo-backend-green-1
        startup: /health/live
        ready: /health/ready
        live: /health/live
        full: /health
        identity: {path: version, value: 1.1.0}
        startup_probe: {period: 10, failures: 30}
      - name: backend-green-2
        url: http://10.213.2.17:3000
        container: tagadodo-backend-green-2
        ready: /health/ready
        full: /health
        identity: {path: version, value: 1.1.0}

- name: Watch it through nginx and TLS for half a minute
  tagadodo.deploy.health_check:
    watch: 30
    targets:
      - name: backend through nginx
        url: https://api.localhost:8443
        address: 127.0.0.1:8443
        ca_file: /etc/tagadodo/nginx/tls/ca.pem
        header_files: {X-Probe-Token: /var/lib/tagadodo/nginx/probe_token}
        headers: {X-Probe-Slot: green}
        ready: /health/ready
        full: /health
        json: {status: ok}
        identity: {value: 1.1.0}
"""

RETURN = r"""
msg:
  description: The verdict in one line. On failure, the first target that failed and why.
  returned: always
  type: str
  sample: "backend-green-1: answers 200 but says version 1.0.0, expected 1.1.0"
seconds:
  description: How long the check took, watching included.
  returned: always
  type: float
  sample: 1.912
targets:
  description: What was seen of each target, in the order given.
  returned: always
  type: list
  elements: dict
  contains:
    name: {description: Name of the target., type: str, sample: backend-green-1}
    ready:
      description: Whether it was ready at the end and no probe was failing.
      type: bool
      sample: true
    attempts: {description: Probes made., type: int, sample: 14}
    first_ok_seconds:
      description: When the first probe succeeded. Null if none did.
      type: float
      sample: 1.52
    ready_seconds:
      description: When it became ready. Null if it did not.
      type: float
      sample: 1.61
    last_status:
      description: HTTP status of the last answer. 0 if there was none.
      type: int
      sample: 200
    last_error:
      description: The last thing that went wrong. Empty if nothing did.
      type: str
      sample: /health/live refuses connections
    identity: {description: What the target last said it is., type: str, sample: 1.1.0}
    container:
      description: What the engine says about its container. Null if none was named.
      type: dict
      sample: {name: tagadodo-backend-green-1, exists: true, status: running, oom_killed: false}
logs:
  description: The last 20 lines of the containers of targets that failed, by name of the target.
  returned: always
  type: dict
  sample: {backend-green-1: ["Error: connect ECONNREFUSED 10.213.0.3:27017"]}
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.tagadodo.deploy.plugins.module_utils._cluster import ClusterError
from ansible_collections.tagadodo.deploy.plugins.module_utils._engine import EngineError
from ansible_collections.tagadodo.deploy.plugins.module_utils._health_check import Limits
from ansible_collections.tagadodo.deploy.plugins.module_utils._platforms import CLUSTER, platform_of
from ansible_collections.tagadodo.deploy.plugins.module_utils._proof import TARGETS, Proof
from ansible_collections.tagadodo.deploy.plugins.module_utils._target import TargetError


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "targets": {**TARGETS, "required": True},
            "interval": {"type": "float", "default": Limits.interval},
            "timeout": {"type": "float", "default": 600},
            "watch": {"type": "float", "default": 0},
            **CLUSTER,
        },
        supports_check_mode=True,
    )
    params = module.params
    try:
        limits = Limits(params["interval"], params["timeout"], params["watch"])
        proof = Proof.of(platform_of(params), params["targets"], limits)
        module.no_log_values.update(proof.secrets)
        report = proof.run()
    except (ClusterError, EngineError, TargetError) as error:
        module.fail_json(msg=str(error), exception=error)
    if report.problem:
        module.fail_json(**report.as_dict())
    module.exit_json(changed=False, **report.as_dict())


if __name__ == "__main__":
    main()
