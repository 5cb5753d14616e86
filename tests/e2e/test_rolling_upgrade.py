# SPDX-License-Identifier: Apache-2.0
"""Three nginx replaced one after the other under load, with the settings that reseat has by default."""
import signal

import pytest

from lab import HERE, PYTHON, Lab, now
from nginx import start_nginx

SERVICE = "10.96.0.80:80"
THREADS = 4
RECOVERY = 15  # the default checks take 5 s to look at a backend that is down, and two passes


@pytest.fixture
def lab():
    with Lab("abc") as built:
        yield built


def web(lab):
    rows = "".join(f"      - {{address: \"{host.at(80)}\", name: {host.name}}}\n" for host in lab.hosts)
    return f"version: 1\npin: off\nservices:\n  - name: web\n    address: \"{SERVICE}\"\n    backends:\n{rows}"


@pytest.mark.parametrize("connections", ["new", "keep-alive"])
def test_a_rolling_upgrade_under_load_loses_no_request_with_the_defaults_E61(lab, connections):
    servers = {host.name: start_nginx(lab, host) for host in lab.hosts}
    load = lab.spawn_behind(web(lab), [PYTHON, HERE / "clients/http_load.py", SERVICE, THREADS, connections],
                            stdin=True)
    load.event("progress", within=10, such_that=lambda e: sum(e["answered_by"].values()) > 20)
    for host in lab.hosts:
        servers[host.name].send_signal(signal.SIGQUIT)
        assert servers[host.name].exits(within=10) == 0, "nginx ends once its requests in flight are answered"
        load.logs(rf"web/{host.name} is DOWN: .* refused", within=RECOVERY)
        start_nginx(lab, host, f"{host.name}2")
        load.logs(rf"web/{host.name} is UP: connected \(2/2\)", within=RECOVERY)
    restored = now()
    upgraded = {f"{host.name}2" for host in lab.hosts}
    if connections == "new":
        load.event("progress", within=10, after=restored, such_that=lambda e: upgraded <= set(e["answered_by"]))
    load.hang_up()
    done = load.event("done")
    assert done["failures"] == [], load.describe()
    assert sum(done["answered_by"].values()) > 500
    assert upgraded & set(done["answered_by"]), "the new servers were never asked"
