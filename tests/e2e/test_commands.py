# SPDX-License-Identifier: Apache-2.0
"""The commands a person types: what they print, their exit status, and what they say to bad input."""
import json
import os
import re
import shutil
import signal
import socket

import pytest

from lab import backends, cgroup2_mount, config, reseat_binary, run, service, start_echo, wait_until

FAILED, USAGE, INVALID, UNSUPPORTED, EXEC_FAILED = 1, 2, 3, 4, 125
PORT = 7000

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

NOBODY = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--bounding-set=-all"]


@pytest.fixture
def echo(lab):
    return start_echo(lab, PORT)


def echoes(lab, more=""):
    return config(service("echo", "10.96.0.7:7", backends(lab, PORT)), more=more)


def attempt(lab, *words, cgroup=None, wrapper=()):
    """A command that is expected to end by itself; its pid is reseat's."""
    label = f"attempt-{len(list(lab.tmp.glob('attempt-*.err')))}"
    process = lab.spawn([*wrapper, reseat_binary(), *words], label=label, cgroup=cgroup)
    process.exits(within=10)
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
    file = lab.write("lonely.yaml", config(service("echo", "10.96.0.7:7", {"a": lab.a.at(PORT)})))
    done = attempt(lab, "validate", file)
    assert done.popen.returncode == 0, done.describe()
    assert re.search(rf"^{re.escape(str(file))}:\d+:\d+: warning: ", done.err, re.M), done.describe()


def test_version_is_also_data(lab):
    text = attempt(lab, "version")
    assert text.popen.returncode == 0
    version = re.search(r"\d+\.\d+\.\d+", text.out)[0]
    assert "libbpf" in text.out
    assert json.loads(attempt(lab, "version", "-o", "json").out)["version"] == version


def test_doctor_tries_every_feature_and_is_content_with_root(lab):
    text = attempt(lab, "doctor")
    assert text.popen.returncode == 0, text.describe()
    assert "cgroup" in text.out and "terminate" in text.out.lower()
    assert json.loads(attempt(lab, "doctor", "-o", "json").out)


def test_check_probes_every_backend_once(lab, echo):
    file = lab.write("good.yaml", echoes(lab))
    done = attempt(lab, "check", file)
    assert done.popen.returncode == 0, done.describe()
    assert lab.a.at(PORT) in done.out and lab.b.at(PORT) in done.out
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
    sidecar = lab.sidecar(echoes(lab), lab.cgroup())
    lab.a.vanish()
    sidecar.wait_state("echo", "a", "down")
    printed = attempt(lab, "status", "--admin", sidecar.admin, "-o", "json")
    assert printed.popen.returncode == 0, printed.describe()
    for status in (json.loads(printed.out), sidecar.status()):
        assert_shape(status, STATUS)
        assert status["api_version"] == 1 and status["ready"] is True
        down, up = status["services"][0]["backends"]
        assert (down["name"], down["state"], down["check"]["result"]) == ("a", "down", "timeout")
        assert down["reason"].startswith("no answer within")
        assert (up["name"], up["state"], up["address"]) == ("b", "up", lab.b.at(PORT))
        assert status["services"][0]["eligible"] == 1


def test_status_as_a_table_names_backends_and_reasons(lab, echo):
    sidecar = lab.sidecar(echoes(lab), lab.cgroup())
    lab.a.vanish()
    sidecar.wait_state("echo", "a", "down")
    text = run(reseat_binary(), "status", env={**os.environ, "RESEAT_ADMIN": str(sidecar.admin)}).stdout
    for word in ("echo", "10.96.0.7:7", lab.a.at(PORT), "down", "no answer within", lab.b.at(PORT), "up"):
        assert word in text, text


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


# ---------------------------------------------------------------- bad input

def bad_files(lab):
    (lab.tmp / "directory.yaml").mkdir()
    (lab.tmp / "junk.yaml").write_bytes(bytes(range(256)) * 64)
    return {"missing": lab.tmp / "missing.yaml", "a directory": lab.tmp / "directory.yaml",
            "empty": lab.write("empty.yaml", ""), "binary": lab.tmp / "junk.yaml"}


@pytest.mark.parametrize("kind", ["missing", "a directory", "empty", "binary"])
@pytest.mark.parametrize("command", ["validate", "check", "run", "exec"])
def test_a_bad_configuration_file_is_named_in_one_line(lab, command, kind):
    file = bad_files(lab)[kind]
    words = {"validate": [file], "check": [file], "run": ["--config", file, "--cgroup", lab.cgroup().path],
             "exec": ["--config", file, "--", "echo", "it ran"]}[command]
    done = attempt(lab, command, *words)
    assert_refused(done, EXEC_FAILED if command == "exec" else INVALID, file)
    assert done.err.rstrip("\n").isprintable(), "no raw control characters on a terminal"


