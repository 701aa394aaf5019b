# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What certbot is told, and what it says in one line."""

from __future__ import annotations

import dataclasses
import json
import pathlib

import pytest

from ansible_collections.tagadodo.deploy.plugins.module_utils._certbot import (
    Certbot,
    CertificateError,
    Settings,
    reason,
)

SETTINGS = Settings(
    project="shop",
    state_dir="/var/lib/shop",
    config_dir="/etc/shop",
    image="certbot/certbot:v5.8.0",
    network="host",
    ca_file="",
    timeout=300,
    lock_wait=60,
    request="/etc/shop/nginx-install.json",
    certificates={"api.example.com": ["api.example.com", "www.example.com"]},
)
REFUSED = """Saving debug log to /tmp/logs/letsencrypt.log
Requesting a certificate for api.example.com and www.example.com

Certbot failed to authenticate some domains (authenticator: webroot). The Certificate Authority reported these problems:
  Domain: api.example.com
  Type:   unauthorized
  Detail: 203.0.113.7: Invalid response from http://api.example.com/.well-known/acme-challenge/x: 404

  Domain: www.example.com
  Type:   dns
  Detail: DNS problem: NXDOMAIN looking up A for
  www.example.com

Hint: The Certificate Authority failed to download the temporary challenge files created by Certbot.

Some challenges have failed.
Ask for help or search for solutions at https://community.letsencrypt.org.
"""


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (
            REFUSED,
            "api.example.com: 203.0.113.7: Invalid response from"
            " http://api.example.com/.well-known/acme-challenge/x: 404 (unauthorized);"
            " www.example.com: DNS problem: NXDOMAIN looking up A for www.example.com (dns)",
        ),
        (
            "Saving debug log to /tmp/logs/letsencrypt.log\nAn unexpected error occurred:\n"
            "ConnectionError: Connection refused\nAsk for help or search for solutions at x.\n",
            "ConnectionError: Connection refused",
        ),
        ("", "certbot failed and says nothing"),
    ],
)
def test_the_reason_is_one_line(said: str, told: str) -> None:
    assert reason(said) == told


def test_it_is_told_all_names_and_no_secret() -> None:
    spec = Certbot(None, SETTINGS).spec("api.example.com")
    command = " ".join(spec.command)
    assert "--cert-name api.example.com --domains api.example.com,www.example.com" in command
    assert "--config /etc/shop/certbot/cli.ini" in command
    assert "--keep-until-expiring" in command
    assert "--dry-run" not in command
    assert spec.binds["/etc/shop/certbot"].endswith(":ro")
    assert spec.env == {}


def test_it_may_only_ask_or_have_a_new_one() -> None:
    certbot = Certbot(None, dataclasses.replace(SETTINGS, ca_file="/etc/ca.pem"))
    spec = certbot.spec("api.example.com", dry=True, force=True)
    assert {"--dry-run", "--force-renewal"} <= set(spec.command)
    assert "--keep-until-expiring" not in spec.command
    (inside,) = spec.env.values()
    assert spec.binds["/etc/ca.pem"] == f"{inside}:ro"


def test_settings_are_read(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "settings.json"
    path.write_text(json.dumps(dataclasses.asdict(SETTINGS)))
    assert Settings.read(path) == SETTINGS


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"project": 1, "unknown": 2}'])
def test_settings_that_are_none_say_what_to_do(tmp_path: pathlib.Path, text: str) -> None:
    path = tmp_path / "settings.json"
    with pytest.raises(CertificateError, match="missing; is nginx_tls certbot"):
        Settings.read(path)
    path.write_text(text)
    with pytest.raises(CertificateError, match="run site.yml again"):
        Settings.read(path)


@pytest.mark.parametrize(
    ("names", "dns", "told"),
    [
        (["api.example.com", "*.example.com"], {"plugin": "dns-x"}, ["--authenticator", "dns-x"]),
        (["api.example.com"], {"plugin": "dns-x"}, []),
        (["api.example.com"], {"plugin": "dns-x", "names": ["api.example.com"]}, ["--authenticator", "dns-x"]),
        (["api.example.com", "*.example.com"], {}, []),
        (
            ["*.example.com"],
            {"plugin": "dns-x", "credentials": True, "propagation": 30},
            [
                *("--authenticator", "dns-x", "--dns-x-credentials", "/etc/shop/certbot/dns.ini"),
                *("--dns-x-propagation-seconds", "30"),
            ],
        ),
    ],
)  # fmt: skip
def test_names_that_ask_for_it_are_proved_by_dns(
    names: list[str], dns: dict[str, object], told: list[str]
) -> None:
    settings = dataclasses.replace(SETTINGS, certificates={"api.example.com": names}, dns=dns)
    command = list(Certbot(None, settings).spec("api.example.com").command)
    begin = command.index("--keep-until-expiring") + 1
    assert command[begin:] == told
