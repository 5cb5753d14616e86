# SPDX-License-Identifier: Apache-2.0
"""What a running sidecar may still do, and that this is enough for all that it does later."""
import json
import os
import re
from itertools import combinations
from pathlib import Path

import pytest

from certificates import Authority
from commands import attempt
from lab import BOUND, ECHO_PORT, HERE, PYTHON, backends, config, service, wait_until

SERVICE, STATSD = "10.96.0.7", "10.96.0.8"
BITS = {"DAC_OVERRIDE": 1, "DAC_READ_SEARCH": 2, "NET_ADMIN": 12, "SYS_PTRACE": 19, "SYS_ADMIN": 21, "PERFMON": 38,
        "BPF": 39}
FOUR = ("BPF", "NET_ADMIN", "PERFMON", "SYS_PTRACE")
OPTIONAL = ("PERFMON", "SYS_PTRACE", "SYS_ADMIN")
NOBODY = 65534


def bits(*names):
    return sum(1 << BITS[name] for name in names)


def threads(pid):
    """/proc/PID/status of each thread, as {key: value}."""
    texts = [path.read_text() for path in Path(f"/proc/{pid}/task").glob("*/status")]
    assert texts
    return [dict(re.findall(r"^(\w+):\t(.*)$", text, re.M)) for text in texts]


def capabilities(pid, name):
    """One set, the same in every thread."""
    sets = {int(status[f"Cap{name}"], 16) for status in threads(pid)}
    assert len(sets) == 1, sets
    return sets.pop()


def with_only(names, user=None):
    """Started with these capabilities and no way to others; another user gets them as ambient ones."""
    wanted = ",".join(["-all", *(f"+{name.lower()}" for name in names)])
    bounds = ["setpriv", f"--bounding-set={wanted}"]
    if user is None:
        return [*bounds, "--"]
    return [*bounds, f"--reuid={user}", f"--regid={user}", "--clear-groups", f"--inh-caps={wanted}",
            f"--ambient-caps={wanted}", "--"]


def services(lab):
    return (service("echo", f"{SERVICE}:7", backends(lab, ECHO_PORT)),
            service("statsd", f"{STATSD}:{ECHO_PORT}", backends(lab, ECHO_PORT), protocol="udp", check="type: tcp"))


def as_user(uid, argv):
    return ["setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups", "--", *argv]


def follows(lab, cgroup, sidecar, uid=0):
    """A TCP and a connected UDP client of this user: when their host vanishes, one is told, one is moved."""
    idle = lab.spawn(as_user(uid, [PYTHON, HERE / "clients/idle_tcp.py", f"idle={SERVICE}/7"]), f"idle-{uid}",
                     cgroup=cgroup)
    sender = lab.spawn(as_user(uid, [PYTHON, HERE / "clients/statsd_sender.py", f"{STATSD}:{ECHO_PORT}"]),
                       f"sender-{uid}", cgroup=cgroup)
    first = idle.event("idle", within=10)
    sender.event("sent", within=10)
    victim = lab.host(first["host"])
    victim.vanish()
    broken = idle.event("idle broken", within=BOUND + 1)
    assert broken["errno"] == "ECONNABORTED"
    assert idle.event("idle", after=broken["t"])["host"] == lab.other(victim).name
    wait_until(lambda: sidecar.backend("statsd", victim.name)["open_sockets"] == 0, BOUND + 1, sidecar.describe)
    sent = sender.events("sent")[-1]
    sender.event("sent", after=sent["t"], within=5)
    assert sender.events("error") == [], "moved, not ended"
    victim.reappear()
    for process in (idle, sender):
        process.stop()
    for name in ("echo", "statsd"):
        sidecar.wait_state(name, victim.name, "up", within=5)


def grows(lab, sidecar):
    """A reload that needs more room than the maps had."""
    many = [service(f"extra-{n}", f"10.97.{n // 250}.{n % 250 + 1}:80", backends(lab, ECHO_PORT), check="type: none")
            for n in range(1500)]
    text = config(*services(lab), *many)
    sidecar.configure(text)
    sidecar.runs(text, within=20)
    sidecar.configure(config(*services(lab)))
    sidecar.runs(config(*services(lab)), within=20)


