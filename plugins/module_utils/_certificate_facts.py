# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This module util is PRIVATE to the collection.
"""What a certificate says of itself: names, who issued it, how long it is good."""

from __future__ import annotations

import datetime
import pathlib
import socket
import sys
import typing as t
from dataclasses import dataclass

from ansible_collections.tagadodo.deploy.plugins.module_utils._certbot import CertificateError

DAY = 86400.0


@dataclass(frozen=True)
class Facts:
    """
    Attributes:
        begins, ends: time of day in seconds.
    """

    names: t.FrozenSet[str]
    issuer: str
    begins: float
    ends: float

    def days_left(self, now: float) -> float:
        """Days until it ends, less than 0 when it has."""
        return (self.ends - now) / DAY

    def as_dict(self, now: float) -> t.Dict[str, t.Any]:
        """What modules return of it."""
        return {
            "names": sorted(self.names),
            "issuer": self.issuer,
            "days_left": round(self.days_left(now), 1),
        }

    def due(self, now: float) -> bool:
        """Whether a third of its time or less is left, which is when certbot renews it."""
        return (self.ends - now) * 3 <= self.ends - self.begins


def read_facts(path: t.Union[str, pathlib.Path]) -> Facts:
    """Read the first certificate of a chain.

    Args:
        path: a file of PEM.

    Raises:
        CertificateError: it is not there, or no certificate.
    """
    x509 = _x509()
    try:
        found = x509.load_pem_x509_certificate(pathlib.Path(path).read_bytes())
    except FileNotFoundError as error:
        raise CertificateError(f"{path}: there is no such certificate") from error
    except (OSError, ValueError) as error:
        raise CertificateError(f"{path}: not a certificate ({error})") from error
    return _facts(found)


def shown_facts(address: str, port: int, name: str, timeout: float = 5) -> Facts:
    """Read the certificate that a server shows for a name, whoever vouches for it.

    Args:
        timeout: seconds.

    Raises:
        CertificateError: it shows none.
    """
    import ssl

    x509 = _x509()
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    try:
        plain = socket.create_connection((address, port), timeout)
        with plain, context.wrap_socket(plain, server_hostname=name) as secure:
            der = secure.getpeercert(binary_form=True)
    except OSError as error:
        raise CertificateError(
            f"{name}: {address}:{port} shows no certificate ({error})"
        ) from error
    return _facts(x509.load_der_x509_certificate(der))


def soon_ending(found: t.Mapping[str, Facts], minimum: float, now: float) -> str:
    """Which of them have fewer than ``minimum`` days left, in one line; empty where none has."""
    short = {name: facts.days_left(now) for name, facts in found.items()}
    told = [f"{name} has {max(days, 0):.1f}" for name, days in short.items() if days < minimum]
    return (
        f"days left of certificates, {minimum:g} are asked for: {', '.join(told)}" if told else ""
    )


def _x509() -> t.Any:
    try:
        from cryptography import x509
    except ImportError as error:
        raise CertificateError(
            f"the Python package cryptography is missing for {sys.executable}; install python3-cryptography"
        ) from error
    return x509


def _facts(found: t.Any) -> Facts:
    x509 = _x509()
    try:
        names = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        dns = frozenset(names.get_values_for_type(x509.DNSName))
    except x509.ExtensionNotFound:
        dns = frozenset()
    return Facts(
        names=dns,
        issuer=found.issuer.rfc4514_string(),
        begins=_seconds(found, "not_valid_before"),
        ends=_seconds(found, "not_valid_after"),
    )


def _seconds(found: t.Any, name: str) -> float:
    """A time of a certificate. Before version 42 cryptography knows it without its zone, which is UTC."""
    aware = getattr(found, f"{name}_utc", None)
    moment = aware or getattr(found, name).replace(tzinfo=datetime.timezone.utc)
    return float(moment.timestamp())
