# SPDX-License-Identifier: Apache-2.0
"""What happened can be asked afterwards, and followed while it happens."""
import http.client
import json
import signal
import socket
import threading

import pytest

from lab import BOUND, ECHO_PORT, HERE, PYTHON, backends, config, service, wait_until

SERVICE = "10.96.0.7"


class Follower:
    """Follows `GET /events?follow=1` in a thread of its own."""

    def __init__(self, sidecar, query=""):
        self.events, self.ended, self.failure = [], False, None
        self.connection = http.client.HTTPConnection("reseat", timeout=60)
        self.connection.sock = self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(str(sidecar.admin))
        self.connection.request("GET", f"/events?follow=1{query}")
        self.response = self.connection.getresponse()
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()

    def _read(self):
        try:
            for line in self.response:
                self.events.append(json.loads(line))
        except (OSError, http.client.HTTPException, ValueError) as failure:
            self.failure = failure
        self.ended = True

    def has(self, kind, within=BOUND, **fields):
        def found():
            matches = (e for e in self.events if e["type"] == kind and all(e[k] == v for k, v in fields.items()))
            return next(matches, None)
        return wait_until(found, within, lambda: f"{kind} {fields} among {self.events}")

    def leave(self):
        self.socket.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def sidecar(lab, echo):
    return lab.sidecar(config(service("echo", f"{SERVICE}:7", backends(lab, ECHO_PORT))), lab.cgroup())


def events(sidecar, query=""):
    status, body = sidecar.get(f"/events{query}")
    assert status == 200, body
    return json.loads(body)["events"]


def test_a_failover_is_told_live_and_afterwards_with_what_became_of_the_sockets(lab, sidecar):
    cgroup = lab._cgroups[0]
    client = lab.spawn([PYTHON, HERE / "clients/idle_tcp.py", f"idle={SERVICE}/7"], "idle", cgroup=cgroup)
    host = client.event("idle", within=10)["host"]
    follower = Follower(sidecar)
    assert follower.response.getheader("Content-Type") == "application/x-ndjson"
    follower.has("ready")
    lab.host(host).vanish()
    event = follower.has("backend_down", service="echo", backend=host)
    assert event["level"] == "warn" and f"echo/{host} is DOWN" in event["message"]
    assert event["report"]["matched"] == event["report"]["terminated"] == 1
    assert event["message"] in sidecar.err, "the log and the event say the same"
    assert event in events(sidecar)
    assert event in events(sidecar, f"?since={event['id'] - 1}&service=echo&backend={host}")
    assert event not in events(sidecar, f"?since={event['id']}")
    assert [e["id"] for e in events(sidecar)] == sorted(e["id"] for e in events(sidecar))


def test_what_the_operator_does_is_done_and_told(lab, sidecar):
    follower = Follower(sidecar, "&service=echo&backend=a")
    for word, state in (("drain", "drain"), ("maint", "maint"), ("ready", "up")):
        status, body = sidecar.get(f"/services/echo/backends/a/{word}", "POST")
        assert (status, json.loads(body)) == (200, {"state": word})
        sidecar.wait_state("echo", "a", state)
        follower.has(f"backend_{word}")
    assert sidecar.get("/services/echo/backends/a/weight?weight=5", "POST")[0] == 200
    assert "has weight 5 (was 1)" in follower.has("backend_weight")["message"]
    assert {(e["service"], e["backend"]) for e in follower.events} == {("echo", "a")}
    status, body = sidecar.get("/services/ecko/backends/a/drain", "POST")
    assert status == 404 and "did you mean 'echo'?" in json.loads(body)["error"]["message"]


def test_reloads_are_told_with_their_changes_and_faults(lab, sidecar):
    follower = Follower(sidecar)
    sidecar.configure(config(service("echo", f"{SERVICE}:7", {"a": lab.a.at(ECHO_PORT)}),
                             service("other", "10.96.0.8:7", {"b": lab.b.at(ECHO_PORT)})))
    done = follower.has("reload", level="info")
    assert any("backend b removed" in line for line in done["details"]), done
    assert any("other" in line for line in done["details"]), done
    sidecar.configure("version: 1\nservices: 7\n")
    failed = follower.has("reload_failed", level="error")
    assert "services" in failed["message"] and "the running configuration stays" in failed["message"]
    assert failed["message"] in sidecar.err


