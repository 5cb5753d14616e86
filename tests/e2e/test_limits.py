# SPDX-License-Identifier: Apache-2.0
"""Very much at once, and very little of what reseat needs."""
import re
import resource

import pytest

from commands import attempt
from lab import ECHO_PORT, HERE, PYTHON, backends, config, service, stays_false, wait_until
from test_reload import SERVICE, dialled

CROWD = 6000


@pytest.fixture
def holders(lab):
    """A server on each host that takes whatever comes and never says a word."""
    started = [host.spawn([PYTHON, HERE / "clients/hold_tcp.py", host.v4, ECHO_PORT], "holder") for host in lab.hosts]
    for holder in started:
        holder.event("listening", within=10)
    return started


def test_a_crowd_is_ended_over_close_spread_and_the_admin_interface_answers_meanwhile_E45(lab, holders):
    cgroup = lab.cgroup()
    text = config(service("crowd", f"{SERVICE}:7", backends(lab, ECHO_PORT), more="connections: {close_spread: 2s}"))
    sidecar = lab.sidecar(text, cgroup)
    crowd = lab.spawn([PYTHON, HERE / "clients/crowd_tcp.py", SERVICE, 7, CROWD], "crowd", cgroup=cgroup)
    crowd.event("open", within=60)
    assert [sidecar.backend("crowd", name)["open_sockets"] for name in "ab"] == [CROWD / 2, CROWD / 2]
    lab.a.vanish()
    seen = set()

    def all_ended():
        seen.add(sidecar.backend("crowd", "a")["open_sockets"])
        return 0 in seen

    wait_until(all_ended, 20, sidecar.describe)
    assert len(seen) > 10, f"ended bit by bit, and each bit was seen: {sorted(seen)}"
    told = crowd.event("broken", within=10, such_that=lambda e: e["left"] == CROWD / 2)
    assert told["by"] == {"ECONNABORTED": CROWD / 2}, "every one of them, and nobody else"
    assert sidecar.backend("crowd", "b")["open_sockets"] == CROWD / 2
    sidecar.logs(f"crowd/a.*{CROWD // 2} sockets terminated, 0 re-pointed")


def test_without_a_free_descriptor_nobody_is_taken_for_dead_and_all_recovers_E43(lab, echo):
    cgroup = lab.cgroup()
    sidecar = lab.sidecar(config(service("echo", f"{SERVICE}:7", backends(lab, ECHO_PORT), more="")), cgroup)
    before = resource.prlimit(sidecar.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(sidecar.pid, resource.RLIMIT_NOFILE, (3, before[1]))
    stays_false(lambda: "DOWN" in sidecar.err or sidecar.exited(), 2.0, "what reseat lacks is no backend's fault")
    assert dialled(lab, cgroup) == {"a", "b"}
    assert attempt(lab, "status", "--admin", sidecar.admin).popen.returncode != 0, "the test had no effect"
    resource.prlimit(sidecar.pid, resource.RLIMIT_NOFILE, before)
    wait_until(lambda: sidecar.states("echo") == {"a": "up", "b": "up"}, 10, sidecar.describe)
    metrics = sidecar.get("/metrics")[1]
    skipped = re.findall(r'reseat_health_checks_total\{.*result="not_probed"\} (\d+)', metrics)
    assert sum(map(int, skipped)) > 0, metrics
    assert 'to="down"} 1' not in metrics
    lab.a.vanish()
    sidecar.wait_state("echo", "a", "down")
