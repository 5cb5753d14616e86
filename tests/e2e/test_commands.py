# SPDX-License-Identifier: Apache-2.0
"""The commands a person types: what they print and how they end."""
import json
import os
import re
import signal

import pytest

from commands import FAILED, INVALID, assert_nothing_left, assert_refused, attempt, echoes
from lab import BOUND, ECHO_PORT, HERE, PYTHON, config, reseat_binary, run, service, wait_until

FAULTY = """\
version: 1
services:
  - name: web
    protocol: tpc
    address: 10.96.0.80:80
    health_check: {rise: 2}
    backends:
      - 10.98.0.11:80
      - {address: 10.98.0.12, nmae: b}
"""


def position(text, needle):
    """line:column of `needle`, both from 1."""
    before = text[:text.index(needle)]
    return f"{before.count(chr(10)) + 1}:{len(before) - before.rfind(chr(10))}"


# ---------------------------------------------------------------- validate, version, doctor, check

def test_validate_sums_up_a_good_file_in_one_line(lab):
    done = attempt(lab, "validate", lab.write("good.yaml", echoes(lab)))
    assert (done.popen.returncode, done.err) == (0, ""), done.describe()
    assert len(done.out.splitlines()) == 1


def test_validate_tells_every_fault_at_once_with_its_place(lab):
    file = lab.write("faulty.yaml", FAULTY)
    done = attempt(lab, "validate", file)
    assert done.popen.returncode == INVALID, done.describe()
    for needle, hint in (("tpc", "tcp"), ("rise", "healthy_threshold"), ("10.98.0.12", "port"), ("nmae", "name")):
        line = next((l for l in done.err.splitlines()
                     if l.startswith(f"{file}:{position(FAULTY, needle)}: error: ")), None)
        assert line and hint in line, f"{needle}: {done.describe()}"


def test_validate_warns_of_what_is_legal_but_surely_wrong(lab):
    file = lab.write("lonely.yaml", config(service("echo", "10.96.0.7:7", {"a": lab.a.at(ECHO_PORT)})))
    done = attempt(lab, "validate", file)
    assert done.popen.returncode == 0, done.describe()
    assert re.search(rf"^{re.escape(str(file))}:\d+:\d+: warning: ", done.err, re.M), done.describe()


def test_version_is_also_data(lab):
    text = attempt(lab, "version")
    assert text.popen.returncode == 0
    version = re.search(r"\d+\.\d+\.\d+", text.out)[0]
    assert "libbpf" in text.out
    assert json.loads(attempt(lab, "version", "-o", "json").out)["version"] == version


def test_doctor_tries_every_feature_and_is_content_with_root_E25(lab):
    text = attempt(lab, "doctor")
    assert text.popen.returncode == 0, text.describe()
    for engine in ("tuple", "diag", "iterator", "descriptor"):
        assert re.search(rf"^terminate: {engine} +yes +terminated 3 test sockets", text.out, re.M), text.describe()
    assert "sockets are terminated by: tuple, then " in text.out
    assert json.loads(attempt(lab, "doctor", "-o", "json").out)


def test_check_probes_every_backend_once(lab, echo):
    file = lab.write("good.yaml", echoes(lab))
    done = attempt(lab, "check", file)
    assert done.popen.returncode == 0, done.describe()
    assert lab.a.at(ECHO_PORT) in done.out and lab.b.at(ECHO_PORT) in done.out
    assert json.loads(attempt(lab, "check", file, "-o", "json").out)
    lab.b.vanish()
    failed = attempt(lab, "check", file)
    assert failed.popen.returncode == FAILED, failed.describe()
    assert "no answer within" in failed.out


# ---------------------------------------------------------------- a running instance

STATUS = {
    "api_version": int, "version": str, "instance": str, "ready": bool, "started_at": str,
    "workload": {"cgroup": str, "pinned": bool},
    "config": {"path": str, "sha256": str, "loaded_at": str, "last_reload": object},
    "kernel": {"release": str, "terminate": [str], "repoint": bool},
    "services": [{
        "name": str, "protocol": str, "addresses": [str], "lb_policy": str, "eligible": int, "total": int,
        "panic": bool, "open_sockets": int, "waiting": int, "stuck": int, "untracked": int,
        "last_failover": {"at": str, "backend": str, "reason": str, "matched": int, "terminated": int,
                          "repointed": int, "failed": int, "duration_us": int},
        "backends": [{
            "name": str, "address": str, "state": str, "reason": str, "since": str, "weight": int,
            "effective_weight": int, "priority": int, "open_sockets": int, "connects_total": int,
            "connect_failures_total": int,
            "check": {"type": str, "result": str, "detail": str, "latency_us": int, "at": str, "passes": int,
                      "failures": int}}]}],
    "policies": list,
}


def assert_shape(value, shape, path="$"):
    """Every promised key, of the promised type; more keys are welcome."""
    if isinstance(shape, dict):
        assert isinstance(value, dict), f"{path} is {value!r}"
        for key, inner in shape.items():
            assert key in value, f"{path}.{key} is missing"
            assert_shape(value[key], inner, f"{path}.{key}")
    elif isinstance(shape, list):
        assert isinstance(value, list) and value, f"{path} is {value!r}"
        for number, item in enumerate(value):
            assert_shape(item, shape[0], f"{path}[{number}]")
    else:
        assert isinstance(value, shape), f"{path} is {value!r}"


