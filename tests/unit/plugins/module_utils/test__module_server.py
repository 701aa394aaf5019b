# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Calls that come soon after each other run in forks of one process, as if each ran by itself.

The launcher and the server are real, in processes of their own; Ansible's loader is a toy.
"""

from __future__ import annotations

import fcntl
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import threading
import time
import typing as t
from dataclasses import dataclass

import pytest

from ansible_collections.tagadodo.deploy.plugins.module_utils import _module_server
from ansible_collections.tagadodo.deploy.plugins.plugin_utils import _launcher
from ansible_collections.tagadodo.deploy.plugins.plugin_utils._host_action import pack

LOADER = """
import atexit, json, os, sys, time
def run_module(json_params, module_fqn, **_more):
    given = json.loads(json_params)
    if "touch" in given:
        atexit.register(lambda: open(given["touch"], "w").close())
    if "sleep" in given:
        open(given["began"], "w").write(str(os.getpid()))
        time.sleep(given["sleep"])
        open(given["done"], "w").close()
    umask = os.umask(0)
    print(json.dumps({"ran": module_fqn, "pid": os.getpid(), "parent": os.getppid(), "umask": umask,
                      "marked": os.environ.get("MARK"), "session": os.getsid(0)}))
    print("words", file=sys.stderr)
    sys.exit(given.get("exit", 0))
