#!/usr/bin/python
# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# The work is done by the action plugin of the same name; this file documents it.

from __future__ import annotations

DOCUMENTATION = r"""
module: release_checklist
version_added: 0.2.0
short_description: Go through the checklist of a release
description:
  - Puts together what hosts have found, what the plan and the release say, what the controller finds (git, variables, staging's reports,
    commands and URLs of the user's own) and what people attest. Shows a line for each item.
  - Fails where an item that the policy lets block is not answered well.
  - Runs on the controller and changes nothing.
attributes:
  check_mode:
    support: full
    description: Can run in C(check_mode) and return changed status prediction without modifying target.
    details: Commands of the user's own are run in check mode too. They are to look, and change nothing.
  diff_mode:
    support: N/A
    description: Will return details on what has changed (or possibly needs changing in C(check_mode)), when in diff mode.
options:
  phase:
    description: >-
      Which items are gone through, those before a release, those during and after it, or those that the record of the last
      release has (V(recorded)), to attest what is still open.
    type: str
    choices: [before, after, recorded]
    default: before
  whole:
    description: Whether items that the policy does not name are shown too.
    type: bool
    default: false
  plan:
    description: What M(tagadodo.deploy.release_plan) returned.
    type: dict
    default: {}
  ledgers:
    description: What M(tagadodo.deploy.ledger_info) returned on each host, for O(phase=recorded).
    type: list
    elements: dict
    default: []
  services:
    description: The services as the inventory describes them, without the values of secrets.
    type: dict
    default: {}
  policy:
    description: Which items block, warn, or are off (C(deploy_checklist)).
    type: raw
  checks:
    description: How items are answered (C(deploy_checks)).
    type: raw
  attest:
    description: Who attests which item, as dictionary or as text, C(review:ada,tests:bo).
    type: raw
  who:
    description: Who has typed that.
    type: str
    default: ""
  reason:
    description: Why migrations are run that are labelled.
    type: str
    default: ""
  hosts:
    description: Results of M(tagadodo.deploy.checklist_info) by host.
    type: dict
    default: {}
  delegated:
    description: Results of the same that are about no host of their own.
    type: list
    elements: dict
    default: []
  migrations:
    description: Results of M(tagadodo.deploy.migration) in state C(status), each with what it was asked for as C(__migration).
    type: list
    elements: dict
    default: []
  verdicts:
    description: What M(tagadodo.deploy.release_gate) returned in all steps, oldest first.
    type: list
    elements: dict
    default: []
  notices:
    description: By what people are told of releases.
    type: list
    elements: str
    default: []
  events:
    description: What they are told.
    type: list
    elements: str
    default: []
  before:
    description: RV(answers) of the items before the release, which are kept with those after it.
    type: list
    elements: dict
    default: []
author:
  - Taga Dodo deploy contributors (@tagadodo)
"""

EXAMPLES = r"""
---
- name: Go through the checklist
  tagadodo.deploy.release_checklist:
    plan: "{{ plan }}"
    services: "{{ services | tagadodo.deploy.public_services }}"
    policy: {disk: block, review: block}
    attest: review:ada
    hosts: {web1: "{{ checklist_host }}"}
  run_once: true
"""

RETURN = r"""
lines:
  description: What was shown.
  returned: success
  type: list
  elements: str
answers:
  description: What became of each item.
  returned: success
  type: list
  elements: dict
  sample: [{name: review, state: pass, evidence: attested by ada, by: ada, at: "2026-11-29T08:00:00Z"}]
records:
  description: The same as O(tagadodo.deploy.release#module:records). Empty where nothing is released, or nothing new is attested.
  returned: success
  type: list
  elements: dict
"""
