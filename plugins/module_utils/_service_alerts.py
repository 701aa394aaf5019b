# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This module util is PRIVATE to the collection.
"""Alerts of one service: they have the limits that its releases are judged by (``_gate_rules``).

The metrics are ``tagadodo_*`` of nginx's log, which mtail reads, and of the facts that hosts write (``_facts``), and
``probe_success`` of the blackbox exporter.
"""

from __future__ import annotations

import itertools
import typing as t
from dataclasses import replace

from ansible_collections.tagadodo.deploy.plugins.module_utils._alert import Alert, Watching
from ansible_collections.tagadodo.deploy.plugins.module_utils._gate_rules import (
    CRITICAL,
    HIGH,
    Rule,
    rules_for,
)

# Of a tier whose sequential test decides at once: it ends a dead canary after as many.
FEWEST_FAILURES = 6
FEATURE_ROUNDS = 3  # a feature that fails so many times in a row is broken
USUAL_AT_LEAST = 0.02  # seconds; an answer that takes 5 times 2 ms troubles nobody
MISSING_AT_LEAST = 0.01  # share of missing pages that is usual where there were none


def service_alerts(
    service: str, gate: t.Mapping[str, t.Any], watching: Watching
) -> t.Iterator[Alert]:
    """What each rule of the gate says that can be seen without a release; and what may start a rollback."""
    # What the gate asks Prometheus for is about two slots while one replaces the other.
    settings = {key: value for key, value in gate.items() if key != "metrics"}
    alerts = [_ALERTS[rule.what](service, rule, watching) for rule in rules_for(settings)]
    for alert in itertools.chain(*alerts, _rollback(service, watching)):
        yield replace(alert, labels={"service": service})


def _errors(service: str, rule: Rule, watching: Watching) -> t.Iterator[Alert]:
    failed = _increase("failed", service, watching.windows[rule.tier])
    asked = _increase("requests", service, watching.windows[rule.tier])
    yield Alert(
        "ServiceErrors",
        rule.tier,
        f"100 * {failed} / {asked} > {rule.threshold:g}"
        f" and {failed} >= {rule.failures or FEWEST_FAILURES}",
        f"{service} {{{{ $labels.slot }}}} fails {{{{ $value | printf `%.1f` }}}} % of its requests"
        f" (limit {rule.threshold:g} %)",
    )


def _slow(service: str, rule: Rule, watching: Watching) -> t.Iterator[Alert]:
    """More than the rule's share of answers take so many times as long as usual: so does that quantile."""
    yield from _slower("ServiceSlow", service, rule, watching, 1 - rule.threshold / 100)


def _degraded(service: str, rule: Rule, watching: Watching) -> t.Iterator[Alert]:
    yield from _slower("ServiceDegraded", service, rule, watching, 0.5)


def _slower(
    name: str, service: str, rule: Rule, watching: Watching, quantile: float
) -> t.Iterator[Alert]:
    window = watching.windows[rule.tier]
    now = f"histogram_quantile({quantile:g}, {_answers('service, slot, le', service, window)})"
    before = _answers("service, le", service, watching.usual, window)
    usual = f"clamp_min(histogram_quantile(0.5, {before}), {USUAL_AT_LEAST})"
    counted = _increase("answer_seconds_count", service, window)
    yield Alert(
        name,
        rule.tier,
        f"{now} / on (service) group_left () {usual} > {rule.factor:g} and {counted} >= {rule.attempts}",
        f"{service} {{{{ $labels.slot }}}} takes {{{{ $value | printf `%.1f` }}}} times as long as usual"
        f" (limit {rule.factor:g})",
    )


def _missing(service: str, rule: Rule, watching: Watching) -> t.Iterator[Alert]:
    window = watching.windows[rule.tier]
    missing = _increase("missing", service, window)
    asked = _increase("requests", service, window)
    before = (
        f"{_increase('missing', service, watching.usual, window, 'service')}"
        f" / {_increase('requests', service, watching.usual, window, 'service')}"
    )
    usual = f"clamp_min({before}, {MISSING_AT_LEAST})"
    yield Alert(
        "ServiceMissingPages",
        rule.tier,
        f"{missing} / {asked} / on (service) group_left () ({usual}) > {rule.factor:g}"
        f" and {missing} >= {rule.failures} and {asked} >= {rule.attempts}",
        f"{service} {{{{ $labels.slot }}}} answers 401, 403 or 404 {{{{ $value | printf `%.1f` }}}} times as often as usual"
        f" (limit {rule.factor:g})",
    )


