# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the role awx makes of its data."""

from __future__ import annotations

import functools
import typing as t

from ansible.errors import AnsibleFilterError

from ansible_collections.tagadodo.deploy.plugins.plugin_utils import _awx

Made = t.TypeVar("Made")


def _told(make: t.Callable[..., Made]) -> t.Callable[..., Made]:
    """The same, whose mistakes are a filter's."""

    @functools.wraps(make)
    def filtered(*given: t.Any) -> Made:
        try:
            return make(*given)
        except _awx.AwxError as error:
            raise AnsibleFilterError(str(error)) from error

    return filtered


class FilterModule:
    """Filters of the role awx."""

    def filters(self) -> t.Dict[str, t.Callable[..., t.Any]]:
        return {
            "awx_credentials": _told(_awx.credentials),
            "awx_credential_type": _told(_awx.credential_type),
            "awx_job_templates": _told(_awx.job_templates),
            "awx_schedules": _told(_awx.schedules),
            "awx_survey": _told(_awx.survey),
        }
