# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This plugin util is PRIVATE to the collection.
"""From where a run was started: a job of AWX, a run of a pipeline, or a machine."""

from __future__ import annotations

import typing as t

# Where a pipeline says which run this is.
_RUN_URLS = ("CI_JOB_URL", "BUILD_URL")


def origin_of(
    variables: t.Mapping[str, t.Any], environment: t.Mapping[str, str], machine: str
) -> str:
    """In a few words.

    Args:
        variables: of the host; AWX gives its job's.
        environment: of this process.
        machine: name of this one.
    """
    job = variables.get("awx_job_id") or variables.get("tower_job_id")
    if job:
        template = variables.get("awx_job_template_name") or variables.get(
            "tower_job_template_name"
        )
        return f"AWX job {job}" + (f" ({template})" if template else "")
    server, repository, run = (
        environment.get(f"GITHUB_{name}") for name in ("SERVER_URL", "REPOSITORY", "RUN_ID")
    )
    if server and repository and run:
        return f"{server}/{repository}/actions/runs/{run}"
    return next((environment[name] for name in _RUN_URLS if environment.get(name)), machine)
