# SPDX-License-Identifier: Apache-2.0
"""The laboratory itself: if a vanished host were noticed by the kernel, every other test here would prove nothing."""
import os
from pathlib import Path

import pytest

from lab import HERE, PREFIX, PYTHON, Lab, cgroup2_mount, hang_time, wait_until


@pytest.mark.parametrize("family", ["v4", "v6"])
def test_a_vanished_host_is_silent_and_a_reappeared_one_answers(lab, family):
    address = getattr(lab.a, family)
    server = lab.a.spawn([PYTHON, HERE / "clients/echo_server.py", address, 7000, "a"], "echo")
    server.event("listening", within=10)
    client = lab.spawn([PYTHON, HERE / "clients/hang.py", address, 7000], stdin=True)
    client.event("connected", within=10)
    lab.a.vanish()
    client.tell("go")
    client.event("trying", within=5)
    assert client.event("datagram sent")["result"] == "3"
    assert client.event("bytes sent")["result"] == "3"
    client.stays_silent(hang_time("lab"))
    lab.a.reappear()
    assert client.event("bytes answered", within=20)["result"] == r"b'a\n'"
    assert client.event("new connection", within=20).get("error") is None
    assert not client.events("idle woke")


def test_what_a_sanitizer_finds_in_a_process_fails_the_test_that_started_it():
    with pytest.raises(AssertionError, match="LeakSanitizer: 8 byte"):
        with Lab() as lab:
            report = "SUMMARY: LeakSanitizer: 8 byte(s) leaked in 1 allocation(s)."
            lab.spawn(["sh", "-c", f"echo '{report}' >&2; exec sleep 1000"]).logs("leaked")


def test_a_lab_leaves_nothing_behind():
    with Lab() as lab:
        cgroup, tmp = lab.cgroup(), lab.tmp
        sleeper = lab.spawn(["sleep", "1000"], cgroup=cgroup)
        wait_until(lambda: (cgroup.path / "cgroup.procs").read_text().split() == [str(sleeper.pid)], 5, "the move")
    ours = f"{PREFIX}{os.getpid()}-"
    assert not tmp.exists()
    assert sleeper.exited()
    for place in (Path("/run/netns"), cgroup2_mount()):
        assert [p.name for p in place.iterdir() if p.name.startswith(ours)] == []
