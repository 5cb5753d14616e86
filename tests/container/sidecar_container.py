# SPDX-License-Identifier: Apache-2.0
"""reseat in a container."""
import json

from engine import IMAGE
from waiting import wait_until


class SidecarContainer:
    """Already started, as container `name`."""

    def __init__(self, engine, name):
        self.engine, self.name = engine, name
        self.pid = engine.process(name)

    @classmethod
    def start(cls, engine, name, flags, command):
        engine.start(name, *flags, IMAGE, *command)
        return cls(engine, name)

    def reseat(self, *words, check=True):
        """A reseat command inside of it, as an exec probe runs it."""
        return self.engine.podman("exec", self.name, "/usr/bin/reseat", *words, check=check)

    def wait_ready(self, within=20):
        wait_until(lambda: self.reseat("health", check=False).returncode == 0, within, self.describe)

    def status(self):
        return json.loads(self.reseat("status", "-o", "json").stdout)

    def waits_until(self, condition, within, what):
        return wait_until(lambda: condition(self.status()), within, lambda: f"{what}: {self.describe()}")

    def describe(self):
        return f"{self.name}: {self.engine.inspect(self.name)['State']}\n{self.engine.logs(self.name)}"