def _liveness(service: str, rule: Rule, watching: Watching) -> t.Iterator[Alert]:
    down = _probed(service, "live", rule.rounds * watching.interval)
    yield Alert(
        "ServiceDown",
        rule.tier,
        f"{down} == 0",
        f"{service} does not answer at {{{{ $labels.host }}}}",
    )


def _database(service: str, rule: Rule, watching: Watching) -> t.Iterator[Alert]:
    """It lives and is not ready: what it needs to be ready is its database and its cache (S10.2)."""
    unready = _probed(service, "ready", rule.rounds * watching.interval)
    alive = _probed(service, "live", rule.rounds * watching.interval)
    yield Alert(
        "DatabaseLost",
        rule.tier,
        f"{unready} == 0 and {alive} == 1",
        f"{service} is up at {{{{ $labels.host }}}} and not ready: its database or cache does not answer",
    )


def _smoke(service: str, rule: Rule, watching: Watching) -> t.Iterator[Alert]:
    seen = FEATURE_ROUNDS * watching.interval
    broken = _probed(service, "feature", seen, "service, host, path")
    yield Alert(
        "FeatureBroken",
        rule.tier,
        f"{broken} == 0",
        f"{service}{{{{ $labels.path }}}} does not answer below 400 at {{{{ $labels.host }}}}",
    )


def _container(service: str, rule: Rule, watching: Watching) -> t.Iterator[Alert]:
    window = watching.windows[HIGH]
    of = f'service="{service}"'
    restarts = f"increase(tagadodo_instance_restarts_total{{{of}}}[{window}s])"
    yield Alert(
        "InstanceRestarts",
        rule.tier,
        f"{restarts} > 0",
        "{{ $labels.container }} of {{ $labels.host }} restarts by itself",
    )
    yield Alert(
        "InstanceDown",
        rule.tier,
        f"tagadodo_instance_running{{{of}}} == 0",
        "{{ $labels.container }} of {{ $labels.host }} is live and does not run",
    )


_ALERTS: t.Mapping[str, t.Callable[[str, Rule, Watching], t.Iterator[Alert]]] = {
    "errors": _errors,
    "slow": _slow,
    "degraded": _degraded,
    "missing": _missing,
    "liveness": _liveness,
    "database": _database,
    "smoke": _smoke,
    "container": _container,
}


def _rollback(service: str, watching: Watching) -> t.Iterator[Alert]:
    """What may start a rollback: a critical alert so soon after a release. What a rollback has brought never does."""
    if service not in watching.rollback:
        return
    live = f'tagadodo_release_live_timestamp_seconds{{service="{service}",kind!="rollback"}}'
    seconds = watching.rollback[service]
    bad = f'ALERTS{{service="{service}",severity="{CRITICAL}",alertstate="firing",alertname!="RollBack"}}'
    yield Alert(
        "RollBack",
        CRITICAL,
        f"max by (service, release, version) (time() - {live} < {seconds})"
        f" and on (service) count by (service) ({bad}) > 0",
        f"{service} {{{{ $labels.version }}}} is bad and has just been released: it is to be taken back",
    )


def _increase(
    what: str, service: str, window: int, before: int = 0, by: str = "service, slot"
) -> str:
    """How many were counted in ``window`` seconds that ended ``before`` seconds ago."""
    offset = f" offset {before}s" if before else ""
    return f'sum by ({by}) (increase(tagadodo_{what}{_total(what)}{{service="{service}"}}[{window}s]{offset}))'


def _total(what: str) -> str:
    return "" if what.endswith("_count") else "_total"


def _answers(by: str, service: str, window: int, before: int = 0) -> str:
    offset = f" offset {before}s" if before else ""
    of = f'service="{service}"'
    return f"sum by ({by}) (rate(tagadodo_answer_seconds_bucket{{{of}}}[{window}s]{offset}))"


def _probed(service: str, check: str, seconds: int, by: str = "service, host") -> str:
    """1 where one of the probes of the last ``seconds`` was answered, 0 where none was."""
    of = f'job="probe",service="{service}",check="{check}"'
    return f"max by ({by}) (max_over_time(probe_success{{{of}}}[{seconds}s]))"
