# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This module util is PRIVATE to the collection.
"""What is wrong with the ``kubernetes`` settings of a service that a type cannot say."""

from __future__ import annotations

import ipaddress
import re
import typing as t

from ansible_collections.tagadodo.deploy.plugins.module_utils._instance import bytes_of

MOST_PODS = 1000
_NAMESPACE = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_NAME = re.compile(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?")


def kubernetes_problems(settings: t.Mapping[str, t.Any]) -> t.Iterator[str]:
    """Each mistake as ``<setting>: <what to change>``.

    Args:
        settings: of a service, defaults filled in.
    """
    described = settings.get("kubernetes") or {}
    yield from _request_problems(described.get("requests") or {}, settings["resources"])
    yield from _autoscale_problems(described, settings)
    for name in described.get("allowed_from") or ():
        if not (_is_network(name) if "/" in name else _NAMESPACE.fullmatch(name)):
            yield f"allowed_from: {name!r} is neither a namespace nor a network such as 10.0.0.0/24"
    account = described.get("service_account") or ""
    if account and not _NAME.fullmatch(account):
        yield f"service_account: {account!r} is no name of a service account"


def _request_problems(
    requests: t.Mapping[str, t.Any], limits: t.Mapping[str, t.Any]
) -> t.Iterator[str]:
    """No cluster takes a pod that asks for more than it may have."""
    memory, cpus = requests.get("memory"), requests.get("cpus")
    if memory:
        try:
            beyond = bytes_of(memory) > bytes_of(limits["memory"])
        except ValueError as error:
            yield f"requests.memory: {error}"
        else:
            if beyond:
                yield f"requests.memory: {memory} is more than resources.memory, {limits['memory']}"
    if cpus is not None and cpus <= 0:
        yield f"requests.cpus: {cpus:g} is not above 0"
    if cpus and limits["cpus"] and cpus > limits["cpus"]:
        yield f"requests.cpus: {cpus:g} is more than resources.cpus, {limits['cpus']:g}"


def _autoscale_problems(
    described: t.Mapping[str, t.Any], settings: t.Mapping[str, t.Any]
) -> t.Iterator[str]:
    scale = described.get("autoscale")
    if not scale:
        return
    least, most = settings["instances"], scale["most"]
    if not least <= most <= MOST_PODS:
        yield f"autoscale.most: {most} is not between instances, {least}, and {MOST_PODS}"
    if settings["strategy"] == "rolling":
        yield "autoscale: a rolling release takes pods away that would be started again; choose blue_green or canary"
    if not 1 <= scale["cpu"] <= 100:
        yield f"autoscale.cpu: {scale['cpu']} is not between 1 and 100"
    if not ((described.get("requests") or {}).get("cpus") or settings["resources"]["cpus"]):
        yield (
            "autoscale: cpu is a percentage of what an instance asks for, and it asks for no cpus;"
            " set kubernetes.requests.cpus"
        )


def _is_network(text: str) -> bool:
    try:
        ipaddress.ip_network(text)
    except ValueError:
        return False
    return True
