# SPDX-License-Identifier: Apache-2.0
"""Backends of a Kubernetes Service, from a scripted API server: what it says of its pods is followed."""
import re

import pytest

from discovery import idle
from kube_api import endpoint, from_kubernetes, leaving, reference, sidecar_of, source, unready
from kube_service import WITHIN, api, serving_two, states, there  # noqa: F401 (api: a fixture)
from lab import ECHO_PORT, HERE, PYTHON, config, stays_false, wait_until
from sources import echo, lab  # noqa: F401 (fixtures)
from test_reload import dialled
from waiting import BOUND, DETECTION


def test_the_endpoints_of_a_service_are_its_backends_by_pod_name(lab, echo, api):
    cgroup, sidecar = serving_two(lab, api)
    assert dialled(lab, cgroup) == {"a", "b"}
    assert sidecar.backend("echo", "echo@echo-a")["incarnation"] == "uid-echo-a"
    api.watched()
    api.put(endpoint(lab.b), endpoint(lab.c), endpoint(lab.a))
    states(sidecar, a="up", b="up", c="up")
    shown = lab.reseat("sources", "--admin", sidecar.admin).stdout
    assert re.search(r"kubernetes shop +synced .* ago +1 +3 +0 +0 +0", shown), shown
    assert "token-1" not in sidecar.err + sidecar.get("/config")[1] + sidecar.get("/status")[1]


def test_a_pod_that_terminates_gets_nothing_new_and_its_tcp_sockets_stay(lab, echo, api):  # [F04]
    cgroup, sidecar = serving_two(lab, api)
    client = idle(lab, cgroup)
    gone, stays = there(lab, client)
    api.watched()
    api.put(leaving(gone), endpoint(stays))
    states(sidecar, **{gone.name: "leaving", stays.name: "up"})
    assert dialled(lab, cgroup) == {stays.name}
    stays_false(lambda: client[0].events("idle broken"), 1, "the socket of a terminating pod was cut")
    api.put(endpoint(stays))
    wait_until(lambda: sidecar.states("echo")[f"echo@echo-{gone.name}"] == "removing", WITHIN, sidecar.describe)
    stays_false(lambda: client[0].events("idle broken"), 1, "the drain did not go on")


def test_a_pod_whose_fin_is_lost_has_its_clients_told_after_one_check(lab, echo, api):  # [F07]
    cgroup, sidecar = serving_two(lab, api)
    client = idle(lab, cgroup)
    gone, stays = there(lab, client)
    api.watched()
    api.put(leaving(gone), endpoint(stays))
    states(sidecar, **{gone.name: "leaving", stays.name: "up"})
    at = gone.vanish()
    broken = client[0].event("idle broken", within=BOUND)
    assert broken["errno"] == "ECONNABORTED"
    assert broken["t"] - at < DETECTION + 1


def test_all_terminating_serve_as_last_resort(lab, echo, api):  # [F05]
    api.put(leaving(lab.a), leaving(lab.b))
    cgroup = lab.cgroup()
    sidecar = sidecar_of(lab, api, cgroup)
    states(sidecar, a="leaving", b="leaving")
    assert dialled(lab, cgroup) == {"a", "b"}


def test_ready_while_terminating_is_ready(lab, echo, api):  # [F06]
    api.put(endpoint(lab.a, ready=True, serving=False, terminating=True))
    sidecar = sidecar_of(lab, api)
    states(sidecar, a="up")


def test_the_same_address_under_another_uid_ends_the_old_sockets(lab, echo, api):  # [F08]
    cgroup, sidecar = serving_two(lab, api)
    client = idle(lab, cgroup)
    gone, stays = there(lab, client)
    api.watched()
    api.put(endpoint(gone, uid="another"), endpoint(stays))
    assert client[0].event("idle broken", within=WITHIN)["errno"] == "ECONNABORTED"
    states(sidecar, a="up", b="up")
    assert dialled(lab, cgroup) == {"a", "b"}


