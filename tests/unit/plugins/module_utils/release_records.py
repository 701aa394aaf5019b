# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Records as releases leave them in the ledger, for tests of what is made from those."""

from __future__ import annotations

import random
import typing as t
from datetime import datetime, timedelta, timezone

from ansible_collections.tagadodo.deploy.plugins.module_utils._ledger import ENVIRONMENT

Record = t.Dict[str, t.Any]
FIRST = datetime(2026, 11, 2, 9, 0, tzinfo=timezone.utc)
SETTINGS = {
    "image": "tagadodo/backend",
    "instances": 2,
    "strategy": "canary",
    "canary": {"shares": [10, 25, 50, 100], "minimum": 60},
    "env": {"NODE_ENV": "production", "CACHE_SECONDS": "30"},
    "secrets": ["JWT_SECRET", "MONGO_URI"],
}


def iso(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


class History:
    """Releases one after another, as records of the ledger by service."""

    def __init__(self, project: str = "tagadodo", language: str = "en") -> None:
        self.project = project
        self.language = language
        self._kept: t.Dict[str, t.List[Record]] = {ENVIRONMENT: []}

    @property
    def records(self) -> t.Dict[str, t.List[Record]]:
        """Newest first, as a ledger is read."""
        return {name: kept[::-1] for name, kept in self._kept.items()}

    def last(self, service: str = "backend") -> Record:
        return self._kept[service][-1]

    def release(
        self,
        version: str,
        began: datetime,
        outcome: str = "succeeded",
        seconds: float = 90,
        service: str = "backend",
        shares: t.Sequence[t.Tuple[float, int]] = ((12, 100),),
        kind: str = "release",
        whole: t.Optional[Record] = None,
        **facts: t.Any,
    ) -> Record:
        """Add one that ended ``seconds`` after it ``began``.

        Args:
            shares: seconds since it began, and percent of traffic from then on.
            whole: more facts of its environment record.
            facts: more of the service's record.
        """
        kept = self._kept.setdefault(service, [])
        live = next((one for one in reversed(kept) if one["outcome"] == "succeeded"), None)
        slot = "blue" if live and live["slot"] == "green" else "green"
        name = began.strftime("%Y%m%d-%H%M%S")
        record: Record = {
            "schema": 1,
            "release": name,
            "service": service,
            "kind": kind,
            "version": version,
            "image": f"registry.example.com/tagadodo/{service}@sha256:{'0123456789abcdef' * 4}",
            "slot": slot,
            "by": "amina",
            "strategy": "canary",
            "settings": SETTINGS,
            "reasons": [f"version {live['version']} → {version}" if live else "nothing is live"],
            "previous": live and {key: live[key] for key in ("release", "version", "image")},
            "started_at": iso(began),
            "shares": [
                {"at": iso(began + timedelta(seconds=at)), "share": {slot: share}}
                for at, share in shares
            ],
            "outcome": outcome,
            **facts,
        }
        if outcome not in ("running",):
            record["finished_at"] = iso(began + timedelta(seconds=seconds))
        kept.append(record)
        self._together(record, began, whole or {})
        return record

    def _together(self, record: Record, began: datetime, whole: Record) -> None:
        of = {
            "from": (record["previous"] or {}).get("version"),
            "to": record["version"],
            "release": record["release"],
            "slot": record["slot"],
        }
        environment = self._kept[ENVIRONMENT]
        if environment and environment[-1]["release"] == record["release"]:
            environment[-1]["of_services"][record["service"]] = of
            return
        kept = ("release", "kind", "by", "outcome", "started_at", "finished_at")
        environment.append(
            {
                "schema": 1,
                "service": ENVIRONMENT,
                **{key: record[key] for key in kept if key in record},
                "hosts": ["app-1", "app-2", "proxy-1"],
                "project": self.project,
                "language": self.language,
                "origin": "ci.example.com",
                "of_services": {record["service"]: of},
                **whole,
            }
        )

    def rollback(self, began: datetime, seconds: float = 8, **facts: t.Any) -> Record:
        """Go back from the newest release that is live to the one before."""
        kept = self._kept["backend"]
        given_up = next(one for one in reversed(kept) if one["outcome"] == "succeeded")
        target = next(one for one in kept if one["release"] == given_up["previous"]["release"])
        back = self.release(
            target["version"],
            began,
            seconds=seconds,
            shares=((3, 100),),
            kind="rollback",
            restores=target["release"],
            reasons=[f"{given_up['version']} is given up"],
            **facts,
        )
        given_up["outcome"] = "rolled_back"
        return back


def verdict(
    step: str,
    began: datetime,
    seconds: float,
    kind: str = "pass",
    rule: str = "",
    sentence: str = "",
    failing: float = 0.004,
    new: str = "green",
    share: int = 10,
    slow: float = 1.0,
    seed: int = 7,
) -> Record:
    """What the gate leaves of a step, with a trend of a look every five seconds."""
    rng = random.Random(seed)
    old = "blue" if new == "green" else "green"
    rounds = max(2, int(seconds / 5))
    at = [round((began + timedelta(seconds=5 * (n + 1))).timestamp(), 1) for n in range(rounds)]
    slots = {}
    numbers = {}
    for slot, portion, bad, pace in ((new, share, failing, slow), (old, 100 - share, 0.004, 1.0)):
        answers = [int(rng.gauss(4.2, 0.3) * portion) for _look in range(rounds)]
        failed = [sum(rng.random() < bad for _one in range(count)) for count in answers]
        p95 = [round(rng.gauss(0.042, 0.005) * pace, 4) if count > 0 else None for count in answers]
        p50 = [None if one is None else round(one / 3, 4) for one in p95]
        slots[slot] = {"answers": answers, "failed": failed, "p50": p50, "p95": p95}
        known = [one for one in p95 if one]
        numbers[slot] = {
            "step": {
                "attempts": sum(answers),
                "failed": sum(failed),
                "p50": known[0] / 3 if known else None,
                "p95": max(known) if known else None,
            }
        }
    states = ("container", "API down", "critical errors", "high errors", "slow", "medium errors")
    return {
        "service": "backend",
        "step": step,
        "share": share,
        "at": at[-1],
        "seconds": seconds,
        "kind": kind,
        "cause": "release" if kind == "fail" else "",
        "rule": rule,
        "sentence": sentence
        or f"{new} {sum(slots[new]['failed'])} of {sum(slots[new]['answers'])}",
        "numbers": {
            "slots": numbers,
            "rules": {
                **{name: {"state": "accept"} for name in states},
                "medium errors": {"state": "open"},
                **({rule: {"state": "reject"}} if rule else {}),
            },
        },
        "missing": [],
        "trend": {"at": at, "slots": slots},
    }


def canary(
    history: History, version: str, began: datetime, failing_at: str = "", **facts: t.Any
) -> Record:
    """A canary by 10, 25, 50 and 100 %, or one whose step ``failing_at`` fails."""
    live = next(
        (o for o in reversed(history._kept["backend"]) if o["outcome"] == "succeeded"), None
    )
    new = "blue" if live and live["slot"] == "green" else "green"
    verdicts, shares = [], []
    at = 24.0
    for number, share in enumerate((10, 25, 50, 100)):
        step, fails = f"{share} %", f"{share} %" == failing_at
        shares.append((at, share))
        took = 25.0 if fails else 65.0
        verdicts.append(
            verdict(
                step,
                began + timedelta(seconds=at),
                took,
                kind="fail" if fails else "pass",
                rule="critical errors" if fails else "",
                sentence=f"{new} answers 38 % of 210 requests with an error, the limit is 10 %"
                if fails
                else f"{new} 1 of 280 requests failed (0.4 %), blue 2 of 2410 requests failed (0.1 %)",
                failing=0.35 if fails else 0.004,
                new=new,
                share=share,
                slow=2.6 if fails else 1.1,
                seed=number,
            )
        )
        at += took
        if fails:
            shares.append((at + 1, 0))
            break
        at += 2
    outcome = "failed" if failing_at else "succeeded"
    reason = f"backend {version}: {verdicts[-1]['sentence']}" if failing_at else ""
    told = {"reason": reason} if reason else {}
    return history.release(
        version, began, outcome, at + 6, shares=shares, verdicts=verdicts, **{**told, **facts}
    )


def example(language: str = "en") -> History:
    """Some weeks of releases: good ones, one that never started, one that users met, and a rollback."""
    history = History(language=language)
    settings = {**SETTINGS, "instances": 3, "env": {**SETTINGS["env"], "FEATURE_BOOKING": "on"}}  # type: ignore[dict-item]
    migrations = {
        "image": "backend@sha256:01",
        "state": "applied",
        "before": ["001-users"],
        "applied": ["002-bookings", "003-index-bookings"],
    }
    history.release("1.0.0", FIRST, seconds=41, shares=((20, 100),))
    history.release("1.0.0", FIRST, seconds=41, service="frontend", shares=((20, 100),))
    canary(history, "1.1.0", FIRST + timedelta(days=2), whole=_lead(FIRST, 40))
    history.release(
        "1.2.0-rc1",
        FIRST + timedelta(days=5, hours=3),
        "failed",
        62,
        shares=(),
        reason="backend-blue-1 is not ready after 60 s: /health/ready answers 503, database is not reachable",
    )
    canary(history, "1.2.0", FIRST + timedelta(days=6), whole=_lead(FIRST, 130))
    history.rollback(FIRST + timedelta(days=6, hours=1))
    canary(history, "1.2.1", FIRST + timedelta(days=9), failing_at="25 %")
    canary(
        history,
        "1.3.0",
        FIRST + timedelta(days=12),
        settings=settings,
        migrations=migrations,
        whole=_lead(FIRST, 281),
    )
    return history


def _lead(first: datetime, hours: float) -> Record:
    return {"committed_at": iso(first + timedelta(hours=hours))}
