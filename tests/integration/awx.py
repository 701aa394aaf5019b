# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What stands here for AWX: its REST API in memory, as far as the modules of ``awx.awx`` talk to it.

It lists by filters, creates, changes and associates, hides secrets, and refuses what AWX 24 refuses of the objects that
are made here: unknown fields, references to nothing, playbooks that the project lacks, questions that are none, two
credentials of a type, two edges between the same nodes. It starts no jobs.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import pathlib
import re
import typing as t
import urllib.parse
from dataclasses import dataclass, field

from serving import Quiet, serving

Item = dict[str, t.Any]

TOKEN = "t0ken-of-awx"
HIDDEN = "$encrypted$"
API = "/api/v2/"
NOTICES = [f"notification_templates_{event}" for event in ("started", "success", "error")]
# Questions, with the type of their default.
QUESTIONS = {
    **dict.fromkeys(("text", "textarea", "password", "multiplechoice", "multiselect"), str),
    **{"integer": int, "float": float},
}
# Lines that make a file a playbook.
PLAYBOOK = re.compile(r"^\s*?-?\s*?(?:hosts|(ansible\.builtin\.)?import_playbook):", re.MULTILINE)


class Refused(Exception):
    """What AWX answers with 400."""


@dataclass(frozen=True)
class Kind:
    """One kind of object.

    Attributes:
        type: what the API calls one.
        fields: those that it takes, with the value of one that is not given.
        refers: to which kind a field refers.
        lists: to which kind a list of associated objects refers.
        read_only: taken and not kept.
    """

    type: str
    fields: t.Mapping[str, t.Any]
    refers: t.Mapping[str, str] = field(default_factory=dict)
    lists: t.Mapping[str, str] = field(default_factory=dict)
    read_only: t.Collection[str] = ()


OWN = {"name": "", "description": ""}
OF_ORGANIZATION = {"organization": "organizations"}
TOLD = dict.fromkeys(NOTICES, "notification_templates")
EDGES = dict.fromkeys(
    ("success_nodes", "failure_nodes", "always_nodes"), "workflow_job_template_nodes"
)
UNIFIED = (
    "job_templates",
    "projects",
    "inventory_sources",
    "workflow_job_templates",
    "workflow_approval_templates",
)
KINDS = {
    "organizations": Kind("organization", OWN),
    "execution_environments": Kind(
        "execution_environment",
        {**OWN, "organization": None, "image": "", "pull": "", "credential": None},
        OF_ORGANIZATION,
    ),
    "credential_types": Kind(
        "credential_type",
        {**OWN, "kind": "", "inputs": {}, "injectors": {}, "managed": False},
        read_only=["managed"],
    ),
    "credentials": Kind(
        "credential",
        {**OWN, "organization": None, "credential_type": None, "inputs": {}},
        {**OF_ORGANIZATION, "credential_type": "credential_types"},
    ),
    "notification_templates": Kind(
        "notification_template",
        {
            **OWN,
            "organization": None,
            "notification_type": "",
            "notification_configuration": {},
            "messages": None,
        },
        OF_ORGANIZATION,
    ),
    "projects": Kind(
        "project",
        {
            **{
                **OWN,
                "organization": None,
                "scm_type": "",
                "scm_url": "",
                "scm_branch": "",
                "credential": None,
            },
            **{
                "default_environment": None,
                "scm_update_on_launch": False,
                "scm_update_cache_timeout": 0,
            },
        },
        {
            **OF_ORGANIZATION,
            "credential": "credentials",
            "default_environment": "execution_environments",
        },
    ),
    "inventories": Kind(
        "inventory", {**OWN, "organization": None, "kind": "", "host_filter": None}, OF_ORGANIZATION
    ),
    "inventory_sources": Kind(
        "inventory_source",
        {
            **{
                **OWN,
                "inventory": None,
                "source": "",
                "source_path": "",
                "source_project": None,
                "execution_environment": None,
            },
            **{
                "overwrite": False,
                "overwrite_vars": False,
                "update_on_launch": False,
                "update_cache_timeout": 0,
            },
        },
        {
            "inventory": "inventories",
            "source_project": "projects",
            "execution_environment": "execution_environments",
        },
    ),
    "job_templates": Kind(
        "job_template",
        {
            **{
                **OWN,
                "job_type": "run",
                "inventory": None,
                "project": None,
                "playbook": "",
                "execution_environment": None,
            },
            **{
                "extra_vars": "",
                "diff_mode": False,
                "survey_enabled": False,
                "ask_limit_on_launch": False,
            },
            **{"allow_simultaneous": False, "job_slice_count": 1},
        },
        {
            "inventory": "inventories",
            "project": "projects",
            "execution_environment": "execution_environments",
        },
        {"credentials": "credentials", **TOLD},
        read_only=["organization"],  # the project's
    ),
    "workflow_job_templates": Kind(
        "workflow_job_template",
        {**OWN, "organization": None, "survey_enabled": False, "allow_simultaneous": False},
        OF_ORGANIZATION,
        {**TOLD, "notification_templates_approvals": "notification_templates"},
    ),
    "workflow_job_template_nodes": Kind(
        "workflow_job_template_node",
        {"identifier": "", "workflow_job_template": None, "unified_job_template": None},
        {
            "workflow_job_template": "workflow_job_templates",
            "unified_job_template": "unified_job_templates",
        },
        EDGES,
        read_only=["type"],
    ),
    "workflow_approval_templates": Kind("workflow_approval_template", {**OWN, "timeout": 0}),
    "schedules": Kind(
        "schedule",
        {**OWN, "rrule": "", "unified_job_template": None},
        {"unified_job_template": "unified_job_templates"},
    ),
}
# Of those that AWX has from the beginning: fields, and which are secret.
MANAGED = {
    "Machine": {"username": False, "ssh_key_data": True},
    "Vault": {"vault_password": True},
}
SECRETS = {"slack": ["token"], "webhook": ["password"], "email": ["password"]}


