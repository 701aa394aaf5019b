"""The plan: decided once from all hosts' reports, and every refusal in one line."""

from __future__ import annotations

import typing as t
from dataclasses import replace

import pytest

from ansible_collections.tagadodo.deploy.plugins.module_utils._describe import describe
from ansible_collections.tagadodo.deploy.plugins.module_utils._instance import Instance, Slot
from ansible_collections.tagadodo.deploy.plugins.module_utils._join import plan_join
from ansible_collections.tagadodo.deploy.plugins.module_utils._plan import (
    Fleet,
    HostView,
    PlanError,
    ServicePlan,
    is_warm,
    plan_deploy,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._rollback import (
    plan_giving_up,
    plan_revert,
    plan_rollback,
    plan_rollbacks,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._service import (
    Installation,
    Place,
    Service,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._steps import (
    Endpoint,
    current_text,
    planned_text,
    steps,
)
from ansible_collections.tagadodo.deploy.plugins.plugin_utils._hosts import (
    looks_of_host,
    of_elected,
    of_host,
)
from ansible_collections.tagadodo.deploy.plugins.plugin_utils._services import parse_services

INSTALLATION = Installation()
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
    slot: str = "blue", version: str = "1.0.0", image: str = OLD, count: int = 2, **more: t.Any
) -> tuple[dict[str, t.Any], ...]:
    facts = {"service": "backend", "slot": slot, "version": version, "image": image}
    rest = {"release": "r1", "fingerprint": "same", "running": True, **more}
    return tuple(
        {"name": f"tagadodo-backend-{slot}-{n}", "number": n, **facts, **rest}
        for n in range(1, count + 1)
    )


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
    return plan_deploy(on, service(**changes), INSTALLATION, "1.1.0", "r2")


def test_a_new_version_goes_to_the_slot_without_traffic() -> None:
    plan = deploy(fleet())
    assert (plan.action, plan.live, plan.slot, plan.image) == ("release", "blue", "green", NEW)
    assert plan.reasons == ("version 1.0.0 → 1.1.0",)


def test_it_goes_back_to_blue_when_green_is_live() -> None:
    plan = deploy(fleet(host(containers=containers("green"), shares={"backend": 100})))
    assert (plan.live, plan.slot) == ("green", "blue")


def test_a_rehearsal_takes_what_nginx_does_not_serve_yet_as_served_from_blue() -> None:
    bare = (host(containers=(), shares={}, servers={"backend": 1}),)
    with pytest.raises(PlanError, match="does not serve it yet"):
        deploy(Fleet(app=bare, proxy=bare))
    plan = deploy(Fleet(app=bare, proxy=bare, rehearsed=True))
    assert (plan.action, plan.slot, plan.reasons) == ("release", "green", ("nothing is live",))


def test_an_unchanged_release_is_kept() -> None:
    plan = deploy(fleet(host(containers=containers(version="1.1.0", image=NEW))))
    assert (plan.action, plan.slot, plan.changes) == ("keep", "blue", False)
    given = steps(fleet(), [plan], INSTALLATION, ENDPOINT)
    assert (given["start"], given["steps"], given["pull"]) == ([], [], [])


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
    given = steps(fleet(), [plan], INSTALLATION, ENDPOINT)
    assert (given["start"], given["shares"], given["leave"]) == ([], {}, [])
    (repair,) = given["steps"]
    assert (repair["start"][0]["release"], repair["shares"], repair["stop"]) == ("r1", {}, [])
    assert repair["instances"] == {"backend": {"blue": 2}}


def live_on(count: int, servers: int = 0, reached: int = 0, share: int = 0, **more: t.Any) -> Fleet:
    """1.1.0 is live in blue on so many instances, or in green."""
    slot = "green" if share == 100 else "blue"
    return fleet(
        host(
            containers=containers(slot, version="1.1.0", image=NEW, count=count),
            shares={"backend": share},
            servers={"backend": servers} if servers else {},
            instances_in_traffic={"backend": {slot: reached}} if reached else {},
            **more,
        )
    )


def test_more_instances_than_nginx_knows_are_refused() -> None:
    with pytest.raises(PlanError) as refused:
        deploy(live_on(1, servers=1), instances=3)
    assert str(refused.value) == (
        "backend: 3 instances are asked for, and nginx knows 1 of them; run site.yml first"
    )
    assert deploy(live_on(1, servers=3), instances=3).action == "repair"
    assert deploy(live_on(1), instances=3).action == "repair"


def test_more_instances_are_started_before_they_get_traffic() -> None:
    on = live_on(1, servers=3, reached=1)
    plan = deploy(on, instances=3)
    assert plan.reasons == ("1 of 3 instances run on web1", "1 of 3 instances get traffic")
    (repair,) = steps(on, [plan], INSTALLATION, ENDPOINT)["steps"]
    assert [one["number"] for one in repair["start"][0]["instances"]] == [1, 2, 3]
    assert (repair["instances"], repair["stop"]) == ({"backend": {"blue": 3}}, [])


def test_running_instances_without_traffic_get_it() -> None:
    on = live_on(3, servers=3, reached=1)
    assert deploy(on, instances=3).reasons == ("1 of 3 instances get traffic",)


def test_fewer_instances_lose_their_traffic_before_they_are_stopped() -> None:
    on = live_on(3, servers=3, reached=3, share=100)
    plan = deploy(on, instances=1, drain=7)
    (repair,) = steps(on, [plan], INSTALLATION, ENDPOINT)["steps"]
    assert repair["instances"] == {"backend": {"green": 1}}
    assert describe(plan) == [
        "backend: 1.1.0 is live in green; 1 of 1 instances run on web1, and 2 too many",
        "  start   what is missing of 1 instance in green",
        "  shift   traffic to it alone",
        "  stop    2 instances of green once its connections have ended, after 7 s at most",
    ]
    (stopped,) = repair["stop"]
    assert ([one["number"] for one in stopped["instances"]], stopped["drain"]) == ([2, 3], 7)


def test_a_stopped_instance_too_many_is_nothing_to_repair() -> None:
    stopped = containers(version="1.1.0", image=NEW, running=False)[1:]
    running = containers(version="1.1.0", image=NEW, count=1)
    plan = deploy(fleet(host(containers=running + stopped)), instances=1)
    assert plan.action == "keep"


def test_a_release_of_another_size_leaves_the_instances_that_are_live() -> None:
    on = fleet(host(containers=containers(count=3), servers={"backend": 3}))
    (step,) = steps(on, [deploy(on, instances=1)], INSTALLATION, ENDPOINT)["steps"]
    assert step["peek"]["instances"] == {"backend": {"green": 1, "blue": 3}}
    assert step["instances"] == {"backend": {"green": 1, "blue": 3}}
    assert len(step["watch"][0]["look"]["slots"]["blue"]["instances"]) == 3
    assert step["back"]["instances"] == {"backend": {"green": 1, "blue": 3}}


def test_another_number_of_instances_is_recorded_with_the_live_release() -> None:
    """So that a rollback to it starts as many as it had at its end."""

    def repaired(instances: int) -> list[dict[str, t.Any]]:
        on = live_on(1, servers=3, releases={"backend": LEDGER})
        plan = deploy(on, instances=instances)
        return list(steps(on, [plan], INSTALLATION, ENDPOINT)["repaired"])

    (record,) = repaired(3)
    assert (record["service"], record["release"]) == ("backend", "r2")
    assert record["facts"] == {"settings": {**LEDGER[0]["settings"], "instances": 3}}
    assert repaired(2) == []  # it had two, and one was lost


def test_a_rollback_does_not_ask_for_more_than_nginx_knows() -> None:
    before = {**LEDGER[1], "settings": {**LEDGER[1]["settings"], "instances": 3}}
    on = live_on(1, servers=2, releases={"backend": [LEDGER[0], before]})
    assert plan_rollback(on, service(instances=1), "r3").service.settings["instances"] == 2


def test_the_first_release() -> None:
    plan = deploy(fleet(host(containers=())))
    assert (plan.action, plan.slot, plan.reasons) == ("release", "green", ("nothing is live",))


def test_site_leaves_a_live_release_alone_whatever_its_version() -> None:
    plan = plan_deploy(
        fleet(host(images={})), service(), INSTALLATION, "1.1.0", "r2", first_only=True
    )
    assert (plan.action, plan.version) == ("keep", "1.0.0")


def test_site_starts_what_was_live_where_nothing_runs_unless_another_version_is_asked_for() -> None:
    """As after restore.yml on a new machine; the description may name an older version."""
    lost = fleet(host(containers=(), releases={"backend": LEDGER}))

    def site(version: str, asked: bool = False) -> ServicePlan:
        return plan_deploy(
            lost, service(), INSTALLATION, version, "r9", first_only=True, asked=asked
        )

    plan = site("1.0.0")
    was = LEDGER[0]
    assert (plan.action, plan.version, plan.image) == ("release", was["version"], was["image"])
    assert plan.reasons == ("it was live, and nothing runs",)
    assert site("1.1.0", asked=True).image == NEW


@pytest.mark.parametrize(
    ("hosts", "told"),
    [
        ([host(shares={})], "nginx on web1 does not serve it yet; run site.yml first"),
        (
            [host(shares={"backend": 25})],
            "25 % of traffic is on green, and the ledger knows of no release that was left half way",
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


def test_a_rollback_survives_the_loss_of_the_live_record() -> None:
    plan = plan_rollback(after_release(releases={"backend": LEDGER[1:]}), service(), "r3")
    assert (plan.version, plan.restores, plan.slot) == ("1.0.0", "r1", "blue")
    assert plan.reasons == ("1.1.0 is given up",)


def test_a_record_that_one_host_lost_is_known_from_another() -> None:
    known = after_release().app[0]
    lost = replace(known, name="web2", releases={"backend": LEDGER[1:]})
    began = {**LEDGER[0], "outcome": "running", "migrations": {"applied": ["002"]}}
    slow = replace(known, name="web3", releases={"backend": [began]})
    records = fleet(lost, slow, known).records("backend")
    assert [(one["release"], one["outcome"]) for one in records] == [
        ("r2", "succeeded"),
        ("r1", "succeeded"),
    ]
    assert records[0]["migrations"] == {"applied": ["002"]}


GOING_BACK = {
    "release": "r3",
    "outcome": "running",
    "kind": "rollback",
    "restores": "r1",
    "slot": "blue",
    "version": "1.0.0",
    "previous": {"release": "r2", "version": "1.1.0", "image": NEW},
}


def test_a_rollback_that_was_killed_is_finished_not_followed_by_another() -> None:
    for share in (100, 0):
        on = after_release(releases={"backend": [GOING_BACK, *LEDGER]}, shares={"backend": share})
        plan = plan_rollback(on, service(), "r4")
        assert (plan.release, plan.restores, plan.slot) == ("r3", "r1", "blue")
        assert steps(on, [plan], INSTALLATION, ENDPOINT)["given_up"] == [
            {"service": "backend", "release": "r2"}
        ]
        with pytest.raises(PlanError, match="a rollback to 1.0.0 was left half way"):
            deploy(on)


def test_a_rollback_is_warm_while_the_old_slot_runs() -> None:
    on = after_release()
    assert is_warm(on, plan_rollback(on, service(), "r3"))
    cold = after_release(
        containers=containers(running=False) + containers("green", "1.1.0", NEW, release="r2")
    )
    assert not is_warm(cold, plan_rollback(cold, service(), "r3"))


def test_a_rollback_from_a_half_moved_share_goes_ahead() -> None:
    plan = plan_rollback(after_release(shares={"backend": 75}), service(), "r3")
    assert steps(after_release(), [plan], INSTALLATION, ENDPOINT)["shares"] == {
        "backend": {"blue": 100}
    }


FAILED = {**LEDGER[0], "release": "r0", "version": "0.9.0", "outcome": "failed"}


@pytest.mark.parametrize(
    ("records", "version", "told"),
    [
        (LEDGER[1:], None, "no good release before the live one (good ones: 1.0.0)"),
        (LEDGER, "9.9.9", "no good release of version 9.9.9 (good ones: 1.0.0, 1.1.0)"),
        (
            [{**LEDGER[0], "outcome": "rolled_back"}, LEDGER[1]],
            "1.1.0",
            "no good release of version 1.1.0 (good ones: 1.0.0)",
        ),
        ([FAILED], "0.9.0", "no good release of version 0.9.0 (good ones: none)"),
        (
            [{**FAILED, "outcome": "running"}],
            None,
            "no good release before 0.9.0, which was not finished (good ones: none)",
        ),
    ],
)
def test_a_rollback_to_nowhere_is_refused_with_where_it_could_go(
    records: list[dict[str, t.Any]], version: str | None, told: str
) -> None:
    on = after_release(releases={"backend": records}, containers=containers("green"))
    with pytest.raises(PlanError) as refused:
        plan_rollback(on, service(), "r3", version)
    assert str(refused.value) == f"backend: the ledger knows {told}"


MIGRATIONS = {"status": ["status"], "up": ["up"], "down": ["down", "{name}"]}
DID = {
    "migrations": {"image": NEW, "state": "applied", "before": ["000"], "applied": ["001", "002"]}
}


def migrated(**changes: t.Any) -> Service:
    return service(migrations={**MIGRATIONS, **changes})


def after_migrations() -> Fleet:
    newest = {**LEDGER[0], **DID, "settings": migrated().settings}
    return after_release(releases={"backend": [newest, LEDGER[1]]})


@pytest.mark.parametrize(
    ("policy", "asked", "line"),
    [
        ("leave", "", "  leave   002, 001 in the database; -e migrations=revert takes it back"),
        (
            "ask",
            "",
            "  leave   002, 001 in the database until you decide: revert.yml takes it back",
        ),
        ("revert", "", f"  revert  002, 001, from {NEW}"),
        ("leave", "revert", f"  revert  002, 001, from {NEW}"),
        (
            "revert",
            "leave",
            "  leave   002, 001 in the database; -e migrations=revert takes it back",
        ),
    ],
)
def test_a_rollback_says_and_does_what_is_asked_for_the_database(
    policy: str, asked: str, line: str
) -> None:
    on = after_migrations()
    plan = plan_rollback(on, migrated(on_rollback=policy), "r3", data=asked)
    assert planned_text(on, [plan])[-1] == line
    undo = steps(on, [plan], INSTALLATION, ENDPOINT)["undo"]
    assert len(undo) == ("revert  " in line)
    for one in undo:
        assert (one["release"], one["image"], one["names"], one["before"]) == (
            "r2",
            NEW,
            ["001", "002"],
            ["000"],
        )
        assert one["commands"]["down"] == MIGRATIONS["down"]


def test_what_given_up_releases_left_is_taken_back_alone() -> None:
    gone = {**LEDGER[0], **DID, "outcome": "rolled_back", "settings": migrated().settings}
    back = {**LEDGER[1], "release": "r3", "restores": "r1"}
    on = after_release(releases={"backend": [back, gone, LEDGER[1]]}, shares={"backend": 0})
    plan = plan_revert(on, migrated())
    assert (plan.action, plan.changes) == ("keep", True)
    assert planned_text(on, [plan]) == [
        "backend: 1.0.0 stays",
        f"  revert  002, 001, from {NEW}",
    ]
    given = steps(on, [plan], INSTALLATION, ENDPOINT)
    assert (given["shares"], given["records"], len(given["undo"])) == ({}, [], 1)
    nothing = plan_revert(after_migrations(), migrated())
    assert not nothing.changes
    assert planned_text(after_migrations(), [nothing]) == [
        "backend: 1.1.0 stays; no release that was given up has left a migration"
    ]


def frontend() -> Service:
    """A service that was never released but once."""
    return parse_services(
        {"frontend": {"image": "tagadodo/frontend", "port": 80, "hostnames": ["www.example.com"]}}
    )[0]


def with_frontend(*records: dict[str, t.Any], **shares: int) -> Fleet:
    """A backend that can go back, and a frontend that cannot; of the latter 1.0.0 runs in blue."""
    known = after_release().app[0]
    one = {**containers(count=1)[0], "service": "frontend", "name": "tagadodo-frontend-blue-1"}
    releases = {**known.releases, "frontend": records}
    changed = {"shares": {**known.shares, **shares}, "releases": releases}
    return fleet(replace(known, containers=(*known.containers, one), **changed))


ONLY_ONE = {"release": "r1", "version": "1.0.0", "outcome": "succeeded", "settings": {}}


def test_a_rollback_of_all_leaves_a_service_alone_that_has_nothing_to_go_back_to() -> None:
    on = with_frontend(ONLY_ONE, frontend=0)
    plans = plan_rollbacks(on, [service(), frontend()], "r3")
    assert [(plan.action, plan.version) for plan in plans] == [
        ("restore", "1.0.0"),
        ("keep", "1.0.0"),
    ]
    told = planned_text(on, plans)
    assert told[-1] == "frontend: 1.0.0 stays; there is no earlier good release"
    assert current_text(plans).splitlines()[1] == "frontend: 1.0.0 is live in blue"
    given = steps(on, plans, INSTALLATION, ENDPOINT)
    assert given["services"]["frontend"] == {"action": "keep", "version": "1.0.0", "slot": "blue"}
    alone = steps(on, plans[:1], INSTALLATION, ENDPOINT)
    assert {**given, "services": {}} == {**alone, "services": {}}


def test_a_rollback_of_all_leaves_a_service_alone_that_was_never_set_up() -> None:
    known = after_release()
    plans = plan_rollbacks(known, [service(), frontend()], "r3")
    told = "frontend: nothing is live; there is no earlier good release"
    assert planned_text(known, plans)[-1] == told


@pytest.mark.parametrize(
    ("on", "given_up", "done"),
    [
        (with_frontend(ONLY_ONE, frontend=0), "r2", ["restore", "keep"]),
        (with_frontend(ONLY_ONE, frontend=0), "r3", ["keep", "keep"]),
        (with_frontend(ONLY_ONE, frontend=0), "unfinished,r2", ["restore", "keep"]),
        (with_frontend(ONLY_ONE, frontend=0), "unfinished,", ["keep", "keep"]),
    ],
)
def test_a_release_is_given_up_by_the_services_that_have_it(
    on: Fleet, given_up: str, done: list[str]
) -> None:
    plans = plan_giving_up(on, [service(), frontend()], "r9", given_up.split(","), "")
    assert [plan.action for plan in plans] == done


@pytest.mark.parametrize(
    ("outcome", "given_up", "done"),
    [
        ("running", "r2", "restore"),
        ("running", "unfinished,r7", "restore"),
        ("running", "r1", "keep"),
        ("held", "r2", "keep"),
        ("held", "unfinished", "keep"),
        ("failed", "r2", "keep"),
    ],
)
def test_what_was_left_half_way_is_given_up_but_what_waits_for_people_and_what_has_ended_stays(
    outcome: str, given_up: str, done: str
) -> None:
    on = killed(25, outcome=outcome)
    (plan,) = plan_giving_up(on, [service(strategy="canary")], "r9", given_up.split(","), "")
    assert plan.action == done
    if done == "keep":
        (told,) = planned_text(on, [plan])
        assert "stays" in told


def test_a_rollback_of_all_is_refused_when_no_service_can_go_back() -> None:
    on = with_frontend(ONLY_ONE, frontend=0)
    records = {**on.app[0].releases, "backend": LEDGER[1:]}
    ran = (*containers("green"), on.app[0].containers[-1])
    alone = fleet(replace(on.app[0], releases=records, containers=ran))
    with pytest.raises(PlanError) as refused:
        plan_rollbacks(alone, [service(), frontend()], "r3")
    assert str(refused.value) == (
        "backend: the ledger knows no good release before the live one (good ones: 1.0.0);"
        " frontend: the ledger knows no good release before the live one (good ones: 1.0.0)"
    )


def test_the_plan_shows_no_secret_and_says_each_step() -> None:
    plan = plan_deploy(fleet(), service(secrets={"TOKEN": "hush"}), INSTALLATION, "1.1.0", "r2")
    text = "\n".join([*planned_text(fleet(), [plan]), current_text([plan])])
    given = steps(fleet(), [plan], INSTALLATION, ENDPOINT)
    assert "hush" not in text + str(given)
    for step in ("pull", "start", "prove", "shift", "watch", "stop"):
        assert f"\n  {step}" in text
    assert given["steps"][0]["back"]["shares"] == {"backend": {"green": 0}}


@pytest.mark.parametrize(
    ("asked", "line"),
    [
        ({}, ""),
        ({"before_release": "always"}, ", unless that was done in the last 24 h"),
        ({"before_release": "always", "max_age": 0}, ""),
    ],
)
def test_the_plan_says_that_data_is_backed_up_before(asked: dict[str, object], line: str) -> None:
    lines = [one for one in describe(deploy(fleet(), backup=asked)) if one.startswith("  backup")]
    assert lines == ([f"  backup  the data{line}"] if asked else [])


def test_the_plan_says_how_old_a_backup_may_be() -> None:
    asked = {"backup": {"before_release": "always", "max_age": 12}}
    kept = deploy(fleet(host(containers=containers(version="1.1.0", image=NEW))), **asked)
    for plan, hours in ((deploy(fleet(), **asked), 12), (deploy(fleet()), None), (kept, None)):
        assert steps(fleet(), [plan], INSTALLATION, ENDPOINT)["backup_hours"] == hours


def test_the_parts_of_a_release_are_the_files_of_tasks_that_have_something_to_do() -> None:
    def parts(**changes: object) -> list[tuple[str, int | None]]:
        on = fleet(host(containers=containers(count=4)))
        given = steps(on, [deploy(on, instances=4, **changes)], INSTALLATION, ENDPOINT)["parts"]
        return [(one["tasks"], one.get("number")) for one in given]

    assert parts(bake=0) == [("step", 0)]
    assert parts(bake=0, backup={"before_release": "always"}) == [("before", None), ("step", 0)]
    assert parts(bake=60) == [("before", None), ("step", 0), ("watch", 0)]
    rolling = {"batch": 3, "minimum": 1, "maximum": 2}
    assert parts(strategy="rolling", rolling=rolling, bake=0) == [
        ("before", None),
        *((tasks, 0) for tasks in ("step", "watch", "stop")),
        ("reach", 1),
        ("step", 1),
    ]


def test_started_slots_are_what_the_instances_module_takes() -> None:
    given = steps(fleet(), [deploy(fleet())], INSTALLATION, ENDPOINT)
    slot = Slot.parse(given["steps"][0]["start"][0], {})
    assert slot.instances[0] == Instance(
        "tagadodo-backend-green-1", 1, service().address(INSTALLATION, "green", 1)
    )
    assert [target["container"] for target in given["steps"][0]["prove_first"]] == [
        one.name for one in slot.instances
    ]


def test_new_instances_are_proven_before_any_shift_by_whom_need_not_wait_for_another_host() -> None:
    """Several hosts: where they are started, all before one shifts. One host: where traffic is shifted."""
    one, two = fleet(), fleet(host(), host("app2"))
    for on, start, shift in ((one, 0, 2), (two, 2, 0)):
        given = steps(on, [deploy(on)], INSTALLATION, ENDPOINT)["steps"][0]
        assert (len(given["prove"]), len(given["prove_first"])) == (start, shift)


TIER = Installation(places={"backend": Place(("app1", "app2"), ("10.0.0.1", "10.0.0.2"))})


def tier(*others: HostView) -> Fleet:
    """Two proxies before two hosts of the backend, and what else there is."""
    app = tuple(host(name, shares={}) for name in ("app1", "app2"))
    proxy = tuple(host(name, containers=()) for name in ("proxy1", "proxy2"))
    return Fleet(app=(*app, *others), proxy=proxy, places=TIER.places)


def test_proxies_on_other_hosts_prove_what_they_reach_at_published_ports() -> None:
    plan = deploy(tier())
    given = steps(tier(), [plan], TIER, ENDPOINT)["steps"][0]
    started = Slot.parse(given["start"][0], {})
    ports = [instance.published for instance in started.instances]
    assert ports == [service().published_port("green", n) for n in (1, 2)]
    assert started.runtime["published"]
    assert [target["hosts"] for target in given["prove"]] == [["app1", "app2"]] * 2
    assert [target["url"] for target in given["prove_first"]] == [
        f"http://{address}:{port}" for port in ports for address in ("10.0.0.1", "10.0.0.2")
    ]
    assert len({target["name"] for target in given["prove_first"]}) == 4


def test_a_host_that_takes_no_part_is_not_asked() -> None:
    known = tier()
    rest = replace(known, app=known.app[:1])
    given = steps(rest, [deploy(rest)], TIER, ENDPOINT)["steps"][0]
    assert [target["url"].split(":")[1] for target in given["prove_first"]] == ["//10.0.0.1"] * 2


def test_hosts_of_other_services_have_no_say() -> None:
    """They need not see the image, and nothing is started or stopped on them."""
    other = host("web1", shares={}, containers=(), images={})
    on = tier(other)
    assert deploy(on).reasons == ("version 1.0.0 → 1.1.0",)
    given = steps(on, [deploy(on)], TIER, ENDPOINT)
    for entries in (given["steps"][0]["start"], given["steps"][0]["prove"], given["leave"]):
        assert of_host(entries, "web1") == []
        assert len(of_host(entries, "app1")) == len(entries)
        assert not any("hosts" in one for one in of_host(entries, "app1"))
    (look,) = looks_of_host([{**LOOK, "hosts": ["app1"]}], "web1", proxy=False, app=True)
    assert look["slots"] == {}
    (look,) = looks_of_host([{**LOOK, "hosts": ["app1"]}], "app1", proxy=False, app=True)
    assert look["slots"] == LOOK["slots"]


def test_what_runs_on_hosts_that_it_left_is_stopped_there() -> None:
    gone = host("app9", shares={})
    same = {"containers": containers(version="1.1.0", image=NEW)}
    on = replace(tier(gone), app=tuple(replace(v, **same) for v in tier(gone).app))
    plan = deploy(on)
    assert plan.action == "leave"
    assert plan.reasons == ("it still runs on app9, which is no host of it any more",)
    for asked in (plan, deploy(tier(gone))):
        given = steps(tier(gone), [asked], TIER, ENDPOINT)
        (left,) = of_host(given["leave"], "app9")
        assert (left["slot"], left.get("instances")) == ("blue", None)


def first(on: Fleet) -> ServicePlan:
    """What ``site.yml`` does."""
    return plan_deploy(on, service(), TIER, "1.1.0", "r9", first_only=True)


def test_a_host_that_is_retired_stops_what_it_runs_and_nothing_else_is_stopped() -> None:
    warm = {"containers": containers() + containers("green", "0.9.0", "older")}
    on = replace(tier(), app=tuple(replace(v, **warm) for v in tier().app), retired=(host("old"),))
    plan = first(on)
    assert (plan.action, plan.reasons[0]) == (
        "leave",
        "it still runs on old, which is no host of it any more",
    )
    assert steps(on, [plan], TIER, ENDPOINT)["leave"] == [
        {**steps(on, [plan], TIER, ENDPOINT)["leave"][0], "slot": "blue", "hosts": ["old"]}
    ]
    assert planned_text(on, [plan])[1].startswith("  stop    it there")
    assert first(replace(on, retired=())).action == "keep"


def test_a_warm_slot_stays_warm_while_hosts_that_were_left_are_stopped() -> None:
    both = {"containers": containers("green", "0.9.0", "older") + containers("blue", "1.1.0", NEW)}
    on = replace(tier(), app=tuple(replace(v, **both) for v in tier().app), retired=(host("old"),))
    plan = plan_deploy(on, service(keep_warm=True), TIER, "1.1.0", "r2")
    left = steps(on, [plan], TIER, ENDPOINT)["leave"]
    assert [(one["hosts"], one["slot"]) for one in left] == [(["old"], "blue")]


LIVE_IN_BLUE = ({**LEDGER[1], "slot": "blue"},)


def joined(new: HostView, *others: HostView, records: t.Any = LIVE_IN_BLUE, **more: t.Any) -> Fleet:
    """app2 is new to a service that is live on app1."""
    known = {"releases": {"backend": records}}
    apps = (host("app1", shares={}, **known), new, *others)
    return replace(tier(), app=apps, **more)


BARE = host("app2", shares={}, containers=())


def test_a_host_that_is_new_starts_what_is_live_and_no_other_is_touched() -> None:
    on = joined(BARE)
    plan = plan_join(on, service(instances=3, env={"A": "new"}))
    assert plan is not None
    given = steps(on, [plan], TIER, ENDPOINT)
    (start,) = of_host(given["start"], "app2")
    assert of_host(given["start"], "app1") == []
    # As it was released, whatever is described by now.
    assert (start["slot"], start["image"], start["release"]) == ("blue", OLD, "r1")
    assert (len(start["instances"]), start["runtime"]["env"]) == (1, {})
    assert [one["url"] for one in given["prove_published"]] == [
        f"http://10.0.0.2:{service().published_port('blue', 1)}"
    ]
    assert of_host(given["prove"], "app1") == []
    (learns,) = of_host(given["history"], "app2")
    assert [(one["release"], one["facts"]["image"]) for one in learns["records"]] == [("r1", OLD)]
    assert (given["steps"], given["shares"], given["leave"]) == ([], {}, [])
    assert planned_text(on, [plan])[:2] == [
        "backend: 1.0.0 is live in blue; nothing of it runs on app2 yet",
        "  start   1 instance in blue on app2",
    ]


def test_what_ran_on_a_retired_host_alone_starts_on_the_one_in_its_place() -> None:
    old = host("old", shares={}, releases={"backend": LIVE_IN_BLUE})
    plan = plan_join(replace(tier(), app=(BARE,), retired=(old,)), service())
    assert plan is not None
    assert (plan.joining, plan.image) == (("app2",), OLD)


@pytest.mark.parametrize(
    "on",
    [
        joined(host("app2", shares={})),  # runs it
        replace(joined(BARE, records=[]), app=(BARE,)),  # never released
        replace(joined(BARE), proxy=(host("proxy1", shares={}),)),  # not served yet
    ],
)
def test_there_is_nothing_to_join(on: Fleet) -> None:
    assert plan_join(on, service()) is None


def test_what_the_ledger_has_lost_is_joined_as_its_containers_say() -> None:
    plan = plan_join(joined(BARE, records=[]), service())
    assert plan is not None
    assert (plan.version, plan.image, plan.release) == ("1.0.0", OLD, "r1")


def test_nobody_joins_a_release_that_was_left_half_way() -> None:
    half = {**LEDGER[0], "slot": "green", "outcome": "held"}
    with pytest.raises(PlanError, match="app2 would join, and the release of 1.1.0 was left half"):
        plan_join(joined(BARE, records=[half, *LIVE_IN_BLUE]), service())


@pytest.mark.parametrize(
    ("known", "told"),
    [
        (["10.0.0.1", "10.0.0.2"], ""),
        (["10.0.0.2", "10.0.0.1"], ""),
        (["10.0.0.1"], "nginx on proxy1 leads to 10.0.0.1, and by the inventory it runs on 10.0.0.1, 10.0.0.2;"),
        (["10.0.0.1", "10.0.0.2", "10.0.0.3"], "nginx on proxy1 leads to 10.0.0.1, 10.0.0.2, 10.0.0.3, and"),
        ([], "nginx on proxy1 leads to itself, and by the inventory it runs on 10.0.0.1, 10.0.0.2; run site.yml"),
    ],
)  # fmt: skip
def test_a_release_goes_where_nginx_leads(known: list[str], told: str) -> None:
    views = tuple(replace(one, addresses={"backend": known}) for one in tier().proxy)
    on = replace(tier(), proxy=views)
    if not told:
        assert deploy_to(on).action == "release"
        return
    with pytest.raises(PlanError) as error:
        deploy_to(on)
    assert told in str(error.value)
    assert deploy_to(replace(on, rehearsed=True)).action == "release"


def deploy_to(on: Fleet) -> ServicePlan:
    return plan_deploy(on, service(), TIER, "1.1.0", "r2")


def test_a_way_back_needs_a_host_that_nginx_leads_to() -> None:
    def back(known: str) -> ServicePlan:
        views = tuple(replace(one, addresses={"backend": [known]}) for one in tier().proxy)
        apps = tuple(replace(one, releases={"backend": LEDGER}) for one in tier().app)
        return plan_rollback(replace(tier(), proxy=views, app=apps), service(), "r3")

    assert back("10.0.0.2").action == "restore"
    with pytest.raises(PlanError, match="nginx on proxy1 leads to 10.0.0.9"):
        back("10.0.0.9")


def apart(shares: t.Sequence[int], records: t.Any, **more: t.Any) -> Fleet:
    """Proxies that send different shares to green."""
    proxies = tuple(
        host(f"proxy{number}", containers=(), shares={"backend": share})
        for number, share in enumerate(shares, start=1)
    )
    apps = tuple(
        replace(one, releases={"backend": records}, shares={}, **more) for one in tier().app
    )
    return replace(tier(), app=apps, proxy=proxies)


def test_a_proxy_that_leads_elsewhere_than_the_live_release_is_brought_back_by_any_run() -> None:
    same = {"containers": containers(version="1.1.0", image=NEW)}
    on = apart([0, 100], LIVE_IN_BLUE, **same)
    for plan in (deploy_to(on), first(on)):
        assert (plan.action, plan.live, plan.changes) == ("keep", "blue", True)
        assert planned_text(on, [plan]) == [
            "backend: 1.1.0 is live in blue",
            "  shift   proxy2, which sends 100 % to green, to 0 % as the release has it",
        ]
        given = steps(on, [plan], TIER, ENDPOINT)
        assert [(one["tasks"], one["shares"]) for one in given["parts"]] == [
            ("step", {"backend": {"blue": 100}})
        ]
    release = deploy_to(apart([100, 0], LIVE_IN_BLUE))
    assert release.action == "release"
    given = steps(on, [release], TIER, ENDPOINT)
    assert [one["name"] for one in given["steps"]] == ["proxies", "100 %"]


def test_proxies_that_have_lost_what_they_were_told_lead_to_what_is_live_again() -> None:
    same = {"containers": containers(version="1.1.0", image=NEW)}
    on = apart([100, 100], LIVE_IN_BLUE, **same)
    assert (deploy_to(on).action, set(deploy_to(on).misled)) == ("keep", {"proxy1", "proxy2"})
    both = containers(version="1.1.0", image=NEW) + containers("green", "1.2.0")
    moved = apart([100, 100], LIVE_IN_BLUE, containers=both)
    assert deploy_to(moved).misled == {}  # where something runs, traffic is where somebody wants it


def test_a_release_that_was_left_half_way_goes_on_from_where_all_proxies_are() -> None:
    shares = {"strategy": "canary", "canary": {"shares": [10, 25, 50, 100]}}
    half = {
        **LEDGER[0],
        **{"slot": "green", "outcome": "running", "settings": service(**shares).settings},
    }
    both = containers() + containers("green", "1.1.0", NEW, release="r2")
    on = apart([50, 10], [half, *LIVE_IN_BLUE], containers=both)
    plan = plan_deploy(on, service(**shares), TIER, "1.1.0", "r9")
    assert (plan.unfinished, plan.reasons) == ("r2", ("goes on with 10 % of traffic",))
    given = steps(on, [plan], TIER, ENDPOINT)
    assert given["steps"][0]["shares"] == {"backend": {"green": 10}}
    # A proxy that was not told yet still sends users there: nothing else is started in that slot.
    untold = apart([50, 0], [half, *LIVE_IN_BLUE], containers=both)
    assert plan_deploy(untold, service(**shares), TIER, "1.1.0", "r9").unfinished == "r2"
    other = {"docker.io/tagadodo/backend:1.2.0": {"digest": "sha256:12"}}
    views = tuple(replace(one, images=other) for one in untold.app)
    with pytest.raises(PlanError, match="the release of 1.1.0 was left half way and has traffic"):
        plan_deploy(replace(untold, app=views), service(**shares), TIER, "1.2.0", "r9")


LOOK = {"log": "", "smoke": None, "metrics": [], "slots": {"green": {}}}


def test_one_host_of_the_service_does_what_is_done_once() -> None:
    migrate = [{"service": "backend", "hosts": ["app1", "app2"]}, {"service": "other"}]
    alive = ["web1", "app1", "app2"]
    assert of_elected(migrate, "app1", alive) == [{"service": "backend"}]
    assert of_elected(migrate, "web1", alive) == [{"service": "other"}]
    assert of_elected(migrate, "app2", alive) == []
    assert of_elected(migrate, "app2", ["app2"]) == [{"service": "backend"}, {"service": "other"}]


def test_descriptions_of_nothing_to_do_are_one_line() -> None:
    assert (
        len(describe(deploy(fleet(host(containers=containers(version="1.1.0", image=NEW)))))) == 1
    )


def canary(count: int = 4, **changes: object) -> dict[str, t.Any]:
    on = fleet(host(containers=containers(count=4)))
    plan = deploy(on, strategy="canary", instances=count, **changes)
    return steps(on, [plan], INSTALLATION, ENDPOINT)


def test_a_canary_starts_one_instance_and_the_rest_before_the_share_outgrows_them() -> None:
    given = canary()["steps"]
    assert [one["shares"]["backend"] for one in given] == [
        {"green": share} for share in (10, 25, 50, 100)
    ]
    assert [one["instances"]["backend"]["green"] for one in given] == [1, 1, 2, 4]
    assert [[len(slot["instances"]) for slot in one["start"]] for one in given] == [
        [1],
        [],
        [2],
        [4],
    ]
    assert [bool(one["prove_proxy"]) for one in given] == [True, False, False, False]
    assert given[0]["peek"] == {
        "shares": {"backend": {"green": 0}},
        "instances": {"backend": {"green": 1, "blue": 4}},
    }
    assert all(one["peek"]["shares"] == {} for one in given[1:])
    assert all(one["stop"] == [] for one in given)


def test_every_step_of_a_canary_goes_back_to_nothing_on_the_new_slot() -> None:
    for one in canary()["steps"]:
        assert one["back"]["shares"] == {"backend": {"green": 0}}
        assert [slot["slot"] for slot in one["back"]["stop"]] == ["green"]
        assert one["back"]["outcome"] == "failed"


def test_rolling_replaces_one_instance_at_a_time_and_stops_where_it_fails() -> None:
    on = fleet(host(containers=containers(count=4)))
    plan = deploy(on, strategy="rolling", instances=4)
    given = steps(on, [plan], INSTALLATION, ENDPOINT)["steps"]
    assert [one["name"] for one in given] == ["1 of 4", "2 of 4", "3 of 4", "100 %"]
    assert [one["instances"]["backend"] for one in given] == [
        {"green": 1, "blue": 3},
        {"green": 2, "blue": 2},
        {"green": 3, "blue": 1},
        {"green": 4, "blue": 1},
    ]
    assert [
        [[i["number"] for i in slot["instances"]] for slot in one["stop"]] for one in given
    ] == [[[4]], [[3, 4]], [[2, 3, 4]], []]
    third = given[2]["back"]
    assert third["shares"] == {"backend": {"green": 50}}
    assert third["instances"] == {"backend": {"green": 2, "blue": 2}}
    assert [[i["number"] for i in slot["instances"]] for slot in third["stop"]] == [[3, 4]]
    assert (given[0]["back"]["outcome"], third["outcome"]) == ("failed", "held")


RUNNING = {
    "release": "r2",
    "version": "1.1.0",
    "outcome": "running",
    "image": NEW,
    "slot": "green",
    "settings": service(strategy="canary").public_settings,
}


def killed(share: int, **changes: t.Any) -> Fleet:
    known = host(
        containers=containers() + containers("green", "1.1.0", NEW, release="r2"),
        shares={"backend": share},
        releases={"backend": [{**RUNNING, **changes}, LEDGER[1]]},
    )
    return fleet(known)


@pytest.mark.parametrize(
    ("share", "left"),
    [(0, [10, 25, 50, 100]), (25, [25, 50, 100]), (30, [25, 50, 100]), (100, [100])],
)
def test_a_release_that_was_killed_goes_on_at_its_share(share: int, left: list[int]) -> None:
    on = killed(share)
    plan = plan_deploy(on, service(strategy="canary"), INSTALLATION, "1.1.0", "r9")
    assert (plan.action, plan.release, plan.slot, plan.live) == ("release", "r2", "green", "blue")
    assert [step.share for step in plan.steps] == left
    assert steps(on, [plan], INSTALLATION, ENDPOINT)["watched"] == "r2"


def test_another_version_does_not_take_the_place_of_one_with_traffic() -> None:
    other = replace(killed(25).app[0], images={TAG: {"digest": "sha256:12"}})
    with pytest.raises(PlanError, match="the release of 1.1.0 was left half way and has traffic"):
        deploy(fleet(other), strategy="canary")


def test_another_version_takes_the_place_of_one_without_traffic() -> None:
    on = fleet(replace(killed(0, release="r1x").app[0], images={TAG: {"digest": "sha256:12"}}))
    plan = deploy(on, strategy="canary")
    assert (plan.unfinished, plan.resumes) == ("r1x", False)
    assert plan.slot == "green"


def test_a_held_release_is_judged_anew_when_it_goes_on() -> None:
    on = killed(0, outcome="held")
    plan = plan_deploy(on, service(strategy="canary"), INSTALLATION, "1.1.0", "r9")
    assert plan.resumes
    assert steps(on, [plan], INSTALLATION, ENDPOINT)["watched"] == ""


def test_a_rollback_of_a_release_that_was_killed_goes_to_what_was_live() -> None:
    on = killed(25)
    plan = plan_rollback(on, service(strategy="canary"), "r9")
    assert (plan.slot, plan.version, plan.restores) == ("blue", "1.0.0", "r1")
    given = steps(on, [plan], INSTALLATION, ENDPOINT)
    assert given["shares"] == {"backend": {"blue": 100}}
    assert given["given_up"] == [{"service": "backend", "release": "r2"}]


def test_a_slot_that_a_killed_run_left_running_is_stopped() -> None:
    on = fleet(
        host(containers=containers(version="1.1.0", image=NEW) + containers("green", "1.0.0"))
    )
    plan = deploy(on)
    assert (plan.action, plan.reasons) == ("tidy", ("1.0.0 still runs in green",))
    given = steps(on, [plan], INSTALLATION, ENDPOINT)
    assert ([one["slot"] for one in given["leave"]], given["records"]) == (["green"], [])
    assert deploy(on, keep_warm=True).action == "keep"


def test_the_plan_says_by_what_a_canary_is_judged() -> None:
    few = fleet(host(requests={"backend": {"per_minute": 3.0}}))
    told = "\n".join(planned_text(few, [deploy(few, strategy="canary", instances=4)]))
    assert "start   1 of 4 instances in green" in told
    assert "probes make up for the rest" in told
    wait = deploy(few, strategy="canary", canary={"low_traffic": "wait"})
    assert "it will be held unless they send more" in "\n".join(planned_text(few, [wait]))
    many = fleet(host(requests={"backend": {"per_minute": 6000.0}}))
    assert "probes" not in "\n".join(planned_text(many, [deploy(many, strategy="canary")]))
    given = steps(many, [deploy(many, strategy="canary")], INSTALLATION, ENDPOINT)
    assert given["steps"][0]["watch"][0]["look"]["smoke"]["count"] == 3


CLUSTER = Installation(kubernetes=True)


def asked(endpoint: Endpoint) -> list[tuple[str, str]]:
    """What is asked of a canary on a cluster, share by share, and then of what is live; by which name and URL."""
    plan = deploy(fleet(), strategy="canary", canary={"shares": [10, 100]})
    given = steps(fleet(), [plan], CLUSTER, endpoint)
    smoked = [step["watch"][0]["look"]["smoke"]["target"] for step in given["steps"]]
    proven = [target for step in given["steps"] for target in step["prove_proxy"]]
    return [(one["name"], one["url"]) for one in (*proven, *smoked, *given["verify"])]


def test_on_a_cluster_services_are_asked_by_the_api() -> None:
    green = ("backend through its Service", "http://shop-backend-green:3000")
    live = ("backend through its Service", "http://shop-backend:3000")
    assert asked(Endpoint("127.0.0.1", 443, project="shop")) == [green, green, green, live]


def test_where_the_gateway_is_reached_it_is_asked_what_users_get() -> None:
    green = ("backend through its Service", "http://shop-backend-green:3000")
    users = ("backend through its gateway", "https://api.example.com:443")
    endpoint = Endpoint("203.0.113.7", 443, project="shop", gateway=True)
    assert asked(endpoint) == [green, green, users, users]


def test_a_pod_is_made_of_more_settings_than_a_container() -> None:
    given = steps(fleet(), [deploy(fleet())], CLUSTER, ENDPOINT)
    (start,) = given["steps"][0]["start"]
    assert {"health", "drain", "hostnames", "kubernetes"} <= set(start["runtime"])
    assert start["of"] == 2
    (start,) = steps(fleet(), [deploy(fleet())], INSTALLATION, ENDPOINT)["steps"][0]["start"]
    assert "health" not in start["runtime"]
    assert "of" not in start
