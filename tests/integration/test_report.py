"""Every release leaves a page: a good canary, one that is taken back, and a rollback, opened in a real browser."""

from __future__ import annotations

import json
import pathlib
import re
import stat
import time
import typing as t

import pytest
from browser import Browser, Opened, browser
from clients import load
from described import services_with
from stack import ROOT, Run, Stack
from webhook import Webhook, listening

PHONE, DESK = 390, 1100
LIGHT, DARK = "rgb(246, 246, 243)", "rgb(20, 21, 23)"
PICTURES = ROOT / "build/reports"
CANARY = {"strategy": "canary", "canary": {"shares": [30, 100], "minimum": 10, "maximum": 90}}
COMMITTED = "2026-01-01T12:00:00+00:00"


def deploy(stack: Stack, version: str, *arguments: str, **env: t.Any) -> Run:
    services = services_with(bake=10, env=env, **CANARY)
    only = ("-e", f"version={version}", "-e", "service=backend", "-e", "operator=Amina")
    return stack.play("deploy", *only, *arguments, services=services)


@pytest.fixture(scope="module")
def told() -> t.Iterator[Webhook]:
    """What a program hears of them."""
    with listening() as webhook:
        yield webhook


@pytest.fixture(scope="module")
def released(stack: Stack, told: Webhook) -> Stack:
    """1.1.0 went live, 1.0.0 with errors was taken back, and then 1.1.0 was rolled back, in Arabic."""
    stack.extra["deploy_report_dir"] = str(stack.work / "here")
    stack.extra["deploy_notices"] = {"webhook": {"url": told.url}}
    with load(stack):
        time.sleep(3)
        good = deploy(stack, "1.1.0", "-e", f"committed_at={COMMITTED}")
        bad = deploy(stack, "1.0.0", FAULT_ERROR_PERCENT=50)
    stack.extra["deploy_report_language"] = "ar"
    back = stack.play("rollback", "-e", "service=backend", "-e", "operator=Basma")
    assert (good.code, bad.code != 0, back.code) == (0, True, 0), "\n".join(
        run.output for run in (good, bad, back)
    )
    return stack


@pytest.fixture(scope="module")
def records(released: Stack) -> dict[str, dict[str, t.Any]]:
    """What the ledger has of the three, by what became of them; tests that release more change nothing here."""
    names = ("rolled back", "taken back", "rollback")
    return dict(zip(names, released.records("backend")[-3:], strict=True))


@pytest.fixture(scope="module")
def pages(released: Stack, records: dict[str, dict[str, t.Any]]) -> dict[str, pathlib.Path]:
    """The pages on the host, by what became of the release."""
    names = {what: record["release"] for what, record in records.items()} | {"index": "index"}
    return {what: released.state_dir / f"reports/{name}.html" for what, name in names.items()}


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> t.Iterator[Browser]:
    with browser(tmp_path_factory.mktemp("browser")) as one:
        yield one


