"""The services of inventories/dev with other settings, as an operator would edit them."""

from __future__ import annotations

import copy
import typing as t

import yaml
from stack import SERVICES_FILE

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
