# SPDX-License-Identifier: Apache-2.0
"""Hot reload: all or nothing, and nobody is disturbed who need not be."""
import json
import os
import shutil
import signal

import pytest

from commands import FAILED, INVALID, attempt
from lab import BOUND, ECHO_PORT, HERE, PYTHON, config, service, stays_false, wait_until

SERVICE, OTHER = "10.96.0.7", "10.96.0.8"


def echo_on(lab, hosts, name="echo", address=SERVICE, more=""):
    return service(name, f"{address}:7", {h: lab.host(h).at(ECHO_PORT) for h in hosts}, more=more)


def only(lab, hosts, more=""):
    return config(echo_on(lab, hosts, more=more))


def idle(lab, cgroup, address=SERVICE, label="idle"):
    client = lab.spawn([PYTHON, HERE / "clients/idle_tcp.py", f"idle={address}/7"], label, cgroup=cgroup)
    return client, client.event("idle", within=10)["host"]


def dialled(lab, cgroup, times=6, address=SERVICE):
    """The hosts that answer new connections, or errnos."""
    script = ("import socket,errno,sys\n"
              "for _ in range(int(sys.argv[2])):\n"
              "    try:\n"
              "        s = socket.create_connection((sys.argv[1], 7), timeout=2); s.sendall(b'who')\n"
              "        print(s.recv(64).decode().strip())\n"
              "    except OSError as error:\n"
              "        print(errno.errorcode.get(error.errno, error))\n")
    return set(lab.run(PYTHON, "-c", script, address, times, cgroup=cgroup).stdout.split())


def by_command(lab, sidecar):
    done = attempt(lab, "reload", "--admin", sidecar.admin)
    assert done.popen.returncode == 0, done.describe()


HOW = {"reseat reload": by_command, "SIGHUP": lambda lab, sidecar: sidecar.send_signal(signal.SIGHUP),
       "POST /reload": lambda lab, sidecar: sidecar.get("/reload", "POST"), "the file alone": lambda lab, sidecar: None}


@pytest.mark.parametrize("how", HOW)
def test_a_backend_that_is_added_serves_and_open_connections_are_left_alone(lab, echo, how):
    cgroup = lab.cgroup()
    sidecar = lab.sidecar(config(echo_on(lab, "a"), echo_on(lab, "b", "other", OTHER)), cgroup)
    client, _ = idle(lab, cgroup)
    other, _ = idle(lab, cgroup, OTHER, "other")
    both = config(echo_on(lab, "ab"), echo_on(lab, "b", "other", OTHER))
    sidecar.configure(both)
    HOW[how](lab, sidecar)
    sidecar.runs(both)
    sidecar.wait_state("echo", "b", "up")
    assert dialled(lab, cgroup) == {"a", "b"}
    assert client.events("idle broken") == other.events("idle broken") == []
    assert sidecar.backend("echo", "a")["open_sockets"] == sidecar.backend("other", "b")["open_sockets"] == 1


def test_reload_says_what_changed_as_text_and_as_data(lab, echo):
    sidecar = lab.sidecar(only(lab, "a"), lab.cgroup())
    same = attempt(lab, "reload", "--admin", sidecar.admin)
    assert (same.popen.returncode, same.out) == (0, "reloaded; nothing changed\n"), same.describe()
    log = len(sidecar.err)
    sidecar.file.write_text(sidecar.whole(only(lab, "ab")))
    changed = attempt(lab, "reload", "--admin", sidecar.admin, "-o", "json")
    if json.loads(changed.out)["changes"] == []:  # the watch was faster
        assert "b" in sidecar.err[log:]
    else:
        assert any("b" in line for line in json.loads(changed.out)["changes"]), changed.describe()
    assert sidecar.status()["config"]["last_reload"] == {
        "ok": True, "at": sidecar.status()["config"]["loaded_at"], "error": None}


def test_settings_that_need_a_restart_are_named_and_the_log_level_is_not_one_of_them(lab, echo):
    sidecar = lab.sidecar(only(lab, "a"), lab.cgroup())
    sidecar.configure(only(lab, "a", more="") + "log: {level: warn}\nworkload: {exit_when_idle: 1h}\n")
    sidecar.logs("workload.exit_when_idle: changed in .* restart")
    quiet = len(sidecar.err)
    sidecar.configure(only(lab, "ab") + "log: {level: warn}\n")
    sidecar.runs(only(lab, "ab") + "log: {level: warn}\n")
    assert " info " not in sidecar.err[quiet:]


def bad(lab, kind, file):
    """Replaces the file by something that cannot be loaded; what the diagnostics must say."""
    if kind == "faulty":
        file.write_text(file.read_text().replace("protocol: tcp", "protocol: tpc"))
        return r":\d+:\d+: error: "
    file.unlink()
    if kind == "a directory":
        file.mkdir()
        return "is a directory"
    if kind == "100 MB":
        with open(file, "w") as big:
            big.truncate(100 << 20)
        return "is larger than"
    return "cannot be opened"


