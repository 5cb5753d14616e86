# SPDX-License-Identifier: Apache-2.0
"""Cgroups and network namespaces of the tests' own, under names that say whose they are."""
import os
import re
import shutil
import signal
import tempfile
from pathlib import Path

from process import run
from waiting import wait_until

PREFIX = "reseat-e2e-"


def cgroup2_mount():
    """Where cgroup2 is mounted: /sys/fs/cgroup, or elsewhere on hybrid machines."""
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        fields = line.split()
        if fields[fields.index("-") + 1] == "cgroup2":
            return Path(fields[4])
    raise AssertionError("no cgroup2 mount in /proc/self/mountinfo")


class Cgroup:
    """A cgroup of the test's own."""

    def __init__(self, name):
        self.path = cgroup2_mount() / name
        self.path.mkdir()

    def threaded(self, name):
        """A threaded cgroup below this one, which goes with it."""
        child = Cgroup(f"{self.path.name}/{name}")
        (child.path / "cgroup.type").write_text("threaded")
        return child

    def wrap(self, argv):
        """Joins before exec, so that every socket of the command is created inside."""
        return ["/bin/sh", "-c", 'echo $$ > "$0"/cgroup.procs && exec "$@"', self.path, *argv]

    def remove(self):
        _remove_cgroup(self.path)


def _processes(path):
    try:
        return [int(pid) for pid in (path / "cgroup.procs").read_text().split()]
    except OSError:  # a threaded cgroup: the domain above it lists them
        return []


def _remove_cgroup(path):
    if not path.exists():
        return
    for child in [d for d in path.iterdir() if d.is_dir()]:
        _remove_cgroup(child)

    def gone():
        for pid in _processes(path):
            os.kill(pid, signal.SIGKILL)
        try:
            path.rmdir()
            return True
        except OSError:
            return False
    wait_until(gone, 5, f"cgroup {path} to become empty")


class Namespace:
    """A network namespace. Entered with nsenter: `ip netns exec` would hide /sys/fs/cgroup."""

    def __init__(self, name):
        self.name = name
        run("ip", "netns", "add", name)
        self.ip("link", "set", "lo", "up")

    def ip(self, *words):
        return run("ip", "-n", self.name, *words)

    def wrap(self, argv):
        return ["nsenter", f"--net=/run/netns/{self.name}", "--", *argv]

    def remove(self):
        run("ip", "netns", "del", self.name, check=False)


def remove_leftovers(prefix=None):
    """Namespaces, cgroups and files of a lab (`prefix`), or of all test runs that no longer live."""
    def ours(name):
        if prefix:
            return name.startswith(prefix)
        match = re.match(PREFIX + r"(\d+)-", name)
        return match and not Path("/proc", match[1]).exists()

    for path in [p for p in cgroup2_mount().iterdir() if p.is_dir() and ours(p.name)]:
        _remove_cgroup(path)
    namespaces = Path("/run/netns")
    for path in [p for p in (namespaces.iterdir() if namespaces.exists() else []) if ours(p.name)]:
        run("ip", "netns", "del", path.name, check=False)
    for path in [p for p in Path(tempfile.gettempdir()).iterdir() if ours(p.name)]:
        run("umount", "-l", path / "bpf", check=False)
        shutil.rmtree(path, ignore_errors=True)
