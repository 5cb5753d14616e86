# SPDX-License-Identifier: Apache-2.0
"""Health checks that run a script: permitted, explained, bounded, and exempt from balancing."""
import json
import os

from commands import INVALID, attempt
from lab import BOUND, ECHO_PORT, PYTHON, backends, config, service, wait_until

SERVICE = "10.96.0.7:7"


def script(lab, text, name="check"):
    path = lab.tmp / name
    path.write_text(text)
    path.chmod(0o755)
    return path


def whole(lab, command, address=SERVICE, hosts=None, name="echo"):
    return config(service(name, address, hosts or backends(lab, ECHO_PORT),
                          check=f"type: exec, exec: {{command: [{command}]}}"))


def test_a_script_decides_and_its_first_line_explains(lab):
    flag = lab.tmp / "sick"
    check = script(lab, f"#!/bin/sh\ntest -e {flag}-$RESEAT_BACKEND || exit 0\n"
                        "echo \"$RESEAT_SERVICE/$RESEAT_BACKEND at $RESEAT_ADDRESS:$RESEAT_PORT is late\"; exit 2\n")
    sidecar = lab.sidecar(whole(lab, check), lab.cgroup(), "--allow-exec")
    assert sidecar.states("echo") == {"a": "up", "b": "up"}
    flag.with_name("sick-a").touch()
    sidecar.logs(rf"echo/a is DOWN: exit status 2: echo/a at {lab.a.v4}:{ECHO_PORT} is late, in", within=BOUND + 2)
    assert sidecar.states("echo")["b"] == "up"


def test_commands_have_to_be_permitted(lab):
    file = lab.write("exec.yaml", whole(lab, "/bin/true"))
    refused = attempt(lab, "check", file)
    assert refused.popen.returncode == INVALID, refused.describe()
    assert "start reseat with --allow-exec" in refused.err
    valid = attempt(lab, "validate", file)
    assert valid.popen.returncode == 0 and "warning: type: exec runs a command; reseat needs --allow-exec" in valid.err
    done = attempt(lab, "check", file, "--allow-exec", "-o", "json")
    assert {row["detail"] for row in json.loads(done.out)} == {"exit status 0"}
    # A running instance that was not told to allow it keeps what it has.
    sidecar = lab.sidecar(config(service("echo", SERVICE, backends(lab, ECHO_PORT), check="type: none")), lab.cgroup())
    before = sidecar.status()["config"]["sha256"]
    sidecar.configure(whole(lab, "/bin/true"))
    sidecar.logs("start reseat with --allow-exec")
    assert sidecar.status()["config"]["sha256"] == before


def test_a_script_that_hangs_is_killed_with_its_children_and_leaves_no_zombie(lab):
    pids = lab.tmp / "pids"
    check = script(lab, f"#!/bin/sh\nsleep 1000 &\necho $! >>{pids}\necho waiting\nsleep 1000\n")
    sidecar = lab.sidecar(whole(lab, check), lab.cgroup(), "--allow-exec")
    sidecar.logs(r"echo/a is DOWN: killed after 200ms: waiting", within=BOUND + 2)

    def none_left():
        for pid in [int(p) for p in pids.read_text().split()][:-4]:
            if os.path.exists(f"/proc/{pid}"):
                return False
        return True
    wait_until(none_left, 5, "the scripts' children to be killed")
    wait_until(lambda: "Z" not in children_states(sidecar.pid), 5, "zombies to be reaped")


def children_states(pid):
    states = []
    for entry in filter(str.isdigit, os.listdir("/proc")):
        try:
            fields = open(f"/proc/{entry}/stat", errors="replace").read().rsplit(")", 1)[1].split()
        except OSError:
            continue
        if int(fields[1]) == pid:
            states.append(fields[0])
    return states


def test_what_a_script_connects_to_is_never_translated_although_it_runs_in_the_balanced_cgroup_E23(lab, echo):
    """The first service's backend is the second one's service address: a translated connect would ask host b. The
    script's child makes the socket, as scripts do."""
    ask = ("import os,socket; s = socket.create_connection((os.environ['RESEAT_ADDRESS'], int(os.environ['RESEAT_PORT'])),"
           " timeout=2); s.sendall(b'who'); print(s.recv(64).decode().strip())")
    check = script(lab, f"#!/bin/sh\n{PYTHON} -c \"{ask}\"\nexit 0\n")
    cgroup = lab.cgroup()
    sidecar = lab.start_sidecar(
        f"version: 1\npin: off\nservices:\n"
        f"  - name: first\n    address: {SERVICE}\n    backends: ['{lab.a.at(ECHO_PORT)}', '{lab.b.at(9)}']\n"
        f"    health_check: {{type: exec, exec: {{command: [{check}]}}, interval: 200ms, fast_interval: 200ms, timeout: 5s}}\n"
        f"  - name: second\n    address: {lab.a.at(ECHO_PORT)}\n    backends: ['{lab.b.at(ECHO_PORT)}']\n"
        f"    health_check: {{type: none}}\n",
        cgroup, "--allow-exec", inside=cgroup)
    sidecar.wait_ready()
    assert str(sidecar.pid) in (cgroup.path / "cgroup.procs").read_text().split()

    def answered():
        return sidecar.backend("first", lab.a.at(ECHO_PORT))["check"]["detail"].startswith("exit status 0: ")
    wait_until(answered, 10, lambda: sidecar.describe())
    assert sidecar.backend("first", lab.a.at(ECHO_PORT))["check"]["detail"] == "exit status 0: a"


def test_a_command_that_is_not_there_is_warned_of_once_and_explained(lab):
    sidecar = lab.sidecar(whole(lab, "/nonexistent/prog"), lab.cgroup(), "--allow-exec")
    lack = "cannot run /nonexistent/prog: No such file or directory"
    sidecar.logs(rf"echo/a and 1 more backend cannot be checked: {lack}", within=3)
    asked = sidecar.backend("echo", "a")["check"]["at"]
    wait_until(lambda: sidecar.backend("echo", "a")["check"]["at"] != asked, 5, sidecar.describe)
    assert sidecar.err.count("cannot be checked") == 1
    for words in (["status"], ["backends"], ["explain", "echo"]):
        told = attempt(lab, *words, "--admin", sidecar.admin)
        assert told.popen.returncode == 0 and "cannot be checked" in told.out, told.describe()
    assert "a, b: reseat cannot make the check" in told.out and "No action is needed." not in told.out
