# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This plugin util is PRIVATE to the collection.
"""YAML that every reader reads alike, be it of YAML 1.1 or 1.2, in Python or in Go."""

from __future__ import annotations

import re
import typing as t

import yaml

# Whatever else might be a number, a date or a word with a meaning somewhere is quoted.
_PLAIN = re.compile(r"[A-Za-z/][A-Za-z0-9/._-]*")
_WORDS = re.compile(r"y|n|yes|no|on|off|true|false|null|nan|inf", re.IGNORECASE)


class _Dumper(yaml.SafeDumper):
    """Items of lists stand further in than the list, as yamllint has it by default."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)

    def ignore_aliases(self, data: t.Any) -> bool:
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    plain = _PLAIN.fullmatch(text) and not _WORDS.fullmatch(text)
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=None if plain else '"')


_Dumper.add_representer(str, _text)
# What comes from an inventory is of Ansible's own types, below these.
_Dumper.add_multi_representer(str, _text)
_Dumper.add_multi_representer(int, yaml.SafeDumper.represent_int)
_Dumper.add_multi_representer(float, yaml.SafeDumper.represent_float)
_Dumper.add_multi_representer(dict, yaml.SafeDumper.represent_dict)
_Dumper.add_multi_representer(list, yaml.SafeDumper.represent_list)


def yaml_text(*documents: t.Any, first: t.Sequence[str] = ()) -> str:
    """Documents of plain data, keys in their order.

    Args:
        first: lines of a comment that stands before them.
    """
    head = "".join(f"# {line}".rstrip() + "\n" for line in first)
    return head + "".join(
        "---\n" + yaml.dump(one, Dumper=_Dumper, sort_keys=False, width=1000, allow_unicode=True)
        for one in documents
    )
