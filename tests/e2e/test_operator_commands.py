# SPDX-License-Identifier: Apache-2.0
"""The commands with which an operator looks at a running instance and changes it."""
import json
import os
import re
import signal

import pytest

from commands import FAILED, USAGE, attempt
from lab import ECHO_PORT, HERE, PYTHON, config, reseat_binary, service, wait_until
from terminal import Terminal, plain
from test_reload import SERVICE, echo_on


class Scene:
    """One service with the backends a and b, and an idle client on each."""

    def __init__(self, lab):
        self.lab, self.cgroup = lab, lab.cgroup()
        self.sidecar = lab.sidecar(config(echo_on(lab, "ab")), self.cgroup)
        self.client = lab.spawn([PYTHON, HERE / "clients/idle_tcp.py", f"one={SERVICE}/7", f"two={SERVICE}/7"], "idle",
                                cgroup=self.cgroup)
        self.hosts = {name: self.client.event(name, within=10)["host"] for name in ("one", "two")}
        wait_until(lambda: self.open_on("a") == self.open_on("b") == 1, 5, self.sidecar.describe)

    def open_on(self, backend):
        return self.sidecar.backend("echo", backend)["open_sockets"]

    def reseat(self, *words):
        return attempt(self.lab, *words, "--admin", self.sidecar.admin)

    def done(self, *words):
        ended = self.reseat(*words)
        assert (ended.popen.returncode, ended.err) == (0, ""), ended.describe()
        return ended.out

    def data(self, *words):
        return json.loads(self.done(*words, "-o", "json"))

    def argv(self, *words):
        return [*map(str, self.lab.in_client([reseat_binary(), *words, "--admin", self.sidecar.admin]))]

    def terminal(self, *words, **options):
        return Terminal(self.argv(*words), **options)


@pytest.fixture
def scene(lab, echo):
    return Scene(lab)


# ---------------------------------------------------------------- looking

def test_ls_lists_the_services(scene):
    text = scene.done("ls")
    assert text.splitlines()[0].startswith("default: ready, running for ")
    assert re.search(rf"^echo +tcp +{SERVICE}:7 +2/2 +2$", text, re.M), text
    assert scene.data("ls") == {"instance": "default", "services": [
        {"name": "echo", "protocol": "tcp", "addresses": [f"{SERVICE}:7"], "eligible": 2, "total": 2, "open_sockets": 2}]}


def test_backends_lists_them_and_why_one_is_not_in_use(scene):
    text = scene.done("backends")
    for name in "ab":
        assert re.search(rf"^echo/{name} +{scene.lab.host(name).at(ECHO_PORT)} +up .* 50 % +1 +0 +1$", text, re.M), text
    scene.lab.a.vanish()
    scene.sidecar.wait_state("echo", "a", "down")
    assert re.search(r"^echo/a .* down .* - +1 +0 +\d\n    no answer within 200ms", scene.done("backends", "echo"), re.M)
    rows = scene.data("backends", "echo")["backends"]
    assert [(r["service"], r["name"], r["state"]) for r in rows] == [("echo", "a", "down"), ("echo", "b", "up")]
    unknown = scene.reseat("backends", "ehco")
    assert unknown.popen.returncode == FAILED and "did you mean 'echo'?" in unknown.err, unknown.describe()


def test_status_of_one_service_is_narrowed_to_it(lab, echo):
    two = echo_on(lab, "ab") + echo_on(lab, "ab").replace("name: echo", "name: other").replace(SERVICE, "10.96.0.8")
    sidecar = lab.sidecar(config(two), lab.cgroup())

    def told(*words):
        return attempt(lab, "status", *words, "--admin", sidecar.admin)
    assert "echo/a" in told().out and "other/a" in told().out
    assert "echo/a" not in told("other").out and "other/a" in told("other").out
    whole, one = json.loads(told("-o", "json").out), json.loads(told("other", "-o", "json").out)
    assert [s["name"] for s in one["services"]] == ["other"] and one.keys() == whole.keys()
    unknown = told("othre")
    assert unknown.popen.returncode == FAILED
    assert unknown.err == "reseat: no service 'othre'; did you mean 'other'?\n"


