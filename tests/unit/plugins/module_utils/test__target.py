# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an answer must say, and what a target's description may say."""

from __future__ import annotations

import json

import pytest

from ansible_collections.tagadodo.deploy.plugins.module_utils._target import (
    LIVE,
    READY,
    STARTUP,
    Answer,
    Expectation,
    Target,
    TargetError,
    lookup,
    parse_targets,
    probe,
)

URL = "http://10.213.2.16:3000"


def answer(document: object, status: int = 200) -> Answer:
    return Answer(status, json.dumps(document).encode())


DOCUMENT = {"status": "ok", "version": "1.2.0", "checks": [{"up": True}], "a.b": 1, "none": None}


@pytest.mark.parametrize(
    ("path", "value"),
    [("status", "ok"), ("checks.0.up", True), ("checks.0", {"up": True}), ("none", None)],
)
def test_dotted_paths_lead_into_objects_and_lists(path: str, value: object) -> None:
    assert lookup(DOCUMENT, path) == value


@pytest.mark.parametrize("path", ["", "missing", "checks.1", "checks.up", "status.ok", "none.x"])
def test_dotted_paths_that_lead_nowhere(path: str) -> None:
    with pytest.raises(KeyError):
        lookup(DOCUMENT, path)


@pytest.mark.parametrize(
    ("expectation", "given", "error"),
    [
        (Expectation(), answer({}), ""),
        (Expectation(), Answer(200, b"OK"), ""),
        (Expectation((200, 204)), Answer(204), ""),
        (Expectation(), Answer(503), "answers 503"),
        (Expectation(), Answer(503, b"db\n  is down"), "answers 503: db is down"),
        (Expectation(), Answer(error="refuses connections"), "refuses connections"),
        (Expectation(json={"status": "ok", "checks.0.up": True}), answer(DOCUMENT), ""),
        (Expectation(json={"checks.0.up": "true"}), answer(DOCUMENT), ""),
        (
            Expectation(json={"checks.0.up": 1}),
            answer(DOCUMENT),
            "answers 200 but checks.0.up is true, expected 1",
        ),
        (
            Expectation(json={"status": "ok"}),
            answer({"status": "error"}),
            'answers 200 but status is "error", expected "ok"',
        ),
        (
            Expectation(json={"status": "ok"}),
            answer({}),
            'answers 200 without status, expected "ok"',
        ),
        (
            Expectation(json={"status": "ok"}),
            Answer(200, b"<!doctype html>"),
            "answers 200 without JSON: <!doctype html>",
        ),
        (
            Expectation(json={"status": "ok"}),
            Answer(200),
            "answers 200 without JSON: the body is empty",
        ),
        (Expectation(identity=("version", "1.2.0")), answer(DOCUMENT), ""),
        (Expectation(identity=("build", "7")), answer({"build": 7}), ""),
        (
            Expectation(identity=("version", "1.2.0")),
            answer({"version": "1.0.0"}),
            "answers 200 but says version 1.0.0, expected 1.2.0",
        ),
        (
            Expectation(identity=("version", "1.2.0")),
            Answer(200, b"OK"),
            "answers 200 but names no version, expected 1.2.0",
        ),
    ],
)
def test_answers_are_judged(expectation: Expectation, given: Answer, error: str) -> None:
    outcome = expectation.judge(given)
    assert (outcome.error, outcome.ok) == (error, not error)


def test_a_long_body_is_quoted_in_part() -> None:
    error = Expectation().judge(Answer(500, b"x" * 5000)).error
    assert len(error) < 150


def test_only_an_answer_that_is_fine_otherwise_is_misnamed() -> None:
    expectation = Expectation(identity=("version", "1.2.0"))
    assert expectation.judge(answer({"version": "1.0.0"})).misnamed
    unwell = expectation.judge(answer({"version": "1.0.0"}, 503))
    assert (unwell.misnamed, unwell.identity) == (False, "1.0.0")


def parse(**settings: object) -> Target:
    return Target.parse({"name": "backend-green-1", "url": URL, **settings}, {})


def test_without_paths_the_url_itself_is_asked() -> None:
    target = Target.parse({"name": "x", "url": f"{URL}/health?deep=1"}, {})
    assert [request.url for request, _expected in target.checks(READY)] == [f"{URL}/health?deep=1"]
    assert not target.has(STARTUP)
    assert not target.has(LIVE)


def test_identity_and_values_are_asked_of_the_full_answer() -> None:
    target = parse(ready="/ready", full="/health", identity={"path": "version", "value": "1.2.0"})
    asked = [(request.url, expected.identity) for request, expected in target.checks(READY)]
    assert asked == [(f"{URL}/ready", None), (f"{URL}/health", ("version", "1.2.0"))]


def test_the_full_answer_is_not_asked_of_a_target_that_is_not_ready() -> None:
    asked = []

    def ask(request: object) -> Answer:
        asked.append(request)
        return Answer(503)

    outcome = probe(parse(ready="/ready", full="/health"), READY, ask)
    assert (len(asked), outcome.error) == (1, "/ready answers 503")


def test_paces_are_those_of_kubernetes_unless_set() -> None:
    paces = parse(startup_probe={"period": 2, "failures": None}).paces
    assert (paces[STARTUP].period, paces[STARTUP].failures, paces[STARTUP].budget) == (2, 30, 60)
    assert (paces[READY].period, paces[LIVE].timeout) == (5, 5)


def test_secret_headers_come_from_files_and_are_not_in_the_text_of_a_target() -> None:
    raw = {"name": "x", "url": URL, "headers": {"A": 1}, "header_files": {"T": "/token"}}
    target = Target.parse(raw, {"/token": "hush"})
    assert target.headers == {"A": "1", "T": "hush"}
    assert "hush" not in repr(target)
    assert "hush" not in repr(target.checks(READY))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"url": "10.0.0.1:3000"}, "url: '10.0.0.1:3000' is not a URL"),
        ({"url": "ftp://host/"}, "url: 'ftp://host/' is not a URL"),
        ({"ready": "health"}, "ready: 'health' must be a path that starts with /"),
        ({"address": "localhost"}, "address: 'localhost' is not host:port"),
        ({"identity": {"path": "version", "value": ""}}, "identity: path and value are both"),
        ({"ready_probe": {"failures": 0}}, "ready_probe.failures: 0 must be more than 0"),
        ({"live_probe": {"initial_delay": -1}}, "live_probe.initial_delay: -1 is negative"),
    ],
)
def test_a_wrong_description_names_the_setting(settings: dict[str, object], message: str) -> None:
    with pytest.raises(TargetError) as error:
        parse(**settings)
    assert str(error.value).startswith(f"targets.backend-green-1.{message}")


def test_addresses_may_be_of_version_6() -> None:
    assert parse(address="[::1]:8443").connect == ("::1", 8443)


def test_names_are_unique() -> None:
    raw = {"name": "x", "url": URL}
    with pytest.raises(TargetError, match="two are named x"):
        parse_targets([raw, raw], {})
