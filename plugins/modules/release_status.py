#!/usr/bin/python
# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# The work is done by the action plugin of the same name; this file documents it.

from __future__ import annotations

DOCUMENTATION = r"""
module: release_status
version_added: 0.1.0
short_description: Show on one screen what is live
description:
  - Shows services, slots, versions, traffic shares, health and the last releases of all hosts.
  - Runs on the controller and changes nothing.
attributes:
  check_mode:
    support: full
    description: Can run in C(check_mode) and return changed status prediction without modifying target.
  diff_mode:
    support: N/A
    description: Will return details on what has changed (or possibly needs changing in C(check_mode)), when in diff mode.
options:
  hosts:
    description: Results of M(tagadodo.deploy.release_info) by host.
    type: dict
    required: true
  only:
    description: Names of services that are shown, as list or text with commas. All when empty.
    type: raw
author:
  - Taga Dodo deploy contributors (@tagadodo)
"""

EXAMPLES = r"""
---
- name: Show the status
  tagadodo.deploy.release_status:
    hosts: {web1: "{{ release_host }}"}
"""

RETURN = r"""
lines:
  description: The screen.
  returned: success
  type: list
  elements: str
"""
