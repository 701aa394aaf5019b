# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A zone whose records may be changed by who has its key (RFC 2136): Knot DNS."""

from __future__ import annotations

import base64
import secrets
import socket
from dataclasses import dataclass, field

from server import Server
from stack import free_port

KEY_NAME = "deploy-key"
CONFIG = """
server:
    rundir: {work}/run
    listen: 127.0.0.1@{port}
database:
    storage: {work}/db
log:
  - target: {work}/knot.log
    any: info
key:
  - id: {key}
    algorithm: hmac-sha512
    secret: {secret}
acl:
  - id: {key}
    key: {key}
    action: update
zone:
  - domain: {domain}
    file: {work}/zone
    acl: {key}
"""
RECORDS = """$ORIGIN {domain}.
$TTL 5
@ SOA ns hostmaster 1 3600 600 86400 5
@ NS ns
ns A 127.0.0.1
{names}
"""


@dataclass
class Zone(Server):
    """The server of one.

    Args:
        names: below the domain, which lead to this machine.
    """

    names: tuple[str, ...]
    domain: str = "localhost"
    port: int = field(default_factory=free_port)
    secret: str = field(default_factory=lambda: base64.b64encode(secrets.token_bytes(32)).decode())

    @property
    def credentials(self) -> str:
        """The file that certbot's plugin logs in with."""
        told = {
            "server": "127.0.0.1",
            "port": self.port,
            "name": f"{KEY_NAME}.",
            "secret": self.secret,
            "algorithm": "HMAC-SHA512",
        }
        return "".join(f"dns_rfc2136_{key} = {value}\n" for key, value in told.items())

    def start(self) -> None:
        for folder in ("run", "db"):
            (self.work / folder).mkdir(parents=True)
        config = self.work / "knot.conf"
        config.write_text(
            CONFIG.format(
                work=self.work,
                port=self.port,
                key=KEY_NAME,
                secret=self.secret,
                domain=self.domain,
            )
        )
        records = "\n".join(f"{name} A 127.0.0.1" for name in self.names)
        (self.work / "zone").write_text(RECORDS.format(domain=self.domain, names=records))
        self._run("knotd", "--config", str(config))
        self._wait("knotd")

    def _answers(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0
