# SPDX-License-Identifier: Apache-2.0
"""Everything goes wrong in one night. A stranger who is woken asks status, events and explain, and nothing else:
which backend, why, since when, how many clients were moved, who waits, who is stuck, and what to do."""
import json
import os
import re
from datetime import datetime, timedelta, timezone

import pytest

from commands import attempt
from lab import BOUND, ECHO_PORT, HERE, PYTHON, Lab, config, service, start_echo, wait_until

SERVICE, LONELY = "10.96.0.7", "10.96.0.8"


class Night:
    """Host a vanishes, with a client that is stuck; on b the process dies; c is drained with a client on it; d
    goes on. Host e, the only backend of another service, vanishes too."""

    def __init__(self, lab):
        self.lab, self.cgroup = lab, lab.cgroup()
        self.servers = start_echo(lab)
        self.sidecar = lab.sidecar(config(
            service("shop", f"{SERVICE}:7", {h: lab.host(h).at(ECHO_PORT) for h in "abcd"}, more="connections: {udp: repoint}"),
            service("lonely", f"{LONELY}:7", {"e": lab.e.at(ECHO_PORT)})), self.cgroup)
        self.idle = self.client("idle_tcp.py", *[f"n{i}={SERVICE}/7" for i in range(8)], label="idle")
        self.hosts = {f"n{i}": self.idle.event(f"n{i}", within=10)["host"] for i in range(8)}
        self.waiting = self.client("idle_tcp.py", f"w={LONELY}/7", label="waiting")
        self.waiting.event("w", within=10)
        self.stuck = self.client("stuck.py", SERVICE, 7, "a", label="stuck", stdin=True)
        self.stuck.event("connected", within=10)
        self.stuck.tell("hold")
        self.stuck.event("holding", within=10)
        self.on_a, self.on_b = ([n for n, host in self.hosts.items() if host == name] for name in "ab")

    def client(self, script, *words, label, **options):
        return self.lab.spawn([PYTHON, HERE / "clients" / script, *words], label, cgroup=self.cgroup, **options)

    def falls(self):
        self.began = datetime.now(timezone.utc)
        self.lab.a.vanish()
        self.servers["b"].stop()
        assert self.reseat("drain", "shop/c")
        for name, state in (("a", "down"), ("b", "down"), ("c", "drain")):
            self.sidecar.wait_state("shop", name, state)
        self.lab.e.vanish()
        self.sidecar.wait_state("lonely", "e", "down")
        wait_until(lambda: self.status("shop")["stuck"] == 1 and self.status("lonely")["waiting"] == 1, BOUND + 5,
                   lambda: json.dumps([self.status("shop"), self.status("lonely")], indent=1))
        self.over = datetime.now(timezone.utc)

    def status(self, name):
        return next(s for s in self.sidecar.status()["services"] if s["name"] == name)

    def reseat(self, *words):
        done = attempt(self.lab, *words, "--admin", self.sidecar.admin)
        assert (done.popen.returncode, done.err) == (0, ""), done.describe()
        return done.out


@pytest.fixture(scope="module")
def night():
    with Lab(hosts="abcde") as lab:
        night = Night(lab)
        night.falls()
        yield night


def between(text, first, last):
    """The part of an explanation from one heading to another."""
    return text[text.index(first):text.index(last)]


def assert_within_the_night(night, stamp):
    at = datetime.fromisoformat(stamp.replace("Z", "+00:00"))
    assert night.began - timedelta(seconds=1) <= at <= night.over + timedelta(seconds=1), stamp


def test_status_shows_at_a_glance_which_backends_and_why(night):
    text = night.reseat("status")
    for backend, state, why in (("shop/a", "down", "no answer within 200ms"), ("shop/b", "down", "connection refused"),
                                ("shop/c", "drain", "set by the operator"), ("shop/d", "up", "connected"),
                                ("lonely/e", "down", "no answer within 200ms")):
        assert re.search(rf"^{backend} .* {state} .*{why}", text, re.M), text
    assert re.search(r"^shop +tcp +\S+ +1/4 +\d+ +0 +1$", text, re.M), f"eligible, waiting, stuck: {text}"
    assert re.search(r"^lonely +tcp +\S+ +0/1 +1 +1 +0$", text, re.M), text


