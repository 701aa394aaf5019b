#!/usr/bin/python
# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# The work is done by the action plugin of the same name; this file documents it.

from __future__ import annotations

DOCUMENTATION = r"""
module: release_drift
version_added: 0.2.0
short_description: Tell what runs otherwise than ledger and inventory say
description:
  - Compares what runs (images, settings, instances, traffic shares, the configuration of nginx) with what the ledger says was released,
    and that with what the inventory describes. Shows a line for each difference.
  - Runs on the controller and changes nothing.
attributes:
  check_mode:
    support: full
    description: Can run in C(check_mode) and return changed status prediction without modifying target.
  diff_mode:
    support: N/A
    description: Will return details on what has changed (or possibly needs changing in C(check_mode)), when in diff mode.
options:
  services:
    description: The services as the inventory describes them, without the values of secrets.
    type: dict
    required: true
  only:
    description: Names of services to compare, as list or text with commas. All, and nginx, when empty.
    type: raw
  hosts:
    description: Results of M(tagadodo.deploy.release_info) by host.
    type: dict
    required: true
  containers:
    description: Results of M(tagadodo.deploy.drift_info) by host.
    type: dict
    default: {}
  routes:
    description: Results of M(tagadodo.deploy.nginx_config) in check mode by host, with the revision that nginx serves as C(served).
    type: dict
    default: {}
  app:
    description: Names of the hosts that run instances.
    type: list
    elements: str
    required: true
  proxy:
    description: Names of the hosts that run nginx.
    type: list
    elements: str
    required: true
  installation:
    description: The same as O(tagadodo.deploy.release_plan#module:installation).
    type: dict
    required: true
  fails:
    description: Whether a difference fails the task.
    type: bool
    default: false
author:
  - Taga Dodo deploy contributors (@tagadodo)
"""

EXAMPLES = r"""
---
- name: Tell what has drifted
  tagadodo.deploy.release_drift:
    services: "{{ services | tagadodo.deploy.public_services }}"
    hosts: {web1: "{{ release_host }}"}
    containers: {web1: "{{ drift_containers }}"}
    app: [web1]
    proxy: [web1]
    installation: {project: tagadodo, registry: docker.io, subnet: 10.213.0.0/16, places: {}}
  run_once: true
"""

RETURN = r"""
lines:
  description: What was shown.
  returned: success
  type: list
  elements: str
  sample: [Nothing has drifted.]
differences:
  description: Each difference in one line.
  returned: success
  type: list
  elements: str
  sample: ["web1: tagadodo-backend-blue-1: memory is 1073741824, 536870912 was released"]
"""
