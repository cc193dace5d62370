"""Headless Chromium, driven through the DevTools protocol over two pipes; no package is needed for that."""

from __future__ import annotations

import base64
import contextlib
import itertools
import json
import os
import runpy
import select
import subprocess
import time
from pathlib import Path

import pytest

# the owner of where the browser is, and of its installation
TOOL = runpy.run_path(str(Path(__file__).resolve().parents[2] / "tools" / "browser.py"))
PATIENCE = 120  # seconds; a busy machine may need many of them for what takes 0.1 s on an idle one
OPTIONS = """
    --headless=new --no-sandbox --disable-quic --no-first-run --disable-background-networking
    --disable-component-update --disable-sync --disable-extensions --disable-dev-shm-usage --mute-audio
    --use-angle=swiftshader --enable-unsafe-swiftshader --enable-webgl --ignore-gpu-blocklist
    --hide-scrollbars --force-color-profile=srgb --remote-debugging-pipe
""".split()  # noqa: SIM905  a list would take a line for each


class Browser:
    """A page in Chromium: opens files, evaluates JavaScript, clicks, types, and takes pictures.

    Args:
        executable: Path of Chromium.
        profile: A new folder for its files.
    """

    def __init__(self, executable: str, profile: Path) -> None:
        to_child, self._write = os.pipe()
        self._read, from_child = os.pipe()
        # Chromium reads commands from descriptor 3 and answers on 4
        script = f'exec "$0" "$@" 3<&{to_child} 4>&{from_child}'
        self._log = profile / "stderr.txt"
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                ["/bin/bash", "-c", script, executable, *OPTIONS, f"--user-data-dir={profile}", "about:blank"],
                pass_fds=(to_child, from_child),
                stdout=subprocess.DEVNULL,
                stderr=log,
            )
        os.close(to_child)
        os.close(from_child)
        self._ids, self._buffer, self.events = itertools.count(1), b"", []
        self._session = None
        targets = self.send("Target.getTargets")["targetInfos"]
        page = next(target["targetId"] for target in targets if target["type"] == "page")
        attached = self.send("Target.attachToTarget", targetId=page, flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.send(f"{domain}.enable")

    def send(self, method: str, **params: object) -> dict:
        """Sends a command and returns its result; what else the browser says becomes events."""
        number = next(self._ids)
        message = {"id": number, "method": method, "params": params}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._write, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._receive(PATIENCE)
            if answer.get("id") == number:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']}")
                return answer["result"]
            self.events.append(answer)

    def _receive(self, seconds: float) -> dict:
        limit = time.monotonic() + seconds
        while b"\0" not in self._buffer:
            ready, _, _ = select.select([self._read], [], [], max(0, limit - time.monotonic()))
            if not ready:
                raise TimeoutError(f"Chromium said nothing for {seconds} s")
            some = os.read(self._read, 1 << 20)
            if not some:
                raise RuntimeError(f"Chromium ended, and wrote {self._log.read_text(errors='replace')[-2000:]!r}")
            self._buffer += some
        message, self._buffer = self._buffer.split(b"\0", 1)
        return json.loads(message)

    def open(
        self, path: Path, *, width: int = 1400, height: int = 900, ready: str = "window.explorer?.ready"
    ) -> None:
        """Opens a file and waits until an expression holds."""
        self.events.clear()
        self.send(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False
        )
        self.send("Page.navigate", url=path.resolve().as_uri())
        self.wait(ready)

    @contextlib.contextmanager
    def inside_frame(self):
        """Speaks to the frame of a foreign origin in the page, as if it were the page."""
        own, self._session = self._session, None
        limit = time.monotonic() + PATIENCE
        while True:
            targets = self.send("Target.getTargets")["targetInfos"]
            frames = [target["targetId"] for target in targets if target["type"] == "iframe"]
            if frames:
                break
            if time.monotonic() > limit:
                raise TimeoutError("the page has no frame of a foreign origin")
            time.sleep(0.03)
        self._session = self.send("Target.attachToTarget", targetId=frames[0], flatten=True)["sessionId"]
        try:
            yield
        finally:
            self._session = own

    def js(self, expression: str) -> object:
        """Returns the value of an expression, awaited if it is a promise."""
        done = self.send(
            "Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True, userGesture=True
        )
        if "exceptionDetails" in done:
            details = done["exceptionDetails"]
            raise RuntimeError(details.get("exception", {}).get("description", details["text"]))
        return done["result"].get("value")

    def wait(self, expression: str, seconds: float = PATIENCE) -> None:
        """Waits until an expression holds."""
        limit = time.monotonic() + seconds
        while True:
            with contextlib.suppress(RuntimeError):
                if self.js(f"Boolean({expression})"):
                    return
            if time.monotonic() > limit:
                raise TimeoutError(f"{expression} did not become true; the page said {self.complaints()}")
            time.sleep(0.03)

    def mouse(self, kind: str, x: float, y: float, **params: object) -> None:
        """Sends an event of the mouse: moved, pressed or released."""
        button = "none" if kind == "moved" and not params.get("buttons") else "left"
        self.send(
            "Input.dispatchMouseEvent",
            **{"type": f"mouse{kind.title()}", "x": x, "y": y, "button": button, **params},
        )

    def click(self, x: float, y: float) -> None:
        """Moves to a place and clicks."""
        self.mouse("moved", x, y)
        self.mouse("pressed", x, y, clickCount=1, buttons=1)
        self.mouse("released", x, y, clickCount=1)

    def drag(self, places: list[tuple[float, float]], modifiers: int = 0) -> None:
        """Drags from the first place over all others; modifiers as in the protocol, 8 for shift."""
        self.mouse("moved", *places[0], modifiers=modifiers)
        self.mouse("pressed", *places[0], clickCount=1, buttons=1, modifiers=modifiers)
        for place in places[1:]:
            self.mouse("moved", *place, buttons=1, modifiers=modifiers)
        self.mouse("released", *places[-1], clickCount=1, modifiers=modifiers)

    def press(self, key: str, code: int) -> None:
        """Presses a key and lets it go."""
        for kind in ("keyDown", "keyUp"):
            text = {"text": "\r"} if key == "Enter" and kind == "keyDown" else {}
            self.send("Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=code, **text)

    def picture(self, path: Path) -> None:
        """Writes a PNG of what is visible."""
        path.write_bytes(base64.b64decode(self.send("Page.captureScreenshot", format="png")["data"]))

    def requests(self) -> list[str]:
        """The addresses that the page asked for since it was opened, but for itself and what it embeds."""
        asked = [e["params"]["request"]["url"] for e in self.events if e["method"] == "Network.requestWillBeSent"]
        return [url for url in asked if not url.startswith(("file:", "data:", "blob:"))]

    def complaints(self) -> list[str]:
        """Errors that the page threw or logged since it was opened."""
        thrown = [
            event["params"]["exceptionDetails"].get("exception", {}).get("description", "?")
            for event in self.events
            if event["method"] == "Runtime.exceptionThrown"
        ]
        logged = [event["params"]["entry"] for event in self.events if event["method"] == "Log.entryAdded"]
        return thrown + [entry["text"] for entry in logged if entry["level"] == "error"]

    def close(self) -> None:
        """Ends the browser."""
        with contextlib.suppress(OSError, RuntimeError, TimeoutError):
            self._session = None
            self.send("Browser.close")
        for descriptor in (self._write, self._read):
            os.close(descriptor)
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def executable_of(browser: str | None, required: bool) -> str:
    """Returns where the browser is; without one, the test is skipped, or fails if a browser is required."""
    if browser is None and required:
        pytest.fail(f"--require-browser needs Chromium or Chrome, none was found. {TOOL['REMEDY']}", pytrace=False)
    if browser is None:
        pytest.skip(f"no Chromium or Chrome was found. {TOOL['REMEDY']}")
    return browser


@pytest.fixture(scope="session")
def browser(request, tmp_path_factory):
    """One Chromium for all tests."""
    executable = executable_of(TOOL["find_browser"](), request.config.getoption("--require-browser"))
    started = Browser(executable, tmp_path_factory.mktemp("chromium"))
    yield started
    started.close()
