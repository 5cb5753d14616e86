# SPDX-License-Identifier: Apache-2.0
"""A cut of everything that heals: who may keep its connection, and who is told that it has none any more."""
import signal

import pytest

from lab import ECHO_PORT, HERE, PYTHON, config, run, service, stays_false, wait_until
from waiting import BOUND, SLOWNESS

SERVICE = "10.96.0.60:7"
EXAMINED = 2.5 * SLOWNESS  # how long a host that is back has for its answer to a keepalive probe


def echo_service(hosts, check="type: tcp", more=""):
    rows = {host.name: host.at(ECHO_PORT) for host in hosts}
    return config(service("echo", SERVICE, rows, check=check, more=more))


def sessions(lab, cgroup, *names):
    client = lab.spawn([PYTHON, HERE / "clients/sessions.py", *(f"{name}=10.96.0.60/7" for name in names)],
                       cgroup=cgroup, stdin=True)
    return client, [client.event(name, within=10)["host"] for name in names]


def start_again(host):
    argv = [PYTHON, HERE / "clients/echo_server.py", host.v4, ECHO_PORT, host.name]
    host.spawn(argv, "echo-again").event("listening", within=10)


def reboot(host, server):
    """While its link is down: its sockets are gone, and nobody hears of it."""
    run(*host.namespace.wrap(["ss", "-K", "-Htn", "state", "connected"]))
    server.stop(signal.SIGKILL)
    assert run(*host.namespace.wrap(["ss", "-Htn", "state", "connected"])).stdout == ""
    start_again(host)


def test_a_cut_of_everything_that_heals_ends_no_session_E60(lab, echo):
    """`grace`: the verdicts come one after the other, and none of both is an alternative any more when it is over."""
    cgroup = lab.cgroup()
    sidecar = lab.sidecar(echo_service(lab.hosts, more="connections: {grace: 1s}"), cgroup)
    client, hosts = sessions(lab, cgroup, "one", "two")
    assert sorted(hosts) == ["a", "b"]
    for host in lab.hosts:
        host.vanish()
    for host in lab.hosts:
        sidecar.wait_state("echo", host.name, "down")
    wait_until(lambda: sidecar.status()["services"][0]["waiting"] == 2, BOUND, sidecar.describe)
    for host in lab.hosts:
        host.reappear()
    for host in lab.hosts:
        sidecar.wait_state("echo", host.name, "up")
    stays_false(lambda: client.events("one broken") or client.events("two broken"), EXAMINED, "a session was ended")
    client.tell("")
    assert client.event("one goes on", within=10)["host"] == hosts[0]
    assert client.event("two goes on")["host"] == hosts[1]
    status = sidecar.status()["services"][0]
    assert status["waiting"] == 0 and status["open_sockets"] == 2
    sidecar.logs(r"echo/a is UP: .*; 1 spared socket kept")


def test_a_host_that_was_restarted_during_the_cut_has_its_idle_clients_told_E60_E77(lab, echo):
    cgroup = lab.cgroup()
    sidecar = lab.sidecar(echo_service([lab.a]), cgroup)
    client, _ = sessions(lab, cgroup, "idle")
    lab.a.vanish()
    sidecar.wait_state("echo", "a", "down")
    reboot(lab.a, echo["a"])
    assert client.events("idle broken") == []
    lab.a.reappear()
    sidecar.wait_state("echo", "a", "up")
    assert client.event("idle broken", within=BOUND + EXAMINED)["errno"] == "ECONNABORTED"
    sidecar.logs(r"echo/a: its host answered a keepalive probe with a reset: it was restarted")
    sidecar.logs(r"echo/a: its host no longer knows them: 1 socket terminated")


@pytest.mark.parametrize("watch", ["auto", "off"])
def test_a_host_that_was_restarted_between_two_checks_is_found_out_where_there_is_a_watch_E77(lab, echo, watch):
    cgroup = lab.cgroup()
    text = echo_service(lab.hosts, check=f"type: tcp, watch: {watch}")
    text = text.replace("interval: 200ms, fast_interval: 50ms", "interval: 2s, fast_interval: 1s")
    sidecar = lab.sidecar(text.replace("unhealthy_threshold: 2", "unhealthy_threshold: 5"), cgroup)
    client, hosts = sessions(lab, cgroup, "idle")
    victim = lab.host(hosts[0])
    victim.vanish()
    reboot(victim, echo[victim.name])
    victim.reappear()
    if watch == "off":
        stays_false(lambda: client.events("idle broken"), 3.0, "nothing told of it")
    else:
        assert client.event("idle broken", within=2 + BOUND + EXAMINED)["errno"] == "ECONNABORTED"
        sidecar.logs(rf"echo/{victim.name}: its host no longer knows them: 1 socket terminated")
    assert " is DOWN" not in sidecar.err
