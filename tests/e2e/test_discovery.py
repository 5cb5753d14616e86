# SPDX-License-Identifier: Apache-2.0
"""Backends by DNS name: records come and go, name servers die and return; the clients of what stays do not notice."""
import json
import signal

import pytest

from commands import attempt
from lab import BOUND, ECHO_PORT, HERE, PYTHON, Lab, config, start_echo, stays_false, wait_until
from names import Files, HostsDnsmasq, Knot
from test_reload import dialled
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


def named(entry=f"echo.test:{ECHO_PORT}", more="", protocol="tcp", address=f"{SERVICE}:7", check="type: tcp"):
    """A service of one entry."""
    return (f"  - name: echo\n    protocol: {protocol}\n    address: \"{address}\"\n"
            f"    health_check: {{{check}, interval: {INTERVAL * 1000:.0f}ms, fast_interval: {FAST_INTERVAL * 1000:.0f}ms, "
            f"timeout: {TIMEOUT * 1000:.0f}ms, unhealthy_threshold: {THRESHOLD}, healthy_threshold: 1}}\n{more}"
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
    sidecar.logs(rf"echo: echo\.test is now {lab.b.v4} \(.*1 drains\), asked again in \d+ s", within=FOLLOWED)
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
    sidecar.logs(rf"warn echo: echo\.test cannot be resolved: .*; goes on with {lab.a.v4}, {lab.b.v4}", within=25)
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


def test_reseat_asks_its_name_server_though_that_is_a_service_of_its_workload_E23(lab, echo):
    """reseat lives in the cgroup, where the name server's address leads to a backend that answers nothing."""
    Knot(lab, lab.n, a(lab.a))
    cgroup = lab.cgroup()
    dns = (f"  - name: dns\n    protocol: any\n    address: {lab.n.v4}:53\n    health_check: {{type: none}}\n"
           f"    backends: [{lab.b.v4}:5353]\n")
    sidecar = start(lab, config(named(), dns), cgroup, inside=cgroup)
    up(sidecar, at(lab.a))
    shown = lab.run("dig", f"@{lab.n.v4}", "echo.test", "+short", "+tries=1", "+time=1", cgroup=cgroup, check=False)
    assert lab.a.v4 not in shown.stdout, "the workload itself is led elsewhere"
    asked = discovery(sidecar)["at"]
    wait_until(lambda: discovery(sidecar)["at"] > asked, FOLLOWED, sidecar.describe)


def test_without_dns_at_the_start_connects_are_refused_until_there_is(lab, echo):
    cgroup = lab.cgroup()
    sidecar = start(lab, config(named()), cgroup)
    assert dialled(lab, cgroup, times=1) == {"ECONNREFUSED"}
    sidecar.logs(r"echo\.test cannot be resolved: .*; it has no backend yet", within=25)
    Knot(lab, lab.n, a(lab.b))
    up(sidecar, at(lab.b), within=40)
    assert dialled(lab, cgroup) == {"b"}


def test_a_restart_without_dns_goes_on_with_what_served(lab, echo):
    pin = lab.bpffs() / "echo"
    knot = Knot(lab, lab.n, a(lab.a, lab.b))
    cgroup = lab.cgroup()
    first = start(lab, config(named(), pin=pin), cgroup, label="first")
    up(first, at(lab.a), at(lab.b))
    client, _ = idle(lab, cgroup)
    first.send_signal(signal.SIGKILL)
    first.exits()
    knot.stop()
    second = start(lab, config(named(), pin=pin), cgroup, label="second")
    up(second, at(lab.a), at(lab.b))
    assert dialled(lab, cgroup) == {"a", "b"} and client.events("idle broken") == []
    second.logs(r"echo\.test cannot be resolved", within=25)
    knot.start()
    second.logs(r"echo\.test is (now|resolved again)", within=40)
    assert client.events("idle broken") == []
    second.send_signal(signal.SIGINT)
    second.exits()


def test_a_headless_service_is_rolled_out_without_one_failed_connect(lab, echo):
    """As Kubernetes does it: a new pod's record comes, then the old one's goes, one pod at a time."""
    knot = Knot(lab, lab.n, a(lab.a))
    cgroup = lab.cgroup()
    sidecar = start(lab, config(named()), cgroup)
    load = lab.spawn([PYTHON, HERE / "clients/connect_load.py", f"{SERVICE}:7", 4], "load", cgroup=cgroup, stdin=True)
    for old, new in ((lab.a, lab.b), (lab.b, lab.n), (lab.n, lab.a)):
        up(sidecar, at(old))
        knot.set(*a(old, new))
        up(sidecar, at(old), at(new))
        knot.set(*a(new))
        up(sidecar, at(new))
    load.hang_up()
    load.exits()
    ended = load.events()[-1]
    assert ended["failures"] == [] and set(ended["answered_by"]) == {"a", "b", "n"}, load.describe()


def test_an_answer_of_hundreds_of_records_comes_whole_by_tcp(lab, echo):
    many = [f"echo A 10.77.{i // 250}.{i % 250 + 1}" for i in range(1100)]
    Knot(lab, lab.n, many)
    sidecar = start(lab, config(named(check="type: none")), lab.cgroup())
    wait_until(lambda: len(discovery(sidecar)["addresses"]) == 1024, 10, sidecar.describe)
    sidecar.logs(r"76 are left out")


def test_a_reload_with_another_name_waits_for_its_addresses(lab, echo):
    knot = Knot(lab, lab.n, [*a(lab.a), *a(lab.a, lab.b, name="both")])
    cgroup = lab.cgroup()
    sidecar = start(lab, config(named()), cgroup)
    up(sidecar, at(lab.a))
    client, _ = idle(lab, cgroup)
    both = config(named(f"both.test:{ECHO_PORT}"))
    sidecar.configure(both)
    sidecar.runs(both)
    assert set(sidecar.states("echo")) == {at(lab.a, "both.test"), at(lab.b, "both.test")}
    up(sidecar, at(lab.a, "both.test"), at(lab.b, "both.test"))
    assert client.events("idle broken") == []
    knot.stop()
    renamed = config(named(f"{{address: both.test:{ECHO_PORT}, name: renamed}}"))
    sidecar.configure(renamed)
    sidecar.runs(renamed)
    assert set(sidecar.states("echo")) == {at(lab.a, "renamed"), at(lab.b, "renamed")}


def test_check_asks_dns_and_validate_does_not(lab, echo):
    knot = Knot(lab, lab.n, a(lab.a))
    file = lab.write("reseat.yaml", config(named()))
    wrapper = Files(lab, lab.n.v4).wrapper()
    checked = attempt(lab, "check", file, "-o", "json", wrapper=wrapper)
    assert checked.popen.returncode == 0, checked.describe()
    assert [(row["backend"], row["result"]) for row in json.loads(checked.out)] == [(at(lab.a), "passed")]
    knot.set()
    unresolved = attempt(lab, "check", file, wrapper=wrapper)
    assert unresolved.popen.returncode == 1, unresolved.describe()
    assert "unresolved" in unresolved.out and "no such name (NXDOMAIN)" in unresolved.out, unresolved.describe()
    knot.stop()
    valid = attempt(lab, "validate", file, wrapper=wrapper)
    assert (valid.popen.returncode, valid.out) == (0, f"{file}: 1 service, 0 backends and 1 DNS name\n"), valid.describe()
