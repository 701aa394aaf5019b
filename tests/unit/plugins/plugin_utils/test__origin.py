# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From where a run was started, as reports say it."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.tagadodo.deploy.plugins.plugin_utils._origin import origin_of

GITHUB = {
    "GITHUB_SERVER_URL": "https://github.com",
    "GITHUB_REPOSITORY": "tagadodo/app",
    "GITHUB_RUN_ID": "42",
}


@pytest.mark.parametrize(
    ("variables", "environment", "expected"),
    [
        ({}, {}, "laptop"),
        ({"awx_job_id": 7}, {}, "AWX job 7"),
        ({"tower_job_id": 7, "tower_job_template_name": "deploy"}, GITHUB, "AWX job 7 (deploy)"),
        ({}, GITHUB, "https://github.com/tagadodo/app/actions/runs/42"),
        ({}, {"GITHUB_SERVER_URL": "https://github.com"}, "laptop"),
        ({}, {"CI_JOB_URL": "https://git.example.com/jobs/1"}, "https://git.example.com/jobs/1"),
        ({}, {"BUILD_URL": ""}, "laptop"),
    ],
)
def test_a_job_a_pipeline_or_a_machine(
    variables: dict[str, t.Any], environment: dict[str, str], expected: str
) -> None:
    assert origin_of(variables, environment, "laptop") == expected
