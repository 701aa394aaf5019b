#!/usr/bin/python
# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: backup_repository
version_added: 0.2.0
short_description: Make the restic repository that backups are stored in
description:
  - Makes the repository where there is none. One that is there is opened, so that a wrong password is
    noticed now and not at night.
extends_documentation_fragment:
  - tagadodo.deploy._deploy.BACKUP
  - tagadodo.deploy._deploy.CHANGES
author:
  - Taga Dodo deploy contributors (@tagadodo)
"""

EXAMPLES = r"""
---
- name: Make the repository
  tagadodo.deploy.backup_repository:
    settings: /etc/tagadodo/backup/settings.json
"""

RETURN = r"""
repository:
  description: Where it is, without a password that its address may hold.
  returned: success
  type: str
  sample: /var/backups/tagadodo
"""

import os
import shutil
import typing as t

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.tagadodo.deploy.plugins.module_utils._backup import BackupError, Settings
from ansible_collections.tagadodo.deploy.plugins.module_utils._restic import RESTIC, Restic, shown


def make(params: t.Mapping[str, t.Any], dry: bool) -> dict[str, t.Any]:
    """Make the repository, or tell whether it is missing."""
    if dry and not (os.path.exists(params["settings"]) and shutil.which(RESTIC)):
        return _answer("", created=True)  # what asks for it is planned as well
    settings = Settings.read(params["settings"])
    restic = Restic(settings)
    missing = not restic.exists()
    if missing and not dry:
        restic.create()
    return _answer(shown(settings.repository), created=missing)


def _answer(repository: str, created: bool) -> dict[str, t.Any]:
    after = f"backup repository {repository}\n"
    return {
        "changed": created,
        "repository": repository,
        "diff": {"before": "" if created else after, "after": after},
    }


def main() -> None:
    module = AnsibleModule(
        argument_spec={"settings": {"type": "path", "required": True}}, supports_check_mode=True
    )
    try:
        module.exit_json(**make(module.params, module.check_mode))
    except BackupError as error:
        module.fail_json(msg=str(error), exception=None)


if __name__ == "__main__":
    main()
