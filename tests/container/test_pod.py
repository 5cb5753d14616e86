# SPDX-License-Identifier: Apache-2.0
"""The pod of container/kubernetes/app.yaml through `podman play kube`; and the order of a native sidecar."""
import os
import shutil

import pytest
import yaml

from app import PROFILE, App, Clients, ConfigMap, assert_confined, backends_of, services
from engine import BASE, IMAGE, ROOT
from lab import BOUND, HERE, cgroup2_mount
from sidecar_container import SidecarContainer

MANIFEST = ROOT / "container/kubernetes/app.yaml"


@pytest.fixture
def config_map(lab):
    return ConfigMap(lab.tmp / "config", services([lab.a, lab.b]))


def shipped_pod():
    documents = list(yaml.safe_load_all(MANIFEST.read_text()))
    return next(d for d in documents if d["kind"] == "Deployment")["spec"]["template"]


def for_podman(pod, lab, config_map):
    """What podman 4.3 does not know is said in its words; all that concerns reseat's rights stays."""
    spec = pod["spec"]
    sidecar, = spec.pop("initContainers")  # without a native sidecar's restartPolicy it would have to end first
    assert sidecar.pop("restartPolicy") == "Always"
    del sidecar["startupProbe"]
    profile = sidecar["securityContext"].pop("seccompProfile")["localhostProfile"]
    app, = spec["containers"]
    app.update(image=BASE, command=["/usr/bin/sleep", "1000"],
               volumeMounts=[{"name": "clients", "mountPath": str(HERE), "readOnly": True}])
    sidecar["image"] = IMAGE
    spec.update(containers=[sidecar, app], hostNetwork=True)  # of whoever starts podman: the lab's client namespace
    places = {"config": str(config_map.directory), "cgroups": str(cgroup2_mount()), "clients": str(HERE)}
    spec["volumes"] = [v for v in spec["volumes"] if v["name"] not in places]
    spec["volumes"] += [{"name": name, "hostPath": {"path": path, "type": "Directory"}} for name, path in places.items()]
    annotations = {f"container.seccomp.security.alpha.kubernetes.io/{sidecar['name']}": f"localhost/{profile}"}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "app", "annotations": annotations}, "spec": spec}


@pytest.fixture
def pod(engine, lab, echo, config_map):
    """(application, sidecar) of the pod that was played."""
    shutil.copy(PROFILE, lab.tmp / "reseat.json")
    file = lab.write("pod.yaml", yaml.safe_dump(for_podman(shipped_pod(), lab, config_map)))
    engine.podman("play", "kube", "--seccomp-profile-root", lab.tmp, file, wrapper=lab.client.wrap([]))
    sidecar = SidecarContainer(engine, "app-reseat")
    ours = os.stat(f"/run/netns/{lab.client.name}")
    assert os.path.samestat(ours, os.stat(f"/proc/{sidecar.pid}/ns/net")), "the machine's network is left alone"
    sidecar.wait_ready()
    return App(engine, lab, "app-app"), sidecar


def test_the_pods_sidecar_is_confined_and_balances_the_whole_pod(engine, lab, pod, config_map):
    app, sidecar = pod
    assert_confined(sidecar.pid)
    assert sidecar.status()["workload"]["cgroup"].startswith("/host/sys/fs/cgroup/")
    clients = Clients(app, [lab.a, lab.b, lab.c])
    victim = clients.survive_a_vanishing_host(sidecar.status)
    victim.reappear()
    config_map.update(services([lab.c]))
    sidecar.waits_until(lambda status: set(backends_of(status, "tcp")) == {"c"}, BOUND + 5, "the rollout")
    assert clients.tcp.event("idle", within=BOUND + 1, such_that=lambda e: e["host"] == "c")
    assert "EPERM" not in engine.logs("app-reseat")


def test_the_sidecar_is_there_before_the_application_and_outlives_it(engine, lab, echo, config_map):
    """As a native sidecar: the cgroup above its own is the pod's, and empty but for itself at first."""
    parent = f"--cgroup-parent=/{lab.name}-pod"
    sidecar_spec = shipped_pod()["spec"]["initContainers"][0]
    context = sidecar_spec["securityContext"]
    flags = [*(f"--cap-drop={cap}" for cap in context["capabilities"]["drop"]),
             *(f"--cap-add={cap}" for cap in context["capabilities"]["add"]),
             f"--user={context['runAsUser']}", "--read-only", "--read-only-tmpfs=false",
             "--security-opt=no-new-privileges", f"--security-opt=seccomp={PROFILE}", "--tmpfs=/run/reseat",
             f"--volume={config_map.directory}:/etc/reseat:ro",
             f"--volume={cgroup2_mount()}:/host/sys/fs/cgroup:ro"]
    sidecar = SidecarContainer.start(engine, "reseat", [
        *flags, parent, "--cgroupns=private", f"--network=ns:/run/netns/{lab.client.name}"], sidecar_spec["args"])
    sidecar.wait_ready()
    assert_confined(sidecar.pid)
    app = App.start(engine, lab, "app", parent)
    # Its processes are in another namespace than reseat's: TCP clients are told, UDP clients have to be, too.
    client = app.spawn("tcp", "idle_tcp.py", "idle=10.96.0.7/7")
    victim = lab.host(client.event("idle", within=20)["host"])
    victim.vanish()
    assert client.event("idle broken", within=BOUND + 1)["errno"] == "ECONNABORTED"
    engine.stop("app", within=1)
    assert sidecar.reseat("health").returncode == 0, "it goes on after the application"
    assert engine.stop("reseat") == 0
    assert "stopping: " in engine.logs("reseat")
