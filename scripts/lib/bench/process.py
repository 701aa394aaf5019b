# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A benchmark as a process: it tells what it does, and ends in order whoever ends it."""

from __future__ import annotations

import os
import signal
import time
import types
import typing as t

from bench import leftovers
from bench.shell import end_commands

_ENDINGS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_STARTED = int(os.environ.get("STARTED") or time.time())


def begin() -> str:
    """Take signals as requests to clean up, and remove what benchmarks before this one have left.

    Returns:
        a name for everything that is made.
    """
    for ending in _ENDINGS:
        if signal.getsignal(ending) is not signal.SIG_IGN:
            signal.signal(ending, _end)
    for name in leftovers.sweep():
        say(f"removed what {name} had left")
    return f"{leftovers.PREFIX}{os.getpid()}"


def say(text: str) -> None:
    print(f"{int(time.time()) - _STARTED:4d}s  {text}", flush=True)


def _end(number: int, _frame: types.FrameType | None) -> t.NoReturn:
    """End in order; another signal does not disturb the cleaning up."""
    for ending in _ENDINGS:
        signal.signal(ending, signal.SIG_IGN)
    say(f"ended by {signal.Signals(number).name}")
    end_commands()
    raise KeyboardInterrupt
