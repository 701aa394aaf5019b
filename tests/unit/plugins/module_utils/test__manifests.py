# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Manifests: what a service's description comes to on a cluster, and that every version of its API takes it."""

from __future__ import annotations

import functools
import json
import re
import typing as t
from dataclasses import replace

import kubernetes_services as k
import kubernetes_validate
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.tagadodo.deploy.plugins.module_utils._cluster import ClusterError
from ansible_collections.tagadodo.deploy.plugins.module_utils._instance import bytes_of
from ansible_collections.tagadodo.deploy.plugins.module_utils._manifest_pods import (
    deployment,
    migration_job,
    processors,
    quantity,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._manifest_routes import (
    http_route,
    live_service,
    network_policy,
    shares,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._manifest_settings import (
    config_map,
    config_map_name,
    secret,
    secret_name,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._manifest_slot import (
    autoscaler,
    disruption_budget,
    slot_service,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._manifests import (
    route_manifests,
    slot_manifests,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._service import SLOTS
from ansible_collections.tagadodo.deploy.plugins.module_utils._workload import (
    Manifest,
    label_value,
    selector,
)

SERVICES = k.services()
EVERYTHING = SERVICES["everything"]
VERSIONS = [".".join(one.split(".")[:2]) for one in kubernetes_validate.utils.all_versions()]


@pytest.fixture(scope="module", autouse=True)
def schemas_are_read_once() -> t.Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        utils = kubernetes_validate.utils
        patch.setattr(utils, "schema_contents", functools.lru_cache(None)(utils.schema_contents))
        yield


def test_versions_that_people_run_are_tried() -> None:
    assert {f"1.{minor}" for minor in range(29, 38)} <= set(VERSIONS)


@pytest.mark.parametrize("gateway", [True, False], ids=["gateway", "no gateway"])
@pytest.mark.parametrize("service", SERVICES.values(), ids=SERVICES.keys())
@pytest.mark.parametrize("version", VERSIONS)
def test_every_manifest_is_valid(version: str, service: t.Any, gateway: bool) -> None:
    kinds = set()
    for manifest in k.manifests(k.cluster(version, gateway), service):
        kinds.add(manifest["kind"])
        if (
            manifest["kind"] != "HTTPRoute"
        ):  # of an API that Kubernetes has not itself; see test_render
            kubernetes_validate.validate(manifest, version, strict=True)
    assert ("HTTPRoute" in kinds) is gateway
    assert kinds >= {"Deployment", "Service", "NetworkPolicy", "ConfigMap"}
    if service is EVERYTHING:
        assert kinds >= {"Secret", "PodDisruptionBudget", "HorizontalPodAutoscaler", "Job"}


@pytest.mark.parametrize("version", VERSIONS)
def test_a_wrong_manifest_is_not_valid(version: str) -> None:
    wrong = deployment(k.cluster(version), k.workload(EVERYTHING))
    wrong["spec"]["template"]["spec"]["containers"][0]["livenesProbe"] = {}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, version, strict=True)


def container(manifest: Manifest) -> Manifest:
    (only,) = manifest["spec"]["template"]["spec"]["containers"]
    return t.cast("Manifest", only)


def deployed(version: str = "1.29", **changes: t.Any) -> Manifest:
    return deployment(k.cluster(version), replace(k.workload(EVERYTHING), **changes))


def test_older_clusters_have_the_apis_that_they_know() -> None:
    def apis(version: str) -> dict[str, str]:
        made = slot_manifests(k.cluster(version), k.workload(EVERYTHING))
        return {one["kind"]: one["apiVersion"] for one in made}

    assert apis("1.20") == {
        "Service": "v1",
        "Deployment": "apps/v1",
        "PodDisruptionBudget": "policy/v1beta1",
        "HorizontalPodAutoscaler": "autoscaling/v2beta2",
    }
    assert apis("1.21")["PodDisruptionBudget"] == "policy/v1"
    assert apis("1.22")["HorizontalPodAutoscaler"] == "autoscaling/v2beta2"
    assert apis("1.23")["HorizontalPodAutoscaler"] == "autoscaling/v2"


def test_the_probes_are_those_of_the_description() -> None:
    made = container(deployed())
    assert made["livenessProbe"] == {
        "httpGet": {"path": "/health/live", "port": "http", "scheme": "HTTP"},
        "initialDelaySeconds": 30,
        "periodSeconds": 10,
        "timeoutSeconds": 5,
        "successThreshold": 1,
        "failureThreshold": 3,
    }
    assert made["readinessProbe"]["httpGet"]["path"] == "/health/ready"
    assert made["startupProbe"]["failureThreshold"] == 30
    assert made["ports"] == [{"name": "http", "containerPort": 3000, "protocol": "TCP"}]


def test_a_slot_that_does_not_come_up_has_failed_in_time() -> None:
    # 300 to be scheduled and pulled, 0 + 10 * 30 + 3 to start, 10 + 5 * 3 + 3 to be ready, 7 to stay so
    assert deployed()["spec"]["progressDeadlineSeconds"] == 300 + 303 + 28 + 7
    assert deployed()["spec"]["minReadySeconds"] == 7


def test_a_pod_answers_on_while_traffic_leaves_it() -> None:
    native = deployed("1.30")
    assert container(native)["lifecycle"] == {"preStop": {"sleep": {"seconds": 20}}}
    assert native["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] == 20 + 15
    before = container(deployed("1.29"))["lifecycle"]["preStop"]
    assert before == {"exec": {"command": ["sleep", "20"]}}


def test_where_nothing_is_to_be_drained_endpoints_are_gone_first() -> None:
    assert container(deployed("1.30", drain=0))["lifecycle"]["preStop"]["sleep"]["seconds"] == 5


def test_a_pod_has_what_it_asks_for_and_may_have_more() -> None:
    assert container(deployed())["resources"] == {
        "requests": {"memory": "256Mi", "cpu": "250m"},
        "limits": {"memory": "1Gi", "cpu": "1500m"},
    }
    plain = container(deployment(k.cluster(), k.workload(SERVICES["frontend"])))["resources"]
    assert plain == {"requests": {"memory": "512Mi"}, "limits": {"memory": "512Mi"}}


def test_a_pod_may_do_what_it_needs_and_no_more() -> None:
    made = deployed()
    assert container(made)["securityContext"] == {
        "runAsUser": 1001,
        "runAsGroup": 1002,
        "runAsNonRoot": True,
        "readOnlyRootFilesystem": True,
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"], "add": ["NET_BIND_SERVICE"]},
    }
    pod = made["spec"]["template"]["spec"]
    assert pod["securityContext"] == {"seccompProfile": {"type": "RuntimeDefault"}}
    assert pod["enableServiceLinks"] is False
    assert pod["imagePullSecrets"] == [{"name": "registry"}]


def test_root_and_the_user_of_the_image_are_called_what_they_are() -> None:
    def user(name: str) -> Manifest:
        service = SERVICES["everything"]
        settings = {**service.settings, "security": {**service.settings["security"], "user": name}}
        return t.cast("Manifest", container(deployed(settings=settings))["securityContext"])

    assert user("0")["runAsNonRoot"] is False
    assert not {"runAsNonRoot", "runAsUser", "runAsGroup"} & set(user(""))


def test_only_who_names_an_account_may_ask_the_cluster() -> None:
    def pod(name: str) -> Manifest:
        made = deployment(k.cluster(), k.workload(SERVICES[name]))
        return t.cast("Manifest", made["spec"]["template"]["spec"])

    assert pod("everything")["serviceAccountName"] == "backend"
    assert pod("everything")["automountServiceAccountToken"] is True
    assert "serviceAccountName" not in pod("backend")
    assert pod("backend")["automountServiceAccountToken"] is False


def test_directories_in_memory_are_mounted() -> None:
    made = deployed()
    assert made["spec"]["template"]["spec"]["volumes"] == [
        {"name": "tmpfs-1", "emptyDir": {"medium": "Memory"}},
        {"name": "tmpfs-2", "emptyDir": {"medium": "Memory"}},
    ]
    mounted = {one["name"]: one["mountPath"] for one in container(made)["volumeMounts"]}
    assert mounted == {"tmpfs-1": "/tmp", "tmpfs-2": "/var/cache"}


def test_settings_come_from_the_objects_that_are_named() -> None:
    sources = container(deployed(config_map="plain", secret="hidden"))["envFrom"]
    assert sources == [{"configMapRef": {"name": "plain"}}, {"secretRef": {"name": "hidden"}}]
    assert "envFrom" not in container(deployed(config_map="", secret=""))


def test_labels_find_pods_and_annotations_say_the_rest() -> None:
    made = deployed()
    assert made["spec"]["selector"]["matchLabels"] == selector("tagadodo", "everything", "green")
    labels = made["spec"]["template"]["metadata"]["labels"]
    assert labels["deploy.tagadodo.com/release"] == "20261129-101500"
    assert labels["app.kubernetes.io/version"] == "1.0.0"
    assert made["spec"]["template"]["metadata"]["annotations"] == {
        "deploy.tagadodo.com/version": "1.0.0",
        "deploy.tagadodo.com/image": k.DIGEST,
        "deploy.tagadodo.com/fingerprint": "0123456789abcdef",
    }


def test_as_many_pods_as_are_asked_for_and_none_where_they_scale_themselves() -> None:
    where, scaled, fixed = k.cluster(), k.workload(EVERYTHING), k.workload(SERVICES["backend"])
    assert "replicas" not in deployment(where, scaled)["spec"]
    assert deployment(where, scaled, replicas=0)["spec"]["replicas"] == 0
    assert deployment(where, fixed)["spec"]["replicas"] == 2
    assert deployment(where, fixed, replicas=1)["spec"]["replicas"] == 1
    assert autoscaler(where, fixed) is None
    made = autoscaler(where, scaled)
    assert made
    assert (made["spec"]["minReplicas"], made["spec"]["maxReplicas"]) == (3, 10)


def test_one_pod_alone_has_no_budget() -> None:
    where = k.cluster()
    assert disruption_budget(where, k.workload(SERVICES["frontend"])) is None
    made = disruption_budget(where, k.workload(SERVICES["backend"]))
    assert made
    assert made["spec"]["maxUnavailable"] == 1


def test_a_migration_is_nobodys_pod() -> None:
    """A Service or a Deployment that took it for one of theirs would send it users, or end it."""
    job = migration_job(k.cluster(), k.workload(EVERYTHING), "a-job", ["node", "up.js"], 60)
    labels = job["spec"]["template"]["metadata"]["labels"]
    for slot in SLOTS:
        assert not selector("tagadodo", "everything", slot).items() <= labels.items()
    assert container(job)["command"] == ["node", "up.js"]
    assert "livenessProbe" not in container(job)
    assert (job["spec"]["backoffLimit"], job["spec"]["activeDeadlineSeconds"]) == (0, 60)
    assert job["spec"]["template"]["spec"]["restartPolicy"] == "Never"
    assert container(job)["envFrom"] == container(deployed())["envFrom"]


def test_the_live_service_leads_to_one_slot() -> None:
    made = live_service(k.cluster(), "tagadodo", "backend", 3000, "blue")
    assert made["metadata"]["name"] == "tagadodo-backend"
    assert made["spec"]["selector"] == selector("tagadodo", "backend", "blue")
    assert slot_service(k.cluster(), k.workload(EVERYTHING))["spec"]["ports"] == [
        {"name": "http", "port": 3000, "targetPort": "http", "protocol": "TCP"}
    ]


def test_the_port_is_all_that_is_reached_by_whom_is_named_and_the_gateway() -> None:
    def rule(service: str, gateway: bool = True) -> Manifest:
        where = k.cluster(gateway=gateway)
        made = network_policy(where, "tagadodo", service, SERVICES[service].settings)
        (only,) = made["spec"]["ingress"]
        return t.cast("Manifest", only)

    port = [{"port": "http", "protocol": "TCP"}]
    assert rule("backend") == {"ports": port}
    named = [
        {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "shop"}}},
        {"ipBlock": {"cidr": "10.20.0.0/16"}},
    ]
    gateway = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "gateways"}}}
    assert rule("everything") == {"ports": port, "from": [*named, gateway]}
    assert rule("everything", gateway=False) == {"ports": port, "from": named}


