# SPDX-License-Identifier: Apache-2.0
"""Backends that a command prints or an HTTP server streams."""
import json
import os
import signal

import pytest

from kube_api import from_kubernetes, source
from lab import ECHO_PORT, HERE, PYTHON, config, wait_until
from sources import document, echo, entry, lab, states  # noqa: F401 (fixtures)
from waiting import BOUND

COMMAND = """import json, os, signal, sys, time
sys.stdout.reconfigure(line_buffering=True)
{body}
"""


def command(lab, body):
    return lab.write("source.py", COMMAND.format(body=body))


def of_command(path, more=""):
    return config(from_kubernetes(entry=f"{{command: [{PYTHON}, {path}]{more}}}"))


def test_a_command_prints_a_document_each_interval(lab, echo):
    there = lab.write("there", document(entry(lab.a)))
    path = command(lab, f"print(open({str(there)!r}).read())")
    sidecar = lab.sidecar(of_command(path, ", interval: 1s"), lab.cgroup(), "--allow-exec")
    states(sidecar, a="up")
    lab.write("there", document(entry(lab.a), entry(lab.b)))
    states(sidecar, a="up", b="up")


def test_a_command_prints_lines_and_is_started_again_when_it_dies(lab, echo):
    path = command(lab, f"""
print(json.dumps({{"type": "snapshot", "endpoints": [{entry(lab.a)!r}]}}))
print(json.dumps({{"type": "upsert", "endpoints": [{entry(lab.b)!r}]}}))
open({str(lab.tmp / 'pid')!r}, "a").write(f"{{os.getpid()}}\\n")
signal.signal(signal.SIGTERM, signal.SIG_IGN)
os.fork()
signal.pause()""")
    sidecar = lab.sidecar(of_command(path), lab.cgroup(), "--allow-exec")
    states(sidecar, a="up", b="up")
    first = wait_until(lambda: (lab.tmp / "pid").exists() and (lab.tmp / "pid").read_text().split(), 5, "a pid")
    os.kill(int(first[0]), signal.SIGKILL)
    wait_until(lambda: len((lab.tmp / "pid").read_text().split()) > 1, 10, sidecar.describe)
    states(sidecar, a="up", b="up")
    last = int((lab.tmp / "pid").read_text().split()[-1])
    sidecar.stop()
    wait_until(lambda: not os.path.exists(f"/proc/{last}"), 5, "the command outlived reseat")  # [F34]


def test_a_command_that_prints_without_end_is_killed_and_its_memory_is_bounded(lab, echo):  # [F34]
    path = command(lab, """
while True:
    sys.stdout.write("x" * 65536)""")
    sidecar = lab.start_sidecar(of_command(path), lab.cgroup(), "--allow-exec")
    sidecar.wait_ready()
    wait_until(lambda: "16 MiB" in (source(sidecar)["error"] or ""), 20, sidecar.describe)
    peak = next(line for line in open(f"/proc/{sidecar.pid}/status") if line.startswith("VmHWM"))
    assert int(peak.split()[1]) < 300_000, peak


def test_a_command_needs_permission(lab):
    done = lab.reseat("run", "--config", lab.write("r.yaml", of_command("/x")), "--cgroup", "/x", check=False)
    assert done.returncode == 3 and "--allow-exec" in done.stderr


STREAM = """import http.server, json, select, sys
sys.path.insert(0, {here!r})
from say import say
class Handler(http.server.BaseHTTPRequestHandler):
    def log_message(self, *_): pass
    def do_GET(self):
        text = open({there!r}).read().encode()
        lines = text.startswith(b'{{"type"')
        etag = str(hash(text))
        if not lines and self.headers.get("If-None-Match") == etag:
            self.send_response(304); self.end_headers(); return
        self.send_response(200)
        self.send_header("Content-Type", "application/x-ndjson" if lines else "application/json")
        self.send_header("ETag", etag)
        self.end_headers()
        self.wfile.write(text); self.wfile.flush()
        while lines:
            select.select([], [], [], 0.2)
            now = open({there!r}).read().encode()
            if now != text:
                self.wfile.write(now); self.wfile.flush(); text = now
server = http.server.ThreadingHTTPServer(("127.0.0.1", 9902), Handler)
say("listening")
server.serve_forever()
"""


@pytest.mark.parametrize("form", ["document", "file_sd", "lines"])
def test_a_stream_is_followed_in_each_of_its_forms(lab, echo, form):
    def said(*hosts):
        if form == "lines":
            return json.dumps({"type": "snapshot", "endpoints": [entry(h) for h in hosts]}) + "\n"
        if form == "file_sd":
            return json.dumps([{"targets": [h.at(ECHO_PORT) for h in hosts], "labels": {"job": "echo"}}])
        return document(*(entry(h) for h in hosts))
    there = lab.write("there", said(lab.a))
    server = lab.write("server.py", STREAM.format(here=str(HERE / "clients"), there=str(there)))
    lab.spawn([PYTHON, server], "stream").event("listening", within=10)
    sidecar = lab.sidecar(config(from_kubernetes(entry='{stream: "http://127.0.0.1:9902/echo", interval: 1s}')), lab.cgroup())
    count = lambda: sorted(sidecar.states("echo").values())  # noqa: E731
    wait_until(lambda: count() == ["up"], BOUND + 2, sidecar.describe)
    lab.write("there", said(lab.a, lab.b))
    wait_until(lambda: count() == ["up", "up"], BOUND + 3, sidecar.describe)
