# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""YAML that is read back as it was, by readers of YAML 1.1 and of 1.2."""

from __future__ import annotations

import json
import typing as t

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.tagadodo.deploy.plugins.plugin_utils._yaml_text import yaml_text

TEXTS = st.text(st.characters(exclude_categories=["Cs", "Cc"]))
DATA = st.recursive(
    st.one_of(TEXTS, st.booleans(), st.integers(), st.none()),
    lambda inner: st.one_of(st.lists(inner), st.dictionaries(TEXTS, inner)),
)


@given(DATA)
def test_it_is_read_back_as_it_was(data: t.Any) -> None:
    assert yaml.safe_load(yaml_text(data)) == data


@pytest.mark.parametrize(
    "text",
    [
        "yes",
        "N",
        "off",
        "null",
        "~",
        "",
        "3000",
        "1e3",
        "1_000",
        "0o7",
        "0x1f",
        "12:30:45",
        "2026-11-29",
        ".inf",
        "=",
        "<<",
    ],
)
def test_what_may_be_no_text_somewhere_is_quoted(text: str) -> None:
    assert yaml_text({"key": text}) == f"---\nkey: {json.dumps(text)}\n"


def test_what_is_always_text_is_not() -> None:
    made = yaml_text(
        {"kind": "Service", "list": ["tagadodo/backend", True, 3]}, first=["Hello", ""]
    )
    assert made == "# Hello\n#\n---\nkind: Service\nlist:\n  - tagadodo/backend\n  - true\n  - 3\n"
