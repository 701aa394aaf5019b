# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter of playbooks that release or go back."""

from __future__ import annotations

import typing as t

from ansible_collections.tagadodo.deploy.plugins.module_utils._results import results

DOCUMENTATION = r"""
name: release_results
short_description: What came of a release or a rollback, for what comes after it
version_added: "0.2.0"
author: Taga Dodo deploy contributors (@tagadodo)
description: Given to M(ansible.builtin.set_stats), it is the artifacts of a job in AWX, and variables of the jobs after it in a workflow.
positional: done, reason, said, held, state_dir, planned
options:
  _input:
    description: What P(tagadodo.deploy.release_plan#module) returned; empty where there is no plan.
    type: dict
    required: true
  done:
    description: The release that has succeeded, if any has.
    type: str
    required: true
  reason:
    description: Why it has not.
    type: str
    required: true
  said:
    description: Whether the release was taken back, or stopped half way.
    type: bool
    required: true
  held:
    description: Whether it waits for a decision.
    type: bool
    required: true
  state_dir:
    description: Where hosts keep their state.
    type: str
    required: true
  planned:
    description: Whether it goes no further than the plan, as in check mode.
    type: bool
    default: false
"""

EXAMPLES = r"""
---
- name: Hand over what came of it
  ansible.builtin.set_stats:
    data: "{{ plan | tagadodo.deploy.release_results(plan.release, '', false, false, '/var/lib/tagadodo') }}"
"""

RETURN = r"""
_value:
  description: What users get by now, and how it came to that.
  type: dict
  contains:
    deployed_release:
      description: Name of the release; empty where none was made.
      type: str
    deployed_versions:
      description: Version that users get, by service. Empty where that is not decided.
      type: dict
    deployed_slots:
      description: Slot that they get it from, by service.
      type: dict
    deployed_verdict:
      description: >-
        V(succeeded), V(rolled_back), V(failed), V(held), V(refused), V(unchanged), or V(planned) of a check.
      type: str
    deployed_reason:
      description: Why it is none of the first two, in one line.
      type: str
    deployed_report:
      description: Its report, a path on the hosts of C(app).
      type: str
"""


class FilterModule:
    """Filters of this file."""

    def filters(self) -> t.Dict[str, t.Callable[..., t.Any]]:
        return {"release_results": results}
