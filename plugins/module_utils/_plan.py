# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This module util is PRIVATE to the collection.
"""The plan of a release: what is asked for, against what every host reports, as steps to take.

Decided once for the whole environment, then carried out by the playbook: what the plan shows is
what happens. A plan never holds the value of a secret.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field

from ansible_collections.tagadodo.deploy.plugins.module_utils._instance import runtime_of
from ansible_collections.tagadodo.deploy.plugins.module_utils._ledger import (
    Record,
    good_before,
    live_record,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._service import (
    SLOTS,
    SUPPORTED_STRATEGIES,
    Platform,
    Service,
    other_slot,
)


class PlanError(Exception):
    """What is asked for cannot be done; the text is one line and says what to change."""


@dataclass(frozen=True)
class HostView:
    """What one host reported (see the ``release_info`` module)."""

    name: str
    containers: t.Tuple[t.Mapping[str, t.Any], ...] = ()
    shares: t.Mapping[str, int] = field(default_factory=dict)
    fingerprints: t.Mapping[str, str] = field(default_factory=dict)
    releases: t.Mapping[str, t.Sequence[Record]] = field(default_factory=dict)
    images: t.Mapping[str, t.Mapping[str, t.Any]] = field(default_factory=dict)

    def slot(self, service: str, slot: str) -> t.List[t.Mapping[str, t.Any]]:
        return [c for c in self.containers if c["service"] == service and c["slot"] == slot]


@dataclass(frozen=True)
class Fleet:
    """All hosts' reports, and which of them run instances or proxies."""

    app: t.Tuple[HostView, ...]
    proxy: t.Tuple[HostView, ...]

    def green_share(self, service: str) -> int:
        """Percent of traffic on green, the same on every proxy.

        Raises:
            PlanError: a proxy does not know the service, or they disagree.
        """
        shares = {view.name: view.shares.get(service) for view in self.proxy}
        unknown = sorted(name for name, share in shares.items() if share is None)
        if unknown or not shares:
            raise PlanError(
                f"{service}: nginx on {', '.join(unknown) or 'no host'} does not serve it yet;"
                " run site.yml first"
            )
        if len(set(shares.values())) > 1:
            told = ", ".join(f"{name} {share} %" for name, share in sorted(shares.items()))
            raise PlanError(
                f"{service}: the proxies disagree about the share of green ({told});"
                " run rollback.yml to bring them together"
            )
        return int(next(share for share in shares.values() if share is not None))

    def live_slot(self, service: str) -> str:
        share = self.green_share(service)
        if share not in (0, 100):
            raise PlanError(
                f"{service}: {share} % of traffic is on green, so a release was left half way;"
                " run rollback.yml first"
            )
        return SLOTS[share // 100]

    def running(self, service: str, slot: str) -> t.List[t.Mapping[str, t.Any]]:
        """Running containers of a slot over all hosts."""
        return [c for view in self.app for c in view.slot(service, slot) if c["running"]]

    def records(self, service: str) -> t.Sequence[Record]:
        """The ledger of the service: that of the host that knows most releases."""
        ledgers = [view.releases.get(service, ()) for view in self.app]
        return max(ledgers, key=len, default=())


@dataclass(frozen=True)
class ServicePlan:
    """What happens to one service. ``action``: release, repair, restore or keep."""

    service: Service
    action: str
    live: str
    version: str
    image: str
    release: str
    before: t.Optional[t.Mapping[str, t.Any]] = None
    reasons: t.Tuple[str, ...] = ()
    restores: str = ""

    @property
    def slot(self) -> str:
        """The slot the release goes to."""
        return self.live if self.action in ("repair", "keep") else other_slot(self.live)

    @property
    def moves_traffic(self) -> bool:
        return self.action in ("release", "restore")

    @property
    def stays_warm(self) -> bool:
        """Whether the slot that is left goes on running after this release."""
        return self.action == "release" and bool(self.service.settings["keep_warm"])

    @property
    def changes(self) -> bool:
        return self.action != "keep"


def _live_container(fleet: Fleet, service: Service, live: str) -> t.Optional[t.Mapping[str, t.Any]]:
    return next(iter(fleet.running(service.name, live)), None)


def _release_reasons(
    fleet: Fleet, service: Service, live: str, version: str, image: str
) -> t.Iterator[str]:
    current = _live_container(fleet, service, live)
    if current is None:
        yield "nothing is live"
        return
    if current["version"] != version:
        yield f"version {current['version']} → {version}"
    elif current["image"] != image:
        yield f"tag {version} names another image now"
    for view in fleet.app:
        wanted = view.fingerprints.get(service.name)
        if any(c["fingerprint"] != wanted for c in view.slot(service.name, live)):
            yield "settings changed"
            return


def _repair_reasons(fleet: Fleet, service: Service, live: str) -> t.Iterator[str]:
    for view in fleet.app:
        running = sum(1 for c in view.slot(service.name, live) if c["running"])
        present = len(view.slot(service.name, live))
        wanted = service.settings["instances"]
        if running != wanted or present != wanted:
            yield f"{running} of {wanted} instances run on {view.name}"


def resolve_image(fleet: Fleet, service: Service, platform: Platform, version: str) -> str:
    """The tag's ``repository@digest``, the same on every host.

    Raises:
        PlanError: a host cannot find it, or hosts see different images under the tag.
    """
    repository = service.repository(platform)
    tag = f"{repository}:{version}"
    digests = {}
    for view in fleet.app:
        seen = view.images.get(tag, {})
        if not seen.get("digest"):
            raise PlanError(
                f"{service.name}: {tag} cannot be found from {view.name}: {seen.get('error') or 'not asked for'}"
            )
        digests[view.name] = str(seen["digest"])
    if len(set(digests.values())) > 1:
        told = ", ".join(f"{name} {digest[7:19]}" for name, digest in sorted(digests.items()))
        raise PlanError(
            f"{service.name}: {tag} names different images ({told}); push the tag once and run again"
        )
    return f"{repository}@{next(iter(digests.values()))}"


def plan_deploy(
    fleet: Fleet,
    service: Service,
    platform: Platform,
    version: str,
    release: str,
    first_only: bool = False,
) -> ServicePlan:
    """Plan making ``version`` of ``service`` live.

    Args:
        release: name of this release.
        first_only: leave a service alone that has any live release (site.yml).
    """
    if service.settings["strategy"] not in SUPPORTED_STRATEGIES:
        raise PlanError(
            f"services.{service.name}.strategy: {service.settings['strategy']} cannot be carried out by"
            f" this version yet; use {' or '.join(SUPPORTED_STRATEGIES)}"
        )
    live = fleet.live_slot(service.name)
    current = _live_container(fleet, service, live)
    if first_only and current is not None:
        return ServicePlan(
            service, "keep", live, current["version"], current["image"], current["release"], current
        )
    image = resolve_image(fleet, service, platform, version)
    reasons = tuple(_release_reasons(fleet, service, live, version, image))
    if reasons:
        return ServicePlan(service, "release", live, version, image, release, current, reasons)
    assert_live = t.cast(t.Mapping[str, t.Any], current)
    repairs = tuple(_repair_reasons(fleet, service, live))
    return ServicePlan(
        service,
        "repair" if repairs else "keep",
        live,
        version,
        image,
        assert_live["release"],
        current,
        repairs,
    )


def plan_rollback(
    fleet: Fleet, service: Service, release: str, version: t.Optional[str] = None
) -> ServicePlan:
    """Plan going back to the last good release before the live one, or to the last good ``version``.

    The service's settings become those of the release that is restored, except for secrets.

    Raises:
        PlanError: the ledger knows no such release.
    """
    records = fleet.records(service.name)
    current = live_record(records)
    if version:
        candidates = [
            r for r in records if r.get("outcome") == "succeeded" and r.get("version") == version
        ]
        target = candidates[0] if candidates else None
        asked = f"no good release of version {version}"
    else:
        target = good_before(records, current)
        asked = "no good release before the live one"
    if target is None:
        known = ", ".join(sorted({str(r.get("version")) for r in records})) or "none"
        raise PlanError(f"{service.name}: the ledger knows {asked} (versions it knows: {known})")
    share = fleet.green_share(service.name)
    live = SLOTS[1] if share >= 50 else SLOTS[0]
    restored = Service(
        service.name,
        {**service.settings, **target["settings"], "secrets": service.settings["secrets"]},
    )
    return ServicePlan(
        restored,
        "restore",
        live,
        str(target["version"]),
        str(target["image"]),
        release,
        _live_container(fleet, service, live),
        (f"{current['version'] if current else 'what is live'} is given up",),
        str(target.get("restores") or target["release"]),
    )


def is_warm(fleet: Fleet, plan: ServicePlan) -> bool:
    """Whether every instance of the release to restore still runs in the other slot."""
    wanted = plan.service.settings["instances"]
    return all(
        sum(
            1
            for c in view.slot(plan.service.name, plan.slot)
            if c["running"] and c["release"] == plan.restores
        )
        >= wanted
        for view in fleet.app
    )


def slot_spec(plan: ServicePlan, platform: Platform, slot_release: str) -> t.Dict[str, t.Any]:
    """The ``instances`` module's description of the slot the release goes to."""
    service = plan.service
    count = service.settings["instances"]
    return {
        "service": service.name,
        "slot": plan.slot,
        "release": slot_release,
        "version": plan.version,
        "image": plan.image,
        "runtime": runtime_of(service.settings),
        "instances": [
            {
                "name": service.container(platform, plan.slot, n),
                "number": n,
                "address": service.address(platform, plan.slot, n),
            }
            for n in range(1, count + 1)
        ],
    }


def describe(plan: ServicePlan, warm: bool = False) -> t.List[str]:
    """The plan of one service in plain words, one line a step."""
    settings = plan.service.settings
    name = plan.service.name
    was = plan.before["version"] if plan.before else "nothing"
    if plan.action == "keep":
        return [f"{name}: {plan.version} is live in {plan.live}; nothing to do"]
    if plan.action == "repair":
        return [
            f"{name}: {plan.version} is live in {plan.live}; {'; '.join(plan.reasons)}",
            f"  start   what is missing in {plan.slot}",
        ]
    count = f"{settings['instances']} instance{'s' if settings['instances'] > 1 else ''}"
    lines = [
        f"{name}: {was} ({plan.live}) → {plan.version} ({plan.slot}); {'; '.join(plan.reasons)}"
    ]
    if plan.action == "release":
        lines.append(f"  pull    {plan.image}")
        if settings.get("migrations"):
            lines.append("  migrate what is pending, once, from the new image")
    verb = "keep " if warm else "start"
    lines.append(f"  {verb}   {count} in {plan.slot}" + (", still warm" if warm else ""))
    health = settings["health"]
    lasting = f", for {settings['min_ready']} s" if plan.action == "release" else ""
    lines.append(
        f"  prove   {health['ready']} and {health['full']} say ready and {plan.version}{lasting}"
    )
    lines.append(f"  shift   100 % of traffic to {plan.slot}")
    if plan.action == "release":
        lines.append(f"  watch   for {settings['bake']} s, {plan.live} warm")
    if plan.stays_warm:
        lines.append(f"  keep    {plan.live} warm until the next release")
    else:
        lines.append(
            f"  stop    {plan.live} once its connections have ended, after {settings['drain']} s at most"
        )
    return lines
