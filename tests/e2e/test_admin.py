# SPDX-License-Identifier: Apache-2.0
"""The admin interface: what it answers, to whom, and what it does not let others do to the data path."""
import http.client
import json
import re
import socket
import subprocess
import threading
import time
from email.utils import parsedate_to_datetime

import pytest

from lab import BOUND, ECHO_PORT, HERE, PYTHON, backends, config, now, reseat_binary, service, wait_until

SERVICE = "10.96.0.7"
TCP = "127.0.0.1:9901"


def echoes(lab, check="type: tcp", more=""):
    return config(service("echo", f"{SERVICE}:7", backends(lab, ECHO_PORT), check=check), more=more)


def start(lab, address="", **options):
    """A sidecar that listens on `address`, too."""
    def write(file, text):
        file.write_text(with_address(text, address))
    sidecar = lab.start_sidecar(echoes(lab, **options), lab.cgroup(), write=write)
    sidecar.wait_ready()
    return sidecar


def with_address(text, address):
    """The admin block is the lab's, on the first line."""
    return re.sub(r"admin: \{socket: ([^}]*)\}", rf'admin: {{socket: \1, address: "{address}"}}', text, count=1)


def curl(lab, path, *words, address=TCP):
    """(status, headers, body) of a request over TCP, from the client's namespace."""
    done = lab.run("curl", "-sS", "-i", "--max-time", "5", *words, f"http://{address}{path}")
    head, _, body = done.stdout.replace("\r\n", "\n").partition("\n\n")
    return int(head.split()[1]), head, body


def reachable(lab, address):
    return lab.run("curl", "-sS", "--max-time", "2", f"http://{address}/ready", check=False).returncode == 0


class Raw:
    """A client of the Unix socket that says what it likes."""

    def __init__(self, sidecar, text=b""):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(20)
        self.socket.connect(str(sidecar.admin))
        if text:
            self.socket.sendall(text)

    def hears(self):
        """All that is answered until the end."""
        heard = b""
        while piece := self.socket.recv(65536):
            heard += piece
        return heard


@pytest.fixture
def sidecar(lab, echo):
    return start(lab, TCP)


# ---------------------------------------------------------------- what it answers

def test_every_path_is_answered_over_both_sockets(lab, sidecar):
    kinds = {"/status": "application/json", "/ready": "application/json", "/sockets": "application/json",
             "/events": "application/json", "/config": "application/json", "/": "text/html",
             "/metrics": "text/plain; version=0.0.4"}
    for path, kind in kinds.items():
        status, head, body = curl(lab, path)
        assert status == 200 and f"content-type: {kind}" in head.lower(), head
        assert "x-content-type-options: nosniff" in head.lower(), head
        assert "access-control" not in head.lower(), head
        date = parsedate_to_datetime(re.search(r"(?im)^date: (.* GMT)\s*$", head)[1])
        assert abs(date.timestamp() - time.time()) < 10, "by it the page corrects the ages of what it shows"
        assert sidecar.get(path)[0] == 200
        status, head, body = curl(lab, path, "--head")
        assert status == 200 and body == "", "HEAD has no body"
    assert curl(lab, "/nothing")[0] == 404


def test_the_page_may_run_its_own_scripts_and_no_others(lab, sidecar):
    _, head, body = curl(lab, "/")
    policy = re.search(r"(?i)content-security-policy: (.*)", head)[1]
    assert "default-src 'none'" in policy and "frame-ancestors 'none'" in policy
    scripts = re.search(r"script-src ([^;]*)", policy)[1]
    assert "unsafe" not in scripts and scripts.count("sha256-") == body.count("<script>") > 0
    assert "http://" not in re.sub(r"http://www\.w3\.org/[^\"' ]*", "", body) and "https://" not in body


def test_metrics_are_what_prometheus_takes_and_follow_what_happens(lab, echo):
    sidecar = start(lab)
    def value(series):
        text = sidecar.get("/metrics")[1]
        found = re.search(rf"^{re.escape(series)} (.*)$", text, re.MULTILINE)
        return found and float(found[1])
    def check():
        done = subprocess.run(["promtool", "check", "metrics"], input=sidecar.get("/metrics")[1], text=True,
                              capture_output=True, timeout=20)
        assert (done.returncode, done.stdout + done.stderr) == (0, ""), done.stdout + done.stderr
    check()
    client = lab.spawn([PYTHON, HERE / "clients/idle_tcp.py", f"idle={SERVICE}/7"], "idle", cgroup=lab._cgroups[0])
    host = client.event("idle", within=10)["host"]
    labels = f'service="echo",backend="{host}"'
    assert value(f"reseat_backend_up{{{labels}}}") == 1
    wait_until(lambda: value(f"reseat_backend_open_sockets{{{labels}}}") == 1, BOUND, "the open socket")
    lab.host(host).vanish()
    sidecar.wait_state("echo", host, "down")
    wait_until(lambda: value(f'reseat_sockets_terminated_total{{{labels},reason="unreachable"}}') == 1, BOUND,
               lambda: sidecar.get("/metrics")[1])
    assert value(f"reseat_backend_up{{{labels}}}") == 0
    assert value(f'reseat_backend_transitions_total{{{labels},to="down"}}') == 1
    assert value('reseat_failover_duration_seconds_count{service="echo"}') == 1
    assert value(f'reseat_health_checks_total{{{labels},result="timeout"}}') >= 2
    assert value("reseat_ready") == 1 and value("process_open_fds") > 5
    check()