@pytest.mark.parametrize("kind", ["faulty", "removed", "a directory", "100 MB"])
def test_a_bad_file_keeps_what_runs_and_is_told_everywhere_E38(lab, echo, kind):
    cgroup = lab.cgroup()
    sidecar = lab.sidecar(only(lab, "ab"), cgroup)
    client, _ = idle(lab, cgroup)
    running = sidecar.status()["config"]["sha256"]
    says = bad(lab, kind, sidecar.file)
    sidecar.logs(f"{sidecar.file}.*{says}", within=5)
    told = attempt(lab, "reload", "--admin", sidecar.admin)
    assert told.popen.returncode == INVALID, told.describe()
    assert str(sidecar.file) in told.err and says.replace("\\d+:\\d+: ", "").strip(":") in told.err, told.describe()
    now = sidecar.status()["config"]
    assert now["sha256"] == running and now["last_reload"]["ok"] is False and str(sidecar.file) in now["last_reload"]["error"]
    assert dialled(lab, cgroup) == {"a", "b"}
    assert client.events("idle broken") == []
    if sidecar.file.is_dir():
        sidecar.file.rmdir()
    sidecar.configure(only(lab, "a"))
    sidecar.runs(only(lab, "a"), within=5)
    assert sidecar.status()["config"]["last_reload"]["ok"] is True


# ---------------------------------------------------------------- how files are replaced

def kubernetes(directory, text, version):
    """As the kubelet writes a ConfigMap: a directory of its own, and one symbolic link that is swapped."""
    real = directory / f"..{version}"
    real.mkdir()
    (real / "reseat.yaml").write_text(text)
    (directory / "..data_tmp").symlink_to(real.name)
    (directory / "..data_tmp").rename(directory / "..data")
    if not (directory / "reseat.yaml").is_symlink():
        (directory / "reseat.yaml").symlink_to("..data/reseat.yaml")
    for old in directory.glob("..[0-9]*"):
        if old != real:
            shutil.rmtree(old)


def test_a_configmap_is_followed_swap_by_swap_and_the_last_one_wins_E39(lab, echo):
    (lab.tmp / "map").mkdir()
    sidecar = lab.start_sidecar(only(lab, "a"), lab.cgroup(), file=lab.tmp / "map/reseat.yaml",
                                write=lambda path, text: kubernetes(path.parent, text, 0))
    sidecar.wait_ready()
    for version in range(1, 4):
        text = only(lab, "ab" if version % 2 else "a")
        kubernetes(sidecar.file.parent, sidecar.whole(text), version)
        sidecar.runs(text)
    for version in range(4, 40):
        text = only(lab, "ab" if version % 2 else "b")
        kubernetes(sidecar.file.parent, sidecar.whole(text), version)
    sidecar.runs(text)
    wait_until(lambda: sidecar.states("echo").get("a") == "up", BOUND, sidecar.describe)
    assert "not reloaded" not in sidecar.err, sidecar.describe()


def test_many_renames_a_second_come_to_the_last_content_E39(lab, echo):
    sidecar = lab.sidecar(only(lab, "a"), lab.cgroup())
    for number in range(200):
        sidecar.configure(only(lab, "ab" if number % 2 else "b"))
    sidecar.runs(only(lab, "ab"))
    assert "not reloaded" not in sidecar.err, sidecar.describe()


def test_a_file_that_is_being_written_is_not_taken_half_although_half_of_it_is_valid_E39(lab, echo):
    sidecar = lab.sidecar(only(lab, "ab"), lab.cgroup())
    last = only(lab, "ab", more="lb_policy: random")
    text = sidecar.whole(last)
    half = text.index("      - {", text.index("      - {") + 1)  # without the second backend
    writer = lab.spawn([PYTHON, HERE / "clients/slow_writer.py", sidecar.file, half, 0.3, 5], "writer", stdin=True)
    writer.tell(text.rstrip("\n"))
    writer.hang_up()
    writer.event("done", within=10)
    sidecar.runs(last)
    assert "removed" not in sidecar.err and "not reloaded" not in sidecar.err, sidecar.describe()


def test_a_directory_that_is_replaced_is_followed_E39(lab, echo):
    (lab.tmp / "etc").mkdir()
    sidecar = lab.start_sidecar(only(lab, "a"), lab.cgroup(), file=lab.tmp / "etc/reseat.yaml")
    sidecar.wait_ready()
    for number, hosts in enumerate(["ab", "b", "ab"]):
        fresh = lab.tmp / "fresh"
        fresh.mkdir()
        (fresh / "reseat.yaml").write_text(sidecar.whole(only(lab, hosts)))
        (lab.tmp / "etc").rename(lab.tmp / f"old{number}")
        fresh.rename(lab.tmp / "etc")
        sidecar.runs(only(lab, hosts))