def test_a_route_shares_requests_out_and_lets_probes_pass_by() -> None:
    (made,) = route_manifests(
        k.cluster(),
        "tagadodo",
        "backend",
        SERVICES["backend"].settings,
        "green",
        10,
        ("X-Probe", "token", "green"),
    )
    assert made["spec"]["hostnames"] == ["api.localhost"]
    assert made["spec"]["parentRefs"] == [
        {"name": "public", "namespace": "gateways", "sectionName": "https"}
    ]
    probing, users = made["spec"]["rules"]
    assert probing == {
        "matches": [{"headers": [{"type": "Exact", "name": "X-Probe", "value": "token"}]}],
        "backendRefs": [{"name": "tagadodo-backend-green", "port": 3000, "weight": 1}],
    }
    assert users == {
        "backendRefs": [
            {"name": "tagadodo-backend-blue", "port": 3000, "weight": 90},
            {"name": "tagadodo-backend-green", "port": 3000, "weight": 10},
        ]
    }


def test_without_a_gateway_there_is_no_route() -> None:
    settings = SERVICES["backend"].settings
    where = k.cluster(gateway=False)
    assert route_manifests(where, "tagadodo", "backend", settings, "green", 100) == []
    with pytest.raises(ClusterError, match="deploy_kubernetes.gateway: missing"):
        http_route(where, "tagadodo", "backend", settings, {"green": 100})


