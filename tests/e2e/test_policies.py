# SPDX-License-Identifier: Apache-2.0
"""Policies: who is denied is told so at once, what is open when a policy appears ends, and nobody else notices."""
import re

import pytest

from commands import attempt
from lab import BOUND, ECHO_PORT, HERE, PYTHON, backends, config, service, stays_false, start_echo, wait_until

WAYS = ("tcp", "udp", "sendto")
SPARED_PORT = ECHO_PORT + 1


def policy(name, to, action="deny", more=""):
    return f"  - {{name: {name}, action: {action}, to: [{to}]{more}}}\n"


def ruled(*policies, services=()):
    return config(*services, more="policies:\n" + "".join(policies) if policies else "")


def only_a(lab, name="no-a", more=""):
    """Denied: both hosts' networks, but for b."""
    return policy(name, f'{{cidr: 10.98.0.0/24, except: [{lab.b.v4}/32]}}, '
                        f'{{cidr: "fd98::/16", except: ["{lab.b.v6}/128"]}}', more=more)


def dial(lab, cgroup, label, **targets):
    """A client of sockets that stay. targets: name=(way, address[, port])."""
    arguments = [f"{name}={way}/{address}/{port[0] if port else ECHO_PORT}"
                 for name, (way, address, *port) in targets.items()]
    client = lab.spawn([PYTHON, HERE / "clients/dial.py", *arguments], label, cgroup=cgroup, stdin=True)
    return client, {name: client.event(name, within=10)["answer"] for name in targets}


def answers(lab, cgroup, host, family="v4"):
    """What a new client of the host is told, by way."""
    label = f"dial-{len(list(lab.tmp.glob('dial-*.err')))}"
    client, told = dial(lab, cgroup, label, **{way: (way, getattr(host, family)) for way in WAYS})
    client.stop()
    return told


def counts(sidecar):
    return {p["name"]: (p["denied_total"], p["terminated_total"]) for p in sidecar.status()["policies"]}


@pytest.mark.parametrize("family", ["v4", "v6"])
def test_connects_and_sends_that_a_policy_denies_fail_at_once_and_exceptions_live_E21(lab, family):
    start_echo(lab, family)
    cgroup = lab.cgroup()
    sidecar = lab.sidecar(ruled(only_a(lab)), cgroup)
    assert answers(lab, cgroup, lab.a, family) == dict.fromkeys(WAYS, "EPERM")
    assert answers(lab, cgroup, lab.b, family) == dict.fromkeys(WAYS, "b")
    assert answers(lab, None, lab.a, family) == dict.fromkeys(WAYS, "a"), "outside of the cgroup"
    assert sidecar.status()["policies"] == [
        {"name": "no-a", "action": "deny", "denied_total": 3, "terminated_total": 0}]


def test_denials_are_told_in_the_log_once_a_second_and_none_is_lost(lab, echo):
    cgroup = lab.cgroup()
    sidecar = lab.sidecar(ruled(only_a(lab)), cgroup)
    url = f"http://{lab.a.at(ECHO_PORT)}/"
    curl = lab.run("curl", "-v", "-m", 5, url, cgroup=cgroup, check=False)
    assert curl.returncode == 7 and "Operation not permitted" in curl.stderr, curl.stderr
    sidecar.logs(rf"policy no-a denied connect to {re.escape(lab.a.at(ECHO_PORT))} \(tcp\) by pid \d+ \(curl\)\n")
    tried = 1

    def told_again():
        nonlocal tried
        assert answers(lab, cgroup, lab.a) == dict.fromkeys(WAYS, "EPERM")
        tried += len(WAYS)
        return re.search(r"policy no-a denied .*, and (\d+) more since the last report", sidecar.err)
    more = int(wait_until(told_again, 10, sidecar.describe)[1])
    lines = re.findall("policy no-a denied", sidecar.err)
    assert len(lines) < tried, "one line for each"
    assert 1 <= more < tried
    assert counts(sidecar) == {"no-a": (tried, 0)}


def broken(client):
    return {event["event"].split()[0] for event in client.events() if event["event"].endswith(" broken")}


def by_command(lab, sidecar):
    done = attempt(lab, "reload", "--admin", sidecar.admin)
    assert done.popen.returncode == 0, done.describe()


