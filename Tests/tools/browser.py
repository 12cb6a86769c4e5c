"""browser: a headless Chromium for tests, driven through its DevTools protocol over two pipes.

No port is opened, and nothing but the standard library is needed: `--remote-debugging-pipe` reads
commands from descriptor 3 and answers on descriptor 4, JSON texts with a zero byte behind each.
"""

from __future__ import annotations

import base64
import contextlib
import itertools
import json
import os
import select
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

PATIENCE_S = 60.0
FLAGS = (
    "--headless",
    "--remote-debugging-pipe",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-extensions",
    "--disable-sync",
    "--no-first-run",
    "--no-default-browser-check",
    "--hide-scrollbars",
    "--force-color-profile=srgb",
    "--proxy-server=127.0.0.1:9",  # what asks the network for anything fails, and is seen
)


def chromium() -> str | None:
    """Where it is; None when it is not installed (`scripts/setup` says why)."""
    return shutil.which("chromium") or shutil.which("chromium-browser")


@contextlib.contextmanager
def browser() -> Iterator[Browser]:
    """A running Chromium with a profile of its own, ended with the context."""
    program = chromium()
    if program is None:
        raise FileNotFoundError("chromium")
    to_child, commands = os.pipe()
    answers, from_child = os.pipe()
    sandbox = ("--no-sandbox",) if os.geteuid() == 0 else ()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        # The shell gives the pipes the numbers that Chromium reads and writes.
        command = ["bash", "-c", f'exec "$@" 3<&{to_child} 4>&{from_child}', "bash", program]
        process = subprocess.Popen(
            [*command, *FLAGS, *sandbox, f"--user-data-dir={profile}", "about:blank"],
            pass_fds=(to_child, from_child),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        os.close(to_child)
        os.close(from_child)
        try:
            yield Browser(commands, answers)
        finally:
            os.close(commands)
            os.close(answers)
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


class Browser:
    """The whole of it: sends commands, keeps what it tells unasked."""

    def __init__(self, commands: int, answers: int) -> None:
        self._commands = commands
        self._answers = answers
        self._numbers = itertools.count(1)
        self._unread = b""
        self.told: list[dict[str, Any]] = []

    def send(self, method: str, session: str | None = None, **parameters: Any) -> dict[str, Any]:
        """One command and its answer."""
        number = next(self._numbers)
        command = {"id": number, "method": method, "params": parameters}
        if session is not None:
            command["sessionId"] = session
        os.write(self._commands, json.dumps(command).encode() + b"\0")
        answer = self.wait(lambda one: one.get("id") == number)
        if "error" in answer:
            raise RuntimeError(f"{method}: {answer['error']}")
        result: dict[str, Any] = answer["result"]
        return result

    def wait(self, wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """The next message that is wanted; the others are kept in `told`."""
        until = time.monotonic() + PATIENCE_S
        while time.monotonic() < until:
            message = self._next(until - time.monotonic())
            if message is None:
                continue
            if wanted(message):
                return message
            self.told.append(message)
        raise TimeoutError("Chromium does not answer")

    def _next(self, seconds: float) -> dict[str, Any] | None:
        while b"\0" not in self._unread:
            if not select.select([self._answers], [], [], seconds)[0]:
                return None
            read = os.read(self._answers, 1 << 20)
            if not read:
                raise RuntimeError("Chromium has ended")
            self._unread += read
        text, _, self._unread = self._unread.partition(b"\0")
        message: dict[str, Any] = json.loads(text)
        return message

    @contextlib.contextmanager
    def page(self, *, width: int = 1200, scripts: bool = True) -> Iterator[Page]:
        """An empty page."""
        target = self.send("Target.createTarget", url="about:blank")["targetId"]
        session = self.send("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        page = Page(self, session)
        for domain in ("Page", "Runtime", "Log", "Network", "Accessibility"):
            page.send(f"{domain}.enable")
        page.send("Page.setLifecycleEventsEnabled", enabled=True)
        if not scripts:
            page.send("Emulation.setScriptExecutionDisabled", value=True)
        page.resize(width)
        try:
            yield page
        finally:
            self.send("Target.closeTarget", targetId=target)
            self.told = [one for one in self.told if one.get("sessionId") != session]


class Page:
    """One tab."""

    def __init__(self, whole: Browser, session: str) -> None:
        self._whole = whole
        self._session = session

    def send(self, method: str, **parameters: Any) -> dict[str, Any]:
        """One command for this page."""
        return self._whole.send(method, self._session, **parameters)

    def resize(self, width: int, height: int = 900) -> None:
        """How large the window is."""
        self.send(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=False,
        )

    def colours(self, scheme: str) -> None:
        """`light` or `dark`."""
        self.send(
            "Emulation.setEmulatedMedia",
            features=[{"name": "prefers-color-scheme", "value": scheme}],
        )

    def open(self, url: str) -> None:
        """Go there, and wait until everything is loaded."""
        loader = self.send("Page.navigate", url=url)["loaderId"]

        def loaded(one: dict[str, Any]) -> bool:
            told = one.get("params", {})
            return (
                one.get("method") == "Page.lifecycleEvent"
                and told["name"] == "load"
                and told["loaderId"] == loader
            )

        if not any(loaded(one) for one in self._whole.told):
            self._whole.wait(loaded)

    def evaluate(self, expression: str) -> Any:
        """The value of an expression, as JSON; a promise is waited for."""
        answer = self.send(
            "Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True
        )
        if "exceptionDetails" in answer:
            raise RuntimeError(str(answer["exceptionDetails"]))
        return answer["result"].get("value")

    def events(self, *methods: str) -> list[dict[str, Any]]:
        """What was told of these kinds so far."""
        self.evaluate("1")  # whatever came before this answer has been read
        return [
            one["params"]
            for one in self._whole.told
            if one.get("sessionId") == self._session and one.get("method") in methods
        ]

    def complaints(self) -> list[str]:
        """Everything a developer would see in the console."""
        kinds = ("Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Log.entryAdded")
        return [json.dumps(one)[:500] for one in self.events(*kinds)]

    def requests(self) -> list[str]:
        """The addresses that were asked for, whatever came of it."""
        return [one["request"]["url"] for one in self.events("Network.requestWillBeSent")]

    def screenshot(self, path: Path, *, most: int = 6000) -> None:
        """The page from its top as a PNG, at most so many pixels high."""
        width = int(self.evaluate("innerWidth"))
        height = min(most, int(self.evaluate("document.documentElement.scrollHeight")))
        self.resize(width, height)
        taken = self.send("Page.captureScreenshot")
        path.write_bytes(base64.b64decode(taken["data"]))
        self.resize(width)

    def pdf(self) -> bytes:
        """The page as A4 would have it."""
        made = self.send("Page.printToPDF", preferCSSPageSize=True, printBackground=True)
        return base64.b64decode(made["data"])