def test_counters_go_on_through_a_reload(lab, echo):
    sidecar = start(lab)
    series = 'reseat_health_checks_total{service="echo",backend="a",result="passed"}'
    def value():
        return float(re.search(rf"^{re.escape(series)} (.*)$", sidecar.get("/metrics")[1], re.MULTILINE)[1])
    wait_until(lambda: value() >= 3, 5, "some checks")
    before = value()
    text = echoes(lab, more="log: {level: debug}\n").replace("type: tcp", "type: tcp, jitter_percent: 3")
    sidecar.configure(text)
    sidecar.runs(text)
    assert value() >= before
    assert 'reseat_config_reloads_total{result="ok"} 1' in sidecar.get("/metrics")[1]


def test_status_has_the_last_checks_if_they_are_asked_for(lab, sidecar):
    wait_until(lambda: len(history(sidecar)) >= 3, 5, "three checks")
    assert all(h["result"] == "passed" and h["latency_us"] > 0 for h in history(sidecar))
    assert [h["at"] for h in history(sidecar)] == sorted(h["at"] for h in history(sidecar))
    assert "history" not in sidecar.backend("echo", "a")["check"]
    lab.a.vanish()
    wait_until(lambda: history(sidecar)[-1]["result"] == "timeout", 5, lambda: history(sidecar))


def history(sidecar):
    found = json.loads(sidecar.get("/status?history=1")[1])["services"][0]["backends"]
    return next(b for b in found if b["name"] == "a")["check"]["history"]


def test_the_configuration_in_force_is_told_without_secrets(lab, echo):
    sidecar = start(lab, check='type: tcp, tcp: {send: "AUTH hunter2", expect: ""}')
    told = json.loads(sidecar.get("/config")[1])
    check = told["services"][0]["health_check"]
    assert check["tcp"]["send"] == "(redacted)" and check["timeout"] == "200ms"
    assert {b["name"] for b in told["services"][0]["backends"]} == {"a", "b"}
    for path in ("/config", "/status", "/events", "/metrics"):
        assert "hunter2" not in sidecar.get(path)[1]
    assert "hunter2" not in sidecar.err
    lab.write("again.yaml", sidecar.get("/config")[1])
    lab.reseat("validate", lab.tmp / "again.yaml")


# ---------------------------------------------------------------- over TCP

def test_over_tcp_nothing_is_changed(lab, sidecar):
    for path in ("/reload", "/services/echo/terminate", "/services/echo/backends/a/drain", "/status"):
        for method in ("POST", "PUT", "DELETE"):
            status, head, body = curl(lab, path, "-X", method)
            assert status == 405 and "the TCP listener is read-only" in body, body
    assert sidecar.states("echo") == {"a": "up", "b": "up"}


def test_over_tcp_a_name_of_another_site_is_not_answered(lab, sidecar):
    status, _, body = curl(lab, "/status", "-H", "Host: evil.example:9901")
    assert status == 403 and json.loads(body)["error"]["code"] == "foreign_host"
    assert curl(lab, "/status", "-H", "Host: localhost:9901")[0] == 200


def test_another_address_is_put_in_force_by_a_reload(lab, sidecar):
    text = echoes(lab)
    def configure(address):
        sidecar.file.write_text(with_address(sidecar.whole(text), address))
    configure("127.0.0.1:9902")
    wait_until(lambda: reachable(lab, "127.0.0.1:9902"), BOUND, sidecar.describe)
    wait_until(lambda: not reachable(lab, TCP), BOUND, "the end of the address before")
    configure("")
    wait_until(lambda: not reachable(lab, "127.0.0.1:9902"), BOUND, sidecar.describe)
    configure("[::1]:9903")
    wait_until(lambda: reachable(lab, "[::1]:9903"), BOUND, sidecar.describe)


def test_an_address_that_is_not_to_be_had_fails_the_reload_and_changes_nothing(lab, sidecar):
    text = config(service("echo", f"{SERVICE}:7", {"a": lab.a.at(ECHO_PORT)}))
    sidecar.file.write_text(with_address(sidecar.whole(text), "192.0.2.1:9901"))
    wait_until(lambda: not sidecar.status()["config"]["last_reload"]["ok"], BOUND, sidecar.describe)
    assert "cannot listen on admin.address 192.0.2.1:9901" in sidecar.status()["config"]["last_reload"]["error"]
    assert sidecar.states("echo") == {"a": "up", "b": "up"}
    assert reachable(lab, TCP)


