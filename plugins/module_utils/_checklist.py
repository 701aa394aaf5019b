# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This module util is PRIVATE to the collection.
"""The checklist of a release: what is asked before, during and after it, and what the answers come to.

An item is answered by what machines find, or attested by a person; what was found is not overruled by who attests.
An environment's policy says which items block a release, which only warn and which are off.
"""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass

from ansible_collections.tagadodo.deploy.plugins.module_utils._near import not_known

BEFORE, DURING, AFTER = "before", "during", "after"
BLOCK, WARN, OFF = "block", "warn", "off"
LEVELS = (BLOCK, WARN, OFF)
PASS, FAIL, OPEN = "pass", "fail", "open"

Data = t.Dict[str, t.Any]
# Settings whose text stands for something to be put into it.
PLACEHOLDERS = ("service", "version", "commit")


class ChecklistError(Exception):
    """Policy, checks or attestations are wrong; the text is one line and names the setting."""


@dataclass(frozen=True)
class Question:
    """An item. What it asks is in the languages of reports (``check <name>`` of ``_report_words``).

    Attributes:
        phase: before, during or after.
        missing: what to do where nothing has answered it.
        pluggable: whether a command or a URL may answer it (``deploy_checks.<name>``).
    """

    name: str
    phase: str
    missing: str
    pluggable: bool = False


_ATTEST = "somebody has to attest it, or a check to answer it"
_RELEASE = "the release has not come to it"

# The one list of them, in the order in which they are shown.
QUESTIONS = (
    Question("review", BEFORE, _ATTEST, pluggable=True),
    Question("tests", BEFORE, _ATTEST, pluggable=True),
    Question("linter", BEFORE, _ATTEST, pluggable=True),
    Question("security_scan", BEFORE, _ATTEST, pluggable=True),
    Question("git", BEFORE, "deploy_checks.git.repository does not say where the application's clone is"),
    Question("staging", BEFORE, "deploy_checks.staging.reports does not say where staging keeps its reports"),
    Question("migrations", BEFORE, "nothing was asked"),
    Question("variables", BEFORE, "nothing was asked"),
    Question("monitoring", BEFORE, "deploy_checks.monitoring names neither prometheus nor alertmanager"),
    Question("way_back", BEFORE, "nothing was asked"),
    Question("team_told", BEFORE, "deploy_notices tells nobody that a release begins"),
    Question("backup", BEFORE, "no backups are set up (backup_repository)"),
    Question("disk", BEFORE, "no host was asked"),
    Question("certificates", BEFORE, "no proxy was asked"),
    Question("clock", BEFORE, "no host was asked"),
    Question("smoke", DURING, _RELEASE),
    Question("health", DURING, _RELEASE),
    Question("logs", DURING, _RELEASE),
    Question("metrics", DURING, _RELEASE),
    Question("smoke_after", AFTER, _RELEASE),
    Question("watched", AFTER, _RELEASE),
    Question("error_rates", AFTER, _RELEASE),
    Question("response_times", AFTER, _RELEASE),
    Question("team_told_after", AFTER, "deploy_notices tells nobody how a release has ended"),
    Question("documentation", AFTER, _ATTEST, pluggable=True),
    Question("tickets", AFTER, _ATTEST, pluggable=True),
)  # fmt: skip
NAMES = tuple(one.name for one in QUESTIONS)
_BY_NAME = {one.name: one for one in QUESTIONS}
_SEPARATORS = re.compile(r"[,;\n]")
_PAIR = re.compile(r"\s*(?P<item>[A-Za-z_]+)\s*[:=]\s*(?P<name>.*?)\s*")

Policy = t.Mapping[str, str]  # level by item; one that is not named has none


@dataclass(frozen=True)
class Finding:
    """What one look says of an item: its state, and what was seen, in a few words."""

    item: str
    state: str
    evidence: str = ""

    @classmethod
    def parse(cls, raw: t.Mapping[str, t.Any]) -> Finding:
        return cls(str(raw["item"]), str(raw["state"]), str(raw.get("evidence", "")))

    def at(self, where: str) -> Finding:
        """The same, with the place where it was seen."""
        return Finding(self.item, self.state, f"{where}: {self.evidence}")

    def as_data(self) -> Data:
        return {"item": self.item, "state": self.state, "evidence": self.evidence}


@dataclass(frozen=True)
class Answer:
    """What became of an item.

    Attributes:
        level: what the policy says of it; empty where it says nothing.
        by: who attests it; empty where machines have found it.
    """

    question: Question
    level: str
    state: str
    evidence: str
    by: str = ""
    at: str = ""

    @property
    def blocks(self) -> bool:
        return self.level == BLOCK and self.state != PASS

    @property
    def told(self) -> str:
        """By what it was answered, in a few words."""
        parts = [f"attested by {self.by}" if self.by else "", self.evidence]
        return ", ".join(filter(None, parts))

    def as_record(self) -> Data:
        """What the record of the release keeps of it."""
        return {
            "name": self.question.name,
            "state": self.state,
            "evidence": self.evidence,
            "by": self.by,
            "at": self.at,
        }


def policy_of(raw: t.Any) -> Policy:
    """``deploy_checklist``: what becomes of a release where an item is not answered well.

    Raises:
        ChecklistError: an item is not known, or what is said of it is none of ``LEVELS``.
    """
    levels = {}
    for name, level in _mapping("deploy_checklist", raw, "block, warn or off by item").items():
        _check_name("deploy_checklist", name)
        # YAML has no other word for it.
        level = OFF if level is False else level
        if level not in LEVELS:
            raise ChecklistError(f"deploy_checklist.{name}: {level} is none of block, warn and off")
        if level == BLOCK and _BY_NAME[name].phase != BEFORE:
            raise ChecklistError(
                f"deploy_checklist.{name}: it is asked when users have the release already, and blocks none;"
                " say warn or off (gates are what takes a release back)"
            )
        levels[name] = str(level)
    return levels


