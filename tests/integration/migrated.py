# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A database whose migrations are commands of Jobs, for what stands in for a cluster."""

from __future__ import annotations

import json
import typing as t

from kube_standin import Came, Manifest


class Database:
    """What migrations have made of it, and what was seen when they ran.

    Args:
        share: percent of users that the new version has.

    Attributes:
        ran: commands, and the share of users that the new version had then.
        broken: what ``up`` says; nothing where it works.
        old: a Job that another run has left, and how often it is looked at until it ends.
    """

    def __init__(self, share: t.Callable[[], int]) -> None:
        self.share = share
        self.files = ["1-users"]
        self.applied = ["1-users"]
        self.ran: list[tuple[str, int]] = []
        self.broken = ""
        self.old = ("", 0)

    def command(self, job: Manifest) -> Came:
        name, looks = self.old
        if job["metadata"]["name"] == name:
            self.old = (name, looks - 1)
            return Came(code=None if looks else 0)
        assert self.old[1] <= 0, "the Job of an earlier run still runs"
        command, *names = job["spec"]["template"]["spec"]["containers"][0]["command"][1:]
        self.ran.append((command, self.share()))
        if command == "status":
            rows = [{"name": one, "applied": one in self.applied} for one in self.files]
            warning = json.dumps({"level": 40, "msg": "punycode is deprecated"})
            return Came(0, f"{warning}\n{json.dumps({'migrations': rows})}\n")
        if command == "up" and self.broken:
            return Came(1, f"connecting\n{self.broken}\n    at Query.run (db.js:1:1)\n")
        if command == "up":
            self.applied = list(self.files)
        for one in names:
            self.applied.remove(one)
        return Came()


MIGRATIONS = {
    "status": ["migrate", "status"],
    "up": ["migrate", "up"],
    "down": ["migrate", "down", "{name}"],
}
