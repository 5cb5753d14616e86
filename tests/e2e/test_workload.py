# SPDX-License-Identifier: Apache-2.0
"""Four ways to say which cgroup is meant, and no way to balance another one by mistake."""
import os
import signal

import pytest

from commands import FAILED, UNSUPPORTED, attempt, echoes
from lab import BOUND, ECHO_PORT, HERE, PYTHON, backends, cgroup2_mount, config, now, service, wait_until
from sandbox import Cgroup

SERVICE, STATSD = "10.96.0.7", "10.96.0.8"


def in_its_own_cgroup_namespace(own, host=None):
    """Starts a command as a container runtime does: a cgroup namespace whose root is the cgroup it is in, and
    that mounted at `own`; the machine's cgroup2 hierarchy is hidden, or shown at `host`."""
    show = 'mkdir -p "$2" && mount --rbind "$1" "$2" || exit 1\n' if host else ""
    # "$1": where the machine has it mounted, "$2": host, "$3": own
    script = (f'{show}umount -l "$1" || exit 1\nmkdir -p "$3" && mount -t cgroup2 none "$3" || exit 1\n'
              'shift 3\nexec "$@"')
    return ["unshare", "--cgroup", "--mount", "--", "/bin/sh", "-c", script, "sh", cgroup2_mount(), host or "-", own]


def client(lab, cgroup, wrapper=()):
    """A client that names each host that it is connected to."""
    return lab.spawn([*wrapper, PYTHON, HERE / "clients/idle_tcp.py", f"idle={SERVICE}/7"], "client", cgroup=cgroup)


def sleeper(lab, cgroup, wrapper=(), label="sleeper"):
    process = lab.spawn([*wrapper, PYTHON, "-c", "import signal; print('here', flush=True); signal.pause()"], label,
                        cgroup=cgroup)
    process.prints("here", within=5)
    return process


def text(lab):
    return config(service("echo", f"{SERVICE}:7", backends(lab, ECHO_PORT)))


def fails_over(lab, cgroup, wrapper=()):
    app = client(lab, cgroup, wrapper)
    victim = lab.host(app.event("idle", within=10)["host"])
    victim.vanish()
    assert app.event("idle broken", within=BOUND)["errno"] == "ECONNABORTED"


# ---------------------------------------------------------------- the four ways

@pytest.mark.parametrize("reseat", ["which sees the machine's cgroups", "in a cgroup namespace of its own"])
def test_by_process_across_a_private_cgroup_namespace(lab, echo, reseat):
    """As two containers have it: neither shows the other's cgroup. The way leads through the process's root."""
    cgroup, neighbour = lab.cgroup(), lab.cgroup()
    container = in_its_own_cgroup_namespace(lab.tmp / "app-cgroup")
    process = sleeper(lab, cgroup, container)
    own = reseat.startswith("in a")
    sidecar = lab.start_sidecar(text(lab), ["--pid", str(process.pid)], inside=neighbour,
                                wrapper=in_its_own_cgroup_namespace(cgroup2_mount()) if own else ())
    sidecar.wait_ready()
    named = sidecar.status()["workload"]["cgroup"]
    assert named == (f"/proc/{process.pid}/root{lab.tmp}/app-cgroup" if own else str(cgroup.path))
    fails_over(lab, cgroup)
    second = lab.start_sidecar(text(lab), cgroup, label="second")
    assert second.exits() == FAILED, "the same cgroup, whichever way it was found [E24]"
    assert "another reseat is attached to" in second.err


def test_found_by_process_it_is_left_when_it_is_removed_E59(lab, echo):
    cgroup, neighbour = lab.cgroup(), lab.cgroup()
    process = sleeper(lab, cgroup, in_its_own_cgroup_namespace(lab.tmp / "app-cgroup"))
    sidecar = lab.start_sidecar(text(lab), ["--pid", str(process.pid)], inside=neighbour,
                                wrapper=in_its_own_cgroup_namespace(cgroup2_mount()))
    sidecar.wait_ready()
    process.stop(signal.SIGKILL)
    cgroup.path.rmdir()
    assert sidecar.exits(within=10) == 0, sidecar.describe()
    assert "was removed: stopping" in sidecar.err


def test_what_a_process_mounts_in_the_way_cannot_lead_reseat_elsewhere(lab, echo):
    """Its /sys/fs/cgroup is a link to another cgroup: not followed out of its root, nor taken for its own."""
    cgroup, other, neighbour = lab.cgroup(), lab.cgroup(), lab.cgroup()
    own = lab.tmp / "app-cgroup"
    hide = 'own=$1; shift; umount -l "$own" && mount --bind "$0" "$own" && exec "$@"'
    process = sleeper(lab, cgroup, [*in_its_own_cgroup_namespace(own, host=lab.tmp / "host"), "/bin/sh", "-c", hide,
                                    lab.tmp / "host" / other.path.name, own])
    started = lab.start_sidecar(text(lab), ["--pid", str(process.pid)], inside=neighbour,
                                wrapper=in_its_own_cgroup_namespace(cgroup2_mount()))
    wait_until(lambda: started.exited() or "ready" in started.err, 10, started.describe)
    if started.exited():
        assert started.exits() == FAILED
    else:
        assert started.status()["workload"]["cgroup"].endswith(f"/host/{cgroup.path.name}")


