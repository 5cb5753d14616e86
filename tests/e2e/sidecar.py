# SPDX-License-Identifier: Apache-2.0
"""reseat itself: its configuration, as the tests write it, and a running `reseat run`."""
import hashlib
import http.client
import json
import os
import socket

from process import Process
from waiting import BOUND, FAST_INTERVAL, INTERVAL, THRESHOLD, TIMEOUT, wait_until


def reseat_binary():
    """$RESEAT_BINARY, as ctest sets it. Its absence is a failure: nothing here is skipped."""
    binary = os.environ.get("RESEAT_BINARY")
    assert binary, "set RESEAT_BINARY to the reseat binary to test"
    assert os.access(binary, os.X_OK), f"RESEAT_BINARY={binary} is not an executable file"
    return binary


CHECK = (f"interval: {INTERVAL * 1000:.0f}ms, fast_interval: {FAST_INTERVAL * 1000:.0f}ms, "
         f"timeout: {TIMEOUT * 1000:.0f}ms, unhealthy_threshold: {THRESHOLD}, healthy_threshold: 1")


def service(name, address, backends, protocol="tcp", check="type: tcp", more=""):
    """One service as YAML, checked fast. `backends` is {name: address}."""
    rows = "\n".join(f'      - {{address: "{at}", name: {backend}}}' for backend, at in backends.items())
    extra = "".join(f"    {line}\n" for line in more.strip().splitlines())
    return (f"  - name: {name}\n    protocol: {protocol}\n    address: \"{address}\"\n"
            f"    health_check: {{{check}, {CHECK}}}\n{extra}    backends:\n{rows}\n")


def config(*services, more="", pin="off"):
    """A whole configuration; nothing is pinned unless asked for, so that a killed test leaves nothing behind."""
    head = f"version: 1\npin: {pin}\nservices:"
    return (head + "\n" + "".join(services) if services else head + " []\n") + more


def backends(lab, port, family="v4"):
    """Both hosts as backends of one service."""
    return {host.name: host.at(port, family) for host in lab.hosts}


class Sidecar(Process):
    """A running `reseat run`."""

    def __init__(self, argv, directory, label, file, admin, **options):
        super().__init__(argv, directory, label, **options)
        self.file, self.admin = file, admin

    def wait_ready(self):
        def ready():
            assert not self.exited(), f"reseat ended: {self.describe()}"
            try:
                return self.get("/ready")[0] == 200
            except (OSError, http.client.HTTPException):
                return False
        wait_until(ready, 10, lambda: f"/ready of {self.describe()}")

    def get(self, path, method="GET"):
        """(status, body) of one request to the admin socket."""
        connection = http.client.HTTPConnection("reseat", timeout=5)
        connection.sock = socket.socket(socket.AF_UNIX)
        connection.sock.settimeout(5)
        with connection.sock:
            connection.sock.connect(str(self.admin))
            connection.request(method, path)
            response = connection.getresponse()
            return response.status, response.read().decode()

    def whole(self, text):
        """`text` as a configuration of this instance."""
        return f"admin: {{socket: {self.admin}}}\n{text}"

    def configure(self, text):
        """Another configuration in place of the one that runs, by rename."""
        fresh = self.file.with_suffix(".new")
        fresh.write_text(self.whole(text))
        fresh.rename(self.file)

    def runs(self, text, within=BOUND):
        """Waits until this configuration is in force."""
        wanted = hashlib.sha256(self.whole(text).encode()).hexdigest()
        wait_until(lambda: self.status()["config"]["sha256"] == wanted, within,
                   lambda: f"the reload in {self.describe()}")

    def states(self, service):
        """{backend: state} of one service."""
        found = next(s for s in self.status()["services"] if s["name"] == service)
        return {b["name"]: b["state"] for b in found["backends"]}

    def status(self):
        return json.loads(self.get("/status")[1])

    def backend(self, service, name):
        """One backend's object out of /status."""
        found = next(s for s in self.status()["services"] if s["name"] == service)
        return next(b for b in found["backends"] if b["name"] == name)

    def wait_state(self, service, name, state, within=BOUND):
        return wait_until(lambda: self.backend(service, name)["state"] == state, within,
                          lambda: f"{service}/{name} to be {state}: {self.backend(service, name)}")