def test_readiness_that_flaps_ends_no_socket(lab, echo, api):  # [F09]
    cgroup, sidecar = serving_two(lab, api)
    client = idle(lab, cgroup)
    flaps, stays = there(lab, client)
    api.watched()
    for _ in range(20):
        api.put(unready(flaps), endpoint(stays))
        api.put(endpoint(flaps), endpoint(stays))
    states(sidecar, a="up", b="up")
    assert not client[0].events("idle broken")


def test_one_slice_of_three_changes_and_a_moved_endpoint_is_not_missed(lab, echo, api):  # [F01, F02, F03]
    for number, host in enumerate(lab.hosts):
        api.put(endpoint(host), name=f"echo-{number}")
    cgroup = lab.cgroup()
    sidecar = sidecar_of(lab, api, cgroup)
    states(sidecar, a="up", b="up", c="up")
    clients = [idle(lab, cgroup) for _ in range(3)]
    api.watched()
    api.put(name="echo-0")                       # a is in none ...
    api.put(endpoint(lab.b), endpoint(lab.a), name="echo-1")  # ... and in another
    api.put(leaving(lab.c), endpoint(lab.b), name="echo-0")   # b and c are in two at once
    stays_false(lambda: any(c.events("idle broken") for c, _ in clients) or
                set(sidecar.states("echo").values()) != {"up"}, 2, "an endpoint that moved was missed")


def test_a_selector_edited_by_mistake_is_held(lab, echo, api):  # [F14]
    api.put(*(endpoint(h) for h in lab.hosts))
    cgroup = lab.cgroup()
    sidecar = sidecar_of(lab, api, cgroup)
    states(sidecar, a="up", b="up", c="up")
    client = idle(lab, cgroup)
    api.watched()
    api.put()
    sidecar.logs("lost 3 of 3 endpoints at once, unannounced, and they still answer: held for 10 min", within=WITHIN)
    assert dialled(lab, cgroup) == {"a", "b", "c"}
    assert not client[0].events("idle broken")
    explained = lab.reseat("explain", "echo", "--admin", sidecar.admin).stdout
    assert "reseat accept echo" in explained, explained
    assert lab.reseat("accept", "echo", "--admin", sidecar.admin).stdout == "echo: 3 endpoints let go\n"
    wait_until(lambda: set(sidecar.states("echo").values()) <= {"removing"}, WITHIN, sidecar.describe)


def test_pods_that_terminated_first_are_not_held(lab, echo, api):  # [F15]
    api.put(*(endpoint(h) for h in lab.hosts))
    sidecar = sidecar_of(lab, api)
    states(sidecar, a="up", b="up", c="up")
    api.watched()
    api.put(endpoint(lab.a), leaving(lab.b), leaving(lab.c))
    states(sidecar, a="up", b="leaving", c="leaving")
    api.put(endpoint(lab.a))
    states(sidecar, a="up")
    assert "held" not in sidecar.err


def test_a_service_without_slices_refuses_and_is_no_loss(lab, echo, api):  # [F16]
    cgroup = lab.cgroup()
    sidecar = sidecar_of(lab, api, cgroup)
    assert dialled(lab, cgroup, times=2) == {"ECONNREFUSED"}
    assert "held" not in sidecar.err
    assert reference(sidecar)["known"] == "absent"


def test_both_families_serve_each_its_own(lab, api):  # [F24]
    for host in (lab.a, lab.b):
        for address in (host.v4, host.v6):
            argv = [PYTHON, HERE / "clients/echo_server.py", address, ECHO_PORT, host.name]
            host.spawn(argv, f"echo-{address}").event("listening", within=10)
    api.put(endpoint(lab.a), name="v4")
    api.put(endpoint(lab.a, address=lab.a.v6), name="v6", address_type="IPv6")
    cgroup = lab.cgroup()
    text = from_kubernetes(address="BOTH").replace('"BOTH"', '["10.96.0.7:7", "[fd00:96::7]:7"]')
    sidecar = lab.sidecar(config(text, more=api.sources()), cgroup)
    wait_until(lambda: sidecar.states("echo") == {"echo@echo-a": "up", "echo@echo-a.v6": "up"}, WITHIN, sidecar.describe)
    api.watched()
    assert dialled(lab, cgroup) == dialled(lab, cgroup, address="fd00:96::7") == {"a"}
    api.put(leaving(lab.a, address=lab.a.v6), name="v6", address_type="IPv6")
    api.put(name="v6", address_type="IPv6")
    wait_until(lambda: dialled(lab, cgroup, times=1, address="fd00:96::7") == {"ECONNREFUSED"}, WITHIN, sidecar.describe)
    assert dialled(lab, cgroup) == {"a"}


