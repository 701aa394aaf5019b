# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Go through the checklist of a release: put together what was found and attested, show it, and refuse by the policy."""

from __future__ import annotations

import time
import typing as t

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

from ansible_collections.tagadodo.deploy.plugins.module_utils._checklist import (
    AFTER,
    BEFORE,
    DURING,
    HEADINGS,
    Answer,
    ChecklistError,
    Finding,
    answers,
    asked,
    attested,
    merged,
    policy_of,
    recorded,
    refusal,
    rows,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._checklist_done import (
    backup_made,
    found_by_plan,
    found_by_release,
    found_of_migrations,
    released,
    told_people,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._ledger import (
    ENVIRONMENT,
    live_record,
    whole_of,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._notice import (
    FAILED,
    STARTED,
    SUCCEEDED,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._service import ServiceError
from ansible_collections.tagadodo.deploy.plugins.module_utils._status import table
from ansible_collections.tagadodo.deploy.plugins.plugin_utils._checklist_here import (
    Asked,
    Checks,
    checks_of,
    found_here,
)
from ansible_collections.tagadodo.deploy.plugins.plugin_utils._ledgers import together
from ansible_collections.tagadodo.deploy.plugins.plugin_utils._services import parse_services

RECORDED = "recorded"
PHASES = {BEFORE: (BEFORE,), AFTER: (DURING, AFTER), RECORDED: ()}
ARGUMENTS = {
    "phase": {"type": "str", "choices": list(PHASES), "default": BEFORE},
    "whole": {"type": "bool", "default": False},
    "plan": {"type": "dict", "default": {}},
    "ledgers": {"type": "list", "elements": "dict", "default": []},
    "services": {"type": "dict", "default": {}},
    "policy": {"type": "raw"},
    "checks": {"type": "raw"},
    "attest": {"type": "raw"},
    "who": {"type": "str", "default": ""},
    "reason": {"type": "str", "default": ""},
    "hosts": {"type": "dict", "default": {}},
    "delegated": {"type": "list", "elements": "dict", "default": []},
    "migrations": {"type": "list", "elements": "dict", "default": []},
    "verdicts": {"type": "list", "elements": "dict", "default": []},
    "notices": {"type": "list", "elements": "str", "default": []},
    "events": {"type": "list", "elements": "str", "default": []},
    "before": {"type": "list", "elements": "dict", "default": []},
}

Data = t.Dict[str, t.Any]


class ActionModule(ActionBase):
    """See the documentation of the module of the same name."""

    _requires_connection = False
    _supports_check_mode = True

    def run(
        self, tmp: t.Optional[str] = None, task_vars: t.Optional[Data] = None
    ) -> dict[str, t.Any]:
        result = super().run(tmp, task_vars)
        _validated, args = ActionBase.validate_argument_spec(self, ARGUMENTS)
        inventory = str((task_vars or {}).get("inventory_dir") or ".")
        try:
            return {**result, "changed": False, **_gone_through(args, inventory)}
        except (ChecklistError, ServiceError, ValueError) as error:
            problem = str(error)
        # Users have the release by then: it has ended well, whatever goes wrong here.
        except Exception as error:
            if args["phase"] != AFTER:
                raise
            problem = repr(error)
        if args["phase"] != AFTER:
            raise AnsibleActionFail(problem)
        Display().warning(f"the checklist was not gone through: {problem}")
        return {**result, "changed": False, "lines": [], "answers": args["before"], "records": []}


def _gone_through(args: t.Mapping[str, t.Any], inventory: str) -> Data:
    """
    Raises:
        ChecklistError: policy, checks or attestations are wrong.
        ServiceError: the description of the services is wrong.
        ValueError: no host says what was released.
    """
    if args["phase"] == RECORDED:
        return _recorded(args)
    told = _answers(args, inventory)
    lines = _show(told, "The policy asks for nothing.")
    problem = refusal(told)
    if problem:
        # What was found is shown already, and the reason is to be read last.
        return {"failed": True, "msg": problem}
    kept = merged(args["before"], [one.as_record() for one in told])
    return {"lines": lines, "answers": kept, "records": _records(args["plan"], kept)}


def _show(told: t.Sequence[Answer], nothing: str) -> list[str]:
    lines = table(HEADINGS, rows(told)) if told else [nothing]
    display = Display()
    display.banner("CHECKLIST")
    for line in lines:
        display.display(line)
    return lines


def _recorded(args: t.Mapping[str, t.Any]) -> Data:
    """What the ledger keeps of the last release that has succeeded, with what is attested now.

    Raises:
        ChecklistError: policy or attestations are wrong, or there is no such release.
        ValueError: no host says what was released.
    """
    records = together(args["ledgers"]).get(ENVIRONMENT, ())
    whole = live_record(records)
    if whole is None:
        raise ChecklistError("the ledger knows of no release that has succeeded")
    policy = policy_of(args["policy"])
    known = whole.get("checklist", [])
    told = recorded(known, policy, attested(args["attest"]), args["who"], _now())
    lines = _show(told, "Nothing was asked of the last release.")
    kept = merged(known, [one.as_record() for one in told])
    facts = {"service": ENVIRONMENT, "release": whole["release"], "facts": {"checklist": kept}}
    records_of = [facts] if kept != known else []
    return {"lines": lines, "answers": kept, "records": records_of}


def _now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


def _answers(args: t.Mapping[str, t.Any], inventory: str) -> list[Answer]:
    """
    Raises:
        ChecklistError: policy, checks or attestations are wrong.
        ServiceError: the description of the services is wrong.
    """
    policy, checks = policy_of(args["policy"]), checks_of(args["checks"])
    names = asked(policy, PHASES[args["phase"]], args["whole"])
    look = _before if args["phase"] == BEFORE else _after
    found = look(args, names, checks, inventory)
    return answers(names, policy, found, attested(args["attest"]), args["who"], _now())


def _before(
    args: t.Mapping[str, t.Any], names: t.Collection[str], checks: Checks, inventory: str
) -> list[Finding]:
    plan = args["plan"]
    here = found_here(names, checks, _releases(args), inventory)
    elsewhere = [
        one.at(host) for host, answer in args["hosts"].items() for one in _findings(answer)
    ]
    backups = [backup_made(plan, one) for one in _all_findings(args["delegated"])]
    began = told_people("team_told", args["notices"], STARTED in args["events"])
    read = [{**one, "service": one["__migration"]["service"]} for one in args["migrations"]]
    migrations = found_of_migrations(plan, read, args["reason"])
    return [*here, *elsewhere, *backups, *found_by_plan(plan), *migrations, began]


def _after(
    args: t.Mapping[str, t.Any], names: t.Collection[str], checks: Checks, inventory: str
) -> list[Finding]:
    minutes = float(checks["watched"]["minimum_minutes"])
    ended = {SUCCEEDED, FAILED} <= set(args["events"])
    return [
        *found_by_release(args["plan"], args["verdicts"], minutes),
        told_people("team_told_after", args["notices"], ended),
        *found_here(names, checks, _releases(args), inventory),
    ]


def _releases(args: t.Mapping[str, t.Any]) -> list[Asked]:
    """What is to be released, with the names of variables that services have."""
    plan = args["plan"]
    images = {
        one["service"]: str(one["facts"]["image"])
        for one in plan["records"]
        if "image" in one["facts"]
    }
    settings = {one.name: one for one in parse_services(args["services"])}
    return [
        Asked(
            name,
            str(one["version"]),
            images.get(name, ""),
            frozenset((*settings[name].settings["env"], *settings[name].secrets)),
        )
        for name, one in released(plan).items()
    ]


def _findings(answer: t.Mapping[str, t.Any]) -> list[Finding]:
    return [Finding.parse(one) for one in answer.get("findings", ())]


def _all_findings(answers_of: t.Sequence[t.Mapping[str, t.Any]]) -> list[Finding]:
    return [one for answer in answers_of for one in _findings(answer)]


def _records(plan: t.Mapping[str, t.Any], kept: t.Sequence[Data]) -> list[Data]:
    """What the ledger is to keep with the release as a whole; nothing where nothing is released."""
    whole = whole_of(plan)
    facts = {"checklist": list(kept)}
    return [{"service": ENVIRONMENT, "release": whole["release"], "facts": facts}] if whole else []