@dataclass
class Awx:
    """Its objects by kind and number, and what was written since ``changes`` was emptied.

    Attributes:
        project: directory of the files that every project of it has.
        seen: everything that was sent to it.
    """

    project: pathlib.Path
    url: str = ""
    changes: list[str] = field(default_factory=list)
    seen: list[str] = field(default_factory=list)
    objects: dict[str, dict[int, Item]] = field(
        default_factory=lambda: {kind: {} for kind in KINDS}
    )
    _numbers: t.Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def __post_init__(self) -> None:
        for name, fields in MANAGED.items():
            inputs = {"fields": [{"id": one, "secret": secret} for one, secret in fields.items()]}
            self._add("credential_types", {"name": name, "inputs": inputs})

    @property
    def environment(self) -> dict[str, str]:
        """What tells the modules where it is."""
        return {"CONTROLLER_HOST": self.url, "CONTROLLER_OAUTH_TOKEN": TOKEN}

    def named(self, kind: str) -> dict[str, Item]:
        """Objects of a kind by name; nodes by their identifier."""
        return {one.get("identifier") or one["name"]: one for one in self.objects[kind].values()}

    def of(self, kind: str, number: int) -> Item:
        """One of that kind, or of any that can be started."""
        for name in UNIFIED if kind == "unified_job_templates" else (kind,):
            if number in self.objects[name]:
                return self.objects[name][number]
        raise Refused(f"{kind}: there is no {number}")

    def answer(
        self, method: str, path: str, query: t.Mapping[str, str], data: Item
    ) -> tuple[int, t.Any]:
        """Status, and what it says."""
        kind, *rest = path.strip("/").split("/")
        if kind == "unified_job_templates":
            found = [one for name in UNIFIED for one in self.objects[name].values()]
            return 200, _page(self._shown(one) for one in found if _matches(one, query))
        if kind not in KINDS:
            return 404, {"detail": f"{path}: not found"}
        if not rest and method == "GET":
            return 200, _page(
                self._shown(one) for one in self.objects[kind].values() if _matches(one, query)
            )
        if not rest:
            made = self._add(kind, self._checked(kind, {}, data))
            self.changes.append(f"create {made['type']} {_called(made)}")
            return 201, self._shown(made)
        item = self.of(kind, int(rest[0]))
        if len(rest) > 1:
            return self._part(kind, item, rest[1], method, data)
        if method == "PATCH":
            item.update(self._checked(kind, item, data))
            self.changes.append(f"change {item['type']} {_called(item)}")
        return 200, self._shown(item)

    def _part(self, kind: str, item: Item, part: str, method: str, data: Item) -> tuple[int, t.Any]:
        if part == "survey_spec" and kind in ("job_templates", "workflow_job_templates"):
            return self._survey(item, method, data)
        if part == "create_approval_template":
            made = self._add(
                "workflow_approval_templates",
                self._checked("workflow_approval_templates", {}, data),
            )
            item["unified_job_template"] = made["id"]
            self.changes.append(f"create {made['type']} {made['name']}")
            return 201, self._shown(made)
        listed = KINDS[kind].lists.get(part)
        if listed is None:
            return 404, {"detail": f"{kind} has no {part}"}
        numbers = item["lists"].setdefault(part, [])
        if method == "GET":
            return 200, _page(self._shown(self.of(listed, number)) for number in numbers)
        other = self.of(listed, data["id"])
        if data.get("disassociate"):
            numbers.remove(other["id"])
        else:
            self._check_association(item, part, other)
            numbers.append(other["id"])
        self.changes.append(f"associate {part} of {_called(item)}: {_called(other)}")
        return 204, None

    def _check_association(self, item: Item, part: str, other: Item) -> None:
        lists = item["lists"]
        if part == "credentials":
            types = [self.of("credentials", number)["credential_type"] for number in lists[part]]
            if other["credential_type"] in types:
                raise Refused("Cannot assign multiple credentials of one type")
        if part in EDGES and any(other["id"] in lists.get(edge, ()) for edge in EDGES):
            raise Refused("Relationship not allowed.")

    def _survey(self, item: Item, method: str, data: Item) -> tuple[int, t.Any]:
        if method == "POST":
            check_survey(data)
            self.changes.append(f"survey of {_called(item)}")
            item["survey"] = data
        if method == "DELETE":
            item["survey"] = {}
        return 200, item["survey"] if method == "GET" else {}

    def _add(self, kind: str, values: Item) -> Item:
        number = next(self._numbers)
        item = {
            **{"id": number, "type": KINDS[kind].type, "url": f"{API}{kind}/{number}/"},
            **{"lists": {}, "survey": {}, **KINDS[kind].fields, **values},
        }
        self.objects[kind][number] = item
        return item

    def _checked(self, kind: str, before: Item, data: Item) -> Item:
        described = KINDS[kind]
        unknown = set(data) - set(described.fields) - set(described.read_only)
        if unknown:
            raise Refused(f"{kind}: {', '.join(sorted(unknown))} not known here")
        values = {name: value for name, value in data.items() if name not in described.read_only}
        for name, of in described.refers.items():
            if values.get(name) is not None:
                self.of(of, values[name])
        if "name" in described.fields and not {**before, **values}.get("name"):
            raise Refused(f"{kind}: it has no name")
        checks = {
            "credentials": self._check_credential,
            "job_templates": self._check_job_template,
            "notification_templates": _check_messages,
            "schedules": _check_schedule,
        }
        checks.get(kind, lambda _whole: None)({**described.fields, **before, **values})
        if kind == "credentials" and "inputs" in values:
            # A value that is shown as hidden stays.
            known = before.get("inputs", {})
            values["inputs"] = {
                k: known.get(k) if v == HIDDEN else v for k, v in values["inputs"].items()
            }
        return values

    def _check_credential(self, whole: Item) -> None:
        inputs = self.of("credential_types", whole["credential_type"])["inputs"]
        known = {one["id"] for one in inputs["fields"]}
        if set(whole["inputs"]) - known or set(inputs.get("required", ())) - set(whole["inputs"]):
            raise Refused(f"credentials: inputs are not those of their type: {sorted(known)}")

    def _check_job_template(self, whole: Item) -> None:
        if whole["project"] is None or whole["inventory"] is None:
            raise Refused("job_templates: project and inventory are missing")
        path = self.project / whole["playbook"]
        if not path.is_file() or not PLAYBOOK.search(path.read_text()):
            raise Refused(f"job_templates: Playbook not found for project: {whole['playbook']}")

    def _shown(self, item: Item) -> Item:
        """As anybody may see it."""
        shown = {name: value for name, value in item.items() if name not in ("lists", "survey")}
        related = {}
        if item["type"] in ("job_template", "workflow_job_template"):
            related["survey_spec"] = f"{item['url']}survey_spec/"
        if item.get("unified_job_template"):
            related["unified_job_template"] = self.of(
                "unified_job_templates", item["unified_job_template"]
            )["url"]
        if item["type"] == "job_template":
            shown["organization"] = self.of("projects", item["project"])["organization"]
        if item["type"] == "project":
            shown |= {"scm_revision": "c0ffee", "summary_fields": {}}
        if item["type"] == "credential":
            fields = self.of("credential_types", item["credential_type"])["inputs"]["fields"]
            secret = {one["id"] for one in fields if one["secret"]}
            shown["inputs"] = {k: HIDDEN if k in secret else v for k, v in item["inputs"].items()}
        if item["type"] == "notification_template":
            secret = set(SECRETS.get(item["notification_type"], ()))
            settings = item["notification_configuration"]
            shown["notification_configuration"] = {
                k: HIDDEN if k in secret else v for k, v in settings.items()
            }
        return {"summary_fields": {}, **shown, "related": related}


