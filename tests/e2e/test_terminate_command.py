# SPDX-License-Identifier: Apache-2.0
"""`reseat sockets` and `reseat terminate`: looked at first, then exactly those."""
import json
import os
import pty
import re

import pytest

from commands import FAILED, USAGE, attempt
from lab import ECHO_PORT, HERE, PYTHON, config, reseat_binary, service, stays_false, wait_until
from test_reload import OTHER, SERVICE, echo_on


class Scene:
    """Two services, two idle clients on each; the first one's backends are a and b, the second one's is b."""

    def __init__(self, lab):
        self.lab, self.cgroup = lab, lab.cgroup()
        self.sidecar = lab.sidecar(config(echo_on(lab, "ab"), echo_on(lab, "b", "other", OTHER)), self.cgroup)
        targets = [f"one={SERVICE}/7", f"two={SERVICE}/7", f"three={OTHER}/7", f"four={OTHER}/7"]
        self.client = lab.spawn([PYTHON, HERE / "clients/idle_tcp.py", *targets], "idle", cgroup=self.cgroup)
        self.hosts = {name: self.client.event(name, within=10)["host"] for name in ("one", "two", "three", "four")}
        wait_until(lambda: len(self.listed()) == 4, 5, lambda: f"4 sockets: {self.listed()}")

    def reseat(self, *words):
        return attempt(self.lab, *words, "--admin", self.sidecar.admin)

    def listed(self, *words):
        done = self.reseat("sockets", *words, "-o", "json")
        assert done.popen.returncode == 0, done.describe()
        return json.loads(done.out)["sockets"]

    def broken(self):
        return {name for name in self.hosts if self.client.events(f"{name} broken")}

    def on(self, host):
        return {name for name in ("one", "two") if self.hosts[name] == host}


@pytest.fixture
def scene(lab, echo):
    return Scene(lab)


def test_sockets_lists_whose_they_are_and_where_they_lead(lab, scene):
    sockets = scene.listed()
    assert {s["pid"] for s in sockets} == {scene.client.pid}
    assert {s["protocol"] for s in sockets} == {"tcp"}
    assert sorted(s["service_address"] for s in sockets) == [f"{SERVICE}:7"] * 2 + [f"{OTHER}:7"] * 2
    assert {s["backend_address"] for s in sockets} == {lab.a.at(ECHO_PORT), lab.b.at(ECHO_PORT)}
    assert all(s["comm"].startswith("python3") and 0 <= s["age_ms"] < 60_000 for s in sockets)
    assert all(s["local"].startswith("10.98.0.1:") for s in sockets)
    assert [s["backend"] for s in scene.listed("echo/a")] == ["a"]
    assert len(scene.listed("other")) == 2
    table = scene.reseat("sockets", "echo")
    assert re.search(rf"{scene.client.pid} .*tcp .*{SERVICE}:7 .*echo/a", table.out), table.describe()


def test_a_dry_run_lists_and_ends_nothing(scene):
    dry = scene.reseat("terminate", "echo", "--dry-run")
    assert dry.popen.returncode == 0 and "2 open sockets of echo would be terminated" in dry.out, dry.describe()
    stays_false(scene.broken, 0.5, "a dry run ended sockets")


def test_terminate_ends_those_of_one_backend_and_no_others(scene):
    done = scene.reseat("terminate", "echo/a", "--yes")
    assert done.popen.returncode == 0 and "echo/a: 1 terminated" in done.out, done.describe()
    wait_until(lambda: scene.broken() == scene.on("a"), 5, scene.client.describe)
    stays_false(lambda: scene.broken() != scene.on("a"), 0.5, "sockets of another backend or service were ended")
    assert scene.client.event(f"{next(iter(scene.on('a')))} broken")["errno"] == "ECONNABORTED"
    assert scene.sidecar.states("echo") == {"a": "up", "b": "up"}, "the backend stays in use"


def test_terminate_ends_those_of_a_whole_service_as_data_too(scene):
    done = scene.reseat("terminate", "echo", "--yes", "-o", "json")
    assert done.popen.returncode == 0 and json.loads(done.out)["terminated"] == 2, done.describe()
    wait_until(lambda: scene.broken() == {"one", "two"}, 5, scene.client.describe)


def test_without_a_terminal_it_wants_yes_and_says_how_many(scene):
    refused = scene.reseat("terminate", "echo")
    assert refused.popen.returncode == USAGE and "2 open sockets of echo" in refused.err, refused.describe()
    assert "--yes" in refused.err and scene.broken() == set()


@pytest.mark.parametrize("answer, ended", [("y", True), ("n", False), ("", False)])
def test_on_a_terminal_it_asks(scene, answer, ended):
    ours, its = pty.openpty()
    argv = scene.lab.in_client([reseat_binary(), "terminate", "echo", "--admin", str(scene.sidecar.admin)])
    pid = os.posix_spawn("/usr/bin/env", ["env", *map(str, argv)], os.environ,
                         file_actions=[(os.POSIX_SPAWN_DUP2, its, n) for n in (0, 1, 2)])
    os.close(its)
    shown = b""
    while b"[y/N]" not in shown:
        shown += os.read(ours, 1024)
    assert b"2 open sockets of echo" in shown
    os.write(ours, answer.encode() + b"\n")
    _, status = os.waitpid(pid, 0)
    os.close(ours)
    assert os.waitstatus_to_exitcode(status) == (0 if ended else FAILED)
    if ended:
        wait_until(lambda: scene.broken() == {"one", "two"}, 5, scene.client.describe)
    else:
        stays_false(scene.broken, 0.3, "sockets were ended without a yes")


def test_names_that_do_not_exist_are_named(scene):
    for words in (["terminate", "nosuch", "--yes"], ["terminate", "echo/nosuch", "--yes"], ["sockets", "nosuch"]):
        done = scene.reseat(*words)
        assert done.popen.returncode == FAILED and "nosuch" in done.err, done.describe()
        assert len(done.err.splitlines()) == 1
    assert scene.broken() == set()
    assert scene.sidecar.get("/services/echo/terminate")[0] == 405