@pytest.fixture(scope="module")
def seen(chromium: Browser, pages: dict[str, pathlib.Path]) -> dict[tuple[str, int, bool], Opened]:
    """Every page on a phone and on a desk, in the light and in the dark; kept as pictures to be looked at."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    opened = {}
    for what, page in pages.items():
        for width, dark in ((PHONE, False), (PHONE, True), (DESK, False), (DESK, True)):
            one = chromium.open(page, width, dark)
            opened[(what, width, dark)] = one
            name = f"{what.replace(' ', '_')}-{width}-{'dark' if dark else 'light'}.png"
            (PICTURES / name).write_bytes(one.picture)
    return opened


def test_a_page_that_asks_complains_and_is_too_wide_would_be_seen(
    chromium: Browser, tmp_path: pathlib.Path
) -> None:
    page = tmp_path / "bad.html"
    page.write_text(
        "<!doctype html><meta name=viewport content='width=device-width'><main>"
        "<img src='http://127.0.0.1:9/x.png'><p style='width:900px'>wide</p></main>"
        "<script>console.error('met')</script>"
    )
    opened = chromium.open(page, PHONE)
    assert opened.asked == [page.as_uri(), "http://127.0.0.1:9/x.png"]
    assert any("met" in one for one in opened.complaints)
    assert opened.look["width"] > PHONE
    assert len(opened.look["over"]) == 1


@pytest.mark.parametrize("what", ["rolled back", "taken back", "rollback", "index"])
def test_it_asks_for_nothing_and_fits_any_screen(
    seen: dict[tuple[str, int, bool], Opened], pages: dict[str, pathlib.Path], what: str
) -> None:
    for (page, width, dark), opened in seen.items():
        if page == what:
            assert opened.asked == [pages[what].as_uri()]
            assert opened.complaints == []
            assert (opened.look["width"], opened.look["over"]) == (width, [])
            assert opened.look["background"] == (DARK if dark else LIGHT)
            assert opened.picture.startswith(b"\x89PNG")


def test_outcome_and_reason_are_the_first_that_is_read(
    records: dict[str, dict[str, t.Any]], seen: dict[tuple[str, int, bool], Opened]
) -> None:
    lines = seen[("taken back", PHONE, False)].look["text"].splitlines()
    start = lines.index("Taken back")
    record = records["taken back"]
    assert lines[start + 1] == "backend 1.1.0 → 1.0.0"
    head = "\n".join(lines[start : lines.index("Timeline")])
    assert record["reason"] in head
    assert "Up to 30 % of traffic met it, for " in head
    assert "Amina" in head
    text = "\n".join(lines)
    for part in (
        "30 % of traffic to 1.0.0",
        "all traffic back, away from 1.0.0",
        "Gates",
        "failed",
    ):
        assert part in text
    assert "env.FAULT_ERROR_PERCENT" in text


def test_one_that_was_rolled_back_later_says_by_whom(
    seen: dict[tuple[str, int, bool], Opened],
) -> None:
    text = seen[("rolled back", DESK, False)].look["text"]
    assert re.search(r"It was live, until Basma rolled it back \(20\d\d-\d\d-\d\d ", text)
    assert "From commit to users" in text


def test_errors_and_latency_of_both_slots_are_drawn_over_time(
    pages: dict[str, pathlib.Path], records: dict[str, dict[str, t.Any]]
) -> None:
    record = records["rolled back"]
    assert [one["step"] for one in record["verdicts"]] == ["30 %", "100 %"]
    for verdict in record["verdicts"]:
        new = verdict["trend"]["slots"][record["slot"]]
        assert sum(new["answers"]) > 0
        assert any(new["p95"])
    drawn = re.findall(r'class="line ([a-z ]+)" d="([^"]+)"', pages["rolled back"].read_text())
    kinds = [kind for kind, _path in drawn]
    slot, other = record["slot"], "blue" if record["slot"] == "green" else "green"
    assert kinds == [slot, f"{other} old", slot, f"{other} old", slot]
    assert all("L" in path for _kind, path in drawn[1:])


def test_a_rollback_took_time_from_when_it_was_asked_for(
    pages: dict[str, pathlib.Path], released: Stack
) -> None:
    known = json.loads(pages["rollback"].with_suffix(".json").read_text())
    assert known["seconds"] > 0
    assert known["exposed_from"] > known["started"]
    assert "<svg viewBox" in pages["rollback"].read_text().partition('class="plot"')[2]


def test_arabic_is_written_from_right_to_left(
    seen: dict[tuple[str, int, bool], Opened],
) -> None:
    for what in ("rollback", "index"):
        look = seen[(what, PHONE, False)].look
        assert look["direction"] == "rtl"
    assert "اكتمل التراجع" in seen[("rollback", PHONE, False)].look["text"]
    assert seen[("taken back", PHONE, False)].look["direction"] == "ltr"


def test_the_index_lists_all_with_the_four_figures(
    released: Stack, records: dict[str, dict[str, t.Any]]
) -> None:
    known = json.loads((released.state_dir / "reports/index.json").read_text())
    newest = known["releases"][:3]
    assert [(one["kind"], one["outcome"]) for one in newest] == [
        ("rollback", "succeeded"),
        ("release", "failed"),
        ("release", "rolled_back"),
    ]
    assert newest[1]["reason"] == records["taken back"]["reason"]
    figures = known["figures"]
    assert figures["failures"] >= 2
    assert 0 < figures["failure_rate"] <= 1
    assert figures["lead_time"] > 0
    assert figures["restore_time"] > 0


def test_pages_are_the_operators_alone(pages: dict[str, pathlib.Path]) -> None:
    for page in pages.values():
        assert stat.S_IMODE(page.stat().st_mode) == 0o640
        assert stat.S_IMODE(page.parent.stat().st_mode) == 0o750


def test_they_are_kept_on_the_controller_where_that_is_asked_for(
    released: Stack, pages: dict[str, pathlib.Path]
) -> None:
    here = released.work / "here"
    for page in pages.values():
        if page.stem != "index":
            assert (here / page.name).read_text() == page.read_text()
    assert (here / "index.html").exists()


def test_report_yml_writes_all_of_them_again_in_one_language(released: Stack) -> None:
    folder = released.work / "again"
    arguments = ("-e", f"deploy_report_dir={folder}", "-e", "report_language=ar")
    check = released.play("report", *arguments, "--check")
    assert (check.code, folder.exists()) == (0, False), check.output
    assert "changed=1" in check.output
    run = released.play("report", *arguments)
    assert (run.code, run.invocations) == (0, 1), run.output
    written = list(folder.glob("2*.html"))
    records = list((released.state_dir / "releases/_environment").glob("[!.]*.json"))
    assert len(written) == len(records) > 3
    assert all('dir="rtl"' in page.read_text() for page in written)
    again = released.play("report", *arguments)
    assert again.code == 0, again.output
    assert "changed=0" in again.output


def test_report_yml_says_what_is_missing(released: Stack) -> None:
    run = released.play("report", "-e", "deploy_report_dir=")
    assert run.code != 0
    assert "set deploy_report_dir" in run.reason


def test_a_report_that_cannot_be_written_is_a_warning(released: Stack) -> None:
    """The directory of reports is a file; the release goes through all the same."""
    reports = released.state_dir / "reports"
    aside = reports.with_name("reports.aside")
    reports.rename(aside)
    reports.write_text("in the way")
    try:
        run = released.play(
            "deploy",
            *("-e", "version=1.1.0", "-e", "service=backend"),
            services=services_with(bake=0, min_ready=1),
            deploy_report_dir=str(reports),
        )
    finally:
        reports.unlink()
        aside.rename(reports)
    assert run.code == 0, run.output
    assert "no report was written" in run.output
    assert released.records("backend")[-1]["outcome"] == "succeeded"


def test_a_program_was_told_of_each(records: dict[str, dict[str, t.Any]], told: Webhook) -> None:
    events = [one["event"] for one in told.bodies[:6]]
    assert events == ["started", "succeeded", "started", "failed", "started", "rolled_back"]
    good, bad, back = told.bodies[1], told.bodies[3], told.bodies[5]
    assert good["services"] == {"backend": {"from": "1.0.0", "to": "1.1.0"}}
    assert (good["by"], good["release"]) == ("Amina", records["rolled back"]["release"])
    assert "The release was taken back; users get what was live before" in bad["reason"]
    assert (back["by"], back["kind"], back["reason"]) == ("Basma", "rollback", "")


def test_what_is_refused_is_told_and_what_has_nothing_to_do_is_not(
    released: Stack, told: Webhook
) -> None:
    before = len(told.bodies)
    live = released.records("backend")[-1]["version"]
    unchanged = released.play("deploy", "-e", f"version={live}", "-e", "service=backend")
    assert unchanged.code == 0, unchanged.output
    check = released.play("deploy", "-e", "version=9.9.9", "--check")
    refused = released.play("deploy", "-e", "version=9.9.9", "-e", "service=backend")
    assert (check.code, refused.code) == (2, 2)
    (one,) = told.bodies[before:]
    assert one["event"] == "refused"
    assert one["reason"] in refused.reason


def test_people_who_cannot_be_told_are_a_warning(released: Stack) -> None:
    nobody = {
        "webhook": {"url": "http://127.0.0.1:1/"},
        "slack": {"token": "T/B/hush-hush", "domain": "127.0.0.1:1"},
    }
    run = released.play(
        "deploy", "-e", "version=9.9.9", "-e", "service=backend", deploy_notices=nobody
    )
    assert run.code == 2
    assert "9.9.9" in run.reason
    told = run.output.replace("\n", " ")
    assert "nobody was told by webhook" in told
    assert "nobody was told by slack" in told
    assert "hush-hush" not in told
    mistyped = released.play("deploy", "-e", "version=1.1.0", deploy_notices={"slak": {}})
    assert "slak" in mistyped.reason