def check_survey(spec: Item) -> None:
    """Refuse what AWX refuses of a survey.

    Raises:
        Refused: with what is wrong.
    """
    for name, kind in (("name", str), ("description", str), ("spec", list)):
        if not isinstance(spec.get(name), kind):
            raise Refused(f"Field '{name}' is missing from survey spec, or of another type.")
    names = [one.get("variable") for one in spec["spec"]]
    if not names or len(names) != len(set(names)):
        raise Refused("'spec' doesn't contain any items, or a variable twice.")
    for one in spec["spec"]:
        for name, needed in (
            ("type", str),
            ("question_name", str),
            ("variable", str),
            ("required", bool),
        ):
            if not isinstance(one.get(name), needed):
                raise Refused(f"'{name}' missing from survey question {one}")
        if one["type"] not in QUESTIONS:
            raise Refused(f"'{one['type']}' is not one of the allowed question types.")
        if one.get("default", "") != "" and not isinstance(one["default"], QUESTIONS[one["type"]]):
            raise Refused(f"Default value {one['default']} expected to be {QUESTIONS[one['type']]}")
        if any(not isinstance(one.get(limit, 0), int) for limit in ("min", "max")):
            raise Refused(f"The limits in survey question {one} expected to be integer.")
        if one["type"].startswith("multi") and not one.get("choices"):
            raise Refused(f"Survey question {one} must specify choices.")


