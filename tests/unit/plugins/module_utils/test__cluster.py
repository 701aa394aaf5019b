# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A cluster's description, and services that do not fit into one: a line for each mistake."""

from __future__ import annotations

import typing as t

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.tagadodo.deploy.plugins.module_utils._cluster import (
    LONGEST,
    Cluster,
    ClusterError,
    Gateway,
    check_fits,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._service import ServiceError
from ansible_collections.tagadodo.deploy.plugins.module_utils._workload import (
    base_name,
    job_name,
    slot_name,
)
from ansible_collections.tagadodo.deploy.plugins.plugin_utils._services import parse_services

BACKEND = {
    "image": "tagadodo/backend",
    "port": 3000,
    "hostnames": ["api.example.com"],
}
COUNTERS = {"url": "http://127.0.0.1:9090", "codes": 'requests{slot="<slot>"}'}


def test_nothing_said_is_a_cluster_without_a_gateway() -> None:
    assert Cluster.parse({}, "tagadodo") == Cluster("tagadodo", (1, 29))


def test_a_gateway_is_in_the_same_namespace_where_nothing_else_is_said() -> None:
    described = {"namespace": "shop", "version": "v1.32.4-gke.7", "gateway": {"name": "public"}}
    cluster = Cluster.parse(described, "tagadodo")
    assert cluster == Cluster("shop", (1, 32), Gateway("public", "shop"))


def test_queries_name_the_slot_they_are_about() -> None:
    codes = 'requests{ns="<namespace>",to="<project>-<service>-<slot>"}'
    described = {**COUNTERS, "codes": codes, "validate_certs": False}
    counters = Cluster.parse({"requests": described}, "tagadodo").counters
    assert counters is not None
    known = {"namespace": "shop", "project": "tagadodo", "service": "backend", "slot": "blue"}
    assert counters.query("requests", known) == 'requests{ns="shop",to="tagadodo-backend-blue"}'
    assert counters.query("latency", known) == ""
    assert counters.source == {"url": "http://127.0.0.1:9090", "validate_certs": False}


@pytest.mark.parametrize(
    ("described", "told"),
    [
        ({"version": 1.3}, "deploy_kubernetes.version: 1.3 is a number; put it in quotes"),
        (
            {"version": "newest"},
            "deploy_kubernetes.version: 'newest' is not a version such as '1.29'",
        ),
        ({"version": "1.19"}, "deploy_kubernetes.version: 1.19 is too old; 1.20 is the oldest"),
        ({"gatway": {}}, "deploy_kubernetes.gatway: not known; did you mean gateway?"),
        (
            {"gateway": {"namespace": "gateways"}},
            "deploy_kubernetes.gateway.name: missing; name the Gateway that users come in by",
        ),
        (
            {"gateway": {"name": "a", "listener": "https"}},
            "deploy_kubernetes.gateway.listener: not known; known are name, namespace, section, address",
        ),
        (
            {"gateway": "public"},
            "deploy_kubernetes.gateway: 'public' is no dictionary of name, namespace, section, address",
        ),
        (
            {"namespace": "Shop"},
            "deploy_kubernetes.namespace: 'Shop' may have lower-case letters, digits and dashes, 63 of them at most",
        ),
        (
            {"gateway": {"name": "pub lic"}},
            "deploy_kubernetes.gateway.name: 'pub lic' is no name of an object on Kubernetes",
        ),
        (
            {"pull_secrets": "registry"},
            "deploy_kubernetes.pull_secrets: 'registry' is no list of names",
        ),
        (
            {"pull_secrets": ["Registry"]},
            "deploy_kubernetes.pull_secrets: 'Registry' is no name of an object on Kubernetes",
        ),
        (
            {"requests": "http://127.0.0.1:9090"},
            "deploy_kubernetes.requests: 'http://127.0.0.1:9090' is no dictionary of url, codes, seconds, token_file,"
            " ca_file, validate_certs",
        ),
        (
            {"requests": {**COUNTERS, "code": "x"}},
            "deploy_kubernetes.requests.code: not known; did you mean codes?",
        ),
        (
            {"requests": {"codes": COUNTERS["codes"]}},
            "deploy_kubernetes.requests.url: missing; both url and codes are needed",
        ),
        (
            {"requests": {"url": COUNTERS["url"]}},
            "deploy_kubernetes.requests.codes: missing; both url and codes are needed",
        ),
        (
            {"requests": {**COUNTERS, "url": "prometheus:9090"}},
            "deploy_kubernetes.requests.url: 'prometheus:9090' is not a URL such as http://127.0.0.1:9090",
        ),
        (
            {"requests": {**COUNTERS, "codes": "sum(requests)"}},
            "deploy_kubernetes.requests.codes: write <slot> where the query names a slot",
        ),
        (
            {"requests": {**COUNTERS, "seconds": "sum(seconds_bucket)"}},
            "deploy_kubernetes.requests.seconds: write <slot> where the query names a slot",
        ),
        ({"requests": {**COUNTERS, "codes": 5}}, "deploy_kubernetes.requests.codes: 5 is no text"),
        (
            {"requests": {**COUNTERS, "validate_certs": "maybe"}},
            "deploy_kubernetes.requests.validate_certs: 'maybe' is neither true nor false",
        ),
    ],
)
def test_a_mistake_is_told_in_one_line(described: t.Mapping[str, t.Any], told: str) -> None:
    with pytest.raises(ClusterError) as error:
        Cluster.parse(described, "tagadodo")
    assert str(error.value) == told


def fits(project: str = "tagadodo", name: str = "backend", **settings: t.Any) -> None:
    check_fits(parse_services({name: {**BACKEND, **settings}}), project)


def test_what_fits_is_not_spoken_of() -> None:
    fits()
    fits(security={"user": "0:0"}, env={"A.b-c": 1})
    fits(security={"user": ""})


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (
            {"security": {"user": "node:node"}},
            "services.backend.security.user: 'node:node' is a name, and Kubernetes takes numbers; write its UID or UID:GID",
        ),
        ({"env": {"1A": 1}}, "services.backend.env: '1A' is no name of a variable on Kubernetes"),
        (
            {"secrets": {"A B": ""}},
            "services.backend.secrets: 'A B' is no name of a variable on Kubernetes",
        ),
        (
            {"health": {"live_probe": {"successes": 2}}},
            "services.backend.health.live_probe.successes: Kubernetes takes 1 and no other",
        ),
        (
            {"health": {"ready_probe": {"period": 0}}},
            "services.backend.health.ready_probe.period: 0 is below 1",
        ),
        (
            {"project": "2shop"},
            "deploy_project: '2shop' may have lower-case letters, digits and dashes, and starts with a letter,"
            " as names on Kubernetes do",
        ),
        (
            {"project": "an-online-shop", "name": "b" * 32},
            f"services.{'b' * 32}: its name and deploy_project (an-online-shop) have 46 characters together,"
            " and names on Kubernetes leave 45; shorten one",
        ),
    ],
)
def test_what_does_not_fit_is_told_in_one_line(arguments: dict[str, t.Any], told: str) -> None:
    with pytest.raises(ClusterError) as error:
        fits(**arguments)
    assert str(error.value) == told


