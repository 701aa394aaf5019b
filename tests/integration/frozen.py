"""Containers that stand still for a while, as on a machine that is suspended."""

from __future__ import annotations

import time
import typing as t

import docker

TRIES = 20


def pause(container: t.Any) -> None:
    """Freeze all its processes. Where they fork a lot, an engine may find no moment to freeze them."""
    for attempt in range(1, TRIES + 1):
        try:
            container.pause()
            return
        except docker.errors.APIError as error:
            if "unable to freeze" not in str(error) or attempt == TRIES:
                raise
            time.sleep(0.2)
