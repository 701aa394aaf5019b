"""The services of inventories/dev with other settings, as an operator would edit them, and set up."""

from __future__ import annotations

import copy
import typing as t

import yaml
from stack import SERVICES_FILE, Stack

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


# Nobody uses it yet, so nothing is watched.
QUICK = services_with(bake=0, min_ready=1)


def set_up(empty: Stack) -> Stack:
    """Have site.yml set it up, with version 1.0.0 live."""
    run = empty.play("site", services=QUICK)
    assert run.code == 0, run.output
    return empty
