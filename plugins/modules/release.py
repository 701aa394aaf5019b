#!/usr/bin/python
# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: release
version_added: 0.1.0
short_description: Write releases into the ledger of a host
description:
  - Records the intent of a release before its first step and its outcome after the last.
  - A record is a JSON file that is written whole or not at all; facts of later calls are merged into it.
extends_documentation_fragment:
  - tagadodo.deploy._deploy.STATE
  - tagadodo.deploy._deploy.CHANGES
options:
  records:
    description: One entry for each record to write.
    type: list
    elements: dict
    required: true
    suboptions:
      service: {description: Name of the service., type: str, required: true}
      release: {description: Name of the release; starts with its UTC time., type: str, required: true}
      facts: {description: What is to be known of it. Never the value of a secret., type: dict, default: {}}
  outcome:
    description: How the releases stand.
    type: str
    choices: [running, succeeded, failed, held, rolled_back]
  reason:
    description: Why, in one line.
    type: str
  verdicts:
    description: What M(tagadodo.deploy.release_gate) returned. Each service's are added to its records.
    type: list
    elements: dict
    default: []
  keep:
    description: Records kept of each service; older ones are removed when a release has ended.
    type: int
    default: 50
author:
  - Taga Dodo deploy contributors (@tagadodo)
"""

EXAMPLES = r"""
---
- name: Record the intent
  tagadodo.deploy.release:
    state_dir: /var/lib/tagadodo
    outcome: running
    records:
      - service: backend
        release: 20261122-231530-1.1.0
        facts: {version: 1.1.0, slot: green}
"""

RETURN = r"""
written:
  description: Records that changed, as C(service/release).
  returned: success
  type: list
  elements: str
  sample: [backend/20261122-231530-1.1.0]
"""

import typing as t
from datetime import datetime, timezone

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.tagadodo.deploy.plugins.module_utils._ledger import (
    OUTCOMES,
    Ledger,
    LedgerError,
)

STALE = ("reason", "finished_at")  # facts of how a release stood before


def standing(outcome: t.Optional[str], before: t.Mapping[str, t.Any], now: str) -> dict[str, t.Any]:
    """How a release stands since when; nothing where it stands so already."""
    if not outcome or outcome == before.get("outcome"):
        return {}
    if outcome == "running":
        return {"outcome": outcome, "started_at": before.get("started_at", now)}
    return {"outcome": outcome, "finished_at": now}


def new_verdicts(
    service: str, before: t.Mapping[str, t.Any], given: t.Sequence[t.Mapping[str, t.Any]]
) -> dict[str, t.Any]:
    """The verdicts on a service, after those an earlier run left; nothing where there is no new one."""
    known = before.get("verdicts", [])
    new = [one for one in given if one["service"] == service and one not in known]
    return {"verdicts": [*known, *new]} if new else {}


def write(
    ledger: Ledger, record: t.Mapping[str, t.Any], params: t.Mapping[str, t.Any], dry: bool
) -> bool:
    """Add to a record what one call knows; whether that changes it."""
    service, name = record["service"], record["release"]
    before = ledger.record(service, name)
    now = datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    stands = standing(params["outcome"], before, now)
    facts = {
        **record["facts"],
        **stands,
        **new_verdicts(service, before, params["verdicts"]),
        **({"reason": params["reason"]} if params["reason"] else {}),
    }
    return ledger.update(service, name, facts, write=not dry, forget=STALE if stands else ())


def main() -> None:
    record = {
        "service": {"type": "str", "required": True},
        "release": {"type": "str", "required": True},
        "facts": {"type": "dict", "default": {}},
    }
    module = AnsibleModule(
        argument_spec={
            "state_dir": {"type": "path", "required": True},
            "records": {"type": "list", "elements": "dict", "required": True, "options": record},
            "outcome": {"type": "str", "choices": list(OUTCOMES)},
            "reason": {"type": "str"},
            "verdicts": {"type": "list", "elements": "dict", "default": []},
            "keep": {"type": "int", "default": 50},
        },
        supports_check_mode=True,
    )
    ledger = Ledger(module.params["state_dir"])
    try:
        written = [
            f"{one['service']}/{one['release']}"
            for one in module.params["records"]
            if write(ledger, one, module.params, module.check_mode)
        ]
        if written and module.params["outcome"] != "running" and not module.check_mode:
            ledger.prune(
                {one["service"] for one in module.params["records"]}, module.params["keep"]
            )
    except (LedgerError, OSError) as error:
        module.fail_json(msg=str(error), exception=error)
    module.exit_json(
        changed=bool(written), written=written, diff={"before": "", "after": "\n".join(written)}
    )


if __name__ == "__main__":
    main()
