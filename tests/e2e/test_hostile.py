# SPDX-License-Identifier: Apache-2.0
"""What others choose (names of processes, answers, files) harms nobody, and no secret is shown."""
import json
import os

from commands import INVALID, attempt
from lab import BOUND, ECHO_PORT, HERE, PYTHON, backends, config, run, service, wait_until

SERVICE = "10.96.0.7"
SECRET = "hunter2-and-more"


def test_a_process_cannot_hide_from_the_list_or_steer_the_terminal_by_its_name(lab, echo):
    cgroup = lab.cgroup()
    sidecar = lab.sidecar(config(service("echo", f"{SERVICE}:7", backends(lab, ECHO_PORT))), cgroup)
    names = [b"\n", b"\x1b[2J\xff", b"\xc2\x9b31m\xe2\x80\xae"]
    for number, name in enumerate(names):
        program = lab.tmp / os.fsdecode(name)  # the kernel takes a process's name from the file's
        program.symlink_to(PYTHON)
        client = lab.spawn([program, HERE / "clients/idle_tcp.py", f"c={SERVICE}/7"], f"client-{number}", cgroup=cgroup)
        client.event("c", within=10)

    def listed():
        done = attempt(lab, "sockets", "-o", "json", "--admin", sidecar.admin)
        return {s["pid"]: s["comm"] for s in json.loads(done.out)["sockets"]}
    wait_until(lambda: len(listed()) == len(names), 5, lambda: f"{len(names)} sockets: {listed()}")
    assert sorted(listed().values()) == ["?", "?31m?", "?[2J?"]
    table = attempt(lab, "sockets", "--admin", sidecar.admin)
    assert all(line.isprintable() for line in table.out.splitlines()), table.describe()


def secretive(lab, more=""):
    check = (f'type: http, http: {{path: "/ready?token={SECRET}", headers: {{Authorization: "Bearer {SECRET}"{more}}}}}')
    return config(service("web", "10.96.0.8:80", backends(lab, ECHO_PORT), check=check))


def test_no_secret_of_a_check_is_logged_or_shown(lab, echo):
    """Whether the checks work, fail, or are written wrongly."""
    file = lab.write("faulty.yaml", secretive(lab, more=f', X-Key: "{SECRET}\\n", "A: {SECRET}": b'))
    faulty = attempt(lab, "validate", file)
    assert faulty.popen.returncode == INVALID and faulty.err.count("error:") == 2, faulty.describe()
    sidecar = lab.sidecar(secretive(lab), lab.cgroup(), "--log-level", "trace")
    sidecar.wait_state("web", "a", "down", within=BOUND + 2)
    sidecar.configure(secretive(lab, more=f', X-Key: "{SECRET}\\n"'))
    sidecar.logs("was not reloaded")
    shown = [faulty.err, faulty.out, sidecar.err, sidecar.out]
    shown += [sidecar.get(path)[1] for path in ("/status", "/sockets", "/config", "/metrics", "/events", "/")]
    checked = attempt(lab, "check", lab.write("good.yaml", secretive(lab)))
    status = attempt(lab, "status", "--admin", sidecar.admin)
    shown += [text for done in (checked, status) for text in (done.out, done.err)]
    assert "GET /ready?..." in "".join(shown), "the checks say what they ask for"
    assert [text for text in shown if SECRET in text] == []


def test_the_admin_socket_refuses_other_users(lab):
    sidecar = lab.sidecar(config(service("echo", f"{SERVICE}:7", backends(lab, ECHO_PORT))), lab.cgroup())
    assert sidecar.admin.stat().st_mode & 0o7777 == 0o600
    # Somebody who got hold of it all the same is told by its credentials.
    sidecar.admin.chmod(0o666)
    ask = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "curl", "-sS", "--unix-socket", sidecar.admin,
           "http://reseat/status"]
    assert json.loads(run(*ask).stdout)["error"]["code"] == "forbidden"
    assert sidecar.get("/status")[0] == 200
