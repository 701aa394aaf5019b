#!/usr/bin/python
# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: backup_restore
version_added: 0.2.0
short_description: Bring a backup back, or rehearse that
description:
  - Restores databases, certificates and the ledger from a restic snapshot, then reads what is there and
    compares it with the counts and checksums of the manifest.
  - Nothing is touched before the repository was checked and the snapshot was found to be what was
    stored. Where something is there already, it is refused unless O(overwrite) is set.
  - Redis gets its data as the replica of a server of our own that has loaded the dump, so it holds what it
    held until all has arrived, with C(appendonly) or without.
  - Collections of MongoDB that the backup does not have stay. So do its users and roles, which belong
    to the setup of the server.
extends_documentation_fragment:
  - tagadodo.deploy._deploy.BACKUP
attributes:
  check_mode:
    support: full
    description: Can run in C(check_mode) and return changed status prediction without modifying target.
    details:
      - It reads the snapshot's manifest, and looks at the databases, in check mode too. On a host that was not set up
        yet, RV(msg) says that this comes first, and nothing else is returned.
  diff_mode:
    support: none
    description: Will return details on what has changed (or possibly needs changing in C(check_mode)), when in diff mode.
options:
  snapshot:
    description: Id of the snapshot, or V(latest).
    type: str
    default: latest
  only:
    description: Sources to restore. All but V(settings) without it, as those are written by the roles.
    type: list
    elements: str
    default: []
  overwrite:
    description: Whether what is there is replaced.
    type: bool
    default: false
  rehearse:
    description:
      - Restore into servers of our own that nobody else reaches, compare, remove everything, and leave a
        report below the state directory. O(only) and O(overwrite) do not matter.
    type: bool
    default: false
author:
  - Taga Dodo deploy contributors (@tagadodo)
"""

EXAMPLES = r"""
---
- name: Restore the newest backup into an empty environment
  tagadodo.deploy.backup_restore:
    settings: /etc/tagadodo/backup/settings.json

- name: See whether it could be restored
  tagadodo.deploy.backup_restore:
    settings: /etc/tagadodo/backup/settings.json
    rehearse: true
"""

RETURN = r"""
msg:
  description: What was restored in one line, or what went wrong.
  returned: always
  type: str
  sample: >-
    restored snapshot 33018f9b of tagadodo, made 2026-11-24T03:17:09Z, in 8.1 s: redis 12 keys in 1 databases
    (1.1 kB); counts and checksums are those of the manifest
snapshot:
  description: Id of the snapshot.
  returned: success
  type: str
  sample: 33018f9b
made_at:
  description: When it was made.
  returned: success
  type: str
  sample: "2026-11-24T03:17:09Z"
releases:
  description: What was live then, by service.
  returned: success
  type: dict
  sample: {backend: {release: 20261122-231530, version: 1.1.0}}
sources:
  description: What it holds of each source.
  returned: success
  type: dict
  sample: {redis: {bytes: 1100, holds: redis 12 keys in 1 databases (1.1 kB)}}
replaced:
  description: What was there before.
  returned: success
  type: list
  elements: str
  sample: [redis has 3 keys]
differences:
  description: What is not as it was stored. The module fails if there is any.
  returned: success
  type: list
  elements: str
  sample: []
seconds:
  description: How long it took.
  returned: success
  type: float
  sample: 8.1
report:
  description: File with the report of a rehearsal.
  returned: success, with O(rehearse) and not in check mode
  type: str
  sample: /var/lib/tagadodo/backup/drills/20261124-031709.json
"""

import os
import typing as t

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.tagadodo.deploy.plugins.module_utils._backup import BackupError, Settings
from ansible_collections.tagadodo.deploy.plugins.module_utils._backup_restore import Restore
from ansible_collections.tagadodo.deploy.plugins.module_utils._backup_tools import Tools
from ansible_collections.tagadodo.deploy.plugins.module_utils._engine import EngineError, connect
from ansible_collections.tagadodo.deploy.plugins.module_utils._restic import Restic
from ansible_collections.tagadodo.deploy.plugins.module_utils._signals import end_by_signal


def restore(params: t.Mapping[str, t.Any], dry: bool) -> dict[str, t.Any]:
    """Restore, rehearse, or tell what that would do."""
    if dry and not os.path.exists(params["settings"]):
        nothing = "would set up this host first; what is in the backup can be said after that"
        return {"msg": nothing, "differences": []}
    settings = Settings.read(params["settings"])
    work = Restore(settings, Tools(connect(), settings), Restic(settings))
    if params["rehearse"]:
        return dict(work.rehearse(params["snapshot"], dry))
    return dict(work.restore(params["snapshot"], params["only"], params["overwrite"], dry))


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "settings": {"type": "path", "required": True},
            "snapshot": {"type": "str", "default": "latest"},
            "only": {"type": "list", "elements": "str", "default": []},
            "overwrite": {"type": "bool", "default": False},
            "rehearse": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    end_by_signal()
    try:
        done = restore(module.params, module.check_mode)
    except (BackupError, EngineError) as error:
        module.fail_json(msg=str(error), exception=None)
    if done["differences"]:
        module.fail_json(exception=None, **done)
    module.exit_json(changed=not module.params["rehearse"], **done)


if __name__ == "__main__":
    main()
