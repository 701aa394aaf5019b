# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Slots of a cluster start, stop, and lead users; seen by what an API server has then."""

from __future__ import annotations

import pathlib
import re
import typing as t
from dataclasses import dataclass, field, replace

import pytest
from kube_standin import DOMAIN, StandIn

from ansible_collections.tagadodo.deploy.plugins.module_utils import (
    _cluster_traffic,
    _deployments,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._cluster import Cluster, Gateway
from ansible_collections.tagadodo.deploy.plugins.module_utils._cluster_traffic import (
    ClusterTraffic,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._deployments import Deployments
from ansible_collections.tagadodo.deploy.plugins.module_utils._health_check import (
    HealthCheck,
    Limits,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._instance import Instance, Slot
from ansible_collections.tagadodo.deploy.plugins.module_utils._kube_api import (
    Api,
    KubeError,
    connect,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._pods import Pods, parted
from ansible_collections.tagadodo.deploy.plugins.module_utils._split import TrafficError
from ansible_collections.tagadodo.deploy.plugins.module_utils._target import Target
from ansible_collections.tagadodo.deploy.plugins.plugin_utils._services import parse_services

SETTINGS = parse_services(
    {
        "backend": {
            "image": "tagadodo/backend",
            "port": 3000,
            "hostnames": ["api.example.com"],
            "version": "1.0.0",
            "env": {"LEVEL": "info"},
            "kubernetes": {},
        }
    }
)[0].settings
KEY = b"0123456789abcdef"


def slot(color: str = "blue", version: str = "1.0.0", instances: int = 2, **more: t.Any) -> Slot:
    names = (f"tagadodo-backend-{color}-{number}" for number in range(1, instances + 1))
    return Slot(
        service="backend",
        slot=color,
        release=f"20260101-00000{version[2]}",
        version=version,
        image=f"registry.example.com/tagadodo/backend@sha256:{version}",
        instances=tuple(Instance(name, n, "") for n, name in enumerate(names, 1)),
        **{"runtime": SETTINGS, "secrets": {"JWT_SECRET": "hush"}, **more},
    )


@dataclass
class Place:
    """An API, and what works on it."""

    standin: StandIn
    api: Api
    cluster: Cluster = field(default_factory=lambda: Cluster("tagadodo"))
    dry: bool = False

    def bring(self, state: str, *slots: Slot) -> list[str]:
        slots_of = Deployments(self.api, self.cluster, "tagadodo", KEY, self.dry)
        done = slots_of.bring(state, slots)
        assert done["changed"] is bool(done["actions"])
        return [f"{one['action']} {one['what']}: {one['reason']}" for one in done["actions"]]

    @property
    def traffic(self) -> ClusterTraffic:
        return ClusterTraffic(self.api, self.cluster, "tagadodo", timeout=0.3)

    @property
    def pods(self) -> Pods:
        return Pods(self.api, "tagadodo")

    def selected(self) -> dict[str, str]:
        service = self.standin.objects["services", "tagadodo-backend"]
        return dict(service["spec"]["selector"])

    def weights(self) -> list[tuple[str, int]]:
        (route,) = self.standin.of("httproutes")
        return [(one["name"], one["weight"]) for one in route["spec"]["rules"][-1]["backendRefs"]]


@pytest.fixture
def place(standin: StandIn, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    monkeypatch.setattr(_cluster_traffic, "READY", 0.3)
    monkeypatch.setattr(_deployments, "LATE", 0.3)
    return Place(standin, connect(Cluster("tagadodo", kubeconfig=standin.kubeconfig(tmp_path))))


@pytest.fixture
def gateway(place: Place) -> Place:
    place.cluster = replace(place.cluster, gateway=Gateway("public", "gateways"))
    return place


def test_a_slot_starts_with_all_that_it_needs_and_again_changes_nothing(place: Place) -> None:
    assert place.bring("started", slot()) == ["create tagadodo-backend-blue: missing"]
    kinds = {kind for kind, _name in place.standin.objects}
    assert kinds == {
        *("deployments", "pods", "services", "endpointslices", "poddisruptionbudgets"),
        *("networkpolicies", "configmaps", "secrets"),
    }
    assert len(place.standin.of("pods", service="backend", slot="blue")) == 2
    asked = len(place.standin.requests)
    assert place.bring("started", slot()) == []
    assert not any("GET" not in one for one in place.standin.requests[asked:])


def test_a_dry_run_says_the_same_and_touches_nothing(place: Place) -> None:
    place.dry = True
    assert place.bring("started", slot()) == ["create tagadodo-backend-blue: missing"]
    assert place.standin.objects == {}
    place.dry = False
    place.bring("started", slot())
    before = str(place.standin.objects)
    place.dry = True
    other = slot(version="1.1.0")
    assert place.bring("started", other) == ["replace tagadodo-backend-blue: other release, image"]
    left = replace(slot(), instances=())
    assert place.bring("stopped", left) == ["scale tagadodo-backend-blue: 2 → 0: its slot is left"]
    assert str(place.standin.objects) == before


def test_secrets_are_in_a_secret_alone_and_a_new_one_makes_new_pods(place: Place) -> None:
    place.bring("started", slot())
    (secret,) = place.standin.of("secrets")
    assert secret["immutable"] is True
    others = [str(one) for (kind, _n), one in place.standin.objects.items() if kind != "secrets"]
    assert "hush" not in "".join(others)
    changed = slot(secrets={"JWT_SECRET": "louder"})
    assert place.bring("started", changed) == ["replace tagadodo-backend-blue: other fingerprint"]
    assert len(place.standin.of("secrets")) == 2
    place.bring("stopped", replace(slot("green"), instances=()))
    assert len(place.standin.of("secrets")) == 2, "green is not there, so nothing is left"
    place.bring("stopped", replace(slot(), instances=()))
    assert len(place.standin.of("secrets")) == 1, "what the slot would start with again stays"


def test_instances_go_one_by_one_and_a_stopped_slot_starts_again(place: Place) -> None:
    place.bring("started", slot(instances=3))
    third = replace(slot(), instances=slot(instances=3).instances[2:])
    assert place.bring("stopped", third) == ["scale tagadodo-backend-blue: 3 → 2: its slot is left"]
    assert place.bring("stopped", third) == [], "the third is gone already"
    assert place.bring("stopped", replace(slot(), instances=())) == [
        "scale tagadodo-backend-blue: 2 → 0: its slot is left"
    ]
    assert place.standin.of("pods") == []
    assert place.bring("stopped", replace(slot(), instances=())) == []
    assert place.bring("started", slot()) == ["scale tagadodo-backend-blue: 0 → 2: missing"]
    assert place.bring("absent", slot()) == ["remove tagadodo-backend-blue: not wanted"]
    assert place.standin.of("deployments") == []
    assert place.standin.of("poddisruptionbudgets") == []
    assert place.bring("absent", slot()) == []


def test_pods_that_are_not_told_to_end_are_named(place: Place) -> None:
    place.bring("started", slot())
    stay = place.standin.of("pods")[0]["metadata"]
    place.standin.settle = lambda: None  # type: ignore[method-assign]
    with pytest.raises(KubeError, match=f"pods are not told to end within .*{stay['name']}"):
        place.bring("stopped", replace(slot(), instances=()))


def test_pods_are_instances_by_their_age(place: Place) -> None:
    place.bring("started", slot())
    told = place.pods.summaries()
    assert [(one["name"], one["number"], one["running"]) for one in told] == [
        ("tagadodo-backend-blue-1", 1, True),
        ("tagadodo-backend-blue-2", 2, True),
    ]
    assert {(one["version"], one["release"], one["image"]) for one in told} == {
        ("1.0.0", "20260101-000000", slot().image)
    }
    going = place.standin.of("pods")[0]
    going["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    (left,) = place.pods.summaries()
    assert left["number"] == 1
    assert parted("tagadodo", "tagadodo-a-blue-b-green-12") == ("a-blue-b", "green", 12)
    with pytest.raises(KubeError, match="is no instance of tagadodo"):
        parted("tagadodo", "tagadodo-nginx")


def _checked(place: Place, version: str = "1.0.0", timeout: float = 5.0) -> str:
    targets = [
        Target(
            name=f"tagadodo-backend-blue-{number}",
            url="http://10.213.2.1:3000",
            paths={"ready": "/health/ready", "full": "/health"},
            identity=("version", version),
            container=f"tagadodo-backend-blue-{number}",
        )
        for number in (1, 2)
    ]
    pods = place.pods
    return (
        HealthCheck(targets, Limits(timeout=timeout), pods.ask, looking=lambda: pods).run().problem
    )


def test_each_pod_is_asked_for_itself_and_names_its_version(place: Place) -> None:
    place.bring("started", slot())
    assert _checked(place) == ""
    assert "expected 2.0.0" in _checked(place, "2.0.0", timeout=0.5)
    place.bring("started", slot(instances=1))
    assert "has no pod yet" in _checked(place, timeout=0.5)


@pytest.mark.parametrize(
    ("status", "told"),
    [
        (
            {"waiting": {"reason": "ImagePullBackOff", "message": "no such image"}},
            r"cannot have its image \(no such image\)",
        ),
        (
            {"waiting": {"reason": "CrashLoopBackOff"}},
            "ended with exit code 3 and is restarted again and again; its last words: no database",
        ),
    ],
)
def test_a_pod_that_will_not_start_is_not_waited_for(
    place: Place, status: dict[str, t.Any], told: str
) -> None:
    place.bring("started", slot())
    pod = place.standin.of("pods")[0]
    pod["log"] = "no database\n"
    pod["status"]["containerStatuses"] = [
        {
            "name": "backend",
            "restartCount": 2,
            "state": status,
            "lastState": {"terminated": {"exitCode": 3, "reason": "Error"}},
        }
    ]
    place.standin.application = lambda _pod, _path: (503, {"message": "no process"})
    problem = _checked(place)
    assert re.search(told, problem), problem


def test_a_service_leads_to_one_slot_or_to_both(place: Place) -> None:
    place.bring("started", slot())
    assert place.traffic.shares(["backend", "other"]) == {"backend": 0, "other": 0}
    place.bring("started", slot("green", "1.1.0", 1))
    done = place.traffic.shift({"backend": 25}, {})
    assert done.changed
    assert f"{DOMAIN}slot" not in place.selected()
    assert place.traffic.shares(["backend"]) == {"backend": 25}
    assert place.traffic.shift({"backend": 25}, {}).changed is False
    place.traffic.shift({"backend": 100}, {})
    assert place.selected()[f"{DOMAIN}slot"] == "green"
    assert place.traffic.shift({"backend": 0}, {}, dry=True).changed
    assert place.selected()[f"{DOMAIN}slot"] == "green"
    place.traffic.shift({"backend": 0}, {})
    assert place.selected()[f"{DOMAIN}slot"] == "blue"


def test_a_route_has_weights_and_the_service_follows_at_the_end(gateway: Place) -> None:
    gateway.bring("started", slot())
    assert gateway.weights() == [("tagadodo-backend-blue", 100), ("tagadodo-backend-green", 0)]
    gateway.bring("started", slot("green", "1.1.0"))
    gateway.traffic.shift({"backend": 10}, {})
    assert gateway.weights() == [("tagadodo-backend-blue", 90), ("tagadodo-backend-green", 10)]
    assert gateway.selected()[f"{DOMAIN}slot"] == "blue"
    gateway.bring("started", slot("green", "1.2.0"))
    assert gateway.traffic.shares(["backend"]) == {"backend": 10}, "starting moves nobody"
    gateway.traffic.shift({"backend": 100}, {})
    assert gateway.selected()[f"{DOMAIN}slot"] == "green"


def test_where_the_gateway_refuses_the_former_share_is_put_back(gateway: Place) -> None:
    gateway.bring("started", slot())
    gateway.bring("started", slot("green", "1.1.0"))
    gateway.standin.gateway = {"status": "False", "message": "no such listener"}
    with pytest.raises(TrafficError, match="its gateway refuses the route .no such listener"):
        gateway.traffic.shift({"backend": 50}, {})
    assert gateway.weights() == [("tagadodo-backend-blue", 100), ("tagadodo-backend-green", 0)]
    gateway.standin.gateway = {"observedGeneration": 0}
    with pytest.raises(TrafficError, match="its gateway has not taken the route yet"):
        gateway.traffic.shift({"backend": 50}, {})


def test_nobody_is_led_to_pods_that_the_cluster_does_not_find_ready(place: Place) -> None:
    place.bring("started", slot())
    place.standin.ready = False
    place.bring("started", slot("green", "1.1.0"))
    with pytest.raises(TrafficError, match="green is to have 100 % of traffic, .* is not ready"):
        place.traffic.shift({"backend": 100}, {})
    assert place.selected()[f"{DOMAIN}slot"] == "blue"
    place.bring("absent", slot("green"))
    with pytest.raises(TrafficError, match="it has no pod"):
        place.traffic.shift({"backend": 100}, {})


def test_what_was_never_started_cannot_be_shifted(place: Place) -> None:
    with pytest.raises(TrafficError, match="there is no Service tagadodo/tagadodo-backend"):
        place.traffic.shift({"backend": 100}, {})


def test_a_slot_that_scales_itself_starts_as_large_as_the_other_is_by_now(place: Place) -> None:
    scales = {
        **SETTINGS,
        "kubernetes": {"autoscale": {"most": 9, "cpu": 70}, "requests": {"cpus": 0.1}},
    }
    place.bring("started", slot(runtime=scales, of=2))
    (scaler,) = place.standin.of("horizontalpodautoscalers")
    assert (scaler["spec"]["minReplicas"], scaler["spec"]["maxReplicas"]) == (2, 9)
    blue = place.standin.of("deployments", slot="blue")[0]
    blue["spec"]["replicas"] = 6  # it has much to do
    assert place.bring("started", slot(runtime=scales, of=2)) == []
    place.bring("started", slot("green", "1.1.0", instances=1, runtime=scales, of=2))
    green = place.standin.objects["deployments", "tagadodo-backend-green"]
    assert green["spec"]["replicas"] == 3, "half of them"
    assert len(place.standin.of("horizontalpodautoscalers")) == 1, "it scales when it is whole"
    place.bring("started", slot("green", "1.1.0", instances=2, runtime=scales, of=2))
    assert place.standin.objects["deployments", "tagadodo-backend-green"]["spec"]["replicas"] == 6
    assert len(place.standin.of("horizontalpodautoscalers")) == 2
