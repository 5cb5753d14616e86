# SPDX-License-Identifier: Apache-2.0
"""A service whose backends have a DNS name: what tests of discovery share."""
import pytest

from lab import BOUND, ECHO_PORT, HERE, PYTHON, Lab, start_echo, wait_until
from names import Files
from waiting import FAST_INTERVAL, INTERVAL, THRESHOLD, TIMEOUT

SERVICE = "10.96.0.7"
TTL = 1
FOLLOWED = TTL + BOUND  # a record that changes is asked for, and its backend checked


@pytest.fixture
def lab():
    """Hosts a and b serve; n has the name server."""
    with Lab("abn") as built:
        yield built


@pytest.fixture
def echo(lab):
    return start_echo(lab)


def named(entry=f"echo.test:{ECHO_PORT}", more="", protocol="tcp", address=f"{SERVICE}:7", check="type: tcp",
          hold="0s", family="any"):
    """A service of one entry. What DNS does not name any more goes at once, unless a test is about `hold`."""
    return (f"  - name: echo\n    protocol: {protocol}\n    address: \"{address}\"\n"
            f"    health_check: {{{check}, interval: {INTERVAL * 1000:.0f}ms, fast_interval: {FAST_INTERVAL * 1000:.0f}ms, "
            f"timeout: {TIMEOUT * 1000:.0f}ms, unhealthy_threshold: {THRESHOLD}, healthy_threshold: 1}}\n{more}"
            f"    names: {{family: {family}, hold: {hold}}}\n"
            f"    backends: [{entry}]\n")


def a(*hosts, name="echo"):
    return [f"{name} A {host.v4}" for host in hosts]


def start(lab, text, cgroup, server=None, **options):
    files = options.pop("files", None) or Files(lab, (server or lab.n).v4)
    return lab.sidecar(text, cgroup, wrapper=files.wrapper(), **options)


def at(host, name="echo.test", port=ECHO_PORT):
    return f"{name}@{host.v4}:{port}"


def up(sidecar, *names, within=FOLLOWED):
    wait_until(lambda: {n for n, s in sidecar.states("echo").items() if s == "up"} == set(names), within,
               lambda: f"{names} up, not {sidecar.states('echo')}: {sidecar.describe()}")


def discovery(sidecar):
    return sidecar.status()["services"][0]["discovery"][0]


def idle(lab, cgroup):
    client = lab.spawn([PYTHON, HERE / "clients/idle_tcp.py", f"idle={SERVICE}/7"], "idle", cgroup=cgroup)
    return client, client.event("idle", within=10)["host"]
