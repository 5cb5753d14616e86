# SPDX-License-Identifier: Apache-2.0
"""Who is balanced: a socket's cgroup at its creation decides, and reseat itself never is."""
from pathlib import Path

from lab import BOUND, ECHO_PORT, HERE, PYTHON, backends, cgroup2_mount, config, service

SERVICE = "10.96.0.7:7"


def our_own_cgroup():
    line = next(l for l in Path("/proc/self/cgroup").read_text().splitlines() if l.startswith("0::"))
    return cgroup2_mount() / line[len("0::/"):]


def who_answers(lab, cgroup, address, port):
    """What an echo server says to a workload that dials `address`, or the errno."""
    script = ("import socket,errno,sys\n"
              "try:\n"
              "    s = socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=2); s.sendall(b'who')\n"
              "    print(s.recv(64).decode().strip())\n"
              "except OSError as error:\n"
              "    print(errno.errorcode.get(error.errno, error))\n")
    return lab.run(PYTHON, "-c", script, address, port, cgroup=cgroup).stdout.strip()


def test_a_backend_in_the_same_cgroup_reaches_its_own_service_E22_E48(lab):
    cgroup = lab.cgroup()
    backend = lab.spawn([PYTHON, HERE / "clients/own_service.py", SERVICE, "10.98.0.1", ECHO_PORT], cgroup=cgroup,
                        stdin=True)
    backend.event("listening", within=10)
    lab.sidecar(config(service("own", SERVICE, {"self": f"10.98.0.1:{ECHO_PORT}"}, protocol="any", check="type: none")),
                cgroup)
    backend.tell("go")
    tcp = backend.event("tcp", within=10)
    assert tcp["heard"] == "hello"
    assert tcp["peer"] == ["10.96.0.7", 7]
    assert tcp["accepted"] == tcp["accepted_peer"] == tcp["local"], "the server sees its real client"
    udp = backend.event("udp", within=10)
    assert (udp["heard"], udp["answer"]) == ("hello", "reply")
    assert udp["named"] == udp["peer"] == ["10.96.0.7", 7]
    assert udp["source"] == udp["local"]


def test_reseats_probes_are_never_translated_although_it_lives_in_the_balanced_cgroup_E23(lab, echo):
    """The first service's backend is the second one's service address: a translated probe would ask host b."""
    cgroup = lab.cgroup()
    sidecar = lab.start_sidecar(
        config(service("first", SERVICE, {"a": lab.a.at(ECHO_PORT), "spare": lab.b.at(ECHO_PORT)}),
               service("second", lab.a.at(ECHO_PORT), {"b": lab.b.at(ECHO_PORT)})),
        cgroup, inside=cgroup)
    sidecar.wait_ready()
    assert str(sidecar.pid) in (cgroup.path / "cgroup.procs").read_text().split()
    assert echo["a"].event("accepted", within=5)
    assert who_answers(lab, cgroup, lab.a.v4, ECHO_PORT) == "b"
    lab.a.vanish()
    sidecar.logs("first/a is DOWN: no answer within", within=BOUND)
    assert sidecar.backend("second", "b")["state"] == "up"


def test_the_cgroup_in_which_a_socket_was_made_decides_E53(lab, echo):
    cgroup = lab.cgroup()
    sidecar = lab.sidecar(config(service("echo", SERVICE, backends(lab, ECHO_PORT))), cgroup)
    client = lab.spawn([PYTHON, HERE / "clients/carried_sockets.py", SERVICE, cgroup.path, our_own_cgroup()])
    assert client.event("brought in", within=10)["errno"] == "ENETUNREACH"
    assert client.event("native")["peer"] == ["10.96.0.7", 7]
    carried = client.event("carried out")
    assert carried["peer"] == ["10.96.0.7", 7]
    assert client.event("foreign")["errno"] == "ENETUNREACH"
    lab.host(carried["host"]).vanish()
    assert client.event("carried out ended", within=BOUND)["errno"] == "ECONNABORTED"
    sidecar.logs(rf"echo/{carried['host']} is DOWN")
