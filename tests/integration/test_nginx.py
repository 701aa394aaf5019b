"""What users and clients get from nginx: headers, limits, pages, TLS, and the slot they belong to."""

from __future__ import annotations

import contextlib
import gzip
import http.client
import ipaddress
import json
import os
import pathlib
import re
import socket
import ssl
import time
import typing as t
from dataclasses import dataclass

import docker
import pytest
import yaml
from built import build_image
from clients import Connection
from stack import SERVICES_FILE, Stack
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect as websocket

EXPECTED = pathlib.Path(__file__).with_name("expected") / "nginx.conf"
API, ADMIN = "api.localhost", "admin.localhost"
HSTS = "max-age=31536000; includeSubDomains"
IMMUTABLE = "public, max-age=31536000, immutable"
HEADERS = {
    API: {
        "Strict-Transport-Security": HSTS,
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
        "Referrer-Policy": "no-referrer",
        "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
        "Cross-Origin-Resource-Policy": "cross-origin",
    },
    ADMIN: {
        "Strict-Transport-Security": HSTS,
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
        "Referrer-Policy": "strict-origin-when-cross-origin",
        "Content-Security-Policy": (
            "default-src 'self'; connect-src 'self' https: wss:; img-src 'self' data: https:; "
            "style-src 'self' 'unsafe-inline'; font-src 'self' data:; object-src 'none'; "
            "base-uri 'self'; form-action 'self'; frame-ancestors 'none'"
        ),
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Permissions-Policy": (
            "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()"
        ),
    },
}
# What HTTP itself and the applications say; everything else must be in HEADERS.
ORDINARY = {
    "Accept-Ranges",
    "Cache-Control",
    "Connection",
    "Content-Encoding",
    "Content-Length",
    "Content-Type",
    "Date",
    "ETag",
    "Last-Modified",
    "Server",
    "Transfer-Encoding",
    "Vary",
    "X-Request-ID",
}
LOG_FIELDS = {
    *("time", "service", "slot", "bucket", "client", "upstream_addr", "upstream_status"),
    *("upstream_response_time", "upstream_header_time", "upstream_connect_time", "request_time"),
    *("method", "path", "status", "bytes", "request_id", "host", "protocol", "limit", "probe"),
}
BURST, RATE = 200, 100

OLD, NEW = "0.9.0", "1.1.0"
OLD_PAGE = "/assets/page-Ab12Cd34.js"

# An instance that shows what it was sent, says what it should not, and drops what it is told to drop.
ECHO = """
require('node:http').createServer((request, response) => {
  if (request.url.startsWith('/drop')) return request.socket.destroy();
  response.writeHead(200, {
    'X-Powered-By': 'Echo', 'X-XSS-Protection': '1', 'X-Frame-Options': 'ALLOWALL', Server: 'Echo/1.0',
    'Strict-Transport-Security': 'max-age=0', 'Content-Type': 'application/json',
  });
  response.end(JSON.stringify({ url: request.url, headers: request.headers }));
}).on('upgrade', (request, socket) => {
  socket.end('HTTP/1.1 418 Upgraded\\r\\nConnection: close\\r\\nContent-Length: 0\\r\\n\\r\\n');
}).listen(Number(process.env.PORT));
"""


@dataclass(frozen=True)
class Answer:
    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def json(self) -> t.Any:
        return json.loads(self.body)


def ask(
    stack: Stack,
    hostname: str,
    path: str,
    method: str = "GET",
    source: str = "127.0.0.1",
    **headers: str,
) -> Answer:
    """One request on a connection of its own; ``X_Some`` is the header ``X-Some``."""
    with contextlib.closing(Connection(stack, hostname, source)) as connection:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, path, headers=named)
        response = connection.getresponse()
        return Answer(response.status, response.headers, response.read())


def plain(stack: Stack, hostname: str, path: str) -> Answer:
    with contextlib.closing(
        http.client.HTTPConnection("127.0.0.1", stack.http_port, timeout=10)
    ) as connection:
        connection.request("GET", path, headers={"Host": f"{hostname}:{stack.http_port}"})
        response = connection.getresponse()
        return Answer(response.status, response.headers, response.read())


def has_its_headers(answer: Answer, hostname: str) -> None:
    """Each of the server's headers once with its value, and none that nobody asked for."""
    for name, value in HEADERS[hostname].items():
        assert answer.headers.get_all(name) == [value], (answer.status, name)
    assert set(answer.headers) - set(HEADERS[hostname]) <= ORDINARY, answer.status
    assert answer.headers["Server"] == "nginx"
    assert re.fullmatch("[0-9a-f]{32}", answer.headers["X-Request-ID"])


