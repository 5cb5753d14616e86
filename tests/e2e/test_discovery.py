# SPDX-License-Identifier: Apache-2.0
"""Backends by DNS name: records come and go, name servers die and return; the clients of what stays do not notice."""
import pytest

from commands import attempt
from discovery import FOLLOWED, SERVICE, TTL, a, at, discovery, echo, idle, lab, named, start, up  # noqa: F401 (fixtures)
from lab import ECHO_PORT, HERE, PYTHON, config, stays_false, wait_until
from names import Files, HostsDnsmasq, Knot
from test_reload import dialled


def test_records_come_and_go_and_the_connections_of_those_that_went_drain(lab, echo):
    names = HostsDnsmasq(lab, lab.n, TTL)
    names.set("echo.test", lab.a.v4)
    cgroup = lab.cgroup()
    sidecar = start(lab, config(named()), cgroup)
    up(sidecar, at(lab.a))
    client, host = idle(lab, cgroup)
    assert host == "a"
    loaded = sidecar.status()["config"]["loaded_at"]
    names.set("echo.test", lab.a.v4, lab.b.v4)
    up(sidecar, at(lab.a), at(lab.b))
    assert dialled(lab, cgroup) == {"a", "b"}
    names.set("echo.test", lab.b.v4)
    sidecar.logs(rf"echo: echo\.test is now {lab.b.v4} \(.*1 drains\), next query in \d+ s", within=FOLLOWED)
    up(sidecar, at(lab.b))
    assert sidecar.states("echo")[at(lab.a)] == "removing"
    assert dialled(lab, cgroup) == {"b"}
    stays_false(lambda: client.events("idle broken"), 1, "a removed record's connection was cut")
    assert sidecar.status()["config"]["loaded_at"] == loaded and "reload" not in sidecar.err
    client.stop()
    wait_until(lambda: sidecar.states("echo") == {at(lab.b): "up"}, 10, sidecar.describe)


def test_on_remove_terminate_ends_the_connections_of_a_record_that_went(lab, echo):
    knot = Knot(lab, lab.n, a(lab.a))
    cgroup = lab.cgroup()
    sidecar = start(lab, config(named(more="    connections: {on_remove: terminate}\n")), cgroup)
    client, _ = idle(lab, cgroup)
    knot.set(*a(lab.b))
    broken = client.event("idle broken", within=FOLLOWED)
    assert broken["errno"] == "ECONNABORTED"
    assert client.event("idle", after=broken["t"])["host"] == "b"
    sidecar.logs(r"1 added, 1 terminated")


def test_both_families_of_a_name_serve_each_its_own(lab):
    for host in lab.hosts:
        for address in (host.v4, host.v6):
            argv = [PYTHON, HERE / "clients/echo_server.py", address, ECHO_PORT, host.name]
            host.spawn(argv, f"echo-{address}").event("listening", within=10)
    Knot(lab, lab.n, [f"echo A {lab.a.v4}", f"echo AAAA {lab.b.v6}"])
    cgroup = lab.cgroup()
    text = named(address="BOTH").replace('"BOTH"', f'["{SERVICE}:7", "[fd00:96::7]:7"]')
    sidecar = start(lab, config(text), cgroup)
    up(sidecar, at(lab.a), f"echo.test@[{lab.b.v6}]:{ECHO_PORT}")
    assert dialled(lab, cgroup) == {"a"}
    assert dialled(lab, cgroup, address="fd00:96::7") == {"b"}


def test_a_dead_name_server_changes_nothing_is_told_once_and_its_return_too(lab, echo):
    knot = Knot(lab, lab.n, a(lab.a, lab.b))
    cgroup = lab.cgroup()
    sidecar = start(lab, config(named()), cgroup)
    up(sidecar, at(lab.a), at(lab.b))
    client, _ = idle(lab, cgroup)
    knot.stop()
    sidecar.logs(rf"warn echo: echo\.test cannot be resolved: .*; still using {lab.a.v4}, {lab.b.v4}", within=25)
    failing = discovery(sidecar)
    assert failing["error"] and set(failing["addresses"]) == {lab.a.at(ECHO_PORT), lab.b.at(ECHO_PORT)}
    wait_until(lambda: discovery(sidecar)["next"] > failing["next"], 15, "it is asked for again, in vain")
    assert dialled(lab, cgroup) == {"a", "b"} and client.events("idle broken") == []
    assert sidecar.err.count("cannot be resolved") == 1, sidecar.describe()
    lab.a.vanish()  # health goes on deciding meanwhile
    up(sidecar, at(lab.b))
    lab.a.reappear()
    knot.start()
    sidecar.logs(r"echo: echo\.test is resolved again: still", within=40)
    assert discovery(sidecar)["error"] is None


