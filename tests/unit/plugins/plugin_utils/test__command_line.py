# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is typed after -e: near misses and empty values are refused, everything else passes."""

from __future__ import annotations

import typing as t

import pytest
import yaml
from ansible.parsing.splitter import parse_kv

from ansible_collections.tagadodo.deploy.plugins.plugin_utils._command_line import (
    CommandLineError,
    check_command_line,
)

EMPTY_VERSION = "version: it is empty; write one, for example 1.2.0, or leave it out"
EMPTY_SERVICE = "service: it is empty; write one, for example backend, or leave it out"

AWX = {
    **{f"{prefix}_job_id": 7 for prefix in ("awx", "tower")},
    **{f"{prefix}_job_template_name": "deploy" for prefix in ("awx", "tower")},
    **{f"{prefix}_project_revision": "c63b2bd" for prefix in ("awx", "tower")},
    **{f"{prefix}_user_email": "ops@example.com" for prefix in ("awx", "tower")},
    **{f"{prefix}_workflow_job_launch_type": "manual" for prefix in ("awx", "tower")},
}


def check(*options: str, file: t.Mapping[str, object] | None = None) -> None:
    """Check what is typed, after the variables of a file."""
    variables = {**(file or {})}
    for option in options:
        variables.update(yaml.safe_load(option) if option[0] == "{" else parse_kv(option))
    check_command_line([*(["@file"] if file else []), *options], variables)


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ("verison=1.1.0", "verison: not known; did you mean version?"),
        ("VERSION=1.1.0", "VERSION: not known; did you mean version?"),
        ("versions=1.1.0", "versions: not known; did you mean version?"),
        ("vesion=1.1.0", "vesion: not known; did you mean version?"),
        ("servce=backend", "servce: not known; did you mean service?"),
        ("serivce=backend", "serivce: not known; did you mean service?"),
        ("version=1.1.0 servcie=backend", "servcie: not known; did you mean service?"),
        ("operater=me", "operater: not known; did you mean operator?"),
        ("slto=green", "slto: not known; did you mean slot?"),
        ("shrae=10", "shrae: not known; did you mean share?"),
        ("docker_upgrad=yes", "docker_upgrad: not known; did you mean docker_upgrade?"),
        ('{"verison": "1.1.0"}', "verison: not known; did you mean version?"),
        ("version=", EMPTY_VERSION),
        ("version=' '", EMPTY_VERSION),
        ('{"version": ""}', EMPTY_VERSION),
        ('{"version": null}', EMPTY_VERSION),
        ("version=1.1.0 service=", EMPTY_SERVICE),
        ("1.1.0", "1.1.0: it has no name; write for example version=1.2.0"),
        ("version 1.1.0", "version 1.1.0: it has no name; write for example version=1.2.0"),
    ],
)
def test_a_slip_is_refused(typed: str, told: str) -> None:
    with pytest.raises(CommandLineError) as refused:
        check(typed)
    assert str(refused.value) == told


@pytest.mark.parametrize(
    "typed",
    [
        "version=1.1.0 service=backend operator=me",
        "version=1.10",
        '{"services": {}, "version": "1.10"}',
        "deploy_project=shop docker_source=none ansible_user=root",
        "app_version=7 version_file=x service_port=80 my_service=x backend_version=1 revision=7 release_id=9",
        "{}",
    ],
)
def test_everything_else_passes(typed: str) -> None:
    check(typed)


def test_nothing_typed_passes() -> None:
    check()


def test_awx_may_hand_over_what_it_knows_and_questions_that_were_left_open() -> None:
    check(file={**AWX, "version": "", "service": ""})
    check("version=1.1.0", file={**AWX, "version": ""})


def test_a_slip_in_a_file_is_refused() -> None:
    with pytest.raises(CommandLineError, match="verison: not known; did you mean version?"):
        check(file={**AWX, "verison": "1.1.0"})
