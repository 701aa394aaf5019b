"""The services of an inventory with other settings, as an operator would edit them, and set up."""

from __future__ import annotations

import copy
import typing as t

import yaml
from stack import ROOT, SERVICES_FILE, Stack

SERVICES: dict[str, t.Any] = yaml.safe_load(SERVICES_FILE.read_text())["services"]


def services_with(**backend: t.Any) -> dict[str, t.Any]:
    """Another backend; what is said of its ``env`` is added to what it has."""
    services = copy.deepcopy(SERVICES)
    env = {**services["backend"]["env"], **backend.pop("env", {})}
    # Machines that run tests have slow minutes, in which all answers take seconds: only a test of slowness judges it.
    backend.setdefault("gate", {"slow": {"factor": 5000}})
    services["backend"].update(drain=2, **backend, env=env)
    services["frontend"].update(bake=0, drain=1)
    return services


def common_services(**settings: t.Any) -> dict[str, t.Any]:
    """Those of staging and production, which wait for less: a test has no websocket that would end by itself."""
    common = yaml.safe_load((ROOT / "inventories/common/services.yml").read_text())
    services: dict[str, t.Any] = common["services"]
    for service in services.values():
        service.update(min_ready=1, drain=3, **settings)
    return services


# Nobody uses it yet, so nothing is watched.
QUICK = services_with(bake=0, min_ready=1)


def set_up(empty: Stack) -> Stack:
    """Have site.yml set it up, with version 1.0.0 live."""
    run = empty.play("site", services=QUICK)
    assert run.code == 0, run.output
    return empty