def log(stack: Stack, service: str) -> list[dict[str, t.Any]]:
    path = stack.log_dir / f"nginx/{service}.access.json"
    return [json.loads(line) for line in path.read_text().splitlines()]


def logged(stack: Stack, service: str, answer: Answer) -> dict[str, t.Any]:
    """The line of an answer; nginx writes it when the answer is sent."""
    wanted = answer.headers["X-Request-ID"]
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        lines = [line for line in log(stack, service) if line["request_id"] == wanted]
        if lines:
            return lines[-1]
        time.sleep(0.02)
    raise AssertionError(f"{wanted} is not in the log of {service}")


def assets(stack: Stack) -> list[str]:
    page = ask(stack, ADMIN, "/").body.decode()
    return re.findall(r'(?:src|href)="(/assets/[^"]+)"', page)


def shift(stack: Stack, **green: int) -> None:
    stack.ask(
        "traffic_shift",
        state_dir=str(stack.state_dir),
        control_url=f"http://127.0.0.1:{stack.control_port}",
        shares={service: {"green": share} for service, share in green.items()},
    )


@pytest.fixture(scope="module")
def old_page(empty: Stack) -> t.Iterator[None]:
    """tagadodo/frontend:0.9.0 in the registry: 1.0.0 with one more hashed file, as an older build has."""
    files = {
        "Dockerfile": f"FROM {empty.registry}/tagadodo/frontend:1.0.0\nCOPY --chown=1001:1001 srv /srv\n",
        "srv/health.json": f'{{"status":"ok","version":"{OLD}"}}\n',
        f"srv/www{OLD_PAGE}": "export const page = 'of the old release';\n",
    }
    tag = f"{empty.registry}/tagadodo/frontend:{OLD}"
    client = docker.from_env()
    build_image(tag, files)
    client.images.push(tag)
    yield
    client.images.remove(tag, force=True)


@pytest.fixture(scope="module")
def stack(empty: Stack, old_page: None) -> Stack:
    """Backend 1.0.0 and frontend 0.9.0 are live on green; releases are not watched for long."""
    services = yaml.safe_load(SERVICES_FILE.read_text())["services"]
    services["frontend"].update(version=OLD)
    empty.extra["services"] = {
        name: {**service, "bake": 0, "drain": 1, "keep_warm": True}
        for name, service in services.items()
    }
    run = empty.play("site")
    assert run.code == 0, run.output
    return empty


@pytest.fixture(scope="module")
def token(stack: Stack) -> str:
    return (stack.state_dir / "nginx/probe_token").read_text().strip()


@pytest.fixture(scope="module")
def echo(stack: Stack, token: str) -> t.Iterator[dict[str, str]]:
    """The blue slots are instances that show what they were sent; the headers that choose them."""
    client = docker.from_env()
    image = f"{stack.registry}/node:24"
    client.images.pull(image)
    configuration = (stack.config_dir / "nginx/nginx.conf").read_text()
    for service in ("backend", "frontend"):
        block = re.search(rf"upstream {service}_blue {{(.*?)}}", configuration, re.DOTALL)
        assert block
        for address, port in sorted(set(re.findall(r"server ([\d.]+):(\d+)", block[1]))):
            container = client.containers.create(
                image,
                ["node", "-e", ECHO],
                name=f"{stack.name}-echo-{address}",
                environment={"PORT": port},
                user="1001:1001",
            )
            client.networks.get(stack.name).connect(container, ipv4_address=address)
            container.start()
    headers = {"X_Probe_Token": token, "X_Probe_Slot": "blue"}
    for hostname in (API, ADMIN):
        deadline = time.monotonic() + 15
        while ask(stack, hostname, "/", **headers).status != 200:
            assert time.monotonic() < deadline, f"the blue slot of {hostname} does not answer"
            time.sleep(0.2)
    yield headers
    remove_echo(stack)


def remove_echo(stack: Stack) -> None:
    for name, container in stack.containers().items():
        if name.startswith("echo-"):
            container.remove(force=True)


# --- the configuration as a whole


