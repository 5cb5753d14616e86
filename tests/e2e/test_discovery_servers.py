# SPDX-License-Identifier: Apache-2.0
"""Name servers that fail, refuse, lose questions or say nothing: what is told of them, and how little they cost."""
import re

import pytest

from discovery import FOLLOWED, SERVICE, TTL, at, discovery, echo, lab, named, start, up  # noqa: F401 (fixtures)
from lab import ECHO_PORT, PYTHON, config, now, reseat_binary, stays_false, wait_until
from names import BadDns, Files
from test_reload import dialled

HEAD_START = 0.25  # of one name server before the next
SLACK = 1.5  # of a machine that is shared; what is mended took 2 s and more


def echo_at(*hosts, **more):
    return {"echo.test": {"A": [h.v4 for h in hosts], **more}}


@pytest.mark.parametrize("code, words", [
    ("servfail", r"failed \(SERVFAIL\)"), ("refused", r"refuses the query \(REFUSED\)"),
    ("notimp", r"does not implement the query \(NOTIMP\)"),
    ("formerr", r"does not understand the query \(FORMERR\)")])
def test_a_name_server_that_fails_is_told_with_what_it_says_and_its_address(lab, echo, code, words):
    dns = BadDns(lab, lab.n, echo_at(lab.a), rules=[{"do": code}])
    sidecar = start(lab, config(named()), lab.cgroup())
    sidecar.logs(rf"echo\.test cannot be resolved: the name server {lab.n.v4} {words}; no backend is known yet", within=5)
    assert re.search(words, discovery(sidecar)["error"])
    dns.set(echo_at(lab.a))
    up(sidecar, at(lab.a), within=FOLLOWED + 4)


def test_each_of_several_name_servers_is_told_with_its_own_failure(lab, echo):
    BadDns(lab, lab.n, {}, rules=[{"do": "refused"}])
    BadDns(lab, lab.b, {}, rules=[{"do": "servfail"}])
    sidecar = start(lab, config(named()), lab.cgroup(), files=Files(lab, lab.n.v4, lab.b.v4))
    sidecar.logs(rf"the name server {lab.n.v4} refuses the query \(REFUSED\); the name server {lab.b.v4} failed", within=5)


def test_a_lost_AAAA_delays_neither_the_start_nor_a_change(lab, echo):
    dns = BadDns(lab, lab.n, echo_at(lab.a), rules=[{"type": "AAAA", "do": "drop"}])
    cgroup = lab.cgroup()
    sidecar = start(lab, config(named()), cgroup)
    assert now() - dns.asked("echo.test", "A")[0]["t"] < 0.05 + SLACK, "the answer for A was waited with"
    up(sidecar, at(lab.a))
    for hosts in ([lab.b], [lab.a], [lab.b]):
        dns.set(echo_at(*hosts), rules=[{"type": "AAAA", "do": "drop"}])
        changed = now()
        up(sidecar, *[at(h) for h in hosts], within=FOLLOWED)
        assert dialled(lab, cgroup) == {h.name for h in hosts}
        assert dns.asked("echo.test", "A", after=changed)[0]["t"] - changed < TTL + SLACK, "A is asked by its own TTL"


@pytest.mark.parametrize("family, asked", [("ipv4", {"A"}), ("ipv6", {"AAAA"}), ("any", {"A", "AAAA"})])
def test_names_are_asked_for_the_families_that_are_wanted(lab, echo, family, asked):
    dns = BadDns(lab, lab.n, {"echo.test": {"A": [lab.a.v4], "AAAA": [lab.b.v6]}})
    sidecar = start(lab, config(named(family=family)), lab.cgroup())
    wanted = {"A": at(lab.a), "AAAA": f"echo.test@[{lab.b.v6}]:{ECHO_PORT}"}
    wait_until(lambda: set(sidecar.states("echo")) == {wanted[kind] for kind in asked}, FOLLOWED, sidecar.describe)
    assert {e["type"] for e in dns.asked("echo.test")} == asked


