# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One backup: ``python3 DIRECTORY SETTINGS.json``. What does it is beside this file."""

from __future__ import annotations

import sys

from ansible_collections.tagadodo.deploy.plugins.module_utils._backup_program import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
