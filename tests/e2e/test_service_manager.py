# SPDX-License-Identifier: Apache-2.0
"""What a service manager such as systemd hears of reseat (sd_notify(3)), on a socket of the test's own."""
import contextlib
import ctypes
import os
import signal
import socket
import time

import pytest

from lab import ECHO_PORT, backends, config, service, wait_until

WATCHDOG = 0.6
CLONE_NEWNET = 0x40000000


class Manager:
    """Listens at $NOTIFY_SOCKET. `heard` holds (moment, assignments of one datagram)."""

    def __init__(self, address):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(address)
        self.socket.setblocking(False)
        self.address = address.replace("\0", "@")
        self.heard = []

    def listen(self):
        while True:
            try:
                text = self.socket.recv(4096).decode()
            except BlockingIOError:
                return self.heard
            self.heard.append((time.monotonic(), dict(line.split("=", 1) for line in text.splitlines())))

    def hears(self, key, value=None, after=0, within=10):
        """Index after the first datagram, from number `after` on, that assigns `key` (`value`)."""
        def found():
            self.listen()
            return next((i + 1 for i, (_, said) in enumerate(self.heard)
                         if i >= after and key in said and value in (None, said[key])), None)
        return wait_until(found, within, lambda: f"{key}={value} among {self.heard[after:]}")


@contextlib.contextmanager
def inside(namespace):
    """This thread in a network namespace: an abstract address is known in one only."""
    libc = ctypes.CDLL(None, use_errno=True)
    with open("/proc/thread-self/ns/net") as ours, open(f"/run/netns/{namespace.name}") as theirs:
        assert libc.setns(theirs.fileno(), CLONE_NEWNET) == 0, os.strerror(ctypes.get_errno())
        yield
        assert libc.setns(ours.fileno(), CLONE_NEWNET) == 0, os.strerror(ctypes.get_errno())


@pytest.fixture(params=["a path", "an abstract address"])
def manager(lab, request):
    if request.param == "a path":
        listening = Manager(str(lab.tmp / "notify"))
    else:
        with inside(lab.client):
            listening = Manager(f"\0{lab.name}-notify")
    yield listening
    listening.socket.close()


def echoes(lab, more=""):
    return config(service("echo", "10.96.0.7:7", backends(lab, ECHO_PORT), more=more))


def start(lab, manager, text, *flags, watchdog=None):
    environment = {"NOTIFY_SOCKET": manager.address}
    if watchdog:
        environment["WATCHDOG_USEC"] = str(int(watchdog * 1e6))
    return lab.start_sidecar(text, lab.cgroup(), *flags, environment=environment)


def test_it_is_ready_when_all_was_checked_reloading_while_it_reloads_and_stopping_at_the_end(lab, echo, manager):
    sidecar = start(lab, manager, echoes(lab))
    at = manager.hears("READY", "1")
    assert sidecar.get("/ready")[0] == 200
    at = manager.hears("STATUS", "1 service, 2 of 2 backends eligible, 0 open sockets", after=at - 1)
    for reload in (lambda: sidecar.send_signal(signal.SIGHUP), lambda: sidecar.get("/reload", "POST")):
        reload()
        at = manager.hears("RELOADING", "1", after=at)
        assert int(manager.heard[at - 1][1]["MONOTONIC_USEC"]) <= time.monotonic_ns() // 1000
        at = manager.hears("READY", "1", after=at)
    sidecar.file.write_text("version: 1\nservces: []\n")
    sidecar.send_signal(signal.SIGHUP)
    at = manager.hears("READY", "1", after=manager.hears("RELOADING", "1", after=at))
    sidecar.send_signal(signal.SIGTERM)
    manager.hears("STOPPING", "1", after=at)
    assert sidecar.exits() == 0


def test_it_is_not_ready_before_the_first_check_has_an_answer(lab, echo, manager):
    lab.a.vanish()
    sidecar = start(lab, manager, echoes(lab).replace("timeout: 200ms", "timeout: 1s"))
    wait_until(lambda: sidecar.admin.exists() and sidecar.get("/ready")[0], 5, sidecar.describe)
    answer = sidecar.get("/ready")[0]
    assert answer == 200 or not any("READY" in said for _, said in manager.listen())
    manager.hears("READY", "1")


def test_the_watchdog_is_fed_at_least_twice_as_often_as_asked_for_and_not_when_the_loop_stands_still(
        lab, echo, manager):
    sidecar = start(lab, manager, echoes(lab), watchdog=WATCHDOG)
    at = manager.hears("READY", "1")
    for _ in range(6):
        at = manager.hears("WATCHDOG", "1", after=at)
    moments = [when for when, said in manager.heard if "WATCHDOG" in said]
    assert max(b - a for a, b in zip(moments, moments[1:])) < WATCHDOG, moments
    sidecar.send_signal(signal.SIGSTOP)
    manager.listen()
    before = len(manager.heard)
    wait_until(lambda: time.monotonic() > manager.heard[-1][0] + 2 * WATCHDOG, 5, "two periods to pass")
    assert manager.listen()[before:] == []
    sidecar.send_signal(signal.SIGCONT)
    manager.hears("WATCHDOG", "1", after=before)


def test_a_command_of_an_exec_check_cannot_speak_for_it(lab, echo, manager):
    script = lab.write("check.sh", "#!/bin/sh\nenv > \"$0\".env.new && mv \"$0\".env.new \"$0\".env\n")
    script.chmod(0o755)
    text = config(service("echo", "10.96.0.7:7", {"a": lab.a.at(ECHO_PORT)},
                          check=f"type: exec, exec: {{command: [{script}]}}"))
    start(lab, manager, text, "--allow-exec", watchdog=WATCHDOG)
    manager.hears("READY", "1")
    wait_until(lambda: os.path.exists(f"{script}.env"), 5, "the command's environment")
    seen = open(f"{script}.env").read()
    assert "RESEAT_BACKEND=a" in seen
    assert "NOTIFY_SOCKET" not in seen and "WATCHDOG" not in seen


IN_THE_JOURNAL = ["sh", "-c", 'JOURNAL_STREAM=$(stat -L -c %d:%i /dev/stderr) exec "$@"', "sh"]


def test_the_journal_is_told_the_level_and_keeps_the_time_itself(lab, echo):
    sidecar = lab.start_sidecar(echoes(lab), lab.cgroup(), wrapper=IN_THE_JOURNAL)
    sidecar.wait_ready()
    lab.a.vanish()
    sidecar.logs(r"(?m)^<4>echo/a is DOWN: no answer within")
    sidecar.logs(r"(?m)^<6>ready: every backend has been checked once$")


def test_where_only_the_manager_itself_writes_to_the_journal_lines_are_whole(lab, echo):
    sidecar = lab.start_sidecar(echoes(lab), lab.cgroup(), environment={"JOURNAL_STREAM": "1:2"})
    sidecar.wait_ready()
    sidecar.logs(r"(?m)^\d{4}-\S+Z info ready: every backend has been checked once$")
