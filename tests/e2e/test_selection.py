# SPDX-License-Identifier: Apache-2.0
"""Whom new connects are given, as backends come and go."""
from commands import attempt
from lab import ECHO_PORT, HERE, PYTHON, Lab, backends, config, now, service, start_echo

SERVICE = "10.96.0.17:7"
PROBED_PORT = ECHO_PORT + 1  # where it says whether a backend is well, whatever the service's own port does


def answer_probes(lab, host):
    server = host.spawn([PYTHON, HERE / "clients/echo_server.py", host.v4, PROBED_PORT, host.name], "probed")
    server.event("listening", within=10)
    return server


def begin(lab, more, check="type: tcp"):
    """(sidecar, load): connects, one after the other, that ask who answers."""
    cgroup = lab.cgroup()
    text = config(service("echo", SERVICE, backends(lab, ECHO_PORT), check=check, more=more))
    sidecar = lab.sidecar(text, cgroup)
    load = lab.spawn([PYTHON, HERE / "clients/connect_load.py", SERVICE, 1], cgroup=cgroup, stdin=True)
    return sidecar, load


def ended(event):
    return sum(event["answered_by"].values()) + len(event["failures"])


def from_now_on(load, connects=40):
    """({host: connects that it answered}, [errors]) of the next `connects` at least, without the one under way."""
    under_way = load.event("progress", within=10, after=now())
    before = load.event("progress", within=20, after=now(), such_that=lambda e: ended(e) >= ended(under_way) + 2)

    def since(event):
        answered = {host: count - before["answered_by"].get(host, 0) for host, count in event["answered_by"].items()}
        return {host: count for host, count in answered.items() if count}, event["failures"][len(before["failures"]):]

    return since(load.event("progress", within=20, after=now(), such_that=lambda e: ended(e) >= ended(before) + connects))


def test_maglev_never_keeps_a_workload_on_a_backend_that_drains_or_is_dead_E17(lab, echo):
    sidecar, load = begin(lab, "lb_policy: maglev\nhash_key: workload")
    answered, failures = from_now_on(load)
    assert len(answered) == 1 and failures == [], "one workload, one backend"
    mine = lab.host(*answered)
    other = lab.other(mine)
    for word in ("drain", "maint"):
        attempt(lab, word, f"echo/{mine.name}", "--admin", sidecar.admin)
        sidecar.wait_state("echo", mine.name, word)
        answered, failures = from_now_on(load)
        assert set(answered) == {other.name} and failures == []
        attempt(lab, "ready", f"echo/{mine.name}", "--admin", sidecar.admin)
        sidecar.wait_state("echo", mine.name, "up")
        answered, failures = from_now_on(load)
        assert set(answered) == {mine.name} and failures == [], "and back where its hash leads"
    mine.vanish()
    sidecar.wait_state("echo", mine.name, "down")
    answered, failures = from_now_on(load)
    assert set(answered) == {other.name} and failures == []


def test_with_every_backend_down_connects_are_refused_if_so_configured_E20(lab, echo):
    sidecar, load = begin(lab, "on_no_healthy: reject")
    for host in lab.hosts:
        host.vanish()
    for host in lab.hosts:
        sidecar.wait_state("echo", host.name, "down")
    answered, failures = from_now_on(load)
    assert answered == {} and {failure["errno"] for failure in failures} == {"ECONNREFUSED"}
    lab.b.reappear()
    sidecar.wait_state("echo", "b", "up")
    answered, failures = from_now_on(load)
    assert set(answered) == {"b"} and failures == []


def test_with_every_backend_down_those_that_were_healthy_last_are_tried_E20(lab, echo):
    """`fail_open`: not any of them by accident."""
    probed = {host.name: answer_probes(lab, host) for host in lab.hosts}
    sidecar, load = begin(lab, "on_no_healthy: fail_open", check=f"type: tcp, port: {PROBED_PORT}")
    for name in "ab":
        probed[name].stop()
        sidecar.wait_state("echo", name, "down")
        answered, failures = from_now_on(load)
        assert set(answered) == {"b"} and failures == []


def test_in_a_panic_health_is_ignored_until_enough_are_well_E20():
    with Lab(hosts="abc") as lab:
        start_echo(lab)
        answer_probes(lab, lab.a)
        sidecar, load = begin(lab, "panic_threshold: 50", check=f"type: tcp, port: {PROBED_PORT}")
        answered, failures = from_now_on(load)
        assert set(answered) == {"a", "b", "c"} and failures == [], "one of three is too few"
        assert sidecar.status()["services"][0]["panic"] is True
        answer_probes(lab, lab.b)
        sidecar.wait_state("echo", "b", "up")
        answered, failures = from_now_on(load)
        assert set(answered) == {"a", "b"} and failures == []
        assert sidecar.status()["services"][0]["panic"] is False


def test_dual_stack_a_family_with_nobody_left_is_refused_at_once_while_the_other_serves_E85(lab):
    """Also with `fail_open`: a client that tries both addresses (Happy Eyeballs) is not kept waiting."""
    v4, v6 = "10.96.0.17", "fd96::17"
    for host, address in ((lab.a, lab.a.v4), (lab.b, lab.b.v6)):
        host.spawn([PYTHON, HERE / "clients/echo_server.py", address, ECHO_PORT, host.name], "echo").event("listening", within=10)
    dual = service("echo", f"{v4}:7", {"a": lab.a.at(ECHO_PORT), "b": lab.b.at(ECHO_PORT, "v6")},
                   more="on_no_healthy: fail_open").replace(f'"{v4}:7"', f'["{v4}:7", "[{v6}]:7"]')
    cgroup = lab.cgroup()
    sidecar = lab.sidecar(config(dual), cgroup)

    def answers():
        ways = [f"v4=tcp/{v4}/7", f"v6=tcp/{v6}/7"]
        client = lab.spawn([PYTHON, HERE / "clients/dial.py", *ways], cgroup=cgroup, stdin=True)
        return [client.event(way.split("=")[0], within=10)["answer"] for way in ways]

    assert answers() == ["a", "b"]
    lab.b.vanish()
    sidecar.wait_state("echo", "b", "down")
    assert answers() == ["a", "ECONNREFUSED"]
    sidecar.logs("echo has no eligible IPv6 backend: connections are refused, the other address family is available")
    explained = attempt(lab, "explain", "echo", "--admin", sidecar.admin).out
    assert "connects to the IPv6 address are refused at once, so that clients use IPv4" in " ".join(explained.split())
    lab.b.reappear()
    sidecar.wait_state("echo", "b", "up")
    assert answers() == ["a", "b"]