def test_of_all_that_root_holds_it_keeps_what_it_needs_and_closes_the_way_back(lab, echo):
    sidecar = lab.sidecar(config(*services(lab)), lab.cgroup())
    wanted = bits(*FOUR, "SYS_ADMIN") & capabilities("self", "Prm")
    assert capabilities(sidecar.pid, "Eff") == capabilities(sidecar.pid, "Prm") == wanted
    assert capabilities(sidecar.pid, "Bnd") == wanted
    assert capabilities(sidecar.pid, "Inh") == capabilities(sidecar.pid, "Amb") == 0
    assert {status["NoNewPrivs"] for status in threads(sidecar.pid)} == {"1"}
    sidecar.logs("capabilities kept: CAP_BPF, CAP_NET_ADMIN, CAP_PERFMON, CAP_SYS_PTRACE")


@pytest.mark.parametrize("user", [None, NOBODY], ids=["root", "another user"])
def test_with_four_capabilities_all_that_it_does_later_works(lab, echo, user):
    cgroup = lab.cgroup()
    lab.tmp.chmod(0o1777)  # for the admin socket
    sidecar = lab.sidecar(config(*services(lab)), cgroup, wrapper=with_only(FOUR, user))
    assert capabilities(sidecar.pid, "Eff") == capabilities(sidecar.pid, "Bnd") == bits(*FOUR)
    assert sidecar.status()["kernel"]["repoint"] is True
    follows(lab, cgroup, sidecar, uid=0)
    follows(lab, cgroup, sidecar, uid=NOBODY)
    grows(lab, sidecar)
    follows(lab, cgroup, sidecar, uid=1234)


def test_without_access_to_other_processes_status_says_that_nothing_is_repointed(lab, echo):
    lab.tmp.chmod(0o1777)
    sidecar = lab.sidecar(config(*services(lab)), lab.cgroup(), wrapper=with_only(("BPF", "NET_ADMIN", "PERFMON"), NOBODY))
    assert sidecar.status()["kernel"]["repoint"] is False


def test_started_as_root_it_does_all_that_after_it_has_given_up_the_rest(lab, echo):
    """Sockets in a network namespace of their own among it: ended as any other."""
    cgroup = lab.cgroup()
    sidecar = lab.sidecar(config(*services(lab)), cgroup)
    grows(lab, sidecar)
    follows(lab, cgroup, sidecar, uid=NOBODY)
    assert "kept: " in sidecar.err


def test_a_configuration_that_only_root_could_read_is_read_again(lab, echo):
    """Of another user, mode 0600: CAP_DAC_READ_SEARCH stays for it, and only for such a one."""
    home = lab.tmp / "home"
    home.mkdir(mode=0o700)
    sidecar = lab.start_sidecar(config(*services(lab)), lab.cgroup(), file=home / "reseat.yaml")
    sidecar.wait_ready()
    assert not capabilities(sidecar.pid, "Eff") & bits("DAC_READ_SEARCH")
    sidecar.stop()

    os.chown(home / "reseat.yaml", NOBODY, NOBODY)
    os.chmod(home / "reseat.yaml", 0o600)
    os.chown(home, NOBODY, NOBODY)
    keep = Path(home / "reseat.yaml").write_text
    sidecar = lab.start_sidecar(config(*services(lab)), lab.cgroup(), label="second", file=home / "reseat.yaml",
                                write=lambda path, text: keep(text))
    sidecar.wait_ready()
    kept = capabilities(sidecar.pid, "Eff")
    assert kept & bits("DAC_READ_SEARCH") and not kept & bits("DAC_OVERRIDE")
    assert json.loads(sidecar.get("/reload", "POST")[1]), sidecar.describe()
    assert sidecar.status()["config"]["last_reload"]["ok"] is True