@pytest.mark.parametrize("records", [[], ["echo TXT gone"], ["echo A 0.0.0.0"]], ids=["NXDOMAIN", "NODATA", "sinkhole"])
def test_an_empty_answer_keeps_the_last_good_set_and_says_so(lab, echo, records):
    knot = Knot(lab, lab.n, a(lab.a, lab.b))
    cgroup = lab.cgroup()
    sidecar = start(lab, config(named()), cgroup)
    up(sidecar, at(lab.a), at(lab.b))
    knot.set(*records)
    sidecar.logs(r"echo\.test cannot be resolved: (no such name|it has no A record|no record can be used)", within=10)
    assert dialled(lab, cgroup) == {"a", "b"}
    assert discovery(sidecar)["error"] is not None
    assert "not resolved: echo: echo.test" in attempt(lab, "status", "--admin", sidecar.admin).out
    knot.set(*a(lab.b))
    up(sidecar, at(lab.b), within=40)
    assert discovery(sidecar)["error"] is None


def test_srv_records_bring_ports_priorities_and_weights(lab):
    ports = {"a": 7001, "b": 7002}
    for host in (lab.a, lab.b):
        host.spawn([PYTHON, HERE / "clients/echo_server.py", host.v4, ports[host.name], host.name],
                   "echo").event("listening", within=10)
    hosts = [*a(lab.a, name="pod-a"), *a(lab.b, name="pod-b")]
    knot = Knot(lab, lab.n, ["_echo._tcp SRV 10 3 7001 pod-a", "_echo._tcp SRV 10 1 7002 pod-b", *hosts])
    cgroup = lab.cgroup()
    sidecar = start(lab, config(named("{srv: _echo._tcp.test}")), cgroup)
    of = {name: at(lab.host(name), "_echo._tcp.test", port) for name, port in ports.items()}
    up(sidecar, *of.values())
    assert {n: sidecar.backend("echo", of[n])["weight"] for n in of} == {"a": 3, "b": 1}
    assert dialled(lab, cgroup, times=8) == {"a", "b"}
    knot.set("_echo._tcp SRV 20 0 7001 pod-a", "_echo._tcp SRV 10 0 7002 pod-b", *hosts)
    wait_until(lambda: sidecar.backend("echo", of["a"])["priority"] == 20, FOLLOWED, sidecar.describe)
    assert dialled(lab, cgroup) == {"b"}
    assert discovery(sidecar)["type"] == "srv"
    lab.b.vanish()
    up(sidecar, of["a"])
    assert dialled(lab, cgroup) == {"a"}


def test_search_domains_and_the_hosts_file_are_honoured_and_read_again(lab, echo):
    Knot(lab, lab.n, a(lab.a), ttl=300)
    files = Files(lab, lab.n.v4, search="gone.test test")
    cgroup = lab.cgroup()
    sidecar = start(lab, config(named(f"echo:{ECHO_PORT}")), cgroup, files=files)
    up(sidecar, at(lab.a, "echo"))
    assert discovery(sidecar)["error"] is None, "the other family is asked for under the name that was found"
    files.hosts.write_text(f"127.0.0.1 localhost\n{lab.a.v4} echo\n{lab.b.v4} other echo\n")
    up(sidecar, at(lab.a, "echo"), at(lab.b, "echo"))
    files.hosts.write_text(f"{lab.b.v4} echo\n")
    up(sidecar, at(lab.b, "echo"))
    files.hosts.write_text("127.0.0.1 localhost\n")
    up(sidecar, at(lab.a, "echo"))


@pytest.mark.parametrize("search", ["", ".", ". gone.echo"])
def test_a_name_of_one_label_is_found_without_a_search_domain(lab, echo, search):
    """As a compose service is. Container engines copy `search .` from systemd-resolved."""
    Knot(lab, lab.n, [f"@ A {lab.a.v4}"], zone="echo")
    cgroup = lab.cgroup()
    sidecar = start(lab, config(named(f"echo:{ECHO_PORT}")), cgroup, files=Files(lab, lab.n.v4, search=search))
    up(sidecar, at(lab.a, "echo"))


def test_another_name_server_in_resolv_conf_is_asked_at_once(lab, echo):
    first, second = Knot(lab, lab.n, a(lab.a), ttl=300), Knot(lab, lab.b, a(lab.b), ttl=300)
    files = Files(lab, lab.n.v4)
    cgroup = lab.cgroup()
    sidecar = start(lab, config(named()), cgroup, files=files)
    up(sidecar, at(lab.a))
    first.stop()
    files.resolv.write_text(f"nameserver {second.host.v4}\n")
    up(sidecar, at(lab.b))
