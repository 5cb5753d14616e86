# SPDX-License-Identifier: Apache-2.0
"""Node-local redirection: a local server while it is there, the remote one while it is not; open sockets follow."""
import pytest

import dnsmasq
from lab import BOUND, HERE, PYTHON, config, service, wait_until
from nginx import start_nginx

SERVICE = "10.96.0.53"
FOLLOW = "connections: {on_recover: terminate_lower_priority, on_refused: terminate"
PATIENCE = 0.3  # the resolver's own, with one query


def local_and_remote(lab, port, name, address, protocol, check, untracked=""):
    """Host a is local; b is remote and carries what a cannot."""
    text = service(name, f"{address}:{port}", {"local": lab.a.at(port), "remote": lab.b.at(port)}, protocol=protocol,
                   check=check, more=FOLLOW + untracked + "}")
    return text.replace("name: remote}", "name: remote, priority: 1}")


def dns(lab):
    return config(local_and_remote(lab, dnsmasq.PORT, "udp-dns", SERVICE, "udp", dnsmasq.CHECK),
                  local_and_remote(lab, dnsmasq.PORT, "tcp-dns", SERVICE, "tcp", "type: tcp"))


def answered_only_by(client, host, after, within=BOUND + PATIENCE):
    """Waits for 20 answers in a row from this host alone."""
    def yes():
        last = [e["who"] for e in client.events("answer") if e["t"] > after][-20:]
        return len(last) == 20 and set(last) == {host.v4}
    wait_until(yes, within + 5, lambda: f"only {host.name} to answer {client.describe()}")


@pytest.mark.parametrize("mode", ["connected", "unconnected", "stream"])
def test_queries_follow_the_local_cache_when_it_goes_and_comes_back_E21(lab, mode):
    servers = {host.name: dnsmasq.start_dnsmasq(lab, host) for host in lab.hosts}
    cgroup = lab.cgroup()
    sidecar = lab.sidecar(dns(lab), cgroup)
    name = "tcp-dns" if mode == "stream" else "udp-dns"
    client = lab.spawn([PYTHON, HERE / "clients/resolver.py", f"{SERVICE}:{dnsmasq.PORT}", mode, PATIENCE], "resolver",
                       cgroup=cgroup)
    port = client.event("answer", within=10)["port"]
    answered_only_by(client, lab.a, after=0)
    for _ in range(2):
        servers["a"].stop()
        sidecar.wait_state(name, "local", "down")
        answered_only_by(client, lab.b, after=client.events()[-1]["t"])
        servers["a"] = dnsmasq.start_dnsmasq(lab, lab.a)
        sidecar.wait_state(name, "local", "up")
        answered_only_by(client, lab.a, after=client.events()[-1]["t"])
    if mode != "stream":  # one socket from the beginning to the end, and no error on it
        assert {e["port"] for e in client.events("answer")} == {port}
        # A host that lives and has no server says so to a connected socket, until the verdict.
        assert {e["errno"] for e in client.events("error")} <= {"ECONNREFUSED"}


HAPROXY = """
global
    maxconn 100
defaults
    mode http
    timeout connect 2s
    timeout client 60s
    timeout server 60s
    http-reuse always
frontend in
    bind 127.0.0.1:8080
    default_backend up
backend up
    option redispatch
    retries 3
    server one {address} pool-purge-delay 60s pool-max-conn 10
"""


def who_answers(lab):
    """Through HAProxy, from the client namespace."""
    return lab.run("curl", "-s", "-m", "3", "http://127.0.0.1:8080/who", check=False).stdout.strip()


def established(lab, address):
    return lab.run("ss", "-Htn", "state", "established", "dst", address).stdout.split("\n")[:-1]


def test_a_proxys_pool_that_is_older_than_reseat_follows_E71(lab):
    """The service address exists: host b has it. HAProxy keeps connections to it; reseat, started later, ends them."""
    address = "10.96.0.80"
    lab.b.namespace.ip("addr", "add", f"{address}/32", "dev", "lo")
    lab.client.ip("route", "add", address, "dev", "to-b", "src", "10.98.0.1")
    lab.client.ip("neigh", "replace", address, "lladdr", lab.b._mac(lab.b.namespace, "eth0"), "nud", "permanent", "dev",
                  "to-b")
    start_nginx(lab, lab.a)
    start_nginx(lab, lab.b, extra=address)
    cgroup = lab.cgroup()
    file = lab.write("haproxy.cfg", HAPROXY.format(address=f"{address}:80"))
    proxy = lab.spawn(["haproxy", "-db", "-f", file], "haproxy", cgroup=cgroup)
    wait_until(lambda: who_answers(lab) == "b", 10, proxy.describe)
    assert established(lab, address), "HAProxy keeps its upstream connection"
    web = local_and_remote(lab, 80, "web", address, "tcp", "type: http, http: {path: /who}", ", untracked: terminate")
    sidecar = lab.sidecar(config(web), cgroup)
    wait_until(lambda: not established(lab, address), BOUND, sidecar.describe)
    for _ in range(10):
        assert who_answers(lab) == "a"
    lab.a.vanish()
    wait_until(lambda: who_answers(lab) == "b", BOUND + 3, sidecar.describe)
    lab.a.reappear()
    wait_until(lambda: who_answers(lab) == "a", BOUND + 3, sidecar.describe)