# ---------------------------------------------------------------- what becomes of sockets

def test_a_backend_that_is_removed_drains_and_ends_at_once_when_its_host_vanishes_E62(lab, echo):
    cgroup = lab.cgroup()
    sidecar = lab.sidecar(only(lab, "a"), cgroup)
    client, host = idle(lab, cgroup)
    assert host == "a"
    sidecar.configure(only(lab, "b"))
    sidecar.runs(only(lab, "b"))
    sidecar.wait_state("echo", "b", "up")
    assert dialled(lab, cgroup) == {"b"}
    assert sidecar.states("echo") == {"a": "removing", "b": "up"}
    stays_false(lambda: client.events("idle broken"), 1, "a removed backend's connection was cut")
    lab.a.vanish()
    broken = client.event("idle broken", within=BOUND)
    assert broken["errno"] == "ECONNABORTED"
    assert client.event("idle", after=broken["t"])["host"] == "b"
    wait_until(lambda: sidecar.states("echo") == {"b": "up"}, 10, lambda: sidecar.states("echo"))


def drained(lab, more):
    text = only(lab, "ab", more=f"connections: {{drain_timeout: 3s}}\n{more}")
    return text.replace("name: a}", "name: a, state: drain}")


def test_a_drain_survives_a_reload_and_ends_when_it_was_to_end(lab, echo):
    cgroup = lab.cgroup()
    sidecar = lab.sidecar(only(lab, "a", more="connections: {drain_timeout: 3s}"), cgroup)
    client, _ = idle(lab, cgroup)
    sidecar.configure(drained(lab, ""))
    sidecar.runs(drained(lab, ""))
    began = sidecar.backend("echo", "a")["since"]
    for policy in ("random", "round_robin"):
        sidecar.configure(drained(lab, f"lb_policy: {policy}"))
        sidecar.runs(drained(lab, f"lb_policy: {policy}"))
        assert client.events("idle broken") == []
    assert sidecar.states("echo")["a"] == "drain"
    assert sidecar.backend("echo", "a")["since"] == began
    broken = client.event("idle broken", within=3 + BOUND)
    assert client.event("idle", after=broken["t"])["host"] == "b"


def test_a_service_that_is_removed_lets_go_of_its_address_and_others_do_not_notice_E15(lab, echo):
    cgroup = lab.cgroup()
    kept = echo_on(lab, "b", "other", OTHER)
    sidecar = lab.sidecar(config(echo_on(lab, "a", more="connections: {on_remove: terminate}"), kept), cgroup)
    client, _ = idle(lab, cgroup)
    other, _ = idle(lab, cgroup, OTHER, "other")
    sidecar.configure(config(kept))
    sidecar.runs(config(kept))
    assert client.event("idle broken")["errno"] == "ECONNABORTED"
    assert dialled(lab, cgroup, times=1) == {"ENETUNREACH"}
    reused = config(kept, echo_on(lab, "b", "new", SERVICE))
    sidecar.configure(reused)
    sidecar.runs(reused)
    wait_until(lambda: dialled(lab, cgroup, times=1) == {"b"}, BOUND, sidecar.describe)
    assert other.events("idle broken") == []


# ---------------------------------------------------------------- asking the wrong instance

def test_who_cannot_be_asked_is_told_apart(lab, echo):
    sidecar = lab.sidecar(only(lab, "a"), lab.cgroup())
    missing = attempt(lab, "status", "--instance", "nosuch")
    assert missing.popen.returncode == FAILED and "there is no instance" in missing.err, missing.describe()
    nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--bounding-set=-all"]
    lab.tmp.chmod(0o755)
    binary = shutil.copy(os.environ["RESEAT_BINARY"], lab.tmp / "reseat")
    denied = lab.spawn([*nobody, binary, "status", "--admin", sidecar.admin], "denied")
    assert denied.exits() == FAILED and "sudo" in denied.err, denied.describe()
    sidecar.send_signal(signal.SIGKILL)
    sidecar.exits()
    dead = attempt(lab, "status", "--admin", sidecar.admin)
    assert dead.popen.returncode == FAILED and "was killed" in dead.err, dead.describe()


def test_told_to_end_while_it_reads_a_configuration_it_ends_well_and_without_it(lab, echo):
    """The file is long, so that it is still being read when everything else has gone."""
    sidecar = lab.sidecar(only(lab, "a"), lab.cgroup())
    many = [echo_on(lab, "ab", f"echo-{n}", f"10.96.{n // 250 + 1}.{n % 250 + 1}") for n in range(2000)]
    sidecar.configure(config(*many))
    sidecar.send_signal(signal.SIGHUP)
    sidecar.send_signal(signal.SIGTERM)
    assert sidecar.exits() == 0, sidecar.describe()
    assert "echo-1999" not in sidecar.err