def attested(raw: t.Any) -> t.Dict[str, str]:
    """``attest``: who stands for which item, as ``{item: name}`` or as text, ``review: ada, tests: bo``.

    Raises:
        ChecklistError: an item is not known, or nobody is named.
    """
    if isinstance(raw, str):
        raw = dict(_pair(part) for part in _SEPARATORS.split(raw) if part.strip())
    names = {}
    for item, name in _mapping("attest", raw, "the name of a person by item").items():
        _check_name("attest", item)
        person = " ".join(str("" if name is None else name).split())
        if not person:
            raise ChecklistError(f"attest.{item}: nobody is named; write for example {item}: ada")
        names[item] = person
    return names


def _pair(text: str) -> t.Tuple[str, str]:
    match = _PAIR.fullmatch(text)
    if match is None:
        raise ChecklistError(
            f"attest: {text.strip()}: expected items with a name, for example review: ada, tests: bo"
        )
    return match["item"], match["name"]


def _mapping(setting: str, raw: t.Any, expected: str) -> t.Mapping[str, t.Any]:
    if not raw:
        return {}
    if not isinstance(raw, t.Mapping):
        raise ChecklistError(f"{setting}: {raw}: expected {expected}")
    return {str(name): value for name, value in raw.items()}


def _check_name(setting: str, name: str) -> None:
    if name not in NAMES:
        raise ChecklistError(not_known(setting, name, NAMES))


def asked(policy: Policy, phases: t.Collection[str], all_of_them: bool = False) -> t.List[str]:
    """The items that are to be answered, in their order.

    Args:
        all_of_them: those too that the policy does not name. What it turns off is never asked.
    """
    unnamed = WARN if all_of_them else OFF
    return [
        one.name
        for one in QUESTIONS
        if one.phase in phases and policy.get(one.name, unnamed) != OFF
    ]


def answers(
    names: t.Collection[str],
    policy: Policy,
    findings: t.Sequence[Finding],
    attestations: t.Mapping[str, str],
    who: str,
    at: str,
) -> t.List[Answer]:
    """What the items come to.

    Args:
        names: those that are asked.
        who: who has typed the attestations.
        at: time, for the record.
    """
    return [
        _answer(one, policy, [f for f in findings if f.item == one.name], attestations, who, at)
        for one in QUESTIONS
        if one.name in names
    ]


def _answer(
    question: Question,
    policy: Policy,
    found: t.Sequence[Finding],
    attestations: t.Mapping[str, str],
    who: str,
    at: str,
) -> Answer:
    states = {one.state for one in found}
    state = FAIL if FAIL in states else OPEN if OPEN in states or not found else PASS
    evidence = "; ".join(one.evidence for one in found if one.state == state)
    level = policy.get(question.name, "")
    person = attestations.get(question.name, "")
    if state == OPEN and person:
        typed = f"typed by {who}" if who and who != person else ""
        return Answer(question, level, PASS, typed, person, at)
    if state == OPEN:
        hint = f"-e attest='{question.name}: NAME'"
        evidence = f"{evidence or question.missing} ({hint})"
    return Answer(question, level, state, evidence, "", at)


def recorded(
    known: t.Sequence[Data],
    policy: Policy,
    attestations: t.Mapping[str, str],
    who: str,
    at: str,
) -> t.List[Answer]:
    """What a record keeps, with what is attested later on; what was answered before stays.

    Args:
        known: ``checklist`` of the record.
    """
    items = {str(one["name"]): one for one in known}
    late = {*asked(policy, [DURING, AFTER]), *(n for n in attestations if n in NAMES)}
    return [
        _kept(one, policy, items[one.name])
        if items.get(one.name, {}).get("state", OPEN) != OPEN
        or (one.name in items and one.name not in attestations)
        else _answer(one, policy, (), attestations, who, at)
        for one in QUESTIONS
        if one.name in items or one.name in late
    ]


def _kept(question: Question, policy: Policy, item: Data) -> Answer:
    told = {key: str(item.get(key, "")) for key in ("state", "evidence", "by", "at")}
    return Answer(question, policy.get(question.name, ""), **told)


_SHOWN = {BLOCK: "blocks", WARN: "warns", "": "-"}


def rows(told: t.Sequence[Answer]) -> t.List[t.Tuple[str, ...]]:
    """A row of a table for each answer."""
    return [
        (
            one.state if one.state == PASS else one.state.upper(),
            one.question.name,
            _SHOWN[one.level],
            one.told,
        )
        for one in told
    ]


HEADINGS = ("STATE", "ITEM", "POLICY", "EVIDENCE")


def refusal(told: t.Sequence[Answer]) -> str:
    """Why the release is refused, in one line; empty where it is not."""
    blocking = [f"{one.question.name}: {one.told}" for one in told if one.blocks]
    return f"the checklist refuses: {'; '.join(blocking)}" if blocking else ""


def merged(before: t.Sequence[Data], now: t.Sequence[Data]) -> t.List[Data]:
    """The answers of a record, with those of ``now`` in the place of older ones, in the order of the list."""
    known = {str(one["name"]): one for one in (*before, *now)}
    order = {name: number for number, name in enumerate(NAMES)}
    return sorted(known.values(), key=lambda one: order.get(str(one["name"]), len(order)))
