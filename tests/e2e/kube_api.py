# SPDX-License-Identifier: Apache-2.0
"""A scripted Kubernetes API server beside reseat, and what tests of it share."""
import json
import socket

from certificates import Authority
from lab import ECHO_PORT, HERE, PYTHON, config, wait_until
from waiting import FAST_INTERVAL, INTERVAL, THRESHOLD, TIMEOUT

TOKEN = "token-1"
PORT = 6443


def endpoint(host, name=None, uid=None, ready=True, serving=None, terminating=None, address=None):
    """A pod of this host, as a slice has it."""
    name = name or f"echo-{getattr(host, 'name', host)}"
    conditions = {"ready": ready}
    if serving is not None:
        conditions["serving"] = serving
    if terminating is not None:
        conditions["terminating"] = terminating
    return {"addresses": [address or host.v4], "conditions": conditions, "nodeName": "node-1", "zone": "a",
            "targetRef": {"kind": "Pod", "name": name, "uid": uid or f"uid-{name}"}}


def leaving(host, **more):
    return endpoint(host, ready=False, serving=True, terminating=True, **more)


def unready(host, **more):
    return endpoint(host, ready=False, serving=False, terminating=False, **more)


class KubeApi:
    """The server, and the files that a pod has."""

    def __init__(self, lab, port=PORT, label="kube-api"):
        self.lab, self.port, self.label = lab, port, label
        self.directory = lab.tmp / label
        self.directory.mkdir()
        self.authority = Authority(self.directory / "ca")
        self.certificate, self.key = self.authority.issue("server", "IP:127.0.0.1")
        self.ca, self.token = self.directory / "ca.crt", self.directory / "token"
        self.ca.write_bytes(self.authority.certificate.read_bytes())
        self.token.write_text(TOKEN)
        self.control = self.directory / "control"
        self.start()
        self.do("set", token=TOKEN)

    def start(self):
        self.process = self.lab.spawn([PYTHON, HERE / "clients/kube_api.py", self.port, self.certificate, self.key,
                                       self.control], self.label)
        self.process.event("listening", within=10)

    def stop(self):
        self.process.stop()

    def do(self, what, **order):
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(10)
            connection.connect(str(self.control))
            with connection.makefile("rw") as file:
                file.write(json.dumps({"do": what, **order}) + "\n")
                file.flush()
                return json.loads(file.readline())

    def put(self, *endpoints, name="echo-1", service="echo", namespace="shop", port=ECHO_PORT, ports=None,
            protocol="TCP", **more):
        ports = ports if ports is not None else [{"name": "echo", "port": port, "protocol": protocol}]
        self.do("put", namespace=namespace, name=name, service=service, endpoints=list(endpoints), ports=ports, **more)

    def delete(self, name="echo-1", namespace="shop", **more):
        self.do("delete", name=name, namespace=namespace, **more)

    def requests(self, watch=None):
        every = self.do("requests")
        return [r for r in every if watch is None or bool(r["query"].get("watch")) == watch]

    def watched(self, within=5, after=0):
        """Waits until a watch has begun; returns how many there were."""
        wait_until(lambda: len(self.requests(watch=True)) > after, within, lambda: f"a watch: {self.requests()}")
        return len(self.requests(watch=True))

    def sources(self, **keys):
        """The configuration that leads here."""
        return (f"sources: {{kubernetes: {{server: \"https://127.0.0.1:{self.port}\", token_file: {self.token}, "
                f"ca_file: {self.ca}}}}}\n")


def from_kubernetes(address="10.96.0.7:7", protocol="tcp", service="shop/echo", more="", check="type: tcp",
                    entry=None):
    """A service whose backends are endpoints of a Service."""
    entry = entry or f"{{kubernetes: {{service: {service}}}}}"
    return (f"  - name: echo\n    protocol: {protocol}\n    address: \"{address}\"\n"
            f"    health_check: {{{check}, interval: {INTERVAL * 1000:.0f}ms, fast_interval: {FAST_INTERVAL * 1000:.0f}ms, "
            f"timeout: {TIMEOUT * 1000:.0f}ms, unhealthy_threshold: {THRESHOLD}, healthy_threshold: 1}}\n{more}"
            f"    backends: [{entry}]\n")


def source(sidecar):
    return sidecar.status()["sources"][0]


def reference(sidecar, service="echo"):
    return next(s for s in sidecar.status()["services"] if s["name"] == service)["sources"][0]


def sidecar_of(lab, api, cgroup=None, **options):
    """reseat beside `cgroup`, with a service of this API server."""
    return lab.sidecar(config(from_kubernetes(**options), more=api.sources()), cgroup or lab.cgroup())
