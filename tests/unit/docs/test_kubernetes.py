# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The manifest of the page is the one that is rendered, and has all that was asked for."""

from __future__ import annotations

import typing as t

import kubernetes_validate
import pytest
import yaml
from known import ROOT
from pages import Page

from ansible_collections.tagadodo.deploy.plugins.module_utils._cluster import Cluster
from ansible_collections.tagadodo.deploy.plugins.module_utils._service import Installation
from ansible_collections.tagadodo.deploy.plugins.plugin_utils._render import Rendering, rendered
from ansible_collections.tagadodo.deploy.plugins.plugin_utils._services import (
    parse_services,
    select_services,
)

PAGE = Page.read(ROOT / "docs/kubernetes.md")
NEWEST = kubernetes_validate.latest_version()


def block(language: str, contains: str) -> str:
    (text,) = [one.text for one in PAGE.blocks if one.language == language and contains in one.text]
    return text


def of_the_page() -> str:
    """The Deployment, as render.yml writes it for the page's description."""
    described = yaml.safe_load(block("yaml", "services:"))["services"]
    services = parse_services(described)
    cluster = Cluster.parse({"version": "1.30"}, "tagadodo")
    rendering = Rendering(cluster, Installation())
    files = rendered(rendering, select_services(services, "", ""), services)
    (made,) = [
        text for text in files["backend/blue.yaml"].split("---\n") if "kind: Deployment" in text
    ]
    return made


def test_the_manifest_is_the_one_that_is_rendered() -> None:
    assert block("yaml", "kind: Deployment").strip() == of_the_page().strip()


def test_what_was_asked_for_is_taken_by_no_cluster() -> None:
    asked = yaml.safe_load(block("text", "kind: Deployment"))
    with pytest.raises(kubernetes_validate.ValidationError, match="'selector' is a required"):
        kubernetes_validate.validate(asked, NEWEST)
    kubernetes_validate.validate(yaml.safe_load(of_the_page()), NEWEST, strict=True)


def missing(asked: t.Any, made: t.Any, path: str = "") -> t.Iterator[str]:
    """What is asked for and not made, by its path."""
    if isinstance(asked, dict):
        for key, value in asked.items():
            yield from missing(
                value, made.get(key) if isinstance(made, dict) else None, f"{path}.{key}"
            )
    elif isinstance(asked, list):
        for number, value in enumerate(asked):
            yield from missing(value, made[number], f"{path}.{number}")
    elif asked != made:
        yield path


def test_all_that_was_asked_for_is_in_it() -> None:
    asked = yaml.safe_load(block("text", "kind: Deployment"))
    made = yaml.safe_load(of_the_page())
    container = ".spec.template.spec.containers.0"
    assert set(missing(asked, made)) == {
        ".metadata.name",  # a slot's
        f"{container}.image",  # a version
        # the port's name in place of its number
        *(f"{container}.{kind}Probe.httpGet.port" for kind in ("liveness", "readiness", "startup")),
    }
