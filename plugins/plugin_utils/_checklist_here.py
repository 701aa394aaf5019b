# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This plugin util is PRIVATE to the collection.
"""What the controller finds for the checklist: git, variables, what staging has run, and checks of the user's own."""

from __future__ import annotations

import functools
import json
import pathlib
import re
import subprocess
import typing as t
from dataclasses import dataclass

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.module_utils.common.yaml import yaml_load
from ansible.module_utils.urls import open_url

from ansible_collections.tagadodo.deploy.plugins.module_utils._checklist import (
    FAIL,
    OPEN,
    PASS,
    PLACEHOLDERS,
    QUESTIONS,
    ChecklistError,
    Finding,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._near import not_known

_SPECS = pathlib.Path(__file__).resolve().parents[2] / "roles/common/meta/argument_specs.yml"
_COMMIT_IN_VERSION = re.compile(r"-([0-9a-f]{7,40})$")
_DECLARED = re.compile(r"^(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)=")
_PLACEHOLDER = re.compile(r"{(\w+)}")
TIMEOUT = 30  # seconds of one call of git, or one answer
MOST_REPORTS = 50  # of staging that are looked through, newest first

Data = t.Dict[str, t.Any]
Checks = t.Mapping[str, t.Mapping[str, t.Any]]


@functools.lru_cache(maxsize=1)
def _options() -> Data:
    """The options of ``deploy_checks``, as argument spec."""
    specs = yaml_load(_SPECS.read_text(encoding="utf-8"))["argument_specs"]
    options: Data = specs["main"]["options"]["deploy_checks"]["options"]
    return {name: {**one, "apply_defaults": True} for name, one in options.items()}


def checks_of(raw: t.Any) -> Checks:
    """``deploy_checks``, defaults filled in.

    Raises:
        ChecklistError: the first mistake, in one line that names the setting.
    """
    raw = raw or {}
    if not isinstance(raw, t.Mapping):
        raise ChecklistError(f"deploy_checks: {raw}: expected settings by item")
    options = _options()
    plain = json.loads(json.dumps(raw, default=str))
    for name, settings in plain.items():
        _check_known("deploy_checks", name, options)
        if not isinstance(settings, dict):
            raise ChecklistError(f"deploy_checks.{name}: {settings}: expected settings by name")
        for key in settings:
            _check_known(f"deploy_checks.{name}", key, options[name]["options"])
    result = ArgumentSpecValidator(options).validate(plain)
    if result.error_messages:
        raise ChecklistError(f"deploy_checks: {'; '.join(result.error_messages)}")
    checks = t.cast(Checks, result.validated_parameters)
    for name in [one.name for one in QUESTIONS if one.pluggable]:
        for text in (*checks[name]["command"], checks[name]["url"]):
            for placeholder in _PLACEHOLDER.findall(text):
                _check_known(f"deploy_checks.{name}", placeholder, PLACEHOLDERS)
        try:
            re.compile(checks[name]["expect"])
        except re.error as error:
            raise ChecklistError(
                f"deploy_checks.{name}.expect: {checks[name]['expect']} is no regular expression: {error}"
            ) from error
    return checks


def _check_known(setting: str, name: str, known: t.Collection[str]) -> None:
    if name not in known:
        raise ChecklistError(not_known(setting, str(name), known))


@dataclass(frozen=True)
class Asked:
    """A service that is to be released.

    Attributes:
        image: by digest.
        variables: names that its environment has, secrets included.
    """

    service: str
    version: str
    image: str
    variables: t.FrozenSet[str] = frozenset()


def found_here(
    items: t.Collection[str], checks: Checks, services: t.Sequence[Asked], inventory: str
) -> t.List[Finding]:
    """What is found of those of the items that this machine can look at.

    Args:
        inventory: its directory; nothing in it is to be uncommitted.
    """
    repository = str(checks["git"]["repository"] or "")
    looks: t.Mapping[str, t.Callable[[], t.List[Finding]]] = {
        "git": lambda: _git(repository, checks["git"]["branches"], services, inventory),
        "staging": lambda: _staging(str(checks["staging"]["reports"] or ""), services),
        "variables": lambda: _variables(checks["variables"]["declared"], repository, services),
        **{
            one.name: functools.partial(_own, one.name, checks[one.name], repository, services)
            for one in QUESTIONS
            if one.pluggable
        },
    }
    return [found for name, look in looks.items() if name in items for found in look()]


def _run(command: t.Sequence[str], seconds: float) -> t.Tuple[int, str, str]:
    """How a command ended, and what it printed; its last line where it failed."""
    try:
        done = subprocess.run(
            list(command),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            timeout=seconds,
        )
    except subprocess.TimeoutExpired:
        return -1, "", f"it did not end within {seconds:g} s"
    except OSError as error:
        return -1, "", f"{command[0]}: {error.strerror}"
    lines = [line.strip() for line in (done.stderr or done.stdout).splitlines() if line.strip()]
    return done.returncode, done.stdout, lines[-1] if lines else f"it ended with {done.returncode}"


def _in(repository: str, *words: str) -> t.Tuple[int, str, str]:
    return _run(["git", "-C", repository, *words], TIMEOUT)


def _commit_of(repository: str, version: str) -> str:
    """The commit that a version is made of: that of its tag, or the one at its end; empty where there is none."""
    match = _COMMIT_IN_VERSION.search(version)
    names = [f"refs/tags/{version}", f"refs/tags/v{version}", *(match.groups() if match else ())]
    for name in names:
        code, printed, _why = _in(
            repository, "rev-parse", "--verify", "--quiet", f"{name}^{{commit}}"
        )
        if code == 0:
            return printed.strip()
    return ""


def _git(
    repository: str, branches: t.Sequence[str], services: t.Sequence[Asked], inventory: str
) -> t.List[Finding]:
    code, printed, _why = _in(inventory, "status", "--porcelain", "--", ".")
    changed = printed.splitlines() if code == 0 else []
    found = []
    if changed:
        told = f"{inventory} has changes that are not committed: {changed[0].split(maxsplit=1)[-1]}"
        found.append(Finding("git", FAIL, told))
    if not repository:
        return [*found, Finding("git", OPEN)]
    return found + [
        _on_branch(repository, branches, version)
        for version in dict.fromkeys(one.version for one in services)
    ]


def _on_branch(repository: str, branches: t.Sequence[str], version: str) -> Finding:
    if not pathlib.Path(repository).is_dir():
        return Finding("git", FAIL, f"{repository}: there is no such directory")
    code, _printed, why = _in(repository, "rev-parse", "--git-dir")
    if code:
        return Finding("git", FAIL, f"{repository}: {why}")
    commit = _commit_of(repository, version)
    if not commit:
        return Finding(
            "git", FAIL, f"{version} is no tag of {repository}, and ends with no commit of it"
        )
    for branch in branches:
        for ref in (f"refs/remotes/origin/{branch}", f"refs/heads/{branch}"):
            if _in(repository, "merge-base", "--is-ancestor", commit, ref)[0] == 0:
                return Finding("git", PASS, f"{version} is {commit[:10]} of {branch}")
    return Finding("git", FAIL, f"{version} ({commit[:10]}) is not on {' or '.join(branches)}")


def _variables(
    declared: t.Mapping[str, str], repository: str, services: t.Sequence[Asked]
) -> t.List[Finding]:
    return [
        _declared(one, declared[one.service], repository)
        if one.service in declared
        else Finding("variables", PASS, f"{one.service} has {len(one.variables)}, all with values")
        for one in services
    ]


def _declared(one: Asked, path: str, repository: str) -> Finding:
    """Whether the service has what a file of its own declares; as it is at the version where the path is relative."""
    try:
        text = _text_of(path, repository, one.version)
    except OSError as error:
        return Finding("variables", FAIL, f"{one.service}: {error.strerror or error}")
    names = {match[1] for match in map(_DECLARED.match, text.splitlines()) if match}
    missing = sorted(names - one.variables)
    if missing:
        return Finding(
            "variables", FAIL, f"{one.service} lacks {', '.join(missing)}, which {path} declares"
        )
    return Finding("variables", PASS, f"{one.service} has all {len(names)} that {path} declares")


def _text_of(path: str, repository: str, version: str) -> str:
    """
    Raises:
        OSError: it is not there.
    """
    if pathlib.Path(path).is_absolute():
        try:
            return pathlib.Path(path).read_text(encoding="utf-8", errors="replace")
        except OSError as error:
            raise OSError(f"{path}: {error.strerror}") from error
    if not repository:
        raise OSError(f"{path} is relative, and deploy_checks.git.repository is not set")
    commit = _commit_of(repository, version)
    code, printed, why = _in(repository, "show", f"{commit or version}:{path}")
    if code:
        raise OSError(why)
    return printed


def _staging(reports: str, services: t.Sequence[Asked]) -> t.List[Finding]:
    if not reports:
        return [Finding("staging", OPEN)]
    try:
        known = list(_reports(reports))
    except (OSError, ValueError, KeyError, TypeError) as error:
        return [Finding("staging", FAIL, f"{reports}: it cannot be read ({error})")]
    return [_ran(one, known) for one in services]


def _reports(where: str) -> t.Iterator[Data]:
    """Reports of releases, newest first, of a directory or a URL."""
    index = json.loads(_read(where, "index.json"))
    for one in index["releases"][:MOST_REPORTS]:
        yield json.loads(_read(where, f"{one['release']}.json"))


def _read(where: str, name: str) -> str:
    """
    Raises:
        OSError: it is not there.
    """
    if re.match(r"https?://", where):
        with open_url(f"{where.rstrip('/')}/{name}", timeout=TIMEOUT) as answer:
            return str(answer.read().decode("utf-8"))
    return (pathlib.Path(where).expanduser() / name).read_text(encoding="utf-8")


def _ran(asked: Asked, reports: t.Sequence[Data]) -> Finding:
    """Whether a release there has brought this very image and came to a good end; its newest counts."""
    digest = asked.image.partition("@")[2]
    for report in reports:
        for one in report["services"]:
            if digest and one["image"].partition("@")[2] == digest:
                state = PASS if one["outcome"] == "succeeded" else FAIL
                return Finding(
                    "staging",
                    state,
                    f"{asked.service} {asked.version}: {report['release']} {one['outcome']}",
                )
    return Finding(
        "staging",
        FAIL,
        f"{asked.service} {asked.version}: no release there had this image ({digest[:19]})",
    )


def _own(
    item: str, check: t.Mapping[str, t.Any], repository: str, services: t.Sequence[Asked]
) -> t.List[Finding]:
    """What a command or a URL of the user's own answers, once for each way that its placeholders are filled."""
    texts = [*check["command"], *([check["url"]] if check["url"] else [])]
    if not texts:
        return [Finding(item, OPEN)]
    asks_commit = any("{commit}" in text for text in texts)
    found: t.Dict[str, Finding] = {}
    for one in services:
        commit = _commit_of(repository, one.version) if asks_commit and repository else ""
        values = {"service": one.service, "version": one.version, "commit": commit}
        if asks_commit and not commit:
            found[one.version] = Finding(item, OPEN, f"no commit of {one.version} is known")
            continue
        filled = [_filled(text, values) for text in texts]
        if " ".join(filled) not in found:
            found[" ".join(filled)] = _answered(item, check, filled)
    return list(found.values())


def _filled(text: str, values: t.Mapping[str, str]) -> str:
    return _PLACEHOLDER.sub(lambda match: values[match[1]], text)


def _answered(item: str, check: t.Mapping[str, t.Any], filled: t.Sequence[str]) -> Finding:
    command, url = filled[: len(check["command"])], filled[-1] if check["url"] else ""
    if command:
        code, printed, why = _run(command, check["timeout"])
        said = next((line.strip() for line in reversed(printed.splitlines()) if line.strip()), "")
        good = said or f"{command[0]} ended well"
        return Finding(item, FAIL, why) if code else Finding(item, PASS, good)
    try:
        with open_url(url, headers=check["headers"], timeout=check["timeout"]) as answer:
            text = answer.read().decode("utf-8", "replace")
    except Exception as error:
        # Ansible raises whatever its libraries do.
        return Finding(item, FAIL, f"{url}: {' '.join(str(error).split())}")
    if check["expect"] and not re.search(check["expect"], text):
        return Finding(item, FAIL, f"{url} does not say {check['expect']}")
    return Finding(item, PASS, url)
