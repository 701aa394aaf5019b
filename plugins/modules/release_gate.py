#!/usr/bin/python
# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# The work is done by the action plugin of the same name; this file documents it.

from __future__ import annotations

DOCUMENTATION = r"""
module: release_gate
version_added: 0.1.0
short_description: Watch a step of a release until its evidence gives a verdict
description:
  - Looks at all hosts of a release every 5 seconds by M(tagadodo.deploy.release_evidence), judges what was seen
    so far, and shows a line of progress for each service.
  - Ends when a service fails, is held, or when all of them pass. A step passes when it was watched for its shortest
    time and the requests of users, or probes where there are too few, show that the new slot is as good as it has to be.
    Time alone never lets it pass.
  - A service B(fails) when its new slot is worse than the limits allow. It is B(held) when nobody can say. Too few
    requests came, the log cannot be read, or both slots are bad, which the release is not to blame for.
  - What was seen is kept on the hosts. A gate that is run again after its run was ended goes on where that one was.
  - Another terminal may pause, promote or abort the release by M(tagadodo.deploy.release_control).
  - A verdict is no failure of the task. What follows from it is for the next tasks to say, by RV(problem) and RV(held).
  - Runs on the controller for all hosts at once, so it is run once.
attributes:
  check_mode:
    support: none
    description: Can run in C(check_mode) and return changed status prediction without modifying target.
    details: There is nothing to watch in check mode.
  diff_mode:
    support: N/A
    description: Will return details on what has changed (or possibly needs changing in C(check_mode)), when in diff mode.
options:
  release:
    description: Name under which what is seen is kept.
    type: str
    required: true
  services:
    description: C(watch) of a step of the plan (M(tagadodo.deploy.release_plan)).
    type: list
    elements: dict
    required: true
  hosts:
    description: Hosts that are looked at. What a host can see follows from its groups, C(app) and C(proxy).
    type: list
    elements: str
    required: true
  state_dir:
    description: Where releases keep their state on those hosts.
    type: path
    required: true
  locks:
    description: By host, what M(tagadodo.deploy.release_begin) returned as its token there.
    type: dict
    default: {}
seealso:
  - module: tagadodo.deploy.release_evidence
  - module: tagadodo.deploy.release_control
author:
  - Taga Dodo deploy contributors (@tagadodo)
"""

EXAMPLES = r"""
---
- name: Watch what users get
  tagadodo.deploy.release_gate:
    release: "{{ plan.release }}"
    services: "{{ plan.steps[0].watch }}"
    hosts: "{{ ansible_play_hosts }}"
    state_dir: /var/lib/tagadodo
  run_once: true
"""

RETURN = r"""
verdicts:
  description: >-
    The verdict on each service, with the numbers it was given by, when (C(at), in seconds since 1970), and what both slots did in
    the step until then (C(trend), at most 60 points).
  returned: success
  type: list
  elements: dict
  sample:
    - {service: backend, step: 10 %, share: 10, at: 1795389330.5, seconds: 121.2, kind: pass, cause: "", rule: "",
       sentence: "green answered 412 requests, 0 failed", numbers: {}, missing: [],
       trend: {at: [1795389330.5], slots: {green: {answers: [412], failed: [0], p50: [0.008], p95: [0.031]}}}}
problem:
  description: Why the step does not pass, in one line. Empty when it does.
  returned: success
  type: str
  sample: "backend 1.1.0: green answered 14 of 41 requests with errors (34 %), limit 10 %; blue 2 of 380 (0.5 %)"
held:
  description: Whether the release is neither good nor bad, and waits for a decision.
  returned: success
  type: bool
  sample: false
rounds:
  description: How often the hosts were looked at in this step.
  returned: success
  type: int
  sample: 25
"""
