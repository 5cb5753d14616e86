# SPDX-License-Identifier: Apache-2.0
"""DNS: dnsmasq as the backend; dig, and a resolver that lives on one UDP socket, as the workload."""
import pytest

from lab import (BOUND, HERE, PYTHON, backends, config, hang_time, note_failover, service, stays_false, wait_until,
                 with_and_without_reseat)
from dnsmasq import CHECK, PORT, dig, start_dnsmasq

SERVICE = "10.96.0.53"
OWN_TIMEOUT = 0.1  # the resolver's patience with one query


@pytest.fixture
def dnsmasq(lab):
    """One dnsmasq on each host."""
    for host in lab.hosts:
        start_dnsmasq(lab, host)


def dns(lab):
    return config(service("dns", f"{SERVICE}:{PORT}", backends(lab, PORT), protocol="udp", check=CHECK))


def resolver(lab, way, mode, cgroup):
    """The resolver beside `reseat run`, or straight at host a. (client, reseat)"""
    argv = [PYTHON, HERE / "clients/resolver.py"]
    if way == "control":
        return lab.spawn([*argv, lab.a.at(PORT), mode, OWN_TIMEOUT]), None
    sidecar = lab.sidecar(dns(lab), cgroup)
    return lab.spawn([*argv, f"{SERVICE}:{PORT}", mode, OWN_TIMEOUT], cgroup=cgroup), sidecar


def host_of(lab, answer):
    return next(h for h in lab.hosts if h.v4 == answer["who"])


@with_and_without_reseat
def test_a_resolver_on_one_connected_socket_is_answered_again_and_never_knows_E01_E31(lab, dnsmasq, way):
    client, sidecar = resolver(lab, way, "connected", lab.cgroup())
    first = client.event("answer", within=10)
    victim = host_of(lab, first)
    at = victim.vanish()
    if way == "control":
        assert client.event("timeout", after=at)
        stays_false(lambda: client.events("answer")[-1]["t"] > at + OWN_TIMEOUT, hang_time("connected dns"),
                    "somebody answered for a host that has vanished")
        return
    again = client.event("answer", after=at, within=BOUND + OWN_TIMEOUT, such_that=lambda e: e["who"] != victim.v4)
    note_failover("connected dns", again["t"] - at - OWN_TIMEOUT)
    assert again["who"] == lab.other(victim).v4
    wait_until(lambda: len([e for e in client.events("answer") if e["t"] > again["t"]]) > 20, 10, client.describe)
    assert client.events("error") == [], "the application must not notice"
    assert {e["port"] for e in client.events()} == {first["port"]}, "one socket, one local port"
    assert {tuple(e["peer"]) for e in client.events()} == {(SERVICE, PORT)}
    assert {tuple(e["source"]) for e in client.events("answer")} == {(SERVICE, PORT)}
    assert not [e for e in client.events("timeout") if e["t"] > again["t"]]
    sidecar.logs(rf"dns/{victim.name} is DOWN: no answer within .* [1-9]\d* re-pointed")


@with_and_without_reseat
def test_a_resolver_that_uses_sendto_keeps_its_socket_and_its_answers_name_the_service_E02_E31(lab, dnsmasq, way):
    client, _ = resolver(lab, way, "unconnected", lab.cgroup())
    first = client.event("answer", within=10)
    victim = lab.a if first["who"] == lab.a.v4 else lab.b
    at = victim.vanish()
    if way == "control":
        stays_false(lambda: client.events("answer")[-1]["t"] > at + OWN_TIMEOUT, hang_time("unconnected dns"),
                    "somebody answered for a host that has vanished")
        return
    settled = at + BOUND
    assert {e["who"] for e in client.events("answer") if e["t"] < at} == {victim.v4}, "a live backend is kept [E32]"
    wait_until(lambda: len([e for e in client.events("answer") if e["t"] > settled]) > 20, 10, client.describe)
    assert not [e for e in client.events("timeout") if e["t"] > settled + OWN_TIMEOUT]
    assert client.events("error") == []
    assert {e["port"] for e in client.events()} == {first["port"]}
    assert {e["peer"] for e in client.events()} == {"ENOTCONN"}
    assert {tuple(e["source"]) for e in client.events("answer")} == {(SERVICE, PORT)}


@with_and_without_reseat
def test_dig_is_answered_through_the_service_address_before_and_after(lab, dnsmasq, way):
    cgroup = lab.cgroup()
    if way == "control":
        lab.a.vanish()
        answer = dig(lab, lab.a.v4)
        assert "timed out" in answer or answer == ""
        return
    sidecar = lab.sidecar(dns(lab), cgroup)
    assert {dig(lab, SERVICE, cgroup) for _ in range(8)} == {h.v4 for h in lab.hosts}
    lab.a.vanish()
    sidecar.logs("dns/a is DOWN: no answer within")
    assert {dig(lab, SERVICE, cgroup) for _ in range(4)} == {lab.b.v4}
    lab.a.reappear()
    sidecar.wait_state("dns", "a", "up")
    assert {dig(lab, SERVICE, cgroup) for _ in range(8)} == {h.v4 for h in lab.hosts}
