# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This module util is PRIVATE to the collection.
"""The program that the schedule runs: one backup by the settings file it is given."""

from __future__ import annotations

import sys
import typing as t

from ansible_collections.tagadodo.deploy.plugins.module_utils._backup import BackupError, Settings
from ansible_collections.tagadodo.deploy.plugins.module_utils._backup_make import Backup
from ansible_collections.tagadodo.deploy.plugins.module_utils._backup_tools import Tools
from ansible_collections.tagadodo.deploy.plugins.module_utils._engine import EngineError, connect
from ansible_collections.tagadodo.deploy.plugins.module_utils._restic import Restic
from ansible_collections.tagadodo.deploy.plugins.module_utils._signals import end_by_signal


def backup_by(path: str) -> Backup:
    """What makes backups by a settings file.

    Raises:
        BackupError: the file is not right.
        EngineError: the engine does not answer.
    """
    settings = Settings.read(path)
    return Backup(settings, Tools(connect(), settings), Restic(settings))


def main(arguments: t.Sequence[str]) -> int:
    if len(arguments) != 1:
        sys.stderr.write("usage: python3 DIRECTORY SETTINGS.json\n")
        return 2
    end_by_signal()
    try:
        done = backup_by(arguments[0]).make(["scheduled"])
    except (BackupError, EngineError) as error:
        sys.stderr.write(f"backup failed: {error}\n")
        return 1
    sys.stdout.write(f"{done['msg']}\n")
    if done["problem"]:
        sys.stderr.write(f"old backups stay: {done['problem']}\n")
    return 0
