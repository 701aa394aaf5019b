#!/usr/bin/python
# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# The work is done by the action plugin of the same name; this file documents it.

from __future__ import annotations

DOCUMENTATION = r"""
module: release_plan
version_added: 0.1.0
short_description: Plan a release from what every host reported
description:
  - Decides once, for the whole environment, what a release or rollback will do, shows it in plain words and
    returns it as the arguments of the modules that carry it out.
  - Runs on the controller and changes nothing.
attributes:
  check_mode:
    support: full
    description: Can run in C(check_mode) and return changed status prediction without modifying target.
    details: In check mode the plan counts as changed when carrying it out would change something.
  diff_mode:
    support: full
    description: Will return details on what has changed (or possibly needs changing in C(check_mode)), when in diff mode.
options:
  kind:
    description:
      - V(deploy) makes versions live. V(first) does so only for services that have nothing live.
      - V(join) starts what is live on hosts of a service that run nothing of it yet, and moves no traffic.
      - V(rollback) goes back to the last good release, or to the last good one of O(version). Where neither
        O(only) nor O(version) is given, it leaves services alone that have no earlier good release.
      - V(revert) moves nothing. It takes back the migrations that releases which were given up have left.
    type: str
    choices: [deploy, first, join, rollback, revert]
    default: deploy
  services:
    description: The services as the inventory describes them, without the values of secrets.
    type: dict
    required: true
  only:
    description: Names of services that are asked for, as list or text with commas. All when empty.
    type: raw
  version:
    description: Version that is asked for instead of the described ones.
    type: str
  given_up:
    description:
      - The only releases that a rollback gives up, as list or text with commas, each where it is live or was left half way.
        V(unfinished) stands for whatever a run that was killed has left half way. Services that none of it concerns stay
        as they are. O(version) is not looked at.
      - A release that is held waits for people, and stays.
    type: raw
  who:
    description: Who asked for it, for the ledger.
    type: str
    default: ""
  language:
    description: Language of the release's report.
    type: str
    choices: [ar, en]
    default: en
  committed_at:
    description:
      - When the change that is released was committed, with its zone, as C(git show -s --format=%cI) prints it. The
        index of reports says from it how long changes take to users.
    type: str
    default: ""
  migrations:
    description:
      - What becomes of the migrations of a release that is given up. As each service says where it is empty.
      - V(leave) leaves them in the database, V(revert) takes back exactly those, V(ask) leaves them and says how
        they can be taken back.
    type: str
    choices: ["", leave, revert, ask]
    default: ""
  images_kept:
    description:
      - How many good releases before the live one keep their images on the hosts, so that going back to them pulls nothing.
      - Which images may go is decided by C(stock) in O(hosts). With V(0) none goes, and none where nothing is released.
    type: int
    default: 0
  hosts:
    description: Results of M(tagadodo.deploy.release_begin) or M(tagadodo.deploy.release_info) by host.
    type: dict
    required: true
  app:
    description: Hosts that run instances.
    type: list
    elements: str
    required: true
  proxy:
    description: Hosts that run nginx.
    type: list
    elements: str
    required: true
  retired:
    description: Hosts that are to run nothing any more. They know what was released, and stop what they have.
    type: list
    elements: str
    default: []
  installation:
    description: >-
      Names and network of the installation (C(project), C(registry), C(subnet)), and where services run (C(places), as
      P(tagadodo.deploy.service_places#filter) says); whether its one host is a cluster (C(kubernetes)).
    type: dict
    required: true
  endpoint:
    description:
      - Where a proxy reaches its own nginx, and where that logs (C(address), C(https_port), C(ca_file), C(token_file), C(log_dir)).
      - On a cluster its C(project), whose Services are asked, and whether C(address) is that of its C(gateway).
    type: dict
    required: true
author:
  - Taga Dodo deploy contributors (@tagadodo)
"""

EXAMPLES = r"""
---
- name: Plan the release
  tagadodo.deploy.release_plan:
    services: "{{ services | tagadodo.deploy.public_services }}"
    version: 1.1.0
    hosts: {web1: "{{ release_host }}"}
    app: [web1]
    proxy: [web1]
    installation: {project: tagadodo, registry: docker.io, subnet: 10.213.0.0/16}
    endpoint: {address: 127.0.0.1, https_port: 443, ca_file: "", token_file: /var/lib/tagadodo/nginx/probe_token}
  register: plan
"""

RETURN = r"""
release:
  description: Name of the release, its UTC time.
  returned: success
  type: str
  sample: 20261122-231530
changes:
  description: Whether there is anything to do.
  returned: success
  type: bool
  sample: true
services:
  description: What happens to each service.
  returned: success
  type: dict
  sample: {backend: {action: release, version: 1.1.0, slot: green}}
parts:
  description: What the release does, in order. Each has the file of tasks that does it, and what those tasks are given.
  returned: success
  type: list
  elements: dict
  sample: [{tasks: step, name: 100 %, number: 0}]
backup_hours:
  description: How many hours old the newest backup may be. V(none) where no service of the release asks for one.
  returned: success
  type: int
  sample: 24
start:
  description: Slots to start, as O(tagadodo.deploy.instances#module:slots).
  returned: success
  type: list
  elements: dict
surplus:
  description: Images to remove when the release has ended, by host.
  returned: success
  type: dict
  sample: {web1: ["docker.io/tagadodo/backend@sha256:09"]}
history:
  description: What hosts that join a live release enter into their ledger, for each the records of M(tagadodo.deploy.release).
  returned: success
  type: list
  elements: dict
undo:
  description: Migrations to take back once traffic is back, by service, as M(tagadodo.deploy.migration) takes them.
  returned: success
  type: list
  elements: dict
  sample: [{service: backend, release: 20261122-231530, image: "tagadodo/backend@sha256:11", names: [002-b]}]
data:
  description: What taking this release back would do to the database, by service.
  returned: success
  type: list
  elements: dict
shares:
  description: Traffic shares to set, as O(tagadodo.deploy.traffic_shift#module:shares).
  returned: success
  type: dict
  sample: {backend: {green: 100}}
"""
