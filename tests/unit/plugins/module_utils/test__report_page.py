# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pages of reports: whole and closed in themselves, in both languages, and whatever a ledger holds is text in them."""

from __future__ import annotations

import json
import re
import typing as t
from datetime import timedelta
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from release_records import FIRST, History, example

from ansible_collections.tagadodo.deploy.plugins.module_utils._ledger import ENVIRONMENT
from ansible_collections.tagadodo.deploy.plugins.module_utils._markup import plain
from ansible_collections.tagadodo.deploy.plugins.module_utils._release_report import (
    Report,
    reports_of,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._report_files import (
    Files,
    report_files,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._report_page import release_page
from ansible_collections.tagadodo.deploy.plugins.module_utils._report_parts import page_of
from ansible_collections.tagadodo.deploy.plugins.module_utils._report_text import (
    report_json,
    report_markdown,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._report_told import events_of
from ansible_collections.tagadodo.deploy.plugins.module_utils._report_words import Words

NOW = (FIRST + timedelta(days=14)).timestamp()
LANGUAGES = ("en", "ar")
VOID = ("meta", "link")
ELEMENTS = {
    *(
        "html",
        "head",
        "meta",
        "title",
        "link",
        "style",
        "body",
        "main",
        "nav",
        "header",
        "footer",
        "section",
    ),
    *(
        "a",
        "p",
        "h1",
        "h2",
        "h3",
        "span",
        "div",
        "bdi",
        "b",
        "code",
        "blockquote",
        "dl",
        "dt",
        "dd",
        "ol",
        "ul",
    ),
    *(
        "li",
        "time",
        "figure",
        "figcaption",
        "svg",
        "path",
        "rect",
        "table",
        "thead",
        "tbody",
        "tr",
        "th",
        "td",
    ),
    *("details", "summary", "del", "ins"),
}


class Page(HTMLParser):
    """A page as a browser reads it: elements, text, and whether every element is closed where it should be."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: t.List[t.Tuple[str, t.Dict[str, str]]] = []
        self.text: t.List[str] = []
        self.open: t.List[str] = []
        self.feed(page)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: t.List[t.Tuple[str, t.Optional[str]]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] != "style":
            self.text.append(data)

    @property
    def whole_text(self) -> str:
        return "".join(self.text)

    def first(self, name: str) -> t.Dict[str, str]:
        return next(attributes for tag, attributes in self.elements if tag == name)


def assert_closed_in_itself(page: str) -> Page:
    """Known elements, nothing that runs, nothing that is asked for elsewhere."""
    seen = Page(page)
    for name, attributes in seen.elements:
        assert name in ELEMENTS, name
        assert not any(
            key.startswith("on") or key in ("src", "srcset", "action") for key in attributes
        )
        assert re.fullmatch(r"(?:data:,|\./[\w.%~-]+)?", attributes.get("href", "")), attributes
        assert "url(" not in attributes.get("style", "")
    style = page[page.index("<style>") : page.index("</style>")]
    assert not re.search(r"url\(|@import|@font-face", style)
    policy = next(a["content"] for _n, a in seen.elements if a.get("http-equiv"))
    assert policy.startswith("default-src 'none'; style-src 'unsafe-inline'; img-src data:")
    return seen


def pages(files: Files) -> t.Dict[str, str]:
    return {name: text for name, text in files.items() if name.endswith(".html")}


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_release_has_its_page_and_the_index_leads_to_all(language: str) -> None:
    files = report_files(reports_of(example(language).records), NOW)
    seen = {name: assert_closed_in_itself(text) for name, text in pages(files).items()}
    assert len(seen) == 7 + 1
    links = {a["href"] for name, a in seen["index.html"].elements if name == "a"}
    assert links == {f"./{name}" for name in seen if name != "index.html"}
    for name, page in seen.items():
        led_to = {a["href"] for element, a in page.elements if element == "a"}
        assert {href.removeprefix("./") for href in led_to} <= set(files), name
        assert page.first("html") == {"lang": language, "dir": "rtl" if language == "ar" else "ltr"}


def test_outcome_and_reason_come_first() -> None:
    report = next(r for r in reports_of(example().records) if r.services[0].version == "1.2.1")
    text = Page(release_page(report)).whole_text
    body = text[text.index("All releases") :]
    order = [
        "Taken back",
        "1.1.0 → 1.2.1",
        "38 % of 210 requests",
        "Who",
        "Timeline",
        "Traffic on 1.2.1",
    ]
    order += ["Errors", "Latency", "Gates", "Migrations", "Settings that changed"]
    assert [body.index(part) for part in order] == sorted(body.index(part) for part in order)
    assert "Up to 25 % of traffic met it, for 93 s. Decided at step 25 %" in body


def test_what_was_in_one_second_is_told_in_its_order() -> None:
    """A rollback on one host plans, shifts and ends within one."""
    history = History()
    history.release("1.0.0", FIRST)
    history.release("1.1.0", FIRST + timedelta(days=1), seconds=0, shares=((0, 100),))
    events = events_of(Words(), reports_of(history.records)[0])
    assert [one.text for one in events] == [
        "Planned",
        "backend: 100 % of traffic to 1.1.0",
        "Ended: Succeeded",
    ]


def test_what_changed_and_what_migrated_is_told() -> None:
    text = Page(release_page(reports_of(example().records)[0])).whole_text
    assert "env.FEATURE_BOOKING-→on" in text
    assert "instances2→3" in text
    assert "002-bookings" in text
    assert "From commit to users7 h 3 min" in text  # all of them, a minute before its end


def test_shares_errors_and_latency_of_both_slots_are_drawn() -> None:
    page = Page(release_page(reports_of(example().records)[0]))
    drawn = [
        a["class"] for name, a in page.elements if name == "path" and "line" in a.get("class", "")
    ]
    assert drawn == ["line green", "line blue old", "line green", "line blue old", "line green"]
    told = [a["aria-label"] for name, a in page.elements if name == "svg" and "aria-label" in a]
    assert told[0] == "Traffic on 1.3.0: 10 %, 25 %, 50 %, 100 %"
    assert told[1].startswith("Errors: before: 1.1.0 (blue) ≤ ")


def test_what_is_said_once_is_not_said_in_the_other_language() -> None:
    """All words of an Arabic page are Arabic, but for what the ledger says."""
    english = Page(release_page(reports_of(example("en").records)[1])).whole_text
    arabic = Page(release_page(reports_of(example("ar").records)[1])).whole_text
    for word in ("Timeline", "Gates", "Requests", "Errors", "Who", "Taken back"):
        assert word in english
        assert word not in arabic


@pytest.mark.parametrize("language", LANGUAGES)
def test_an_installation_without_a_release_has_an_index(language: str) -> None:
    files = report_files([], NOW, language)
    assert set(files) == {"index.html", "index.json", "index.md"}
    assert_closed_in_itself(files["index.html"])


HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "</style><script>alert(1)</script>",
    "]]><svg onload=alert(1)>",
    "javascript:alert(1)",
    "&lt;script&gt;",
    "\u202etxt.exe\u2066",
    "{{ lookup('pipe', 'id') }}",
    "-->\x00\x1b[2J",
)
ANY = st.sampled_from(HOSTILE) | st.text(max_size=30)


def hostile_history(draw: t.Callable[[], str], language: str) -> History:
    """Every text that a ledger holds is another one that means no good."""
    history = History(draw(), language)
    migrations = {"state": draw(), "applied": [draw()], "reverted": [], "reason": draw()}
    bad = {
        "service": "backend",
        "step": draw(),
        "kind": draw(),
        "rule": draw(),
        "sentence": draw(),
        "numbers": {"slots": {draw(): {"step": {}}}, "rules": {draw(): {"state": draw()}}},
    }
    whole = {"origin": draw(), "by": draw(), "hosts": [draw()], "checklist": [_item(draw)]}
    history.release(draw(), FIRST, settings={draw(): draw()}, service="backend")
    history.release(
        draw(),
        FIRST + timedelta(days=1),
        "failed",
        whole=whole,
        reason=draw(),
        reasons=[draw()],
        image=draw(),
        strategy=draw(),
        settings={draw(): {draw(): draw()}},
        migrations=migrations,
        verdicts=[bad],
    )
    return history


def _item(draw: t.Callable[[], str]) -> t.Dict[str, str]:
    return {key: draw() for key in ("name", "state", "evidence", "by", "at")}


@settings(max_examples=60)
@given(st.data(), st.sampled_from(LANGUAGES))
def test_whatever_a_ledger_holds_is_text_in_its_pages(data: st.DataObject, language: str) -> None:
    history = hostile_history(lambda: data.draw(ANY), language)
    reports = reports_of(history.records)
    files = report_files(reports, NOW)
    for text in pages(files).values():
        assert_closed_in_itself(text)
        text.encode("utf-8")
    failed = reports[0]
    shown = Page(release_page(failed)).whole_text
    service = failed.services[0]
    for value in (service.version, failed.by, failed.origin, service.verdicts[0].sentence):
        assert plain(value) in shown
    for name, text in files.items():
        if name.endswith(".md"):
            assert not re.search(r"<(?!\s)", text), text
        if name.endswith(".json"):
            json.loads(text)


def test_a_version_that_is_a_script_is_shown_as_text() -> None:
    history = History()
    script = "<script>document.title='met'</script>"
    history.release(script, FIRST, "failed", reason=f"backend {script}: \"no\" & '<b>bold</b>'")
    (report,) = reports_of(history.records)
    page = release_page(report)
    assert "<script" not in page
    assert script in Page(page).whole_text
    assert "&lt;b&gt;bold&lt;/b&gt;" in page
    assert "<b>" not in report_markdown(report)
    assert json.loads(report_json(report))["services"][0]["version"] == script


@pytest.mark.parametrize(
    "name", ["../../etc/cron.d/x", "a/b", "", ".hidden", "index", "x" * 200, "a\nb", "javascript:x"]
)
def test_a_release_does_not_name_files_elsewhere(name: str) -> None:
    """On the controller it comes from another machine."""
    history = History()
    history.release("1.0.0", FIRST)
    records = history.records
    records[ENVIRONMENT][0]["release"] = name
    files = report_files(reports_of(records), NOW)
    assert set(files) == {"index.html", "index.json", "index.md"}
    assert json.loads(files["index.json"])["releases"] == []


def test_a_link_is_a_path_whatever_a_release_is_called() -> None:
    assert page_of("javascript:alert(1)") == "./javascript%3Aalert%281%29.html"
    assert page_of("../x", "md") == "./..%2Fx.md"


def test_json_has_what_the_page_says() -> None:
    report: Report = next(r for r in reports_of(example().records) if r.outcome == "failed")
    known = json.loads(report_json(report))
    assert (known["schema"], known["outcome"], known["by"]) == (1, "failed", "amina")
    assert known["reason"].startswith("backend 1.2.1: green answers 38 %")
    assert known["seconds"] == 122
    assert known["exposed_until"] - known["exposed_from"] == 93
    assert [one["kind"] for one in known["services"][0]["verdicts"]] == ["pass", "fail"]


def test_markdown_says_how_it_ended_and_why() -> None:
    report = next(r for r in reports_of(example().records) if r.outcome == "failed")
    lines = report_markdown(report).splitlines()
    assert lines[0] == r"# Taken back: backend 1\.1\.0 → 1\.2\.1"
    assert lines[4].startswith(r"> backend 1\.2\.1: green answers 38 % of 210")
    assert "- Who: amina" in lines
