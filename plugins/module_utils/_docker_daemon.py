# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This module util is PRIVATE to the collection.
"""What daemon.json shall hold, and what the engine has to do to take it over."""

from __future__ import annotations

import dataclasses
import json
import typing as t

NONE = "none"
RELOAD = "reload"
RELOAD_THEN_RESTART = "reload_then_restart"
RESTART = "restart"

# dockerd takes these over on SIGHUP ("Configuration reload behavior" in its reference).
_RELOADED_LIVE = frozenset(
    (
        "authorization-plugins",
        "debug",
        "default-runtime",
        "features",
        "insecure-registries",
        "labels",
        "live-restore",
        "max-concurrent-downloads",
        "max-concurrent-uploads",
        "max-download-attempts",
        "registry-mirrors",
        "runtimes",
        "shutdown-timeout",
    )
)
_LIVE_RESTORE = "live-restore"


class DaemonOptionsError(ValueError):
    """The options cannot be written; the message says why and what to change."""


@dataclasses.dataclass(frozen=True)
class DaemonPlan:
    """The text of daemon.json, which keys differ from the present text, and what follows."""

    content: str
    changed: t.Tuple[str, ...]
    action: str


def plan_daemon(present: str, wanted: t.Mapping[str, t.Any], path: str) -> DaemonPlan:
    """Lay the wanted options over the present file.

    Args:
        present: text of the present file, empty if there is none.
        wanted: options by name; ``None`` takes one out, others in the file are kept.
        path: of the file, for messages.

    Raises:
        DaemonOptionsError: the present file is not a JSON object, or an option cannot be set here.
    """
    before = _parse(present, path)
    after = {**before, **_settings(wanted)}
    for name, value in wanted.items():
        if value is None:
            after.pop(name, None)
    changed = tuple(
        sorted(
            name
            for name in {*before, *after}
            if before.get(name, _NOTHING) != after.get(name, _NOTHING)
        )
    )
    if not changed and present.strip():
        return DaemonPlan(present, (), NONE)
    content = json.dumps(after, indent=2, ensure_ascii=False) + "\n"
    return DaemonPlan(content, changed, _action(changed, after))


_NOTHING = object()


def _parse(present: str, path: str) -> t.Dict[str, t.Any]:
    if not present.strip():
        return {}
    try:
        settings = json.loads(present)
    except ValueError as error:
        raise DaemonOptionsError(
            f"{path} is not valid JSON ({error}); nothing was changed. Repair or remove it."
        ) from error
    if not isinstance(settings, dict):
        raise DaemonOptionsError(
            f"{path} holds no JSON object; nothing was changed. Repair or remove it."
        )
    return settings


def _settings(wanted: t.Mapping[str, t.Any]) -> t.Dict[str, t.Any]:
    if "hosts" in wanted:
        raise DaemonOptionsError(
            "docker_daemon_options: hosts is already an argument of docker.service, and dockerd "
            "does not start with both. Set it in a systemd override of the service instead."
        )
    return {
        name: _as_texts(value) if name == "log-opts" else value
        for name, value in wanted.items()
        if value is not None
    }


def _as_texts(log_options: t.Any) -> t.Any:
    # dockerd reads log-opts as texts only and does not start with {"max-file": 3}.
    if not isinstance(log_options, dict):
        raise DaemonOptionsError("docker_daemon_options: log-opts must be a mapping.")
    return {
        name: value if isinstance(value, str) else json.dumps(value)
        for name, value in log_options.items()
    }


def _action(changed: t.Sequence[str], after: t.Mapping[str, t.Any]) -> str:
    if not changed:
        return NONE
    if set(changed) <= _RELOADED_LIVE:
        return RELOAD
    return RELOAD_THEN_RESTART if after.get(_LIVE_RESTORE) else RESTART
