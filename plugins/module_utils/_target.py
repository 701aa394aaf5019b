# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This module util is PRIVATE to the collection.
"""What is asked of a target, and what its answers must say."""

from __future__ import annotations

import json
import re
import typing as t
import urllib.parse
from dataclasses import dataclass, field

STARTUP, READY, LIVE = "startup", "ready", "live"
EXCERPT = 120  # characters of a body that an error quotes

_MISSING = object()


class TargetError(Exception):
    """A target's description is wrong; the text is one line and names the setting."""


@dataclass(frozen=True)
class Answer:
    """What came back: a status and a body, or ``error`` when nothing did."""

    status: int = 0
    body: bytes = b""
    error: str = ""

    def excerpt(self) -> str:
        text = re.sub(r"\s+", " ", self.body.decode("utf-8", "replace")).strip()
        return text if len(text) <= EXCERPT else text[: EXCERPT - 1] + "…"


@dataclass(frozen=True)
class Outcome:
    """One answer, judged. ``error`` is one line, empty when all is as expected.

    ``identity`` is what the target says it is, where it was asked. ``misnamed`` marks the
    answer that is fine but for naming somebody else.
    """

    ok: bool
    error: str = ""
    status: int = 0
    identity: str = ""
    misnamed: bool = False


def lookup(document: t.Any, path: str) -> t.Any:
    """What is at the dotted ``path`` (numbers count into lists).

    Raises:
        KeyError: nothing is there.
    """
    for part in path.split("."):
        if isinstance(document, dict) and part in document:
            document = document[part]
        elif isinstance(document, list) and part.isdigit() and int(part) < len(document):
            document = document[int(part)]
        else:
            raise KeyError(path)
    return document


def _same(found: t.Any, expected: t.Any) -> bool:
    if isinstance(found, bool) != isinstance(expected, bool) and not isinstance(expected, str):
        return False  # in Python 1 == True
    return bool(found == expected) or (
        isinstance(expected, str) and not isinstance(found, str) and json.dumps(found) == expected
    )


@dataclass(frozen=True)
class Expectation:
    """What an answer must be: one of ``status``, ``json`` values by dotted path, ``identity``.

    ``identity`` is the dotted path of what the target says it is, and what it must say.
    """

    status: tuple[int, ...] = (200,)
    json: t.Mapping[str, t.Any] = field(default_factory=dict)
    identity: tuple[str, str] | None = None

    def judge(self, answer: Answer) -> Outcome:
        if answer.error:
            return Outcome(False, answer.error)
        document = self._document(answer)
        named = self._named(document)
        problem = self._status_problem(answer) or self._json_problem(answer, document)
        if problem:
            return Outcome(False, problem, answer.status, named)
        if self.identity and named != self.identity[1]:
            problem = self._misnamed(answer, named)
            return Outcome(False, problem, answer.status, named, misnamed=True)
        return Outcome(True, "", answer.status, named)

    def _document(self, answer: Answer) -> t.Any:
        if not self.json and not self.identity:
            return _MISSING
        try:
            return json.loads(answer.body)
        except ValueError:
            return _MISSING

    def _named(self, document: t.Any) -> str:
        if not self.identity:
            return ""
        try:
            return str(lookup(document, self.identity[0]))
        except KeyError:
            return ""

    def _status_problem(self, answer: Answer) -> str:
        if answer.status in self.status:
            return ""
        quoted = answer.excerpt()
        return f"answers {answer.status}" + (f": {quoted}" if quoted else "")

    def _json_problem(self, answer: Answer, document: t.Any) -> str:
        if not self.json:
            return ""
        if document is _MISSING:
            excerpt = answer.excerpt() or "the body is empty"
            return f"answers {answer.status} without JSON: {excerpt}"
        for path, expected in self.json.items():
            try:
                found = lookup(document, path)
            except KeyError:
                return f"answers {answer.status} without {path}, expected {json.dumps(expected)}"
            if not _same(found, expected):
                return (
                    f"answers {answer.status} but {path} is {json.dumps(found)},"
                    f" expected {json.dumps(expected)}"
                )
        return ""

    def _misnamed(self, answer: Answer, named: str) -> str:
        path, value = self.identity or ("", "")
        says = f"says {path} {named}" if named else f"names no {path}"
        return f"answers {answer.status} but {says}, expected {value}"