def answer_problems(question: Item, given: t.Mapping[str, t.Any]) -> list[str]:
    """Why an answer is refused when a job is started; none where it is not there, unless it is required."""
    name, kind = question["variable"], question["type"]
    if name not in given:
        return [f"'{name}' value missing"] if question["required"] else []
    value = given[name]
    if kind in ("integer", "float"):
        types = (int,) if kind == "integer" else (int, float)
        fits = type(value) in types and question["min"] <= value <= question["max"]
    elif kind == "multiselect":
        fits = isinstance(value, list) and set(value) <= set(question["choices"])
    elif kind == "multiplechoice":
        fits = value in question["choices"]
    else:
        fits = isinstance(value, str) and question["min"] <= len(value) <= question["max"]
    return [] if fits else [f"'{name}' value {value} does not fit"]


def variables_of(
    variables: t.Mapping[str, t.Any], survey: Item, answers: t.Mapping[str, t.Any]
) -> Item:
    """The extra variables of a job: those of its template, defaults of questions that are answers, and what was answered.

    Raises:
        Refused: an answer does not fit, or nobody has asked.
    """
    questions = survey.get("spec", [])
    problems = [problem for one in questions for problem in answer_problems(one, answers)]
    unasked = set(answers) - {one["variable"] for one in questions}
    if problems or unasked:
        raise Refused(f"{problems}, not asked: {sorted(unasked)}")
    defaults = {one["variable"]: one["default"] for one in questions if "default" in one}
    fitting = {
        one["variable"]: defaults[one["variable"]]
        for one in questions
        if one["variable"] in defaults and not answer_problems(one, defaults)
    }
    return {**variables, **fitting, **answers}


