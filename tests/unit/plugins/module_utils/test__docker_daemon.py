# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""daemon.json: other settings are kept, and the engine is disturbed no more than needed."""

from __future__ import annotations

import json
import typing as t

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.tagadodo.deploy.plugins.module_utils._docker_daemon import (
    DaemonOptionsError,
    plan_daemon,
)

PATH = "/etc/docker/daemon.json"
WITH_LIVE_RESTORE = '{"live-restore": true}'


def test_settings_of_others_are_kept_and_ours_win() -> None:
    plan = plan_daemon('{"bip": "10.9.0.1/24", "debug": true}', {"debug": False}, PATH)
    assert json.loads(plan.content) == {"bip": "10.9.0.1/24", "debug": False}
    assert plan.changed == ("debug",)


def test_null_takes_a_setting_out() -> None:
    plan = plan_daemon('{"debug": true, "bip": "10.9.0.1/24"}', {"debug": None, "mtu": None}, PATH)
    assert json.loads(plan.content) == {"bip": "10.9.0.1/24"}


def test_text_that_says_the_same_stays_as_it_is() -> None:
    present = '{ "live-restore":true }'
    plan = plan_daemon(present, {"live-restore": True}, PATH)
    assert (plan.content, plan.changed, plan.action) == (present, (), "none")


def test_log_options_become_texts() -> None:
    plan = plan_daemon("", {"log-opts": {"max-size": "10m", "max-file": 3, "compress": True}}, PATH)
    assert json.loads(plan.content)["log-opts"] == {
        "max-size": "10m",
        "max-file": "3",
        "compress": "true",
    }


@pytest.mark.parametrize(
    ("present", "wanted", "action"),
    [
        (WITH_LIVE_RESTORE, {"live-restore": True}, "none"),
        (WITH_LIVE_RESTORE, {"debug": True, "registry-mirrors": ["https://m"]}, "reload"),
        (WITH_LIVE_RESTORE, {"debug": True, "bip": "10.9.0.1/24"}, "reload_then_restart"),
        ("", {"live-restore": True}, "reload"),
        ("", {"live-restore": True, "log-driver": "local"}, "reload_then_restart"),
        (WITH_LIVE_RESTORE, {"live-restore": False, "log-driver": "local"}, "restart"),
        ("", {"log-driver": "local"}, "restart"),
        ('{"log-driver": "local"}', {"log-driver": None}, "restart"),
    ],
)
def test_the_engine_is_disturbed_no_more_than_needed(
    present: str, wanted: t.Mapping[str, t.Any], action: str
) -> None:
    assert plan_daemon(present, wanted, PATH).action == action


@pytest.mark.parametrize(
    ("present", "wanted", "message"),
    [
        ('{"debug": tru', {}, "is not valid JSON"),
        ("[1]", {}, "holds no JSON object"),
        ("", {"hosts": ["tcp://0.0.0.0"]}, "systemd override"),
        ("", {"log-opts": "max-size=1m"}, "must be a mapping"),
    ],
)
def test_errors_say_what_to_change(
    present: str, wanted: t.Mapping[str, t.Any], message: str
) -> None:
    with pytest.raises(DaemonOptionsError, match=message):
        plan_daemon(present, wanted, PATH)


VALUES = st.booleans() | st.integers() | st.sampled_from(["", "a", "ä"])
SETTINGS = st.dictionaries(
    st.sampled_from(["debug", "bip", "live-restore", "mtu"]), st.none() | VALUES, max_size=4
)


@given(SETTINGS, SETTINGS)
def test_a_second_run_changes_nothing(
    present: t.Mapping[str, t.Any], wanted: t.Mapping[str, t.Any]
) -> None:
    once = plan_daemon(json.dumps(present), wanted, PATH)
    again = plan_daemon(once.content, wanted, PATH)
    assert (again.content, again.action) == (once.content, "none")
