# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This plugin util is PRIVATE to the collection.
"""The variables that playbooks take: their names, types and choices, as ``playbooks/meta/argument_specs.yml`` has them."""

from __future__ import annotations

import functools
import pathlib
import typing as t

from ansible.module_utils.common.yaml import yaml_load

_SPECS = pathlib.Path(__file__).resolve().parents[2] / "playbooks/meta/argument_specs.yml"

Spec = t.Mapping[str, t.Any]


@functools.lru_cache(maxsize=1)
def playbook_specs() -> t.Mapping[str, Spec]:
    """``short_description`` and ``options`` of each playbook."""
    specs = yaml_load(_SPECS.read_text(encoding="utf-8"))["argument_specs"]
    return t.cast("t.Mapping[str, Spec]", specs)


def variable_names() -> t.Tuple[str, ...]:
    """All that any of them takes."""
    return tuple(
        dict.fromkeys(name for spec in playbook_specs().values() for name in spec["options"])
    )
