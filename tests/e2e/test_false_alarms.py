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
    """The services `one` on host a and `two` on host b, both with c as their backup, and a client of each."""
    def yaml(name, host, lab):
        text = service(name, f"10.96.0.{ord(host)}:7", {host: lab.host(host).at(ECHO_PORT), "c": lab.c.at(ECHO_PORT)})
        return text.replace("name: c}", "name: c, priority: 1}")
    with Lab(hosts="abc") as lab:
        start_echo(lab)
        cgroup = lab.cgroup()
        sidecar = lab.sidecar(checked(config(yaml("one", "a", lab), yaml("two", "b", lab))), cgroup)
        clients = lab.spawn(idle(f"one=10.96.0.{ord('a')}/7", f"two=10.96.0.{ord('b')}/7"), cgroup=cgroup)
        assert [clients.event(name, within=10)["host"] for name in ("one", "two")] == ["a", "b"]
        yield lab, sidecar, clients


SUSPECTED = r"no answer from backends of 2 of 2 services on 2 hosts within 1s: our own network is the likelier culprit"


def whose_is_held(sidecar):
    """That of the verdict with which the suspicion began; the one before it was carried out."""
    held = r"(one|two)/[ab] is DOWN: no answer within 200ms \(2/2\), 1 of 2 backends left; 1 socket held"
    sidecar.logs(held, within=BOUND + ROUND)
    return re.search(held, sidecar.err)[1]


def test_when_half_of_all_services_fall_silent_sockets_are_held_for_a_round_and_then_ended_E67(two_services):
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
