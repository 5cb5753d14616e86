# SPDX-License-Identifier: Apache-2.0
"""Backends that hang, drip, flood, reset and lie: each gets its verdict in time and explained, none gets memory; and what
is reseat's own fault is nobody's verdict."""
import os
import re
import signal

import pytest

from lab import BOUND, ECHO_PORT, HERE, PYTHON, config, now, service, stays_false, wait_until
from waiting import SLOWNESS

FIRST_PORT = 9000
STALL = 2.0

OVER_HTTP = {
    "hang": r"GET /: connected, but no answer within 200ms",
    "drip": r"GET /: answer incomplete after 200ms \(\d+ bytes\)",
    "flood_body": r"GET /: HTTP 200, body without the expected text",
    "flood_header": r"GET /: header of more than \d+ KiB",
    "reset": r"GET /: connection reset before the answer",
    "redirect": r"GET /: HTTP 301, expected 200",
    "garbage": r"GET /: not HTTP: .*",
    "close_early": r"GET /: connection closed before the answer",
}


def hostile(lab):
    server = lab.a.spawn([PYTHON, HERE / "clients/hostile_server.py", lab.a.v4, FIRST_PORT], "hostile")
    server.event("listening", within=10)
    return server


def service_of_each(lab, check):
    """A service for each manner, each with a good backend beside, so that none is the last."""
    return [service(manner, f"10.96.1.{number}:80", {"bad": lab.a.at(FIRST_PORT + number), "good": lab.b.at(ECHO_PORT)},
                    check=check) for number, manner in enumerate(OVER_HTTP)]


def details(sidecar):
    return {manner: sidecar.backend(manner, "bad")["check"]["detail"] for manner in OVER_HTTP}


def failures(sidecar):
    return {manner: sidecar.backend(manner, "bad")["check"]["failures"] for manner in OVER_HTTP}


def resident_kb(pid):
    with open(f"/proc/{pid}/status") as file:
        return int(re.search(r"VmRSS:\s+(\d+) kB", file.read())[1])


def test_hostile_http_servers_get_their_verdict_within_the_timeout_and_no_memory_E41(lab):
    hostile(lab)
    at = now()
    check = "type: http, http: {path: /, expected_statuses: [200], expect_body: well}"
    sidecar = lab.sidecar(config(*service_of_each(lab, check)), lab.cgroup())
    assert now() - at < 2 * BOUND, "the first round waited for a peer for longer than its timeout"
    for manner, words in OVER_HTTP.items():
        backend = sidecar.backend(manner, "bad")
        assert backend["state"] == "down", backend
        assert re.fullmatch(words, backend["check"]["detail"]), backend
        assert backend["check"]["latency_us"] < 1_000_000, backend
    before, seen = resident_kb(sidecar.pid), failures(sidecar)
    wait_until(lambda: all(now_failed > seen[manner] + 10 for manner, now_failed in failures(sidecar).items()), 20,
               lambda: f"ten rounds more: {details(sidecar)}")
    # Sanitizers keep what is freed for a while.
    assert SLOWNESS > 1 or resident_kb(sidecar.pid) - before < 4096, "memory grows with what the peers send"


RESET = r"connection reset (while sending|before the answer|during the TLS handshake)"
SILENT = "connected, but no answer within 200ms"


@pytest.mark.parametrize("check, words", [
    pytest.param("type: http, http: {path: /, tls: true}", rf"GET /: ({SILENT}|TLS: wrong version number|{RESET})", id="tls"),
    pytest.param("type: grpc", rf"Health/Check: ({SILENT}|not HTTP/2: .*|{RESET})", id="grpc"),
])
def test_hostile_servers_are_bad_answers_under_tls_and_grpc_too_E41(lab, check, words):
    hostile(lab)
    sidecar = lab.sidecar(config(*service_of_each(lab, check)), lab.cgroup())
    for manner in OVER_HTTP:
        backend = sidecar.backend(manner, "bad")
        assert backend["state"] == "down", backend
        assert re.fullmatch(words, backend["check"]["detail"]), (manner, backend["check"])


def test_a_stall_of_reseat_itself_is_no_verdict_E42(lab):
    """As when the machine is suspended while an answer is awaited: server and reseat stop together, and reseat wakes first,
    long after its own deadline and just before the answer."""
    server = hostile(lab)
    sidecar = lab.sidecar(config(
        "  - name: web\n    address: 10.96.0.7:80\n"
        "    health_check: {type: http, interval: 200ms, fast_interval: 50ms, timeout: 400ms, unhealthy_threshold: 1}\n"
        f"    backends: [{{address: '{lab.a.at(FIRST_PORT + len(OVER_HTTP))}', name: late}}]\n"), lab.cgroup())
    assert sidecar.states("web") == {"late": "up"}
    for _ in range(3):
        server.event("asked", after=now())
        for process in (server, sidecar):
            os.killpg(process.pid, signal.SIGSTOP)
        stays_false(sidecar.exited, STALL, "stopped, it cannot end")
        for process in (sidecar, server):
            os.killpg(process.pid, signal.SIGCONT)
        passes = sidecar.backend("web", "late")["check"]["passes"]
        wait_until(lambda: sidecar.backend("web", "late")["check"]["passes"] > passes + 3, BOUND, sidecar.describe)
    assert " is DOWN" not in sidecar.err
    assert sidecar.states("web") == {"late": "up"}
