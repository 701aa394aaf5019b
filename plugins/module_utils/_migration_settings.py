# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This module util is PRIVATE to the collection.
"""What is wrong with the ``migrations`` of a service that a type cannot say."""

from __future__ import annotations

import re
import typing as t

GROUPS = ("name", "applied")
SHORTEST, LONGEST = 3, 600  # seconds of a lease


def migration_problems(described: t.Mapping[str, t.Any]) -> t.Iterator[str]:
    """Each mistake as ``<setting>: <what to change>``.

    Args:
        described: ``migrations`` of a service, defaults filled in.
    """
    for command in ("status", "up"):
        if not described[command]:
            yield f"{command}: no command; give it as a list, its program first"
    if described["timeout"] < 1:
        yield f"timeout: {described['timeout']} is not a number of seconds from 1"
    yield from _parse_problems(described.get("parse") or {})
    for label, patterns in (described.get("labels") or {}).items():
        for pattern in patterns or ():
            yield from _pattern_problems(f"labels.{label}", pattern)
    yield from _lease_problems(described.get("lease") or {})


def _parse_problems(parse: t.Mapping[str, t.Any]) -> t.Iterator[str]:
    broken = [
        problem
        for key in ("line", "pending", "empty")
        for problem in _pattern_problems(f"parse.{key}", parse.get(key) or "")
    ]
    yield from broken
    if parse and not broken:
        missing = [group for group in GROUPS if group not in re.compile(parse["line"]).groupindex]
        if missing:
            yield f"parse.line: {parse['line']!r} has no group (?P<{missing[0]}>...)"


def _pattern_problems(setting: str, pattern: str) -> t.Iterator[str]:
    try:
        re.compile(pattern)
    except re.error as error:
        yield f"{setting}: {pattern!r} is no regular expression: {error}"


def _lease_problems(lease: t.Mapping[str, t.Any]) -> t.Iterator[str]:
    if not lease:
        return
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", lease["uri"]):
        # It may be the URI itself, with a password.
        yield "lease.uri: give the name of the environment variable that holds the URI, such as MONGO_URI"
    if not SHORTEST <= lease["seconds"] <= LONGEST:
        yield f"lease.seconds: {lease['seconds']} is not between {SHORTEST} and {LONGEST}"