NAMES = st.from_regex(r"[a-z][a-z0-9-]{0,45}[a-z0-9]", fullmatch=True)


@given(NAMES, NAMES.filter(lambda name: len(name) <= 32), st.text(), st.text())
def test_no_name_of_what_fits_is_too_long(
    project: str, name: str, release: str, command: str
) -> None:
    try:
        fits(project=project, name=name)
    except ClusterError:
        assert len(project) + len(name) > 45
        return
    made = [base_name(project, name), job_name(project, name, release, command)]
    for one in (*made, slot_name(project, name, "green")):
        assert len(one) <= LONGEST


@pytest.mark.parametrize(
    ("described", "told"),
    [
        ({"autoscale": {"most": 1}}, "autoscale.most: 1 is not between instances, 2, and 1000"),
        ({"autoscale": {"most": 4, "cpu": 0}}, "autoscale.cpu: 0 is not between 1 and 100"),
        (
            {"autoscale": {"most": 4}, "requests": {}},
            "autoscale: cpu is a percentage of what an instance asks for, and it asks for no cpus;"
            " set kubernetes.requests.cpus",
        ),
        (
            {"requests": {"memory": "1g"}},
            "requests.memory: 1g is more than resources.memory, 512m",
        ),
        ({"requests": {"memory": "1x"}}, "requests.memory: '1x' is not a size such as 512m or 1g"),
        ({"requests": {"cpus": 0}}, "requests.cpus: 0 is not above 0"),
        (
            {"allowed_from": ["10.0.0.1/8"]},
            "allowed_from: '10.0.0.1/8' is neither a namespace nor a network such as 10.0.0.0/24",
        ),
        (
            {"allowed_from": ["Shop"]},
            "allowed_from: 'Shop' is neither a namespace nor a network such as 10.0.0.0/24",
        ),
        (
            {"service_account": "Back End"},
            "service_account: 'Back End' is no name of a service account",
        ),
    ],
)
def test_settings_out_of_range_are_told_in_one_line(described: dict[str, t.Any], told: str) -> None:
    kubernetes = {"requests": {"cpus": 0.5}, **described}
    with pytest.raises(ServiceError) as error:
        parse_services({"backend": {**BACKEND, "instances": 2, "kubernetes": kubernetes}})
    assert str(error.value) == f"services.backend.kubernetes.{told}"


def test_where_a_gateway_is_reached_is_no_url() -> None:
    gateway = {"name": "public", "address": "https://203.0.113.7"}
    with pytest.raises(ClusterError, match="gateway.address: 'https://203.0.113.7' is not an addr"):
        Cluster.parse({"gateway": gateway}, "shop")
    known = Cluster.parse({"gateway": {**gateway, "address": "203.0.113.7"}}, "shop").gateway
    assert known is not None
    assert known.address == "203.0.113.7"


def test_what_scales_itself_is_not_replaced_one_by_one() -> None:
    scaled = {"requests": {"cpus": 0.5}, "autoscale": {"most": 4}}
    with pytest.raises(ServiceError, match="autoscale: a rolling release takes pods away that"):
        parse_services({"backend": {**BACKEND, "strategy": "rolling", "kubernetes": scaled}})


def test_no_instance_asks_for_more_cores_than_it_may_have() -> None:
    asked = {"resources": {"cpus": 0.5}, "kubernetes": {"requests": {"cpus": 1}}}
    with pytest.raises(ServiceError, match="requests.cpus: 1 is more than resources.cpus, 0.5"):
        parse_services({"backend": {**BACKEND, **asked}})


def test_a_memory_that_is_none_is_told_once() -> None:
    wrong = {"resources": {"memory": "much"}, "kubernetes": {"requests": {"memory": "256m"}}}
    with pytest.raises(ServiceError, match=r"backend.resources.memory: 'much' is not a size"):
        parse_services({"backend": {**BACKEND, **wrong}})
