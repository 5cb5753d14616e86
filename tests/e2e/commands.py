# SPDX-License-Identifier: Apache-2.0
"""What the tests of reseat's commands share."""
import os
import re

from lab import ECHO_PORT, backends, cgroup2_mount, config, reseat_binary, service

FAILED, USAGE, INVALID, UNSUPPORTED, EXEC_FAILED = 1, 2, 3, 4, 125


def echoes(lab, more=""):
    return config(service("echo", "10.96.0.7:7", backends(lab, ECHO_PORT)), more=more)


def attempt(lab, *words, cgroup=None, wrapper=(), within=10):
    """A command that is expected to end by itself; its pid is reseat's."""
    label = f"attempt-{len(list(lab.tmp.glob('attempt-*.err')))}"
    process = lab.spawn([*wrapper, reseat_binary(), *words], label=label, cgroup=cgroup)
    process.exits(within=within)
    return process


def assert_refused(process, status, *words):
    """The right exit status, and one line that names what it is about."""
    assert process.popen.returncode == status, process.describe()
    assert len(process.err.splitlines()) == 1, process.describe()
    assert process.out == "", process.describe()
    for word in words:
        assert str(word) in process.err, process.describe()
    assert_nothing_left(process.pid)


def assert_nothing_left(pid):
    """No cgroup, socket directory, namespace or pin that carries the process's id."""
    for place in ("/run/reseat", "/run/netns", "/sys/fs/bpf/reseat", cgroup2_mount()):
        names = os.listdir(place) if os.path.isdir(place) else []
        assert [n for n in names if re.search(rf"\b{pid}\b", n)] == [], f"left in {place}"