@given(st.sampled_from(SLOTS), st.integers(0, 100))
def test_shares_are_all_of_the_traffic(slot: str, percent: int) -> None:
    made = shares(slot, percent)
    assert sum(made.values()) == 100
    assert made[slot] == percent


ENVIRONMENTS = st.dictionaries(
    st.from_regex(r"[A-Z_][A-Z0-9_]{0,8}", fullmatch=True),
    st.one_of(st.text(max_size=8), st.integers(), st.booleans()),
    max_size=5,
)


@given(ENVIRONMENTS, ENVIRONMENTS)
def test_settings_are_named_by_what_is_in_them(
    one: dict[str, t.Any], other: dict[str, t.Any]
) -> None:
    def given_as(env: dict[str, t.Any]) -> dict[str, str]:
        return {key: str(value) for key, value in env.items()}

    again = dict(reversed(one.items()))
    assert config_map_name("p", "s", one) == config_map_name("p", "s", again)
    assert secret_name("p", "s", one, k.KEY) == secret_name("p", "s", again, k.KEY)
    same = given_as(one) == given_as(other)
    assert (config_map_name("p", "s", one) == config_map_name("p", "s", other)) is same
    assert (secret_name("p", "s", one, k.KEY) == secret_name("p", "s", other, k.KEY)) is same
    made = config_map(k.cluster(), "p", "s", one)
    assert (made["data"] if made else {}) == given_as(one)
    assert json.dumps(made) == json.dumps(config_map(k.cluster(), "p", "s", again))