def test_the_pod_of_a_sidecar_that_starts_first(lab, echo):
    """Our own cgroup is found by its inode below a mount of the machine's cgroups; one above is the pod."""
    pod = lab.cgroup()
    inside, app = (Cgroup(f"{pod.path.name}/{name}") for name in ("reseat", "app"))
    sidecar = lab.start_sidecar(text(lab), ["--cgroup", "pod"], inside=inside,
                                wrapper=in_its_own_cgroup_namespace(cgroup2_mount(), host=lab.tmp / "host"))
    sidecar.wait_ready()
    assert sidecar.status()["workload"]["cgroup"] == f"{lab.tmp}/host/{pod.path.name}"
    fails_over(lab, app, in_its_own_cgroup_namespace(lab.tmp / "app-cgroup"))


def test_the_pod_is_found_without_a_cgroup_namespace_too_and_above_a_scope(lab, echo):
    pod = lab.cgroup()
    scope = Cgroup(f"{pod.path.name}/crio-4711.scope")
    inside = Cgroup(f"{pod.path.name}/{scope.path.name}/container")
    sidecar = lab.start_sidecar(text(lab), ["--cgroup", "pod"], inside=inside)
    sidecar.wait_ready()
    assert sidecar.status()["workload"]["cgroup"] == str(pod.path)
    sidecar.stop()


# ---------------------------------------------------------------- and the wrong ones

def test_a_pod_that_cannot_be_seen_is_an_error_that_says_what_to_mount(lab):
    file = lab.write("x.yaml", echoes(lab))
    done = attempt(lab, "run", "--config", file, "--cgroup", "pod", cgroup=lab.cgroup(),
                   wrapper=in_its_own_cgroup_namespace(cgroup2_mount()))
    assert done.popen.returncode == UNSUPPORTED, done.describe()
    assert "mount the host's /sys/fs/cgroup" in done.err


def test_outside_of_a_pod_there_is_none(lab):
    file = lab.write("x.yaml", echoes(lab))
    done = attempt(lab, "run", "--config", file, "--cgroup", "pod", cgroup=lab.cgroup())
    assert done.popen.returncode == FAILED, done.describe()
    assert "is not in a pod" in done.err


def test_a_process_in_the_root_cgroup_does_not_have_all_of_the_machine_balanced(lab):
    root = lab.spawn(["/bin/sh", "-c", f'echo $$ > {cgroup2_mount()}/cgroup.procs && echo here && exec sleep 1000'],
                     "in-root")
    root.prints("here", within=5)
    done = attempt(lab, "run", "--config", lab.write("x.yaml", echoes(lab)), "--pid", root.pid)
    assert done.popen.returncode == FAILED, done.describe()
    assert f"process {root.pid} is in the root cgroup" in done.err


def test_without_CAP_SYS_PTRACE_another_containers_cgroup_is_out_of_reach_and_it_says_so(lab):
    cgroup, neighbour = lab.cgroup(), lab.cgroup()
    process = sleeper(lab, cgroup, in_its_own_cgroup_namespace(lab.tmp / "app-cgroup"))
    done = attempt(lab, "run", "--config", lab.write("x.yaml", echoes(lab)), "--pid", process.pid, cgroup=neighbour,
                   wrapper=[*in_its_own_cgroup_namespace(cgroup2_mount()), "setpriv",
                            "--bounding-set=-all,+bpf,+net_admin,+perfmon", "--"])
    assert done.popen.returncode == UNSUPPORTED, done.describe()
    assert "CAP_SYS_PTRACE" in done.err


def test_a_process_that_is_gone(lab):
    child = os.fork()
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)
    done = attempt(lab, "run", "--config", lab.write("x.yaml", echoes(lab)), "--pid", child)
    assert done.popen.returncode == FAILED, done.describe()
    assert f"process {child} does not exist" in done.err


# ---------------------------------------------------------------- threaded cgroups

def tcp_is_told_and_udp_is_moved(lab, sidecar, cgroup):
    app = client(lab, cgroup)
    sender = lab.spawn([PYTHON, HERE / "clients/statsd_sender.py", f"{STATSD}:{ECHO_PORT}"], "sender", cgroup=cgroup)
    victim = lab.host(app.event("idle", within=10)["host"])
    sender.event("sent", within=10)
    victim.vanish()
    assert app.event("idle broken", within=BOUND)["errno"] == "ECONNABORTED"
    wait_until(lambda: sidecar.backend("statsd", victim.name)["open_sockets"] == 0, BOUND, sidecar.describe)
    sender.event("sent", within=5, after=now())
    assert sender.events("error") == [], "moved, not ended"
    assert "restarting it" not in sidecar.err


def both_services(lab):
    return config(service("echo", f"{SERVICE}:7", backends(lab, ECHO_PORT)),
                  service("statsd", f"{STATSD}:{ECHO_PORT}", backends(lab, ECHO_PORT), protocol="udp", check="type: tcp"))


@pytest.mark.parametrize("way", ["--cgroup", "--pid"])
def test_a_workload_whose_own_cgroup_is_threaded_is_balanced_E83(lab, echo, way):
    threaded = lab.cgroup().threaded("th")
    process = sleeper(lab, threaded)
    sidecar = lab.start_sidecar(both_services(lab), threaded if way == "--cgroup" else [way, str(process.pid)])
    sidecar.wait_ready()
    tcp_is_told_and_udp_is_moved(lab, sidecar, threaded)


def test_threaded_cgroups_below_the_workload_before_the_start_and_after_it_E83(lab, echo):
    cgroup = lab.cgroup()
    before = cgroup.threaded("before")
    sleeper(lab, before)
    sidecar = lab.sidecar(both_services(lab), cgroup)
    after = cgroup.threaded("after")
    sleeper(lab, after, label="later")
    tcp_is_told_and_udp_is_moved(lab, sidecar, after)
