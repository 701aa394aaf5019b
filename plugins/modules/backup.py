#!/usr/bin/python
# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: backup
version_added: 0.2.0
short_description: Make one backup of an installation
description:
  - Dumps databases with their own tools in one-off containers, copies files, checks every dump, and
    stores all of it with a manifest of counts and checksums as one restic snapshot. Old snapshots are
    then removed.
  - A dump that failed or is not whole never becomes a snapshot. What is backed up is only read.
  - The scheduled backups of P(tagadodo.deploy.backup#role) are made by the same code.
extends_documentation_fragment:
  - tagadodo.deploy._deploy.BACKUP
attributes:
  check_mode:
    support: full
    description: Can run in C(check_mode) and return changed status prediction without modifying target.
  diff_mode:
    support: none
    description: Will return details on what has changed (or possibly needs changing in C(check_mode)), when in diff mode.
    details: A snapshot is added; nothing is changed.
options:
  tags:
    description: Words to find the snapshot by, beside the name of the project.
    type: list
    elements: str
    default: []
author:
  - Taga Dodo deploy contributors (@tagadodo)
"""

EXAMPLES = r"""
---
- name: Make a backup before something risky
  tagadodo.deploy.backup:
    settings: /etc/tagadodo/backup/settings.json
    tags: [before-release]
"""

RETURN = r"""
msg:
  description: What was stored in one line, or what went wrong.
  returned: always
  type: str
  sample: >-
    snapshot 33018f9b of tagadodo in 9.3 s: mongodb 120 documents in 3 collections (41.2 kB), redis 12 keys in
    1 databases (1.1 kB), tls 4 files (2.3 kB)
snapshot:
  description: Id of the snapshot.
  returned: success, except in check mode
  type: str
  sample: 33018f9b
seconds:
  description: How long it took.
  returned: success, except in check mode
  type: float
  sample: 9.3
bytes:
  description: Size of all that was stored, before it is deduplicated and compressed.
  returned: success, except in check mode
  type: int
  sample: 44612
sources:
  description: What was stored of each source.
  returned: success, except in check mode
  type: dict
  sample: {mongodb: {bytes: 41200, holds: mongodb 120 documents in 3 collections (41.2 kB)}}
problem:
  description: Why old snapshots could not be removed. Empty if they were.
  returned: success, except in check mode
  type: str
  sample: ""
"""

import typing as t

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.tagadodo.deploy.plugins.module_utils._backup import BackupError, Settings
from ansible_collections.tagadodo.deploy.plugins.module_utils._backup_program import backup_by
from ansible_collections.tagadodo.deploy.plugins.module_utils._engine import EngineError
from ansible_collections.tagadodo.deploy.plugins.module_utils._signals import end_by_signal


def make(params: t.Mapping[str, t.Any], dry: bool) -> dict[str, t.Any]:
    """Make a backup, or tell of what it would be made."""
    if dry:
        settings = Settings.read(params["settings"])
        return {"msg": f"would make a backup of {', '.join(settings.sources)}"}
    return dict(backup_by(params["settings"]).make(params["tags"]))


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "settings": {"type": "path", "required": True},
            "tags": {"type": "list", "elements": "str", "default": []},
        },
        supports_check_mode=True,
    )
    end_by_signal()
    try:
        done = make(module.params, module.check_mode)
    except (BackupError, EngineError) as error:
        module.fail_json(msg=f"no backup was made: {error}", exception=None)
    if done.get("problem"):
        module.warn(f"old backups stay: {done['problem']}")
    module.exit_json(changed=True, **done)


if __name__ == "__main__":
    main()
