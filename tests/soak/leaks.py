# SPDX-License-Identifier: Apache-2.0
"""What reseat holds, and that nothing of it is left or has grown when the crowd has gone."""
import os
from pathlib import Path

from lab import cgroup2_mount, reseat_binary, run, wait_until
from outside import bpf_ids, descriptors, exists, index_entries, resident_kb

LET_GO = 60          # deadline for whatever is cleaned up in the background
MORE_FDS = 12        # watch connections come and go
MORE_KB = 12 * 1024  # of resident memory


class Holdings:
    """What the present reseat held at a moment."""

    def __init__(self, world):
        pid = world.reseat.pid
        self.pid, self.fds, self.kb, self.bpf = pid, descriptors(pid), resident_kb(pid), bpf_ids(pid)

    @property
    def fd_count(self):
        return sum(self.fds.values())


def end_of_crowd(world, crowd, checker, before, report):
    """All hang up: reseat must forget them, and hold what it held."""
    crowd.snapshot()
    crowd.leave()

    def open_sockets():
        return {s["name"] + "/" + s["protocol"]: [s["open_sockets"], s["waiting"], s["stuck"]]
                for s in world.reseat.status()["services"]}
    _expect(checker, lambda: not any(any(n) for n in open_sockets().values()),
            lambda: f"sockets that /status still counts [open, waiting, stuck]: {open_sockets()}")
    _expect(checker, lambda: index_entries(world.reseat.pid) == 0,
            lambda: f"{index_entries(world.reseat.pid)} entries left in the index")
    # Probes that wait for a host that is gone come and go.
    _expect(checker, lambda: Holdings(world).fd_count <= before.fd_count + MORE_FDS,
            lambda: f"descriptors: {dict(Holdings(world).fds - before.fds)} more")
    after = Holdings(world)
    report.before, report.after = before, after
    for kind in ("map_id", "prog_id", "link_id"):
        if len(after.bpf[kind]) != len(before.bpf[kind]):
            checker.fault("leak", f"{kind}: {sorted(before.bpf[kind])} became {sorted(after.bpf[kind])}")
    if after.kb > before.kb + MORE_KB:
        checker.fault("leak", f"resident memory: {before.kb} kB became {after.kb} kB")
    _stop(world, checker, after)


def _stop(world, checker, held):
    status = world.stop_reseat()
    if status != 0:
        checker.fault("leak", f"reseat ended with status {status}: {world.reseat.describe()}")
    if world.pinned:
        run(*world.lab.in_client([reseat_binary(), "detach", "--pin", world.pins]))
        _expect(checker, lambda: not world.pins.exists(), f"{world.pins} to be gone after reseat detach")
    left = lambda: [(k, n) for k in ("map_id", "prog_id") for n in held.bpf[k] if exists(k, n)]  # noqa: E731
    _expect(checker, lambda: not left(), lambda: f"left in the kernel after reseat's end: {left()}")


def _expect(checker, condition, what):
    try:
        wait_until(condition, LET_GO, what)
    except AssertionError as error:
        checker.fault("leak", str(error))


def left_behind(name):
    """Namespaces, cgroups and processes of the lab that outlived it."""
    places = [Path("/run/netns"), cgroup2_mount()]
    found = [str(p) for place in places if place.exists() for p in place.iterdir() if p.name.startswith(name)]
    for pid in [p for p in os.listdir("/proc") if p.isdigit() and int(p) != os.getpid()]:
        try:
            if name in Path(f"/proc/{pid}/cmdline").read_text():
                found.append(f"process {pid}")
        except (FileNotFoundError, ProcessLookupError):
            pass
    return found
