# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Expressions of GitHub Actions, as far as workflows here use them.

https://docs.github.com/actions/reference/workflows-and-actions/expressions
"""

from __future__ import annotations

import re
import typing as t

Context = t.Mapping[str, t.Any]
STATUS = ("always", "cancelled", "failure", "success")
TOKEN = re.compile(
    r"\s*(?:(?P<text>'(?:[^']|'')*')|(?P<number>-?\d+(?:\.\d+)?)|(?P<name>[A-Za-z_][\w-]*)"
    r"|(?P<sign>==|!=|&&|\|\||[!()\[\].,]))"
)
PART = re.compile(r"\$\{\{(?P<expression>(?:'[^']*'|[^'])*?)\}\}")
LITERALS = {"true": True, "false": False, "null": None}


def truthy(value: object) -> bool:
    return value not in (None, False, 0, "")


def shown(value: object) -> str:
    """A value in the middle of a text."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    return str(value)


def expand(value: t.Any, context: Context) -> t.Any:
    """What GitHub makes of a value of a workflow: every text in it with its expressions evaluated."""
    if isinstance(value, dict):
        return {key: expand(inner, context) for key, inner in value.items()}
    if isinstance(value, list):
        return [expand(inner, context) for inner in value]
    if not isinstance(value, str):
        return value
    if whole := _whole(value):
        return evaluate(whole, context)
    return PART.sub(lambda part: shown(evaluate(part["expression"], context)), value)


def _whole(text: str) -> str:
    """The expression that a text is, and no more than that; empty if it is not."""
    found = PART.match(text.strip())
    return found["expression"] if found and found.end() == len(text.strip()) else ""


def condition(text: object, context: Context) -> bool:
    """An ``if``. One that asks for no status asks for success."""
    source = _whole(str(text)) or str(text)
    if not re.search(rf"\b({'|'.join(STATUS)})\(\)", source):
        source = f"success() && ({source})"
    return truthy(evaluate(source, context))


def evaluate(source: str, context: Context) -> t.Any:
    """The value of an expression.

    Args:
        context: contexts by name; functions of the status by theirs, each a function.

    Raises:
        ValueError: it cannot be read, or uses what is not known here.
    """
    return _Reading(source, context).whole()


def _equal(left: t.Any, right: t.Any) -> bool:
    if isinstance(left, str) and isinstance(right, str):
        return left.lower() == right.lower()
    if type(left) is type(right):
        return bool(left == right)
    return _number(left) == _number(right)


def _number(value: t.Any) -> float:
    try:
        return float(value or 0)
    except (TypeError, ValueError):
        return float("nan")


def _contains(where: t.Any, what: t.Any) -> bool:
    if isinstance(where, list):
        return any(_equal(one, what) for one in where)
    return shown(what).lower() in shown(where).lower()


FUNCTIONS: dict[str, t.Callable[..., t.Any]] = {
    "contains": _contains,
    "startsWith": lambda text, start: shown(text).lower().startswith(shown(start).lower()),
}


class _Reading:
    def __init__(self, source: str, context: Context) -> None:
        self._source, self._context = source, context
        self._tokens: list[tuple[str, str]] = []
        at = 0
        while source[at:].strip():
            found = TOKEN.match(source, at)
            if not found:
                raise ValueError(f"{source!r}: {source[at:]!r} is not understood")
            self._tokens.append((str(found.lastgroup), found[str(found.lastgroup)]))
            at = found.end()

    def whole(self) -> t.Any:
        value = self._either()
        if self._tokens:
            raise ValueError(f"{self._source!r} goes on after its end: {self._tokens}")
        return value

    def _take(self, sign: str) -> bool:
        if self._tokens and self._tokens[0] == ("sign", sign):
            del self._tokens[0]
            return True
        return False

    def _need(self, sign: str) -> None:
        if not self._take(sign):
            raise ValueError(f"{self._source!r} lacks {sign}")

    def _either(self) -> t.Any:
        value = self._both()
        while self._take("||"):
            other = self._both()
            value = value if truthy(value) else other
        return value

    def _both(self) -> t.Any:
        value = self._compared()
        while self._take("&&"):
            other = self._compared()
            value = other if truthy(value) else value
        return value

    def _compared(self) -> t.Any:
        value = self._not()
        if self._take("=="):
            return _equal(value, self._not())
        if self._take("!="):
            return not _equal(value, self._not())
        return value

    def _not(self) -> t.Any:
        return not truthy(self._not()) if self._take("!") else self._single()

    def _single(self) -> t.Any:
        if self._take("("):
            value = self._either()
            self._need(")")
            return value
        if not self._tokens:
            raise ValueError(f"{self._source!r} ends too early")
        kind, text = self._tokens.pop(0)
        if kind == "text":
            return text[1:-1].replace("''", "'")
        if kind == "number":
            return float(text) if "." in text else int(text)
        if kind != "name":
            raise ValueError(f"{self._source!r}: {text} is out of place")
        if self._take("("):
            return self._called(text)
        return LITERALS[text] if text in LITERALS else self._looked_up(text)

    def _called(self, name: str) -> t.Any:
        values = []
        while not self._take(")"):
            values.append(self._either())
            self._take(",")
        known = self._context[name] if name in STATUS else FUNCTIONS.get(name)
        if known is None:
            raise ValueError(f"{self._source!r}: the function {name} is not known here")
        return known(*values)

    def _looked_up(self, name: str) -> t.Any:
        if name not in self._context:
            raise ValueError(f"{self._source!r}: there is no context {name} here")
        value = self._context[name]
        while True:
            if self._take("."):
                key: t.Any = self._tokens.pop(0)[1]
            elif self._take("["):
                key = self._either()
                self._need("]")
            else:
                return value
            value = value.get(key) if isinstance(value, dict) else None
