# SPDX-License-Identifier: Apache-2.0
"""Pinned, balancing outlives reseat: killed, restarted, upgraded; and it goes when it is told to go."""
import os
import signal
import socket
from pathlib import Path

import pytest

from commands import FAILED, attempt
from lab import BOUND, ECHO_PORT, HERE, PYTHON, backends, config, service, wait_until
from test_reload import SERVICE, dialled, idle


def pinned(lab, directory, more=""):
    return config(service("echo", f"{SERVICE}:7", backends(lab, ECHO_PORT)), more=more, pin=directory)


@pytest.fixture
def pin(lab):
    return lab.bpffs() / "echo"


def start(lab, text, cgroup, label="sidecar"):
    sidecar = lab.sidecar(text, cgroup, label=label)
    return sidecar


def killed(sidecar):
    sidecar.send_signal(signal.SIGKILL)
    sidecar.exits()


def names_below(directory):
    return [name for _, _, names in os.walk(directory) for name in names]


def test_killed_it_leaves_connections_balanced_and_the_next_one_takes_over_E40(lab, echo, pin):
    cgroup = lab.cgroup()
    first = lab.sidecar(pinned(lab, pin), cgroup, label="first")
    first.logs("pinned in .*continue to be balanced")
    assert first.status()["workload"]["pinned"] is True
    load = lab.spawn([PYTHON, HERE / "clients/connect_load.py", f"{SERVICE}:7", 4], "load", cgroup=cgroup, stdin=True)
    client, host = idle(lab, cgroup)
    load.event("progress", within=10, such_that=lambda e: set(e["answered_by"]) == {"a", "b"})
    killed(first)
    at = load.events()[-1]["t"]
    seen = load.event("progress", after=at, within=5)["answered_by"]
    load.event("progress", after=at, within=10,
               such_that=lambda e: all(e["answered_by"][h] > seen.get(h, 0) + 20 for h in "ab"))
    second = lab.sidecar(pinned(lab, pin), cgroup, label="second")
    assert second.backend("echo", host)["open_sockets"] >= 1
    seen = load.events()[-1]["answered_by"]
    load.event("progress", within=10, such_that=lambda e: all(e["answered_by"][h] > seen[h] + 20 for h in "ab"))
    load.hang_up()
    assert load.event("done", within=10)["failures"] == []
    assert client.events("idle broken") == []
    wait_until(lambda: sum(b["open_sockets"] for b in second.status()["services"][0]["backends"]) == 1, 10,
               lambda: second.status()["services"])


def test_what_the_operator_said_outlives_reseat_until_the_configuration_says_otherwise_E40(lab, echo, pin):
    cgroup = lab.cgroup()

    def say(sidecar, *words):
        done = attempt(lab, *words, "--admin", sidecar.admin)
        assert done.popen.returncode == 0, done.describe()

    first = lab.sidecar(pinned(lab, pin), cgroup, label="first")
    say(first, "drain", "echo/a")
    say(first, "weight", "echo/b", "7")
    wait_until(lambda: dialled(lab, cgroup) == {"b"}, 5, first.describe)
    killed(first)
    second = lab.sidecar(pinned(lab, pin), cgroup, label="second")
    assert dialled(lab, cgroup) == {"b"}
    assert (second.backend("echo", "a")["state"], second.backend("echo", "b")["weight"]) == ("drain", 7)
    assert second.backend("echo", "a")["reason"] == "set by the operator"
    second.logs("echo/a is still set to DRAIN, by the operator before reseat started")
    second.logs("echo/b still has weight 7 \\(configured: 1\\), by the operator before reseat started")
    say(second, "ready", "echo/a")
    second.wait_state("echo", "a", "up")
    second.send_signal(signal.SIGTERM)
    assert second.exits() == 0
    heavier = pinned(lab, pin).replace("name: b", "name: b, weight: 3")
    third = lab.sidecar(heavier, cgroup, label="third")
    third.wait_state("echo", "a", "up")
    assert third.backend("echo", "b")["weight"] == 3
    assert "by the operator before" not in third.err


def test_a_backend_that_vanished_in_between_is_dealt_with_after_the_restart_E40(lab, echo, pin):
    cgroup = lab.cgroup()
    first = lab.sidecar(pinned(lab, pin), cgroup, label="first")
    client, host = idle(lab, cgroup)
    killed(first)
    lab.host(host).vanish()
    lab.start_sidecar(pinned(lab, pin), cgroup, label="second")
    broken = client.event("idle broken", within=10)
    assert broken["errno"] == "ECONNABORTED"
    assert client.event("idle", after=broken["t"])["host"] == lab.other(lab.host(host)).name


def test_a_backend_that_left_the_configuration_in_between_drains_after_the_restart_E40(lab, echo, pin):
    cgroup = lab.cgroup()
    first = lab.sidecar(pinned(lab, pin), cgroup, label="first")
    client, host = idle(lab, cgroup)
    killed(first)
    other = lab.other(lab.host(host))
    second = lab.sidecar(config(service("echo", f"{SERVICE}:7", {other.name: other.at(ECHO_PORT)}), pin=pin), cgroup,
                         label="second")
    assert dialled(lab, cgroup) == {other.name}
    assert client.events("idle broken") == []
    lab.host(host).vanish()
    assert client.event("idle broken", within=BOUND)["errno"] == "ECONNABORTED", second.describe()


