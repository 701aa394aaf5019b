# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This doc fragment is PRIVATE to the collection.
"""What the documentation of several modules says in the same words."""

from __future__ import annotations


class ModuleDocFragment:
    ENGINE = r"""
options:
  project:
    description: Prefix and label of everything that belongs to this installation.
    type: str
    default: tagadodo
requirements:
  - Docker SDK for Python (C(docker)) on the host
"""

    STATE = r"""
options:
  state_dir:
    description: Where this installation keeps its state on the host.
    type: path
    required: true
"""

    BACKUP = r"""
options:
  settings:
    description:
      - File on the host that says what is backed up and where to, written by P(tagadodo.deploy.backup#role).
        It holds every secret that is needed, so none is given here.
    type: path
    required: true
requirements:
  - restic on the host
  - Docker SDK for Python (C(docker)) on the host, where databases are backed up
"""

    INFO = r"""
attributes:
  check_mode:
    support: full
    description: Can run in C(check_mode) and return changed status prediction without modifying target.
    details: This module only reads.
  diff_mode:
    support: N/A
    description: Will return details on what has changed (or possibly needs changing in C(check_mode)), when in diff mode.
    details: This module only reads.
"""

    CHANGES = r"""
attributes:
  check_mode:
    support: full
    description: Can run in C(check_mode) and return changed status prediction without modifying target.
  diff_mode:
    support: full
    description: Will return details on what has changed (or possibly needs changing in C(check_mode)), when in diff mode.
"""