def test_status_has_the_promised_shape(lab, echo):
    cgroup = lab.cgroup()
    sidecar = lab.sidecar(echoes(lab), cgroup)
    client = lab.spawn([PYTHON, HERE / "clients/idle_tcp.py", "one=10.96.0.7/7", "two=10.96.0.7/7"], "idle", cgroup=cgroup)
    for name in ("one", "two"):
        client.event(name, within=10)  # one of them is on host a
    lab.a.vanish()
    sidecar.wait_state("echo", "a", "down")
    wait_until(lambda: sidecar.status()["services"][0]["last_failover"], BOUND, "the failover")
    printed = attempt(lab, "status", "--admin", sidecar.admin, "-o", "json")
    assert printed.popen.returncode == 0, printed.describe()
    for status in (json.loads(printed.out), sidecar.status()):
        assert_shape(status, STATUS)
        assert status["api_version"] == 1 and status["ready"] is True
        down, up = status["services"][0]["backends"]
        assert (down["name"], down["state"], down["check"]["result"]) == ("a", "down", "timeout")
        assert down["reason"].startswith("no answer within")
        assert (up["name"], up["state"], up["address"]) == ("b", "up", lab.b.at(ECHO_PORT))
        assert status["services"][0]["eligible"] == 1


def test_status_as_a_table_names_backends_and_reasons(lab, echo):
    sidecar = lab.sidecar(echoes(lab), lab.cgroup())
    lab.a.vanish()
    sidecar.wait_state("echo", "a", "down")
    text = run(reseat_binary(), "status", env={**os.environ, "RESEAT_ADMIN": str(sidecar.admin)}).stdout
    for word in ("echo", "10.96.0.7:7", lab.a.at(ECHO_PORT), "down", "no answer within", lab.b.at(ECHO_PORT), "up"):
        assert word in text, text


TO_A_FULL_DISK = ["sh", "-c", 'exec "$0" "$@" > /dev/full']


@pytest.mark.parametrize("words", [["--help"], ["version"], ["status", "--help"], ["validate"]], ids=" ".join)
def test_output_that_cannot_be_written_is_a_failure(lab, words):
    file = [lab.write("good.yaml", echoes(lab))] if words == ["validate"] else []
    done = attempt(lab, *words, *file, wrapper=TO_A_FULL_DISK)
    assert_refused(done, FAILED, "reseat: cannot write: No space left on device")


@pytest.mark.parametrize("words", [["status"], ["status", "-o", "json"], ["status", "-w"], ["sockets", "-o", "json"],
                                   ["events"], ["events", "-f"], ["weight", "echo/a", "2"]], ids=" ".join)
def test_what_is_shown_of_an_instance_and_cannot_be_written_is_a_failure(lab, echo, words):
    sidecar = lab.sidecar(echoes(lab), lab.cgroup())
    command, *flags = words
    done = attempt(lab, command, *flags, "--admin", sidecar.admin, wrapper=TO_A_FULL_DISK)
    assert_refused(done, FAILED, "reseat: cannot write: No space left on device")


def test_who_reads_only_the_head_hears_no_complaint(lab):
    done = attempt(lab, "--help", wrapper=["bash", "-c", '{ trap "" PIPE; sleep 0.1; "$0" "$@"; } | true'])
    assert done.err == "", done.describe()


def test_health_is_an_exit_status(lab, echo):
    sidecar = lab.sidecar(echoes(lab), lab.cgroup())
    assert attempt(lab, "health", "--admin", sidecar.admin).popen.returncode == 0
    sidecar.send_signal(signal.SIGTERM)
    sidecar.exits()
    assert_refused(attempt(lab, "health", "--admin", sidecar.admin), FAILED, sidecar.admin)


def test_sigterm_ends_the_sidecar_and_nothing_of_it_stays(lab, echo):
    cgroup = lab.cgroup()
    sidecar = lab.sidecar(echoes(lab), cgroup)
    dial = ["curl", "-sS", "--http0.9", "-m", "2", "http://10.96.0.7:7/"]
    assert re.search("[ab]", lab.run(*dial, cgroup=cgroup, check=False).stdout)
    assert oct(os.stat(sidecar.admin).st_mode & 0o777) == "0o600"
    sidecar.send_signal(signal.SIGTERM)
    assert sidecar.exits() == 0, sidecar.describe()
    assert not sidecar.admin.exists()
    assert_nothing_left(sidecar.pid)
    COULD_NOT_CONNECT = 7
    assert lab.run(*dial, cgroup=cgroup, check=False).returncode == COULD_NOT_CONNECT


def test_told_to_stop_many_times_it_cleans_up_all_the_same(lab, echo):
    for _ in range(3):
        sidecar = lab.sidecar(echoes(lab), lab.cgroup())
        for _ in range(10):
            sidecar.send_signal(signal.SIGTERM)
        assert sidecar.exits() == 0, sidecar.describe()
        assert not sidecar.admin.exists()
        assert_nothing_left(sidecar.pid)


def test_a_cgroup_with_processes_is_found_by_pid(lab, echo):
    cgroup = lab.cgroup()
    sleeper = lab.spawn(["sleep", "1000"], label="sleeper", cgroup=cgroup)
    wait_until(lambda: str(sleeper.pid) in (cgroup.path / "cgroup.procs").read_text().split(), 5, "the move")
    admin = lab.tmp / "pid.sock"
    file = lab.write("pid.yaml", f"admin: {{socket: {admin}}}\n{echoes(lab)}")
    sidecar = lab.spawn([reseat_binary(), "run", "--config", file, "--pid", sleeper.pid], label="pid")
    wait_until(lambda: attempt(lab, "health", "--admin", admin).popen.returncode == 0, 10, sidecar.describe)
    status = json.loads(attempt(lab, "status", "--admin", admin, "-o", "json").out)
    assert status["workload"]["cgroup"] == str(cgroup.path)
