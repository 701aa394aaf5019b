# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This module util is PRIVATE to the collection.
"""A process that has imported what our modules need, and forks for each call that comes soon after the last.

Importing takes a call longer than its work. The server of a user listens in a directory of that user's alone,
ends when it was not called for a while, and ends a module whose caller has gone.
"""

from __future__ import annotations

import atexit
import contextlib
import fcntl
import gc
import importlib
import json
import os
import select
import signal
import socket
import sys
import threading
import typing as t

IDLE = 20.0  # seconds without a call after which the server ends
ACCEPT = 5.0  # seconds a caller has to say what it wants
MODULES = "ansible_collections.tagadodo.deploy.plugins.modules"
# What a release calls again and again.
PRELOADED = (
    "ansible.module_utils._internal._ansiballz._loader",
    "docker",
    *(
        f"{MODULES}.{name}"
        for name in (
            *("release_begin", "instances", "traffic_shift"),
            *("health_check", "release_evidence", "release"),
        )
    ),
)
TAKEN = b"+"  # told to a caller before its module runs, as the launcher has it; then comes its exit status
MOST_DESCRIPTORS = 4096  # that a caller may have open


Call = t.Tuple[
    str, str, str
]  # a module, how Ansible writes arguments and results, and arguments so written


def possible() -> bool:
    """Whether this Python and this kernel can do it."""
    return hasattr(socket, "recv_fds") and hasattr(os, "pidfd_open")


def begin(path: str) -> t.Optional[Call]:
    """Start a server that listens at ``path``, unless there is one.

    Returns:
        None in the caller, at once: the server takes calls already, and answers when it has imported what
        they need. In a process that the server forks for a call: that call, whose surroundings it has taken
        over. The server itself never returns.
    """
    lock = _lock(f"{path}.lock") if possible() else None
    if lock is None:
        return None
    with contextlib.suppress(OSError), _listen(path) as server:
        if os.fork() == 0:
            call = None
            try:
                _leave_caller({lock, server.fileno()})
                _preload()
                call = _Server(server).run()
                if call is None:
                    os.unlink(path)
                os.close(lock)
            finally:
                # Also where it failed: nobody is told, and the next call starts another.
                if call is None:
                    os._exit(0)
            return call
    os.close(lock)
    return None


def leave(status: int) -> t.NoReturn:
    """End a process that was forked for a call, as Python ends, but for the memory: to free what it shares
    with the server would take 0.15 s."""
    for thread in threading.enumerate():
        if not thread.daemon and thread is not threading.current_thread():
            thread.join()
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError):
            stream.flush()
    os._exit(status)


def _listen(path: str) -> socket.socket:
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)  # of one that was killed
    server = socket.socket(socket.AF_UNIX)
    try:
        server.bind(path)
        server.listen(16)
    except OSError:
        server.close()
        raise
    return server


def _lock(path: str) -> t.Optional[int]:
    """A descriptor that holds the lock until its last copy is closed; None where another has it, or it cannot be."""
    with contextlib.suppress(OSError):
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return descriptor
        except OSError:
            os.close(descriptor)
    return None


def _leave_caller(kept: t.Collection[int]) -> None:
    """Keep nothing of the caller but these descriptors."""
    os.setsid()
    nowhere = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nowhere, descriptor)
    first = 3
    for descriptor in (*sorted(kept), MOST_DESCRIPTORS):
        os.closerange(first, descriptor)
        first = descriptor + 1
    os.chdir("/")


def _preload() -> None:
    for name in PRELOADED:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    gc.freeze()  # what is shared with forks stays shared


class _Server:
    """Forks for each call; the parent holds no arguments, only who waits for which process."""

    def __init__(self, server: socket.socket) -> None:
        self._server = server
        self._poll = select.poll()
        self._poll.register(server, select.POLLIN)
        self._waiting: t.Dict[int, t.Tuple[int, int, socket.socket]] = {}

    def run(self) -> t.Optional[Call]:
        """Serve until nobody calls any more.

        Returns:
            None in the server, at its end; in a process that it forked, the call.
        """
        while True:
            events = self._poll.poll(IDLE * 1000)
            if not events and not self._waiting:
                return None
            for descriptor, _event in events:
                if descriptor == self._server.fileno():
                    caller = self._fork()
                    if caller is not None:
                        return _receive(caller)
                else:
                    self._see_to(descriptor)

    def _fork(self) -> t.Optional[socket.socket]:
        """The caller, in the process that is forked for it."""
        caller, _address = self._server.accept()
        pid = os.fork()
        if pid == 0:
            os.setsid()
            self._server.close()
            for _pid, ended, other in set(self._waiting.values()):
                os.close(ended)
                other.close()
            return caller
        ended = os.pidfd_open(pid)
        self._poll.register(ended, select.POLLIN)
        self._poll.register(caller, select.POLLRDHUP)
        for descriptor in (ended, caller.fileno()):
            self._waiting[descriptor] = (pid, ended, caller)
        return None

    def _see_to(self, descriptor: int) -> None:
        """A process has ended, or its caller has gone."""
        if descriptor not in self._waiting:
            return
        pid, ended, caller = self._waiting[descriptor]
        if descriptor != ended:
            self._poll.unregister(caller)
            with contextlib.suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGKILL)
            return
        _pid, status = os.waitpid(pid, 0)
        with contextlib.suppress(OSError):
            caller.sendall(str(os.waitstatus_to_exitcode(status)).encode())
        for watched in (ended, caller.fileno()):
            del self._waiting[watched]
            with contextlib.suppress(KeyError):
                self._poll.unregister(watched)
        os.close(ended)
        caller.close()


def _receive(caller: socket.socket) -> Call:
    """What a caller wants; its output and surroundings are this process's from now on."""
    caller.settimeout(ACCEPT)
    line, output, _flags, _address = socket.recv_fds(caller, 1, 2)
    with caller.makefile("rb") as rest:
        line += rest.readline()
    if not line.endswith(b"\n"):
        os._exit(1)
    caller.sendall(TAKEN)
    caller.close()
    call, environment, umask = json.loads(line)
    for descriptor, own in zip(output, (1, 2)):
        os.dup2(descriptor, own)
        os.close(descriptor)
    os.environ.clear()
    os.environ.update(environment)
    os.umask(umask)
    module, profile, params = call
    return module, profile, params
