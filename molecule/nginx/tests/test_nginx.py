# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""nginx serves from a container that can do little, and answers about itself to the host alone."""

from __future__ import annotations

import http.client
import socket
import ssl
import typing as t

import pytest

testinfra_hosts = ["ansible://equipped"]
Apply = t.Callable[..., str]
Get = t.Callable[[str], str]
Inspect = t.Callable[[str], t.Dict[str, t.Any]]
NGINX = "tagadodo-nginx"


@pytest.fixture
def https(host: t.Any, outside_address: str) -> t.Callable[[str], int]:
    """Status of the answer under a name, over a connection that the host's authority vouches for."""
    authority = host.file("/etc/tagadodo/nginx/tls/ca.pem").content_string
    context = ssl.create_default_context(cadata=authority)

    def get(name: str) -> int:
        request = f"GET / HTTP/1.1\r\nHost: {name}\r\nConnection: close\r\n\r\n"
        plain = socket.create_connection((outside_address, 443), timeout=10)
        with context.wrap_socket(plain, server_hostname=name) as secured:
            secured.sendall(request.encode())
            return int(secured.recv(64).split()[1])

    return get


def test_http_is_redirected(outside_address: str) -> None:
    connection = http.client.HTTPConnection(outside_address, 80, timeout=5)
    connection.request("GET", "/somewhere", headers={"Host": "api.example.test"})
    answer = connection.getresponse()
    assert answer.status in (301, 308)
    assert answer.getheader("Location") == "https://api.example.test/somewhere"


def test_a_service_without_instances_is_a_bad_gateway(https: t.Callable[[str], int]) -> None:
    assert https("api.example.test") in (502, 504)


def test_control_server_answers_the_host_alone(get: Get, outside_address: str) -> None:
    assert get("http://127.0.0.1:10080/revision")
    assert get("http://127.0.0.1:10080/traffic/backend/0") == "blue"
    assert get("http://127.0.0.1:10080/instances/backend/green") == "all"
    assert get("http://127.0.0.1:10080/servers/backend/green") == "1"
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((outside_address, 10080), timeout=5)


def test_can_do_no_more_than_it_needs(inspect: Inspect) -> None:
    limits = inspect(NGINX)["HostConfig"]
    assert limits["CapDrop"] == ["ALL"]
    assert limits["ReadonlyRootfs"] is True
    assert any(option.startswith("no-new-privileges") for option in limits["SecurityOpt"])
    assert limits["Memory"] > 0
    assert limits["PidsLimit"] > 0
    assert limits["NetworkMode"] == "host"


def test_a_host_that_cannot_make_certificates_is_told_what_is_missing(
    host: t.Any, apply: Apply
) -> None:
    package = "/usr/lib/python3/dist-packages/cryptography"
    host.check_output(f"mv {package} {package}.away")
    try:
        printed = apply(fails=True)
    finally:
        host.check_output(f"mv {package}.away {package}")
    assert "needs the Python package cryptography there. Install python3-cryptography" in printed


def test_unchanged_settings_do_not_restart_it(apply: Apply, inspect: Inspect) -> None:
    before = inspect(NGINX)["Id"], inspect(NGINX)["State"]["StartedAt"]
    assert "changed=0" in apply()
    assert (inspect(NGINX)["Id"], inspect(NGINX)["State"]["StartedAt"]) == before
