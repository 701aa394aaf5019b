# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""status.yml -e drift=true tells what somebody has changed by hand, each in one line, and changes nothing itself."""

from __future__ import annotations

import contextlib
import copy
import typing as t

import pytest
from described import QUICK
from stack import Run, Stack

QUIET = "Nothing has drifted."


@pytest.fixture(scope="module")
def live(stack: Stack) -> Stack:
    """1.0.0 is live with the settings of the inventory, in nginx too, whatever was tested on it before."""
    stack.extra["services"] = QUICK
    run = stack.play("site")
    assert run.code == 0, run.output
    return stack


def compare(stack: Stack, *arguments: str, **extra: t.Any) -> Run:
    return stack.play("status", "-e", "drift=true", *arguments, **extra)


def differences(run: Run) -> list[list[str]]:
    """Kind and text of each line."""
    _before, heading, shown = run.output.partition("DIFFERENCE\n")
    assert heading, run.output
    lines = shown.partition("\nPLAY RECAP")[0].splitlines()
    rows = [line.split(maxsplit=2) for line in lines]
    return [[row[0], row[2]] for row in rows if len(row) == 3 and row[1] in ("dev", "backend")]


def slot_of(stack: Stack) -> str:
    return "green" if stack.green_share("backend") else "blue"


def test_what_was_just_released_has_not_drifted(live: Stack) -> None:
    before = live.snapshot()
    run = compare(live, "-e", "drift_fails=true")
    assert (run.code, run.changed) == (0, 0), run.output
    assert QUIET in run.output
    assert "SERVICE" in run.output
    assert live.snapshot() == before


def test_without_being_asked_nothing_is_compared(live: Stack) -> None:
    run = live.play("status", "-e", "drift=")
    assert run.code == 0, run.output
    assert QUIET not in run.output
    assert run.invocations == 1


@contextlib.contextmanager
def limit(stack: Stack) -> t.Iterator[tuple[str, str]]:
    container = stack.containers()[f"backend-{slot_of(stack)}-1"]
    before = container.attrs["HostConfig"]
    container.update(mem_limit="256m", memswap_limit="256m")
    yield "settings", f"memory is {256 * 2**20}, {before['Memory']} was released"
    container.update(mem_limit=before["Memory"], memswap_limit=before["MemorySwap"])


@contextlib.contextmanager
def stopped(stack: Stack) -> t.Iterator[tuple[str, str]]:
    container = stack.containers()[f"backend-{slot_of(stack)}-2"]
    container.stop(timeout=1)
    yield "instances", f"{container.name} does not run (Exited"
    container.start()


@contextlib.contextmanager
def share(stack: Stack) -> t.Iterator[tuple[str, str]]:
    """Ten percent of clients go elsewhere, by files."""
    green = stack.state_dir / "traffic/backend/green"
    wanted = stack.green_share("backend")
    files = [green / str(number) for number in range(10)]
    for file in files:
        if wanted:
            file.unlink()
        else:
            file.touch()
    yield "shares", f"backend: {90 if wanted else 10} % go to green, {wanted} % by the ledger"
    for file in files:
        if wanted:
            file.touch()
        else:
            file.unlink()


@contextlib.contextmanager
def route(stack: Stack) -> t.Iterator[tuple[str, str]]:
    path = stack.config_dir / "nginx/nginx.conf"
    before = path.read_text()
    path.write_text(before.replace("client_max_body_size 1m;", "client_max_body_size 9m;", 1))
    yield (
        "routes",
        "is client_max_body_size 9m;, the inventory makes client_max_body_size 1m; of it",
    )
    path.write_text(before)


@pytest.mark.parametrize("caused", [limit, stopped, share, route])
def test_what_is_changed_by_hand_is_told_alone(
    live: Stack, caused: t.Callable[[Stack], contextlib.AbstractContextManager[tuple[str, str]]]
) -> None:
    with caused(live) as (kind, expected):
        run = compare(live)
    assert run.code == 0, run.output
    ((told_kind, told),) = differences(run)
    assert told_kind == kind
    assert expected in told


def test_a_container_that_was_made_by_hand_is_told_whatever_its_labels_say(live: Stack) -> None:
    """As somebody does who wants to try something: another image, another variable, another secret."""
    name = f"backend-{slot_of(live)}-1"
    container = live.containers()[name]
    by_hand(live, container)
    run = compare(live, "-e", "drift_fails=true")
    told = differences(run)
    kinds = [kind for kind, _text in told]
    texts = "\n".join(text for _kind, text in told)
    assert sorted(set(kinds)) == ["digest", "settings"]
    assert "it runs sha256:" in texts
    assert "env.CORS_ORIGINS is https://elsewhere.example, " in texts
    assert "env.DEBUG is there, and was not released" in texts
    assert "secrets.JWT_SECRET is another" in texts
    assert "by hand" not in run.output
    assert run.code != 0
    assert run.reason.startswith("it has drifted: dev: ")
    live.containers()[name].remove(force=True)
    gone = compare(live)
    assert differences(gone) == [["instances", f"{live.name}-{name} is gone"]]
    assert live.play("deploy").code == 0
    assert QUIET in compare(live).output


def by_hand(stack: Stack, container: t.Any) -> None:
    """Make it again with what somebody has thought of."""
    api, facts = stack.engine.api, container.attrs
    repository = f"{stack.registry}/tagadodo/backend"
    image = stack.engine.images.pull(repository, "1.1.0")
    env = dict(line.split("=", 1) for line in facts["Config"]["Env"])
    env.update(
        CORS_ORIGINS="https://elsewhere.example",
        DEBUG="1",
        JWT_SECRET="by hand, 32 characters long....",
    )
    address = facts["NetworkSettings"]["Networks"][stack.name]["IPAMConfig"]["IPv4Address"]
    network = api.create_endpoint_config(ipv4_address=address)
    container.remove(force=True)
    made = api.create_container(
        image=image.id,
        name=container.name,
        user=facts["Config"]["User"],
        environment=env,
        labels=facts["Config"]["Labels"],
        host_config=facts["HostConfig"],
        networking_config=api.create_networking_config({stack.name: network}),
    )
    api.start(made["Id"])


def test_an_inventory_that_has_gone_on_is_told(live: Stack) -> None:
    services = copy.deepcopy(QUICK)
    services["backend"]["env"]["NODE_ENV"] = "test"
    services["backend"]["secrets"]["JWT_SECRET"] = "another one of 32 characters...."
    services["backend"]["version"] = "1.1.0"
    run = compare(live, services=services)
    assert differences(run) == [
        ["ledger", "1.0.0 is live, the inventory describes 1.1.0"],
        ["settings", "env.NODE_ENV: development was released, the inventory says test"],
    ]
    assert "another one" not in run.output


def test_a_secret_that_has_gone_on_is_told_without_its_value(live: Stack) -> None:
    services = copy.deepcopy(QUICK)
    services["backend"]["secrets"]["JWT_SECRET"] = "another one of 32 characters...."
    run = compare(live, services=services)
    assert differences(run) == [
        ["settings", "backend: a secret is another in the inventory than what was released"]
    ]
    assert "another one" not in run.output


def test_one_service_alone(live: Stack) -> None:
    services = copy.deepcopy(QUICK)
    services["frontend"]["version"] = "1.1.0"
    run = compare(live, "-e", "service=backend", services=services)
    assert QUIET in run.output
    wrong = compare(live, "-e", "service=bakend")
    assert wrong.reason == "service: bakend is not described; known services: backend, frontend"