def test_an_address_that_is_not_to_be_had_is_no_start(lab, echo):
    def write(file, text):
        file.write_text(with_address(text, "192.0.2.1:9901"))
    sidecar = lab.start_sidecar(echoes(lab), lab.cgroup(), write=write)
    assert sidecar.exits(within=10) == 1
    assert "cannot listen on admin.address 192.0.2.1:9901" in sidecar.err


# ---------------------------------------------------------------- who asks badly

def test_a_connection_takes_one_request_after_the_other(sidecar):
    connection = http.client.HTTPConnection("reseat", timeout=5)
    connection.sock = kept = socket.socket(socket.AF_UNIX)
    kept.connect(str(sidecar.admin))
    for path in ("/ready", "/status", "/nothing", "/metrics"):
        connection.request("GET", path)
        response = connection.getresponse()
        response.read()
        assert connection.sock is kept, f"{path} ended the connection"


def test_what_is_sent_ahead_is_not_answered(sidecar):
    request = b"GET /ready HTTP/1.1\r\nHost: x\r\n\r\n"
    heard = Raw(sidecar, request * 2).hears()
    assert heard.count(b"HTTP/1.1 200") == 1 and b"Connection: close" in heard


@pytest.mark.parametrize("text, status", [
    (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400), (b"GET /status\r\n\r\n", 400),
    (b"GET  /x HTTP/1.1\r\n\r\n", 400), (b"GET / HTTP/9.9\r\n\r\n", 400), (b"\r\n\r\n\r\n\r\n", 400),
    (b"GET / HTTP/1.1\r\nA: " + b"x" * 9000 + b"\r\n\r\n", 413),
    (b"POST /reload HTTP/1.1\r\nContent-Length: 70000\r\n\r\n" + b"x" * 70000, 413),
    (b"POST /reload HTTP/1.1\r\nContent-Length: 18446744073709551615\r\n\r\n", 413),
    (b"POST /reload HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400),
    (b"GET /%zz HTTP/1.1\r\n\r\n", 404), (b"GET http://evil/ HTTP/1.1\r\n\r\n", 404)])
def test_nonsense_is_refused(sidecar, text, status):
    heard = Raw(sidecar, text).hears()
    assert heard.startswith(b"HTTP/1.1 %d " % status), heard[:200]


def test_slow_senders_and_slow_readers_are_cut_off(sidecar):
    dripping = Raw(sidecar, b"GET /status HT")
    began = now()
    assert dripping.hears() == b"" and 4 < now() - began < 8
    reader = Raw(sidecar)
    reader.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
    request = b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n"
    reader.socket.sendall(request)
    assert sidecar.get("/ready")[0] == 200, "others are answered meanwhile"


def test_a_full_house_of_idle_and_following_clients_locks_nobody_out(sidecar):
    following = [Raw(sidecar, b"GET /events?follow=1 HTTP/1.1\r\nHost: x\r\n\r\n") for _ in range(20)]
    idle = [Raw(sidecar) for _ in range(200)]
    for _ in range(5):
        began = now()
        assert sidecar.get("/ready")[0] == 200
        assert now() - began < 1
    assert idle[0].hears() == b"", "the oldest gave way"
    assert following[0].socket.recv(12) == b"HTTP/1.1 200"


def test_hostile_clients_delay_no_failover(lab, sidecar):
    stop = threading.Event()
    texts = [b"\x00" * 4096, b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 2000, b"POST /reload HTTP/1.1\r\n",
             b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n", b"GET /status?history=1 HTTP/1.1\r\nHost: x\r\n\r\n"]

    def pester(number):
        while not stop.is_set():
            try:
                client = Raw(sidecar, texts[number % len(texts)])
                client.socket.settimeout(0.2)
                client.socket.recv(100)
            except OSError:
                pass
    threads = [threading.Thread(target=pester, args=(n,), daemon=True) for n in range(8)]
    for thread in threads:
        thread.start()
    client = lab.spawn([PYTHON, HERE / "clients/idle_tcp.py", f"idle={SERVICE}/7"], "idle", cgroup=lab._cgroups[0])
    host = client.event("idle", within=10)["host"]
    at = lab.host(host).vanish()
    try:
        broken = client.event("idle broken", within=BOUND + 1)
        assert broken["errno"] == "ECONNABORTED" and broken["t"] - at < BOUND + 1
        began = now()
        assert sidecar.get("/ready")[0] == 200 and now() - began < 1
    finally:
        stop.set()
        for thread in threads:
            thread.join()
