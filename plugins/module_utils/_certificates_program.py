# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This module util is PRIVATE to the collection.
"""The program that the schedule runs: renews the certificates that are due, by the settings file it is given."""

from __future__ import annotations

import sys
import typing as t

from ansible_collections.tagadodo.deploy.plugins.module_utils._certbot import CertificateError
from ansible_collections.tagadodo.deploy.plugins.module_utils._certificates import certificates_by
from ansible_collections.tagadodo.deploy.plugins.module_utils._engine import EngineError, connect
from ansible_collections.tagadodo.deploy.plugins.module_utils._signals import end_by_signal


def main(arguments: t.Sequence[str]) -> int:
    if len(arguments) != 1:
        sys.stderr.write("usage: python3 DIRECTORY SETTINGS.json\n")
        return 2
    end_by_signal()
    try:
        given = certificates_by(arguments[0], connect()).ensure()
    except (CertificateError, EngineError) as error:
        sys.stderr.write(f"certificates: {error}\n")
        return 1
    sys.stdout.write(f"new certificates: {', '.join(given) or 'none was due'}\n")
    return 0