def test_explain_answers_in_sentences_and_as_data(scene):
    text = scene.done("explain", "echo")
    assert f"The workload connects to {SERVICE}:7." in text and "healthy, 2 of 2 backends eligible" in text, text
    assert "No action is needed.\n" in text
    explained = scene.data("explain", "echo")["explained"]
    assert [e["service"]["name"] for e in explained] == ["echo"]
    assert explained[0]["settings"]["connections"]["on_refused"] == "drain"
    unknown = scene.reseat("explain", "nosuch")
    assert unknown.popen.returncode == FAILED
    assert unknown.err == "reseat: no service 'nosuch'; there is only echo\n"
    for words in (["sockets"], ["events"], ["terminate", "--dry-run"], ["backends"]):
        assert "did you mean 'echo'?" in scene.reseat(words[0], "ehco", *words[1:]).err
    assert "there are a and b" in scene.reseat("drain", "echo/nosuch").err


def test_log_events_and_commands_tell_the_halves_of_protocol_any_apart(lab, echo):
    """Backend a vanishes: connected UDP is moved, TCP is terminated, and each half tells its own."""
    cgroup = lab.cgroup()
    text = config(service("echo", f"{SERVICE}:7", {"a": lab.a.at(ECHO_PORT), "b": lab.b.at(ECHO_PORT)}, protocol="any",
                          check="udp: {send: {hex: '7177'}, expect: {hex: '20 7177'}}"))
    sidecar = lab.sidecar(text, cgroup)
    two = [f"{name}={SERVICE}/7" for name in ("one", "two")]
    client = lab.spawn([PYTHON, HERE / "clients/idle_tcp.py", *two], "idle", cgroup=cgroup)
    assert {client.event(name, within=10)["host"] for name in ("one", "two")} == {"a", "b"}
    lab.a.vanish()
    sidecar.logs(r"echo/a \(tcp\) is DOWN: .*; 1 socket terminated, 0 re-pointed in ")
    sidecar.logs(r"echo/a \(udp\) is DOWN: .*; no socket was open\n")

    def told(*words):
        return attempt(lab, *words, "--admin", sidecar.admin).out
    for half in ("tcp", "udp"):
        assert re.search(rf"^echo/a \({half}\) +{lab.a.at(ECHO_PORT)} +down ", told("backends"), re.M), told("backends")
        assert re.search(rf"^echo/a \({half}\) ", told("status"), re.M), told("status")
    assert "last failover" in told("status") and "from echo/a (udp)" not in told("status")
    events = json.loads(told("events", "echo", "-o", "json"))["events"]
    assert {e["protocol"] for e in events if e["type"] == "backend_down"} == {"tcp", "udp"}
    tcp, udp = re.split(r"^echo \(udp\): ", told("explain", "echo"), flags=re.M)
    assert tcp.startswith("echo (tcp): ") and "1 socket terminated, 0 re-pointed." in tcp, tcp
    assert "echo/a (tcp) is DOWN" in tcp and "(udp)" not in tcp, tcp
    assert "echo/a (udp) is DOWN" in udp and "(tcp)" not in udp and "1 socket terminated" not in udp, udp
    file = lab.write("any.yaml", text)
    checked = attempt(lab, "check", file).out
    assert len(re.findall(r"^echo \((?:tcp|udp)\) +[ab] ", checked, re.M)) == 4, checked
    assert attempt(lab, "validate", file).out == f"{file}: 1 service, 2 backends\n"


# ---------------------------------------------------------------- events

