# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A configuration is told, tested, loaded and proved, or the former one stays; its token is shown nowhere."""

from __future__ import annotations

import json
import pathlib
import typing as t

import pytest

from ansible_collections.tagadodo.deploy.plugins.module_utils._traffic import read_shares
from ansible_collections.tagadodo.deploy.plugins.modules import nginx_config

CONTENT = "revision @REVISION@;\ntoken @PROBE_TOKEN@;\n"
Configure = t.Callable[..., t.Dict[str, t.Any]]


@pytest.fixture
def configure(run_module: t.Any, nginx: t.Any, tmp_path: pathlib.Path) -> Configure:
    """Run the module; the token of the host is never in what it answers."""
    token_file = tmp_path / "state/nginx/probe_token"

    def configure_with(check_mode: bool = False, **arguments: t.Any) -> dict[str, t.Any]:
        given = {
            "path": str(nginx.path),
            "content": CONTENT,
            "directories": [{"path": str(tmp_path / "logs"), "mode": "0750"}],
            "state_dir": str(tmp_path / "state"),
            "services": ["backend"],
            "token_file": str(token_file),
            "image": nginx.image,
            "container": nginx.name,
            "volumes": nginx.volumes,
            "control_url": nginx.url,
            "timeout": 10,
            **arguments,
        }
        answer = run_module(nginx_config, check_mode, **given)
        if token_file.exists():
            assert token_file.read_text("ascii") not in json.dumps(answer)
        return {key: value for key, value in answer.items() if key != "invocation"}

    return configure_with


def done(answer: t.Mapping[str, t.Any], tmp_path: pathlib.Path) -> list[str]:
    return [
        f"{one['action']}: {one['what'].replace(str(tmp_path), '')}" for one in answer["actions"]
    ]


def everything(path: pathlib.Path) -> dict[str, tuple[int, int]]:
    found = ((file, file.lstat()) for file in sorted(path.rglob("*")))
    return {str(file): (facts.st_mtime_ns, facts.st_mode) for file, facts in found}


@pytest.mark.engine
def test_a_host_without_nginx(configure: Configure, nginx: t.Any, tmp_path: pathlib.Path) -> None:
    before = everything(tmp_path)
    would = configure(check_mode=True)
    assert everything(tmp_path) == before
    made = configure()
    assert made["changed"]
    assert (
        done(would, tmp_path)
        == done(made, tmp_path)
        == [
            "make directory: /logs",
            "make token: /state/nginx/probe_token",
            "add switch, all traffic on blue: backend",
            "write: /etc/nginx.conf",
        ]
    )
    token = (tmp_path / "state/nginx/probe_token").read_text("ascii")
    text = f"revision {made['revision']};\ntoken {token};\n"
    assert nginx.path.read_text("ascii") == text
    assert read_shares(tmp_path / "state") == {"backend": 0}
    assert [
        oct((tmp_path / name).stat().st_mode & 0o777)
        for name in ("logs", "state/nginx/probe_token", "etc/nginx.conf")
    ] == ["0o750", "0o600", "0o600"]
    for answer in (would, made):
        shown = CONTENT.replace("@REVISION@", answer["revision"])
        assert answer["diff"]["before_header"] == answer["diff"]["after_header"] == str(nginx.path)
        assert (answer["diff"]["before"], answer["diff"]["after"]) == ("", shown)

    before = everything(tmp_path)
    for check_mode in (True, False):
        again = configure(check_mode)
        assert (again["changed"], again["actions"]) == (False, [])
        assert again["diff"]["before"] == again["diff"]["after"]
        assert again["revision"] == made["revision"]
    assert everything(tmp_path) == before


@pytest.mark.engine
def test_a_running_nginx_is_reloaded_until_it_serves_what_is_new(
    configure: Configure, nginx: t.Any, tmp_path: pathlib.Path
) -> None:
    certificate = tmp_path / "tls.pem"
    certificate.write_text("one", "ascii")
    nginx.start("revision former;\n")
    reload = f"reload: {nginx.name}"
    written = configure(reload_on=[str(certificate)])
    assert done(written, tmp_path)[-2:] == ["write: /etc/nginx.conf", reload]
    assert nginx.revision() == written["revision"]
    assert written["diff"]["before"] == "revision former;\n"
    assert not configure(reload_on=[str(certificate)])["changed"]

    certificate.write_text("two", "ascii")
    would = configure(check_mode=True, reload_on=[str(certificate)])
    assert nginx.revision() == written["revision"]
    renewed = configure(reload_on=[str(certificate)])
    assert done(would, tmp_path) == done(renewed, tmp_path) == ["write: /etc/nginx.conf", reload]
    assert would["diff"] == renewed["diff"]
    assert nginx.revision() == renewed["revision"]


