# SPDX-License-Identifier: Apache-2.0
"""Backends whose probes pass while the workload's own connects fail, and what a failed connect tells at once."""
import signal

from lab import ECHO_PORT, HERE, PYTHON, backends, config, now, service, stays_false, wait_until
from nginx import start_nginx

SERVICE = "10.96.0.44:7"
PROBED_PORT = ECHO_PORT + 1  # answers on both hosts, whatever the service's own port does
DETECTION = ("outlier_detection: {interval: 500ms, base_ejection_time: 1s, max_ejection_time: 60s, "
             "max_ejection_percent: 100}")


def start(lab, host, port):
    server = host.spawn([PYTHON, HERE / "clients/echo_server.py", host.v4, port, host.name], f"echo-{port}")
    server.event("listening", within=10)
    return server


def balanced(lab, detection=DETECTION):
    return config(service("echo", SERVICE, backends(lab, ECHO_PORT), check=f"type: tcp, port: {PROBED_PORT}",
                          more=detection))


def begin(lab, detection=DETECTION, serving="b"):
    """Both hosts pass their probes, and only `serving` have somebody who serves. (sidecar, load)"""
    for host in lab.hosts:
        start(lab, host, PROBED_PORT)
    for name in serving:
        start(lab, lab.host(name), ECHO_PORT)
    cgroup = lab.cgroup()
    sidecar = lab.sidecar(balanced(lab, detection), cgroup)
    load = lab.spawn([PYTHON, HERE / "clients/connect_load.py", SERVICE, 2], cgroup=cgroup, stdin=True)
    return sidecar, load


def test_a_backend_whose_probes_pass_is_ejected_by_the_connects_that_fail_E44(lab):
    """Its probes pass on another port, as those of a hung process or behind a one-way firewall do."""
    sidecar, load = begin(lab, DETECTION.replace("base_ejection_time: 1s", "base_ejection_time: 30s"))
    ejected = sidecar.wait_state("echo", "a", "ejected", within=10)
    assert ejected
    sidecar.logs(r"echo/a is EJECTED: \d+ connects in a row refused, for 30s \(ejection 1\), 1 of 2 backends left")
    backend = sidecar.backend("echo", "a")
    assert backend["connect_failures_total"] >= 5
    assert backend["ejected_until"] is not None
    assert backend["effective_weight"] == 0
    assert backend["check"]["result"] == "passed"
    settled = load.event("progress", within=10, after=now())
    later = load.event("progress", within=10, after=now() + 0.5,
                       such_that=lambda e: e["answered_by"]["b"] > settled["answered_by"]["b"] + 20)
    assert later["failures"] == settled["failures"], "nobody is sent to the ejected backend"
    assert sidecar.backend("echo", "b")["connect_failures_total"] == 0


def test_a_backend_that_reads_requests_and_closes_without_a_byte_is_ejected_E44(lab):
    """Half of all requests fail until then; its probes pass all the time."""
    for host in lab.hosts:
        start(lab, host, PROBED_PORT)
    start(lab, lab.b, ECHO_PORT)
    server = lab.a.spawn([PYTHON, HERE / "clients/close_unanswered.py", lab.a.v4, ECHO_PORT], "closing")
    server.event("listening", within=10)
    cgroup = lab.cgroup()
    sidecar = lab.sidecar(balanced(lab, DETECTION.replace("base_ejection_time: 1s", "base_ejection_time: 30s")), cgroup)
    load = lab.spawn([PYTHON, HERE / "clients/connect_load.py", SERVICE, 2], cgroup=cgroup, stdin=True)
    sidecar.logs(r"echo/a is EJECTED: \d+ connections in a row closed before the first byte", within=10)
    settled = load.event("progress", within=10, after=now())["answered_by"]
    later = load.event("progress", within=10, after=now() + 0.5,
                       such_that=lambda e: e["answered_by"]["b"] > settled["b"] + 20)["answered_by"]
    assert later[""] == settled[""], "nobody is sent to the ejected backend"
    assert sidecar.backend("echo", "a")["unanswered_total"] >= 5
    assert sidecar.backend("echo", "b")["unanswered_total"] == 0


def test_connect_timeouts_of_a_quarter_of_a_second_eject_a_backend_E44(lab):
    """Its queue of connections is full, so that SYNs are dropped; probes go to another port."""
    for host in lab.hosts:
        start(lab, host, PROBED_PORT)
    start(lab, lab.b, ECHO_PORT)
    full = lab.a.spawn([PYTHON, HERE / "clients/full_queue.py", lab.a.v4, ECHO_PORT], "full")
    full.event("listening", within=10)
    cgroup = lab.cgroup()
    sidecar = lab.sidecar(balanced(lab, DETECTION.replace("base_ejection_time: 1s", "base_ejection_time: 30s")), cgroup)
    lab.spawn([PYTHON, HERE / "clients/connect_load.py", SERVICE, 2, 0.25], cgroup=cgroup, stdin=True)
    sidecar.logs(r"echo/a is EJECTED: \d+ connects in a row timed out", within=15)
    assert sidecar.backend("echo", "a")["connect_failures_total"] >= 5
    assert sidecar.backend("echo", "b")["connect_failures_total"] == 0


def test_an_ejected_backend_comes_back_by_itself_and_stays_if_it_serves_again(lab):
    sidecar, load = begin(lab)
    sidecar.wait_state("echo", "a", "ejected", within=10)
    start(lab, lab.a, ECHO_PORT)
    sidecar.logs(r"echo/a is READMITTED: the ejection is over, 2 of 2 backends up", within=10)
    load.event("progress", within=10, such_that=lambda e: e["answered_by"].get("a", 0) > 20)
    assert sidecar.states("echo") == {"a": "up", "b": "up"}


def test_ejection_never_empties_the_service_E44(lab):
    sidecar, load = begin(lab, serving="")
    load.event("progress", within=10, such_that=lambda e: len(e["failures"]) > 50)
    wait_until(lambda: "ejected" in sidecar.states("echo").values(), 5, sidecar.describe)
    stays_false(lambda: list(sidecar.states("echo").values()) == ["ejected", "ejected"], 2.0,
                "both backends were ejected")
    for host in lab.hosts:
        start(lab, host, ECHO_PORT)
    load.event("progress", within=20, such_that=lambda e: min(e["answered_by"].get(h, 0) for h in "ab") > 10)


def test_the_first_refused_connect_takes_out_an_nginx_that_shuts_down_gracefully_E61(lab):
    """Such an nginx refuses new connects and waits for our idle watch connection; the next probe is far away."""
    servers = {host.name: start_nginx(lab, host) for host in lab.hosts}
    rows = "".join(f"      - {{address: \"{host.at(80)}\", name: {host.name}}}\n" for host in lab.hosts)
    web = ("version: 1\npin: off\nservices:\n  - name: web\n    address: \"10.96.0.80:80\"\n"
           f"    health_check: {{interval: 10m}}\n    backends:\n{rows}")
    load = lab.spawn_behind(web, [PYTHON, HERE / "clients/http_load.py", "10.96.0.80:80", 4, "new"], stdin=True)
    load.event("progress", within=10, such_that=lambda e: all(e["answered_by"].get(h, 0) > 20 for h in "ab"))
    servers["a"].send_signal(signal.SIGQUIT)
    load.logs(r"web/a is DOWN: connection refused \(3/3\)", within=5)
    assert servers["a"].exits(within=5) == 0, "we hold no connection to it any more"
    load.event("progress", within=10, after=now())
    load.hang_up()
    done = load.event("done")
    assert done["failures"] == [], load.describe()
