# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What certificates say of themselves: in a file, and in a handshake with a server that shows one."""

from __future__ import annotations

import contextlib
import pathlib
import socket
import ssl
import subprocess
import threading
import time
import typing as t

import pytest

from ansible_collections.tagadodo.deploy.plugins.module_utils._certbot import CertificateError
from ansible_collections.tagadodo.deploy.plugins.module_utils._certificate_facts import (
    DAY,
    Facts,
    read_facts,
    shown_facts,
    soon_ending,
)
from ansible_collections.tagadodo.deploy.plugins.modules import certificate_info

NAME = "api.example.com"


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[pathlib.Path, pathlib.Path]:
    """A certificate of 9 days, and its key."""
    folder = tmp_path_factory.mktemp("pair")
    chain, key = folder / "chain.pem", folder / "key.pem"
    made = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
    ]
    made += ["-days", "9", "-subj", "/CN=test", "-addext", f"subjectAltName=DNS:{NAME}"]
    subprocess.run(
        [*made, "-keyout", str(key), "-out", str(chain)], check=True, capture_output=True
    )
    return chain, key


@contextlib.contextmanager
def server(pair: tuple[pathlib.Path, pathlib.Path], handshakes: int) -> t.Iterator[int]:
    """Shows the certificate; returns its port."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*pair)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(10)

        def serve() -> None:
            for _handshake in range(handshakes):
                with contextlib.suppress(OSError):
                    context.wrap_socket(listener.accept()[0], server_side=True).close()

        serving = threading.Thread(target=serve)
        serving.start()
        yield listener.getsockname()[1]
        serving.join()


def test_a_file_and_a_handshake_say_the_same(pair: tuple[pathlib.Path, pathlib.Path]) -> None:
    facts = read_facts(pair[0])
    assert facts.names == {NAME}
    assert facts.issuer == "CN=test"
    assert facts.days_left(time.time()) == pytest.approx(9, abs=0.1)
    assert not facts.due(time.time())
    assert facts.due(time.time() + 6.1 * DAY)
    with server(pair, 1) as port:
        assert shown_facts("127.0.0.1", port, NAME) == facts


def test_who_shows_none_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        listener.close()
        with pytest.raises(CertificateError, match=f"^{NAME}: 127.0.0.1:{port} shows no certif"):
            shown_facts("127.0.0.1", port, NAME)


@pytest.mark.parametrize(("text", "told"), [(None, "no such certificate"), ("x", "not a certif")])
def test_a_file_that_is_none(tmp_path: pathlib.Path, text: t.Optional[str], told: str) -> None:
    if text:
        (tmp_path / "chain.pem").write_text(text)
    with pytest.raises(CertificateError, match=told):
        read_facts(tmp_path / "chain.pem")


def test_those_that_end_soon_are_told_in_one_line() -> None:
    found = {
        name: Facts(frozenset(), "", 0.0, days * DAY)
        for name, days in {"a": 8.0, "b": 3.25, "c": -1.0}.items()
    }
    told = "days left of certificates, 7 are asked for: b has 3.2, c has 0.0"
    assert soon_ending(found, 7, 0.0) == told
    assert soon_ending({"a": found["a"]}, 7, 0.0) == ""


def test_the_module_refuses_too_few_days(
    run_module: t.Any, pair: tuple[pathlib.Path, pathlib.Path]
) -> None:
    with server(pair, 2) as port:
        asked: dict[str, t.Any] = {"names": [NAME], "port": port}
        done = run_module(certificate_info, **asked, minimum_days=8)
        assert done["certificates"][NAME]["days_left"] == pytest.approx(9, abs=0.1)
        refused = run_module(certificate_info, **asked, minimum_days=10)
        assert refused["failed"]
        assert refused["msg"] == f"days left of certificates, 10 are asked for: {NAME} has 9.0"
