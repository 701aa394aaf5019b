"""Something breaks in the middle of a release: users, status, running it again, going back.

A table of every step and every fault is made with FAULTS=all: build/faults.md.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import pathlib
import signal
import subprocess
import time
import typing as t
from dataclasses import dataclass

import pytest
from clients import live_version, load, lost_requests
from described import services_with
from stack import ROOT, Stack

# Steps of a release, by what is printed when it comes to them.
STEPS = {
    "migrate": "TASK [Run pending migrations",
    "baseline": "TASK [Note what users get before",
    "start": "TASK [Start the new instances (30 %)]",
    "prove": "TASK [Prove them at their own addresses (30 %)]",
    "shift": "TASK [Shift traffic to them (30 %)]",
    "watch": "  backend  30 %",
    "start the rest": "TASK [Start the new instances (100 %)]",
    "shift all": "TASK [Shift traffic to them (100 %)]",
    "bake": "  backend 100 %",
    "finish": "TASK [Record the success, and stop",
}
FAULTS = ("killed", "database gone", "disk full", "proxy's configuration broken")
AFTER = ("run again", "roll back")
EVERYDAY = (
    ("watch", "database gone", "run again"),
    ("start the rest", "disk full", "roll back"),
    ("prove", "proxy's configuration broken", "run again"),
)
CELLS = (
    tuple(itertools.product(STEPS, FAULTS, AFTER))
    if os.environ.get("FAULTS") == "all"
    else EVERYDAY
)
TABLE = ROOT / "build/faults.md"
HEAD = "| step | fault | requests lost | users got | status says | then | result |\n|---|---|---|---|---|---|---|\n"
VERSIONS = ("1.0.0", "1.1.0")


@pytest.fixture(scope="module")
def canary(empty: Stack) -> t.Iterator[Stack]:
    """An installation whose state is on a small disk of its own."""
    empty.state_dir.mkdir()
    disk = ["mount", "-t", "tmpfs", "-o", "size=16m,mode=755", "tmpfs", str(empty.state_dir)]
    subprocess.run(disk, check=True)
    try:
        run = empty.play("site", services=services_with(bake=0, min_ready=1))
        assert run.code == 0, run.output
        services = services_with(strategy="canary", bake=5, min_ready=1)
        services["backend"]["canary"] = {"shares": [30, 100], "minimum": 8, "maximum": 60}
        empty.extra["services"] = services
        TABLE.parent.mkdir(exist_ok=True)
        TABLE.write_text(HEAD)
        yield empty
    finally:
        # nginx has it too, until its container is gone.
        empty.containers()["nginx"].remove(force=True)
        subprocess.run(["umount", str(empty.state_dir)], check=True)


@dataclass(frozen=True)
class Broken:
    """A fault that was made, and how it is mended."""

    mend: t.Callable[[], None]


def break_it(fault: str, stack: Stack, run: subprocess.Popen[str]) -> Broken:
    if fault == "killed":
        os.killpg(run.pid, signal.SIGKILL)
        return Broken(lambda: None)
    if fault == "database gone":
        database = stack.containers()["mongodb"]
        database.stop(timeout=5)
        return Broken(lambda: _start(stack, database))
    if fault == "disk full":
        ballast = stack.state_dir / "ballast"
        with contextlib.suppress(OSError), ballast.open("wb", buffering=0) as stream:
            while True:
                stream.write(bytes(65536))
        return Broken(ballast.unlink)
    configuration = stack.config_dir / "nginx/nginx.conf"
    good = configuration.read_text()
    configuration.write_text("broken by hand;\n")
    return Broken(lambda: _write(configuration, good))


def _write(path: pathlib.Path, text: str) -> None:
    path.write_text(text)


def _start(stack: Stack, database: t.Any) -> None:
    """Start the database, and wait until the application has it again."""
    database.start()
    deadline = time.monotonic() + 60
    while not _is_well(stack):
        assert time.monotonic() < deadline, "the application does not find its database again"
        time.sleep(0.5)


def _is_well(stack: Stack) -> bool:
    with contextlib.suppress(OSError, ValueError, KeyError):
        return live_version(stack) in VERSIONS
    return False


def release_and_break(stack: Stack, version: str, step: str, fault: str) -> tuple[Broken, str]:
    """Release, break something at a step, and see the run to its end.

    Returns:
        how it is mended, and what the run printed.
    """
    printed, broken = "", None
    with stack.started("deploy", "-e", f"version={version}", "-e", "service=backend") as run:
        for line in t.cast(t.IO[str], run.stdout):
            printed += line
            if broken is None and STEPS[step] in line:
                broken = break_it(fault, stack, run)
    assert broken is not None, printed
    return broken, printed


@pytest.mark.parametrize(("step", "fault", "after"), CELLS)
def test_nobody_is_left_on_a_bad_release(canary: Stack, step: str, fault: str, after: str) -> None:
    before = live_version(canary)
    version = VERSIONS[1 - VERSIONS.index(before)]
    known = len(canary.records("backend"))
    with load(canary) as clients:
        time.sleep(2)
        broken, printed = release_and_break(canary, version, step, fault)
        status = canary.play("status")
        broken.mend()
        serving = live_version(canary)
        again = canary.play(
            "rollback" if after == "roll back" else "deploy", *_asked(after, version)
        )
    lost = lost_requests(clients.report)
    told = _told(status.output, version)
    now = live_version(canary)
    row = (step, fault, str(lost), serving, told, after, f"{now}, {_outcome(again)}")
    with TABLE.open("a") as table:
        table.write(f"| {' | '.join(row)} |\n")
    assert status.code == 0, status.output
    if fault != "database gone":  # which both versions need
        assert lost == 0, (clients.report["reasons"], clients.report["events"][:5], printed)
    assert serving in VERSIONS
    records = canary.records("backend")
    assert len(records) >= known
    if after == "run again":
        assert again.code == 0, again.output
        assert now == version
    else:
        # There is nothing to go back from where the release never began to be one.
        assert again.code == 0 or "no good release" in again.reason, again.output
        assert now in VERSIONS
    assert canary.green_share("backend") in (0, 100)
    assert not [one for one in records if one["outcome"] == "running"]


def _asked(after: str, version: str) -> tuple[str, ...]:
    asked = ("-e", "service=backend")
    return asked if after == "roll back" else (*asked, "-e", f"version={version}")


def _told(output: str, version: str) -> str:
    """What the status says of the newest release of a version."""
    lines = [line for line in output.splitlines() if f"  backend  {version}" in line]
    newest = next((line for line in lines if line[:8].isdigit()), "")
    return newest.rpartition(version)[2].strip().partition(":")[0] or "nothing"


def _outcome(run: t.Any) -> str:
    return "done" if run.code == 0 else "refused: " + run.reason.partition(";")[0][:60]
