# SPDX-License-Identifier: Apache-2.0
"""Backends from a file: what it says is followed, and what it loses at once is doubted."""
import json

import pytest

from discovery import idle
from kube_api import reference, source
from lab import ECHO_PORT, stays_false, wait_until
from sources import document, echo, entry, lab, of_file, states  # noqa: F401 (fixtures)
from test_reload import dialled
from waiting import BOUND


def test_endpoints_of_a_file_serve_leave_and_go(lab, echo):
    path = lab.write("echo.json", document(entry(lab.a), entry(lab.b)))
    cgroup = lab.cgroup()
    sidecar = lab.sidecar(of_file(path), cgroup)
    states(sidecar, a="up", b="up")
    assert dialled(lab, cgroup) == {"a", "b"}
    client, host = idle(lab, cgroup)
    other = lab.other(lab.host(host)) if len(lab.hosts) == 2 else next(h for h in lab.hosts[:2] if h.name != host)
    lab.write("echo.json", document(entry(lab.host(host), state="leaving"), entry(other)))
    states(sidecar, **{host: "leaving", other.name: "up"})
    assert dialled(lab, cgroup) == {other.name}
    stays_false(lambda: client.events("idle broken"), 1, "the connection of one that leaves was cut")
    lab.write("echo.json", document(entry(other)))
    wait_until(lambda: sidecar.states("echo")[f"echo@{host}"] == "removing", BOUND, sidecar.describe)
    stays_false(lambda: client.events("idle broken"), 1, "its drain did not go on")


def test_one_that_leaves_and_falls_silent_has_its_clients_told_after_one_check(lab, echo):  # [F07]
    path = lab.write("echo.json", document(entry(lab.a), entry(lab.b)))
    cgroup = lab.cgroup()
    sidecar = lab.sidecar(of_file(path), cgroup)
    client, host = idle(lab, cgroup)
    gone = lab.host(host)
    stays = next(h for h in lab.hosts[:2] if h.name != host)
    lab.write("echo.json", document(entry(gone, state="leaving"), entry(stays)))
    states(sidecar, **{host: "leaving", stays.name: "up"})
    gone.vanish()
    broken = client.event("idle broken", within=BOUND)
    assert broken["errno"] == "ECONNABORTED"
    assert "(1/1)" in sidecar.backend("echo", f"echo@{host}")["reason"]
    assert client.event("idle", after=broken["t"])["host"] == stays.name


def test_another_id_at_the_same_address_ends_the_sockets_of_the_one_before(lab, echo):  # [F08]
    path = lab.write("echo.json", document(entry(lab.a, id="1"), entry(lab.b, id="1")))
    cgroup = lab.cgroup()
    sidecar = lab.sidecar(of_file(path), cgroup)
    client, host = idle(lab, cgroup)
    stays = next(h for h in lab.hosts[:2] if h.name != host)
    lab.write("echo.json", document(entry(lab.host(host), id="2"), entry(stays, id="1")))
    assert client.event("idle broken", within=BOUND)["errno"] == "ECONNABORTED"
    sidecar.logs("another backend has its address now")
    states(sidecar, a="up", b="up")


def test_one_that_is_not_ready_gets_nothing_and_a_flap_ends_no_socket(lab, echo):  # [F09]
    path = lab.write("echo.json", document(entry(lab.a), entry(lab.b)))
    cgroup = lab.cgroup()
    sidecar = lab.sidecar(of_file(path), cgroup)
    client, host = idle(lab, cgroup)
    stays = next(h for h in lab.hosts[:2] if h.name != host)
    for _ in range(3):
        lab.write("echo.json", document(entry(lab.host(host), state="unready"), entry(stays)))
        states(sidecar, **{host: "unready", stays.name: "up"})
        assert dialled(lab, cgroup) == {stays.name}
        lab.write("echo.json", document(entry(lab.a), entry(lab.b)))
        states(sidecar, a="up", b="up")
    assert not client.events("idle broken")