def test_one_port_name_with_two_numbers(lab, echo, api):  # [F25]
    argv = [PYTHON, HERE / "clients/echo_server.py", lab.b.v4, ECHO_PORT + 1, "b"]
    lab.b.spawn(argv, "echo-other").event("listening", within=10)
    api.put(endpoint(lab.a), name="one")
    api.put(endpoint(lab.b), name="two", port=ECHO_PORT + 1)
    cgroup = lab.cgroup()
    sidecar = sidecar_of(lab, api, cgroup, entry="{kubernetes: {service: shop/echo, port: echo}}")
    states(sidecar, a="up", b="up")
    assert dialled(lab, cgroup) == {"a", "b"}


def test_endpoints_that_no_server_may_have_are_refused(lab, echo, api):  # [F36]
    api.put(endpoint(lab.a), *(endpoint(None, name=f"bad-{i}", address=address) for i, address in
                               enumerate(["127.0.0.1", "169.254.169.254", "224.0.0.1", "0.0.0.0"])))
    sidecar = sidecar_of(lab, api)
    states(sidecar, a="up")
    assert reference(sidecar)["left_out"] == 4
    sidecar.logs("has 4 endpoints that cannot be used")


def test_the_last_slice_is_deleted_with_its_endpoints_in_the_event(lab, echo, api):  # [F41, F42]
    api.put(endpoint(lab.a), name="one")
    api.put(endpoint(lab.b), endpoint(lab.c), name="two")
    sidecar = sidecar_of(lab, api)
    states(sidecar, a="up", b="up", c="up")
    api.watched()
    api.delete("one")
    wait_until(lambda: "echo@echo-a" not in sidecar.states("echo"), WITHIN, sidecar.describe)
    api.put(leaving(lab.b), leaving(lab.c), name="two")
    states(sidecar, b="leaving", c="leaving")
    api.do("put", namespace="shop", name="two", service="echo", endpoints=None, ports=None)
    wait_until(lambda: sidecar.states("echo") == {}, WITHIN, sidecar.describe)
    assert source(sidecar)["state"] == "synced"


def test_called_ready_and_not_answering_the_check_decides(lab, api):  # [F46]
    api.put(endpoint(lab.a))  # nobody listens there
    sidecar = sidecar_of(lab, api)
    states(sidecar, a="down")


def test_connected_udp_is_moved_when_its_pod_terminates(lab, api):  # [F04]
    for host in (lab.a, lab.b):
        argv = [PYTHON, HERE / "clients/echo_server.py", host.v4, ECHO_PORT, host.name]
        host.spawn(argv, "echo").event("listening", within=10)
    api.put(endpoint(lab.a), endpoint(lab.b), protocol="UDP")
    cgroup = lab.cgroup()
    sidecar = sidecar_of(lab, api, cgroup, protocol="udp", check="type: udp")
    states(sidecar, a="up", b="up")
    script = ("import socket,sys,time\n"
              "s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.connect(('10.96.0.7', 7)); s.settimeout(2)\n"
              "for line in sys.stdin:\n"
              "    s.send(b'who'); print(s.recv(64).decode().split()[0], s.getsockname()[1], flush=True)\n")
    client = lab.spawn([PYTHON, "-c", script], "udp", cgroup=cgroup, stdin=True)
    client.tell("")
    wait_until(lambda: client.out.count("\n") == 1, 5, client.describe)
    host, port = client.out.split()
    gone, stays = lab.host(host), next(h for h in (lab.a, lab.b) if h.name != host)
    api.watched()
    api.put(leaving(gone), endpoint(stays), protocol="UDP")
    sidecar.logs(r"1 re-pointed", within=WITHIN)
    client.tell("")
    wait_until(lambda: client.out.count("\n") == 2, 5, client.describe)
    assert client.out.split()[2:] == [stays.name, port]
