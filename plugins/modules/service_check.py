#!/usr/bin/python
# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# The work is done by the action plugin of the same name; this file documents it.

from __future__ import annotations

DOCUMENTATION = r"""
module: service_check
version_added: 0.1.0
short_description: Check the description of services before anything is touched
description:
  - Checks types, ranges and what services must not share, and that what is asked for is described.
  - Checks the extra variables of the command line too. A name that is nearly one of those that the playbooks of
    this collection take, or an empty value of one, would release something else than what was meant.
  - Runs on the controller. A mistake is reported in one line that names the setting and says what to change.
attributes:
  check_mode:
    support: full
    description: Can run in C(check_mode) and return changed status prediction without modifying target.
  diff_mode:
    support: N/A
    description: Will return details on what has changed (or possibly needs changing in C(check_mode)), when in diff mode.
options:
  services:
    description:
      - The services as the inventory describes them, without the values of secrets.
      - Without them only the command line is checked.
    type: dict
  only:
    description: Names of services that are asked for, as list or text with commas. All when empty.
    type: raw
  version:
    description: Version that is asked for instead of the described ones, as text.
    type: raw
  release:
    description: Whether the services are to be released, so that each of them needs a version.
    type: bool
    default: true
  allowed_versions:
    description:
      - Which versions may be released (C(deploy_versions)), a regular expression of the whole version by the name
        of a rule. A version that none of them takes is a mistake. Without rules any version may be released.
    type: dict
    default: {}
  project:
    description: What names begin with (C(deploy_project)). Kubernetes says how long they may be.
    type: str
    default: ""
  platform:
    description: On what services run (C(deploy_platform)). Not everything that fits on hosts does on V(kubernetes).
    type: str
    choices: [docker, kubernetes]
    default: docker
  cluster:
    description: The cluster, where they run on one (C(deploy_kubernetes)).
    type: dict
    default: {}
  registry:
    description: Registry of images that name none (C(deploy_registry)).
    type: str
    default: ""
  places:
    description: Where services run, as P(tagadodo.deploy.service_places#filter) says. Proxies that are elsewhere need ports.
    type: dict
    default: {}
  log_dir:
    description: Directory of all logs (C(deploy_log_dir)).
    type: str
    default: ""
  secret_problems:
    description: What filter P(tagadodo.deploy.secret_problems#filter) says of them; anything is a mistake.
    type: list
    elements: str
    default: []
  checklist:
    description: What is said of the checklist of a release, where it has one. An unknown item is a mistake.
    type: dict
    suboptions:
      policy: {description: "Which items block, warn or are off (C(deploy_checklist)).", type: raw}
      checks: {description: How items are answered (C(deploy_checks))., type: raw}
      attest: {description: Who attests which item (C(attest))., type: raw}
      whole: {description: Whether items that the policy does not name are asked too., type: bool, default: false}
author:
  - Taga Dodo deploy contributors (@tagadodo)
"""

EXAMPLES = r"""
---
- name: Check the description of every service
  tagadodo.deploy.service_check:
    services: "{{ services | tagadodo.deploy.public_services }}"
    secret_problems: "{{ services | tagadodo.deploy.secret_problems }}"

- name: Check the command line alone
  tagadodo.deploy.service_check:
"""

RETURN = r"""
names:
  description: The services that are asked for; empty without O(services).
  returned: success
  type: list
  elements: str
  sample: [backend, frontend]
asked:
  description: What M(tagadodo.deploy.release_begin) is given, to ask each host about the services.
  returned: success
  type: dict
  contains:
    runtimes:
      description: Settings that shape containers, by service.
      type: dict
      returned: success
    tags:
      description: Image and tag of every service that is to be released.
      type: list
      elements: str
      returned: success
    logs:
      description: Where nginx logs the requests of services whose releases are watched.
      type: dict
      returned: success
  sample: {tags: ["tagadodo/backend:1.1.0"], runtimes: {backend: {port: 3000}}, logs: {}}
checklist:
  description: What is asked of a release.
  returned: success
  type: dict
  contains:
    before: {description: Items before it is made., type: list, elements: str, returned: success}
    after: {description: Items from then on., type: list, elements: str, returned: success}
    looks: {description: "How M(tagadodo.deploy.checklist_info) is to look at hosts, by item.", type: dict, returned: success}
  sample: {before: [disk, clock], after: [], looks: {disk: {minimum_percent: 10, paths: []}}}
"""