@pytest.mark.parametrize("words", [
    ["no-such-command"], [], ["run"], ["exec", "--config", "x.yaml"], ["run", "--no-such-flag"],
    ["run", "--config", "x.yaml", "--cgroup", "/x", "--pid", "1"], ["status", "-o", "xml"]], ids=" ".join)
def test_wrong_usage_is_2(lab, words):
    assert_refused(attempt(lab, *words), USAGE)


def as_nobody(lab):
    """reseat where an unprivileged user can reach it, and how to become that user."""
    binary = shutil.copy(reseat_binary(), lab.tmp / "reseat")
    os.chmod(binary, 0o755)
    place = lab.tmp / "nobody"
    place.mkdir()
    os.chown(place, 65534, 65534)
    file = lab.write("nobody.yaml", f"admin: {{socket: {place}/admin.sock}}\n{echoes(lab)}")

    def go(*words):
        process = lab.spawn([*NOBODY, binary, *words], label=f"nobody-{words[0]}")
        process.exits()
        return process
    return go, file


def test_without_root_run_says_which_capability_is_missing(lab, echo):
    go, file = as_nobody(lab)
    assert_refused(go("run", "--config", file, "--cgroup", lab.cgroup().path), UNSUPPORTED, "CAP_BPF")
    assert_refused(go("exec", "--config", file, "--", "echo", "it ran"), EXEC_FAILED, "CAP_BPF")
    doctor = go("doctor")
    assert doctor.popen.returncode == UNSUPPORTED, doctor.describe()
    assert "CAP_BPF" in doctor.out + doctor.err


def test_without_root_the_harmless_commands_work(lab, echo):
    go, file = as_nobody(lab)
    for words in (["validate", file], ["check", file], ["version"]):
        done = go(*words)
        assert done.popen.returncode == 0, done.describe()


def test_without_a_cgroup2_mount_that_is_what_it_says(lab, echo):
    hidden = ["unshare", "-m", "/bin/sh", "-c", 'umount -l "$0" && exec "$@"', cgroup2_mount()]
    file = lab.write("good.yaml", f"admin: {{socket: {lab.tmp}/admin.sock}}\n{echoes(lab)}")
    assert_refused(attempt(lab, "run", "--config", file, "--cgroup", cgroup2_mount(), wrapper=hidden),
                   UNSUPPORTED, "cgroup2")
    assert_refused(attempt(lab, "exec", "--config", file, "--", "echo", "it ran", wrapper=hidden),
                   EXEC_FAILED, "cgroup2")


@pytest.mark.parametrize("kind", ["that does not exist", "that is a plain directory", "that is a file"])
def test_a_cgroup_that_is_none_is_named(lab, kind):
    path = {"that does not exist": cgroup2_mount() / "reseat-e2e-none", "that is a plain directory": lab.tmp,
            "that is a file": lab.write("file", "")}[kind]
    file = lab.write("good.yaml", f"admin: {{socket: {lab.tmp}/admin.sock}}\n{echoes(lab)}")
    assert_refused(attempt(lab, "run", "--config", file, "--cgroup", path), FAILED, path)
    assert not (lab.tmp / "admin.sock").exists()


def test_a_second_instance_on_one_cgroup_is_refused_and_the_first_goes_on_E24(lab, echo):
    cgroup = lab.cgroup()
    first = lab.sidecar(echoes(lab), cgroup, label="first")
    second = lab.start_sidecar(echoes(lab), cgroup, label="second")
    second.exits()
    assert_refused(second, FAILED, cgroup.path)
    assert not second.admin.exists()
    assert first.get("/ready")[0] == 200


def test_an_admin_socket_in_use_is_refused_and_left_to_its_owner(lab, echo):
    first = lab.sidecar(echoes(lab), lab.cgroup(), label="first")
    assert_refused(attempt(lab, "run", "--config", first.file, "--cgroup", lab.cgroup().path), FAILED, first.admin)
    assert first.get("/ready")[0] == 200


def test_a_dead_instances_socket_is_replaced_but_somebody_elses_file_is_not(lab, echo):
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(lab.tmp / "stale.sock"))
    lab.sidecar(echoes(lab), lab.cgroup(), label="stale")
    (lab.tmp / "file.sock").write_text("precious")
    refused = lab.start_sidecar(echoes(lab), lab.cgroup(), label="file")
    refused.exits()
    assert_refused(refused, FAILED, refused.admin)
    assert (lab.tmp / "file.sock").read_text() == "precious"


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
