# SPDX-License-Identifier: Apache-2.0
"""statsd: a client that only ever sends on a connected UDP socket cannot learn by itself that nobody listens."""
import pytest

from lab import (BOUND, HERE, PYTHON, backends, config, hang_time, note_failover, service, stays_false,
                 with_and_without_reseat)

SERVICE, PORT, MANAGEMENT = "10.96.0.125", 8125, 8126


@pytest.fixture
def sinks(lab):
    """One statsd on each host. {host name: process}"""
    started = {host.name: host.spawn([PYTHON, HERE / "clients/statsd_sink.py", host.v4, PORT, MANAGEMENT], "statsd")
               for host in lab.hosts}
    for sink in started.values():
        sink.event("listening", within=10)
    return started


def statsd(lab, more=""):
    return config(service("statsd", f"{SERVICE}:{PORT}", backends(lab, PORT), protocol="udp",
                          check=f"type: tcp, port: {MANAGEMENT}", more=more))


def launch(lab, way, more=""):
    argv = [PYTHON, HERE / "clients/statsd_sender.py"]
    if way == "control":
        return lab.spawn([*argv, lab.a.at(PORT)])
    return lab.spawn_behind(statsd(lab, more), [*argv, f"{SERVICE}:{PORT}"])


def receiving(lab, sinks):
    """The host whose statsd hears the client."""
    heard = [name for name, sink in sinks.items() if sink.events("counter")]
    assert len(heard) == 1, f"a connected socket stays with one backend, but these heard it: {heard}"
    return lab.host(heard[0])


@with_and_without_reseat
def test_counters_arrive_at_the_live_host_and_the_sender_never_notices_E01(lab, sinks, way):
    client = launch(lab, way)
    before = client.event("sent", within=10)
    victim = receiving(lab, sinks)
    living = sinks[lab.other(victim).name]
    at = victim.vanish()
    if way == "control":
        stays_false(lambda: living.events("counter") or client.events("error"), hang_time("statsd"),
                    "the counters moved by themselves")
        return
    first = living.event("counter", within=BOUND)
    note_failover("statsd", first["t"] - at)
    client.event("sent", within=5, such_that=lambda e: e["number"] > before["number"] + 100)
    assert client.events("error") == []
    assert {tuple(e["peer"]) for e in client.events("sent")} == {(SERVICE, PORT)}
    assert {e["port"] for e in client.events("sent")} == {before["port"]}
    assert {e["port"] for e in living.events("counter")} == {before["port"]}
    numbers = [int(e["text"].split(":")[0].split(".")[1]) for e in living.events("counter")]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers))), "after the move not one is lost"
    client.logs(rf"statsd/{victim.name} is DOWN: no answer within .* 1 re-pointed")


@pytest.mark.parametrize("sender", ["in another PID namespace", "of another user", "that may not be traced"])
def test_a_sender_of_any_kind_is_moved_E35(lab, sinks, sender):
    argv = [PYTHON, HERE / "clients/statsd_sender.py", f"{SERVICE}:{PORT}"]
    wrapped = {"in another PID namespace": ["unshare", "--pid", "--fork", "--kill-child", "--", *argv],
               "of another user": ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--", *argv],
               "that may not be traced": [PYTHON, HERE / "clients/undumpable.py", *argv[1:]]}[sender]
    cgroup = lab.cgroup()
    sidecar = lab.sidecar(statsd(lab), cgroup)
    client = lab.spawn(wrapped, cgroup=cgroup)
    before = client.event("sent", within=10)
    victim = receiving(lab, sinks)
    victim.vanish()
    first = sinks[lab.other(victim).name].event("counter", within=BOUND)
    assert first["port"] == before["port"]
    sidecar.logs(rf"statsd/{victim.name} is DOWN: .* 0 sockets terminated, 1 re-pointed")
    assert client.events("error") == []


def test_udp_terminate_tells_the_sender_instead_of_moving_it(lab, sinks):
    client = launch(lab, "with reseat", more="connections: {udp: terminate}")
    client.event("sent", within=10)
    victim = receiving(lab, sinks)
    at = victim.vanish()
    told = client.event("error", after=at)
    assert told["errno"] == "EDESTADDRREQ", "send() on an aborted connected UDP socket"
    assert sinks[lab.other(victim).name].events("counter") == []


def test_udp_keep_leaves_the_sender_alone(lab, sinks):
    client = launch(lab, "with reseat", more="connections: {udp: keep}")
    client.event("sent", within=10)
    victim = receiving(lab, sinks)
    victim.vanish()
    client.logs(rf"statsd/{victim.name} is DOWN: no answer within")
    living = sinks[lab.other(victim).name]
    stays_false(lambda: living.events("counter") or client.events("error"), 1.0, "kept means kept")
    victim.reappear()
    returned = sinks[victim.name].events("counter")[-1]["t"]
    sinks[victim.name].event("counter", after=returned)
