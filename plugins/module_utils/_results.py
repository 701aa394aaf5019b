# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This module util is PRIVATE to the collection.
"""What came of a run, for what comes after it: AWX hands it to the next jobs of a workflow as variables.

So no name is one that a playbook takes.
"""

from __future__ import annotations

import typing as t

from ansible_collections.tagadodo.deploy.plugins.module_utils._ledger import ENVIRONMENT, whole_of
from ansible_collections.tagadodo.deploy.plugins.module_utils._notice import (
    FAILED,
    HELD,
    ROLLED_BACK,
    SUCCEEDED,
    event_of,
    one_line,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._service import other_slot

PLANNED, UNCHANGED = "planned", "unchanged"
NEW = (SUCCEEDED, ROLLED_BACK)

Data = t.Mapping[str, t.Any]


def results(
    plan: Data,
    done: str,
    reason: str,
    said: bool,
    held: bool,
    state_dir: str,
    planned: bool = False,
) -> t.Dict[str, t.Any]:
    """What a release or a rollback has come to.

    Args:
        plan: of ``release_plan``; empty where there was none.
        done, reason, said, held: see ``event_of``.
        state_dir: where its report is, on hosts of ``app``.
        planned: whether it goes no further than that; versions and slots are those that would be live.
    """
    verdict = PLANNED if planned else event_of(plan, done, reason, said, held) or UNCHANGED
    release = "" if planned else str(whole_of(plan).get("release", ""))
    live = {} if verdict == HELD else _live(plan, verdict not in (*NEW, PLANNED))
    return {
        "deployed_release": release,
        "deployed_versions": {name: version for name, (version, _slot) in live.items()},
        "deployed_slots": {name: slot for name, (_version, slot) in live.items()},
        "deployed_verdict": verdict,
        "deployed_reason": one_line(reason) if verdict not in (*NEW, PLANNED, UNCHANGED) else "",
        "deployed_report": f"{state_dir}/reports/{release}.html"
        if release and verdict in (*NEW, FAILED, HELD)
        else "",
    }


def _live(plan: Data, back: bool) -> t.Dict[str, t.Tuple[str, str]]:
    """Version and slot that users get of each service.

    Args:
        back: whether that is what was live before.
    """
    before = {
        entry["service"]: entry["facts"]
        for entry in plan.get("records") or ()
        if back and entry["service"] != ENVIRONMENT
    }
    found = {
        name: (str(one["version"]), str(one["slot"]))
        for name, one in (plan.get("services") or {}).items()
        if name not in before
    }
    for name, facts in before.items():
        if facts.get("previous"):
            found[name] = (str(facts["previous"]["version"]), other_slot(str(facts["slot"])))
    return {name: one for name, one in sorted(found.items()) if one[0]}
