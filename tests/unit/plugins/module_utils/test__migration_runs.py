# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The containers of migrations, on a real engine: hardened, apart, and gone afterwards."""

from __future__ import annotations

import dataclasses
import threading
import time
import typing as t
import uuid

import pytest

from ansible_collections.tagadodo.deploy.plugins.module_utils._engine import (
    EngineError,
    container_state,
    find_containers,
    has_image,
    logs_tail,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._migration_history import (
    MigrationError,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._migration_runs import MigrationRuns

RUNTIME = {
    "port": 3000,
    "env": {"PORT": 3000},
    "resources": {"memory": "64m", "pids": 32, "cpus": 0.5},
    "security": {"user": "1001:1001", "read_only": True, "tmpfs": ["/tmp"]},
    "stop_timeout": 1,
}


def runs(client: t.Any, image: str, **changes: t.Any) -> MigrationRuns:
    made = MigrationRuns(client, "t", "backend", image, "none", RUNTIME, 20.0, {"TOKEN": "hush"})
    return dataclasses.replace(made, **changes)


def test_a_container_has_the_settings_of_the_service_and_names_of_its_own() -> None:
    first, second = (runs(None, "i").spec("up", ["node", "up.js"]) for _time in range(2))
    assert first.name.startswith("t-backend-migration-up-")
    assert first.name != second.name
    assert (first.command, first.user, first.memory) == (("node", "up.js"), "1001:1001", 2**26)
    assert first.env == {"PORT": "3000", "TOKEN": "hush"}
    assert "hush" not in repr(first)


def test_without_settings_there_are_no_limits_but_the_container_is_hardened() -> None:
    spec = runs(None, "i", runtime={}).spec("up", ["up"])
    assert (spec.memory, spec.pids, spec.read_only, spec.tmpfs) == (0, 0, True, ("/tmp",))


def test_a_size_that_is_none_is_named() -> None:
    with pytest.raises(MigrationError, match=r"^runtime\.resources\.memory: 'much' is not a size"):
        runs(None, "i", runtime={"resources": {"memory": "much"}}).spec("up", ["up"])


@pytest.fixture
def service(engine: t.Any, shell_image: str) -> t.Iterator[MigrationRuns]:
    made = runs(engine, shell_image, service=f"s{uuid.uuid4().hex[:8]}")
    yield made
    for left in find_containers(engine, made._labels):
        engine.api.remove_container(left.name, force=True)


def sh(script: str) -> list[str]:
    return ["/bin/sh", "-c", script]


@pytest.mark.engine
def test_streams_are_apart_and_the_container_is_gone(service: MigrationRuns) -> None:
    result = service.run("up", sh("echo out; echo err >&2; exit 3"))
    assert (result.exit_code, result.stdout, result.stderr) == (3, "out\n", "err\n")
    assert find_containers(service.client, service._labels) == ()


@pytest.mark.engine
def test_it_may_do_nothing_but_its_work(service: MigrationRuns) -> None:
    status = 'while read -r line; do case $line in Cap[EPB]*|NoNew*|Uid*) echo "$line";; esac; done'
    result = service.run("up", sh(f"{status} < /proc/self/status; : > /tmp/x && : > /x"))
    lines = dict(line.split(":", 1) for line in result.stdout.splitlines())
    assert {name: value.split()[0] for name, value in lines.items()} == {
        "Uid": "1001",
        "CapPrm": "0000000000000000",
        "CapEff": "0000000000000000",
        "CapBnd": "0000000000000000",
        "NoNewPrivs": "1",
    }
    assert "/x: Read-only file system" in result.stderr
    assert result.exit_code == 2


@pytest.mark.engine
def test_a_command_whose_time_is_over_is_stopped(service: MigrationRuns) -> None:
    script = "trap 'echo told; exit 0' TERM; echo began; while :; do :; done"
    result = dataclasses.replace(service, timeout=1.0).run("up", sh(script))
    assert (result.exit_code, result.stdout) == (None, "began\ntold\n")
    assert find_containers(service.client, service._labels) == ()


@pytest.mark.engine
def test_what_cannot_be_started_is_said_and_leaves_nothing(service: MigrationRuns) -> None:
    with pytest.raises(EngineError, match=r"^starting /bin/nope in .*no such file") as error:
        service.run("up", ["/bin/nope"])
    assert "\n" not in str(error.value)
    assert find_containers(service.client, service._labels) == ()


@pytest.mark.engine
def test_an_image_that_is_not_here(engine: t.Any) -> None:
    name = "t/none@sha256:" + "0" * 64
    assert not has_image(engine, name)
    with pytest.raises(EngineError, match=r"^creating container .*No such image"):
        runs(engine, name).run("up", ["up"])


@pytest.mark.engine
def test_what_a_killed_run_left_is_waited_for_and_removed(service: MigrationRuns) -> None:
    spec = service.spec("up", sh("trap 'exit 0' TERM; while :; do :; done"))
    client = service.client
    client.api.create_container(
        spec.image, entrypoint=list(spec.command), labels=spec.labels, name=spec.name
    )
    client.api.start(spec.name)
    with pytest.raises(MigrationError, match=f"still runs in container {spec.name} after 0.2 s"):
        dataclasses.replace(service, timeout=0.2).clear()
    threading.Timer(0.3, client.api.stop, (spec.name,)).start()
    began = time.monotonic()
    service.clear()
    assert time.monotonic() - began >= 0.2
    assert not container_state(client, spec.name).exists


@pytest.mark.engine
def test_states_and_last_lines_of_containers(service: MigrationRuns) -> None:
    client, spec = service.client, service.spec("up", sh("echo 1; echo 2; echo 3; exit 7"))
    client.api.create_container(
        spec.image, entrypoint=list(spec.command), name=spec.name, labels=spec.labels
    )
    assert container_state(client, spec.name).status == "created"
    client.api.start(spec.name)
    client.api.wait(spec.name)
    state = container_state(client, spec.name)
    assert (state.status, state.running, state.exit_code) == ("exited", False, 7)
    assert (state.image, state.labels) == (spec.image, spec.labels)
    assert logs_tail(client, spec.name, 2) == ("2", "3")
    assert not container_state(client, "no-such-container").exists
    assert logs_tail(client, "no-such-container", 2) == ()
