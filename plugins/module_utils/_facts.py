# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This module util is PRIVATE to the collection.
"""What a host knows of itself and its releases, as text that Prometheus reads (node exporter, textfile collector).

Releases are read from the ledger, backups from ``last.json``, instances from the engine: each has its one home there.
"""

from __future__ import annotations

import json
import pathlib
import typing as t
from dataclasses import dataclass, field

from ansible_collections.tagadodo.deploy.plugins.module_utils._ledger import (
    UNFINISHED,
    Record,
    live_record,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._timestamp import seconds_of

# Records by service, newest first.
Releases = t.Mapping[str, t.Sequence[Record]]

RECENT = 10  # releases of a service that are told
_HELP = {
    "tagadodo_facts_timestamp_seconds": "When this was written.",
    "tagadodo_release_timestamp_seconds": "When a release has ended, or began to wait or to run.",
    "tagadodo_release_live_timestamp_seconds": "Since when the release that is live is so.",
    "tagadodo_backup_timestamp_seconds": "When the newest backup was made; 0 where there is none.",
    "tagadodo_backup_ok": "Whether the last backup was made.",
    "tagadodo_instance_running": "Whether an instance of the live slot runs.",
    "tagadodo_instance_restarts_total": "How often the engine has started an instance again by itself.",
}


class FactsError(Exception):
    """The facts cannot be told; one line."""


@dataclass(frozen=True)
class Settings:
    """What the program has to know.

    Attributes:
        project: prefix of the containers.
        network: of the containers.
        file: where the text goes.
        backup: whether backups are made here.
    """

    project: str
    network: str
    state_dir: str
    file: str
    backup: bool

    @classmethod
    def read(cls, path: str) -> Settings:
        """
        Raises:
            FactsError: the file is not of such settings.
        """
        try:
            return cls(**json.loads(pathlib.Path(path).read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError) as error:
            raise FactsError(f"{path}: not the settings of facts; run site.yml again") from error


@dataclass(frozen=True)
class Sample:
    """One number by name and labels."""

    name: str
    value: float
    labels: t.Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Running:
    """How one instance is."""

    container: str
    service: str
    slot: str
    running: bool
    restarts: int


def exposition(samples: t.Iterable[Sample]) -> str:
    """The text of samples, those of one name together.

    Source: https://prometheus.io/docs/instrumenting/exposition_formats/
    """
    by_name: t.Dict[str, t.List[Sample]] = {}
    for sample in samples:
        by_name.setdefault(sample.name, []).append(sample)
    lines = []
    for name, same in by_name.items():
        kind = "counter" if name.endswith("_total") else "gauge"
        lines += [f"# HELP {name} {_HELP[name]}", f"# TYPE {name} {kind}"]
        lines += [f"{name}{_labels(one.labels)} {one.value:.10g}" for one in same]
    return "\n".join(lines) + "\n"


def _labels(labels: t.Mapping[str, str]) -> str:
    text = ",".join(f'{name}="{_escaped(value)}"' for name, value in labels.items())
    return f"{{{text}}}" if text else ""


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def of_releases(releases: Releases) -> t.Iterator[Sample]:
    """The newest releases of each service, and the one that is live."""
    for records in releases.values():
        for record in records[:RECENT]:
            labels = {**_release_labels(record), "outcome": str(record.get("outcome", ""))}
            yield Sample("tagadodo_release_timestamp_seconds", _time_of(record), labels)
        live = live_record(records)
        if live:
            labels = _release_labels(live)
            yield Sample("tagadodo_release_live_timestamp_seconds", _time_of(live), labels)


def _release_labels(record: Record) -> t.Dict[str, str]:
    names = ("service", "release", "version", "slot", "kind")
    return {name: str(record.get(name, "")) for name in names}


def _time_of(record: Record) -> float:
    """When it ended; of one that has not, when it began."""
    ended = "" if record.get("outcome") in UNFINISHED[:1] else record.get("finished_at", "")
    text = str(ended or record.get("started_at", ""))
    try:
        return seconds_of(text)
    except ValueError:
        return 0.0


def of_backup(state_dir: str) -> t.Iterator[Sample]:
    """How the last backup went, and when; time 0 where none has ever been made."""
    path = pathlib.Path(state_dir) / "backup" / "last.json"
    try:
        last = json.loads(path.read_text(encoding="utf-8"))
        ok, at = bool(last["ok"]), seconds_of(last["at"])
    except FileNotFoundError:
        yield Sample("tagadodo_backup_timestamp_seconds", 0)
        return
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise FactsError(f"{path}: not how a backup went ({error})") from error
    yield Sample("tagadodo_backup_ok", float(ok))
    if ok:
        yield Sample("tagadodo_backup_timestamp_seconds", at)


def of_instances(instances: t.Iterable[Running], releases: Releases) -> t.Iterator[Sample]:
    """Restarts of all instances; whether they run of those that are live, since others are stopped when it is time."""
    live = {
        service: str((live_record(records) or {}).get("slot", ""))
        for service, records in releases.items()
    }
    for one in instances:
        labels = {"service": one.service, "slot": one.slot, "container": one.container}
        yield Sample("tagadodo_instance_restarts_total", one.restarts, labels)
        if live.get(one.service) == one.slot:
            yield Sample("tagadodo_instance_running", float(one.running), labels)