def test_events_tell_the_night_in_order_with_what_became_of_clients(night):
    text = night.reseat("events", "--since", night.began.strftime("%Y-%m-%dT%H:%M:%SZ"))
    down = re.search(r"^(\S+) warn +shop/a is DOWN: no answer within 200ms \(2/2\), \d of 4 backends left; "
                     r"(\d+) sockets? terminated, 0 re-pointed in [\d.]+ ms, 1 failed: (.*lock.*)$", text, re.M)
    assert down, text
    assert_within_the_night(night, down[1])
    # Clients of b, whose process died, reconnect at once: some of them to a, which is not yet known to be gone.
    assert 0 <= int(down[2]) - len(night.on_a) <= len(night.on_b), text
    assert re.search(r"shop/b is DOWN: connection refused", text), text
    assert re.search(r"shop/c is set to DRAIN", text), text
    assert re.search(r"lonely/e is DOWN: no answer .* 0 of 1 backend left; 1 socket (waits|spared): no alternative", text), text


def test_explain_says_who_does_not_serve_why_and_since_when(night):
    text = night.reseat("explain", "shop")
    out = between(text, "Not in use", "How a backend is selected")
    for name, state, meaning in (("a", "down", "its host is down or unreachable from here"),
                                 ("b", "down", "Its host is alive, but nothing listens on the port"),
                                 ("c", "draining", ": set by the operator.")):
        found = re.search(rf"^  {name} at {night.lab.host(name).at(ECHO_PORT)} is {state} since (\S+), for .*{re.escape(meaning)}", out, re.M)
        assert found, text
        assert_within_the_night(night, found[1])
    serving = between(text, "In use", "Not in use")
    assert re.search(r"^  d at \S+ is up .* gets 100 % of new connections", serving, re.M) and " a at" not in serving, text


def test_explain_counts_the_clients_that_were_moved(night):
    text = night.reseat("explain", "shop")
    moved = len(night.on_a)
    assert re.search(rf"^    {moved} sockets? terminated, 0 re-pointed\.", text, re.M), text
    wait_until(lambda: all(night.idle.events(f"{n} broken") for n in night.on_a), 5, night.idle.describe)
    assert {night.idle.event(f"{n} broken")["errno"] for n in night.on_a} == {"ECONNABORTED"}


def test_explain_says_who_still_drains_and_until_when(night):
    text = night.reseat("explain", "shop")
    still = night.sidecar.backend("shop", "c")["open_sockets"]
    held = "" if still == 1 else f"{still} x "
    assert still >= 1 and re.search(
        rf"{still} sockets? (is|are) open on it, of {held}python3.*\(pid {night.idle.pid}\); "
        r"those that are still open are terminated in \d+ (s|min)", text), text
    assert "reseat ready shop/c" in text


def test_explain_names_who_is_stuck_why_and_what_to_do(night):
    text = night.reseat("explain", "shop")
    assert re.search(rf"STUCK on a: 1 socket \(held by python3.*\(pid {night.stuck.pid}\)\) could not be terminated: .*lock", text), text
    advice = text[text.index("What to do"):]
    assert re.search(rf"1 socket is stuck on a: a thread of python3.*\(pid {night.stuck.pid}\)", advice), text
    assert "reseat sockets shop/a" in advice and "reseat maint shop/a" in advice


def test_explain_names_who_waits_for_want_of_an_alternative_and_what_to_do(night):
    text = night.reseat("explain", "lonely")
    assert re.search(rf"WAITING on e: 1 socket \(held by python3.*\(pid {night.waiting.pid}\)\), to be terminated or re-pointed as "
                     "soon as another backend is eligible", text), text
    assert "no backend is healthy; the last healthy ones are used" in text
    assert "reseat terminate lonely/e" in text[text.index("What to do"):]
    assert night.waiting.events("w broken") == []


def test_what_explain_advises_works(night):
    """Last, as it changes the night: the stuck thread goes on, the waiting client is told, the drained one is used again."""
    night.stuck.tell("let go")
    assert night.stuck.event("broken", within=40)["errno"] == "ECONNABORTED"
    night.reseat("terminate", "lonely/e", "--yes")
    night.waiting.event("w broken", within=5)
    assert night.reseat("ready", "shop/c", "--wait") .startswith("shop/c: up")
    wait_until(lambda: night.status("shop")["stuck"] == 0, 40, night.sidecar.describe)
    text = night.reseat("explain", "shop")
    assert "No socket is waiting or stuck." in text and re.search(r"^  c at \S+ is up ", text, re.M), text