def test_a_key_that_only_root_could_read_is_read_again(lab, echo):
    """As a database wants it: its own, mode 0600."""
    authority = Authority(lab.tmp / "authority")
    certificate, key = authority.issue("client", "DNS:client.test")
    os.chmod(key, 0o600)
    os.chown(key, NOBODY, NOBODY)
    text = config(service("echo", f"{SERVICE}:7", backends(lab, ECHO_PORT), check=(
        f"type: http, http: {{tls: true}}, tls: {{insecure_skip_verify: true, cert_file: {certificate}, key_file: {key}}}")))
    sidecar = lab.sidecar(text, lab.cgroup())
    assert capabilities(sidecar.pid, "Eff") & bits("DAC_READ_SEARCH")
    assert json.loads(sidecar.get("/reload", "POST")[1]), sidecar.describe()
    assert sidecar.status()["config"]["last_reload"]["ok"] is True, sidecar.describe()


def test_commands_of_exec_checks_get_what_root_gets_and_nothing_of_ours(lab, echo):
    script = lab.write("check.sh", "#!/bin/sh\ncat /proc/self/status > \"$0\".new && mv \"$0\".new \"$0\".status\n")
    script.chmod(0o755)
    text = config(service("echo", f"{SERVICE}:7", {"a": lab.a.at(ECHO_PORT)},
                          check=f"type: exec, exec: {{command: [{script}]}}"))
    sidecar = lab.sidecar(text, lab.cgroup(), "--allow-exec")
    assert capabilities(sidecar.pid, "Eff") == bits(*FOUR, "SYS_ADMIN") & capabilities("self", "Prm")
    assert capabilities(sidecar.pid, "Bnd") == capabilities("self", "Bnd")
    seen = wait_until(lambda: Path(f"{script}.status").exists() and Path(f"{script}.status").read_text(), 5, "the check")
    root = re.search(r"^CapEff:\t(\w+)$", seen, re.M)[1]
    assert int(root, 16) == capabilities("self", "Bnd")
    sidecar.stop()
    Path(f"{script}.status").unlink()

    lab.tmp.chmod(0o1777)
    sidecar = lab.sidecar(text, lab.cgroup(), "--allow-exec", label="nobody", wrapper=with_only(FOUR, NOBODY))
    seen = wait_until(lambda: Path(f"{script}.status").exists() and Path(f"{script}.status").read_text(), 5, "the check")
    assert int(re.search(r"^CapEff:\t(\w+)$", seen, re.M)[1], 16) == 0


@pytest.mark.parametrize("optional", [set(names) for count in range(4) for names in combinations(OPTIONAL, count)],
                         ids=lambda names: "+".join(sorted(names)) or "none")
def test_with_each_subset_of_the_optional_capabilities_it_runs_and_doctor_says_what_is_lost_E82(lab, echo, optional):
    # It makes a cgroup to try things in, which is another's directory here.
    trying = with_only(("BPF", "NET_ADMIN", "DAC_OVERRIDE", *optional))
    done = attempt(lab, "doctor", "-o", "json", wrapper=trying, within=60)
    assert done.popen.returncode == 0, done.describe()
    found = {feature["name"]: feature for feature in json.loads(done.out)["features"]}
    held = optional | ({"PERFMON"} if "SYS_ADMIN" in optional else set())
    for name in OPTIONAL:
        assert found[f"CAP_{name}"]["available"] is (name in held), done.describe()
        assert bool(found[f"CAP_{name}"]["remedy"]) is (name not in held)
    assert found["terminate: tuple"]["available"] is True
    assert found["terminate: diag"]["available"] is ("PERFMON" in held)
    text = attempt(lab, "doctor", wrapper=trying, within=60).out
    for name in set(OPTIONAL) - held:
        assert re.search(rf"^CAP_{name}: optional; without it, \w+", text, re.M), text

    cgroup = lab.cgroup()
    sidecar = lab.sidecar(config(*services(lab)), cgroup, wrapper=with_only(("BPF", "NET_ADMIN", *optional)))
    assert capabilities(sidecar.pid, "Eff") == bits("BPF", "NET_ADMIN", *optional)
    idle = lab.spawn([PYTHON, HERE / "clients/idle_tcp.py", f"idle={SERVICE}/7"], "idle", cgroup=cgroup)
    lab.host(idle.event("idle", within=10)["host"]).vanish()
    assert idle.event("idle broken", within=BOUND + 1)["errno"] == "ECONNABORTED"