def test_events_tell_what_has_happened_since_when_and_to_whom(scene):
    scene.lab.a.vanish()
    scene.sidecar.wait_state("echo", "a", "down")
    wait_until(lambda: "1 socket terminated" in scene.done("events", "echo/a"), 5, scene.sidecar.describe)
    lines = scene.done("events").splitlines()
    assert all(re.match(r"\d{4}-\d\d-\d\dT[\d:.]+Z (info |warn |error) ", line) for line in lines), lines
    events = scene.data("events")["events"]
    down = next(e for e in events if e["type"] == "backend_down")
    assert (down["service"], down["backend"], down["level"]) == ("echo", "a", "warn")
    assert down["message"].startswith("echo/a is DOWN: no answer within")
    assert [e["id"] for e in scene.data("events", "--since", down["id"])["events"]] == \
        [e["id"] for e in events if e["id"] > down["id"]]
    assert scene.data("events", "--since", "1h")["events"] == events
    assert scene.data("events", "--since", "2100-01-01T00:00:00Z")["events"] == []
    assert {e["service"] for e in scene.data("events", "echo")["events"]} == {"echo"}


def test_events_are_followed_as_they_happen_and_the_end_is_told(scene):
    text = scene.lab.spawn(scene.argv("events", "-f"), "follow")
    data = scene.lab.spawn(scene.argv("events", "-f", "echo/b", "-o", "json"), "follow-json")
    text.prints("ready|READY")
    scene.done("drain", "echo/b")
    text.prints(r"warn +echo/b is set to DRAIN|info +echo/b is set to DRAIN")
    data.prints(r'"type":"backend_drain"')
    for line in data.out.splitlines():
        assert json.loads(line)["backend"] == "b"
    scene.sidecar.send_signal(signal.SIGTERM)
    assert scene.sidecar.exits() == 0
    assert text.exits() == data.exits() == FAILED
    assert text.err.startswith("reseat: ") and "has stopped" in text.err, text.describe()


# ---------------------------------------------------------------- drain, ready, maint

def test_drain_waits_until_the_last_socket_is_closed(scene):
    waits = scene.lab.spawn(scene.argv("drain", "echo/a", "--wait"), "drain")
    scene.sidecar.wait_state("echo", "a", "drain")
    assert scene.open_on("a") == 1 and not waits.exited()
    scene.client.stop()
    assert waits.exits() == 0, waits.describe()
    assert waits.out == "echo/a: drain, 0 open sockets\n"


def test_a_wait_that_takes_too_long_names_the_processes_that_are_left_and_how_to_go_on(scene):
    gives_up = scene.reseat("drain", "echo/a", "--wait", "--timeout", "300ms")
    assert gives_up.popen.returncode == FAILED, gives_up.describe()
    first, process, *offers = gives_up.err.splitlines()
    assert first == "reseat: timed out after 300 ms: echo/a: drain, 1 open socket"
    assert re.fullmatch(rf"  \S+ \(pid {scene.client.pid}\): 1 TCP socket, terminated in [45] min unless closed before", process), process
    same = f" --admin {scene.sidecar.admin}"
    assert [line.split(":")[1].strip() for line in offers] == [
        f"reseat drain echo/a --wait{same}", f"reseat sockets echo/a{same}", f"reseat terminate echo/a{same}",
        f"reseat ready echo/a{same}"]
    assert scene.sidecar.states("echo") == {"a": "drain", "b": "up"}


def test_drain_and_maint_take_a_backend_out_and_ready_brings_it_back(scene):
    assert scene.done("drain", "echo/a") == "echo/a: drain, 1 open socket\n"
    assert scene.data("maint", "echo/b") == {"state": "maint", "open_sockets": 1}
    assert scene.sidecar.states("echo") == {"a": "drain", "b": "maint"}
    assert scene.done("ready", "echo/a", "--wait").startswith("echo/a: up")
    assert scene.sidecar.states("echo") == {"a": "up", "b": "maint"}


def test_a_drain_that_somebody_takes_back_is_not_waited_for(scene):
    waits = scene.lab.spawn(scene.argv("drain", "echo/a", "--wait"), "drain")
    scene.sidecar.wait_state("echo", "a", "drain")
    scene.done("ready", "echo/a")
    assert waits.exits() == FAILED and "echo/a is up now: no longer waiting" in waits.err, waits.describe()


