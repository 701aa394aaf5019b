# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This module util is PRIVATE to the collection.
"""The program that the schedule runs every minute: writes what Prometheus is to know of this host."""

from __future__ import annotations

import pathlib
import sys
import time
import typing as t

from ansible_collections.tagadodo.deploy.plugins.module_utils._containers import Containers
from ansible_collections.tagadodo.deploy.plugins.module_utils._documents import Files, write_whole
from ansible_collections.tagadodo.deploy.plugins.module_utils._engine import (
    EngineError,
    connect,
    container_state,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._facts import (
    FactsError,
    Running,
    Sample,
    Settings,
    exposition,
    of_backup,
    of_instances,
    of_releases,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._ledger import Ledger


def instances(settings: Settings) -> t.Iterator[Running]:
    """The instances of this host, as its engine sees them.

    Raises:
        EngineError: it does not answer.
    """
    client = connect()
    for found in Containers(client, settings.project, settings.network).find():
        state = container_state(client, found.name)
        yield Running(
            container=found.name,
            service=found.fact("service"),
            slot=found.fact("slot"),
            running=state.running,
            restarts=state.restart_count,
        )


def samples(settings: Settings) -> t.Iterator[Sample]:
    """All that is told of this host. The time is told last: where anything fails, it grows old.

    Raises:
        EngineError: the engine does not answer.
        FactsError: a file is not what it should be.
    """
    ledger = Ledger(Files(settings.state_dir))
    releases = {name: ledger.read(name) for name in ledger.services()}
    yield from of_releases(releases)
    if settings.backup:
        yield from of_backup(settings.state_dir)
    yield from of_instances(instances(settings), releases)
    yield Sample("tagadodo_facts_timestamp_seconds", time.time())


def main(arguments: t.Sequence[str]) -> int:
    if len(arguments) != 1:
        sys.stderr.write("usage: python3 DIRECTORY SETTINGS.json\n")
        return 2
    try:
        settings = Settings.read(arguments[0])
        text = exposition(samples(settings))
        # Numbers of a minute need not outlive a loss of power. Who reads them is nobody on this host.
        write_whole(pathlib.Path(settings.file), text, mode=0o644, lasting=False)
    except (FactsError, EngineError, OSError) as error:
        sys.stderr.write(f"facts: {error}\n")
        return 1
    return 0