def test_the_configuration_is_the_one_that_was_reviewed(stack: Stack, token: str) -> None:
    """What nginx -T says. After a change that is meant: EXPECTED=write ./scripts/test integration, and read the diff."""
    command = ["nginx", "-T", "-c", str(stack.config_dir / "nginx/nginx.conf")]
    said = stack.containers()["nginx"].exec_run(command, stderr=False).output.decode()
    for own, told in (
        (token, "PROBE_TOKEN"),
        *((f":{port}", f":{name}") for name, port in ports(stack).items()),
        (stack.name, "tagadodo"),
    ):
        said = said.replace(own, told)
    said = re.sub(r"[0-9a-f]{16}\\n", r"REVISION\\n", said)
    first = ipaddress.ip_network(stack.subnet)[0]
    said = re.sub(
        rf"{str(first).split('.', 1)[0]}\.\d+\.\d+\.\d+:",
        lambda found: f"SUBNET[{int(ipaddress.ip_address(found[0][:-1])) - int(first)}]:",
        said,
    )
    if os.environ.get("EXPECTED") == "write":
        EXPECTED.write_text(said)
    assert said == EXPECTED.read_text()


def ports(stack: Stack) -> dict[str, int]:
    return {
        "HTTPS": stack.https_port,
        "HTTP": stack.http_port,
        "CONTROL": stack.control_port,
    }


# --- headers


@pytest.mark.parametrize(
    ("hostname", "path"),
    [
        (API, "/version"),
        (API, "/health"),
        (ADMIN, "/"),
        (ADMIN, "/config.json"),
        (ADMIN, "/health"),
    ],
)
def test_every_answer_has_its_headers(stack: Stack, hostname: str, path: str) -> None:
    answer = ask(stack, hostname, path)
    assert answer.status == 200
    has_its_headers(answer, hostname)


@pytest.mark.parametrize(
    ("hostname", "path"), [(API, "/nowhere"), (ADMIN, "/assets/none-Ab12Cd99.js")]
)
def test_a_missing_page_has_its_headers(stack: Stack, hostname: str, path: str) -> None:
    answer = ask(stack, hostname, path)
    assert answer.status == 404
    has_its_headers(answer, hostname)
    assert answer.headers["Cache-Control"] != IMMUTABLE


@pytest.mark.parametrize(
    ("hostname", "path"), [(API, "/drop"), (ADMIN, "/drop"), (ADMIN, "/drop.js")]
)
def test_a_bad_gateway_has_its_headers(
    stack: Stack, echo: dict[str, str], hostname: str, path: str
) -> None:
    answer = ask(stack, hostname, path, **echo)
    assert answer.status == 502
    has_its_headers(answer, hostname)


def test_what_the_application_says_instead_is_not_passed_on(
    stack: Stack, echo: dict[str, str]
) -> None:
    for hostname in (API, ADMIN):
        has_its_headers(ask(stack, hostname, "/", **echo), hostname)


# --- what the application is told


def test_the_application_sees_the_true_client(stack: Stack, echo: dict[str, str]) -> None:
    forged = {
        "X_Forwarded_For": "192.0.2.66",
        "X_Real_IP": "192.0.2.66",
        "X_Forwarded_Proto": "gopher",
    }
    forged.update(X_Forwarded_Host="evil.example", X_Request_ID="forged")
    answer = ask(stack, API, "/some?thing=1", source="127.0.0.9", **forged, **echo)
    sent = answer.json["headers"]
    assert answer.json["url"] == "/some?thing=1"
    assert sent["host"] == API
    assert sent["x-real-ip"] == "127.0.0.9"
    assert sent["x-forwarded-for"] == "127.0.0.9"
    assert sent["x-forwarded-proto"] == "https"
    assert sent["x-forwarded-host"] == API
    assert sent["x-forwarded-port"] == str(stack.https_port)
    assert sent["x-request-id"] == answer.headers["X-Request-ID"]
    assert "x-probe-token" not in sent
    assert "upgrade" not in sent
    assert sent.get("connection", "keep-alive") == "keep-alive"


# --- websockets


def upgrade(stack: Stack, path: str, protocol: str = "websocket", **headers: str) -> Answer:
    asked = {"Sec_WebSocket_Version": "13", "Sec_WebSocket_Key": "dGhlIHNhbXBsZSBub25jZQ=="}
    return ask(stack, API, path, Upgrade=protocol, Connection="Upgrade", **asked, **headers)


