# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Commands beside the first process of a container, on a real engine."""

from __future__ import annotations

import typing as t
import uuid

import pytest

from ansible_collections.tagadodo.deploy.plugins.module_utils._engine import (
    EngineError,
    RunSpec,
    create,
    remove,
    start,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._engine_exec import Ending, run_in

pytestmark = pytest.mark.engine

# Ends what runs beside it when it is told to, as the holder of a lease does, and itself at TERM.
FIRST = """
trap 'kill -TERM -1' USR2
trap 'kill -KILL -1' QUIT
trap 'exit 0' TERM
while :; do /bin/sh -c 'kill -STOP $$' & wait $!; done
"""
ENDING = Ending(timeout=30, patience=10, stop="USR2", kill="QUIT")


@pytest.fixture
def container(engine: t.Any, shell_image: str) -> t.Iterator[str]:
    spec = RunSpec(
        name=f"unit-exec-{uuid.uuid4().hex[:8]}",
        image=shell_image,
        command=("/bin/sh", "-c", FIRST),
        env={"TOKEN": "hush"},
        user="1001:1001",
    )
    create(engine, spec)
    start(engine, spec)
    yield spec.name
    remove(engine, spec.name)


def sh(script: str) -> list[str]:
    return ["/bin/sh", "-c", script]


def test_streams_are_apart_and_the_environment_is_the_containers(
    engine: t.Any, container: str
) -> None:
    result = run_in(engine, container, sh("echo $TOKEN; echo err >&2; exit 3"), ENDING)
    assert (result.exit_code, result.stdout, result.stderr) == (3, "hush\n", "err\n")


@pytest.mark.parametrize(
    ("trap", "stdout"), [("echo told; exit 0", "began\ntold\n"), ("", "began\n")]
)
def test_a_command_whose_time_is_over_is_told_then_killed(
    engine: t.Any, container: str, trap: str, stdout: str
) -> None:
    script = f"trap '{trap}' TERM; echo began; while :; do :; done"
    ending = Ending(timeout=1.5, patience=1.5, stop="USR2", kill="QUIT")
    result = run_in(engine, container, sh(script), ending)
    assert (result.exit_code, result.stdout) == (None, stdout)
    assert run_in(engine, container, sh("echo still here"), ENDING).stdout == "still here\n"


def test_a_command_ends_with_its_container(engine: t.Any, container: str) -> None:
    # The first process ends, and the kernel ends the others: the shell could not ignore that.
    script = "trap '' TERM; kill -TERM 1; while :; do :; done"
    assert run_in(engine, container, sh(script), ENDING).exit_code == 137


def test_what_cannot_be_run_is_said(engine: t.Any, container: str) -> None:
    result = run_in(engine, container, ["/bin/nope"], ENDING)
    assert result.exit_code in (126, 127)
    assert "/bin/nope" in result.stdout + result.stderr
    remove(engine, container)
    with pytest.raises(EngineError, match="^running /bin/sh in container unit-exec-") as error:
        run_in(engine, container, sh("echo"), ENDING)
    assert "\n" not in str(error.value)
