# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Alert rules tried by ``promtool test rules``: numbers of an hour, and which alerts fire at its end."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field

MINUTES = 60
LOOKS = 4 * MINUTES  # one each 15 seconds

Firing = set[tuple[str, str]]  # names and severities


@dataclass(frozen=True)
class Case:
    """Series in promtool's notation (``0+5x240``), and what fires at their end."""

    name: str
    series: dict[str, str]
    firing: Firing = field(default_factory=set)

    def as_test(self) -> dict[str, t.Any]:
        expected = [
            {"labels": f'{{alertname="{name}", severity="{severity}"}}', "value": 1}
            for name, severity in sorted(self.firing)
        ]
        return {
            "name": self.name,
            "interval": "15s",
            "input_series": [{"series": k, "values": v} for k, v in self.series.items()],
            "promql_expr_test": [
                {
                    "expr": 'group by (alertname, severity) (ALERTS{alertstate="firing"})',
                    "eval_time": f"{MINUTES}m",
                    "exp_samples": expected,
                }
            ],
        }


def traffic(
    failed: str = "0x240", missing: str = "0x240", requests: str = "0+150x240", **of: str
) -> dict[str, str]:
    """Ten requests a second in one slot; what fails and is missing of them."""
    labels = ",".join(
        f'{key}="{value}"' for key, value in {"service": "backend", "slot": "blue", **of}.items()
    )
    counted = {"requests": requests, "failed": failed, "missing": missing}
    return {f"tagadodo_{name}_total{{{labels}}}": values for name, values in counted.items()}


def answers(fast: str, slow: str) -> dict[str, str]:
    """Answers within 50 ms, and those within a second, counted as histograms are."""
    of = 'service="backend",slot="blue"'
    return {
        f'tagadodo_answer_seconds_bucket{{{of},le="0.02"}}': "0x240",
        f'tagadodo_answer_seconds_bucket{{{of},le="0.05"}}': fast,
        f'tagadodo_answer_seconds_bucket{{{of},le="0.5"}}': fast,
        f'tagadodo_answer_seconds_bucket{{{of},le="1"}}': slow,
        f'tagadodo_answer_seconds_bucket{{{of},le="+Inf"}}': slow,
        f"tagadodo_answer_seconds_count{{{of}}}": slow,
    }


def probes(live: str = "1x240", ready: str = "1x240", feature: str = "1x240") -> dict[str, str]:
    answered = {"live": live, "ready": ready, "feature": feature}
    return {
        f'probe_success{{job="probe",service="backend",host="h",check="{check}",path="/{check}"}}': values
        for check, values in answered.items()
    }


WHILE = "1x236 0x3"  # good, and bad for the last minute