@pytest.mark.parametrize("do", ["bare", "notimp", "formerr", "drop"])
def test_a_resolver_that_refuses_EDNS_is_asked_without(lab, echo, do):
    BadDns(lab, lab.n, echo_at(lab.a), rules=[{"edns": True, "do": do}])
    sidecar = start(lab, config(named()), lab.cgroup())
    up(sidecar, at(lab.a))
    assert "cannot be resolved" not in sidecar.err


def test_what_does_not_fit_into_a_plain_answer_is_asked_for_with_EDNS(lab, echo):
    dns = BadDns(lab, lab.n, {"echo.test": {"A": [f"10.77.0.{i}" for i in range(1, 61)]}})
    sidecar = start(lab, config(named(check="type: none")), lab.cgroup())
    wait_until(lambda: len(discovery(sidecar)["addresses"]) == 60, FOLLOWED, sidecar.describe)
    assert {e["edns"] for e in dns.asked("echo.test", "A")} == {False, True}


def behind_a_silent_server(lab, name):
    """exec with a search list and ndots:5; the first name server says nothing."""
    files = Files(lab, lab.b.v4, lab.n.v4, search="ns.svc.test svc.test test", options="ndots:5")
    BadDns(lab, lab.b, {}, rules=[{"do": "drop"}])
    script = f"import socket; s = socket.create_connection(('{SERVICE}', 7)); s.sendall(b'who'); print(s.recv(9).decode())"
    argv = [*files.wrapper(), *lab.exec_argv(config(named(f"{name}:{ECHO_PORT}"))), PYTHON, "-c", script]
    return lab.spawn(argv, "exec")


def test_a_silent_first_name_server_costs_exec_no_second_and_no_backend(lab, echo):
    dns = BadDns(lab, lab.n, echo_at(lab.a))
    command = behind_a_silent_server(lab, "echo")
    assert command.exits() == 0, command.describe()
    assert command.out == "a\n\n"
    asked = dns.asked(kind="A")[:3]
    assert [e["name"] for e in asked] == ["echo.ns.svc.test", "echo.svc.test", "echo.test"]
    assert asked[-1]["t"] - asked[0]["t"] < HEAD_START, "the silent one is waited for at each name"


def test_exec_says_what_it_waits_for_and_that_the_command_has_no_backend(lab):
    BadDns(lab, lab.n, {}, rules=[{"do": "drop"}])
    command = behind_a_silent_server(lab, "echo.test.")
    command.logs(rf"waiting for an answer about echo\.test\. \(asking {lab.b.v4}, {lab.n.v4}\)", within=10)
    command.logs("echo.test.* cannot be resolved: no answer from the name server", within=10)
    command.logs("no backend of echo is known yet, so connects to it are refused; starting the command anyway", within=10)
    command.exits()
    assert command.err.index("waiting for") < command.err.index("no backend of echo") < command.err.index("Refused")


def test_a_name_that_leads_to_the_service_itself_is_told(lab):
    """As the name of a Kubernetes Service that is not headless does."""
    BadDns(lab, lab.n, {"echo.test": {"A": [SERVICE]}})
    sidecar = start(lab, config(named("echo.test:7")), lab.cgroup())
    sidecar.logs(rf"warn echo: echo\.test is {SERVICE}:7, the address of this very service: .*headless", within=5)
    assert discovery(sidecar)["service_addresses"] == [{"address": f"{SERVICE}:7", "service": "echo"}]
    explained = lab.reseat("explain", "echo", "--admin", sidecar.admin).stdout
    assert "resolves to" in explained and ": healthy, " not in explained, explained
    assert "not a server:" in lab.reseat("status", "--admin", sidecar.admin).stdout
    checked = lab.run(*Files(lab, lab.n.v4, label="check").wrapper(), reseat_binary(), "check", sidecar.file,
                      check=False)
    assert checked.returncode == 1 and "not a server" in checked.stdout, checked.stdout
    stays_false(lambda: sidecar.err.count("this very service") > 1, 2 * TTL, "it is told again and again")
