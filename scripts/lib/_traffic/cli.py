# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The command line of ../traffic.py."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import dataclasses
import json
import os
import re
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from _traffic.run import MIX, RATE, Traffic
from _traffic.target import Target, Use

_OPTIONS = ("name", "connect", "version", "executions")
_EPILOG = """\
A URL may be followed by options of its own: URL,name=admin,version=none,connect=127.0.0.1:8443
version is json:FIELD (default json:version), header:NAME, regex:PATTERN or none.
A line of the marks file is a name, with a unix time after it if it was at another moment than now.
Exit code: 0 if no request was lost, 1 if any was, 2 if the load could not be started.
What lost means, and the shape of the report, is in the docstring of scripts/lib/traffic.py.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    try:
        report = asyncio.run(_run(options))
    except (ValueError, OSError) as exc:
        print(f"traffic: {exc}", file=sys.stderr)
        return 2
    if options.json:
        Path(options.json).write_text(json.dumps(report, indent=1) + "\n")
    print(summary(report))
    return 0 if report["totals"]["lost"] == 0 else 1


def summary(report: dict[str, Any]) -> str:
    """The report in a few lines for people."""
    totals, latency, gap = report["totals"], report["latency_ms"], report["largest_gap"]
    cuts = len(report["websockets"]["cuts"])
    others = [
        f"{name.replace('_', ' ')} {totals[name]}"
        for name in ("wrong", "limited", "refused_streams", "unfinished", "executed_twice")
        if totals[name]
    ]
    lines = [
        f"sent {totals['sent']}, answered {totals['answered']}, lost {totals['lost']}"
        + "".join(f", {other}" for other in others)
        + (f", websocket cuts {cuts}" if cuts else ""),
        "versions "
        + (", ".join(f"{v}: {s['answers']}" for v, s in report["versions"].items()) or "none"),
        f"latency ms {', '.join(f'{k} {v:g}' for k, v in latency.items()) or 'none'};"
        f" largest gap {gap['seconds']:.3f} s at {gap['from']:.1f} s;"
        f" this program took {report['load']['cpu_share']:.1%} of a core",
    ]
    if totals["lost"]:
        lines.append("reasons " + ", ".join(f"{k}: {v}" for k, v in report["reasons"].items()))
    return "\n".join(lines)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="traffic.py",
        description="Mixed client load on endpoints of this machine, and what was lost of it.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--url", action="append", default=[], help="asked by GET; may be repeated")
    add("--post", action="append", default=[], help="asked by POST; may be repeated")
    add("--ws", action="append", default=[], help="wss:// to keep websockets to; may be repeated")
    add("--connect", default="", metavar="ADDRESS:PORT", help="loopback address to connect to")
    add("--ca", metavar="FILE", help="authority that signed the certificates")
    add("--seconds", type=float, default=30.0, help="length of the load (default %(default)g)")
    add("--rate", type=float, default=RATE, help="requests a second in all (default %(default)g)")
    mix = ",".join(f"{kind}={weight:g}" for kind, weight in MIX.items())
    add("--mix", default=mix, help="weights of the kinds of client (default %(default)s)")
    add("--connections", default="", metavar="get=8,…", help="kept open by a kind of client")
    add("--websockets", type=int, default=10, help="per --ws (default %(default)s)")
    add("--ws-interval", type=float, default=1.0, help="seconds between messages of each")
    body = Target("post", "").body
    add("--body", default=body, help="of a POST, {id} is a unique id (default %(default)s)")
    add("--ws-message", default=body, help="the same for websockets")
    add("--header", action="append", default=[], help="'Name: value' sent with every request")
    add("--timeout", type=float, default=10.0, help="seconds to an answer (default %(default)g)")
    add("--sources", type=int, default=16, help="loopback addresses to come from")
    add("--marks", metavar="FILE", help="each new line of it is a mark; - for standard input")
    add("--json", metavar="FILE", help="where the report goes")
    add("--live", action="store_true", help="one line of progress a second")
    return parser


def _targets(options: argparse.Namespace) -> list[Target]:
    headers = {}
    for header in options.header:
        name, colon, value = header.partition(":")
        if not colon:
            raise ValueError(f"--header {header!r}: want 'Name: value'")
        headers[name.strip()] = value.strip()
    uses: list[tuple[Use, list[str], str]] = [
        ("get", options.url, ""),
        ("post", options.post, options.body),
        ("websocket", options.ws, options.ws_message),
    ]
    common = Target("get", "", connect=options.connect, headers=headers)
    return [
        dataclasses.replace(common, use=use, body=body, **_url_options(text))
        for use, texts, body in uses
        for text in texts
    ]


def _url_options(text: str) -> dict[str, Any]:
    url, *rest = re.split(rf",(?=(?:{'|'.join(_OPTIONS)})=)", text)
    return {"url": url, **dict(item.split("=", 1) for item in rest)}


def _numbers(text: str, option: str) -> dict[str, float]:
    try:
        pairs = [item.split("=") for item in text.split(",") if item]
        return {name.strip(): float(number) for name, number in pairs}
    except ValueError:
        raise ValueError(f"{option} {text}: want KIND=NUMBER,KIND=NUMBER") from None


async def _run(options: argparse.Namespace) -> dict[str, Any]:
    traffic = Traffic(
        _targets(options),
        seconds=options.seconds,
        rate=options.rate,
        mix=_numbers(options.mix, "--mix"),
        connections={k: int(n) for k, n in _numbers(options.connections, "--connections").items()},
        websockets=options.websockets,
        websocket_interval=options.ws_interval,
        timeout=options.timeout,
        ca=options.ca,
        sources=options.sources,
        on_second=Live().show if options.live else None,
    )
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, traffic.stop)
    marks = asyncio.create_task(_follow_marks(options.marks, traffic)) if options.marks else None
    try:
        return await traffic.run()
    finally:
        if marks:
            marks.cancel()
        if options.live and sys.stdout.isatty():
            print()


class Live:
    """Progress: one line, written over on a terminal."""

    def __init__(self) -> None:
        self._lost = self._cuts = 0
        self._tty = sys.stdout.isatty()

    def show(self, second: dict[str, Any]) -> None:
        self._lost += second["lost"]
        self._cuts += second["cuts"]
        versions = "  ".join(f"{name}: {n:4d}" for name, n in second["versions"].items())
        parts = [f"{second['second'] + 1:4d} s", versions or "no answer", f"lost {self._lost}"]
        if self._cuts:
            parts.append(f"cuts {self._cuts}")
        parts += second["marks"]
        line = "  ".join(parts)
        print(f"\r\x1b[K{line}" if self._tty else line, end="" if self._tty else "\n", flush=True)


async def _follow_marks(source: str, traffic: Traffic) -> None:
    """Take marks from what is appended to a file, or comes through a FIFO or standard input."""
    descriptor = 0 if source == "-" else os.open(source, os.O_RDONLY | os.O_CREAT | os.O_NONBLOCK)
    if source == "-":
        os.set_blocking(0, False)
    rest = b""
    try:
        while True:
            with contextlib.suppress(BlockingIOError):
                *lines, rest = (rest + os.read(descriptor, 65536)).split(b"\n")
                for line in lines:
                    _mark(line.decode("utf-8", "replace").strip(), traffic)
            await asyncio.sleep(0.05)
    finally:
        if source == "-":
            os.set_blocking(0, True)
        else:
            os.close(descriptor)


def _mark(line: str, traffic: Traffic) -> None:
    name, _space, when = line.rpartition(" ")
    if name and re.fullmatch(r"\d+(\.\d+)?", when):
        traffic.mark(name, time.monotonic() - (time.time() - float(when)))
    elif line:
        traffic.mark(line)
