# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Asking over real connections: what goes wrong is said in a few words, and never raised."""

from __future__ import annotations

import contextlib
import datetime
import http.client
import http.server
import ipaddress
import pathlib
import socket
import ssl
import threading
import typing as t

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from ansible_collections.tagadodo.deploy.plugins.module_utils._http_probe import (
    ask,
    load_authorities,
    read_secrets,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._target import (
    Request,
    Target,
    TargetError,
)

HOST = "api.localhost"


class Echo(http.server.BaseHTTPRequestHandler):
    """Says who was asked for, and with which token."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        if self.path == "/redirect":
            self.send_response(302)
            self.send_header("Location", "/")
            body = b""
        else:
            self.send_response(200)
            body = f"{self.path} {self.headers['Host']} {self.headers['X-Probe-Token']}".encode()
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: t.Any) -> None:
        """Keep quiet."""


@contextlib.contextmanager
def serving(context: ssl.SSLContext | None = None) -> t.Iterator[int]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Echo) as server:
        if context:
            server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        try:
            yield server.server_port
        finally:
            server.shutdown()


@contextlib.contextmanager
def answering(*pieces: bytes, pause: float = 0.0) -> t.Iterator[int]:
    """A server that writes raw bytes, with a pause after each piece, to one client."""
    over = threading.Event()

    def serve() -> None:
        client, _address = server.accept()
        with client, contextlib.suppress(OSError):
            client.recv(65536)
            for piece in pieces:
                client.sendall(piece)
                over.wait(pause)

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield server.getsockname()[1]
        finally:
            over.set()
            thread.join()


@pytest.fixture(scope="module")
def port() -> t.Iterator[int]:
    with serving() as port:
        yield port


def _certificate(
    name: str, signer: tuple[x509.Certificate, ec.EllipticCurvePrivateKey] | None = None
) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    names = [x509.DNSName(name), x509.IPAddress(ipaddress.ip_address("127.0.0.9"))]
    now = datetime.datetime.now(datetime.timezone.utc)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(signer[0].subject if signer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=signer is None, path_length=None), critical=True)
    )
    return made.sign(signer[1] if signer else key, hashes.SHA256()), key


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> t.Iterator[tuple[int, str]]:
    """A TLS server whose certificate is for HOST alone: its port, and its authority's file."""
    directory = tmp_path_factory.mktemp("tls")
    authority = _certificate("Test CA")
    certificate, key = _certificate(HOST, authority)
    pem = serialization.Encoding.PEM
    (directory / "ca.pem").write_bytes(authority[0].public_bytes(pem))
    (directory / "server.pem").write_bytes(
        certificate.public_bytes(pem)
        + key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(directory / "server.pem")
    with serving(context) as port:
        yield port, str(directory / "ca.pem")


def get(url: str, **more: t.Any) -> tuple[int, str, str]:
    answer = ask(Request(url, **{"timeout": 2.0, **more}))
    return answer.status, answer.body.decode(), answer.error


def test_path_query_host_and_headers_arrive(port: int) -> None:
    url = f"http://127.0.0.1:{port}/health?deep=1"
    said = f"/health?deep=1 127.0.0.1:{port} hush"
    assert get(url, headers={"X-Probe-Token": "hush"}) == (200, said, "")


def test_another_address_keeps_the_name(port: int) -> None:
    answer = get("http://api.tagadodo.com/x", connect=("127.0.0.1", port))
    assert answer == (200, "/x api.tagadodo.com None", "")


def test_an_answer_that_ends_at_its_last_byte(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Newer Pythons close it there, and older ones when they are asked for more."""
    read1 = http.client.HTTPResponse.read1

    def closing(answer: http.client.HTTPResponse, most: int = -1) -> bytes:
        data = read1(answer, most)
        if answer.length == 0:
            answer.close()
        return data

    monkeypatch.setattr(http.client.HTTPResponse, "read1", closing)
    assert get(f"http://127.0.0.1:{port}/a")[0] == 200


def test_redirects_are_answers(port: int) -> None:
    assert get(f"http://127.0.0.1:{port}/redirect") == (302, "", "")


def test_proxies_of_the_environment_are_not_asked(
    port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    assert get(f"http://127.0.0.1:{port}/")[0] == 200


def test_tls_is_verified_for_the_name_in_the_url(tls: tuple[int, str]) -> None:
    port, ca_file = tls
    asked = {"connect": ("127.0.0.1", port), "ca_file": ca_file}
    assert get(f"https://{HOST}:8443/x", **asked) == (200, f"/x {HOST}:8443 None", "")
    wrong = get("https://admin.localhost:8443/", **asked)[2]
    assert wrong.startswith("shows a certificate that does not verify (Hostname mismatch")


def test_tls_of_an_unknown_authority(tls: tuple[int, str]) -> None:
    url, connect = f"https://{HOST}/", ("127.0.0.1", tls[0])
    assert "unable to get local issuer" in get(url, connect=connect)[2]
    assert get(url, connect=connect, validate_certs=False)[0] == 200


def test_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    assert get(f"http://127.0.0.1:{port}/") == (0, "", "refuses connections")


@pytest.mark.parametrize(
    ("pieces", "error"),
    [
        ([b""], "does not answer within 0.1 s"),
        ([b"HTTP/1.1 200 OK\r\n\r\nhalf"], "does not answer within 0.1 s"),
        ([b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", b"x"], "does not answer within 0.1 s"),
    ],
)
def test_a_target_that_hangs(pieces: list[bytes], error: str) -> None:
    with answering(*pieces, pause=5) as port:
        assert get(f"http://127.0.0.1:{port}/", timeout=0.1) == (0, "", error)


def test_a_body_that_drips_does_not_stretch_the_time() -> None:
    head = b"HTTP/1.1 200 OK\r\n\r\n"
    with answering(head, *[b"x"] * 100, pause=0.03) as port:
        error = get(f"http://127.0.0.1:{port}/", timeout=0.2)[2]
    assert error == "does not answer within 0.2 s"


@pytest.mark.parametrize(
    ("said", "error"),
    [
        (b"220 mail ready\r\n", "does not speak HTTP (BadStatusLine"),
        (b"", "cuts the connection"),
    ],
)
def test_a_target_that_speaks_something_else(said: bytes, error: str) -> None:
    with answering(said) as port:
        assert get(f"http://127.0.0.1:{port}/")[2].startswith(error)


def test_a_name_that_does_not_resolve() -> None:
    assert "does not resolve" in get("http://no-such-host.invalid/")[2]


def test_secrets_are_read_from_files(tmp_path: pathlib.Path) -> None:
    token = tmp_path / "token"
    token.write_text("hush\n")
    raw = {"name": "x", "header_files": {"X-Probe-Token": str(token)}}
    assert read_secrets([raw, {"name": "y"}]) == {str(token): "hush"}


@pytest.mark.parametrize("content", [None, "", "two\nlines", "schön"])
def test_a_secret_that_cannot_be_a_header(content: str | None, tmp_path: pathlib.Path) -> None:
    token = tmp_path / "token"
    if content is not None:
        token.write_text(content, encoding="utf-8")
    with pytest.raises(TargetError, match=r"^targets\.x\.header_files\.X-Probe-Token: ") as error:
        read_secrets([{"name": "x", "header_files": {"X-Probe-Token": str(token)}}])
    assert "two" not in str(error.value)


def test_an_authority_that_cannot_be_loaded_is_noticed_at_once(tmp_path: pathlib.Path) -> None:
    target = Target("x", "https://localhost", ca_file=str(tmp_path / "none.pem"))
    with pytest.raises(TargetError, match=r"^targets\.x\.ca_file: .*none\.pem cannot be loaded"):
        load_authorities([target])
