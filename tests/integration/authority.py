"""An authority as Let's Encrypt is one: pebble, which asks the names' hosts for its challenges on this machine."""

from __future__ import annotations

import contextlib
import json
import pathlib
import socket
import ssl
import subprocess
import typing as t
import urllib.request
from dataclasses import dataclass, field

from server import Server
from stack import free_port

VALID = 90 * 86400  # seconds a certificate is good for


@dataclass
class Authority(Server):
    """It, and a resolver for it.

    Args:
        address: where it listens.
        names: the address that every name leads to.
        resolver: ``address:port`` that knows the names instead, and what was put into the DNS for a challenge.
        http_port: where it expects the challenges to be answered, of every name.
        accounts: credentials without which nobody gets an account: secret by name.
    """

    http_port: int
    accounts: t.Mapping[str, str] = field(default_factory=dict)
    address: str = "127.0.0.1"
    names: str = "127.0.0.1"
    resolver: str = ""
    port: int = field(default_factory=free_port)
    management: int = field(default_factory=free_port)
    dns: int = field(default_factory=free_port)
    dns_management: int = field(default_factory=free_port)

    @property
    def directory(self) -> str:
        return f"https://{self.address}:{self.port}/dir"

    @property
    def server_ca(self) -> pathlib.Path:
        """Who vouches for its own server."""
        return self.work / "server.pem"

    def start(self) -> None:
        """Start it anew: what it has issued it has forgotten, and its roots are others."""
        self.work.mkdir(exist_ok=True)
        if not self.server_ca.exists():
            self._make_server_certificate()
        config = {
            "pebble": {
                "listenAddress": f"{self.address}:{self.port}",
                "managementListenAddress": f"127.0.0.1:{self.management}",
                "certificate": str(self.server_ca),
                "privateKey": str(self.work / "server.key"),
                "httpPort": self.http_port,
                "tlsPort": 1,
                "ocspResponderURL": "",
                "certificateValidityPeriod": VALID,
                "externalAccountBindingRequired": bool(self.accounts),
                "externalAccountMACKeys": dict(self.accounts),
            }
        }
        (self.work / "pebble.json").write_text(json.dumps(config))
        self._run(
            "pebble-challtestsrv",
            *("-defaultIPv4", self.names, "-defaultIPv6", ""),
            *("-dns01", f"127.0.0.1:{self.dns}", "-management", f"127.0.0.1:{self.dns_management}"),
            *("-http01", "", "-https01", "", "-tlsalpn01", ""),
        )
        self._run(
            "pebble",
            *("-config", str(self.work / "pebble.json")),
            *("-dnsserver", self.resolver or f"127.0.0.1:{self.dns}"),
            PEBBLE_VA_NOSLEEP="1",
            PEBBLE_WFE_NONCEREJECT="0",
            PEBBLE_AUTHZREUSE="0",  # every certificate asks for its challenges
        )
        self._wait("pebble")

    def root(self) -> str:
        """Who vouches for what it issues, as PEM."""
        url = f"https://127.0.0.1:{self.management}/roots/0"
        with urllib.request.urlopen(url, context=self._tls, timeout=5) as answer:
            return str(answer.read().decode())

    @property
    def _tls(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(self.server_ca))

    def _answers(self) -> bool:
        with contextlib.suppress(OSError):
            return bool(self.root())
        return False

    def _make_server_certificate(self) -> None:
        subprocess.run(
            [
                *(
                    "openssl",
                    "req",
                    "-x509",
                    "-newkey",
                    "ec",
                    "-pkeyopt",
                    "ec_paramgen_curve:P-256",
                ),
                *("-nodes", "-days", "2", "-subj", "/CN=authority"),
                *("-addext", f"subjectAltName=IP:127.0.0.1,IP:{self.address}"),
                *("-keyout", str(self.work / "server.key"), "-out", str(self.server_ca)),
            ],
            check=True,
            capture_output=True,
        )


def served(port: int, name: str, ca: str) -> dict[str, t.Any]:
    """The certificate a server shows for a name, verified."""
    tls = ssl.create_default_context(cadata=ca)
    with (
        socket.create_connection(("127.0.0.1", port), timeout=5) as plain,
        tls.wrap_socket(plain, server_hostname=name) as secure,
    ):
        return dict(secure.getpeercert() or {})
