"""A headless Chromium driven over its DevTools pipe: no driver, no socket, nothing but the browser itself.

Protocol: https://chromedevtools.github.io/devtools-protocol/; with ``--remote-debugging-pipe`` the browser
reads JSON messages from file descriptor 3 and writes them to 4, each ended by a zero byte.
"""

from __future__ import annotations

import base64
import fcntl
import json
import os
import select
import subprocess
import time
from collections.abc import Sequence
from types import TracebackType
from typing import Any, Self

Message = dict[str, Any]
#: A browser that is silent for so long (s) while an answer is due has hung.
PATIENCE_S = 60.0


class BrowserError(Exception):
    """The browser refused a command, or a script in the page threw."""


class Browser:
    """One page in a fresh browser; ``events`` are what the browser reported and nobody waited for."""

    def __init__(self, argv: Sequence[str]) -> None:
        self.events: list[Message] = []
        self._buffer, self._last, self._session = b"", 0, ""
        from_browser, browser_out = os.pipe()
        browser_in, to_browser = os.pipe()
        ends = [fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 20) for end in (browser_in, browser_out)]
        os.close(browser_in)
        os.close(browser_out)

        def place() -> None:
            os.dup2(ends[0], 3)
            os.dup2(ends[1], 4)

        self._process = subprocess.Popen(
            [*argv, "--hide-scrollbars", "--remote-debugging-pipe", "about:blank"],
            pass_fds=(3, 4),
            preexec_fn=place,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for end in ends:
            os.close(end)
        self._in, self._out = os.fdopen(from_browser, "rb", 0), os.fdopen(to_browser, "wb", 0)
        target = self._first_page()
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.terminate()
        self._process.wait(20)
        self._in.close()
        self._out.close()

    def call(self, method: str, **params: Any) -> Message:
        """The browser's answer to one DevTools command."""
        self._last += 1
        message: Message = {"id": self._last, "method": method, "params": params}
        if self._session:
            message["sessionId"] = self._session
        self._out.write(json.dumps(message).encode() + b"\0")
        while True:
            answer = self._read()
            if answer.get("id") == self._last:
                if "error" in answer:
                    raise BrowserError(f"{method}: {answer['error']}")
                result: Message = answer["result"]
                return result
            self.events.append(answer)

    def open(self, url: str) -> None:
        """Load a page and wait until it has."""
        self.events.clear()
        self.call("Page.navigate", url=url)
        while not any(event.get("method") == "Page.loadEventFired" for event in self.events):
            self.events.append(self._read())

    def js(self, expression: str) -> Any:
        """Value of an expression (promises are awaited)."""
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in answer:
            raise BrowserError(str(answer["exceptionDetails"]))
        return answer["result"].get("value")

    def resize(self, width: int, height: int = 900) -> None:
        """Give the window this size (CSS px)."""
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=False,
        )
        self.js("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")

    def prefer(self, scheme: str) -> None:
        """Prefer the ``"light"`` or ``"dark"`` colour scheme."""
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.call("Emulation.setEmulatedMedia", features=features)

    def hover(self, selector: str) -> None:
        """Move the mouse over the middle of an element, scrolled to first."""
        box = f"document.querySelector({json.dumps(selector)}).getBoundingClientRect()"
        self.js(f"document.querySelector({json.dumps(selector)}).scrollIntoView({{block: 'center'}})")
        before: Any = None
        for _ in range(50):  # smooth scrolling takes a moment
            place = self.js(f"(b => [b.x + b.width / 2, b.y + b.height / 2])({box})")
            if place == before:
                break
            before = place
            time.sleep(0.05)
        self.call("Input.dispatchMouseEvent", type="mouseMoved", x=before[0], y=before[1])

    def picture(self) -> bytes:
        """A PNG of the window."""
        return base64.b64decode(self.call("Page.captureScreenshot", format="png")["data"])

    def reported(self, *methods: str) -> list[Message]:
        """Parameters of the events of these sorts since the page was opened."""
        return [event["params"] for event in self.events if event.get("method") in methods]

    def _first_page(self) -> str:
        for _ in range(100):
            for target in self.call("Target.getTargets")["targetInfos"]:
                if target["type"] == "page":
                    return str(target["targetId"])
            time.sleep(0.1)
        raise BrowserError("the browser opened no page")

    def _read(self) -> Message:
        while b"\0" not in self._buffer:
            if not select.select([self._in], [], [], PATIENCE_S)[0]:
                raise BrowserError(f"the browser said nothing for {PATIENCE_S:g} s")
            chunk = self._in.read(65_536)
            if not chunk:
                raise BrowserError(f"the browser ended with code {self._process.poll()}")
            self._buffer += chunk
        message, self._buffer = self._buffer.split(b"\0", 1)
        decoded: Message = json.loads(message)
        return decoded
