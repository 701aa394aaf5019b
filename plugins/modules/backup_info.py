#!/usr/bin/python
# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: backup_info
version_added: 0.2.0
short_description: List the backups of an installation, and say whether the newest is recent enough
description:
  - Reads the snapshots of a project from its restic repository, newest first, with their manifests.
  - A snapshot is made only of dumps that were checked, so the newest one is a good one.
extends_documentation_fragment:
  - tagadodo.deploy._deploy.BACKUP
  - tagadodo.deploy._deploy.INFO
options:
  limit:
    description: Snapshots whose manifest is read. Others are listed without.
    type: int
    default: 1
  max_age:
    description: Hours that the newest snapshot may be old.
    type: float
author:
  - Taga Dodo deploy contributors (@tagadodo)
"""

EXAMPLES = r"""
---
- name: Refuse to go on without a backup of today
  tagadodo.deploy.backup_info:
    settings: /etc/tagadodo/backup/settings.json
    max_age: 24
  register: backups
  failed_when: backups.problem != ""
"""

RETURN = r"""
msg:
  description: RV(problem), or the newest backup in one line.
  returned: success
  type: str
  sample: the newest backup of tagadodo (33018f9b) was made 2026-11-24T03:17:09Z
problem:
  description: Why the newest snapshot is not recent enough, in one line. Empty where it is, and without O(max_age).
  returned: success
  type: str
  sample: the newest backup of tagadodo (33018f9b) is 30.2 hours old; 24 are allowed
snapshots:
  description: Snapshots of the project, newest first.
  returned: success
  type: list
  elements: dict
  contains:
    id: {description: Id of the snapshot., type: str, returned: success}
    made_at: {description: When it was made., type: str, returned: success}
    age_hours: {description: How old it is., type: float, returned: success}
    host: {description: Host it was made on., type: str, returned: success}
    tags: {description: Words it was tagged with., type: list, elements: str, returned: success}
    manifest:
      description: What it holds, with counts and checksums.
      type: dict
      returned: for the newest O(limit)
  sample: [{id: 33018f9b, made_at: "2026-11-24T03:17:09Z", age_hours: 3.1, host: web1, tags: [tagadodo, scheduled]}]
"""

import time
import typing as t
from datetime import datetime, timezone

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.tagadodo.deploy.plugins.module_utils._backup import BackupError, Settings
from ansible_collections.tagadodo.deploy.plugins.module_utils._backup_age import HOUR, too_old
from ansible_collections.tagadodo.deploy.plugins.module_utils._backup_manifest import FILE, parse
from ansible_collections.tagadodo.deploy.plugins.module_utils._restic import Restic, Snapshot


def read(params: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    """The snapshots, and what is to be said of the newest."""
    settings = Settings.read(params["settings"])
    restic = Restic(settings)
    found, now = restic.snapshots(), time.time()
    rows = [_row(snapshot, now) for snapshot in found]
    for row, snapshot in list(zip(rows, found))[: params["limit"]]:
        row["manifest"] = parse(restic.read(snapshot, FILE))
    limit = params["max_age"]
    problem = too_old(found, settings.backup_project, float("inf") if limit is None else limit, now)
    newest = (
        problem
        or f"the newest backup of {settings.backup_project} ({rows[0]['id']}) was made {rows[0]['made_at']}"
    )
    return {"snapshots": rows, "problem": "" if limit is None else problem, "msg": newest}


def _row(snapshot: Snapshot, now: float) -> dict[str, t.Any]:
    made = datetime.fromtimestamp(snapshot.time, timezone.utc)
    return {
        "id": snapshot.id[:8],
        "made_at": made.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "age_hours": round((now - snapshot.time) / HOUR, 2),
        "host": snapshot.host,
        "tags": list(snapshot.tags),
    }


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "settings": {"type": "path", "required": True},
            "limit": {"type": "int", "default": 1},
            "max_age": {"type": "float"},
        },
        supports_check_mode=True,
    )
    try:
        module.exit_json(changed=False, **read(module.params))
    except BackupError as error:
        module.fail_json(msg=str(error), exception=None)


if __name__ == "__main__":
    main()