"""
SERVER = "ansible_collections/tagadodo/deploy/plugins/module_utils"
SOURCE = pathlib.Path(str(_module_server.__file__)).read_text(encoding="utf-8")
FILES = {
    "ansible/__init__.py": "",
    "ansible/module_utils/__init__.py": "",
    "ansible/module_utils/_internal/__init__.py": "",
    "ansible/module_utils/_internal/_ansiballz/__init__.py": "",
    "ansible/module_utils/_internal/_ansiballz/_loader.py": LOADER,
    **{
        "/".join([*SERVER.split("/")[:level], "__init__.py"]): ""
        for level in range(1, len(SERVER.split("/")) + 1)
    },
}


@dataclass(frozen=True)
class Host:
    """A place where copies are kept, and servers that end when they were not called for a time."""

    kept: pathlib.Path
    idle: float

    def command(self, **params: t.Any) -> list[str]:
        text = pathlib.Path(str(_launcher.__file__)).read_text(encoding="utf-8")
        source = SOURCE.replace("IDLE = 20.0", f"IDLE = {self.idle}")
        files = {**FILES, f"{SERVER}/_module_server.py": source}
        call = {
            "key": "k1",
            "module": "a.module",
            "profile": "legacy",
            "params": json.dumps(params),
            "archive": pack({name: text.encode() for name, text in files.items()}),
        }
        place = text.replace('KEPT = ".ansible/tagadodo.deploy"', f"KEPT = {str(self.kept)!r}")
        return [sys.executable, "-c", f"{place}\nlaunch(**{call!r})\n"]

    def run(self, mark: str = "", **params: t.Any) -> dict[str, t.Any]:
        done = subprocess.run(
            self.command(**params),
            env={**os.environ, "MARK": mark},
            umask=0o077 if mark else 0o022,
            capture_output=True,
            text=True,
            check=False,
            timeout=30,
        )
        assert done.stderr == "words\n"
        return {**json.loads(done.stdout), "code": done.returncode}

    def server(self) -> int:
        """The process that serves: the first call starts it, and is served as well, unless the machine is so busy that
        it goes by itself."""
        for _call in range(5):
            served_by = int(self.run()["parent"])
            if served_by != os.getpid():
                return served_by
        raise AssertionError("five calls in a row went by themselves")

    def sockets(self) -> list[pathlib.Path]:
        return [path for path in (self.kept / "k1").glob("server-*") if path.is_socket()]


@pytest.fixture
def host(tmp_path: pathlib.Path) -> t.Iterator[Host]:
    made = Host(tmp_path / "kept", idle=4.0)
    yield made
    _until(lambda: not made.sockets(), "the server does not end")


def _until(true: t.Callable[[], bool], problem: str) -> None:
    deadline = time.monotonic() + 60
    while not true():
        assert time.monotonic() < deadline, problem
        time.sleep(0.05)


def test_calls_are_served_as_if_each_ran_by_itself(host: Host, tmp_path: pathlib.Path) -> None:
    server = host.server()
    one, two = host.run("first", exit=3, touch=str(tmp_path / "left")), host.run()
    assert one["parent"] == two["parent"] == server
    assert one["pid"] != two["pid"]
    assert (one["code"], one["marked"], one["umask"]) == (3, "first", 0o077)
    assert (two["code"], two["marked"], two["umask"]) == (0, "", 0o022)
    assert (tmp_path / "left").exists(), "what a module does at its exit is done"


@pytest.mark.parametrize("kind", ["mount", "net"])
def test_who_sees_other_files_or_networks_is_served_by_another(host: Host, kind: str) -> None:
    """As a job that was given a project it cannot write to, beside one that was not."""
    apart = subprocess.run(
        ["unshare", f"--{kind}", *host.command()], capture_output=True, text=True, check=True
    )
    served_there = int(json.loads(apart.stdout)["parent"])
    assert len(host.sockets()) == 1
    here = host.server()
    assert here != served_there
    assert len(host.sockets()) == 2


def test_a_call_that_no_server_takes_runs_by_itself(host: Host) -> None:
    """Another call holds the lock and does not listen; the server ends while the call waits for it."""
    host.server()
    _until(lambda: not host.sockets(), "the server does not end")
    path = next(host.kept.glob("k1/server-*.lock"))
    with path.open("r+") as lock:
        _until(lambda: _takes(lock), "the server does not end")
        assert host.run()["parent"] == os.getpid()
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(str(path.with_suffix("")))
            server.listen()
            closing = threading.Thread(target=_hang_up, args=(server, 2))
            closing.start()
            assert host.run()["parent"] == os.getpid()
            closing.join()
        path.with_suffix("").unlink()


def _hang_up(server: socket.socket, calls: int) -> None:
    for _call in range(calls):
        server.accept()[0].close()


def _takes(lock: t.IO[str]) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def test_the_server_has_left_its_caller_and_ends(host: Host) -> None:
    server = host.server()
    assert os.getsid(server) != os.getsid(0)
    nowhere = {os.readlink(f"/proc/{server}/fd/{number}") for number in (0, 1, 2)}
    assert nowhere == {os.devnull}
    assert os.readlink(f"/proc/{server}/cwd") == "/"
    _until(lambda: not host.sockets(), "the server does not end")
    _until(lambda: not _runs(server), "the server does not end")


def test_a_module_whose_caller_is_killed_is_killed(host: Host, tmp_path: pathlib.Path) -> None:
    host.server()
    began, done = tmp_path / "began", tmp_path / "done"
    command = host.command(sleep=5, began=str(began), done=str(done))
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as caller:
        _until(lambda: began.exists() and began.read_text() != "", "the module does not begin")
        caller.kill()
    _until(lambda: not _runs(int(began.read_text())), "the module goes on")
    assert not done.exists()
    assert host.run()["parent"] != os.getpid(), "others are served still"


def test_a_module_whose_process_is_lost_fails(host: Host, tmp_path: pathlib.Path) -> None:
    host.server()
    began = tmp_path / "began"
    command = host.command(sleep=5, began=str(began), done=str(tmp_path / "done"))
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as caller:
        _until(lambda: began.exists() and began.read_text() != "", "the module does not begin")
        server = int(pathlib.Path(f"/proc/{began.read_text()}/stat").read_text().split()[3])
        os.kill(server, signal.SIGKILL)
        os.kill(int(began.read_text()), signal.SIGKILL)
        told = json.loads(caller.communicate()[0])
    assert (caller.returncode, told["failed"]) == (1, True)
    assert "was lost" in told["msg"]
    # Its socket is dead; the next call starts another.
    assert host.server() != server


def _runs(pid: int) -> bool:
    try:
        state = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"
