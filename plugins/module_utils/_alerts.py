# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This module util is PRIVATE to the collection.
"""Alert rules of Prometheus for an environment, as a rule file has them."""

from __future__ import annotations

import typing as t

from ansible_collections.tagadodo.deploy.plugins.module_utils._alert import (
    DAY,
    Alert,
    Watching,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._gate_rules import (
    CRITICAL,
    HIGH,
    MEDIUM,
    TIERS,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._service_alerts import service_alerts

STALE = 5  # minutes after which facts that are written every minute are old
HOUR = 3600


def alert_groups(
    gates: t.Mapping[str, t.Mapping[str, t.Any]], watching: Watching
) -> t.List[t.Dict[str, t.Any]]:
    """Groups of a rule file.

    Args:
        gates: the ``gate`` settings of each service.

    Raises:
        ValueError: a limit is wrong, or what may be rolled back is no service.
    """
    _check(gates, watching)
    groups = {
        f"service {name}": tuple(service_alerts(name, gate, watching))
        for name, gate in gates.items()
    }
    groups.update(
        hosts=tuple(_hosts(watching)), data=tuple(_data(watching)), releases=tuple(_releases())
    )
    return [
        {
            "name": name,
            "interval": f"{watching.interval}s",
            "rules": [alert.as_rule() for alert in alerts],
        }
        for name, alerts in groups.items()
        if alerts
    ]


def _check(gates: t.Mapping[str, t.Any], watching: Watching) -> None:
    for tier in TIERS:
        if watching.windows[tier] < 4 * watching.interval:
            raise ValueError(
                f"monitoring_windows.{tier}: {watching.windows[tier]} seconds are less than four looks;"
                f" write {4 * watching.interval} or more, or a smaller monitoring_interval"
            )
    for name in watching.rollback:
        if name not in gates:
            raise ValueError(
                f"monitoring_rollback.{name}: not described; known services: {', '.join(gates)}"
            )


def _hosts(watching: Watching) -> t.Iterator[Alert]:
    yield Alert(
        "HostDown",
        CRITICAL,
        f'max_over_time(up{{job="node"}}[{3 * watching.interval}s]) == 0',
        "{{ $labels.host }} cannot be reached",
    )
    yield Alert(
        "ExporterDown",
        HIGH,
        f'max_over_time(up{{job!="node"}}[{3 * watching.interval}s]) == 0',
        "{{ $labels.job }} of {{ $labels.host }} does not answer: nothing is known of what it tells",
        seconds=4 * watching.interval,
    )
    yield Alert(
        "FactsStale",
        HIGH,
        f"time() - tagadodo_facts_timestamp_seconds > {STALE * 60}",
        "{{ $labels.host }} has not told how its instances and backups are for {{ $value | humanizeDuration }}",
    )
    for tier, percent in watching.disk.items():
        used = "100 * (1 - node_filesystem_avail_bytes / node_filesystem_size_bytes)"
        yield Alert(
            "DiskFull",
            tier,
            f"{used} > {percent:g}",
            "{{ $labels.mountpoint }} of {{ $labels.host }} is full to {{ $value | printf `%.0f` }} %"
            f" (limit {percent:g} %)",
        )
    yield Alert(
        "CertificateEnds",
        CRITICAL,
        "min by (service, host) (probe_ssl_earliest_cert_expiry - time())"
        f" < {watching.certificate_days:g} * {DAY}",
        "the certificate of {{ $labels.service }} at {{ $labels.host }} ends in {{ $value | humanizeDuration }}",
    )


def _data(watching: Watching) -> t.Iterator[Alert]:
    for name in watching.data:
        yield Alert(
            f"{name.capitalize()}Down",
            CRITICAL,
            f"max_over_time({name}_up[{3 * watching.interval}s]) == 0",
            f"{name} of {{{{ $labels.host }}}} does not answer",
        )
    if watching.backup_hours:
        yield Alert(
            "BackupFailed",
            HIGH,
            "tagadodo_backup_ok == 0",
            "the last backup of {{ $labels.host }} has failed: backup/last.json there says why",
        )
        yield Alert(
            "BackupOld",
            HIGH,
            f"time() - tagadodo_backup_timestamp_seconds > {watching.backup_hours:g} * {HOUR}",
            "the newest backup of {{ $labels.host }} is {{ $value | humanizeDuration }} old",
        )


def _releases() -> t.Iterator[Alert]:
    yield Alert(
        "ReleaseWaits",
        MEDIUM,
        'max by (service, release, version) (tagadodo_release_timestamp_seconds{outcome="held"}) > 0',
        "{{ $labels.service }} {{ $labels.version }} waits for a decision",
    )
