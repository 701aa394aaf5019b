# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""People are told by real servers of this machine, and by none that fails; no task fails for it."""

from __future__ import annotations

import email
import email.policy
import http.server
import json
import pathlib
import socket
import ssl
import subprocess
import sys
import threading
import time
import typing as t
import urllib.parse

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Message

NAME = "20261122-231530"
FACTS = {"kind": "release", "of_services": {"backend": {"from": "1.1.0", "to": "1.2.0"}}}
PLAN = {
    "release": NAME,
    "changes": True,
    "began": time.time() - 60,
    "records": [{"service": "_environment", "release": NAME, "facts": FACTS}],
}
TITLE = "shop: backend 1.1.0 → 1.2.0 has failed"


class Letters(Message):
    """Keeps what it is handed."""

    def __init__(self) -> None:
        super().__init__()
        self.kept: list[t.Any] = []

    def handle_message(self, message: t.Any) -> None:
        policy = email.policy.default
        self.kept.append(email.message_from_bytes(message.as_bytes(), policy=policy))


class Posts(http.server.BaseHTTPRequestHandler):
    """Keeps the bodies of what was posted, by path; under /never nobody is heard."""

    kept: t.ClassVar[dict[str, list[str]]] = {}

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self.kept.setdefault(self.path, []).append(body)
        self.send_response(503 if self.path == "/never" else 200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, *_said: t.Any) -> None:
        pass


def certificate(folder: pathlib.Path) -> ssl.SSLContext:
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
    command += ["-nodes", "-days", "2", "-subj", "/CN=127.0.0.1"]
    pem, key = str(folder / "cert.pem"), str(folder / "key.pem")
    command += ["-keyout", key, "-out", pem]
    subprocess.run(command, check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem, key)
    return context


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> t.Iterator[str]:
    """Speaks https, as Slack does; its ``host:port``."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Posts) as server:
        context = certificate(tmp_path_factory.mktemp("web"))
        server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield f"127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture(scope="module")
def letters() -> t.Iterator[tuple[int, Letters]]:
    handler = Letters()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    controller = Controller(handler, hostname="127.0.0.1", port=port)
    controller.start()
    yield port, handler
    controller.stop()


@pytest.fixture(scope="module")
def answers(play: t.Any, web: str, letters: tuple[int, Letters]) -> dict[str, t.Any]:
    good = {
        "slack": {"token": "hush-hush", "domain": web, "channel": "#ops", "validate_certs": False},
        "webhook": {"url": f"https://{web}/hook", "validate_certs": False},
        "mail": {
            **{"host": "127.0.0.1", "port": letters[0], "secure": "never"},
            **{"from": "deploy@example.com", "to": ["ops@example.com"]},
        },
    }
    bad = {
        "slack": {**good["slack"], "domain": "127.0.0.1:1"},
        "webhook": {"url": f"https://{web}/never", "validate_certs": False},
        "mail": {**good["mail"], "port": 1},
    }

    def tell(**more: t.Any) -> dict[str, t.Any]:
        arguments = {"plan": PLAN, "project": "shop", "who": "amina", "channels": good, **more}
        failed = {"reason": "never <ready>", "said": True}
        return {"tagadodo.deploy.release_notice": {**failed, **arguments}, "connection": "local"}

    return t.cast(
        "dict[str, t.Any]",
        play(
            {
                "all": tell(),
                "in Arabic": tell(channels={"mail": good["mail"]}, language="ar"),
                "nobody hears": tell(channels=bad),
                "one hears": tell(channels={**bad, "webhook": good["webhook"]}),
                "nonsense": tell(channels={"mail": "ops@example.com"}),
                "check": {**tell(), "check_mode": True},
                "not of interest": tell(events=["succeeded"]),
                "nothing new": tell(plan={**PLAN, "changes": False}, done=NAME),
                "it begins": tell(began=True, channels={"webhook": good["webhook"]}),
            },
            {"ansible_python_interpreter": sys.executable},
        ),
    )


def test_all_are_told(answers: dict[str, t.Any], letters: tuple[int, Letters]) -> None:
    answer = answers["all"]
    assert answer.result["told"] == ["slack", "webhook", "mail"]
    assert answer.result["problems"] == []
    assert f"Told by slack, webhook, mail: {TITLE}" in answer.shown
    (path,) = [path for path in Posts.kept if "incoming-webhook" in path]
    (form,) = Posts.kept[path]
    sent = (
        json.loads(urllib.parse.parse_qs(form)["payload"][0])
        if "payload=" in form
        else json.loads(form)
    )
    (attachment,) = sent["attachments"]
    assert (attachment["title"], attachment["text"]) == (
        TITLE.replace(">", "&gt;"),
        "never &lt;ready&gt;",
    )
    hook = json.loads(Posts.kept["/hook"][0])
    assert (hook["event"], hook["title"], hook["reason"]) == ("failed", TITLE, "never <ready>")
    letter = letters[1].kept[0]
    assert (letter["subject"], letter["to"]) == (TITLE, "ops@example.com")
    assert "never <ready>" in letter.get_body().get_content()


def test_a_letter_is_in_the_language(
    answers: dict[str, t.Any], letters: tuple[int, Letters]
) -> None:
    assert answers["in Arabic"].result["told"] == ["mail"]
    assert "فشل" in letters[1].kept[1]["subject"]


def test_who_cannot_be_told_is_a_warning(answers: dict[str, t.Any]) -> None:
    answer = answers["nobody hears"]
    assert not answer.result.get("failed", False)
    assert answer.result["told"] == []
    assert [one.partition(":")[0] for one in answer.result["problems"]] == [
        "slack",
        "webhook",
        "mail",
    ]
    assert "hush-hush" not in str(answer.result["problems"])
    assert answers["one hears"].result["told"] == ["webhook"]
    assert not answers["nonsense"].result.get("failed", False)
    assert len(answers["nonsense"].result["problems"]) == 1


@pytest.mark.parametrize("name", ["check", "not of interest", "nothing new"])
def test_nobody_is_told(answers: dict[str, t.Any], name: str) -> None:
    assert (answers[name].result["told"], answers[name].result["problems"]) == ([], [])


def test_that_it_begins(answers: dict[str, t.Any]) -> None:
    assert answers["it begins"].result["event"] == "started"
    assert json.loads(Posts.kept["/hook"][-1])["event"] == "started"
