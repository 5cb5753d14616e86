# SPDX-License-Identifier: Apache-2.0
"""Whatever it is given: the right exit status, one line that says what and where, and nothing left behind."""
import os
import shutil
import socket

import pytest

from commands import EXEC_FAILED, FAILED, INVALID, UNSUPPORTED, USAGE, assert_refused, attempt, echoes
from lab import cgroup2_mount, reseat_binary

NOBODY = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--bounding-set=-all"]


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
    ["no-such-command"], [], ["run"], ["run", "--no-such-flag"], ["weight", "web/w1", "257"],
    ["run", "--config", "x.yaml", "--cgroup", "/x", "--pid", "1"], ["status", "-o", "xml"]], ids=" ".join)
def test_wrong_usage_is_2(lab, words):
    assert_refused(attempt(lab, *words), USAGE)


@pytest.mark.parametrize("words", [[], ["--config", "x.yaml"], ["--config", "x.yaml", "--allow-exce", "--", "echo"]], ids=" ".join)
def test_wrong_usage_of_exec_is_no_status_of_a_command(lab, words):
    assert_refused(attempt(lab, "exec", *words), EXEC_FAILED)


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