def test_the_name_of_a_secret_says_nothing_without_the_key() -> None:
    secrets = {"PIN": "1234"}
    assert secret_name("p", "s", secrets, b"one") != secret_name("p", "s", secrets, b"other")
    made = secret(k.cluster(), "p", "s", secrets, b"one")
    assert made
    assert made["immutable"] is True
    assert made["stringData"] == secrets
    assert secret(k.cluster(), "p", "s", {}, b"one") is None
    assert config_map(k.cluster(), "p", "s", {}) is None


@pytest.mark.parametrize(
    ("size", "written"),
    [
        ("512m", "512Mi"),
        ("1g", "1Gi"),
        ("1536m", "1536Mi"),
        ("100k", "100Ki"),
        ("1000", "1000"),
        ("0", "0"),
    ],
)
def test_sizes_are_written_as_kubernetes_reads_them(size: str, written: str) -> None:
    assert quantity(size) == written


@given(st.integers(0, 2**45))
def test_no_byte_is_lost(count: int) -> None:
    units = {"": 1, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30}
    match = re.fullmatch(r"(\d+)(|Ki|Mi|Gi)", quantity(str(count)))
    assert match
    assert int(match[1]) * units[match[2]] == bytes_of(str(count)) == count


@pytest.mark.parametrize(
    ("count", "written"),
    [(0.25, "250m"), (2.0, "2"), (1.5, "1500m"), (0.0001, "1m"), (0.1 + 0.2, "300m")],
)
def test_cores_are_written_in_thousandths(count: float, written: str) -> None:
    assert processors(count) == written


LABEL = re.compile(r"[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?")


@given(st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}", fullmatch=True))
def test_any_tag_of_an_image_can_be_a_label(tag: str) -> None:
    value = label_value(tag)
    assert LABEL.fullmatch(value)
    if LABEL.fullmatch(tag):
        assert value == tag


def test_long_tags_with_the_same_beginning_stay_different() -> None:
    tag = "develop-" + "0" * 60
    assert label_value(tag + "a") != label_value(tag + "b")
