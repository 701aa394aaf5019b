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

    CLUSTER = r"""
options:
  cluster:
    description:
      - The cluster that is worked on in place of this host, where C(deploy_platform) of the host is V(kubernetes). Set by the
        action plugin, from C(deploy_kubernetes) and C(deploy_project).
    type: dict
    default: {}
"""

    REPORT = r"""
options:
  runtimes:
    description: The wanted settings of each service that shape its containers, by service.
    type: dict
    default: {}
  secrets:
    description: Their secret settings, by service. Only a keyed hash of them is made.
    type: dict
    default: {}
  tags:
    description: C(repository:tag) names to resolve to digests, in the registry, else in the host's own images.
    type: list
    elements: str
    default: []
  logs:
    description: Access logs to read how many requests users sent lately, by service. A missing one is left out.
    type: dict
    default: {}
  control_url:
    description: Where the control server of nginx listens on this host. Without it nginx is not asked.
    type: str
    default: ""
  limit:
    description:
      - Releases of each service that are returned, newest first. With V(0) all that the ledger has, which a plan has to know.
        What is live, or what it could go back to, may be older than many that failed.
    type: int
    default: 0
  stock:
    description: Whether to look for images of past releases on this host, so that a plan can say which of them may go.
    type: bool
    default: false
"""

    LOCK = r"""
options:
  lock:
    description:
      - What M(tagadodo.deploy.release_begin) returned as its token on this host. The module then shows that its run
        still lives, and refuses to change anything where another run has the lock by now.
      - Without it nothing is locked.
    type: str
    default: ""
"""

    RECORD = r"""
options:
  record:
    description:
      - What is written into the ledger before anything else is done, as M(tagadodo.deploy.release) does. What was
        written already stays as it is.
    type: list
    elements: dict
    default: []
    suboptions:
      records:
        description: One entry for each record to write.
        type: list
        elements: dict
        required: true
        suboptions:
          service: {description: Name of the service., type: str, required: true}
          release: {description: Name of the release., type: str, required: true}
          facts: {description: What is to be known of it. Never the value of a secret., type: dict, default: {}}
      shares:
        description: Percent of traffic by service and slot from now on. Kept in each service's record with its time.
        type: dict
        default: {}
      outcome:
        description: How the releases stand.
        type: str
        choices: [running, succeeded, failed, held, rolled_back]
        required: true
      verdicts:
        description: What M(tagadodo.deploy.release_gate) returned. Each service's are added to its records.
        type: list
        elements: dict
        default: []
"""

    PROVE = r"""
options:
  prove:
    description:
      - What has to be well before the module goes on, as O(tagadodo.deploy.health_check#module:targets). The
        module fails where it is not, with what M(tagadodo.deploy.health_check) would return.
      - Nothing is proven in check mode.
    type: list
    elements: dict
    default: []
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