def test_where_all_leave_they_serve_and_where_none_is_ready_connects_are_refused(lab, echo):  # [F05]
    path = lab.write("echo.json", document(entry(lab.a, state="leaving"), entry(lab.b, state="leaving")))
    cgroup = lab.cgroup()
    sidecar = lab.sidecar(of_file(path), cgroup)
    states(sidecar, a="leaving", b="leaving")
    assert dialled(lab, cgroup) == {"a", "b"}
    lab.write("echo.json", document(entry(lab.a, state="unready"), entry(lab.b, state="unready")))
    states(sidecar, a="unready", b="unready")
    assert dialled(lab, cgroup, times=2) == {"ECONNREFUSED"}


def test_a_mass_removal_is_held_until_the_operator_accepts_it(lab, echo):  # [F14]
    path = lab.write("echo.json", document(*(entry(h) for h in lab.hosts)))
    cgroup = lab.cgroup()
    sidecar = lab.sidecar(of_file(path), cgroup)
    states(sidecar, a="up", b="up", c="up")
    client, host = idle(lab, cgroup)
    lab.write("echo.json", document())
    sidecar.logs(r"lost 3 of 3 endpoints at once, unannounced, and they still answer: held for 10 min", within=BOUND + 2)
    assert dialled(lab, cgroup) == {"a", "b", "c"}
    assert reference(sidecar)["held"] == 3
    assert not client.events("idle broken")
    said = lab.reseat("accept", "echo", "--admin", sidecar.admin)
    assert said.stdout == "echo: 3 endpoints let go\n"
    wait_until(lambda: set(sidecar.states("echo").values()) <= {"removing"}, BOUND, sidecar.describe)
    assert lab.reseat("accept", "echo", "--admin", sidecar.admin).stdout == "echo: no endpoint is held\n"


def test_a_held_endpoint_that_fails_its_check_goes(lab, echo):  # [F14]
    path = lab.write("echo.json", document(entry(lab.a)))
    cgroup = lab.cgroup()
    sidecar = lab.sidecar(of_file(path), cgroup)
    states(sidecar, a="up")
    lab.write("echo.json", document())
    sidecar.logs("lost 1 of 1 endpoints", within=BOUND + 2)
    lab.a.vanish()
    sidecar.logs("1 held endpoint is let go: they fail their checks", within=BOUND + 2)


def test_a_mass_removal_that_was_announced_is_not_held(lab, echo):  # [F15]
    path = lab.write("echo.json", document(*(entry(h) for h in lab.hosts)))
    sidecar = lab.sidecar(of_file(path), lab.cgroup())
    states(sidecar, a="up", b="up", c="up")
    lab.write("echo.json", document(*(entry(h, state="leaving") for h in lab.hosts[1:]), entry(lab.a)))
    states(sidecar, a="up", b="leaving", c="leaving")
    lab.write("echo.json", document(entry(lab.a)))
    states(sidecar, a="up")
    assert "held" not in sidecar.err


def test_a_file_that_is_faulty_missing_or_a_directory_changes_nothing(lab, echo):  # [F33]
    path = lab.write("echo.json", document(entry(lab.a), entry(lab.b)))
    cgroup = lab.cgroup()
    sidecar = lab.sidecar(of_file(path), cgroup)
    states(sidecar, a="up", b="up")
    path.write_text("")  # truncated, as before it is written anew
    wait_until(lambda: source(sidecar)["state"] == "stale", BOUND, sidecar.describe)
    path.write_text(document(entry(lab.a)))
    states(sidecar, a="up")
    lab.write("echo.json", "reseat: 1\nendpoints:\n  - {address: nonsense}\n")
    wait_until(lambda: source(sidecar)["state"] == "stale", BOUND, sidecar.describe)
    assert ":3:" in source(sidecar)["error"] and "nonsense" in source(sidecar)["error"]
    path.unlink()
    path.mkdir()
    wait_until(lambda: "directory" in (source(sidecar)["error"] or ""), BOUND, sidecar.describe)
    assert dialled(lab, cgroup) == {"a"}
    path.rmdir()
    lab.write("echo.json", document(entry(lab.a), entry(lab.c)))
    states(sidecar, a="up", c="up")
    assert source(sidecar)["state"] == "synced"


