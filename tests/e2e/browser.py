# SPDX-License-Identifier: Apache-2.0
"""Headless Chromium, spoken to in its DevTools protocol through a pair of pipes: no port, no driver, and it ends
when the pipes do.

with Browser(lab) as browser: browser.open(url); browser.evaluate("document.title")
"""
import base64
import fcntl
import json
import os
import select
import shutil
from pathlib import Path

from process import Process
from waiting import now, wait_until

CHROMIUM = "chromium"
FLAGS = ["--headless=new", "--remote-debugging-pipe", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
         "--disable-extensions", "--disable-background-networking", "--disable-component-update", "--disable-sync",
         "--disable-breakpad", "--disable-crash-reporter", "--no-first-run", "--no-default-browser-check", "--no-pings",
         "--no-proxy-server", "--mute-audio", "--hide-scrollbars", "--use-mock-keychain"]
ANSWERED = 20  # seconds for one command, on a machine that is shared with others


def _pipe():
    """Descriptors that are in nobody's way."""
    def moved(end):
        high = fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 10)
        os.close(end)
        return high
    return [moved(end) for end in os.pipe()]


class Browser:
    """One Chromium with one page, in the lab's client namespace, which has no way out."""

    def __init__(self, lab, environment=None):
        self._directory = lab.tmp / "chromium"
        self._directory.mkdir()
        (theirs_in, self._out), (self._in, theirs_out) = _pipe(), _pipe()
        self._rest, self._last_id = b"", 0
        self.complaints = []  # of the console: what is logged as error or warning, and exceptions that nobody caught
        # The protocol wants descriptors 3 and 4.
        argv = ["bash", "-c", f'exec "$@" 3<&{theirs_in} 4>&{theirs_out}', "bash", CHROMIUM, *FLAGS,
                f"--user-data-dir={self._directory}/profile", "about:blank"]
        self._process = lab.keep(Process(
            lab.in_client(argv), self._directory, "chromium", pass_fds=(theirs_in, theirs_out),
            env={**os.environ, "HOME": str(self._directory), "TMPDIR": str(self._directory), "XDG_RUNTIME_DIR": str(self._directory),
                 "DBUS_SESSION_BUS_ADDRESS": "disabled:", "DBUS_SYSTEM_BUS_ADDRESS": "disabled:", **(environment or {})}))
        os.close(theirs_in)
        os.close(theirs_out)

    def __enter__(self):
        target = self._command("Target.getTargets", session=None)["targetInfos"]
        page = next(t["targetId"] for t in target if t["type"] == "page")
        self._session = self._command("Target.attachToTarget", session=None, targetId=page, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log"):
            self._command(f"{domain}.enable")
        return self

    def __exit__(self, *exception):
        os.close(self._out)
        os.close(self._in)
        self._process.stop()
        wait_until(lambda: not self._left(), 10, lambda: f"the end of {self._left()}")
        shutil.rmtree(self._directory, ignore_errors=True)

    def _left(self):
        """Processes of this browser: all have its environment."""
        def ours(process):
            try:
                return str(self._directory).encode() in (process / "environ").read_bytes()
            except OSError:
                return False
        return [process.name for process in Path("/proc").iterdir() if process.name.isdigit() and ours(process)]

    # ---- the protocol

    _session = None

    def _command(self, method, session="page", **parameters):
        self._last_id += 1
        message = {"id": self._last_id, "method": method, "params": parameters}
        if session:
            message["sessionId"] = self._session
        os.write(self._out, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._receive(ANSWERED)
            assert answer, f"no answer to {method} from {self._process.describe()}"
            if answer.get("id") == self._last_id:
                assert "error" not in answer, f"{method}: {answer['error']}"
                return answer["result"]

    def _receive(self, within):
        """The next message, or None; what the page complains of is kept."""
        deadline = now() + within
        while b"\0" not in self._rest:
            if not select.select([self._in], [], [], max(0, deadline - now()))[0]:
                return None
            chunk = os.read(self._in, 1 << 20)
            assert chunk, f"the end of {self._process.describe()}"
            self._rest += chunk
        line, self._rest = self._rest.split(b"\0", 1)
        message = json.loads(line)
        self._listen(message.get("method"), message.get("params", {}))
        return message

    def _listen(self, method, event):
        if method == "Runtime.consoleAPICalled" and event["type"] in ("error", "warning", "assert"):
            self.complaints.append(" ".join(str(a.get("value", a.get("description"))) for a in event["args"]))
        elif method == "Runtime.exceptionThrown":
            details = event["exceptionDetails"]
            self.complaints.append(details.get("exception", {}).get("description", details["text"]))
        elif method == "Log.entryAdded" and event["entry"]["level"] in ("error", "warning"):
            self.complaints.append(f"{event['entry']['text']} {event['entry'].get('url', '')}")

    # ---- the page

    def open(self, url):
        answer = self._command("Page.navigate", url=url)
        assert "errorText" not in answer, f"{url}: {answer['errorText']}"

    def evaluate(self, expression):
        """The value of a JavaScript expression, as JSON can say it; a promise is awaited."""
        answer = self._command("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, f"{expression}: {answer['exceptionDetails']}"
        return answer["result"].get("value")

    def wait(self, expression, within):
        """Polls until the expression is true; returns its value."""
        return wait_until(lambda: self.evaluate(expression), within,
                          lambda: f"{expression}; the page says:\n{self.text()}\n{self.complaints}")

    def text(self):
        return self.evaluate("document.body.innerText")

    def look(self, width=1280, height=900, scheme="light", phone=False, scale=1):
        """The window's size, the colour scheme, and whether it is a phone's."""
        self._command("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=scale, mobile=phone)
        self._command("Emulation.setEmulatedMedia", features=[
            {"name": "prefers-color-scheme", "value": scheme}, {"name": "prefers-reduced-motion", "value": "reduce"}])

    def press(self, key):
        """One key, as a user does."""
        text = {"Enter": "\r"}.get(key, key)
        code = {"Enter": 13}.get(key, ord(key[0]))
        for kind in ("keyDown", "keyUp"):
            self._command("Input.dispatchKeyEvent", type=kind, key=key, windowsVirtualKeyCode=code,
                          **({"text": text} if kind == "keyDown" else {}))

    def screenshot(self, file):
        """What the window shows, as PNG."""
        file.write_bytes(base64.b64decode(self._command("Page.captureScreenshot", format="png")["data"]))
