# SPDX-License-Identifier: Apache-2.0
"""Sockets that are over and not closed: a pool that does not look at its connections, and an unconnected UDP socket."""
import signal

import pytest

from commands import attempt
from lab import ECHO_PORT, HERE, PYTHON, config, service, wait_until

SERVICE = "10.96.0.17"


def services(lab, hosts, more):
    at = {host: lab.host(host).at(ECHO_PORT) for host in hosts}
    return config(service("pool", f"{SERVICE}:7", at, more=more),
                  service("names", f"{SERVICE}:7", at, protocol="udp", check=f"type: tcp, port: {ECHO_PORT}", more=more))


class Scene:
    """One backend, on which a workload has a TCP and a UDP socket."""

    def __init__(self, lab, more):
        self.lab, self.more, cgroup = lab, more, lab.cgroup()
        self.sidecar = lab.sidecar(services(lab, "a", more), cgroup)
        argv = [PYTHON, HERE / "clients/ended_sockets.py", f"{SERVICE}:7", f"{SERVICE}:7"]
        self.client = lab.spawn(argv, "ended", cgroup=cgroup)
        self.client.event("open", within=10)
        assert (self.open_on("pool"), self.open_on("names")) == (1, 1)

    def open_on(self, name):
        return self.sidecar.backend(name, "a")["open_sockets"]

    def unconnect(self):
        self.client.send_signal(signal.SIGUSR1)
        assert self.client.event("unconnected", within=10)["peer"] == "ENOTCONN"

    def drain(self, name):
        drained = attempt(self.lab, "drain", f"{name}/a", "--wait", "--timeout", "15s", "--admin", self.sidecar.admin)
        assert (drained.popen.returncode, drained.out) == (0, f"{name}/a: drain, 0 open sockets\n"), drained.describe()

    def metric(self, name):
        wanted = f'reseat_backend_open_sockets{{service="{name}",backend="a"}} '
        return next(line for line in self.sidecar.get("/metrics")[1].splitlines() if line.startswith(wanted)).split()[-1]


@pytest.fixture
def scene(lab, echo):
    return Scene(lab, "connections: {drain_timeout: 500ms, only_if_alternative: false, udp: keep}")


def test_a_drain_ends_with_the_termination_of_sockets_that_nobody_looks_at_E78(scene):
    scene.drain("pool")
    assert scene.metric("pool") == "0"
    assert not scene.client.exited()


def test_a_drain_does_not_wait_for_a_udp_socket_that_was_unconnected_E78(scene):
    scene.unconnect()
    scene.drain("names")
    assert scene.metric("names") == "0"
    assert not scene.client.exited()


def test_a_removed_backend_goes_though_ended_sockets_are_not_closed_E78(scene):
    scene.unconnect()
    scene.sidecar.configure(services(scene.lab, "b", scene.more))
    for name in ("pool", "names"):
        wait_until(lambda: scene.sidecar.states(name) == {"b": "up"}, 20, lambda: scene.sidecar.states(name))
    assert not scene.client.exited()
