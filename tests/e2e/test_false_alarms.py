# SPDX-License-Identifier: Apache-2.0
"""What is no reason to end a socket: a loss that is over before it is believed, and the loss of our own network."""
import re

import pytest

from lab import (BOUND, ECHO_PORT, HERE, PYTHON, Lab, backends, config, now, service, stays_false, start_echo,
                 wait_until)

SLOW_TO_BELIEVE = "fast_interval: 1s"  # between the first failed probe and the second
ROUND = 1.2                            # fast_interval and the timeout


def checked(text):
    return re.sub(r"fast_interval: \d+ms", SLOW_TO_BELIEVE, text)


def idle(*targets):
    return [PYTHON, HERE / "clients/idle_tcp.py", *targets]


def test_a_loss_shorter_than_the_threshold_ends_nothing_E19(lab, echo):
    cgroup = lab.cgroup()
    sidecar = lab.sidecar(checked(config(service("echo", "10.96.0.19:7", backends(lab, ECHO_PORT)))), cgroup)
    clients = lab.spawn(idle("one=10.96.0.19/7", "two=10.96.0.19/7"), cgroup=cgroup)
    assert sorted(clients.event(name, within=10)["host"] for name in ("one", "two")) == ["a", "b"]
    lab.a.vanish()
    wait_until(lambda: sidecar.backend("echo", "a")["check"]["failures"] == 1, BOUND, sidecar.describe)
    lab.a.reappear()
    wait_until(lambda: sidecar.backend("echo", "a")["check"]["result"] == "passed", BOUND + ROUND, sidecar.describe)
    stays_false(lambda: clients.events("one broken") or clients.events("two broken"), 0.5, "a connection was ended")
    assert "DOWN" not in sidecar.err, sidecar.describe()


@pytest.fixture
def two_services():
    """The services `one` on host a and `two` on host b, both with a backup on the clients' own machine, and a client
    of each."""
    def yaml(name, host, lab):
        text = service(name, f"10.96.0.{ord(host)}:7", {host: lab.host(host).at(ECHO_PORT), "c": OURS})
        return text.replace("name: c}", "name: c, priority: 1}")
    with Lab() as lab:
        start_echo(lab)
        ours = lab.spawn([PYTHON, HERE / "clients/echo_server.py", *OURS.split(":"), "c"], "echo-ours")
        ours.event("listening", within=10)
        cgroup = lab.cgroup()
        sidecar = lab.sidecar(checked(config(yaml("one", "a", lab), yaml("two", "b", lab))), cgroup)
        clients = lab.spawn(idle(f"one=10.96.0.{ord('a')}/7", f"two=10.96.0.{ord('b')}/7"), cgroup=cgroup)
        assert [clients.event(name, within=10)["host"] for name in ("one", "two")] == ["a", "b"]
        yield lab, sidecar, clients


OURS = f"10.98.0.1:{ECHO_PORT}"
SUSPECTED = r"no backend on another machine answers any more \(2 machines or more, of 2 services\): the local network is the likely cause"


def whose_is_held(sidecar):
    held = r"(one|two)/[ab] is DOWN: no answer within 200ms \(2/2\), 1 of 2 backends left; 1 socket held"
    sidecar.logs(held, within=BOUND + ROUND)
    return re.search(held, sidecar.err)[1]


def test_when_nobody_on_another_machine_answers_sockets_are_held_for_a_round_and_then_ended_E67(two_services):
    lab, sidecar, clients = two_services
    at = now()
    for host in (lab.a, lab.b):
        host.vanish()
    sidecar.logs(SUSPECTED, within=BOUND + ROUND)
    held = whose_is_held(sidecar)
    assert clients.events(f"{held} broken") == []
    broken = clients.event(f"{held} broken", within=BOUND + 2 * ROUND)
    assert broken["errno"] == "ECONNABORTED"
    assert broken["t"] - at > 2 * ROUND - 0.2, "a probe may have been under way when they vanished"
    assert clients.event(held, after=broken["t"])["host"] == "c", "then done"


def test_connections_outlive_a_short_loss_of_our_own_network_E67(two_services):
    lab, sidecar, clients = two_services
    for host in (lab.a, lab.b):
        host.vanish()
    held = whose_is_held(sidecar)
    for host in (lab.a, lab.b):
        host.reappear()
    for name, host in (("one", "a"), ("two", "b")):
        sidecar.wait_state(name, host, "up", within=BOUND + ROUND)
    sidecar.logs(SUSPECTED)
    stays_false(lambda: clients.events(f"{held} broken"), ROUND, "a connection was ended though the network is back")


def test_one_machine_that_dies_is_told_without_delay_whatever_it_serves_E67():
    """Two services, one with both protocols, v4 and v6, on two machines; and one on the first machine alone."""
    with Lab() as lab:
        start_echo(lab)
        start_echo(lab, "v6")
        both = {**{f"{h.name}4": h.at(ECHO_PORT) for h in lab.hosts}, **{f"{h.name}6": h.at(ECHO_PORT, "v6") for h in lab.hosts}}
        cgroup = lab.cgroup()
        sidecar = lab.sidecar(checked(config(
            service("one", "10.96.0.61:7", backends(lab, ECHO_PORT)),
            service("any", "10.96.0.62:7", both, protocol="any", check="type: tcp"),
            service("only", "10.96.0.63:7", {"x": lab.a.at(ECHO_PORT)}))), cgroup)
        clients = lab.spawn(idle("one=10.96.0.61/7", "two=10.96.0.61/7", "three=10.96.0.62/7", "four=10.96.0.62/7"),
                            cgroup=cgroup)
        on_a = [name for name in ("one", "two", "three", "four") if clients.event(name, within=10)["host"] == "a"]
        assert len(on_a) == 2
        lab.a.vanish()
        for name in on_a:
            assert clients.event(f"{name} broken", within=BOUND + ROUND)["errno"] == "ECONNABORTED"
        assert "culprit" not in sidecar.err and " held" not in sidecar.err, sidecar.describe()


def test_two_of_three_machines_that_die_are_no_loss_of_our_network_E67():
    with Lab(hosts="abc") as lab:
        start_echo(lab)
        cgroup = lab.cgroup()
        sidecar = lab.sidecar(checked(config(service("echo", "10.96.0.64:7", backends(lab, ECHO_PORT)))), cgroup)
        clients = lab.spawn(idle("one=10.96.0.64/7", "two=10.96.0.64/7", "three=10.96.0.64/7"), cgroup=cgroup)
        hosts = {name: clients.event(name, within=10)["host"] for name in ("one", "two", "three")}
        lab.a.vanish()
        lab.b.vanish()
        for name, host in hosts.items():
            if host != "c":
                assert clients.event(f"{name} broken", within=BOUND + ROUND)["errno"] == "ECONNABORTED"
        assert "culprit" not in sidecar.err, sidecar.describe()
