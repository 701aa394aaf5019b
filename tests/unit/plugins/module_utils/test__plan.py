"""The plan: decided once from all hosts' reports, and every refusal in one line."""

from __future__ import annotations

import typing as t
from dataclasses import replace

import pytest

from ansible_collections.tagadodo.deploy.plugins.module_utils._instance import Instance, Slot
from ansible_collections.tagadodo.deploy.plugins.module_utils._plan import (
    Fleet,
    HostView,
    PlanError,
    ServicePlan,
    describe,
    is_warm,
    plan_deploy,
    plan_rollback,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._service import Platform, Service
from ansible_collections.tagadodo.deploy.plugins.module_utils._steps import (
    Endpoint,
    current_text,
    planned_text,
    steps,
)
from ansible_collections.tagadodo.deploy.plugins.plugin_utils._services import parse_services

PLATFORM = Platform()
TAG = "docker.io/tagadodo/backend:1.1.0"
OLD = "docker.io/tagadodo/backend@sha256:10"
NEW = "docker.io/tagadodo/backend@sha256:11"
ENDPOINT = Endpoint("127.0.0.1", 443, "", "/token")


def service(**changes: object) -> Service:
    described = {
        "image": "tagadodo/backend",
        "port": 3000,
        "hostnames": ["api.example.com"],
        "instances": 2,
    }
    return parse_services({"backend": {**described, **changes}})[0]


def containers(
    slot: str = "blue", version: str = "1.0.0", image: str = OLD, **more: t.Any
) -> tuple[dict[str, t.Any], ...]:
    facts = {"service": "backend", "slot": slot, "version": version, "image": image}
    rest = {"release": "r1", "fingerprint": "same", "running": True, **more}
    return tuple({"name": f"tagadodo-backend-{slot}-{n}", **facts, **rest} for n in (1, 2))


def host(name: str = "web1", **changes: t.Any) -> HostView:
    known = HostView(
        name=name,
        containers=containers(),
        shares={"backend": 0},
        fingerprints={"backend": "same"},
        images={TAG: {"digest": "sha256:11"}},
    )
    return replace(known, **changes)


def fleet(*hosts: HostView) -> Fleet:
    views = hosts or (host(),)
    return Fleet(app=views, proxy=views)


def deploy(on: Fleet, **changes: object) -> ServicePlan:
    return plan_deploy(on, service(**changes), PLATFORM, "1.1.0", "r2")


def test_a_new_version_goes_to_the_slot_without_traffic() -> None:
    plan = deploy(fleet())
    assert (plan.action, plan.live, plan.slot, plan.image) == ("release", "blue", "green", NEW)
    assert plan.reasons == ("version 1.0.0 → 1.1.0",)


def test_it_goes_back_to_blue_when_green_is_live() -> None:
    plan = deploy(fleet(host(containers=containers("green"), shares={"backend": 100})))
    assert (plan.live, plan.slot) == ("green", "blue")


def test_an_unchanged_release_is_kept() -> None:
    plan = deploy(fleet(host(containers=containers(version="1.1.0", image=NEW))))
    assert (plan.action, plan.slot, plan.changes) == ("keep", "blue", False)
    assert steps(fleet(), [plan], PLATFORM, ENDPOINT)["start"] == []


def test_changed_settings_are_a_release_of_the_same_version() -> None:
    plan = deploy(
        fleet(host(containers=containers(version="1.1.0", image=NEW, fingerprint="other")))
    )
    assert (plan.action, plan.reasons) == ("release", ("settings changed",))


def test_a_tag_that_was_moved_is_a_release() -> None:
    plan = deploy(fleet(host(containers=containers(version="1.1.0"))))
    assert plan.reasons == ("tag 1.1.0 names another image now",)


def test_a_missing_instance_is_repaired_in_the_live_slot() -> None:
    one_left = containers(version="1.1.0", image=NEW)[:1]
    plan = deploy(fleet(host(containers=one_left)))
    assert (plan.action, plan.slot) == ("repair", "blue")
    given = steps(fleet(), [plan], PLATFORM, ENDPOINT)
    assert (given["start"][0]["release"], given["shares"], given["leave"]) == ("r1", {}, [])


def test_the_first_release() -> None:
    plan = deploy(fleet(host(containers=())))
    assert (plan.action, plan.slot, plan.reasons) == ("release", "green", ("nothing is live",))


def test_site_leaves_a_live_release_alone_whatever_its_version() -> None:
    plan = plan_deploy(fleet(host(images={})), service(), PLATFORM, "1.1.0", "r2", first_only=True)
    assert (plan.action, plan.version) == ("keep", "1.0.0")


@pytest.mark.parametrize(
    ("hosts", "told"),
    [
        ([host(shares={})], "nginx on web1 does not serve it yet; run site.yml first"),
        (
            [host(shares={"backend": 25})],
            "25 % of traffic is on green, so a release was left half way",
        ),
        ([host(), host("web2", shares={"backend": 100})], "the proxies disagree"),
        ([host(images={})], f"{TAG} cannot be found from web1: not asked for"),
        (
            [host(images={TAG: {"error": "manifest unknown"}})],
            "cannot be found from web1: manifest unknown",
        ),
        ([host(), host("web2", images={TAG: {"digest": "sha256:99"}})], "names different images"),
    ],
)
def test_refusals(hosts: list[HostView], told: str) -> None:
    with pytest.raises(PlanError) as error:
        deploy(fleet(*hosts))
    assert told in str(error.value)
    assert "\n" not in str(error.value)


def test_a_strategy_that_cannot_be_carried_out_is_refused() -> None:
    with pytest.raises(
        PlanError, match="canary cannot be carried out by this version yet; use blue_green"
    ):
        deploy(fleet(), strategy="canary")


LEDGER = [
    {
        "release": "r2",
        "version": "1.1.0",
        "outcome": "succeeded",
        "image": NEW,
        "settings": service().settings,
    },
    {
        "release": "r1",
        "version": "1.0.0",
        "outcome": "succeeded",
        "image": OLD,
        "settings": service(instances=1).settings,
    },
]


def after_release(**changes: t.Any) -> Fleet:
    known = host(
        containers=containers() + containers("green", "1.1.0", NEW, release="r2"),
        shares={"backend": 100},
        releases={"backend": LEDGER},
    )
    return fleet(replace(known, **changes))


def test_a_rollback_finds_the_release_before_with_its_settings() -> None:
    plan = plan_rollback(after_release(), service(secrets={"TOKEN": "now"}), "r3")
    assert (plan.action, plan.version, plan.image, plan.restores, plan.slot) == (
        "restore",
        "1.0.0",
        OLD,
        "r1",
        "blue",
    )
    assert plan.service.settings["instances"] == 1
    assert plan.service.secrets == {"TOKEN": "now"}


def test_a_rollback_is_warm_while_the_old_slot_runs() -> None:
    on = after_release()
    assert is_warm(on, plan_rollback(on, service(), "r3"))
    cold = after_release(
        containers=containers(running=False) + containers("green", "1.1.0", NEW, release="r2")
    )
    assert not is_warm(cold, plan_rollback(cold, service(), "r3"))


def test_a_rollback_from_a_half_moved_share_goes_ahead() -> None:
    plan = plan_rollback(after_release(shares={"backend": 75}), service(), "r3")
    assert steps(after_release(), [plan], PLATFORM, ENDPOINT)["shares"] == {
        "backend": {"blue": 100}
    }


@pytest.mark.parametrize(
    ("version", "told"),
    [(None, "no good release before"), ("9.9.9", "no good release of version 9.9.9")],
)
def test_a_rollback_to_nowhere_is_refused(version: str | None, told: str) -> None:
    with pytest.raises(PlanError, match=told):
        plan_rollback(after_release(releases={"backend": LEDGER[1:]}), service(), "r3", version)


def test_the_plan_shows_no_secret_and_says_each_step() -> None:
    plan = plan_deploy(fleet(), service(secrets={"TOKEN": "hush"}), PLATFORM, "1.1.0", "r2")
    text = "\n".join([*planned_text(fleet(), [plan]), current_text([plan])])
    given = steps(fleet(), [plan], PLATFORM, ENDPOINT)
    assert "hush" not in text + str(given)
    for step in ("pull", "start", "prove", "shift", "watch", "stop"):
        assert f"\n  {step}" in text
    assert given["shares_back"] == {"backend": {"green": 0, "blue": 100}}


def test_started_slots_are_what_the_instances_module_takes() -> None:
    given = steps(fleet(), [deploy(fleet())], PLATFORM, ENDPOINT)
    slot = Slot.parse(given["start"][0], {})
    assert slot.instances[0] == Instance(
        "tagadodo-backend-green-1", 1, service().address(PLATFORM, "green", 1)
    )
    assert [target["container"] for target in given["prove"]] == [
        one.name for one in slot.instances
    ]


def test_descriptions_of_nothing_to_do_are_one_line() -> None:
    assert (
        len(describe(deploy(fleet(host(containers=containers(version="1.1.0", image=NEW)))))) == 1
    )