def test_a_websocket_is_echoed_through_tls(stack: Stack) -> None:
    url = f"wss://{API}:{stack.https_port}/ws"
    tls = ssl.create_default_context(cafile=str(stack.ca_file))
    with (
        socket.create_connection(("127.0.0.1", stack.https_port)) as connection,
        websocket(url, sock=connection, ssl=tls) as client,
    ):
        assert json.loads(client.recv(timeout=5)) == {"version": "1.0.0"}
        for text in ("hello", "x" * 60_000):
            client.send(text)
            assert client.recv(timeout=5) == text
    with (
        socket.create_connection(("127.0.0.1", stack.https_port)) as connection,
        pytest.raises(InvalidStatus),
        websocket(url.replace("/ws", "/version"), sock=connection, ssl=tls),
    ):
        pass


def test_only_a_websocket_where_the_route_has_one_becomes_another_protocol(
    stack: Stack, echo: dict[str, str]
) -> None:
    assert upgrade(stack, "/ws", **echo).status == 418
    assert "upgrade" not in upgrade(stack, "/", **echo).json["headers"]
    assert "upgrade" not in upgrade(stack, "/ws", protocol="h2c", **echo).json["headers"]
    assert upgrade(stack, "/version").json == {"version": "1.0.0"}


# --- rate limit


FLOOD = 320  # requests: more than the burst, and more than become allowed while they are sent


def flood(stack: Stack, source: str) -> tuple[list[Answer], float]:
    """Ask on many connections at once, so that a slow machine sends them as close together as a quick one.

    Returns:
        answers, and the seconds until the last of them.
    """
    with contextlib.ExitStack() as closing:
        connections = [Connection(stack, API, source) for _number in range(FLOOD)]
        for connection in connections:
            closing.enter_context(contextlib.closing(connection))
            connection.connect()
        began = time.monotonic()
        for connection in connections:
            connection.request("GET", "/version")
        answers = []
        for connection in connections:
            response = connection.getresponse()
            answers.append(Answer(response.status, response.headers, response.read()))
        return answers, time.monotonic() - began


def test_who_asks_too_often_is_told_so_and_nobody_else(stack: Stack) -> None:
    answers, seconds = flood(stack, "127.0.0.2")
    others = [ask(stack, API, "/version", source="127.0.0.3").status for _time in range(20)]
    elsewhere = ask(stack, ADMIN, "/", source="127.0.0.2").status
    statuses = [answer.status for answer in answers]
    passed = statuses.count(200)
    print(f"{passed} of {len(statuses)} requests in {seconds:.2f} s passed")
    assert set(statuses) == {200, 429}
    assert BURST + 1 <= passed <= BURST + 1 + RATE * seconds + 1
    assert set(others) == {200}
    assert elsewhere == 200
    refused = next(answer for answer in answers if answer.status == 429)
    has_its_headers(refused, API)
    line = logged(stack, "backend", refused)
    assert (line["limit"], line["upstream_addr"], line["status"]) == ("REJECTED", "", "429")


def test_probes_of_a_release_are_not_limited(stack: Stack, token: str) -> None:
    assert 429 in {answer.status for answer in flood(stack, "127.0.0.4")[0]}
    probe = {"X_Probe_Token": token, "X_Probe_Slot": "green"}
    answers = [ask(stack, API, "/version", source="127.0.0.4", **probe) for _time in range(20)]
    assert {answer.status for answer in answers} == {200}


# --- the single-page application


def test_a_deep_link_is_the_page(stack: Stack) -> None:
    page = ask(stack, ADMIN, "/")
    assert b'<div id="app">' in page.body
    for path in ("/users/42", "/users/42/edit?tab=rights", "/index.html"):
        answer = ask(stack, ADMIN, path)
        assert (answer.status, answer.body) == (200, page.body), path
        assert answer.headers.get_all("Cache-Control") == ["no-cache"]
        assert answer.headers["Content-Type"] == "text/html"


def test_hashed_files_are_kept_for_a_year_and_the_rest_is_asked_for_again(stack: Stack) -> None:
    hashed = assets(stack)
    assert {path.rpartition(".")[2] for path in hashed} == {"js", "css"}
    for path in hashed:
        answer = ask(stack, ADMIN, path)
        assert answer.status == 200
        assert answer.headers.get_all("Cache-Control") == [IMMUTABLE]
        assert answer.headers.get("Expires") is None
        known = ask(stack, ADMIN, path, If_None_Match=answer.headers["ETag"])
        assert (known.status, known.headers["Cache-Control"]) == (304, IMMUTABLE)
    for path in ("/", "/index.html", "/config.json", "/icon.svg", "/health"):
        assert ask(stack, ADMIN, path).headers.get_all("Cache-Control") == ["no-cache"], path


