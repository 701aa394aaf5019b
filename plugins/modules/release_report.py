#!/usr/bin/python
# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# The work is done by the action plugin of the same name; this file documents it.

from __future__ import annotations

DOCUMENTATION = r"""
module: release_report
version_added: 0.2.0
short_description: Write the reports of releases on the controller
description:
  - Writes for each release a page (HTML that asks for nothing else), the same as JSON and as Markdown, and an index of all
    releases with the four DORA figures. What several hosts know of a release is put together.
  - Reports that are in the directory already, of releases that no ledger knows any more, stay there.
  - Runs on the controller.
attributes:
  check_mode:
    support: full
    description: Can run in C(check_mode) and return changed status prediction without modifying target.
  diff_mode:
    support: full
    description: Will return details on what has changed (or possibly needs changing in C(check_mode)), when in diff mode.
    details: The diff names files.
options:
  ledgers:
    description: Results of M(tagadodo.deploy.ledger_info) of all hosts.
    type: list
    elements: dict
    required: true
  directory:
    description: Directory to write to, relative to the one that the playbook was started in.
    type: str
    required: true
  language:
    description: Language of all pages. As each release was recorded with where it is empty.
    type: str
    choices: ["", ar, en]
    default: ""
  required:
    description: Whether reports that cannot be written are a failure. They are a warning otherwise.
    type: bool
    default: true
author:
  - Taga Dodo deploy contributors (@tagadodo)
"""

EXAMPLES = r"""
---
- name: Write the reports of all releases
  tagadodo.deploy.release_report:
    ledgers: ["{{ ledger }}"]
    directory: reports
  run_once: true
"""

RETURN = r"""
index:
  description: The page to open.
  returned: success
  type: str
  sample: /home/ada/reports/index.html
written:
  description: Names of the files that changed.
  returned: success
  type: list
  elements: str
  sample: [20261122-231530.html, index.html]
"""
