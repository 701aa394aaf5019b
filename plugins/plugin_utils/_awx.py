# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This plugin util is PRIVATE to the collection.
"""What AWX is to have, of the data of the role ``awx``: templates and their surveys, credentials, schedules."""

from __future__ import annotations

import re
import typing as t

from ansible_collections.tagadodo.deploy.plugins.plugin_utils._playbooks import playbook_specs

Data = t.Dict[str, t.Any]
Given = t.Mapping[str, t.Any]

TEXT = {"type": "text", "min": 0, "max": 1024}
YES_OR_NO = {"type": "multiplechoice", "choices": ["yes", "no"]}
NUMBERS = {"int": "integer", "float": "float"}
SERVICE = "service"  # its choices are those of the inventory
_MARKUP = re.compile(r"\b[BICVOMP]\(([^()]*)\)")


class AwxError(Exception):
    """The data asks for what there is not; the text is one line."""


def named(environment: str, name: str) -> str:
    """What something of an environment is called."""
    return f"{environment}: {name}"


def survey(
    playbook: str, asked: t.Sequence[str], required: t.Sequence[str], services: t.Sequence[str]
) -> Data:
    """A survey as AWX takes it; empty where nothing is asked.

    Args:
        asked: variables of the playbook, in their order.
        services: those that can be chosen.

    Raises:
        AwxError: the playbook takes no such variable.
    """
    if playbook not in playbook_specs():
        raise AwxError(
            f"{playbook}: no playbook that is described in playbooks/meta/argument_specs.yml"
        )
    spec = playbook_specs()[playbook]
    for name in asked:
        if name not in spec["options"]:
            raise AwxError(
                f"{playbook}.ask: {name} is no variable of {playbook}.yml;"
                f" it takes {', '.join(spec['options']) or 'none'}"
            )
    if not asked:
        return {}
    questions = [
        _question(name, spec["options"][name], name in required, services) for name in asked
    ]
    return {"name": spec["short_description"], "description": "", "spec": questions}


def _question(name: str, option: Given, required: bool, services: t.Sequence[str]) -> Data:
    return {
        "variable": name,
        "question_name": name.replace("_", " ").capitalize(),
        "question_description": _plain(option["description"]),
        "required": required,
        "default": "",
        **_kind(name, option, services),
    }


def _kind(name: str, option: Given, services: t.Sequence[str]) -> Data:
    """Its type as AWX has them, with limits and choices."""
    choices = list(services if name == SERVICE else option.get("choices", ()))
    if option["type"] == "bool":
        return dict(YES_OR_NO)
    if option["type"] in NUMBERS:
        return {"type": NUMBERS[option["type"]], "min": 0, "max": 86400}
    if choices:
        return {
            "type": "multiselect" if option["type"] == "list" else "multiplechoice",
            "choices": choices,
        }
    return dict(TEXT)


def _plain(description: t.Any) -> str:
    texts = [description] if isinstance(description, str) else description
    return _MARKUP.sub(r"\1", " ".join(texts))


def job_templates(
    templates: t.Sequence[Given], environments: t.Mapping[str, Given], services: t.Sequence[str]
) -> t.List[Data]:
    """Each template for each environment, and once more to check only where it says so.

    Raises:
        AwxError: a survey asks for what its playbook does not take.
    """
    return [
        made
        for environment in environments
        for template in templates
        for made in _of_environment(template, environment, services)
    ]


def _of_environment(
    template: Given, environment: str, services: t.Sequence[str]
) -> t.Iterator[Data]:
    playbook = template["playbook"]
    asked = template.get("ask", ())
    questions = survey(playbook, asked, template.get("required", ()), services)
    whole = {
        "name": named(environment, template["name"]),
        "description": template.get("description")
        or playbook_specs()[playbook]["short_description"],
        "environment": environment,
        "playbook": f"{playbook}.yml",
        "survey": questions,
        "variables": template.get("variables", {}),
        "limit": bool(template.get("limit")),
        "job_type": "run",
    }
    yield whole
    if template.get("check"):
        yield {
            **whole,
            "name": f"{whole['name']}, check",
            "description": f"{whole['description']}: what it would do, and nothing is changed",
            "job_type": "check",
        }


def credentials(
    types: t.Sequence[Given], kinds: t.Sequence[Given], environments: t.Mapping[str, Given]
) -> t.List[Data]:
    """The credentials of each environment, with the environment variables that their values may come from.

    Args:
        types: those of our own, whose fields a credential has.
        kinds: the credentials that an environment has; one ``where`` of which says whether it keeps secrets in a vault.
    """
    fields = {one["name"]: one["fields"] for one in types}
    return [
        {
            "name": named(environment, kind["name"]),
            "type": kind["type"],
            "environment": environment,
            "given": kind.get("given", {}),
            "fields": list(kind.get("fields") or fields[kind["type"]]),
            "variables": [
                f"awx_{environment}_{name}".upper()
                for name in kind.get("fields") or fields[kind["type"]]
            ],
        }
        for environment, settings in environments.items()
        for kind in kinds
        if kind.get("vault", settings["vault"]) == settings["vault"]
    ]


def credential_type(fields: t.Sequence[str]) -> Data:
    """``inputs`` and ``injectors`` of a type whose fields are secrets, and become the environment variables that
    inventories look up: in templates of AWX's own."""
    return {
        "inputs": {
            "fields": [
                {"id": name, "label": name.upper(), "type": "string", "secret": True}
                for name in fields
            ],
            "required": list(fields),
        },
        "injectors": {"env": {name.upper(): f"{{{{ {name} }}}}" for name in fields}},
    }


def schedules(planned: t.Sequence[Given], environments: t.Mapping[str, Given]) -> t.List[Data]:
    """Each schedule for each environment."""
    return [
        {
            "name": named(environment, one["name"]),
            "template": named(environment, one["template"]),
            "rrule": one["rrule"],
        }
        for environment in environments
        for one in planned
    ]
