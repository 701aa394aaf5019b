#!/usr/bin/python
# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# The work is done by the action plugin of the same name; this file documents it.

from __future__ import annotations

DOCUMENTATION = r"""
module: release_notice
version_added: 0.2.0
short_description: Tell people of a release
description:
  - Tells that a release or rollback begins, or how it has ended, by Slack, a webhook and mail.
  - What cannot be told is a warning. No release fails for it.
  - Takes the modules C(community.general.slack), M(ansible.builtin.uri) and C(community.general.mail) on the host that the
    task is delegated to, for up to ten seconds each.
attributes:
  check_mode:
    support: full
    description: Can run in C(check_mode) and return changed status prediction without modifying target.
    details: Nobody is told.
  diff_mode:
    support: N/A
    description: Will return details on what has changed (or possibly needs changing in C(check_mode)), when in diff mode.
options:
  began:
    description: Whether it begins now. It has ended otherwise.
    type: bool
    default: false
  plan:
    description: What M(tagadodo.deploy.release_plan) returned, empty where there is no plan.
    type: dict
    default: {}
  done:
    description: The release that M(tagadodo.deploy.release_summary) has summed up. One that is not that of O(plan) has failed.
    type: str
    default: ""
  reason:
    description: Why it has failed.
    type: str
    default: ""
  said:
    description: Whether a release that was under way has failed. Nothing was changed otherwise.
    type: bool
    default: false
  held:
    description: Whether it waits for a decision.
    type: bool
    default: false
  project:
    description: Name of the installation.
    type: str
    required: true
  who:
    description: Who has started it.
    type: str
    default: ""
  language:
    description: Language of what is told.
    type: str
    choices: [ar, en]
    default: en
  events:
    description: What is told.
    type: list
    elements: str
    choices: [started, succeeded, rolled_back, failed, held, refused]
    default: [started, succeeded, rolled_back, failed, held, refused]
  channels:
    description: By what, C(slack), C(webhook) and C(mail), each with the arguments that its module has under the same names.
    type: dict
    required: true
author:
  - Taga Dodo deploy contributors (@tagadodo)
"""

EXAMPLES = r"""
---
- name: Tell people that it begins
  tagadodo.deploy.release_notice:
    began: true
    plan: "{{ plan }}"
    project: tagadodo
    channels:
      webhook: {url: https://hooks.example.com/deploys}
  delegate_to: localhost
  run_once: true
"""

RETURN = r"""
event:
  description: What there was to tell, empty for nothing.
  returned: success
  type: str
  sample: succeeded
told:
  description: By what it was told.
  returned: success
  type: list
  elements: str
  sample: [slack]
problems:
  description: Why others were not.
  returned: success
  type: list
  elements: str
  sample: ["mail: timed out"]
"""
