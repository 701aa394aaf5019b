# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Commands as a user types them."""

from __future__ import annotations

import contextlib
import os
import pathlib
import signal
import subprocess


class CommandFailed(Exception):
    """What was typed did not end well; the text is one line, ``output`` is all that was printed."""

    def __init__(self, what: str, output: str) -> None:
        last = output.strip().splitlines()[-1:] or ["it printed nothing"]
        super().__init__(f"{what} failed: {last[0].strip()}")
        self.output = output


def run(*command: str, **environment: str) -> str:
    """Run a command to its end, in a session of its own, and return what it printed.

    Raises:
        CommandFailed: it ended with another status than 0.
    """
    done = subprocess.run(
        command,
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        check=False,
    )
    if done.returncode != 0:
        raise CommandFailed(" ".join(command[:3]), done.stdout)
    return done.stdout


def end_commands() -> None:
    """Kill what this process has started and what that has started, so that nothing is made any more."""
    own = os.getpgid(0)
    for child in pathlib.Path(f"/proc/self/task/{os.getpid()}/children").read_text().split():
        with contextlib.suppress(ProcessLookupError):
            group = os.getpgid(int(child))
            if group == own:
                os.kill(int(child), signal.SIGKILL)
            else:
                os.killpg(group, signal.SIGKILL)