def test_detach_removes_what_was_left_but_not_from_under_one_that_lives(lab, echo, pin):
    cgroup = lab.cgroup()
    sidecar = lab.sidecar(pinned(lab, pin), cgroup)
    refused = attempt(lab, "detach", "--pin", pin)
    assert refused.popen.returncode == FAILED, refused.describe()
    assert dialled(lab, cgroup) == {"a", "b"}
    client, _ = idle(lab, cgroup)
    killed(sidecar)
    assert dialled(lab, cgroup) == {"a", "b"}
    done = attempt(lab, "detach", "--pin", pin)
    assert (done.popen.returncode, str(pin) in done.out) == (0, True), done.describe()
    assert names_below(pin) == []
    assert dialled(lab, cgroup, times=1) == {"ENETUNREACH"}
    assert client.events("idle broken") == []
    again = attempt(lab, "detach", "--pin", pin)
    assert again.popen.returncode == 0 and "nothing was pinned" in again.out, again.describe()


def test_detach_by_name_clears_the_socket_away_and_points_to_pins_elsewhere(lab):
    name = f"killed-{os.getpid()}"
    place = Path(f"/run/reseat/{name}")
    place.mkdir(parents=True)
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(place / "admin.sock"))
    done = attempt(lab, "detach", "--instance", name)
    assert done.popen.returncode == 0, done.describe()
    assert "--pin DIR" in done.out and str(place / "admin.sock") in done.out, done.describe()
    assert not place.exists()


@pytest.mark.parametrize("on_exit, number, stays", [
    ("auto", signal.SIGTERM, True), ("keep", signal.SIGTERM, True), ("detach", signal.SIGTERM, False),
    ("auto", signal.SIGINT, False), ("keep", signal.SIGINT, False)], ids=lambda v: getattr(v, "name", str(v)))
def test_on_exit_and_the_signal_decide_what_stays(lab, echo, pin, on_exit, number, stays):
    cgroup = lab.cgroup()
    sidecar = lab.sidecar(pinned(lab, pin, more=f"on_exit: {on_exit}\n"), cgroup)
    sidecar.send_signal(number)
    assert sidecar.exits() == 0, sidecar.describe()
    assert dialled(lab, cgroup, times=6 if stays else 1) == ({"a", "b"} if stays else {"ENETUNREACH"})
    assert bool(names_below(pin)) == stays
    assert not sidecar.admin.exists()


def test_unpinned_it_says_so_and_nothing_stays(lab, echo):
    cgroup = lab.cgroup()
    sidecar = lab.sidecar(config(service("echo", f"{SERVICE}:7", backends(lab, ECHO_PORT))), cgroup)
    sidecar.logs("not pinned .*balancing ends when this process exits")
    killed(sidecar)
    wait_until(lambda: dialled(lab, cgroup, times=1) == {"ENETUNREACH"}, 5, "the kernel to remove the links")


def test_a_directory_that_is_in_no_bpffs_is_refused_with_the_remedy(lab, echo):
    sidecar = lab.start_sidecar(pinned(lab, lab.tmp / "x"), lab.cgroup())
    UNSUPPORTED = 4
    assert sidecar.exits() == UNSUPPORTED
    assert "mount -t bpf" in sidecar.err and len(sidecar.err.splitlines()) == 1, sidecar.describe()


def test_a_restart_that_fails_leaves_what_was_balancing(lab, echo, pin):
    """A faulty second start must not take away what the first one, killed, goes on doing."""
    cgroup = lab.cgroup()
    killed(lab.sidecar(pinned(lab, pin), cgroup, label="first"))
    (lab.tmp / "second.sock").mkdir()
    second = lab.start_sidecar(pinned(lab, pin), cgroup, label="second")
    assert second.exits() == FAILED, second.describe()
    assert dialled(lab, cgroup) == {"a", "b"}


# ---------------------------------------------------------------- the end of the workload

def test_it_stops_when_the_workload_has_been_empty_as_long_as_configured(lab, echo):
    cgroup = lab.cgroup()
    inner = cgroup.path / "inner"
    inner.mkdir()
    sleeper = lab.spawn(["/bin/sh", "-c", 'echo $$ > "$0"/cgroup.procs && exec sleep 1000', inner], "sleeper")
    wait_until(lambda: str(sleeper.pid) in (inner / "cgroup.procs").read_text().split(), 5, "the move")
    sidecar = lab.sidecar(config(service("echo", f"{SERVICE}:7", backends(lab, ECHO_PORT)),
                                 more="workload: {exit_when_idle: 300ms}\n"), cgroup)
    sidecar.logs("ready")
    for _ in range(3):  # the reload of a file that has not changed is a moment to make a mistake in
        sidecar.get("/reload", "POST")
    assert not sidecar.exited()
    sleeper.stop()
    assert sidecar.exits(within=5) == 0, sidecar.describe()
    assert "has been empty for" in sidecar.err


@pytest.mark.parametrize("way", ["pinned", "not pinned"])
def test_a_cgroup_that_is_removed_ends_it_promptly_with_its_pins_E59(lab, echo, pin, way):
    cgroup = lab.cgroup()
    sidecar = lab.sidecar(pinned(lab, pin if way == "pinned" else "off"), cgroup)
    cgroup.path.rmdir()
    assert sidecar.exits(within=5) == 0, sidecar.describe()
    assert "was removed: stopping" in sidecar.err
    assert names_below(pin) == []


def test_a_second_instance_is_told_who_holds_the_cgroup_E24(lab, echo):
    cgroup = lab.cgroup()
    first = lab.sidecar(config(service("echo", f"{SERVICE}:7", backends(lab, ECHO_PORT))), cgroup, label="first")
    second = lab.start_sidecar(config(service("echo", f"{SERVICE}:7", backends(lab, ECHO_PORT))), cgroup,
                               label="second")
    assert second.exits() == FAILED
    assert f"held by process {first.pid}" in second.err, second.describe()
