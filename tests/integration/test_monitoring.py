# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whoever is told of alerts is told of each condition of S14, of this example that is broken for real.

How many seconds that took goes to ``build/alerts.md``.
"""

from __future__ import annotations

import os
import pathlib
import stat
import subprocess
import time
import typing as t

import pytest
import webhook
import yaml
from audit import compose_lint
from described import services_with
from rule_tests import cases
from stack import ROOT, Run, Stack
from watched import BROKEN, NAMES, TOKEN, Users, Watched, expressions

from ansible_collections.tagadodo.deploy.plugins.filter.monitoring import alert_rules

FIGURES = ROOT / "build/alerts.md"
FAULTS = {"FAULT_ERROR_PERCENT": "30", "FAULT_LATENCY_MS": "4000", "FAULT_USER_AGENT": BROKEN}
SERVICES = services_with(bake=0, min_ready=1, gate={}, env=FAULTS)
PROMTOOL = "prom/prometheus:v3.5.3"
RELOADED = ("dev", "tagadodo.deploy.monitoring : Reload | Ask it to read its settings again")
Seconds = dict[tuple[str, str], float]


def test_alert_rules_fire_by_numbers_and_nearly_so_do_not(tmp_path: pathlib.Path) -> None:
    service = {"backend": {"image": "a/backend", "port": 3000, "hostnames": ["a.example"]}}
    groups = alert_rules(
        service,
        windows={"critical": 60, "high": 300, "medium": 900},
        usual=3600,
        disk={"critical": 95, "high": 90},
        backup_hours=26,
        data=["redis", "mongodb"],
        rollback={"backend": 3600},
    )
    tests = {"rule_files": ["rules.yml"], "tests": [case.as_test() for case in cases()]}
    (tmp_path / "rules.yml").write_text(yaml.safe_dump({"groups": groups}))
    (tmp_path / "tests.yml").write_text(yaml.safe_dump({"evaluation_interval": "15s", **tests}))
    for path in (tmp_path, *tmp_path.iterdir()):
        path.chmod(0o755)
    where = ["--rm", "--network=none", f"--volume={tmp_path}:/rules:ro", "--entrypoint=promtool"]
    image = f"{os.environ['REGISTRY']}/{PROMTOOL}"
    done = subprocess.run(
        ["docker", "run", *where, image, "test", "rules", "/rules/tests.yml"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def watched(stack: Stack) -> t.Iterator[Watched]:
    """Watched from now on, with a backend that treats some users badly."""
    run = stack.play("deploy", services=SERVICES)
    assert run.code == 0, run.output
    stack.extra["services"] = SERVICES
    listening = webhook.listening
    with listening() as people, listening() as slack, listening() as asked:
        one = Watched(stack, people, slack, asked)
        try:
            yield one
        finally:
            one.destroy()


@pytest.fixture(scope="module")
def runs(watched: Watched) -> dict[str, Run]:
    before = watched.stack.snapshot()
    checked = watched.play("--check", "--diff")
    assert (checked.code, watched.stack.snapshot()) == (0, before), checked.output
    done = watched.play("--diff")
    assert done.code == 0, done.output
    watched.tell_facts()
    return {"check": checked, "first": done}


@pytest.fixture(scope="module")
def users(watched: Watched, runs: dict[str, Run]) -> t.Iterator[Users]:
    with Users(watched.stack).asking() as users:
        yield users


@pytest.fixture(scope="module")
def figures() -> t.Iterator[dict[str, Seconds]]:
    """Seconds by what was done."""
    found: dict[str, Seconds] = {}
    yield found
    rows = [
        f"| {what} | {name} | {severity} | {seconds:.1f} |"
        for what, told in found.items()
        for (name, severity), seconds in sorted(told.items(), key=lambda item: item[1])
    ]
    head = "| broken | alert | severity | told after, s |\n|---|---|---|---|\n"
    FIGURES.parent.mkdir(exist_ok=True)
    FIGURES.write_text(head + "\n".join(rows) + "\n")
    print(FIGURES.read_text())


def test_a_check_says_what_will_be_done(runs: dict[str, Run]) -> None:
    assert runs["check"].changes
    assert runs["first"].changes - runs["check"].changes <= {RELOADED}


def test_all_of_it_runs_and_a_second_run_changes_nothing(
    watched: Watched, runs: dict[str, Run]
) -> None:
    before = {name: one.id for name, one in watched.containers().items()}
    assert set(before) == NAMES
    again = watched.play()
    assert (again.code, again.changed) == (0, 0), again.changes
    assert {name: one.id for name, one in watched.containers().items()} == before


def test_everything_is_asked_and_answers(watched: Watched, users: Users) -> None:
    deadline = time.monotonic() + 30
    while True:
        targets = watched.ask("targets")["activeTargets"]
        bad = [(one["labels"], one["lastError"]) for one in targets if one["health"] != "up"]
        if not bad:
            break
        assert time.monotonic() < deadline, bad
        time.sleep(0.5)
    jobs = {one["labels"]["job"] for one in targets}
    assert jobs == {*watched.ports, "probe"}
    assert {one["metric"]["check"] for one in watched.series("probe_success == 1")} == {
        "live",
        "ready",
        "feature",
    }


def test_the_dashboard_asks_nothing_that_nobody_answers(watched: Watched, users: Users) -> None:
    silent = expressions(ROOT / "roles/monitoring/files/dashboard.json")
    deadline = time.monotonic() + 40
    while silent:
        silent = [one for one in silent if not watched.series(one)]
        assert time.monotonic() < deadline, silent
        time.sleep(1)


def test_releases_are_told_with_their_times(watched: Watched, runs: dict[str, Run]) -> None:
    newest = watched.stack.records("backend")[-1]
    told = watched.series(f'tagadodo_release_timestamp_seconds{{release="{newest["release"]}"}}')
    assert [one["metric"]["outcome"] for one in told] == ["succeeded"]
    (live,) = watched.series('tagadodo_release_live_timestamp_seconds{service="backend"}')
    assert (live["metric"]["version"], live["metric"]["slot"]) == ("1.0.0", newest["slot"])


def test_errors_and_slowness(watched: Watched, users: Users, figures: dict[str, Seconds]) -> None:
    users.agent, began = BROKEN, time.monotonic()
    expected = {
        *(("ServiceErrors", severity) for severity in ("critical", "high", "medium")),
        ("ServiceSlow", "high"),
        ("ServiceDegraded", "medium"),
    }
    # Where it is bad nobody is told that it is not good: what is told is the worst of each.
    figures["30 % of errors, 4 s more"] = watched.fires(expected, began)
    assert ("ServiceErrors", "critical") in watched.told()
    users.agent = "Mozilla/5.0"


def test_missing_pages(watched: Watched, users: Users, figures: dict[str, Seconds]) -> None:
    users.path, began = "/nothing", time.monotonic()
    figures["every page is missing"] = watched.tells({("ServiceMissingPages", "medium")}, began)
    users.path = "/version"


def test_data_services_are_lost(
    watched: Watched, users: Users, figures: dict[str, Seconds]
) -> None:
    containers, began = watched.stack.containers(), time.monotonic()
    for name in ("redis", "mongodb"):
        containers[name].stop(timeout=1)
    expected = {
        ("DatabaseLost", "critical"),
        ("FeatureBroken", "high"),
        ("RedisDown", "critical"),
        ("MongodbDown", "critical"),
    }
    figures["Redis and MongoDB stopped"] = watched.tells(expected, began)
    for name in ("redis", "mongodb"):
        containers[name].start()


def test_an_instance_restarts_by_itself(
    watched: Watched, users: Users, figures: dict[str, Seconds]
) -> None:
    (name, *_more) = watched.stack.running("backend", _live_slot(watched))
    began = time.monotonic()
    subprocess.run(["kill", "-9", str(_pid(watched, name))], check=True)
    deadline = time.monotonic() + 20
    while not watched.stack.containers()[name].attrs["RestartCount"]:
        assert time.monotonic() < deadline
        time.sleep(0.2)
    watched.tell_facts()
    figures["an instance was killed"] = watched.tells({("InstanceRestarts", "critical")}, began)


def test_the_api_is_down(watched: Watched, users: Users, figures: dict[str, Seconds]) -> None:
    names = watched.stack.running("backend", _live_slot(watched))
    containers, began = watched.stack.containers(), time.monotonic()
    for name in names:
        containers[name].stop(timeout=1)
    watched.tell_facts()
    expected = {("ServiceDown", "critical"), ("InstanceDown", "critical")}
    figures["all instances stopped"] = watched.tells(expected, began)
    for name in names:
        containers[name].start()
    watched.tell_facts()


def test_other_limits_are_loaded_while_it_runs(
    watched: Watched, users: Users, figures: dict[str, Seconds]
) -> None:
    """By a signal; a disk is full and a certificate about to end by these. And somebody has stopped an exporter."""
    before = {name: one.attrs["State"]["StartedAt"] for name, one in watched.containers().items()}
    settings: dict[str, t.Any] = {
        "monitoring_disk": {"critical": 0.1},
        "monitoring_certificate_days": 9999,
    }
    planned = watched.play("--check", "--diff", **settings)
    assert (
        "+    expr: 100 * (1 - node_filesystem_avail_bytes / node_filesystem_size_bytes) > 0.1"
        in planned.output
    )
    began = time.monotonic()
    run = watched.play(**settings)
    assert run.code == 0, run.output
    assert run.changes == planned.changes | {RELOADED}
    after = {name: one.attrs["State"]["StartedAt"] for name, one in watched.containers().items()}
    assert after == before
    watched.containers()["mtail"].stop(timeout=1)
    expected = {("DiskFull", "critical"), ("CertificateEnds", "critical"), ("ExporterDown", "high")}
    figures["limits that are exceeded, an exporter stopped (the play included)"] = watched.tells(
        expected, began
    )
    watched.containers()["mtail"].start()


def test_what_alertmanager_would_refuse_never_replaces_what_runs(
    watched: Watched, runs: dict[str, Run]
) -> None:
    path = watched.stack.config_dir / "monitoring/alertmanager/alertmanager.yml"
    before = path.read_text()
    run = watched.play(monitoring_group_wait=-1)
    assert run.code != 0
    assert "not a valid duration" in run.reason
    assert path.read_text() == before


def test_settings_that_mean_nothing_are_refused_in_a_line(
    watched: Watched, runs: dict[str, Run]
) -> None:
    run = watched.play(monitoring_webhook_url="hooks.example.com/secret-of-it")
    assert run.code != 0
    assert "monitoring_webhook_url" in run.reason
    assert "secret-of-it" not in run.output


def test_who_may_roll_back_is_asked_for_the_release_that_is_bad(
    watched: Watched, users: Users
) -> None:
    alerts = [alert for body in watched.asked.bodies for alert in body["alerts"]]
    assert {(one["labels"]["alertname"], one["status"]) for one in alerts} == {
        ("RollBack", "firing")
    }
    live = watched.stack.records("backend")[-1]
    assert {one["labels"]["release"] for one in alerts} == {live["release"]}
    assert set(watched.asked.authorizations) == {f"Bearer {TOKEN}"}


def test_slack_is_told_too(watched: Watched, users: Users) -> None:
    texts = [str(body) for body in watched.slack.bodies]
    assert any("backend blue" in text or "backend green" in text for text in texts)
    assert any("DatabaseLost" in text for text in texts)


def test_nobody_else_can_read_whom_it_tells(watched: Watched, runs: dict[str, Run]) -> None:
    root = watched.stack.config_dir / "monitoring"
    assert stat.S_IMODE(root.stat().st_mode) == 0o700
    texts = {path: path.read_text() for path in root.rglob("*") if path.is_file()}
    for name, secret in {
        "webhook": watched.people.url,
        "slack": watched.slack.url,
        "token-backend": TOKEN,
        "passwords.json": (watched.stack.work / "secrets/redis_password").read_text().split()[0],
    }.items():
        (path,) = [path for path, text in texts.items() if secret in text]
        assert (path.name, stat.S_IMODE(path.stat().st_mode)) == (name, 0o640)
        assert secret not in runs["first"].output
        for container in watched.containers().values():
            assert secret not in str(container.attrs)
            assert secret not in container.logs().decode(errors="replace")


def test_containers_can_do_little_and_listen_on_this_host_alone(
    watched: Watched, runs: dict[str, Run]
) -> None:
    for name, container in watched.containers().items():
        host = container.attrs["HostConfig"]
        assert host["ReadonlyRootfs"], name
        assert (host["CapDrop"], host["CapAdd"]) == (["ALL"], None), name
        assert host["SecurityOpt"] == ["no-new-privileges:true"], name
        assert host["Memory"] == host["MemorySwap"] > 0, name
        assert host["PidsLimit"] == 128, name
        assert container.attrs["Config"]["User"] == "65534:65534", name
    for port in watched.ports.values():
        told = subprocess.run(
            ["ss", "-Hltn", f"sport = :{port}"], capture_output=True, text=True, check=True
        )
        assert {line.split()[3] for line in told.stdout.splitlines()} == {f"127.0.0.1:{port}"}, port


# Network of the host; its own directories below /etc; a tag, no digest; no limit of processors: docs/security.md.
MEANT = {"CL-0008", "CL-0013", "CL-0019", "CL-0026"}


def test_a_linter_of_containers_finds_what_is_meant_and_no_more(
    watched: Watched, runs: dict[str, Run], tmp_path: pathlib.Path
) -> None:
    found = compose_lint(watched.containers(), tmp_path)
    assert found == {
        **dict.fromkeys(NAMES, MEANT),
        "redis-exporter": MEANT - {"CL-0008"},
        "mongodb-exporter": MEANT - {"CL-0008", "CL-0013"},
    }


def _live_slot(watched: Watched) -> str:
    return str(watched.stack.records("backend")[-1]["slot"])


def _pid(watched: Watched, name: str) -> int:
    return int(watched.stack.containers()[name].attrs["State"]["Pid"])