def cases() -> list[Case]:
    """Each condition of S14, and of hosts and data; beside it what is nearly so."""
    return [
        Case("nothing is wrong", {**traffic(), **answers("0+150x240", "0+150x240"), **probes()}),
        Case(
            "11 % of errors for a minute",
            traffic(failed="0x235 0+17x5"),
            {("ServiceErrors", "critical")},
        ),
        Case(
            "6 % of errors for five minutes",
            traffic(failed="0x219 0+9x21"),
            {("ServiceErrors", "high")},
        ),
        Case(
            "3 % of errors for fifteen minutes",
            traffic(failed="0x179 0+4.5x61"),
            {("ServiceErrors", "medium")},
        ),
        Case("1 % of errors for an hour", traffic(failed="0+1.5x240")),
        Case(
            "half of a handful fails: too few to tell",
            traffic(requests="0x235 0+1x5", failed="0x235 0+0.5x5"),
        ),
        Case(
            "a bad canary is not hidden by the traffic of the old slot",
            {**traffic(), **traffic(slot="green", requests="0+15x240", failed="0x235 0+8x5")},
            {("ServiceErrors", "critical"), ("ServiceErrors", "high"), ("ServiceErrors", "medium")},
        ),
        Case(
            "a quarter of the answers takes 20 times as long",
            answers("0+150x219 32850+100x21", "0+150x240"),
            {("ServiceSlow", "high")},
        ),
        Case(
            "a tenth of the answers does: fewer than a release may have",
            answers("0+150x219 32850+135x21", "0+150x240"),
        ),
        Case(
            "most answers take 20 times as long for a quarter of an hour",
            answers("0+150x179 26850+10x61", "0+150x240"),
            {("ServiceSlow", "high"), ("ServiceDegraded", "medium")},
        ),
        Case(
            "a tenth of the pages is missing all at once",
            traffic(missing="0x179 0+15x61"),
            {("ServiceMissingPages", "medium")},
        ),
        Case(
            "API down",
            probes(WHILE, WHILE, WHILE),
            {("ServiceDown", "critical"), ("FeatureBroken", "high")},
        ),
        Case("it did not answer once", probes("1x239 0x1")),
        Case("database connection lost", probes(ready=WHILE), {("DatabaseLost", "critical")}),
        Case("critical feature broken", probes(feature=WHILE), {("FeatureBroken", "high")}),
        Case(
            "an instance restarts by itself",
            {
                'tagadodo_instance_restarts_total{service="backend",container="c",host="h"}': "0x235 1x5"
            },
            {("InstanceRestarts", "critical")},
        ),
        Case(
            "a live instance does not run",
            {'tagadodo_instance_running{service="backend",container="c",host="h"}': "1x238 0x2"},
            {("InstanceDown", "critical")},
        ),
        Case(
            "what stands below services is bad",
            {
                'up{job="node",host="h"}': WHILE,
                'up{job="mtail",host="h"}': "1x230 0x10",
                'redis_up{host="h"}': WHILE,
                'node_filesystem_avail_bytes{host="h",mountpoint="/"}': "8x240",
                'node_filesystem_size_bytes{host="h",mountpoint="/"}': "100x240",
                # The hour begins at 1970-01-01T00:00Z.
                'tagadodo_facts_timestamp_seconds{host="h"}': "0x240",
                'tagadodo_backup_ok{host="h"}': "0x240",
                'tagadodo_backup_timestamp_seconds{host="h"}': "-93600x240",
                'probe_ssl_earliest_cert_expiry{job="probe",service="backend",host="h"}': "518400x240",
                'tagadodo_release_timestamp_seconds{service="backend",outcome="held",version="1"}': "9x240",
            },
            {
                ("HostDown", "critical"),
                ("ExporterDown", "high"),
                ("RedisDown", "critical"),
                ("DiskFull", "high"),
                ("FactsStale", "high"),
                ("BackupFailed", "high"),
                ("BackupOld", "high"),
                ("CertificateEnds", "critical"),
                ("ReleaseWaits", "medium"),
            },
        ),
        Case(
            "none of it is, though it nearly is",
            {
                'up{job="node",host="h"}': "1x238 0x2",
                'up{job="mtail",host="h"}': WHILE,
                'redis_up{host="h"}': "1x238 0x2",
                'node_filesystem_avail_bytes{host="h",mountpoint="/"}': "11x240",
                'node_filesystem_size_bytes{host="h",mountpoint="/"}': "100x240",
                'tagadodo_facts_timestamp_seconds{host="h"}': "3400x240",
                'tagadodo_backup_ok{host="h"}': "1x240",
                'tagadodo_backup_timestamp_seconds{host="h"}': "-86400x240",
                'probe_ssl_earliest_cert_expiry{job="probe",service="backend",host="h"}': "691200x240",
                'tagadodo_release_timestamp_seconds{service="backend",outcome="succeeded",version="1"}': "9x240",
            },
        ),
        Case(
            "a release that has just become live is bad",
            {**_live("release"), **probes(ready=WHILE)},
            {("DatabaseLost", "critical"), ("RollBack", "critical")},
        ),
        Case(
            "so is what a rollback has brought: nothing goes further back by itself",
            {**_live("rollback"), **probes(ready=WHILE)},
            {("DatabaseLost", "critical")},
        ),
        Case(
            "so is a release of yesterday: it is not the reason",
            {**_live("release", "-86400x240"), **probes(ready=WHILE)},
            {("DatabaseLost", "critical")},
        ),
    ]


def _live(kind: str, since: str = "3000x240") -> dict[str, str]:
    of = f'service="backend",release="r",version="2",kind="{kind}"'
    return {f"tagadodo_release_live_timestamp_seconds{{{of}}}": since}
