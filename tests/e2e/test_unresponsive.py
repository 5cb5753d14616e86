# SPDX-License-Identifier: Apache-2.0
"""What takes connections and does not answer: its host lives, and so do its sessions."""
import signal

import pytest

from lab import BOUND, ECHO_PORT, HERE, PYTHON, backends, config, service, stays_false, wait_until

SERVICE = "10.96.0.79:7"
API_PORT = ECHO_PORT + 1
SHORT_QUEUE = 2     # some checks fill it while nobody accepts; from then on their SYNs are dropped
FORGETS_WITHIN = 2  # how long a host that died may pass for one that lives


def start(lab, host, port):
    server = host.spawn([PYTHON, HERE / "clients/echo_server.py", host.v4, port, host.name, SHORT_QUEUE], f"echo-{port}")
    server.event("listening", within=10)
    return server


@pytest.mark.parametrize("port, filled", [
    pytest.param(API_PORT, "no answer within 200ms, but its host answers", id="an API beside it hangs"),
    pytest.param(ECHO_PORT, "no answer within 200ms, but its host keeps an earlier connection alive", id="it hangs itself"),
])
def test_sessions_of_a_backend_that_hangs_go_on_until_its_host_vanishes_E79(lab, port, filled):
    servers = {(host.name, at): start(lab, host, at) for host in lab.hosts for at in (ECHO_PORT, API_PORT)}
    cgroup = lab.cgroup()
    sidecar = lab.sidecar(config(service("echo", SERVICE, backends(lab, ECHO_PORT),
                                         check=f'type: tcp, port: {port}, tcp: {{send: who, expect: "\\n"}}')), cgroup)
    clients = lab.spawn([PYTHON, HERE / "clients/idle_tcp.py", f"one={SERVICE.replace(':', '/')}",
                         f"two={SERVICE.replace(':', '/')}"], cgroup=cgroup)
    on_a = next(name for name in ("one", "two") if clients.event(name, within=10)["host"] == "a")
    servers["a", port].send_signal(signal.SIGSTOP)
    sidecar.logs(r"echo/a is DOWN: connected, but no answer within 200ms \(2/2\), 1 of 2 backends left; "
                 r"draining, 1 socket open", within=BOUND)
    wait_until(lambda: sidecar.backend("echo", "a")["check"]["detail"] == filled, 10, sidecar.describe)
    assert sidecar.backend("echo", "a")["check"]["result"] == "unresponsive"
    stays_false(lambda: clients.events(f"{on_a} broken"), 2.0, "a session of a host that lives was ended")
    lab.a.vanish()
    broken = clients.event(f"{on_a} broken", within=BOUND + FORGETS_WITHIN)
    assert broken["errno"] == "ECONNABORTED"
    sidecar.logs(r"echo/a is DOWN: no answer within 200ms", within=BOUND)


def test_on_unresponsive_terminate_ends_sessions_at_once_E79(lab):
    servers = {host.name: start(lab, host, ECHO_PORT) for host in lab.hosts}
    cgroup = lab.cgroup()
    sidecar = lab.sidecar(config(service("echo", SERVICE, backends(lab, ECHO_PORT),
                                         check='type: tcp, tcp: {send: who, expect: "\\n"}',
                                         more="connections: {on_unresponsive: terminate}")), cgroup)
    clients = lab.spawn([PYTHON, HERE / "clients/idle_tcp.py", f"one={SERVICE.replace(':', '/')}"], cgroup=cgroup)
    host = clients.event("one", within=10)["host"]
    servers[host].send_signal(signal.SIGSTOP)
    assert clients.event("one broken", within=BOUND)["errno"] == "ECONNABORTED"
    assert clients.event("one", within=BOUND, such_that=lambda e: e["host"] != host)
    sidecar.logs(rf"echo/{host} is DOWN: connected, but no answer within 200ms .*; 1 socket terminated")
    assert f'backend="{host}",reason="unresponsive"}} 1' in sidecar.get("/metrics")[1]