@pytest.mark.parametrize("how", ["the file alone", "reseat reload", "control"])
def test_what_is_open_when_a_policy_appears_ends_and_others_live_E21(lab, echo, how):
    spared = lab.a.spawn([PYTHON, HERE / "clients/echo_server.py", lab.a.v4, SPARED_PORT, "a"], "spared")
    spared.event("listening", within=10)
    cgroup = lab.cgroup()
    sidecar = lab.sidecar(ruled(), cgroup)
    condemned = {"tcp": ("tcp", lab.a.v4), "udp": ("udp", lab.a.v4)}
    client, told = dial(lab, cgroup, "held", **condemned, tcp_b=("tcp", lab.b.v4), udp_b=("udp", lab.b.v4),
                        tcp_kept=("tcp", lab.a.v4, SPARED_PORT), udp_kept=("udp", lab.a.v4, SPARED_PORT),
                        unconnected=("sendto", lab.a.v4))
    assert set(told.values()) == {"a", "b"}
    outsider, _ = dial(lab, None, "outsider", **condemned)
    keep = policy("spare", f"{{cidr: {lab.a.v4}/32, ports: [{SPARED_PORT}]}}", more=", existing: keep")
    after = ruled() + "# no policy\n" if how == "control" else ruled(keep, only_a(lab))
    sidecar.configure(after)
    if how == "reseat reload":
        by_command(lab, sidecar)
    sidecar.runs(after)
    if how == "control":
        client.stays_silent(2)
        return
    for name in condemned:
        assert client.event(f"{name} broken")["errno"] == "ECONNABORTED"
    wait_until(lambda: counts(sidecar) == {"spare": (0, 0), "no-a": (0, 2)}, BOUND, lambda: counts(sidecar))
    stays_false(lambda: broken(outsider) or broken(client) != set(condemned), 0.5, "one that no policy denies ended")
    assert dial(lab, cgroup, "late", late=("tcp", lab.a.v4, SPARED_PORT))[1] == {"late": "EPERM"}
    assert counts(sidecar) == {"spare": (1, 0), "no-a": (0, 2)}


def test_when_a_policy_goes_connects_work_again(lab, echo):
    cgroup = lab.cgroup()
    sidecar = lab.sidecar(ruled(only_a(lab)), cgroup)
    assert answers(lab, cgroup, lab.a) == dict.fromkeys(WAYS, "EPERM")
    sidecar.configure(ruled())
    sidecar.runs(ruled())
    assert answers(lab, cgroup, lab.a) == dict.fromkeys(WAYS, "a")
    assert sidecar.status()["policies"] == []


def test_a_backend_that_a_policy_denies_is_left_out_and_told_until_the_policy_goes_E21(lab, echo):
    cgroup = lab.cgroup()
    both = service("echo", "10.96.0.7:7", backends(lab, ECHO_PORT))
    sidecar = lab.sidecar(ruled(services=[both]), cgroup)
    clients = {f"c{n}": ("tcp", "10.96.0.7", 7) for n in range(4)}
    client, told = dial(lab, cgroup, "held", **clients)
    assert set(told.values()) == {"a", "b"}
    sidecar.configure(ruled(only_a(lab), services=[both]))
    sidecar.runs(ruled(only_a(lab), services=[both]))
    for name, host in told.items():
        if host == "a":
            assert client.event(f"{name} broken")["errno"] == "ECONNABORTED"
    left_out = sidecar.backend("echo", "a")
    assert (left_out["state"], left_out["reason"]) == ("up", "denied by policy no-a")
    assert left_out["effective_weight"] == 0
    assert set(dial(lab, cgroup, "after", **clients)[1].values()) == {"b"}
    assert not [name for name, host in told.items() if host == "b" and client.events(f"{name} broken")]
    wait_until(lambda: counts(sidecar) == {"no-a": (0, 2)}, BOUND, lambda: counts(sidecar))
    sidecar.configure(ruled(services=[both]))
    sidecar.runs(ruled(services=[both]))
    assert set(dial(lab, cgroup, "again", **clients)[1].values()) == {"a", "b"}
    assert sidecar.backend("echo", "a")["reason"] != "denied by policy no-a"
