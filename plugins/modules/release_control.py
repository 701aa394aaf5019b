#!/usr/bin/python
# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: release_control
version_added: 0.1.0
short_description: Pause, resume, promote or abort the release that is being watched
description:
  - Tells the release that is being watched on this host what its operator wants, from another
    terminal than the one it runs in. Its gate finds that at its next look, within some seconds.
  - What was asked stands until something else is asked, for this release alone.
extends_documentation_fragment:
  - tagadodo.deploy._deploy.CLUSTER
  - tagadodo.deploy._deploy.STATE
  - tagadodo.deploy._deploy.CHANGES
options:
  action:
    description:
      - V(pause) keeps traffic as it is. The release is watched on, and taken back if it turns out
        to be bad.
      - V(resume) ends a pause.
      - V(promote) ends the step that is being watched now without waiting for more evidence. It can
        be asked for again in a later step.
      - V(abort) takes the release back. This is final.
    type: str
    choices: [pause, resume, promote, abort]
    required: true
  by:
    description: Who asks, for records and messages.
    type: str
    required: true
  release:
    description: Name of the release. By default the one that is being watched.
    type: str
  fresh:
    description: Seconds since its last look within which a release is being watched.
    type: float
    default: 60
seealso:
  - module: tagadodo.deploy.release_evidence
author:
  - Taga Dodo deploy contributors (@tagadodo)
"""

EXAMPLES = r"""
---
- name: Keep traffic as it is
  tagadodo.deploy.release_control:
    state_dir: /var/lib/tagadodo
    action: pause
    by: dora

- name: Take this release back
  tagadodo.deploy.release_control:
    state_dir: /var/lib/tagadodo
    release: 20261122-231530-1.1.0
    action: abort
    by: dora
"""

RETURN = r"""
control:
  description: What is asked of the release now (in check mode, as it would be). Null if nothing is.
  returned: success
  type: dict
  sample: {release: 20261122-231530-1.1.0, step: 10 %, action: pause, by: dora, at: 1795401440.1}
release:
  description: Name of the release.
  returned: success
  type: str
  sample: 20261122-231530-1.1.0
step:
  description: Step that is being watched.
  returned: success
  type: str
  sample: 10 %
"""

import time
import typing as t

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.tagadodo.deploy.plugins.module_utils._cluster import ClusterError
from ansible_collections.tagadodo.deploy.plugins.module_utils._control import (
    ACTIONS,
    Control,
    ask_for,
    watched_release,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._engine import EngineError
from ansible_collections.tagadodo.deploy.plugins.module_utils._gate_file import GateError
from ansible_collections.tagadodo.deploy.plugins.module_utils._platform import ledger_of
from ansible_collections.tagadodo.deploy.plugins.module_utils._platforms import CLUSTER, platform_of


def control(params: t.Mapping[str, t.Any], dry: bool) -> t.Dict[str, t.Any]:
    """Ask what is wanted and say what that changes."""
    now, platform = time.time(), platform_of(params)
    ledger, release = ledger_of(platform), params["release"] or ""
    gate = watched_release(platform.gates, ledger, release, params["fresh"], now)
    step = str((gate.last() or {}).get("step", ""))
    wanted = Control(gate.release, step, params["action"], params["by"], round(now, 3))
    before, after = ask_for(platform.documents, wanted, write=not dry)
    return {
        "changed": after != before,
        "control": after.as_data() if after else None,
        "release": gate.release,
        "step": step,
        "diff": {
            "before": before.as_text() if before else "",
            "after": after.as_text() if after else "",
        },
    }


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "state_dir": {"type": "path", "required": True},
            "action": {"type": "str", "choices": list(ACTIONS), "required": True},
            "by": {"type": "str", "required": True},
            "release": {"type": "str"},
            "fresh": {"type": "float", "default": 60},
            **CLUSTER,
        },
        supports_check_mode=True,
    )
    try:
        module.exit_json(**control(module.params, module.check_mode))
    except (ClusterError, EngineError, GateError, OSError) as error:
        module.fail_json(msg=str(error), exception=error)


if __name__ == "__main__":
    main()
