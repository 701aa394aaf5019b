# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each way of telling people gets arguments that its module knows, and no command by the name of a version."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as some

from ansible_collections.tagadodo.deploy.plugins.module_utils._notice import Notice
from ansible_collections.tagadodo.deploy.plugins.plugin_utils._channels import CHANNELS, slack

NOTICE = Notice("failed", "shop: backend 1.2.0 has failed", "never ready", (("Who", "amina"),), {})


@pytest.mark.parametrize("name", CHANNELS)
def test_what_is_not_set_is_left_to_the_module(name: str) -> None:
    _module, arguments = CHANNELS[name](NOTICE, {"token": None, "port": None, "nonsense": 1})
    assert not {"token", "port", "nonsense"} & set(arguments)


@given(some.text())
def test_slack_finds_no_command_in_it(text: str) -> None:
    notice = Notice("failed", text, text, ((text, text),), {})
    _module, arguments = slack(notice, {})
    told = json.dumps(arguments["attachments"], ensure_ascii=False)
    assert "<" not in told
    assert ">" not in told
    assert slack(Notice("failed", "a <!channel> & b"), {})[1]["attachments"][0]["title"] == (
        "a &lt;!channel&gt; &amp; b"
    )
