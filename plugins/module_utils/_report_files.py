# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This module util is PRIVATE to the collection.
"""Reports as files: a page, JSON and Markdown for each release, and an index of all.

On hosts they are beside the ledger, ``<state>/reports/``, written by the call that records how a release ended. A
report that cannot be written is told, and changes no outcome.
"""

from __future__ import annotations

import pathlib
import re
import time
import typing as t

from ansible_collections.tagadodo.deploy.plugins.module_utils._documents import Files, write_whole
from ansible_collections.tagadodo.deploy.plugins.module_utils._dora import figures_of
from ansible_collections.tagadodo.deploy.plugins.module_utils._entry import Entry
from ansible_collections.tagadodo.deploy.plugins.module_utils._ledger import ENVIRONMENT, Ledger
from ansible_collections.tagadodo.deploy.plugins.module_utils._release_report import (
    Records,
    Report,
    reports_of,
)
from ansible_collections.tagadodo.deploy.plugins.module_utils._report_index import index_page
from ansible_collections.tagadodo.deploy.plugins.module_utils._report_page import release_page
from ansible_collections.tagadodo.deploy.plugins.module_utils._report_parts import INDEX
from ansible_collections.tagadodo.deploy.plugins.module_utils._report_text import (
    index_json,
    index_markdown,
    report_json,
    report_markdown,
)

ENDINGS = (".html", ".json", ".md")
# A release gives its files their names, and may come from another machine.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,127}")

Texts = t.Dict[str, str]


def reports_directory(state_dir: str) -> pathlib.Path:
    return pathlib.Path(state_dir) / "reports"


def whole_ledger(ledger: Ledger) -> Records:
    """All records by service, newest first, those of ``ENVIRONMENT`` included."""
    return {name: ledger.read(name) for name in (*ledger.services(), ENVIRONMENT)}


def report_files(
    reports: t.Sequence[Report],
    now: float,
    language: str = "",
    wanted: t.Callable[[Report], bool] = lambda _report: True,
) -> Texts:
    """The files of the reports that are wanted, and of the index of all, by name.

    Args:
        reports: newest first. One whose name no file may have is left out.
        language: as each release was recorded with, and the index as the newest, where it is empty.
    """
    named = [one for one in reports if _NAME.fullmatch(one.release) and one.release != INDEX]
    files: Texts = {}
    for one in filter(wanted, named):
        files[f"{one.release}.html"] = release_page(one, language)
        files[f"{one.release}.json"] = report_json(one)
        files[f"{one.release}.md"] = report_markdown(one, language)
    figures = figures_of(named, now)
    spoken = language or (named[0].language if named else "")
    files[f"{INDEX}.html"] = index_page(named, figures, now, spoken)
    files[f"{INDEX}.json"] = index_json(named, figures)
    files[f"{INDEX}.md"] = index_markdown(named, figures, spoken)
    return files


def report_ended(state_dir: str, entries: t.Iterable[Entry], written: t.Sequence[str]) -> str:
    """Write the reports of releases that have ended by what was just entered.

    Args:
        written: the records that changed, as ``service/release``.

    Returns:
        what went wrong, in one line; empty where nothing did.
    """
    ended = any(one.outcome not in (None, "running") for one in entries)
    return write_reports(state_dir, written) if ended and written else ""


def write_reports(state_dir: str, changed: t.Collection[str]) -> str:
    """Write the reports of releases whose records have changed, and the index; remove those of forgotten ones.

    Args:
        changed: records, as ``service/release``.

    Returns:
        what went wrong, in one line; empty where nothing did.
    """
    directory = reports_directory(state_dir)
    try:
        records = whole_ledger(Ledger(Files(state_dir)))
        touched = {
            str(whole["release"])
            for whole in records[ENVIRONMENT]
            for name, one in whole.get("of_services", {}).items()
            if f"{name}/{one.get('release')}" in changed
        } | {
            str(whole["release"])
            for whole in records[ENVIRONMENT]
            if f"{ENVIRONMENT}/{whole['release']}" in changed
        }
        files = report_files(
            reports_of(records), time.time(), wanted=lambda report: report.release in touched
        )
        for name, text in files.items():
            write_whole(directory / name, text, lasting=False)
        known = {INDEX, *(str(one["release"]) for one in records[ENVIRONMENT])}
        for path in directory.iterdir():
            if path.suffix in ENDINGS and path.name[: -len(path.suffix)] not in known:
                path.unlink()
    # Whatever is wrong with a report, or with an old record that it reads: the release goes on.
    except Exception as error:
        return f"{directory}: no report was written ({type(error).__name__}: {error})".replace(
            "\n", " "
        )
    return ""