def test_a_backend_must_be_named_and_exist(scene):
    for words, status in ((["drain", "echo"], USAGE), (["drain", "echo/nosuch"], FAILED), (["weight", "echo", "5"], USAGE)):
        refused = scene.reseat(*words)
        assert refused.popen.returncode == status and len(refused.err.splitlines()) == 1, refused.describe()
    assert scene.sidecar.states("echo") == {"a": "up", "b": "up"}


# ---------------------------------------------------------------- watching, and terminals

def test_watch_refreshes_in_place_and_leaves_the_screen_as_it_was(scene):
    with scene.terminal("status", "-w") as screen:
        screen.shows(r"\033\[\?1049h")
        screen.shows("echo/a")
        scene.lab.a.vanish()
        wait_until(lambda: screen.frames() and re.search(r"echo/a .*down", screen.frames()[-1]), 10, lambda: screen.raw[-2000:])
        screen.type("\x03")
        assert screen.exits() == -signal.SIGINT
        assert screen.raw.endswith("\033[?7h\033[?25h\033[?1049l"), screen.raw[-40:]


def test_watch_is_cut_to_the_screen_and_follows_its_size(scene):
    with scene.terminal("backends", "-w", rows=2, columns=80) as screen:
        screen.shows(r"\.\.\. \d+ more lines")
        assert all(len(frame.rstrip("\n").splitlines()) <= 2 for frame in screen.frames())
        screen.resize(24, 80)
        wait_until(lambda: "echo/b" in screen.frames()[-1], 5, lambda: screen.raw[-2000:])
        screen.popen.send_signal(signal.SIGTERM)
        assert screen.exits() == -signal.SIGTERM
        assert screen.raw.endswith("\033[?1049l")


def test_watch_survives_a_restart_of_the_instance(scene):
    with scene.terminal("ls", "-w") as screen:
        screen.shows("2/2")
        scene.sidecar.send_signal(signal.SIGTERM)
        scene.sidecar.exits()
        screen.shows("trying again")
        assert screen.popen.poll() is None


def test_elsewhere_watch_prints_one_after_the_other(scene):
    tables = scene.lab.spawn(scene.argv("ls", "-w"), "tables")
    data = scene.lab.spawn(scene.argv("status", "-w", "-o", "json"), "data")
    wait_until(lambda: tables.out.count("--- 20") >= 2 and data.out.count("\n") >= 2, 10, tables.describe)
    assert all(json.loads(line)["api_version"] == 1 for line in data.out.splitlines())
    assert "\033" not in tables.out
    for process in (tables, data):
        process.send_signal(signal.SIGINT)
        assert process.exits() == -signal.SIGINT, process.describe()


@pytest.mark.parametrize("words", [["status"], ["ls"], ["backends"], ["sockets"], ["explain", "echo"]], ids=lambda w: w[0])
def test_what_is_shown_fits_80_columns_and_is_coloured_on_a_terminal_only(scene, words):
    scene.lab.a.vanish()
    scene.sidecar.wait_state("echo", "a", "down")
    with scene.terminal(*words) as screen:
        assert screen.exits() == 0
        assert "\033[" in screen.raw
        assert [line for line in plain(screen.raw).splitlines() if len(line) > 80] == []
    with scene.terminal(*words, env={**os.environ, "NO_COLOR": "1"}) as screen:
        assert screen.exits() == 0
        assert "\033" not in screen.raw
    assert "\033" not in scene.done(*words)


def test_drain_shows_its_progress_on_a_terminal(scene):
    with scene.terminal("drain", "echo/a", "--wait") as screen:
        screen.shows(r"\recho/a: drain, 1 open socket \.\.\.")
        scene.client.stop()
        assert screen.exits() == 0
        assert plain(screen.raw).endswith("echo/a: drain, 0 open sockets\n")
