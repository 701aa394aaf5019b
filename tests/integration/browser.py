"""A real browser, told over a pipe what to open: what it asks for, complains about, shows, and how wide that is."""

from __future__ import annotations

import base64
import contextlib
import itertools
import json
import os
import pathlib
import select
import shutil
import subprocess
import time
import typing as t
from dataclasses import dataclass, field

PATIENCE = 120.0  # seconds for an answer, on a machine with much to do
OPTIONS = (
    "--headless",
    "--no-sandbox",  # tests run as root
    "--disable-gpu",
    "--no-first-run",
    "--hide-scrollbars",
    "--remote-debugging-pipe",
)

Data = dict[str, t.Any]

# What a reader sees: text of the page, and the parts that reach over its edges.
LOOK = """(() => {
  const wide = document.documentElement.clientWidth;
  const over = [...document.querySelectorAll('main *')].filter((one) => {
    const place = one.getBoundingClientRect();
    return place.width && (place.right > wide + 1 || place.left < -1);
  });
  return {
    text: document.body.innerText, title: document.title, scripts: document.scripts.length,
    direction: getComputedStyle(document.body).direction,
    background: getComputedStyle(document.body).backgroundColor,
    width: document.documentElement.scrollWidth, over: over.map((one) => one.outerHTML.slice(0, 120)),
  };
})()"""


@dataclass
class Opened:
    """A page as it was opened.

    Attributes:
        asked: addresses that were asked for, the page's own first.
        complaints: of the browser's console.
        look: what ``LOOK`` returned.
        picture: PNG of the whole page.
    """

    asked: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    look: Data = field(default_factory=dict)
    picture: bytes = b""


class Browser:
    """Chromium, without a window."""

    def __init__(self, send: int, receive: int) -> None:
        self._send, self._receive = send, receive
        self._numbers = itertools.count(1)
        self._unread = b""
        self._events: list[Data] = []

    def open(self, page: pathlib.Path, width: int, dark: bool = False) -> Opened:
        """Open a file in a tab of its own, so wide in CSS pixels."""
        target = self._do("Target.createTarget", url="about:blank")["targetId"]
        attached = self._do("Target.attachToTarget", targetId=target, flatten=True)
        session = attached["sessionId"]
        for domain in ("Page", "Network", "Log", "Runtime"):
            self._do(f"{domain}.enable", session)
        screen = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width < 600}
        self._do("Emulation.setDeviceMetricsOverride", session, **screen)
        scheme = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        self._do("Emulation.setEmulatedMedia", session, features=scheme)
        self._events.clear()
        self._do("Page.navigate", session, url=page.as_uri())
        self._wait_for("Page.loadEventFired")
        look = self._do("Runtime.evaluate", session, expression=LOOK, returnByValue=True)
        options = {"format": "png", "captureBeyondViewport": True}
        picture = self._do("Page.captureScreenshot", session, **options)
        opened = Opened(look=look["result"]["value"], picture=base64.b64decode(picture["data"]))
        for event in self._events:
            self._note(event, opened)
        self._do("Target.closeTarget", targetId=target)
        return opened

    @staticmethod
    def _note(event: Data, opened: Opened) -> None:
        told = event["params"]
        if event["method"] == "Network.requestWillBeSent":
            opened.asked.append(told["request"]["url"])
        elif event["method"] == "Log.entryAdded":
            opened.complaints.append(told["entry"]["text"])
        elif event["method"] in ("Runtime.consoleAPICalled", "Runtime.exceptionThrown"):
            opened.complaints.append(json.dumps(told))

    def _do(self, method: str, session: str = "", **params: t.Any) -> Data:
        number = next(self._numbers)
        call = {"id": number, "method": method, "params": params}
        told = json.dumps({**call, **({"sessionId": session} if session else {})})
        os.write(self._send, told.encode() + b"\0")
        while True:
            answer = self._next()
            if answer.get("id") == number:
                assert "error" not in answer, answer
                return dict(answer["result"])
            self._events.append(answer)

    def _wait_for(self, method: str) -> None:
        while not any(event["method"] == method for event in self._events):
            self._events.append(self._next())

    def _next(self) -> Data:
        deadline = time.monotonic() + PATIENCE
        while b"\0" not in self._unread:
            ready, _write, _error = select.select([self._receive], [], [], 1)
            assert time.monotonic() < deadline, "the browser does not answer"
            if ready:
                read = os.read(self._receive, 1 << 20)
                assert read, "the browser has ended"
                self._unread += read
        message, _end, self._unread = self._unread.partition(b"\0")
        return dict(json.loads(message))


@contextlib.contextmanager
def browser(work: pathlib.Path) -> t.Iterator[Browser]:
    """One that is ended afterwards; its files are in ``work``."""
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    assert program, "chromium is missing: run these tests with ./scripts/test"
    theirs_in, ours_out = os.pipe()
    ours_in, theirs_out = os.pipe()

    def take_pipe() -> None:
        """Chromium reads descriptor 3 and writes 4."""
        low = os.dup(theirs_in), os.dup(theirs_out)
        os.dup2(low[0], 3)
        os.dup2(low[1], 4)

    process = subprocess.Popen(
        [program, *OPTIONS, f"--user-data-dir={work / 'browser'}", "about:blank"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=(work / "browser.log").open("w"),
        close_fds=False,
        preexec_fn=take_pipe,
    )
    os.close(theirs_in)
    os.close(theirs_out)
    try:
        yield Browser(ours_out, ours_in)
    finally:
        os.close(ours_out)
        os.close(ours_in)
        process.terminate()
        process.wait()
