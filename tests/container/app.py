# SPDX-License-Identifier: Apache-2.0
"""The application and its sidecar as containers, and what their users rely on."""
import re
from pathlib import Path

import yaml

from engine import BASE, ROOT
from lab import BOUND, ECHO_PORT, HERE, PYTHON, config, now, service, wait_until
from process import Process

TCP, UDP = "10.96.0.7:7", "10.96.0.8:7"
FOUR = sum(1 << bit for bit in (12, 19, 38, 39))  # NET_ADMIN, SYS_PTRACE, PERFMON, BPF
APP_USER = "1000:1000"
PROFILE = ROOT / "container/seccomp.json"


def services(hosts):
    """A TCP and a UDP service on these hosts, as a configuration."""
    backends = {host.name: host.at(ECHO_PORT) for host in hosts}
    return config(service("tcp", TCP, backends, more="connections: {on_remove: terminate}"),
                  service("udp", UDP, backends, protocol="udp", check="type: tcp"))


class ConfigMap:
    """A directory as the kubelet projects a ConfigMap: every file is a link through ..data, which is swapped."""

    def __init__(self, directory, text):
        self.directory, self._generation = directory, 0
        directory.mkdir()
        self.update(text)
        (directory / "reseat.yaml").symlink_to("..data/reseat.yaml")

    def update(self, text):
        self._generation += 1
        name = f"..2026_{self._generation:04}"
        (self.directory / name).mkdir()
        (self.directory / name / "reseat.yaml").write_text(text)
        fresh = self.directory / "..data_tmp"
        fresh.symlink_to(name)
        fresh.rename(self.directory / "..data")
        if self._generation > 1:
            old = self.directory / f"..2026_{self._generation - 1:04}"
            (old / "reseat.yaml").unlink()
            old.rmdir()


def compose_flags():
    """What container/compose.yaml says of the sidecar, as flags of `podman run`; and its command."""
    reseat = yaml.safe_load((ROOT / "container/compose.yaml").read_text())["services"]["reseat"]
    flags = [f"--cap-drop={cap}" for cap in reseat["cap_drop"]] + [f"--cap-add={cap}" for cap in reseat["cap_add"]]
    flags += [f"--security-opt={option.replace('seccomp.json', str(PROFILE)).replace(':true', '')}"
              for option in reseat["security_opt"]]
    flags += [f"--tmpfs={place}" for place in reseat["tmpfs"]]
    flags += ["--read-only", "--read-only-tmpfs=false"] if reseat["read_only"] else []
    return flags, reseat["command"]


class App:
    """A container with clients that the tests start in it, as a user without rights."""

    def __init__(self, engine, lab, name):
        """A container that runs already."""
        self.engine, self.lab, self.name = engine, lab, name

    @classmethod
    def start(cls, engine, lab, name, *flags):
        engine.start(name, f"--network=ns:/run/netns/{lab.client.name}", "--cgroupns=private", "--cap-drop=ALL",
                     f"--volume={HERE}:{HERE}:ro", *flags, BASE, "sleep", "1000")
        return cls(engine, lab, name)

    def spawn(self, label, script, *words):
        argv = ["podman", "exec", "--user", APP_USER, "-e", "PYTHONDONTWRITEBYTECODE=1", self.name, PYTHON,
                HERE / "clients" / script, *words]
        # "host" network, as a pod of the lab has it, is the network of whoever calls.
        return self.lab.keep(Process(self.lab.client.wrap(argv), self.lab.tmp, label, env=self.engine.environment))


class Clients:
    """An idle TCP connection and a UDP socket that only sends, both through service addresses; and, as a
    control, a connection straight to each host."""

    def __init__(self, app, hosts):
        self.app, self.hosts = app, {host.name: host for host in hosts}
        self.tcp = app.spawn("tcp", "idle_tcp.py", "idle=10.96.0.7/7")
        self.udp = app.spawn("udp", "statsd_sender.py", UDP)
        self.direct = app.spawn("direct", "idle_tcp.py", *(f"{host.name}={host.v4}/{ECHO_PORT}" for host in hosts))
        self.at = self.tcp.event("idle", within=20)["host"]
        self.udp.event("sent", within=20)
        for host in hosts:
            self.direct.event(host.name, within=20)

    def survive_a_vanishing_host(self, status):
        """The TCP client is told and reconnects, the UDP client is moved without noticing; who was connected
        directly hangs. `status` gives /status."""
        victim = self.hosts[self.at]
        victim.vanish()
        broken = self.tcp.event("idle broken", within=BOUND + 1)
        assert broken["errno"] == "ECONNABORTED"
        self.at = self.tcp.event("idle", after=broken["t"])["host"]
        assert self.at != victim.name
        wait_until(lambda: open_sockets(status(), "udp", victim.name) == 0, BOUND + 1, status)
        moved = now()
        self.udp.event("sent", after=moved, within=5)
        assert self.udp.events("error") == []
        assert len({event["port"] for event in self.udp.events("sent")}) == 1, "moved, not reconnected"
        assert self.direct.events(f"{victim.name} broken") == [], "the control does not hang"
        return victim


def backends_of(status, service):
    found = next(s for s in status["services"] if s["name"] == service)
    return {b["name"]: b for b in found["backends"]}


def open_sockets(status, service, backend):
    return backends_of(status, service)[backend]["open_sockets"]


def assert_confined(pid):
    """Four capabilities, none to be had in addition, and the seccomp profile."""
    text = Path(f"/proc/{pid}/status").read_text()
    found = dict(re.findall(r"^(\w+):\t(.*)$", text, re.M))
    assert {name: int(found[name], 16) for name in ("CapPrm", "CapEff", "CapBnd", "CapInh", "CapAmb")} == {
        "CapPrm": FOUR, "CapEff": FOUR, "CapBnd": FOUR, "CapInh": 0, "CapAmb": 0}
    assert (found["Seccomp"], found["NoNewPrivs"]) == ("2", "1")