def test_a_file_behind_a_link_that_is_swapped(lab, echo):  # [F33]
    for number, host in enumerate((lab.a, lab.b)):
        (lab.tmp / f"data{number}").mkdir()
        (lab.tmp / f"data{number}/echo.json").write_text(document(entry(lab.a), entry(host)))
    link = lab.tmp / "..data"
    link.symlink_to("data0")
    (lab.tmp / "echo.json").symlink_to("..data/echo.json")
    sidecar = lab.sidecar(of_file(lab.tmp / "echo.json"), lab.cgroup())
    states(sidecar, a="up")
    (lab.tmp / "fresh").symlink_to("data1")
    (lab.tmp / "fresh").rename(link)
    states(sidecar, a="up", b="up")


def test_addresses_that_no_server_may_have_are_refused_and_told(lab, echo):  # [F36]
    path = lab.write("echo.json", document(entry(lab.a), {"address": "169.254.169.254:80"}, {"address": "10.96.0.7:7"}))
    sidecar = lab.sidecar(of_file(path), lab.cgroup())
    states(sidecar, a="up")
    assert reference(sidecar)["left_out"] == 2
    sidecar.logs(r"has 2 endpoints that cannot be used")


def test_what_a_process_knew_serves_the_next_one(lab, echo):  # [F17]
    path = lab.write("echo.json", document(entry(lab.a), entry(lab.b)))
    cgroup = lab.cgroup()
    sidecar = lab.sidecar(of_file(path), cgroup)
    states(sidecar, a="up", b="up")
    state = lab.tmp / "sidecar.sock.endpoints.json"
    wait_until(state.exists, 5, "the state file")
    assert state.stat().st_mode & 0o777 == 0o600
    sidecar.stop()
    path.unlink()
    again = lab.sidecar(of_file(path), cgroup)
    states(again, a="up", b="up")
    assert reference(again)["from_before"]
    assert dialled(lab, cgroup) == {"a", "b"}
    lab.write("echo.json", document(entry(lab.a), entry(lab.b), entry(lab.c)))
    states(again, a="up", b="up", c="up")
    assert not reference(again)["from_before"]


@pytest.mark.parametrize("fault", ["truncated", "another version", "a link", "writable by others"])
def test_a_state_file_that_cannot_be_trusted_is_ignored_with_a_line(lab, echo, fault):  # [F18]
    state = lab.tmp / "sidecar.sock.endpoints.json"
    good = {"reseat": 1, "entries": [{"service": "echo", "protocol": "tcp", "source": f"file {lab.tmp}/none.json",
                                      "position": "", "endpoints": [entry(lab.a)]}]}
    text = json.dumps(good if fault != "another version" else {**good, "reseat": 2})
    target = lab.tmp / "elsewhere" if fault == "a link" else state
    target.write_text(text[:-9] if fault == "truncated" else text)
    target.chmod(0o622 if fault == "writable by others" else 0o600)
    if fault == "a link":
        state.symlink_to(target)
    sidecar = lab.sidecar(of_file(lab.tmp / "none.json"), lab.cgroup())
    sidecar.logs("what a previous process knew of sources is not used")
    assert sidecar.states("echo") == {}


def test_ten_thousand_endpoints_appear_at_once(lab):  # [F35]
    def many(count):
        return document(*({"address": f"10.20.{i // 250}.{1 + i % 250}:80", "id": f"{i}"} for i in range(count)))
    path = lab.write("echo.json", many(1))
    sidecar = lab.sidecar(of_file(path, check="type: none"), lab.cgroup())
    lab.write("echo.json", many(10_000))
    wait_until(lambda: sidecar.status()["services"][0]["eligible"] == 10_000, 10, lambda: f"{reference(sidecar)}")
    peak = next(line for line in open(f"/proc/{sidecar.pid}/status") if line.startswith("VmHWM"))
    assert int(peak.split()[1]) < 250_000, peak
