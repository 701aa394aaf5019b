# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This plugin util is PRIVATE to the collection.
"""Read the inventory's ``services``: types and defaults from the role's argument specs."""

from __future__ import annotations

import functools
import pathlib
import re
import typing as t

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.module_utils.common.yaml import yaml_load

from ansible_collections.tagadodo.deploy.plugins.module_utils._near import not_known
from ansible_collections.tagadodo.deploy.plugins.module_utils._service import (
    Service,
    ServiceError,
    check_services,
)

_SPECS = pathlib.Path(__file__).resolve().parents[2] / "roles/app/meta/argument_specs.yml"


@functools.lru_cache(maxsize=1)
def service_options() -> dict[str, t.Any]:
    """The options of one service, as argument spec."""
    specs = yaml_load(_SPECS.read_text(encoding="utf-8"))["argument_specs"]
    return _grouped(specs["service"]["options"])


def _grouped(options: dict[str, t.Any]) -> dict[str, t.Any]:
    """A group of settings that requires none of them has its defaults without being named."""
    return {
        name: {
            **spec,
            "options": _grouped(spec["options"]),
            "apply_defaults": not any(one.get("required") for one in spec["options"].values()),
        }
        if "options" in spec
        else spec
        for name, spec in options.items()
    }


def parse_services(raw: object) -> tuple[Service, ...]:
    """Every described service, defaults filled in.

    Raises:
        ServiceError: the first mistake, in one line that names the setting.
    """
    if not isinstance(raw, dict) or not raw:
        raise ServiceError(
            "services: none described; say in the inventory what to deploy, for example"
            " services: {backend: {image: …, port: 3000, hostnames: […]}}"
        )
    services = tuple(
        Service(str(name), _validated(str(name), _plain(entry))) for name, entry in raw.items()
    )
    check_services(services)
    return services


def _plain(value: object) -> object:
    """The value with its templates resolved: the inventory's containers do that when read."""
    if isinstance(value, dict):
        return {key: _plain(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [_plain(entry) for entry in value]
    return value


def _validated(name: str, entry: object) -> dict[str, t.Any]:
    if not isinstance(entry, dict):
        raise ServiceError(f"services.{name}: expected settings such as image, port and hostnames")
    for problem in _unknown_settings(service_options(), entry, f"services.{name}"):
        raise ServiceError(problem)
    if not name or "image" not in entry:
        raise ServiceError(f"services.{name}.image: missing; name the image without its tag")
    check_version_is_text(entry.get("version"), f"services.{name}.version")
    result = ArgumentSpecValidator(service_options()).validate(entry)
    if result.error_messages:
        raise ServiceError(f"services.{name}: {'; '.join(result.error_messages)}")
    return t.cast("dict[str, t.Any]", result.validated_parameters)


def _unknown_settings(
    options: dict[str, t.Any], entry: dict[str, t.Any], path: str
) -> t.Iterator[str]:
    """A line for each setting there is none of, in groups and lists of groups as well."""
    for key, value in entry.items():
        if key not in options:
            yield not_known(path, str(key), options)
        elif "options" in options[key]:
            for group in value if isinstance(value, list) else [value]:
                if isinstance(group, dict):
                    yield from _unknown_settings(options[key]["options"], group, f"{path}.{key}")


def check_version_is_text(version: object, path: str) -> None:
    """Refuse what YAML has made of a version without quotes: 1.10 is 1.1 by now.

    Raises:
        ServiceError: with ``path`` as the setting's name.
    """
    if version is None or isinstance(version, str):
        return
    if isinstance(version, bool) or not isinstance(version, int):
        kind = "a number" if isinstance(version, float) else "not text"
        raise ServiceError(f"{path}: {version} is {kind}; put it in quotes")


def as_names(value: object) -> tuple[str, ...]:
    """Names given as a list or as text with commas; empty text means none."""
    if not value:
        return ()
    parts = value if isinstance(value, (list, tuple)) else str(value).split(",")
    return tuple(str(part).strip() for part in parts)


def named_services(services: tuple[Service, ...], only: object) -> tuple[Service, ...]:
    """The services that are asked for by name, or all of them.

    Raises:
        ServiceError: a name is not described.
    """
    names = as_names(only)
    known = [service.name for service in services]
    for name in names:
        if name not in known:
            raise ServiceError(
                f"service: {name} is not described; known services: {', '.join(known)}"
            )
    return tuple(service for service in services if not names or service.name in names)


def select_services(
    services: tuple[Service, ...], only: object, version: object
) -> tuple[Service, ...]:
    """The services that are asked for, with the version that is asked for.

    Raises:
        ServiceError: a name is not described, or a service has no version.
    """
    chosen = tuple(
        Service(
            service.name,
            {**service.settings, "version": str(version or service.settings["version"] or "")},
        )
        for service in named_services(services, only)
    )
    for service in chosen:
        if not service.settings["version"]:
            raise ServiceError(
                f"services.{service.name}.version: no version to deploy; give -e version=… or set it"
            )
    check_services(chosen)
    return chosen


def check_versions(services: t.Iterable[Service], rules: t.Mapping[str, str]) -> None:
    """Refuse a version that may not be released in this environment.

    Args:
        services: what is to be released, with its version.
        rules: a regular expression of whole versions for each kind that may be; none allows all.

    Raises:
        ServiceError: no rule takes a service's version, or a rule is no regular expression.
    """
    patterns = {name: _compiled(name, rule) for name, rule in rules.items()}
    for service in services:
        version = service.settings["version"]
        if patterns and not any(pattern.fullmatch(version) for pattern in patterns.values()):
            takes = " or ".join(f"{name} ({pattern.pattern})" for name, pattern in patterns.items())
            raise ServiceError(
                f"services.{service.name}.version: {version} may not be released here;"
                f" deploy_versions takes {takes}"
            )


def _compiled(name: str, rule: object) -> re.Pattern[str]:
    try:
        return re.compile(str(rule))
    except re.error as error:
        raise ServiceError(
            f"deploy_versions.{name}: {rule} is not a regular expression: {error}"
        ) from error