def test_who_follows_hears_that_we_stop_and_is_let_go_at_once(sidecar):
    follower = Follower(sidecar)
    follower.has("ready")
    sidecar.send_signal(signal.SIGTERM)
    follower.has("stopping")
    wait_until(lambda: follower.ended, 2, "the end of the stream")
    assert follower.failure is None, "the stream was cut off, not ended"
    assert sidecar.exits(within=5) == 0


def test_sixteen_may_follow_and_who_leaves_makes_room(sidecar):
    followers = [Follower(sidecar) for _ in range(16)]
    for follower in followers:
        follower.has("ready")
    status, body = sidecar.get("/events?follow=1")
    assert (status, json.loads(body)["error"]["code"]) == (503, "too_many_followers")
    assert sidecar.get("/status")[0] == 200
    followers[0].leave()
    late = wait_until(lambda: (f := Follower(sidecar)).response.status == 200 and f, 5, "room for another one")
    late.has("ready")


def test_who_follows_late_is_told_all_that_is_remembered(sidecar):
    """More than one piece of it, and of other types some in between are forgotten already."""
    for _ in range(225):
        for word in ("drain", "ready"):
            assert sidecar.get(f"/services/echo/backends/a/{word}", "POST")[0] == 200
    for _ in range(700):
        assert sidecar.get("/reload", "POST")[0] == 200
    remembered = events(sidecar)
    assert len(remembered) == 1000
    follower = Follower(sidecar)
    wait_until(lambda: follower.ended or len(follower.events) >= len(remembered), 10, lambda: len(follower.events))
    assert follower.events[:len(remembered)] == remembered and not follower.ended


def test_asked_for_the_head_of_a_stream_it_sends_no_more(sidecar):
    with socket.socket(socket.AF_UNIX) as raw:
        raw.settimeout(5)
        raw.connect(str(sidecar.admin))
        raw.sendall(b"HEAD /events?follow=1 HTTP/1.1\r\nHost: reseat\r\n\r\n")
        answer = b"".join(iter(lambda: raw.recv(4096), b""))
    assert answer.startswith(b"HTTP/1.1 200") and answer.index(b"\r\n\r\n") == len(answer) - 4


def test_one_that_has_left_is_no_follower_although_nobody_came_since(sidecar):
    """The connection of the next one is older than all of theirs."""
    connection = http.client.HTTPConnection("reseat", timeout=5)
    connection.sock = socket.socket(socket.AF_UNIX)
    connection.sock.connect(str(sidecar.admin))

    def ask(path):
        connection.request("GET", path)
        return connection.getresponse()
    assert ask("/ready").read() is not None
    followers = [Follower(sidecar) for _ in range(16)]
    for follower in followers:
        follower.has("ready")
        follower.leave()
        wait_until(lambda: follower.ended, 5, "its end")
    wait_until(lambda: not connection.sock or ask("/ready").read() is not None, 5, "it is still there")
    assert ask("/events?follow=1").status == 200


def test_what_is_too_little_for_the_log_is_an_event_all_the_same(lab, echo):
    sidecar = lab.sidecar(config(service("echo", f"{SERVICE}:7", backends(lab, ECHO_PORT))), lab.cgroup(),
                          "--log-level", "error")
    lab.a.vanish()
    sidecar.wait_state("echo", "a", "down")
    down = wait_until(lambda: next((e for e in events(sidecar) if e["type"] == "backend_down"), None), BOUND,
                      lambda: events(sidecar))
    assert down["message"] not in sidecar.err, "it is below the level of the log, and an event all the same"


def test_a_log_of_json_has_the_fields_of_the_event(lab, echo):
    sidecar = lab.sidecar(config(service("echo", f"{SERVICE}:7", backends(lab, ECHO_PORT)),
                                 more="log: {format: json}\n"), lab.cgroup())
    lab.a.vanish()
    sidecar.wait_state("echo", "a", "down")
    event = wait_until(lambda: next((e for e in events(sidecar) if e["type"] == "backend_down"), None), BOUND,
                       lambda: events(sidecar))
    line = next(entry for entry in map(json.loads, sidecar.err.splitlines()) if entry["message"] == event["message"])
    assert (line["event"], line["service"], line["backend"]) == ("backend_down", "echo", "a")
    assert line.get("report") == event["report"] and line["level"] == event["level"]