@dataclass(frozen=True)
class Pace:
    """How patiently a probe asks: seconds and counts, as Kubernetes has them."""

    initial_delay: float
    period: float
    timeout: float
    failures: int
    successes: int

    @property
    def budget(self) -> float:
        """Seconds of failing that are final while a target comes up."""
        return self.failures * self.period


PACES = {
    STARTUP: Pace(initial_delay=0, period=10, timeout=3, failures=30, successes=1),
    READY: Pace(initial_delay=0, period=5, timeout=3, failures=3, successes=1),
    LIVE: Pace(initial_delay=0, period=10, timeout=5, failures=3, successes=1),
}


@dataclass(frozen=True)
class Request:
    """One request to a target. ``connect`` is where, when that is not the URL's own host; ``container`` is the
    instance that is asked, and ``service`` the Service, where it is one: a cluster leads to it by its name."""

    url: str
    timeout: float
    method: str = "GET"
    connect: tuple[str, int] | None = None
    headers: t.Mapping[str, str] = field(default_factory=dict, repr=False)
    ca_file: str = ""
    validate_certs: bool = True
    container: str = ""
    service: str = ""


@dataclass(frozen=True)
class Target:
    """One thing that is asked, with everything that decides whether it is well.

    ``paths`` has those of ``startup``, ``ready``, ``live`` and ``full`` that are asked.
    """

    name: str
    url: str
    paths: t.Mapping[str, str] = field(default_factory=dict)
    paces: t.Mapping[str, Pace] = field(default_factory=lambda: PACES)
    status: tuple[int, ...] = (200,)
    json: t.Mapping[str, t.Any] = field(default_factory=dict)
    identity: tuple[str, str] | None = None
    method: str = "GET"
    connect: tuple[str, int] | None = None
    headers: t.Mapping[str, str] = field(default_factory=dict, repr=False)
    ca_file: str = ""
    validate_certs: bool = True
    container: str = ""
    service: str = ""

    @classmethod
    def parse(cls, raw: t.Mapping[str, t.Any], secrets: t.Mapping[str, str]) -> Target:
        """Make a target of the module's arguments.

        Args:
            secrets: texts of the files that ``header_files`` names, by path.

        Raises:
            TargetError: names the setting as ``targets.<name>.<setting>``.
        """
        try:
            return cls(
                name=raw["name"],
                url=_url(raw["url"]),
                paths=_paths(raw),
                paces={kind: _pace(kind, raw.get(f"{kind}_probe") or {}) for kind in PACES},
                status=tuple(raw.get("status") or (200,)),
                json=raw.get("json") or {},
                identity=_identity(raw.get("identity")),
                method=raw.get("method") or "GET",
                connect=_connect(raw.get("address")),
                headers=_headers(raw, secrets),
                ca_file=raw.get("ca_file") or "",
                validate_certs=raw.get("validate_certs", True),
                container=raw.get("container") or "",
                service=raw.get("service") or "",
            )
        except TargetError as error:
            raise TargetError(f"targets.{raw['name']}.{error}") from None

    def has(self, kind: str) -> bool:
        """Whether a probe of this kind is made; readiness always is."""
        return kind == READY or kind in self.paths

    def checks(self, kind: str) -> tuple[tuple[Request, Expectation], ...]:
        """The requests of one probe, asked in this order until one fails."""
        plain = Expectation(self.status)
        whole = Expectation(self.status, self.json, self.identity)
        if kind != READY:
            return ((self._request(kind, self.paths[kind]), plain),)
        asked = [self.paths[key] for key in ("ready", "full") if key in self.paths] or [""]
        last = len(asked) - 1
        return tuple(
            (self._request(kind, path), whole if number == last else plain)
            for number, path in enumerate(asked)
        )

    def _request(self, kind: str, path: str) -> Request:
        return Request(
            url=self.url + path,
            timeout=self.paces[kind].timeout,
            method=self.method,
            connect=self.connect,
            headers=self.headers,
            ca_file=self.ca_file,
            validate_certs=self.validate_certs,
            container=self.container,
            service=self.service,
        )


