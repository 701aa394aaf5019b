#!/usr/bin/python
# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# The work is done by the action plugin of the same name; this file documents it.

from __future__ import annotations

DOCUMENTATION = r"""
module: release_summary
version_added: 0.1.0
short_description: Sum up a release that succeeded
description:
  - Shows what became live, how long it took, and the verdict on each step.
  - Runs on the controller and changes nothing.
attributes:
  check_mode:
    support: full
    description: Can run in C(check_mode) and return changed status prediction without modifying target.
  diff_mode:
    support: N/A
    description: Will return details on what has changed (or possibly needs changing in C(check_mode)), when in diff mode.
options:
  plan:
    description: What M(tagadodo.deploy.release_plan) returned.
    type: dict
    required: true
  verdicts:
    description: What M(tagadodo.deploy.release_gate) returned in all steps, oldest first.
    type: list
    elements: dict
    default: []
author:
  - Taga Dodo deploy contributors (@tagadodo)
"""

EXAMPLES = r"""
---
- name: Sum up
  tagadodo.deploy.release_summary:
    plan: "{{ plan }}"
    verdicts: "{{ release_verdicts }}"
  run_once: true
"""

RETURN = r"""
lines:
  description: What was shown.
  returned: success
  type: list
  elements: str
release:
  description: The release that has succeeded.
  returned: success
  type: str
  sample: 20261122-231530
"""
