# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What image and container of nginx say, and why a revision is not served."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.tagadodo.deploy.plugins.modules import nginx_info

SILENT = "http://127.0.0.1:1"
Ask = t.Callable[..., t.Dict[str, t.Any]]


@pytest.fixture
def ask(run_module: t.Any, nginx: t.Any) -> Ask:
    def ask_with(check_mode: bool = False, **arguments: t.Any) -> dict[str, t.Any]:
        given = {"image": nginx.image, "container": nginx.name, "control_url": nginx.url}
        answer = run_module(nginx_info, check_mode, **given, **arguments)
        return {key: value for key, value in answer.items() if key != "invocation"}

    return ask_with


@pytest.mark.engine
@pytest.mark.parametrize("runs", [False, True])
def test_the_versions_of_the_image_and_the_revision_that_is_served(
    ask: Ask, nginx: t.Any, runs: bool
) -> None:
    if runs:
        nginx.start("revision one;\n")
    expected = {
        "changed": False,
        "nginx": "1.30.6",
        "openssl": "3.6.5",
        "revision": "one" if runs else "",
    }
    assert ask() == expected
    assert ask(check_mode=True, **({"revision": "one"} if runs else {})) == expected
    assert len(nginx.client.containers.list(all=True, filters={"ancestor": nginx.image})) == runs


@pytest.mark.engine
def test_a_host_without_image_and_without_nginx(run_module: t.Any, engine: t.Any) -> None:
    assert engine
    answer = run_module(nginx_info, image="t/none:1", container="none", control_url=SILENT)
    assert {key: answer[key] for key in ("changed", "nginx", "openssl", "revision")} == {
        "changed": False,
        "nginx": "",
        "openssl": "",
        "revision": "",
    }


@pytest.mark.engine
@pytest.mark.usefixtures("engine")
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"control_url": SILENT, "revision": "one"},
            "nginx did not take revision one, it answers nothing: it says nothing",
        ),
        (
            {"control_url": "localhost:10080"},
            "control_url: 'localhost:10080' is not a URL such as http://127.0.0.1:10080",
        ),
        (
            {"control_url": "http://127.0.0.1:many"},
            "control_url: 'http://127.0.0.1:many' is not a URL such as http://127.0.0.1:10080",
        ),
        ({"timeout": "soon"}, "argument 'timeout' is of type str"),
    ],
)
def test_a_mistake_is_named_in_one_line(run_module: t.Any, arguments: t.Any, message: str) -> None:
    given = {"image": "t/none:1", "container": "none", "timeout": 0, **arguments}
    failed = run_module(nginx_info, **given)
    assert failed["failed"]
    assert failed["msg"].startswith(message)


@pytest.mark.engine
def test_another_revision_is_served(ask: Ask, nginx: t.Any) -> None:
    nginx.start("revision one;\n")
    assert ask(revision="two", timeout=0)["msg"] == (
        "nginx did not take revision two, it answers one: it says nothing"
    )


@pytest.mark.engine
def test_nginx_that_ended_is_not_waited_for(ask: Ask, nginx: t.Any) -> None:
    nginx.start("revision one;\nlate 127.0.0.1:443;\n", ends=True)
    assert ask(revision="one", timeout=600)["msg"] == (
        "nginx does not run (its container is exited): bind() to 127.0.0.1:443; failed"
    )


def test_an_engine_that_does_not_answer(run_module: t.Any, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("docker")
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere/docker.sock")
    failed = run_module(nginx_info, image="nginx:1.30", container="tagadodo-nginx")
    assert failed["msg"].startswith("the Docker engine does not answer")