def test_pages_scripts_and_styles_are_compressed(stack: Stack) -> None:
    for path in ("/index.html", *assets(stack)):
        full = ask(stack, ADMIN, path)
        small = ask(stack, ADMIN, path, Accept_Encoding="gzip")
        assert "Content-Encoding" not in full.headers
        assert small.headers.get_all("Content-Encoding") == ["gzip"], path
        assert "Accept-Encoding" in small.headers["Vary"]
        assert gzip.decompress(small.body) == full.body
        assert len(small.body) < 0.7 * len(full.body), path
        has_its_headers(small, ADMIN)


# --- http, TLS and names


@pytest.mark.parametrize("hostname", [API, ADMIN])
def test_http_is_sent_to_https_with_its_port_and_query(stack: Stack, hostname: str) -> None:
    answer = plain(stack, hostname, "/some/where?a=1&b=2")
    assert answer.status == 301
    location = f"https://{hostname}:{stack.https_port}/some/where?a=1&b=2"
    assert answer.headers["Location"] == location
    assert answer.headers["Server"] == "nginx"


@pytest.mark.parametrize("hostname", [API, ADMIN, "new.example"])
def test_a_challenge_is_answered_before_the_redirect(stack: Stack, hostname: str) -> None:
    directory = stack.state_dir / "acme/.well-known/acme-challenge"
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "token-1").write_text("token-1.thumbprint")
    answer = plain(stack, hostname, "/.well-known/acme-challenge/token-1")
    assert (answer.status, answer.body) == (200, b"token-1.thumbprint")
    assert plain(stack, hostname, "/.well-known/acme-challenge/none").status == 404


def test_a_name_nobody_serves_gets_no_page(stack: Stack) -> None:
    assert plain(stack, "evil.example", "/").status == 404
    answer = ask(stack, API, "/", Host="evil.example")
    assert answer.status == 421
    assert b"Welcome" not in answer.body


def handshake(stack: Stack, hostname: str | None, version: ssl.TLSVersion | None = None) -> str:
    """Which protocol is agreed on."""
    tls = ssl.create_default_context(cafile=str(stack.ca_file))
    tls.check_hostname = hostname is not None
    if version is not None:
        # What this side would refuse by itself must not count as nginx's refusal.
        tls.minimum_version = tls.maximum_version = version
        tls.set_ciphers("ALL:@SECLEVEL=0")
    with (
        socket.create_connection(("127.0.0.1", stack.https_port), timeout=5) as connection,
        tls.wrap_socket(connection, server_hostname=hostname) as secured,
    ):
        return str(secured.version())


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1:DeprecationWarning")
def test_tls_is_1_2_or_1_3(stack: Stack) -> None:
    assert handshake(stack, API) == "TLSv1.3"
    assert handshake(stack, API, ssl.TLSVersion.TLSv1_2) == "TLSv1.2"
    for old in (ssl.TLSVersion.TLSv1_1, ssl.TLSVersion.TLSv1):
        with pytest.raises(ssl.SSLError, match="(?i)alert protocol version"):
            handshake(stack, API, old)


@pytest.mark.parametrize("hostname", ["evil.example", None])
def test_a_name_nobody_serves_is_refused_before_a_certificate_is_shown(
    stack: Stack, hostname: str | None
) -> None:
    with pytest.raises(ssl.SSLError, match="(?i)unrecognized name"):
        handshake(stack, hostname)


# --- the log


def test_the_log_tells_who_answered_in_what_time(stack: Stack) -> None:
    answer = ask(stack, API, "/version?password=hunter2", Authorization="Bearer hunter3")
    line = logged(stack, "backend", answer)
    assert set(line) == LOG_FIELDS
    assert (line["service"], line["slot"]) == ("backend", "green")
    assert (line["method"], line["path"], line["status"]) == ("GET", "/version", "200")
    assert re.fullmatch(r"10\.\d+\.\d+\.\d+:3000", line["upstream_addr"])
    assert line["upstream_status"] == "200"
    assert 0 <= float(line["upstream_connect_time"]) <= float(line["upstream_response_time"])
    assert float(line["upstream_response_time"]) <= line["request_time"] + 0.005
    assert abs(time.time() - line["time"]) < 60
    assert 0 <= int(line["bucket"]) < 100
    assert line["client"].split(".")[0] == line["bucket"]


