# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a contender is to the runner."""

from __future__ import annotations

import contextlib
import typing as t


class Unavailable(Exception):
    """This machine cannot run the contender; the text says why."""


class Contender(t.Protocol):
    """One way of bringing versions live.

    Attributes:
        name: what it is called on the command line and in the table.
    """

    name: str

    def serving(self, version: str) -> contextlib.AbstractContextManager[int]:
        """Serve ``version`` under a port of 127.0.0.1 for the time of the block; leave nothing.

        Raises:
            Unavailable: not on this machine.
            CommandFailed: it should have worked.
        """

    def deploy(self, version: str) -> int | None:
        """What a user types to bring ``version`` live; returns when the command does.

        Returns:
            remote module invocations, where there are such.
        """

    def rollback(self, version: str) -> int | None:
        """What a user types to go back to ``version``, which was live before."""
