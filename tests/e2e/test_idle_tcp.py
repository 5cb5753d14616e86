# SPDX-License-Identifier: Apache-2.0
"""The smallest client there is: one TCP connection, nothing on it, blocked in recv()."""
import pytest

from lab import (ECHO_PORT, HERE, PYTHON, backends, config, hang_time, note_failover, service, start_echo,
                 stays_false, wait_until, with_and_without_reseat)

SERVICE = {"v4": "10.96.0.7", "v6": "fd96::7"}


def balanced(lab, family, more=""):
    address = f"{SERVICE[family]}:7" if family == "v4" else f"[{SERVICE[family]}]:7"
    return config(service("echo", address, backends(lab, ECHO_PORT, family), more=more))


def idle(*targets):
    return [PYTHON, HERE / "clients/idle_tcp.py", *targets]


@with_and_without_reseat
@pytest.mark.parametrize("kind", ["v4", "v6", "v4-mapped"])
def test_an_idle_connection_is_aborted_and_the_next_one_lives_E10(lab, kind, way):
    family, prefix = ("v6", "") if kind == "v6" else ("v4", "::ffff:" if kind == "v4-mapped" else "")
    start_echo(lab, family)
    if way == "control":
        client = lab.spawn(idle(f"idle={prefix}{getattr(lab.a, family)}/{ECHO_PORT}"))
    else:
        client = lab.spawn_behind(balanced(lab, family), idle(f"idle={prefix}{SERVICE[family]}/7"))
    first = client.event("idle", within=10)
    victim = lab.host(first["host"])
    at = victim.vanish()
    if way == "control":
        return client.stays_silent(hang_time(f"idle {kind}"))
    broken = client.event("idle broken")
    assert broken["errno"] == "ECONNABORTED"
    again = client.event("idle", after=broken["t"])
    note_failover(f"idle {kind}", again["t"] - at)
    assert again["host"] == lab.other(victim).name
    assert first["peer"] == again["peer"] == [prefix + SERVICE[family], 7]
    client.logs(rf"echo/{victim.name} is DOWN: no answer within")


def test_who_dialled_the_backend_directly_is_not_ours_E04(lab):
    start_echo(lab)
    client = lab.spawn_behind(balanced(lab, "v4"), idle(
        "one=10.96.0.7/7", "two=10.96.0.7/7", f"direct={lab.a.v4}/{ECHO_PORT}"))
    through_us = {name: client.event(name, within=10)["host"] for name in ("one", "two")}
    assert sorted(through_us.values()) == ["a", "b"], "round robin"
    assert client.event("direct")["peer"] == [lab.a.v4, ECHO_PORT]
    lab.a.vanish()
    ours = next(name for name, host in through_us.items() if host == "a")
    client.event(f"{ours} broken")
    stays_false(lambda: client.events("direct broken") or client.events(f"{'two' if ours == 'one' else 'one'} broken"),
                1.0, "a connection that is not on the dead backend, or not ours, was ended")


def test_the_last_backend_keeps_its_clients_until_one_returns_E14_E60(lab):
    """`only_if_alternative`: nobody is sent from one dead host to another; the spared are ended when that helps."""
    start_echo(lab)
    cgroup = lab.cgroup()
    sidecar = lab.sidecar(balanced(lab, "v4"), cgroup)
    lab.b.vanish()
    sidecar.wait_state("echo", "b", "down")
    client = lab.spawn(idle("idle=10.96.0.7/7"), cgroup=cgroup)
    assert client.event("idle", within=10)["host"] == "a"
    lab.a.vanish()
    sidecar.wait_state("echo", "a", "down")
    wait_until(lambda: sidecar.status()["services"][0]["waiting"] == 1, 2, lambda: sidecar.status())
    assert client.events("idle broken") == []
    lab.b.reappear()
    broken = client.event("idle broken")
    assert broken["errno"] == "ECONNABORTED"
    assert client.event("idle", after=broken["t"])["host"] == "b"


def test_the_death_of_a_process_is_seen_within_milliseconds(lab):
    """The watch connection: no need to wait for the next check when the kernel of the host says goodbye."""
    servers = start_echo(lab)
    cgroup = lab.cgroup()
    slow = balanced(lab, "v4").replace("interval: 200ms", "interval: 30s", 1)
    sidecar = lab.sidecar(slow, cgroup)
    dying = servers["a"]
    wait_until(lambda: len(dying.events("accepted")) > len(dying.events("closed")), 5, "the watch connection")
    dying.stop()
    sidecar.logs("echo/a is DOWN: ", within=2)
