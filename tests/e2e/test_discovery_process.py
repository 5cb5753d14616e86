# SPDX-License-Identifier: Apache-2.0
"""Names at the process's turns: start, restart, reload, its own workload's name server, and commands that ask."""
import json
import os
import signal
import threading
from pathlib import Path

from commands import attempt
from discovery import FOLLOWED, SERVICE, a, at, discovery, echo, idle, lab, named, start, up  # noqa: F401 (fixtures)
from lab import ECHO_PORT, HERE, PYTHON, config, now, wait_until
from names import Files, Knot
from test_reload import dialled


def test_reseat_asks_its_name_server_though_that_is_a_service_of_its_workload_E23(lab, echo):
    """reseat lives in the cgroup, where the name server's address leads to a backend that answers nothing."""
    Knot(lab, lab.n, a(lab.a))
    cgroup = lab.cgroup()
    dns = (f"  - name: dns\n    protocol: any\n    address: {lab.n.v4}:53\n    health_check: {{type: none}}\n"
           f"    backends: [{lab.b.v4}:5353]\n")
    sidecar = start(lab, config(named(), dns), cgroup, inside=cgroup)
    up(sidecar, at(lab.a))
    shown = lab.run("dig", f"@{lab.n.v4}", "echo.test", "+short", "+tries=1", "+time=1", cgroup=cgroup, check=False)
    assert lab.a.v4 not in shown.stdout, "the workload itself is led elsewhere"
    asked = discovery(sidecar)["at"]
    wait_until(lambda: discovery(sidecar)["at"] > asked, FOLLOWED, sidecar.describe)


def test_without_dns_at_the_start_connects_are_refused_until_there_is(lab, echo):
    cgroup = lab.cgroup()
    sidecar = start(lab, config(named()), cgroup)
    assert dialled(lab, cgroup, times=1) == {"ECONNREFUSED"}
    sidecar.logs(r"echo\.test cannot be resolved: .*; no backend is known yet", within=25)
    Knot(lab, lab.n, a(lab.b))
    up(sidecar, at(lab.b), within=40)
    assert dialled(lab, cgroup) == {"b"}


def test_a_restart_without_dns_goes_on_with_what_served(lab, echo):
    pin = lab.bpffs() / "echo"
    knot = Knot(lab, lab.n, a(lab.a, lab.b))
    cgroup = lab.cgroup()
    first = start(lab, config(named(), pin=pin), cgroup, label="first")
    up(first, at(lab.a), at(lab.b))
    client, _ = idle(lab, cgroup)
    first.send_signal(signal.SIGKILL)
    first.exits()
    knot.stop()
    second = start(lab, config(named(), pin=pin), cgroup, label="second")
    up(second, at(lab.a), at(lab.b))
    assert dialled(lab, cgroup) == {"a", "b"} and client.events("idle broken") == []
    second.logs(r"echo\.test cannot be resolved", within=25)
    knot.start()
    second.logs(r"echo\.test is (now|resolved again)", within=40)
    assert client.events("idle broken") == []
    second.send_signal(signal.SIGINT)
    second.exits()


def test_a_headless_service_is_rolled_out_without_one_failed_connect(lab, echo):
    """As Kubernetes does it: a new pod's record comes, then the old one's goes, one pod at a time."""
    knot = Knot(lab, lab.n, a(lab.a))
    cgroup = lab.cgroup()
    sidecar = start(lab, config(named()), cgroup)
    load = lab.spawn([PYTHON, HERE / "clients/connect_load.py", f"{SERVICE}:7", 4], "load", cgroup=cgroup, stdin=True)
    for old, new in ((lab.a, lab.b), (lab.b, lab.n), (lab.n, lab.a)):
        up(sidecar, at(old))
        knot.set(*a(old, new))
        up(sidecar, at(old), at(new))
        knot.set(*a(new))
        up(sidecar, at(new))
    load.hang_up()
    load.exits()
    ended = load.events()[-1]
    assert ended["failures"] == [] and set(ended["answered_by"]) == {"a", "b", "n"}, load.describe()


def test_an_answer_of_hundreds_of_records_comes_whole_by_tcp(lab, echo):
    many = [f"echo A 10.77.{i // 250}.{i % 250 + 1}" for i in range(1100)]
    Knot(lab, lab.n, many)
    sidecar = start(lab, config(named(check="type: none")), lab.cgroup())
    wait_until(lambda: len(discovery(sidecar)["addresses"]) == 1024, 10, sidecar.describe)
    sidecar.logs(r"ignoring 76")


def test_a_reload_with_another_name_waits_for_its_addresses(lab, echo):
    knot = Knot(lab, lab.n, [*a(lab.a), *a(lab.a, lab.b, name="both")])
    cgroup = lab.cgroup()
    sidecar = start(lab, config(named()), cgroup)
    up(sidecar, at(lab.a))
    client, _ = idle(lab, cgroup)
    both = config(named(f"both.test:{ECHO_PORT}"))
    sidecar.configure(both)
    sidecar.runs(both)
    assert set(sidecar.states("echo")) == {at(lab.a, "both.test"), at(lab.b, "both.test")}
    up(sidecar, at(lab.a, "both.test"), at(lab.b, "both.test"))
    assert client.events("idle broken") == []
    knot.stop()
    renamed = config(named(f"{{address: both.test:{ECHO_PORT}, name: renamed}}"))
    sidecar.configure(renamed)
    sidecar.runs(renamed)
    assert set(sidecar.states("echo")) == {at(lab.a, "renamed"), at(lab.b, "renamed")}


def used(pid):
    """Seconds on a processor."""
    user, system = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def test_two_reloads_that_wait_for_one_name_leave_the_processor_alone(lab, echo):
    """The watcher's and the command's, while the name server answers nothing."""
    Knot(lab, lab.n, a(lab.a))
    sidecar = start(lab, config(named()), lab.cgroup())
    up(sidecar, at(lab.a))
    lab.n.vanish()
    sidecar.configure(config(named(f"another.test:{ECHO_PORT}")))
    at_first, begun = used(sidecar.pid), now()
    reloads = [threading.Thread(target=sidecar.get, args=("/reload", "POST")) for _ in range(2)]
    for one in reloads:
        one.start()
    for one in reloads:
        one.join()
    assert now() - begun > 1.5, "both have waited for the name"
    assert used(sidecar.pid) - at_first < 0.5 * (now() - begun)


def test_check_asks_dns_and_validate_does_not(lab, echo):
    knot = Knot(lab, lab.n, a(lab.a))
    file = lab.write("reseat.yaml", config(named()))
    wrapper = Files(lab, lab.n.v4).wrapper()
    checked = attempt(lab, "check", file, "-o", "json", wrapper=wrapper)
    assert checked.popen.returncode == 0, checked.describe()
    assert [(row["backend"], row["result"]) for row in json.loads(checked.out)] == [(at(lab.a), "passed")]
    knot.set()
    unresolved = attempt(lab, "check", file, wrapper=wrapper)
    assert unresolved.popen.returncode == 1, unresolved.describe()
    assert "unresolved" in unresolved.out and "no such name (NXDOMAIN)" in unresolved.out, unresolved.describe()
    knot.stop()
    valid = attempt(lab, "validate", file, wrapper=wrapper)
    assert (valid.popen.returncode, valid.out) == (0, f"{file}: 1 service, 0 backends and 1 DNS name\n"), valid.describe()
