# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs the module that a task names. ``meta/runtime.yml`` sends those here that have no action of their own."""

from __future__ import annotations

from ansible_collections.tagadodo.deploy.plugins.plugin_utils._host_action import ModuleAction


class ActionModule(ModuleAction):
    """See the documentation of the module that the task names."""