def parse_targets(
    raws: t.Sequence[t.Mapping[str, t.Any]], secrets: t.Mapping[str, str]
) -> tuple[Target, ...]:
    """All targets of the module's arguments.

    Raises:
        TargetError: names the first setting that is wrong.
    """
    targets = tuple(Target.parse(raw, secrets) for raw in raws)
    names = [target.name for target in targets]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise TargetError(f"targets: two are named {twice[0]}; give each a name of its own")
    return targets


def probe(target: Target, kind: str, ask: t.Callable[[Request], Answer]) -> Outcome:
    """Make one probe of a target."""
    outcome = Outcome(True)
    for request, expectation in target.checks(kind):
        outcome = expectation.judge(ask(request))
        if not outcome.ok:
            where = urllib.parse.urlsplit(request.url).path or "/"
            error = outcome.error if outcome.misnamed else f"{where} {outcome.error}"
            return Outcome(False, error, outcome.status, outcome.identity, outcome.misnamed)
    return outcome


def _url(url: str) -> str:
    parts = urllib.parse.urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise TargetError(f"url: {url!r} is not a URL such as http://127.0.0.1:3000")
    return url.rstrip("/") if parts.path == "/" and not parts.query else url


def _paths(raw: t.Mapping[str, t.Any]) -> dict[str, str]:
    paths = {key: raw[key] for key in ("startup", "ready", "live", "full") if raw.get(key)}
    for key, path in paths.items():
        if not path.startswith("/"):
            raise TargetError(f"{key}: {path!r} must be a path that starts with /")
    return paths


def _connect(address: str | None) -> tuple[str, int] | None:
    if not address:
        return None
    host, _colon, port = address.rpartition(":")
    if not host or not port.isdigit():
        raise TargetError(f"address: {address!r} is not host:port, such as 127.0.0.1:8443")
    return host.strip("[]"), int(port)


def _headers(raw: t.Mapping[str, t.Any], secrets: t.Mapping[str, str]) -> dict[str, str]:
    plain = {name: str(value) for name, value in (raw.get("headers") or {}).items()}
    secret = {name: secrets[path] for name, path in (raw.get("header_files") or {}).items()}
    return {**plain, **secret}


def _identity(raw: t.Mapping[str, str] | None) -> tuple[str, str] | None:
    if not raw:
        return None
    if not raw["path"] or not raw["value"]:
        raise TargetError("identity: path and value are both needed; leave identity out otherwise")
    return raw["path"], raw["value"]


def _pace(kind: str, raw: t.Mapping[str, t.Any]) -> Pace:
    usual = PACES[kind]
    given = {key: value for key, value in raw.items() if value is not None}
    pace = Pace(
        initial_delay=given.get("initial_delay", usual.initial_delay),
        period=given.get("period", usual.period),
        timeout=given.get("timeout", usual.timeout),
        failures=given.get("failures", usual.failures),
        successes=given.get("successes", usual.successes),
    )
    for name in ("period", "timeout", "failures", "successes"):
        if getattr(pace, name) <= 0:
            raise TargetError(f"{kind}_probe.{name}: {getattr(pace, name):g} must be more than 0")
    if pace.initial_delay < 0:
        raise TargetError(f"{kind}_probe.initial_delay: {pace.initial_delay:g} is negative")
    return pace
