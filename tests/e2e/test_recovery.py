# SPDX-License-Identifier: Apache-2.0
"""How soon a service serves again that nobody was left of."""
import os
import signal

from lab import ECHO_PORT, HERE, PYTHON, Lab, now, start_echo, wait_until
from nginx import start_nginx
from waiting import SLOWNESS

SERVICE = "10.96.0.80:80"
WITHIN = 0.3 * SLOWNESS
AWHILE = 2.0  # that each one takes to restart


def web(hosts, port, check="interval: 5s"):
    rows = "".join(f"      - {{address: \"{host.at(port)}\", name: {host.name}}}\n" for host in hosts)
    return (f"version: 1\npin: off\nservices:\n  - name: web\n    address: \"{SERVICE}\"\n"
            f"    health_check: {{{check}}}\n    backends:\n{rows}")


def connects(lab, cgroup):
    return lab.spawn([PYTHON, HERE / "clients/new_connects.py", SERVICE], cgroup=cgroup, stdin=True)


def test_a_service_without_backends_serves_within_300_ms_after_one_listens_again_E80(lab):
    servers = start_echo(lab)
    cgroup = lab.cgroup()
    sidecar = lab.sidecar(web(lab.hosts, ECHO_PORT, "unhealthy_interval: 1h, fast_interval: 1h, healthy_threshold: 5"),
                          cgroup)
    for host in lab.hosts:
        servers[host.name].stop(signal.SIGKILL)
        sidecar.wait_state("web", host.name, "down")
    client = connects(lab, cgroup)
    client.event("failed", within=10)
    # Not the one that died last: fail_open still sends everybody there.
    argv = [PYTHON, HERE / "clients/echo_server.py", lab.a.v4, ECHO_PORT, "a"]
    listening = lab.a.spawn(argv, "echo-again").event("listening", within=10)["t"]
    served = client.event("served", within=10)
    assert served["by"] == "a" and served["t"] - listening < WITHIN, client.describe()
    sidecar.logs(r"web/a is UP: connected \(1/5, enough while no backend is eligible\), 1 of 2 backends up")


def test_a_rolling_restart_refuses_only_while_the_killed_one_was_in_the_table_E80():
    """Without drain, two seconds for each: faster than a backend that is down is asked again."""
    with Lab(hosts="abc") as lab:
        servers = {host.name: start_nginx(lab, host) for host in lab.hosts}
        cgroup = lab.cgroup()
        lab.sidecar(web(lab.hosts, 80), cgroup)
        client = connects(lab, cgroup)
        for name in "abc":
            client.event("served", within=10, such_that=lambda event: event["by"] == name)
        killed = []
        for host in lab.hosts:
            killed.append(now())
            os.killpg(servers[host.name].pid, signal.SIGKILL)
            wait_until(lambda: now() > killed[-1] + AWHILE, 2 * AWHILE, "its return")
            servers[host.name] = start_nginx(lab, host)
        client.hang_up()
        assert client.event("done", within=10)["served"] > 500, client.describe()
        late = [event for event in client.events("failed") if not any(0 <= event["t"] - at < WITHIN for at in killed)]
        assert late == [], f"killed at {killed}"
