# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This module util is PRIVATE to the collection.
"""Certificates of an ACME authority, asked for by certbot in a one-off container.

What certbot has to know is in ``cli.ini`` (written by the role, root's alone): the authority, who asks, how
it is shown that the names are ours. Its tree is its own; nginx never looks into it (see ``_tls_store``).
"""

from __future__ import annotations

import json
import pathlib
import re
import typing as t
import uuid
from dataclasses import dataclass, field

from ansible_collections.tagadodo.deploy.plugins.module_utils._engine import (
    RunResult,
    RunSpec,
    ensure_image,
    run_once,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._instance import LABEL

TRUST = "/etc/ssl/authority.pem"  # in the container: who vouches for the authority's own server
CREDENTIALS = "dns.ini"  # beside cli.ini: what the plugin of the DNS challenge logs in with


class CertificateError(Exception):
    """A certificate cannot be had or given to nginx; the text is one line."""


@dataclass(frozen=True)
class Settings:
    """What ``settings.json`` says.

    Attributes:
        certificates: every certificate by its name, with the host names in it.
        request: what nginx was told last, as the module ``nginx_config`` keeps it.
        network: of the container that certbot runs in.
        ca_file: certificates that vouch for the authority's server where certbot's own do not.
        timeout: seconds certbot may take for one certificate.
        lock_wait: seconds to wait for a release before nginx is given a new certificate.
        dns: how certificates are asked for whose names are shown to be ours by DNS: ``plugin``, ``names`` (besides
            those with ``*``, which authorities prove by DNS alone), ``credentials`` (whether there are some) and
            ``propagation`` (seconds until all servers know; the plugin's own where it is 0).
    """

    project: str
    state_dir: str
    config_dir: str
    image: str
    network: str
    ca_file: str
    timeout: int
    lock_wait: int
    request: str
    certificates: t.Mapping[str, t.Sequence[str]] = field(default_factory=dict)
    dns: t.Mapping[str, t.Any] = field(default_factory=dict)

    @classmethod
    def read(cls, path: t.Union[str, pathlib.Path]) -> Settings:
        """
        Raises:
            CertificateError: the file is missing or not what the role writes.
        """
        try:
            return cls(**json.loads(pathlib.Path(path).read_text(encoding="utf-8")))
        except FileNotFoundError as error:
            raise CertificateError(
                f"{path}: missing; is nginx_tls certbot, and has site.yml run since?"
            ) from error
        except (OSError, ValueError, TypeError) as error:
            raise CertificateError(
                f"{path}: not the settings of certificates; run site.yml again"
            ) from error

    @property
    def tree(self) -> pathlib.Path:
        """certbot's own directory."""
        return pathlib.Path(self.config_dir) / "letsencrypt"

    @property
    def options(self) -> pathlib.Path:
        """The directory of ``cli.ini`` and of what it refers to."""
        return pathlib.Path(self.config_dir) / "certbot"

    def challenged_by_dns(self, name: str) -> bool:
        """Whether a certificate is asked for by DNS: one of its names can or is to be proved so."""
        names = self.certificates[name]
        asked = self.dns.get("names") or ()
        return bool(self.dns.get("plugin")) and any(
            one.startswith("*.") or one in asked for one in names
        )

    @property
    def webroot(self) -> pathlib.Path:
        """Where nginx looks for the answers to challenges."""
        return pathlib.Path(self.state_dir) / "acme"


@dataclass(frozen=True)
class Certbot:
    """
    Args:
        client: a ``docker.DockerClient``.
    """

    client: t.Any
    settings: Settings

    def ensure(self, name: str, dry: bool = False, force: bool = False) -> None:
        """Have a certificate: the first one, one with other names, or a new one when it is due.

        Args:
            dry: ask the authority whether it would be given, and change nothing.
            force: a new one although it is not due.

        Raises:
            CertificateError: with the authority's own reason.
        """
        ensure_image(self.client, self.settings.image)
        result = run_once(self.client, self.spec(name, dry, force))
        if result.exit_code != 0:
            raise CertificateError(f"{name}: {self._why(result)}")

    def spec(self, name: str, dry: bool = False, force: bool = False) -> RunSpec:
        settings = self.settings
        tree, options, webroot = map(str, (settings.tree, settings.options, settings.webroot))
        binds = {tree: tree, options: f"{options}:ro", webroot: webroot}
        if settings.ca_file:
            binds[settings.ca_file] = f"{TRUST}:ro"
        return RunSpec(
            name=f"{settings.project}-certbot-{uuid.uuid4().hex[:8]}",
            image=settings.image,
            command=(
                *("certbot", "certonly", "--non-interactive", "--agree-tos"),
                *("--config", f"{options}/cli.ini", "--config-dir", tree),
                *("--work-dir", "/tmp/work", "--logs-dir", "/tmp/logs"),
                *("--cert-name", name, "--domains", ",".join(settings.certificates[name])),
                *(
                    "--renew-with-new-domains",
                    "--force-renewal" if force else "--keep-until-expiring",
                ),
                *(self._by_dns() if settings.challenged_by_dns(name) else ()),
                *(("--dry-run",) if dry else ()),
            ),
            env={"REQUESTS_CA_BUNDLE": TRUST} if settings.ca_file else {},
            labels={f"{LABEL}project": settings.project, f"{LABEL}certbot": name},
            network=settings.network,
            binds=binds,
            timeout=settings.timeout,
        )

    def _by_dns(self) -> t.Iterator[str]:
        dns = self.settings.dns
        plugin = str(dns["plugin"])
        yield from ("--authenticator", plugin)
        if dns.get("credentials"):
            yield from (f"--{plugin}-credentials", f"{self.settings.options}/{CREDENTIALS}")
        if dns.get("propagation"):
            yield from (f"--{plugin}-propagation-seconds", str(dns["propagation"]))

    def _why(self, result: RunResult) -> str:
        if result.exit_code is None:
            return f"certbot did not end within {self.settings.timeout} s (certbot_timeout)"
        return reason(result.stdout + "\n" + result.stderr)


def reason(said: str) -> str:
    """What certbot ends with, in one line: the authority's words on each name, or its own last ones.

    Args:
        said: what it wrote, which tells of a name as ``Domain:``, ``Type:`` and ``Detail:``.
    """
    details = re.findall(
        r"Domain:\s*(\S+)\s+Type:\s*(\S+)\s+Detail:\s*(.+?)(?=\n\s*\n|\n\s*Domain:|\nHint:|\Z)",
        said,
        re.DOTALL,
    )
    if details:
        return "; ".join(
            f"{domain}: {' '.join(detail.split())} ({kind})" for domain, kind, detail in details
        )
    noise = re.compile(r"^(Saving debug log|Ask for help|See the logfile|- - -|\s*$)")
    lines = [line.strip() for line in said.splitlines() if not noise.match(line)]
    return lines[-1] if lines else "certbot failed and says nothing"