@pytest.mark.engine
def test_what_nginx_refuses_changes_nothing_it_reads(
    configure: Configure, nginx: t.Any, tmp_path: pathlib.Path
) -> None:
    configure()
    before = nginx.path.read_text("ascii")
    failed = configure(content=CONTENT + "tokens @PROBE_TOKEN@;\n")
    assert failed["msg"] == (
        "nginx refuses the new configuration, the old one stays: unknown directive"
        f' "tokens @PROBE_TOKEN@;" in {nginx.path}:3 (tokens @PROBE_TOKEN@;)'
    )
    assert nginx.path.read_text("ascii") == before
    assert [file.name for file in nginx.path.parent.iterdir()] == ["nginx.conf"]


@pytest.mark.engine
def test_what_nginx_refuses_when_it_runs_is_taken_back(
    configure: Configure, nginx: t.Any, tmp_path: pathlib.Path
) -> None:
    nginx.start("revision former;\n")
    failed = configure(content=CONTENT + "late 127.0.0.1:443;\n")
    assert failed["msg"].startswith("nginx did not take revision ")
    assert failed["msg"].endswith(
        ", it answers former: bind() to 127.0.0.1:443; failed. The former configuration was put back"
    )
    assert nginx.path.read_text("ascii") == "revision former;\n"
    assert nginx.serves("former")
    assert [file.name for file in nginx.path.parent.iterdir()] == ["nginx.conf"]


@pytest.mark.engine
def test_what_is_put_back_is_waited_for(configure: Configure, nginx: t.Any) -> None:
    """Somebody has edited the file that nginx was not told to read again."""
    nginx.start("revision former;\n")
    nginx.path.write_text("revision by-hand;\n", "ascii")
    failed = configure(content=CONTENT + "late 127.0.0.1:443;\n")
    put_back = failed["msg"].partition(". The former configuration was put back, but ")[2]
    assert put_back.startswith("nginx did not take revision former, it answers by-hand")


@pytest.mark.engine
def test_a_lost_token_is_shown_as_little_as_the_one_that_replaces_it(
    configure: Configure, nginx: t.Any, tmp_path: pathlib.Path
) -> None:
    configure()
    token_file = tmp_path / "state/nginx/probe_token"
    token = token_file.read_text("ascii")
    token_file.unlink()
    for check_mode in (True, False):
        answer = configure(check_mode)
        assert answer["changed"]
        assert token not in json.dumps(answer)
        assert "token @PROBE_TOKEN@;" in answer["diff"]["before"]
        assert "token @PROBE_TOKEN@;" in answer["diff"]["after"]


@pytest.mark.engine
@pytest.mark.parametrize("check_mode", [False, True])
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"content": "token @PROBE_TOKEN@;\n"}, "{path}: the template has no @REVISION@"),
        (
            {"directories": [{"path": "/nowhere/logs", "mode": 493}]},  # 0755 without quotes
            "directories: the mode '493' of /nowhere/logs is not an octal number such as '0755'",
        ),
        (
            {"control_url": "localhost"},
            "control_url: 'localhost' is not a URL such as http://127.0.0.1:10080",
        ),
        ({"volume": []}, "Unsupported parameters for"),
    ],
)
def test_a_mistake_is_named_in_one_line_before_anything_is_touched(
    configure: Configure,
    nginx: t.Any,
    tmp_path: pathlib.Path,
    arguments: t.Any,
    message: str,
    check_mode: bool,
) -> None:
    before = everything(tmp_path)
    failed = configure(check_mode, **arguments)
    assert failed.get("failed"), failed
    assert failed["msg"].startswith(message.format(path=nginx.path))
    assert everything(tmp_path) == before


@pytest.mark.engine
def test_a_certificate_that_is_missing(configure: Configure, tmp_path: pathlib.Path) -> None:
    missing = str(tmp_path / "tls.pem")
    assert configure(check_mode=True, reload_on=[missing])["changed"]  # it may be made before
    failed = configure(reload_on=[missing])
    assert failed["msg"] == f"{missing}: this certificate does not exist on the host"
    assert not (tmp_path / "etc/nginx.conf").exists()
    assert not (tmp_path / "state").exists()


@pytest.mark.engine
def test_a_place_that_cannot_be_written_is_named(
    configure: Configure, tmp_path: pathlib.Path
) -> None:
    (tmp_path / "logs").write_text("in the way", "ascii")
    failed = configure()
    assert failed["failed"]
    assert str(tmp_path / "logs") in failed["msg"]


def test_an_engine_that_does_not_answer(
    run_module: t.Any, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("docker")
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere/docker.sock")
    places = {"path": "nginx.conf", "state_dir": "state", "token_file": "state/token"}
    failed = run_module(
        nginx_config,
        content=CONTENT,
        image="nginx:1.30",
        container="tagadodo-nginx",
        **{name: str(tmp_path / place) for name, place in places.items()},
    )
    assert failed["msg"].startswith("the Docker engine does not answer")
    assert list(tmp_path.iterdir()) == []
