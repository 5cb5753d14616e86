# SPDX-License-Identifier: Apache-2.0
"""Application and sidecar as separate containers, put together as container/compose.yaml does."""
import pytest

from app import App, Clients, ConfigMap, assert_confined, backends_of, compose_flags, services
from lab import BOUND, cgroup2_mount, run
from sidecar_container import SidecarContainer


@pytest.fixture
def config_map(lab):
    return ConfigMap(lab.tmp / "config", services([lab.a, lab.b]))


def show_its_cgroup(pid):
    """What a runtime does by itself where there is cgroup v2 only: the container's own cgroup is mounted."""
    if str(cgroup2_mount()) != "/sys/fs/cgroup":
        run("nsenter", f"--target={pid}", "--mount", "--cgroup", "--", "mount", "-t", "cgroup2", "none", "/sys/fs/cgroup")


@pytest.fixture
def pair(engine, lab, echo, config_map):
    """(application, sidecar); reseat is ready."""
    app = App.start(engine, lab, "app")
    show_its_cgroup(engine.process("app"))
    flags, command = compose_flags()
    sidecar = SidecarContainer.start(engine, "reseat", [
        *flags, "--network=container:app", "--pid=container:app", f"--volume={config_map.directory}:/etc/reseat:ro"], command)
    sidecar.wait_ready()
    return app, sidecar


def test_it_has_four_capabilities_the_profile_and_the_applications_cgroup(engine, pair):
    _, sidecar = pair
    assert_confined(sidecar.pid)
    assert sidecar.status()["workload"]["cgroup"] == "/proc/1/root/sys/fs/cgroup"
    assert sidecar.status()["kernel"]["repoint"] is True
    assert sidecar.engine.inspect("reseat")["HostConfig"]["ReadonlyRootfs"] is True


def test_a_backends_host_vanishes_and_the_applications_clients_go_on(engine, lab, pair):
    app, sidecar = pair
    Clients(app, [lab.a, lab.b]).survive_a_vanishing_host(sidecar.status)
    assert "no answer within" in engine.logs("reseat")


def test_a_config_map_that_is_swapped_twice_moves_clients_to_each_rollouts_addresses(lab, pair, config_map):
    app, sidecar = pair
    clients = Clients(app, [lab.a, lab.b, lab.c])
    for host in (lab.c, lab.a):
        before = clients.tcp.events("idle")[-1]
        config_map.update(services([host]))
        sidecar.waits_until(lambda status: set(backends_of(status, "udp")) == {host.name}, BOUND + 5,
                            "the rollout's backends")
        assert clients.tcp.event("idle broken", after=before["t"], within=BOUND + 1)["errno"] == "ECONNABORTED"
        assert clients.tcp.event("idle", after=before["t"])["host"] == host.name
        sidecar.waits_until(lambda status: backends_of(status, "udp")[host.name]["open_sockets"] == 1, BOUND + 1,
                            "the UDP client's move")
    assert clients.udp.events("error") == []
    config_map.update("version: 1\nservices: [{nme: x}]\n")
    sidecar.waits_until(lambda status: status["config"]["last_reload"]["ok"] is False, BOUND + 5, "the refusal")
    assert set(backends_of(sidecar.status(), "tcp")) == {"a"}


def test_the_application_ends_and_so_does_the_sidecar(engine, pair):
    """It is in the application's process namespace, which ends with the application's first process."""
    app, sidecar = pair
    engine.podman("stop", "-t", "1", "app")
    engine.podman("wait", "reseat", within=20)
    assert engine.inspect("reseat")["State"]["Running"] is False