def _check_messages(whole: Item) -> None:
    for event, message in (whole["messages"] or {}).items():
        if event not in ("started", "success", "error", "workflow_approval"):
            raise Refused(f"Event '{event}' invalid")
        for one in message.values() if event == "workflow_approval" else [message]:
            if set(one) - {"message", "body"} or "\n" in one.get("message", ""):
                raise Refused(f"messages of {event}: {one}")


def _check_schedule(whole: Item) -> None:
    if not re.fullmatch(
        r"DTSTART:\d{8}T\d{6}Z RRULE:FREQ=\w+;INTERVAL=\d+(;\w+=\w+)*", whole["rrule"]
    ):
        raise Refused(f"schedules: {whole['rrule']} is no rule of a time")


def _called(item: Item) -> str:
    return str(item.get("identifier") or item["name"])


def _page(found: t.Iterable[Item]) -> Item:
    results = list(found)
    return {"count": len(results), "next": None, "previous": None, "results": results}


def _matches(item: Item, query: t.Mapping[str, str]) -> bool:
    either = {name[4:]: value for name, value in query.items() if name.startswith("or__")}
    # The organization of a template is its project's, and there is one.
    all_of = {
        name: value
        for name, value in query.items()
        if not name.startswith("or__") and (name != "organization" or name in item)
    }
    if either and not any(str(item.get(name)) == value for name, value in either.items()):
        return False
    return all(str(item.get(name)) == value for name, value in all_of.items())


@contextlib.contextmanager
def controller(project: pathlib.Path) -> t.Iterator[Awx]:
    """For the time of a block."""
    awx = Awx(project)

    class Handler(Quiet):
        protocol_version = "HTTP/1.1"
        # An answer is one packet: the second of two would wait for the first to be acknowledged.
        wbufsize = -1

        def respond(self) -> None:
            address = urllib.parse.urlsplit(self.path)
            body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
            awx.seen.append(f"{self.command} {self.path} {body}")
            query = dict(urllib.parse.parse_qsl(address.query))
            data = json.loads(body) if body and self.command in ("POST", "PATCH") else {}
            if self.headers.get("Authorization") != f"Bearer {TOKEN}":
                status, said = 401, t.cast(t.Any, {"detail": "who are you?"})
            else:
                try:
                    status, said = awx.answer(
                        self.command, address.path.removeprefix(API), query, data
                    )
                except Refused as reason:
                    status, said = 400, {"error": str(reason), "__all__": [str(reason)]}
            content = b"" if said is None else json.dumps(said).encode()
            self.send_response(status)
            self.send_header("X-API-Product-Name", "AWX")
            self.send_header("X-API-Product-Version", "24.6.1")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PATCH = do_DELETE = respond

    with serving(Handler) as address:
        awx.url = address
        yield awx
