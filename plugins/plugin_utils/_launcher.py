# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This plugin util is PRIVATE to the collection.
"""Sent to a host as a program: runs a module from the copy of our code that the host keeps.

``_host_action`` adds a call of ``launch`` to this text. It stands alone: no import but of the standard library,
and what most calls do not need is imported where it is needed, as an import takes longer than the rest.
"""

from __future__ import annotations

import contextlib
import json
import os
import pwd
import socket
import stat
import sys
import time
import zlib

MISSING = "code_missing"  # the key of the answer, where the host has no copy and was sent none
KEPT = ".ansible/tagadodo.deploy"  # below the home of the user that modules run as
TAKEN = b"+"  # what the server says before it runs a module; then comes its exit status
STALE = 7 * 24 * 3600  # seconds after which the copy of another version goes


def launch(key: str, module: str, profile: str, params: str, archive: str = "") -> None:
    """Run a module with Ansible's own loader, in a process that a server has forked where there is one.

    Args:
        key: names the copy; another version of the code has another.
        module: its full name, importable from the copy.
        profile: how Ansible writes arguments and results.
        params: the module's arguments, so written.
        archive: the copy as base64 of a compressed tar, for a host that has none.
    """
    try:
        folder = _copy(key, archive)
    except OSError as error:
        folder, archive = "", str(error)
    if not folder:
        print(json.dumps({MISSING: archive or "no copy"}))
        return
    path = os.path.join(folder, _server_name())
    status = _served(path, module, profile, params)
    if status is not None:
        sys.exit(status)
    os.chdir("/")
    sys.dont_write_bytecode = False
    sys.path[:] = [folder, *(path for path in sys.path if path not in ("", "."))]
    from ansible_collections.tagadodo.deploy.plugins.module_utils import _module_server

    # Returns in processes of the server as well, each with a call of its own.
    call = _module_server.begin(path)
    if call is None:
        status = _served(path, module, profile, params)
        if status is not None:
            sys.exit(status)
    module, profile, params = call or (module, profile, params)
    from ansible.module_utils._internal._ansiballz import _loader

    try:
        _loader.run_module(
            json_params=params.encode(),
            profile=profile,
            module_fqn=module,
            modlib_path=folder,
            extensions={},
        )
    except SystemExit as ending:
        if call and isinstance(ending.code, int):
            _module_server.leave(ending.code)
        raise


def _served(path: str, *call: str) -> int | None:
    """Have the server run a module here and now, with this process's output, environment and umask.

    Returns:
        the module's exit status; None where no server took the call, so that nothing has begun.
    """
    umask = os.umask(0o022)
    os.umask(umask)
    # One line of JSON; its first byte brings where to print.
    line = json.dumps([call, dict(os.environ), umask]).encode() + b"\n"
    answer = b""
    with socket.socket(socket.AF_UNIX) as connection, contextlib.suppress(OSError):
        connection.connect(path)
        socket.send_fds(connection, [line[:1]], [1, 2])
        connection.sendall(line[1:])
        for part in iter(lambda: connection.recv(16), b""):
            answer += part
    if not answer.startswith(TAKEN):
        return None
    if answer == TAKEN:
        print(json.dumps({"failed": True, "msg": "the process that ran the module was lost"}))
        return 1
    return int(answer[len(TAKEN) :])


def _server_name() -> str:
    """Of the socket of a server that may run this process's modules.

    Another Python has compiled other files, and may have other libraries. Where namespaces differ, as in a job that was
    given a read-only project, other files are there, and other networks.
    """
    told = [sys.executable]
    for kind in ("mnt", "net"):
        with contextlib.suppress(OSError):
            told.append(os.readlink(f"/proc/self/ns/{kind}"))
    return f"server-{zlib.crc32(' '.join(told).encode()):x}"


def _copy(key: str, archive: str) -> str:
    """The directory of the copy, which is made if it can be; empty where it is not there."""
    kept = os.path.join(pwd.getpwuid(os.geteuid()).pw_dir, KEPT)
    folder = os.path.join(kept, key)
    if not os.path.isdir(folder):
        if not archive:
            return ""
        os.makedirs(kept, mode=0o700, exist_ok=True)
        _check_owner(kept)
        _unpack(archive, kept, folder)
        _remove_stale(kept, key)
    _check_owner(kept)
    _check_owner(folder)
    return folder


def _unpack(archive: str, kept: str, folder: str) -> None:
    """Whole or not at all, also where two runs do it at once."""
    import base64
    import io
    import shutil
    import tarfile
    import tempfile

    beside = tempfile.mkdtemp(dir=kept, prefix=".new-")
    try:
        with tarfile.open(fileobj=io.BytesIO(base64.b64decode(archive)), mode="r:gz") as tar:
            if hasattr(tarfile, "data_filter"):
                tar.extraction_filter = tarfile.data_filter
            tar.extractall(beside)
        os.rename(beside, folder)
    except OSError:
        shutil.rmtree(beside, ignore_errors=True)
        if not os.path.isdir(folder):
            raise


def _check_owner(folder: str) -> None:
    """Only what nobody else could have written is run.

    Raises:
        OSError: another user could.
    """
    found = os.lstat(folder)
    if found.st_uid != os.geteuid() or stat.S_IMODE(found.st_mode) & 0o022:
        raise OSError(f"{folder} could have been written by another user")


def _remove_stale(kept: str, key: str) -> None:
    import shutil

    for name in os.listdir(kept):
        path = os.path.join(kept, name)
        if name != key and time.time() - os.lstat(path).st_mtime > STALE:
            shutil.rmtree(path, ignore_errors=True)
