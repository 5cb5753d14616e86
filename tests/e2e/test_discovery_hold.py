# SPDX-License-Identifier: Apache-2.0
"""Addresses that DNS replaces, or names in turn: nobody is sent away from a server that is well, and nobody to nothing."""
import pytest

from commands import attempt
from discovery import FOLLOWED, SERVICE, TTL, a, at, discovery, echo, idle, lab, named, start, up  # noqa: F401 (fixtures)
from lab import ECHO_PORT, HERE, PYTHON, config, now, stays_false, wait_until
from names import BadDns, Files, Knot
from test_reload import dialled

SRV = "_echo._tcp.test"


def targets(*names, **hosts):
    """Records of BadDns: SRV for `names`, and the addresses of all `hosts`."""
    return {SRV: {"SRV": [[0, 1, ECHO_PORT, f"{n}.test"] for n in names]},
            **{f"{n}.test": {"A": [host.v4]} for n, host in hosts.items()}}


def load_on(lab, cgroup):
    return lab.spawn([PYTHON, HERE / "clients/connect_load.py", f"{SERVICE}:7", 2], "load", cgroup=cgroup, stdin=True)


def ended(load):
    load.hang_up()
    load.exits()
    return load.events()[-1]


@pytest.mark.parametrize("rules", [
    [{"name": "n[12].test", "delay": 0.3}],
    [{"name": "n[12].test", "type": "AAAA", "do": "drop"}],
    [{"name": "n[12].test", "do": "drop"}],
    [{"name": "n[12].test", "do": "servfail"}],
], ids=["slow", "AAAA lost", "lost", "SERVFAIL"])
def test_targets_of_SRV_that_are_replaced_all_at_once_refuse_nobody_E75(lab, echo, rules):
    dns = BadDns(lab, lab.n, targets("n0", n0=lab.a))
    cgroup = lab.cgroup()
    sidecar = start(lab, config(named(f"{{srv: {SRV}}}")), cgroup)
    up(sidecar, at(lab.a, SRV))
    load = load_on(lab, cgroup)
    load.event("progress", within=10, such_that=lambda e: e["answered_by"])
    after = targets("n1", "n2", n1=lab.b, n2=lab.n)
    dns.set(after, rules=rules)
    asked = now()
    wait_until(lambda: dns.asked("n2.test", after=asked), FOLLOWED, dns.process.describe)
    if any(rule.get("type") is None and rule.get("do") for rule in rules):
        stays_false(lambda: sidecar.states("echo")[at(lab.a, SRV)] != "up", 2 * TTL, "the old one went for nothing")
        dns.set(after)
    up(sidecar, at(lab.b, SRV), at(lab.n, SRV), within=FOLLOWED + 10)
    load.event("progress", within=5, such_that=lambda e: set(e["answered_by"]) >= {"a", "b", "n"})
    assert ended(load)["failures"] == [], load.describe()


def test_an_address_that_is_replaced_serves_while_the_other_family_is_lost_E75(lab, echo):
    """One leader another, by A, through a server that loses AAAA."""
    lost = [{"type": "AAAA", "do": "drop"}]
    dns = BadDns(lab, lab.n, {"echo.test": {"A": [lab.a.v4]}}, rules=lost)
    cgroup = lab.cgroup()
    sidecar = start(lab, config(named()), cgroup)
    up(sidecar, at(lab.a))
    load = load_on(lab, cgroup)
    load.event("progress", within=10, such_that=lambda e: e["answered_by"])
    dns.set({"echo.test": {"A": [lab.b.v4]}}, rules=lost)
    up(sidecar, at(lab.b), within=FOLLOWED)
    assert ended(load)["failures"] == [], load.describe()


def test_rotating_subsets_move_and_end_nothing_and_the_log_rests_E76(lab, echo):
    BadDns(lab, lab.n, {"echo.test": {"A": [lab.a.v4, lab.b.v4, lab.n.v4]}}, rotate=1)
    cgroup = lab.cgroup()
    sidecar = start(lab, config(named(hold="30s", more="    connections: {on_remove: terminate}\n")), cgroup)
    up(sidecar, at(lab.a), at(lab.b), at(lab.n), within=5 * FOLLOWED)
    client, _ = idle(lab, cgroup)
    lines = sidecar.err.count("echo.test is now")
    stays_false(lambda: client.events("idle broken") or sidecar.err.count("echo.test is now") > lines, 5 * TTL,
                "a server that is well was moved away from, or told of")
    assert dialled(lab, cgroup, times=9) == {"a", "b", "n"}
    held = discovery(sidecar)["held"]
    assert len(held) == 2 and all(one["absent_since"] < one["held_until"] for one in held), held
    assert "absent from DNS for" in lab.reseat("explain", "echo", "--admin", sidecar.admin).stdout
    assert "held: echo: echo.test: " in attempt(lab, "status", "--admin", sidecar.admin).out


def test_a_held_address_goes_when_its_time_is_over_E76(lab, echo):
    knot = Knot(lab, lab.n, a(lab.a, lab.b))
    cgroup = lab.cgroup()
    sidecar = start(lab, config(named(hold="2s")), cgroup)
    up(sidecar, at(lab.a), at(lab.b))
    knot.set(*a(lab.b))
    wait_until(lambda: discovery(sidecar)["held"], FOLLOWED, sidecar.describe)
    assert sidecar.states("echo") == {at(lab.a): "up", at(lab.b): "up"}
    up(sidecar, at(lab.b), within=2 + FOLLOWED)
    sidecar.logs(rf"echo\.test is now {lab.b.v4} \(1 drains\)")


def test_a_held_address_that_fails_its_checks_goes_at_once_E76(lab, echo):
    knot = Knot(lab, lab.n, a(lab.a, lab.b))
    cgroup = lab.cgroup()
    sidecar = start(lab, config(named(hold="300s")), cgroup)
    up(sidecar, at(lab.a), at(lab.b))
    knot.set(*a(lab.b))
    wait_until(lambda: discovery(sidecar)["held"], FOLLOWED, sidecar.describe)
    lab.a.vanish()
    wait_until(lambda: sidecar.states("echo") == {at(lab.b): "up"}, FOLLOWED + 1, sidecar.describe)
    assert discovery(sidecar)["held"] == []


def test_a_reload_keeps_what_is_held_and_a_hold_of_0_lets_it_go_E76(lab, echo):
    knot = Knot(lab, lab.n, a(lab.a, lab.b))
    cgroup = lab.cgroup()
    sidecar = start(lab, config(named(hold="300s")), cgroup)
    up(sidecar, at(lab.a), at(lab.b))
    knot.set(*a(lab.b))
    wait_until(lambda: discovery(sidecar)["held"], FOLLOWED, sidecar.describe)
    for hold, wanted in (("200s", [at(lab.a), at(lab.b)]), ("0s", [at(lab.b)])):
        text = config(named(hold=hold))
        sidecar.configure(text)
        sidecar.runs(text)
        up(sidecar, *wanted)
