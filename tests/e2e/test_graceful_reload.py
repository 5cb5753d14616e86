# SPDX-License-Identifier: Apache-2.0
"""Servers that wait for their connections when they are reloaded or stopped do not wait for ours."""
import signal
from pathlib import Path

import pytest

from lab import HERE, config, now, wait_until
from nginx import start_nginx
from waiting import SLOWNESS

SERVICE, INTERVAL = "10.96.0.81:80", 1.0
SOON = INTERVAL + 0.5 * SLOWNESS


def watching(lab, port=80, interval=f"{INTERVAL:.0f}s"):
    """A sidecar that holds a connection to host a."""
    text = config(f"  - name: web\n    address: \"{SERVICE}\"\n"
                  f"    health_check: {{interval: {interval}, timeout: 500ms}}\n"
                  f"    backends: [{{address: \"{lab.a.at(port)}\", name: a}}]\n")
    sidecar = lab.sidecar(text, lab.cgroup())
    wait_until(lambda: held(lab, sidecar), 5, sidecar.describe)
    return sidecar


def held(lab, sidecar):
    rows = lab.run("ss", "-HtnpO", "state", "established").stdout.splitlines()
    return [row for row in rows if f"pid={sidecar.pid}," in row]


def children(pid):
    return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()


def test_the_old_worker_of_a_reloaded_nginx_is_gone_within_an_interval_E81(lab):
    server = start_nginx(lab, lab.a)
    watching(lab)
    old = children(server.pid)
    assert len(old) == 1
    server.send_signal(signal.SIGHUP)
    wait_until(lambda: set(children(server.pid)) - set(old), 5, "the new worker")
    at = now()
    wait_until(lambda: not Path("/proc", old[0]).exists() or old[0] not in children(server.pid), 20, "the old worker")
    assert now() - at < SOON


def start_haproxy(lab, *flags, label):
    file = lab.a.directory / "haproxy.cfg"
    file.write_text("defaults\n  mode http\n  timeout connect 5s\n  timeout client 50s\n  timeout server 50s\n"
                    f"frontend web\n  bind {lab.a.at(80)}\n  http-request return status 200\n")
    server = lab.a.spawn(["haproxy", "-db", "-f", file, *flags], label)
    wait_until(lambda: lab.run("curl", "-sf", f"http://{lab.a.v4}/", check=False).returncode == 0, 5, server.describe)
    return server


def test_a_haproxy_that_is_replaced_is_gone_within_an_interval_E81(lab):
    old = start_haproxy(lab, label="old")
    watching(lab)
    at = now()
    start_haproxy(lab, "-sf", old.pid, label="new")
    old.exits(within=20)
    assert now() - at < SOON


def test_a_node_server_that_closes_is_gone_within_an_interval_E81(lab):
    server = lab.a.spawn(["node", HERE / "clients/http_server.js", lab.a.v4, 80], "node")
    server.prints("listening", within=10)
    watching(lab)
    at = now()
    server.stop(signal.SIGTERM, within=20)
    assert now() - at < SOON


@pytest.mark.parametrize("command", ["drain", "maint"])
def test_a_backend_that_is_taken_out_ends_without_waiting_for_us_E81(lab, command):
    server = start_nginx(lab, lab.a)
    sidecar = watching(lab, interval="1h")
    lab.reseat(command, "web/a", "--admin", sidecar.admin)
    wait_until(lambda: not held(lab, sidecar), 1, "our connection to be closed")
    at = now()
    server.send_signal(signal.SIGQUIT)
    assert server.exits(within=20) == 0
    assert now() - at < 0.5 * SLOWNESS


def test_a_death_between_two_checks_is_seen_at_once_all_the_same(lab):
    server = start_nginx(lab, lab.a)
    sidecar = watching(lab, interval="1h")
    server.stop(signal.SIGKILL)
    at = now()
    sidecar.logs(r"web/a is DOWN: connection refused \(3/3\)", within=5)
    assert now() - at < 0.5 * SLOWNESS