def test_the_log_holds_no_secret_and_no_health_check(stack: Stack, token: str) -> None:
    ask(stack, API, "/version?password=hunter2", Authorization="Bearer hunter3", Cookie="a=hunter4")
    logged(stack, "backend", ask(stack, API, "/version", X_Probe_Token=token, X_Probe_Slot="green"))
    for service in ("backend", "frontend"):
        text = (stack.log_dir / f"nginx/{service}.access.json").read_text()
        for secret in ("hunter", "?", token, "127.0.0."):
            assert secret not in text, secret
        assert all(line["path"] != "/health" for line in log(stack, service))


# --- slots and shares


def test_a_slot_is_chosen_by_the_right_token_only(
    stack: Stack, echo: dict[str, str], token: str
) -> None:
    chosen = ask(stack, API, "/version", **echo)
    assert "headers" in chosen.json
    assert logged(stack, "backend", chosen)["probe"] == "blue"
    for wrong in (
        {},
        {"X_Probe_Token": ""},
        {"X_Probe_Token": token[:-1]},
        {"X_Probe_Token": "x" * 64},
    ):
        answer = ask(stack, API, "/version", X_Probe_Slot="blue", **wrong)
        assert answer.json == {"version": "1.0.0"}, wrong
        assert logged(stack, "backend", answer)["slot"] == "green"
    odd = ask(stack, API, "/version", X_Probe_Token=token, X_Probe_Slot="red")
    assert odd.json == {"version": "1.0.0"}


def control(stack: Stack, path: str) -> str:
    with contextlib.closing(
        http.client.HTTPConnection("127.0.0.1", stack.control_port, timeout=5)
    ) as connection:
        connection.request("GET", path)
        return connection.getresponse().read().decode().strip()


def test_a_share_of_ten_is_ten_buckets_and_clients_follow(
    stack: Stack, echo: dict[str, str]
) -> None:
    clients = [f"127.0.{third}.{fourth}" for third in (1, 2) for fourth in range(1, 101)]
    shift(stack, backend=90)
    try:
        buckets = {b: control(stack, f"/traffic/backend/{b}") for b in range(100)}
        assert [b for b, slot in buckets.items() if slot == "blue"] == list(range(90, 100))
        first = [ask(stack, API, "/version", source=client) for client in clients]
        again = [ask(stack, API, "/version", source=client) for client in clients[:50]]
    finally:
        shift(stack, backend=100)
    on_blue = ["headers" in answer.json for answer in first]
    assert on_blue[:50] == ["headers" in answer.json for answer in again]
    logged(stack, "backend", again[-1])
    lines = {line["request_id"]: line for line in log(stack, "backend")}
    for answer, blue in zip(first, on_blue, strict=True):
        line = lines[answer.headers["X-Request-ID"]]
        assert line["slot"] == ("blue" if blue else "green") == buckets[int(line["bucket"])]
    print(f"{sum(on_blue)} of {len(clients)} clients were on the slot with a share of 10 %")
    assert 0.03 < sum(on_blue) / len(clients) < 0.2
    assert ask(stack, API, "/version", source=clients[on_blue.index(True)]).json == {
        "version": "1.0.0"
    }


# The last test: it releases, so the blue slots have to be free.
def test_a_page_of_the_release_before_finds_its_files_while_they_are_warm(stack: Stack) -> None:
    remove_echo(stack)
    assert ask(stack, ADMIN, OLD_PAGE).status == 200
    run = stack.play("deploy", "-e", f"version={NEW}", "-e", "service=frontend")
    assert run.code == 0, run.output
    assert ask(stack, ADMIN, "/health").json["version"] == NEW
    answer = ask(stack, ADMIN, OLD_PAGE)
    assert (answer.status, answer.body) == (200, b"export const page = 'of the old release';\n")
    assert answer.headers.get_all("Cache-Control") == [IMMUTABLE]
    line = logged(stack, "frontend", answer)
    assert line["upstream_status"] == "404, 200" or line["upstream_status"] == "404 : 200"
    for name, container in stack.containers().items():
        if name.startswith("frontend-green-"):
            container.stop()
    began = time.monotonic()
    gone = ask(stack, ADMIN, OLD_PAGE)
    assert gone.status == 404
    assert time.monotonic() - began < 3
    has_its_headers(gone, ADMIN)
    assert gone.headers["Cache-Control"] != IMMUTABLE
